"""What the tables say that the boards have to show: the tables' side of every comparison.

In: a database, and either a run or the days that a look goes back. Out: `Expected` items and subitems, and the rows on
which queue and main tables differ. Reads narrow columns, a page at a time; never writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from order_sync.database.cancelled import is_off_the_board
from order_sync.database.conditions import flag
from order_sync.database.connection import Database, Row, chunks
from order_sync.database.guid import uuid_key
from order_sync.database.tables import Tables
from order_sync.orders.states import State

PAGE = 20_000  # rows of a table at a time
MOST = 10_000  # rows of the tables that may differ from one another before it is no use to list more
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Scope = Callable[[sa.Table], sa.ColumnElement[bool]]  # which rows of a queue table are asked about


@dataclass(frozen=True, kw_only=True)
class Expected:
    """An item or a subitem as the tables have it."""

    key: str  # record_uuid of an item, line_uuid of a subitem
    record_uuid: str
    monday_id: int | None
    parent_id: int | None = None  # of a subitem
    groups: Collection[str] | None = None  # in which an item may be; None for any


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the tables say of some keys. A row that a run is working on is known, and not expected to be anywhere."""

    items: Mapping[str, Expected] = field(default_factory=dict)  # by record_uuid
    subitems: Mapping[str, Expected] = field(default_factory=dict)  # by line_uuid
    strangers: Collection[str] = ()  # keys that no table has
    # Whose an item, or a subitem, is by its id.
    item_owners: Mapping[int, str] = field(default_factory=dict)
    subitem_owners: Mapping[int, str] = field(default_factory=dict)


# ---- a run ------------------------------------------------------------------------------------------------


def of_run(run_id: str, *states: State) -> Scope:
    """The rows of a run that are in one of these states."""
    return lambda table: sa.and_(table.c.sync_run_id == run_id, table.c.sync_state.in_(states))


def items_of(headers: Iterable[Row]) -> list[tuple[Expected, Row]]:
    """The items of a run's headers, each with its header as QueueReader.run_headers has it; an order's newest last."""
    return [
        (_item(row, {row["monday_group_id"]} if row["monday_group_id"] else None), row)
        for row in headers
        if _is_expected(row, row["monday_item_id"])
    ]


def subitems_of(lines: Iterable[Row]) -> list[Expected]:
    """The subitems of a run's lines, as QueueReader.run_lines has them."""
    made = [_subitem(row) for row in lines if _is_expected(row, row["monday_subitem_id"])]
    return sorted(made, key=lambda subitem: subitem.key)


def _is_expected(row: Row, monday_id: int | None) -> bool:
    is_off = row["is_off"] or row.get("order_is_off")
    return monday_id is not None and not is_off and row["sync_state"] in (State.PENDING, State.SYNCED)


def differing_from(
    database: Database, tables: Tables, run_id: str, headers: Iterable[Row], lines: Iterable[Row]
) -> tuple[list[Row], list[Row]]:
    """The headers and lines of a run that are SYNCED, and with which the main tables do not agree.

    Asked of the database only where the rows, as QueueReader.run_headers and run_lines have them, give reason to.
    """
    given = (database, tables, of_run(run_id, State.SYNCED))
    orders_differ = any(
        row["sync_state"] == State.SYNCED
        and (row["order_state"] != State.SYNCED or row["order_item_id"] != row["monday_item_id"])
        for row in headers
    )
    lines_differ = any(
        row["sync_state"] == State.SYNCED
        and (
            row["line_state"] != State.SYNCED
            or row["line_subitem_id"] != row["monday_subitem_id"]
            or row["line_parent_id"] != row["parent_item_id"]
        )
        for row in lines
    )
    return differing_orders(*given) if orders_differ else [], differing_lines(*given) if lines_differ else []


# ---- the years ----------------------------------------------------------------------------------------------


