"""Boards compared with the tables: whole, or the items of one run.

In: a reader, boards, the database or what a run has put on them. Out: a `Report`, or a `Comparison`.
Reads only, and holds no lease: a run may be at work. A whole board takes a call for 500 items with their subitems;
nightly.py compares only what has changed.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from order_sync.database.connection import Database, Row, chunks
from order_sync.database.entries import known_groups
from order_sync.database.expected import Expected, Known, SyncedRows
from order_sync.database.tables import Tables
from order_sync.database.written import items_on_record, owners, subitems_on_record
from order_sync.monday.board import Board, read_board, read_boards
from order_sync.monday.client import MondayReader
from order_sync.monday.labels import Labels
from order_sync.monday.lists import LOOK_UP
from order_sync.monday.placed import DELETED, BoardItem, Place, places, whole_board, with_ids, with_keys
from order_sync.orders.mapping import LABELLED, ColumnMapping
from order_sync.sync.compare import (
    ITEM,
    SUBITEM,
    Comparison,
    Finding,
    Findings,
    Kind,
    Level,
    doubled_groups,
    missed,
    of_main_tables,
)
from order_sync.sync.drift import Wanted, drifted
from order_sync.text.counted import counted

SHOWN = 200  # findings of a kind in a report; all of them are counted
REPAIRED = (Kind.DRIFTED, Kind.SUBITEM_MISSING, Kind.KEY_LOST)  # by writing all values of the order again
MOST_ASKED = 5_000  # missing items that monday is asked about one by one, a hundred a call


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of a comparison; with `since` only of what was updated since then.

    `deleted` has the ids of deleted items, by record_uuid; `repairable` are orders that need only be written again, as
    many as are kept of a kind.
    """

    boards: dict[int, str]  # address by id
    items: int
    subitems: int
    headers: int
    lines: int
    counts: dict[str, int]
    rows: dict[str, list[Row]]  # the first 200 of each kind
    wrong: int
    not_asked: int  # missing rows that were not looked up, beyond the limit
    calls: int
    complexity: int
    seconds: float
    since: str | None = None  # UTC
    deleted: dict[str, list[int]] = field(default_factory=dict)
    repairable: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not self.wrong and not self.not_asked

    @property
    def verdict(self) -> str:
        if self.agrees:
            compared = f"{counted(self.items, 'item')} and {counted(self.subitems, 'subitem')}"
            changed = f", and nothing else has changed since {self.since}" if self.since else ""
            return f"Tables and boards agree: {compared}{changed}."
        found = [Kind(kind).counted(count) for kind, count in self.counts.items() if Kind(kind).is_wrong]
        if self.not_asked:
            found.append(f"{self.not_asked:,} more not found and not checked")
        return f"Tables and boards differ: {', '.join(found)}."

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"agrees": self.agrees}

    def link(self, row: Mapping[str, Any]) -> str:
        """The address of a row's item, where it is on a board."""
        board = self.boards.get(row["board_id"] or 0)
        return f"{board}/pulses/{row['monday_id']}" if board and row["monday_id"] else ""


class Look:
    """One comparison of boards with the tables, a board at a time."""

    def __init__(
        self, reader: MondayReader, mapping: ColumnMapping, database: Database, tables: Tables, *, days: int
    ) -> None:
        """`days`: report an order's item as missing only if it was synced within the last `days` days; 0: always."""
        self.reader, self.mapping, self.database, self.tables = reader, mapping, database, tables
        self._started = time.monotonic()
        self.synced, self._comparison = SyncedRows(database, tables, days=days), Comparison(most=SHOWN)
        self._before = set(_main(self.synced))
        self._boards: dict[int, str] = {}
        self._complexity = 0

    def compare(self, board: Board, subitem_labels: Labels, pages: Iterable[tuple[list[BoardItem], int]]) -> None:
        """Compares pages of a board, each with what it cost."""
        own = known_groups(self.database, self.tables, board.id)
        self._boards[board.id] = board.url
        self._comparison.found.add(doubled_groups(board, own, own.values()))
        wanted = Wanted(mapping=self.mapping, labels=board.labels, subitem_labels=subitem_labels)
        for page, cost in pages:
            known = self.known(page, own)
            self._comparison.show(board.id, page, known)
            # What a run is working on may be on its way.
            on_record = items_on_record(self.database, self.tables, known.items)
            on_record |= subitems_on_record(self.database, self.tables, known.subitems)
            self._comparison.found.add(drifted(board.id, page, on_record, wanted))
            self._complexity += cost

    def known(self, page: Collection[BoardItem], groups: Collection[str] = ()) -> Known:
        """What the tables know of a page; `groups` are those in which its items may be."""
        lines = [subitem.key for item in page for subitem in item.subitems]
        known = self.synced.known([item.record_uuid for item in page], lines, groups)
        subitems = {subitem.id: subitem.key for item in page for subitem in item.subitems}
        return replace(
            known,
            item_owners=self._owners({item.id: item.record_uuid for item in page}, known.items, of_lines=False),
            subitem_owners=self._owners(subitems, known.subitems, of_lines=True),
        )

    def _owners(self, shown: Mapping[int, str], known: Mapping[str, Expected], *, of_lines: bool) -> Mapping[int, str]:
        """Whose those of the rows are, `shown` with their keys, that their key does not explain."""
        odd = [row_id for row_id, key in shown.items() if key not in known or known[key].monday_id != row_id]
        return owners(self.database, self.tables, odd, of_lines=of_lines) if odd else {}

    def report(self, *, since: datetime | None = None) -> Report:
        """The result. `since`: only what was updated since then was compared, so that nothing is missed on a board."""
        comparison = self._comparison
        deleted, not_asked = self._look_for_missing() if since is None else ([], 0)
        # What two looks at the tables do not agree on is in flux.
        found = comparison.finish(each for each in _main(self.synced) if each in self._before)
        by_record: dict[str, list[int]] = {}
        for row in deleted:
            by_record.setdefault(row.record_uuid or "", []).append(row.monday_id or 0)
        return Report(
            boards=self._boards,
            since=since.isoformat(sep=" ", timespec="minutes") if since else None,
            items=len(comparison.items),
            subitems=len(comparison.subitems),
            headers=comparison.looked_for[ITEM],
            lines=comparison.looked_for[SUBITEM],
            counts={kind.value: found.counts[kind] for kind in Kind if found.counts[kind]},
            rows={kind.value: [_row(each) for each in found.first[kind]] for kind in Kind if kind in found.first},
            wrong=found.wrong,
            not_asked=not_asked,
            calls=self.reader.usage.calls,
            complexity=self._complexity,
            seconds=round(time.monotonic() - self._started, 2),
            deleted=by_record,
            repairable=list(
                dict.fromkeys(each.record_uuid or "" for kind in REPAIRED for each in found.first.get(kind, []))
            ),
        )

    def _look_for_missing(self) -> tuple[list[Finding], int]:
        """Looks up what no page has shown; returns the items that were deleted, and how many were not looked up."""
        comparison, synced = self._comparison, self.synced
        items, more_items = _missing(comparison, ITEM, synced.items())
        subitems, more_subitems = _missing(comparison, SUBITEM, synced.subitems())
        deleted = _ask(self.reader, comparison.found, ITEM, synced.still_synced(items), self._boards)
        _ask(self.reader, comparison.found, SUBITEM, subitems, self._boards)
        return deleted, more_items + more_subitems


