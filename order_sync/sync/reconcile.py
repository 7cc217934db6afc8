"""Boards read whole, and held against the tables: what is gone, doubled, misplaced or unknown.

In: a reader, board ids, the database. Out: a `Report`, with the orders that can be put back into the queue.
Reads only, 500 items with their subitems a call, and holds no lease: a run may go on meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from order_sync.database.connection import Database, Row
from order_sync.database.reconcile import BoardItem, BoardSubitem, Comparison, Differences, Kind, Missing
from order_sync.database.tables import Tables
from order_sync.monday import operations
from order_sync.monday.board import read_board
from order_sync.monday.client import MondayReader
from order_sync.monday.lists import Listing, is_active, items_by_id, pages
from order_sync.orders.mapping import ColumnMapping
from order_sync.text.counted import counted

FIRST_PAGE = 100
LARGEST_PAGE = 500  # monday's own limit
PAGE_COMPLEXITY = 1_000_000  # of one page: a fifth of what a query may cost, and a tenth of a minute's budget
PARTS = ("column_values", "group", "subitems")
GONE = ("deleted", 0)
MOST_ASKED = 5_000  # missing items that monday is asked about one by one, a hundred a call


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a look at the boards found. `gone` has the ids of items that were deleted, by record_uuid."""

    boards: dict[int, str]  # address by id
    items: int
    subitems: int
    headers: int
    lines: int
    counts: dict[str, int]
    rows: dict[str, list[Row]]  # the first 200 of each kind
    wrong: int
    not_asked: int  # missing rows beyond the number that monday is asked about: neither gone nor there
    calls: int
    complexity: int
    seconds: float
    gone: dict[str, list[int]] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        return not self.wrong and not self.not_asked

    @property
    def verdict(self) -> str:
        if self.agrees:
            return f"Tables and boards agree: {counted(self.items, 'item')} and {counted(self.subitems, 'subitem')}."
        told = [Kind(kind).counted(count) for kind, count in self.counts.items() if Kind(kind).is_wrong]
        if self.not_asked:
            told.append(f"{self.not_asked:,} more not found and not asked about")
        return f"Tables and boards differ: {', '.join(told)}."

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"agrees": self.agrees}

    def link(self, row: Mapping[str, Any]) -> str:
        """The address of a row's item, where it is on a board."""
        board = self.boards.get(row["board_id"] or 0)
        return f"{board}/pulses/{row['monday_id']}" if board else ""


def reconcile(
    reader: MondayReader,
    board_ids: Sequence[int],
    mapping: ColumnMapping,
    database: Database,
    tables: Tables,
    *,
    days: int,
) -> Report:
    """Compares the boards with the tables. Raises ConfigurationError if a board is not to be seen."""
    started = time.monotonic()
    comparison = Comparison(database, tables, days=days)
    boards: dict[int, str] = {}
    complexity = 0
    for board_id in board_ids:
        boards[board_id] = read_board(reader, board_id).url
        groups = comparison.known_groups(board_id)
        for page, cost in _pages(reader, board_id, mapping):
            comparison.take(board_id, page, groups)
            complexity += cost
    found = comparison.found
    items, subitems = comparison.missing_items(MOST_ASKED), comparison.missing_subitems(MOST_ASKED)
    gone = _ask(reader, comparison.still_synced(items), Kind.ITEM_GONE, boards, found)
    _ask(reader, subitems, Kind.SUBITEM_GONE, boards, found)
    differences = comparison.finish()
    by_record: dict[str, list[int]] = {}
    for row in gone:
        by_record.setdefault(row.record_uuid, []).append(row.monday_id)
    return Report(
        boards=boards,
        items=comparison.items,
        subitems=comparison.subitems,
        headers=comparison.headers,
        lines=comparison.lines,
        counts={kind.value: differences.counts[kind] for kind in Kind if differences.counts[kind]},
        rows={kind.value: differences.rows[kind] for kind in Kind if kind in differences.rows},
        wrong=differences.wrong,
        not_asked=comparison.not_kept,
        calls=reader.usage.calls,
        complexity=complexity,
        seconds=round(time.monotonic() - started, 2),
        gone=by_record,
    )


def _pages(reader: MondayReader, board_id: int, mapping: ColumnMapping) -> Iterator[tuple[list[BoardItem], int]]:
    """Every active item of a board with its subitems, and what each page cost.

    The first page is small: what it cost tells how large the next ones may be.
    """
    own = {"ids": list(mapping.items.own_columns), "own": [mapping.subitems.key_column]}
    size = FIRST_PAGE

    def resize(cost: int) -> dict[str, int]:
        nonlocal size
        size = min(LARGEST_PAGE, max(1, PAGE_COMPLEXITY * size // cost)) if cost else LARGEST_PAGE
        return {"limit": size}

    listing = Listing(
        what=f"board {board_id}",
        first=operations.BOARD_ITEMS,
        variables={"board": [str(board_id)], "limit": size, **own},
        following=operations.MORE_BOARD_ITEMS,
        more=own,
        parts=PARTS,
    )
    for page in pages(reader, listing, resize):
        yield [_item(item, mapping) for item in page.rows if is_active(item)], page.cost


def _item(raw: Mapping[str, Any], mapping: ColumnMapping) -> BoardItem:
    texts = _texts(raw)
    subitems = (
        BoardSubitem(id=int(subitem["id"]), key=_texts(subitem).get(mapping.subitems.key_column, ""))
        for subitem in raw["subitems"]
        if is_active(subitem)
    )
    return BoardItem(
        id=int(raw["id"]),
        group_id=str(raw["group"]["id"]),
        record_uuid=texts.get(mapping.items.key_column, ""),
        subitems=tuple(subitems),
    )


def _texts(raw: Mapping[str, Any]) -> dict[str, str]:
    return {value["id"]: (value["text"] or "").strip().lower() for value in raw["column_values"]}


def _ask(
    reader: MondayReader, missing: Collection[Missing], kind: Kind, boards: Collection[int], found: Differences
) -> list[Missing]:
    """Asks monday what became of rows that no page has shown; returns those that were deleted."""
    places = _places(reader, (str(row.monday_id) for row in missing))
    # Archived is what people do with orders that are done; only what is deleted, or was never there, is gone.
    deleted = {row for row in missing if places.get(row.monday_id, GONE)[0] == GONE[0]}
    for row in missing:
        state, board_id = places.get(row.monday_id, GONE)
        told: tuple[Kind, str] | None = None
        if row in deleted:
            told = kind, "deleted on monday"
        elif state == "archived":
            told = Kind.ARCHIVED, "archived on monday"
        elif state == "active" and board_id not in boards and kind is Kind.ITEM_GONE:
            told = Kind.ELSEWHERE, f"on board {board_id}"
        if told:
            found.add(*told, record_uuid=row.record_uuid, key=row.key, monday_id=row.monday_id)
    return [row for row in missing if row in deleted]


def _places(reader: MondayReader, ids: Iterable[str]) -> dict[int, tuple[str, int]]:
    """State and board of each item that monday knows."""
    there = items_by_id(reader, operations.ITEM_PLACES, ids, parts=("board",))
    return {
        int(item_id): (item.get("state") or "active", int((item.get("board") or {}).get("id") or 0))
        for item_id, item in there.items()
    }