class SyncedRows:
    """Rows that were SYNCED before this look began: a live run may be in the middle of anything else."""

    def __init__(self, database: Database, tables: Tables, *, days: int) -> None:
        """`days`: expect an order on the board only if it was synced within the last `days` days; 0: always."""
        self.database, self.tables = database, tables
        self._began = database.current_time()
        self._since = self._began - timedelta(days=days) if days else None

    def known(self, records: Collection[str], lines: Collection[str], groups: Collection[str]) -> Known:
        """What is known of the orders and lines that one page of a board shows, and in which groups they may be."""
        shown = {*records, *lines} - {""}
        records, lines = _uuids(records), _uuids(lines)
        headers = self._headers(records)
        subitems, line_uuids = self._lines(records, lines)
        there = {key: header for key, header in headers.items() if self._was_synced(header) and not header["is_off"]}
        items = {key: _item(header, groups) for key, header in there.items()}
        orders = self._those_in(self.tables.orders.c.record_uuid, records)
        return Known(items=items, subitems=subitems, strangers=shown - headers.keys() - orders - line_uuids)

    def items(self) -> Iterator[Expected]:
        """Every SYNCED header that has an item; an order that was queued twice comes twice."""
        h = self.tables.header_queue
        return map(_item, self._pages(h, h.c.monday_item_id, h.c.record_uuid))

    def subitems(self) -> Iterator[Expected]:
        """Every SYNCED line that has a subitem."""
        line = self.tables.line_queue
        columns = (line.c.line_uuid, line.c.record_uuid, line.c.parent_item_id)
        return map(_subitem, self._pages(line, line.c.monday_subitem_id, *columns))

    def still_synced(self, items: Collection[Expected]) -> list[Expected]:
        """Those of the items whose newest header is still SYNCED with them: a run may have changed it meanwhile."""
        headers = self._headers([item.record_uuid for item in items])
        now = {(key, row["monday_item_id"]) for key, row in headers.items() if row["sync_state"] == State.SYNCED}
        return [item for item in items if (item.key, item.monday_id) in now]

    def differing(self) -> tuple[list[Row], list[Row]]:
        """Headers and lines on which the queue and the main tables do not agree, the first 10,000 of each."""
        given = (self.database, self.tables, self._scope)
        return differing_orders(*given, most=MOST), differing_lines(*given, most=MOST)

    def _headers(self, records: Collection[str]) -> dict[str, Row]:
        """The newest header of each order, and whether the order was cancelled (is_off)."""
        h = self.tables.header_queue
        off = flag(is_off_the_board(self.tables, h.c.record_uuid)).label("is_off")
        query = sa.select(h.c.record_uuid, h.c.sync_state, h.c.monday_item_id, h.c.sync_completed_at, off)
        query = query.order_by(h.c.created_at, h.c.delta_uuid)
        queries = (query.where(h.c.record_uuid.in_(chunk)) for chunk in chunks(records))
        return {row["record_uuid"]: row for each in queries for row in self.database.rows(each)}

    def _lines(self, records: Collection[str], lines: Collection[str]) -> tuple[dict[str, Expected], set[str]]:
        """SYNCED lines of the queue by line_uuid, and the line_uuid of every line that any table has.

        By their order, for which the queue has an index; then by line_uuid those few that are under another's item.
        """
        line = self.tables.line_queue
        found: dict[str, Expected] = {}
        known: set[str] = set()

        def add(column: sa.Column[Any], values: Collection[str]) -> None:
            columns = (line.c.line_uuid, line.c.record_uuid, line.c.monday_subitem_id, line.c.parent_item_id)
            query = sa.select(*columns, line.c.sync_state, line.c.sync_completed_at)
            off = sa.case((sa.and_(*_kept(self.tables, line)), 0), else_=1).label("is_off")
            for chunk in chunks(values):
                for row in self.database.rows(query.add_columns(off).where(column.in_(chunk))):
                    known.add(row["line_uuid"])
                    if self._was_synced(row) and not row["is_off"]:
                        found[row["line_uuid"]] = _subitem(row)

        if lines:
            add(line.c.record_uuid, records)
        add(line.c.line_uuid, [key for key in lines if key not in known])
        rest = [key for key in lines if key not in known]
        return found, known | self._those_in(self.tables.order_lines.c.line_uuid, rest)

    def _those_in(self, column: sa.Column[Any], values: Collection[str]) -> set[str]:
        queries = (sa.select(column).where(column.in_(chunk)) for chunk in chunks(values))
        return {value for query in queries for value in self.database.column(query)}

    def _was_synced(self, row: Row) -> bool:
        completed = row["sync_completed_at"]
        return row["sync_state"] == State.SYNCED and (completed is None or completed < self._began)

    def _scope(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """The same in SQL, and not so long ago that people may have cleared the board."""
        completed = table.c.sync_completed_at
        judged = [table.c.sync_state == State.SYNCED, sa.or_(completed.is_(None), completed < self._began)]
        return sa.and_(*judged, *([] if self._since is None else [completed >= self._since]))

    def _pages(self, table: sa.Table, own_id: sa.Column[Any], *columns: sa.Column[Any]) -> Iterator[Row]:
        """SYNCED rows with an id of monday's, by delta_uuid: a page at a time is all that is in memory."""
        key = table.c.delta_uuid
        query = sa.select(key, own_id, *columns).where(
            self._scope(table), own_id.is_not(None), *_kept(self.tables, table)
        )
        query = query.order_by(uuid_key(key)).limit(PAGE)
        rows = self.database.rows(query)
        while rows:
            yield from rows
            rows = self.database.rows(query.where(key > rows[-1]["delta_uuid"])) if len(rows) == PAGE else []


def _kept(tables: Tables, table: sa.Table) -> list[sa.ColumnElement[bool]]:
    """Rows of what was not cancelled: that is on the board."""
    return [~is_off_the_board(tables, table.c[key]) for key in ("record_uuid", "line_uuid") if key in table.c]


def _item(row: Row, groups: Collection[str] | None = None) -> Expected:
    order = row["record_uuid"]
    return Expected(key=order, record_uuid=order, monday_id=row["monday_item_id"], groups=groups)


def _subitem(row: Row) -> Expected:
    return Expected(
        key=row["line_uuid"],
        record_uuid=row["record_uuid"],
        monday_id=row["monday_subitem_id"],
        parent_id=row["parent_item_id"],
    )


def _uuids(keys: Iterable[str]) -> list[str]:
    """Those of the texts that are uuids: people write other things into a board's columns, too."""
    return list(dict.fromkeys(key for key in keys if UUID_TEXT.fullmatch(key)))


# ---- queue and main tables ------------------------------------------------------------------------------------


def differing_orders(database: Database, tables: Tables, scope: Scope, *, most: int | None = None) -> list[Row]:
    """Headers in scope with which ORDER_LIST does not agree.

    As record_uuid, delta_uuid, monday_item_id, order_state and order_item_id (None where ORDER_LIST lacks the order).
    Any item of the order's headers will do: ORDER_LIST has one id, an order may have several headers.
    """
    h, o = tables.header_queue, tables.orders
    of_order = h.alias("of_order")
    an_item_of_the_order = sa.exists().where(
        of_order.c.record_uuid == h.c.record_uuid, of_order.c.monday_item_id == o.c.monday_item_id
    )
    return database.rows(
        sa.select(
            h.c.record_uuid,
            h.c.delta_uuid,
            h.c.monday_item_id,
            o.c.sync_state.label("order_state"),
            o.c.monday_item_id.label("order_item_id"),
        )
        .select_from(h.outerjoin(o, o.c.record_uuid == h.c.record_uuid))
        .where(
            scope(h),
            *_kept(tables, h),
            sa.or_(o.c.sync_state.is_(None), o.c.sync_state != State.SYNCED, ~an_item_of_the_order),
        )
        .order_by(uuid_key(h.c.record_uuid), h.c.delta_uuid)
        .limit(most)
    )


def differing_lines(database: Database, tables: Tables, scope: Scope, *, most: int | None = None) -> list[Row]:
    """Lines in scope with which ORDER_LIST_LINES does not agree.

    As record_uuid, line_uuid, monday_subitem_id, parent_item_id, and what the main table has: line_state,
    line_subitem_id, line_parent_id.
    """
    line, m = tables.line_queue, tables.order_lines
    return database.rows(
        sa.select(
            line.c.record_uuid,
            line.c.line_uuid,
            line.c.monday_subitem_id,
            line.c.parent_item_id,
            m.c.sync_state.label("line_state"),
            m.c.monday_subitem_id.label("line_subitem_id"),
            m.c.parent_item_id.label("line_parent_id"),
        )
        .select_from(
            line.outerjoin(m, sa.and_(m.c.line_uuid == line.c.line_uuid, m.c.record_uuid == line.c.record_uuid))
        )
        .where(
            scope(line),
            *_kept(tables, line),
            sa.or_(
                m.c.sync_state.is_(None),
                m.c.sync_state != State.SYNCED,
                sa.func.coalesce(m.c.monday_subitem_id, 0) != line.c.monday_subitem_id,
                sa.func.coalesce(m.c.parent_item_id, 0) != line.c.parent_item_id,
            ),
        )
        .order_by(uuid_key(line.c.record_uuid), line.c.line_uuid)
        .limit(most)
    )
