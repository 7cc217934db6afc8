"""The tables against one another and against what the boards show.

In: pages of a board's items, as they were read. Out: differences, as plain rows, and what no page has shown.
Reads narrow columns, a page at a time; never writes, and never judges a row that was not SYNCED when it began.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import Database, Row, chunks
from order_sync.database.guid import uuid_key
from order_sync.database.tables import Tables
from order_sync.orders.states import Action, State
from order_sync.text.counted import counted

SHOWN = 200  # rows of a kind that are kept; all of them are counted
PAGE = 20_000  # rows of a table at a time
MOST = 10_000  # rows of the tables that may differ from one another before it is no use to list more
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Kind(StrEnum):
    """What may be found. The first eight are wrong; the rest is what people do, and is only told."""

    ITEM_GONE = "items gone"
    SUBITEM_GONE = "subitems gone"
    ITEM_DOUBLED = "items doubled"
    SUBITEM_DOUBLED = "subitems doubled"
    WRONG_PARENT = "subitems under another item"
    WRONG_ID = "ids that differ"
    NOT_IN_MAIN = "SYNCED in the queue only"
    UNKNOWN = "on the board without an order"
    ARCHIVED = "archived"
    ELSEWHERE = "moved to another board"
    OTHER_GROUP = "in a group that order_sync does not know"
    OWN_ROWS = "rows without a key"

    @property
    def is_wrong(self) -> bool:
        return self not in (Kind.ARCHIVED, Kind.ELSEWHERE, Kind.OTHER_GROUP, Kind.OWN_ROWS)

    def counted(self, number: int) -> str:
        """1 item gone, 2 items gone."""
        one = "id that differs" if self is Kind.WRONG_ID else re.sub(r"^(item|subitem|row)s\b", r"\1", self)
        return counted(number, one, self)


@dataclass(frozen=True, kw_only=True)
class BoardSubitem:
    id: int
    key: str  # line_uuid, "" for none


@dataclass(frozen=True, kw_only=True)
class BoardItem:
    """An active item as a board shows it."""

    id: int
    group_id: str
    record_uuid: str  # its key; "" for none
    subitems: tuple[BoardSubitem, ...] = ()


@dataclass(kw_only=True)
class Differences:
    """What was found: every row counted, the first 200 of each kind kept."""

    counts: Counter[Kind] = field(default_factory=Counter)
    rows: dict[Kind, list[Row]] = field(default_factory=dict)

    def add(
        self,
        kind: Kind,
        what: str,
        *,
        record_uuid: str | None = None,
        key: str | None = None,
        monday_id: int | None = None,
        board_id: int | None = None,
    ) -> None:
        self.counts[kind] += 1
        shown = self.rows.setdefault(kind, [])
        if len(shown) < SHOWN:
            row = {"record_uuid": record_uuid, "key": key, "monday_id": monday_id, "board_id": board_id, "what": what}
            shown.append(row)

    @property
    def wrong(self) -> int:
        return sum(count for kind, count in self.counts.items() if kind.is_wrong)


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A SYNCED row whose item or subitem no page has shown. It may be gone, archived, or elsewhere."""

    monday_id: int
    key: str
    record_uuid: str


@dataclass(frozen=True, kw_only=True)
class _Line:
    subitem_id: int | None
    parent_id: int | None
    is_judged: bool


