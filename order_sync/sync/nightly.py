"""The look of every night: what has changed on the boards since the last one is compared with the tables.

In: a reader, boards, and the marks of the last looks that found no difference. Out: a report, and new marks.
Three calls where nothing has changed. Boards are read whole where they cannot be trusted to show all that has changed:
for the first time, once a week, if a number of items or subitems has changed in another way than by new ones, and as
long as they differ from the tables. Reads only: the caller keeps the marks.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from order_sync.database.connection import Database
from order_sync.database.entries import unsettled
from order_sync.database.looks import Mark, Numbers, count_ours, ours_among, read_marks
from order_sync.database.tables import Tables
from order_sync.monday import placed
from order_sync.monday.board import Board, read_boards
from order_sync.monday.client import MondayReader
from order_sync.monday.labels import Labels
from order_sync.monday.lists import LOOK_UP
from order_sync.monday.placed import BoardItem, whole_board, with_ids
from order_sync.monday.touched import Asked, Touched, TouchedRow, touched
from order_sync.orders.mapping import ColumnMapping
from order_sync.sync.reconcile import Look, Report

log = logging.getLogger("order_sync.monday")

OVERLAP = timedelta(hours=1)  # read again: monday's clock is not the database's, and its list may be late
EARLY = timedelta(hours=12)  # a night is not a second longer than a day


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A report, and the marks that are right after it: none if the boards differ from the tables."""

    report: Report
    marks: Mapping[int, Mark] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Changed:
    """What was updated on a board since its mark."""

    items: Collection[int]  # also those with an updated subitem
    beside: Numbers
    labels: Labels  # of the board of the subitems


