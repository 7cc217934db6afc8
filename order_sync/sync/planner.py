"""Judges what a live run would do with each row: the steps of board_work.py without a write.

In: the frames' rows, the tables and, where there is a token, the boards. Out: the rows that would be, and a `Draft`.
It holds readers only. What it asks of the boards is what a live run would ask of them, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import count
from typing import TypeVar

from order_sync.database.entries import Operation, Sent, entries_in_doubt, known_groups, recent_imports, sent_rows
from order_sync.database.queue import QueueReader
from order_sync.database.written import OnRecord, items_on_record, owners, subitems_on_record
from order_sync.monday.board import Board, check_mapping
from order_sync.monday.client import MondayReader
from order_sync.monday.labels import LabelSpelling
from order_sync.orders.errors import ConfigurationError, Fatal, Transient
from order_sync.orders.mapping import ColumnMapping
from order_sync.orders.naming import text_key
from order_sync.orders.states import State
from order_sync.sync.alterations import alterations
from order_sync.sync.bulk_archive import archive_jobs
from order_sync.sync.bulk_import import choose_jobs, job_seconds
from order_sync.sync.decide import (
    Decision,
    Deleted,
    Happens,
    KnownSubitem,
    askable,
    hold_mass_cancels,
    versions_of,
)
from order_sync.sync.draft import Draft
from order_sync.sync.facts import Facts, SubitemFacts, groups_of, read_sites
from order_sync.sync.forecast import Pace, forecast
from order_sync.sync.known import versions_of_orders
from order_sync.sync.plan import NEW_ID, Job, PlannedGroup
from order_sync.sync.rows import NewRow, Row
from order_sync.text.counted import counted

T = TypeVar("T")


class Planner:
    """Plans the three monday steps of one run."""

    def __init__(
        self,
        draft: Draft,
        queue: QueueReader,
        mapping: ColumnMapping,
        *,
        board_id: int,
        monday: MondayReader | None,
        pace: Callable[[MondayReader | None], Pace],
    ) -> None:
        self._draft = draft
        self._queue = queue
        self._mapping = mapping
        self._board_ids = mapping.board_ids(board_id)
        self._monday = monday if self._board_ids else None
        self._pace = pace
        self._unanswered: Transient | Fatal | None = None  # why the boards could not be read
        self._in_doubt: dict[int, set[str]] = {}  # keys of open requests by board, read at its first step
        self._placeholder = count(-1, -1)

    # ---- the boards -------------------------------------------------------------------------------

    def ask_boards(self) -> None:
        """Reads the boards where there is a token; the plan is made without them otherwise.

        Raises ConfigurationError if the mapping does not fit a board. If monday gives no answer, the first row that
        waits raises its error: where none waits, there is nothing that monday could change in the plan.
        """
        draft = self._draft
        if self._monday is None:
            draft.note("No token or board is set: existing groups and labels were not read.")
            return
        try:
            with self._monday as monday:
                if warning := monday.check_version().warning:
                    draft.note(warning)
                draft.sites = read_sites(monday, self._board_ids)
        except ConfigurationError:
            raise
        except (Transient, Fatal) as error:
            self._unanswered = error
        for site in draft.sites.values():
            check_mapping(site.board, site.subitems, self._mapping)
        if not draft.sites:
            self._monday = None

    def _found(self, board_id: int, query: Callable[[Facts], T]) -> T:
        """What is decided with a board, by the calls that a live run makes for it.

        Raises monday's error if it gives no answer: orders wait, and a plan without the board would be wrong.
        """
        site, monday = self._draft.sites.get(board_id), self._monday
        if site is not None and monday is not None:
            before = monday.usage.calls
            with monday:
                found = query(Facts(monday, site, self._mapping, self._owners_of))
                self._draft.work[board_id].reads += monday.usage.calls - before
                return found
        return query(Facts(None, site, self._mapping))

    def _owners_of(self, ids: Collection[int], of_lines: bool) -> Mapping[int, str]:
        return owners(self._queue.database, self._queue.tables, ids, of_lines=of_lines)

    def _recover(self, board_id: int) -> None:
        """What open requests to the board have made is as good as known: a live run looks for it first."""
        if board_id in self._in_doubt:
            return
        entries = entries_in_doubt(self._queue.database, self._queue.tables, board_id)
        rows = {key for entry in entries if entry.operation.of_queue for key in entry.keys}
        self._in_doubt[board_id] = rows
        if rows:
            self._draft.note(
                f"{counted(len(rows), 'row is', 'rows are')} in doubt: an earlier run got no answer to its requests to "
                f"board {board_id}. Rows found on the board count as created; the others would be created."
            )
        creating = [entry for entry in entries if not entry.operation.is_absolute]
        made = self._found(board_id, lambda facts: [facts.made(of) for of in creating])
        for entry, of_entry in zip(creating, made, strict=True):
            sent = sent_rows(entry) if of_entry.keys() & rows else {}
            self._draft.made |= {key: _written(sent[key], of_entry[key], board_id) for key in of_entry.keys() & rows}

    # ---- the three steps --------------------------------------------------------------------------

    def groups(self, rows: Sequence[Row]) -> list[Row]:
        """`rows` are as GROUPS in assets/monday.py; returns them with group_id."""
        self._expect_answer(rows)
        draft = self._draft
        given = (self._queue.database, self._queue.tables)
        here = {of: groups_of(site.board, known_groups(*given, of)) for of, site in draft.sites.items()}
        for board in {row["board_id"] for row in rows}:
            self._recover(board)
        planned = []
        for row in rows:
            board = row["board_id"]
            group = here.get(board, {}).get(text_key(row["title"]))
            title, group_id = (group.title, group.id) if group else (row["title"], None)
            draft.groups.append(
                PlannedGroup(
                    board_id=board, title=title, customer=row["customer"], items=row["headers"], group_id=group_id
                )
            )
            draft.work[board].groups += group_id is None
            planned.append(row | {"title": title, "group_id": group_id or NEW_ID})
        for work in draft.work.values():
            work.reads += bool(work.groups)  # the live run reads the board again before it creates any
        return planned

    def items(self, rows: Sequence[Row]) -> list[Row]:
        """`rows` are as ITEMS in assets/monday.py; returns them with monday_item_id, below 0 for a new one."""
        self._expect_answer(rows)
        draft = self._draft
        for board, of_board in self._by_board(rows).items():
            draft.items |= {of.key: of for of in self._items_of(board, of_board)}
        planned = [row | {"created_at": None} for row in self._after(rows, draft.items, "monday_item_id")]
        # Older headers of an order share what becomes of the newest one, which alone was judged.
        newest = {of.row["record_uuid"]: of for of in draft.items.values()}
        claimed = (draft.headers or {}).items()
        older = [newest[h["record_uuid"]].row | {"delta_uuid": k} for k, h in claimed if k not in draft.items]
        draft.items |= {of.key: of for of in versions_of(older, newest)}
        return planned

    def _items_of(self, board_id: int, rows: Sequence[Row]) -> list[Decision]:
        """Those of one board."""
        self._recover(board_id)
        draft, work, site = self._draft, self._draft.work[board_id], self._draft.sites.get(board_id)
        headers = (draft.headers or {}).items()
        versions = versions_of_orders(
            row | {"monday_item_id": draft.made[key].id} if key in draft.made else row for key, row in headers
        )
        on_record = items_on_record(self._queue.database, self._queue.tables, list(versions))
        on_record |= {row["record_uuid"]: draft.made[key] for key, row in headers if key in draft.made}
        labels = LabelSpelling(site.board.labels) if site else None
        judged = self._found(board_id, lambda facts: facts.of_items(rows, versions, on_record, labels))
        draft.deleted |= judged.facts.deleted
        decided = judged.decided
        if site:
            on_board = site.board.items_count or 0
            decided = hold_mass_cancels(decided, self._mapping.items, board=site.board.name, on_board=on_board)
        new = [of for of in decided if of.happens is Happens.CREATE]
        groups = {of.key: of.row["group"] for of in new}
        jobs = self._jobs(site.board, new) if site else []
        draft.jobs += [Job(board_id=board_id, group=groups[job[0].key], items=len(job)) for job in jobs]
        work.reads += 1  # the live run reads the board again
        work.jobs = tuple(len(job) for job in jobs)
        work.items = len(new) - sum(work.jobs)
        work.there = sum(of.happens in (Happens.THERE, Happens.ADOPT, Happens.CHANGE) for of in decided)
        work.altered += self._altered(decided)
        return decided

    def subitems(self, rows: Sequence[Row]) -> list[Row]:
        """`rows` are as SUBITEMS in assets/monday.py; returns them with monday_subitem_id, below 0 for a new one."""
        self._expect_answer(rows)
        draft = self._draft
        for board, of_board in self._by_board(rows).items():
            draft.subitems |= {of.key: of for of in self._subitems_of(board, of_board)}
        hidden = sum(site.subitems is not None for site in draft.sites.values()) or len(self._board_ids)
        pace, work = self._pace(self._monday), list(draft.work.values())
        draft.forecast = forecast(work, pace, boards=len(self._board_ids), subitem_boards=hidden)
        draft.calls_made = self._monday.usage.calls if self._monday else 0
        return list(self._after(rows, draft.subitems, "monday_subitem_id"))

    def _subitems_of(self, board_id: int, rows: Sequence[Row]) -> list[Decision]:
        self._recover(board_id)
        draft, site, claimed = self._draft, self._draft.sites.get(board_id), self._draft.lines or {}
        known: dict[str, KnownSubitem] = {}  # by line_uuid
        for row in askable(rows):
            line = draft.without_deleted(claimed[row["delta_uuid"]])
            if subitem := line["monday_subitem_id"]:
                item = int(line["parent_item_id"] or row["parent_item_id"] or 0)
                halfway = line["queued_subitem_id"] is not None
                known[row["line_uuid"]] = KnownSubitem(id=int(subitem), item=item, halfway=halfway)

        def record_deleted(found: SubitemFacts) -> Deleted:
            draft.deleted |= found.deleted.items
            draft.deleted_subitems |= found.deleted.subitems
            return found.deleted

        board = site.subitems if site else None
        labels = LabelSpelling(board.labels) if board else None
        lines = [row["line_uuid"] for row in rows]
        on_record = subitems_on_record(self._queue.database, self._queue.tables, lines)
        on_record |= {row["line_uuid"]: draft.made[key] for key, row in claimed.items() if key in draft.made}

        def query(facts: Facts) -> list[Decision]:
            return facts.of_subitems(rows, known, on_record, labels, record_deleted)

        decided = self._found(board_id, query)
        draft.work[board_id].subitems = sum(of.happens is Happens.CREATE for of in decided)
        draft.work[board_id].altered += alterations(decided, Operation.CHANGE_SUBITEMS, Operation.CANCEL_SUBITEMS)
        return decided

    def _expect_answer(self, rows: Sequence[Row]) -> None:
        if rows and self._unanswered:
            raise self._unanswered

    def _by_board(self, rows: Sequence[Row]) -> dict[int, list[Row]]:
        first = next(iter(self._draft.sites), 0)  # without a board a row is only to be rejected
        found: dict[int, list[Row]] = {}
        for row in rows:
            found.setdefault(row["board_id"] or first, []).append(row)
        return found

    def _after(self, rows: Sequence[Row], decided: Mapping[str, Decision], id_column: str) -> Iterator[Row]:
        """The rows as their step would leave them: with monday's id, or one below 0, and their state."""
        for row in rows:
            of = decided[row["delta_uuid"]]
            created = next(self._placeholder) if of.happens is Happens.CREATE else of.monday_id
            state = State.ERROR if of.happens is Happens.REJECT else State.PENDING
            fate = {
                "done": of.happens not in (Happens.REJECT, Happens.WAIT),
                "is_off": of.happens in (Happens.CANCEL, Happens.OFF),
            }
            yield row | {id_column: created, "sync_state": state} | fate

    def _altered(self, decided: Sequence[Decision]) -> list[tuple[Operation, int]]:
        """What is sent of items that are there, with the jobs that archive many of them."""
        pace = self._pace(self._monday)
        smallest = pace.bulk_cancels if self._mapping.items.cancel.by == "archive" else 0
        altered = alterations(decided, Operation.CHANGE_ITEMS, Operation.CANCEL_ITEMS)
        cancelled = dict(altered).get(Operation.CANCEL_ITEMS, 0)
        jobs = archive_jobs(cancelled, smallest=smallest, pacer=pace.pacer())
        left = [(of, count - sum(jobs) if of is Operation.CANCEL_ITEMS else count) for of, count in altered]
        return [(Operation.ARCHIVE, job) for job in jobs] + [(of, count) for of, count in left if count]

    def _jobs(self, board: Board, new: Sequence[Decision]) -> list[list[NewRow]]:
        """Bulk imports, as the live run chooses them."""
        pace = self._pace(self._monday)
        if not pace.bulk_rows or len(new) < pace.bulk_rows:
            return []
        rows = []
        for of in new:
            group = of.row["group"] if of.row["group_id"] in (None, NEW_ID) else of.row["group_id"]
            rows.append(NewRow(key=of.key, variables={"group": group, "name": of.row["name"], "values": of.values}))
        return choose_jobs(
            rows,
            smallest=pace.bulk_rows,
            labels=board.labels,
            recent=recent_imports(self._queue.database, self._queue.tables, timedelta(hours=1)),
            seconds=job_seconds,
            one_by_one=pace.item_seconds,
        )


def _written(sent: Sent, monday_id: str, board_id: int) -> OnRecord:
    """What a live run puts on record of a row that a request in doubt has made."""
    values = json.loads(sent.values) if sent.values else None
    return OnRecord(id=int(monday_id), board_id=board_id, place=sent.place, name=sent.name, values=values)