class Comparison:
    """One look at all boards. `take` every page of each board, then ask for what is missing and what differs."""

    def __init__(self, database: Database, tables: Tables, *, days: int) -> None:
        """`days`: how long ago an order may have become SYNCED to be missed on the board; 0 for any time."""
        self._database = database
        self._tables = tables
        self._began = database.current_time()
        self._since = self._began - timedelta(days=days) if days else None
        self._apart = self._differing()
        self.found = Differences()
        self.headers = self.lines = 0  # SYNCED rows that were looked for
        self.not_kept = 0  # missing rows beyond those that were asked for
        self._items: dict[int, str] = {}  # record_uuid by item id
        self._subitems: set[int] = set()
        self._keys: dict[str, int] = {}  # item id by record_uuid
        self._line_keys: dict[str, int] = {}
        self._other_ids: list[tuple[str, str | None, int, int | None, int, str]] = []

    @property
    def items(self) -> int:
        return len(self._items)

    @property
    def subitems(self) -> int:
        return len(self._subitems)

    def take(self, board_id: int, items: Iterable[BoardItem], known_groups: Collection[str]) -> None:
        """One page of a board. An item that a second page shows again is the same one."""
        new = [item for item in items if item.id not in self._items]
        headers = self._known_headers(item.record_uuid for item in new)
        orders = self._records_of(item.record_uuid for item in new)
        for item in new:
            self._items[item.id] = item.record_uuid
            if not item.record_uuid:
                self._tell(Kind.OWN_ROWS, "no record_uuid: somebody's own row", item, board_id)
                continue
            header = headers.get(item.record_uuid)
            if header is None and item.record_uuid not in orders:
                self._tell(Kind.UNKNOWN, "neither the queue nor ORDER_LIST knows it", item, board_id)
            if (first := self._keys.setdefault(item.record_uuid, item.id)) != item.id:
                self._tell(Kind.ITEM_DOUBLED, f"item {first} has the same key", item, board_id)
            elif header is not None and self._is_judged(header):
                if (known := header["monday_item_id"]) != item.id:
                    ids = (item.record_uuid, item.record_uuid, item.id, known, board_id, "header")
                    self._other_ids.append(ids)
                elif item.group_id not in known_groups:
                    self._tell(Kind.OTHER_GROUP, f"group {item.group_id}", item, board_id)
        self._take_subitems(board_id, new)

    def _take_subitems(self, board_id: int, items: Collection[BoardItem]) -> None:
        lines, known = self._known_lines(items)
        for item in items:
            for subitem in item.subitems:
                self._subitems.add(subitem.id)
                line = lines.get(subitem.key)
                if subitem.key and subitem.key not in known:
                    self._tell(Kind.UNKNOWN, "no table knows this line", item, board_id, subitem)
                if not subitem.key:
                    self._tell(Kind.OWN_ROWS, "a subitem without a key", item, board_id, subitem)
                elif (first := self._line_keys.setdefault(subitem.key, subitem.id)) != subitem.id:
                    self._tell(Kind.SUBITEM_DOUBLED, f"subitem {first} has the same key", item, board_id, subitem)
                elif line is None or not line.is_judged:
                    continue
                elif line.subitem_id != subitem.id:
                    ids = (subitem.key, item.record_uuid, subitem.id, line.subitem_id, board_id, "line")
                    self._other_ids.append(ids)
                elif line.parent_id != item.id:
                    what = f"under item {item.id}, the queue says {line.parent_id}"
                    self._tell(Kind.WRONG_PARENT, what, item, board_id, subitem)

    def missing_items(self, most: int) -> list[Missing]:
        """Orders whose item no page has shown, nor another item with their key; the first `most` of them."""
        h = self._tables.header_queue
        found: dict[tuple[str, int], Missing] = {}
        for row in self._pages(h, h.c.record_uuid, h.c.monday_item_id.label("monday_id")):
            self.headers += 1
            if row["monday_id"] not in self._items and row["record_uuid"] not in self._keys:
                self._keep(found, row["record_uuid"], row, most)
        return list(found.values())

    def missing_subitems(self, most: int) -> list[Missing]:
        """SYNCED lines whose subitem no page has shown although their item is there; the first `most` of them."""
        line = self._tables.line_queue
        columns = (line.c.line_uuid, line.c.record_uuid, line.c.monday_subitem_id.label("monday_id"))
        found: dict[tuple[str, int], Missing] = {}
        for row in self._pages(line, *columns, line.c.parent_item_id):
            self.lines += 1
            here = row["monday_id"] in self._subitems or row["line_uuid"] in self._line_keys
            if not here and row["parent_item_id"] in self._items:
                self._keep(found, row["line_uuid"], row, most)
        return list(found.values())

    def _keep(self, found: dict[tuple[str, int], Missing], key: str, row: Row, most: int) -> None:
        """A row that was queued twice is there once; versions of an order that had different items are not."""
        place = (key, row["monday_id"])
        if place in found:
            return
        if len(found) >= most:
            self.not_kept += 1
            return
        found[place] = Missing(monday_id=row["monday_id"], key=key, record_uuid=row["record_uuid"])

    def still_synced(self, missing: Collection[Missing]) -> list[Missing]:
        """Those of the missing items whose header is still SYNCED with them: a run may have gone on meanwhile."""
        headers = self._known_headers(row.key for row in missing)
        return [
            row
            for row in missing
            if (header := headers.get(row.key))
            and header["sync_state"] == State.SYNCED
            and header["monday_item_id"] == row.monday_id
        ]

    def finish(self) -> Differences:
        """Adds what can be said only once every page is in. What two looks at the tables do not agree on is in flux."""
        for own_key, record, here, known, board_id, row in self._other_ids:
            if known not in self._items and known not in self._subitems:  # else it is doubled, and told as that
                what = f"{here} on the board, {known} in the queue ({row})"
                self.found.add(Kind.WRONG_ID, what, record_uuid=record, key=own_key, monday_id=here, board_id=board_id)
        for place, (kind, what) in self._differing().items():
            if self._apart.get(place) != (kind, what):
                continue
            record_uuid, key, monday_id = place
            # An order whose first header is no longer queued has an item that only ORDER_LIST knows.
            if key is not None or self._items.get(monday_id or 0) != record_uuid:
                self.found.add(kind, what, record_uuid=record_uuid, key=key, monday_id=monday_id)
        return self.found

    def _tell(self, kind: Kind, what: str, item: BoardItem, board_id: int, subitem: BoardSubitem | None = None) -> None:
        of = subitem or item
        key = subitem.key if subitem else item.record_uuid
        self.found.add(kind, what, record_uuid=item.record_uuid, key=key, monday_id=of.id, board_id=board_id)

    # ---- the tables ------------------------------------------------------------------------------------

    def known_groups(self, board_id: int) -> set[str]:
        groups = self._tables.groups
        return set(self._database.column(sa.select(groups.c.group_id).where(groups.c.board_id == board_id)))

    def _known_headers(self, records: Iterable[str]) -> dict[str, Row]:
        """The newest header of each order; of one that a run is working on, what was SYNCED before is not judged."""
        h = self._tables.header_queue
        query = sa.select(h.c.record_uuid, h.c.sync_state, h.c.monday_item_id, h.c.sync_completed_at)
        query = query.where(h.c.action_type == Action.INSERT).order_by(h.c.created_at, h.c.delta_uuid)
        queries = (query.where(h.c.record_uuid.in_(chunk)) for chunk in chunks(_uuids(records)))
        return {row["record_uuid"]: row for query in queries for row in self._database.rows(query)}

    def _records_of(self, records: Iterable[str]) -> set[str]:
        o = self._tables.orders
        queries = (sa.select(o.c.record_uuid).where(o.c.record_uuid.in_(chunk)) for chunk in chunks(_uuids(records)))
        return {record for query in queries for record in self._database.column(query)}

    def _known_lines(self, items: Collection[BoardItem]) -> tuple[dict[str, _Line], set[str]]:
        """Lines of the queue by line_uuid, the SYNCED one where one is queued twice; and all lines that there are.

        By their order, for which the queue has an index; then those few by line_uuid that are under another's item.
        """
        line, m = self._tables.line_queue, self._tables.order_lines
        keys = _uuids(subitem.key for item in items for subitem in item.subitems)
        lines: dict[str, _Line] = {}
        self._add_lines(lines, line.c.record_uuid, (item.record_uuid for item in items if item.subitems))
        self._add_lines(lines, line.c.line_uuid, (key for key in keys if key not in lines))
        rest = [key for key in keys if key not in lines]
        queries = (sa.select(m.c.line_uuid).where(m.c.line_uuid.in_(chunk)) for chunk in chunks(rest))
        return lines, lines.keys() | {key for query in queries for key in self._database.column(query)}

    def _add_lines(self, lines: dict[str, _Line], column: sa.Column[Any], values: Iterable[str]) -> None:
        line = self._tables.line_queue
        columns = (
            line.c.line_uuid,
            line.c.sync_state,
            line.c.monday_subitem_id,
            line.c.parent_item_id,
            line.c.sync_completed_at,
        )
        for chunk in chunks(_uuids(values)):
            for row in self._database.rows(sa.select(*columns).where(column.in_(chunk))):
                is_judged = self._is_judged(row)
                if row["line_uuid"] not in lines or is_judged:
                    lines[row["line_uuid"]] = _Line(
                        subitem_id=row["monday_subitem_id"], parent_id=row["parent_item_id"], is_judged=is_judged
                    )

    def _is_judged(self, row: Row) -> bool:
        """SYNCED before this look began: a run that is going on is in the middle of everything else."""
        completed = row["sync_completed_at"]
        return row["sync_state"] == State.SYNCED and (completed is None or completed < self._began)

    def _synced(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """The same in SQL, and not so long ago that people may have cleared the board."""
        completed = table.c.sync_completed_at
        judged = [
            table.c.action_type == Action.INSERT,
            table.c.sync_state == State.SYNCED,
            sa.or_(completed.is_(None), completed < self._began),
        ]
        return sa.and_(*judged, *([] if self._since is None else [completed >= self._since]))

    def _pages(self, table: sa.Table, *columns: sa.ColumnElement[Any]) -> Iterator[Row]:
        """SYNCED rows with an id of monday's, by delta_uuid: a page at a time is all that is in memory."""
        key = table.c.delta_uuid
        own = table.c.monday_item_id if table is self._tables.header_queue else table.c.monday_subitem_id
        query = sa.select(key, *columns).where(self._synced(table), own.is_not(None))
        query = query.order_by(uuid_key(key)).limit(PAGE)
        rows = self._database.rows(query)
        while rows:
            yield from rows
            rows = self._database.rows(query.where(key > rows[-1]["delta_uuid"])) if len(rows) == PAGE else []

    def _differing(self) -> dict[tuple[str, str | None, int | None], tuple[Kind, str]]:
        """Where the queue tables and the main tables do not agree, by record_uuid, key and monday's id."""
        h, line = self._tables.header_queue, self._tables.line_queue
        o, m = self._tables.orders, self._tables.order_lines
        not_synced = (
            sa.select(h.c.record_uuid, h.c.delta_uuid.label("key"), h.c.monday_item_id.label("monday_id"))
            .select_from(h.outerjoin(o, o.c.record_uuid == h.c.record_uuid))
            .where(self._synced(h), sa.func.coalesce(o.c.sync_state, "") != State.SYNCED)
            .order_by(h.c.delta_uuid)
            .limit(MOST)
        )
        theirs = sa.select(h.c.record_uuid).where(h.c.record_uuid == o.c.record_uuid)
        other_item = (
            sa.select(o.c.record_uuid, sa.null().label("key"), o.c.monday_item_id.label("monday_id"))
            .where(
                o.c.sync_state == State.SYNCED,
                theirs.where(self._synced(h)).exists(),
                ~theirs.where(h.c.monday_item_id == o.c.monday_item_id).exists(),
            )
            .order_by(o.c.record_uuid)
            .limit(MOST)
        )
        lines = (
            sa.select(
                line.c.record_uuid,
                line.c.line_uuid.label("key"),
                line.c.monday_subitem_id.label("monday_id"),
                m.c.sync_state,
                m.c.monday_subitem_id.label("main_id"),
            )
            .select_from(
                line.outerjoin(m, sa.and_(m.c.line_uuid == line.c.line_uuid, m.c.record_uuid == line.c.record_uuid))
            )
            .where(
                self._synced(line),
                sa.or_(
                    sa.func.coalesce(m.c.sync_state, "") != State.SYNCED,
                    sa.func.coalesce(m.c.monday_subitem_id, 0) != line.c.monday_subitem_id,
                    sa.func.coalesce(m.c.parent_item_id, 0) != line.c.parent_item_id,
                ),
            )
            .order_by(line.c.delta_uuid)
            .limit(MOST)
        )
        o_name, m_name = self._tables.orders.name, self._tables.order_lines.name
        found: dict[tuple[str, str | None, int | None], tuple[Kind, str]] = {}
        for row in self._database.rows(not_synced):
            place = (row["record_uuid"], row["key"], row["monday_id"])
            found[place] = (Kind.NOT_IN_MAIN, f"the header is SYNCED and the order in {o_name} is not")
        for row in self._database.rows(other_item):
            place = (row["record_uuid"], None, row["monday_id"])
            found[place] = (Kind.WRONG_ID, f"{o_name} names item {row['monday_id']}, which none of its headers has")
        for row in self._database.rows(lines):
            place = (row["record_uuid"], row["key"], row["monday_id"])
            if row["sync_state"] != State.SYNCED:
                found[place] = (Kind.NOT_IN_MAIN, f"the line is SYNCED and that in {m_name} is not")
            else:
                found[place] = (
                    Kind.WRONG_ID,
                    f"subitem {row['monday_id']} in the queue, {row['main_id']} in {m_name}, or another parent",
                )
        return found


def _uuids(keys: Iterable[str]) -> list[str]:
    """Those of the texts that are uuids: people write other things into a board's columns, too."""
    return list(dict.fromkeys(key for key in keys if UUID_TEXT.fullmatch(key)))