class Nightly:
    """The look of one night."""

    def __init__(
        self, reader: MondayReader, mapping: ColumnMapping, database: Database, tables: Tables, *, days: int
    ) -> None:
        """`days` as in Look."""
        self._reader, self._mapping, self._database, self._tables = reader, mapping, database, tables
        self._days = days
        self._began = database.current_time()

    def look(self, board_ids: Sequence[int], *, whole_days: int) -> Looked:
        """Compares what has changed, or whole boards at least every `whole_days`; 0: always.

        Raises ConfigurationError if a board is not visible to the token.
        """
        marks = read_marks(self._database, self._tables, board_ids)
        ours = count_ours(self._database, self._tables, board_ids)
        boards = read_boards(self._reader, board_ids)
        changed = None
        if self._is_trusted(marks, board_ids, timedelta(days=whole_days)):
            changed = self._changed(boards, marks, ours)
        if changed is None:
            report, beside = self._whole(boards, ours)
        else:
            report = self._recent(boards, changed, min(mark.looked_at for mark in marks.values()))
            beside = {board_id: of.beside for board_id, of in changed.items()}
        if not report.agrees or self._is_written(board_ids, ours):
            return Looked(report=report)
        return Looked(
            report=report,
            marks={
                board_id: Mark(
                    looked_at=self._began,
                    whole_at=self._began if changed is None else marks[board_id].whole_at,
                    beside=numbers,
                )
                for board_id, numbers in beside.items()
            },
        )

    def _is_trusted(self, marks: Mapping[int, Mark], board_ids: Sequence[int], whole_every: timedelta) -> bool:
        """Whether it is enough to read what has changed; a mark from the future is from before a clock was set back."""
        due = self._began - whole_every + EARLY
        return len(marks) == len(set(board_ids)) and all(
            due < mark.whole_at <= mark.looked_at <= self._began for mark in marks.values()
        )

    def _is_written(self, board_ids: Sequence[int], ours: Mapping[int, Numbers]) -> bool:
        """Whether a run writes to the boards: their numbers are then of no single moment."""
        open_boards = unsettled(self._database, self._tables).open
        return bool(open_boards & set(board_ids)) or count_ours(self._database, self._tables, board_ids) != ours

    # ---- what has changed -------------------------------------------------------------------------

    def _changed(
        self, boards: Mapping[int, Board], marks: Mapping[int, Mark], ours: Mapping[int, Numbers]
    ) -> dict[int, _Changed] | None:
        """None where only whole boards will do."""
        asked: dict[int, Asked] = {}
        for board in boards.values():
            of_board = Asked(since=marks[board.id].looked_at - OVERLAP, most=_most(board.items_count or 0))
            asked[board.id] = of_board
            if board.subitem_board_id:
                asked[board.subitem_board_id] = of_board
        seen = touched(self._reader, asked)
        found: dict[int, _Changed] = {}
        for board in boards.values():
            changed = self._of_board(board, marks[board.id], ours[board.id], seen)
            if isinstance(changed, str):
                log.info("board %d: %s: reading it whole", board.id, changed)
                return None
            found[board.id] = changed
        return found

    def _of_board(self, board: Board, mark: Mark, ours: Numbers, seen: Mapping[int, Touched]) -> _Changed | str:
        """What has changed, or why that cannot be determined."""
        items, subitems = seen[board.id], seen.get(board.subitem_board_id or 0, NO_SUBITEMS)
        wanted = {row.id for row in items.rows} | {row.parent for row in subitems.rows if row.parent}
        if not items.complete or not subitems.complete or len(wanted) > _most(board.items_count or 0):
            return "much has changed"
        if items.items_count is None or subitems.items_count is None:
            return "monday does not say how many items it has"
        beside = Numbers(
            items=items.items_count - ours.items,
            subitems=subitems.items_count - ours.subitems,
        )
        new = self._new(items.rows, subitems.rows, mark.looked_at)
        if beside != Numbers(items=mark.beside.items + new.items, subitems=mark.beside.subitems + new.subitems):
            return "items or subitems were removed, or have come back"
        return _Changed(items=sorted(wanted), beside=beside, labels=subitems.labels)

    def _new(self, items: Sequence[TouchedRow], subitems: Sequence[TouchedRow], since: datetime) -> Numbers:
        """How many were created since that are not on record: people's own, and copies."""
        known = ours_among(self._database, self._tables, [row.id for row in items], [row.id for row in subitems])

        def count(rows: Sequence[TouchedRow]) -> int:
            return sum(row.id not in known and (row.created_at or since) > since for row in rows)

        return Numbers(items=count(items), subitems=count(subitems))

    # ---- comparing --------------------------------------------------------------------------------

    def _recent(self, boards: Mapping[int, Board], changed: Mapping[int, _Changed], since: datetime) -> Report:
        comparing = self._comparing()
        for board_id, of_board in changed.items():
            comparing.compare(boards[board_id], of_board.labels, self._pages(comparing, of_board.items))
        return comparing.report(since=since)

    def _pages(self, comparing: Look, items: Collection[int]) -> Iterator[tuple[list[BoardItem], int]]:
        """The items with their values, and before them the originals of what is a copy."""
        if not items:
            return
        page, _ = with_ids(self._reader, self._mapping, items, values=True)
        known = comparing.known(page)
        named = {of.monday_id for of in known.items.values()} | {of.parent_id for of in known.subitems.values()}
        originals = sorted({each for each in named if each} - {item.id for item in page})
        if originals:
            shown, _ = with_ids(self._reader, self._mapping, originals, values=True)
            yield shown, 0
        yield page, 0

    def _whole(self, boards: Mapping[int, Board], ours: Mapping[int, Numbers]) -> tuple[Report, dict[int, Numbers]]:
        """With how many more items and subitems each board has than are on record, as far as monday says."""
        ids = [board.subitem_board_id for board in boards.values() if board.subitem_board_id]
        below = read_boards(self._reader, ids)
        comparing, beside = self._comparing(), dict[int, Numbers]()
        for board in boards.values():
            subitems = below.get(board.subitem_board_id or 0)
            labels = subitems.labels if subitems else {}
            comparing.compare(board, labels, whole_board(self._reader, board.id, self._mapping))
            counts = board.items_count, subitems.items_count if subitems else 0
            if counts[0] is not None and counts[1] is not None:
                of = ours[board.id]
                beside[board.id] = Numbers(items=counts[0] - of.items, subitems=counts[1] - of.subitems)
        return comparing.report(), beside

    def _comparing(self) -> Look:
        return Look(self._reader, self._mapping, self._database, self._tables, days=self._days)


NO_SUBITEMS = Touched(rows=(), items_count=0, labels={}, complete=True)


def _most(items: int) -> int:
    """How many items are read by their ids in no more calls than all of a board's are page by page."""
    pages = 1 + ceil(max(0, items - placed.FIRST_PAGE) / placed.LARGEST_PAGE)
    return pages * LOOK_UP