def reconcile(
    reader: MondayReader,
    board_ids: Sequence[int],
    mapping: ColumnMapping,
    database: Database,
    tables: Tables,
    *,
    days: int,
) -> Report:
    """Compares whole boards with the tables; `days` as in Look.

    Raises ConfigurationError if a board is not visible to the token.
    """
    look = Look(reader, mapping, database, tables, days=days)
    for board in read_boards(reader, board_ids).values():
        look.compare(board, _subitem_labels(reader, board, mapping), whole_board(reader, board.id, mapping))
    return look.report()


def _subitem_labels(reader: MondayReader, board: Board, mapping: ColumnMapping) -> Labels:
    """The labels of the board of subitems; it is not asked where no column has any."""
    if board.subitem_board_id is None or not any(column.type in LABELLED for column in mapping.subitems.columns):
        return {}
    return read_board(reader, board.subitem_board_id).labels


def _main(synced: SyncedRows) -> list[Finding]:
    return of_main_tables(*synced.differing(), (synced.tables.orders.name, synced.tables.order_lines.name))


def _row(finding: Finding) -> Row:
    row = asdict(finding)
    del row["kind"]
    return row


def _missing(comparison: Comparison, level: Level, expected: Iterable[Expected]) -> tuple[list[Expected], int]:
    """The first 5,000 rows that no page has shown, and how many there are beyond them.

    A row that was queued twice is there once; versions of an order that had different items are not.
    """
    kept: dict[tuple[str, int | None], Expected] = {}
    beyond = 0
    for row in comparison.missing(level, expected):
        place = (row.key, row.monday_id)
        if place not in kept and len(kept) == MOST_ASKED:
            beyond += 1
        else:
            kept[place] = row
    return list(kept.values()), beyond


def _ask(
    reader: MondayReader, found: Findings, level: Level, missing: Collection[Expected], boards: Collection[int]
) -> list[Finding]:
    """Looks up rows that no page contained; returns those that were deleted."""
    there = places(reader, (row.monday_id for row in missing if row.monday_id))
    findings = [each for row in missing for each in missed(level, row, there.get(row.monday_id or 0, DELETED), boards)]
    found.add(findings)
    return [finding for finding in findings if finding.kind is level.missing]


def look_up(
    reader: MondayReader,
    boards: Collection[int],
    mapping: ColumnMapping,
    items: Iterable[tuple[int, Expected]],
    subitems: Iterable[Expected],
) -> Findings:
    """Compares some items, each with its board, and those of the subitems that are to be under them; one call for a
    hundred items of a board.

    A search by key may come late: what it leaves out is asked for by id before it counts as missing.
    """
    comparison, there = Comparison(), dict[int, Place]()
    by_board: dict[int, list[Expected]] = {}
    for board_id, item in items:
        by_board.setdefault(board_id, []).append(item)
    below = list(subitems)
    known = Known(
        items={item.key: item for some in by_board.values() for item in some},
        subitems={subitem.key: subitem for subitem in below},
        item_owners={item.monday_id: item.key for some in by_board.values() for item in some if item.monday_id},
        subitem_owners={subitem.monday_id: subitem.key for subitem in below if subitem.monday_id},
    )
    for board_id, of_board in sorted(by_board.items()):
        for some in chunks(of_board, LOOK_UP):
            if board_id:  # 0: of an earlier run, and no rule says on which board it is
                comparison.show(board_id, with_keys(reader, board_id, mapping, [item.key for item in some]), known)
            absent = [item.monday_id for item in some if item.monday_id and item.monday_id not in comparison.items]
            shown, found = with_ids(reader, mapping, absent)
            there |= found
            comparison.show(board_id, [each for each in shown if there[each.id].board_id in boards], known)
    for level, rows in ((ITEM, known.items), (SUBITEM, known.subitems)):
        for row in comparison.missing(level, rows.values()):
            comparison.found.add(missed(level, row, there.get(row.monday_id or 0, DELETED), boards))
    return comparison.finish()
