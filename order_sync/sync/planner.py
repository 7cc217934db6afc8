"""Judges what a live run would do with each row: the steps of board_work.py without a write.

In: the frames' rows, the tables and, where there is a token, the boards. Out: the rows that would be, and a `Plan`.
It holds readers only. What it asks of the boards is what a live run would ask of them, too.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from math import ceil
from typing import Any

from order_sync.database.entries import Operation, entries_in_doubt, recent_imports
from order_sync.database.queue import QueueReader
from order_sync.database.states import HeaderState, LineState, header_states, line_states
from order_sync.monday.board import (
    Board,
    Removed,
    check_mapping,
    find_all_items,
    find_gone,
    find_items,
    find_removed,
    find_subitems,
    subitems_of,
)
from order_sync.monday.client import MondayReader
from order_sync.monday.labels import LabelSpelling
from order_sync.monday.lists import LOOK_UP
from order_sync.monday.setup import LABEL_LIMITS
from order_sync.orders.errors import ConfigurationError, Fatal, Transient
from order_sync.orders.mapping import LABELLED, ColumnMapping
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER, TextKey, clean, text_key
from order_sync.orders.states import State
from order_sync.sync.bulk_import import choose_jobs, job_seconds
from order_sync.sync.decide import (
    Decision,
    Gone,
    Happens,
    KnownSubitem,
    askable,
    decide_items,
    decide_subitems,
    versions_of,
)
from order_sync.sync.facts import Group, Site, groups_of, read_sites
from order_sync.sync.forecast import Pace, Work, forecast
from order_sync.sync.plan import NEW_ID, BoardRoom, Change, Job, NewLabels, Plan, PlannedGroup, PlannedRow
from order_sync.sync.rows import NewRow, Row
from order_sync.text.counted import counted

STEPS = ("monday_items", "monday_subitems")


@dataclass(kw_only=True)
class Draft:
    """What the steps of one dry run have found so far: they tell each other what the live ones read from the tables."""

    headers: dict[str, Row] | None = None  # claimed, by delta_uuid; None before that step
    lines: dict[str, Row] | None = None
    groups: list[PlannedGroup] = field(default_factory=list)
    items: dict[str, Decision] = field(default_factory=dict)
    subitems: dict[str, Decision] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)  # items that somebody has deleted on the board
    gone_subitems: set[int] = field(default_factory=set)  # the same of subitems whose items are there
    adopted_lines: dict[tuple[str, str], int] = field(default_factory=dict)  # subitem by record_uuid and line_uuid
    work: defaultdict[int, Work] = field(default_factory=lambda: defaultdict(Work))
    jobs: list[Job] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    finish: Callable[[], Plan] | None = None
    plan: Plan | None = None

    def without_gone(self, line: Row) -> Row:
        """The line as it is once a run has forgotten the items and subitems that are gone."""
        if line["parent_item_id"] in self.gone or line["monday_subitem_id"] in self.gone_subitems:
            return line | {"monday_subitem_id": None}
        return line


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
        bulk_rows: int,
    ) -> None:
        self._draft = draft
        self._queue = queue
        self._mapping = mapping
        self._board_ids = mapping.board_ids(board_id)
        self._monday = monday if self._board_ids else None
        self._pace = pace
        self._bulk_rows = bulk_rows
        self._sites: dict[int, Site] = {}
        self._placeholder = count(-1, -1)
        draft.finish = self.plan

    # ---- the boards -------------------------------------------------------------------------------

    def ask_boards(self) -> None:
        """Reads the boards where there is a token; the plan is made without them otherwise.

        Raises ConfigurationError if the mapping does not fit a board.
        """
        if self._monday is None:
            self._note("No token or board is set: the board was not asked which groups and labels it has.")
            return
        monday = self._monday

        def read() -> dict[int, Site]:
            if warning := monday.check_version().warning:
                self._note(warning)
            return read_sites(monday, self._board_ids)

        sites = self._asked(read, "which groups and labels it has", {})
        for site in sites.values():
            check_mapping(site.board, site.subitems, self._mapping)
        self._sites = sites
        if not sites:
            self._monday = None

    def _asked(self, query: Callable[[], Any], what: str, otherwise: Any) -> Any:
        """The answer of a query; where monday gives none, the plan goes on without."""
        if self._monday is None:
            return otherwise
        try:
            with self._monday:
                return query()
        except ConfigurationError:
            raise
        except (Transient, Fatal) as error:
            self._note(f"The board was not asked {what}: {error}")
            return otherwise

    def _note(self, text: str) -> None:
        if text not in self._draft.notes:
            self._draft.notes.append(text)

    # ---- the three steps --------------------------------------------------------------------------

    def groups(self, rows: Sequence[Row]) -> list[Row]:
        """`rows` are as GROUPS in assets/monday.py; returns them with group_id."""
        here = {board_id: self._groups_of(site.board) for board_id, site in self._sites.items()}
        planned = []
        for row in rows:
            board = row["board_id"]
            group = here.get(board, {}).get(text_key(row["title"]))
            title, group_id = (group.title, group.id) if group else (row["title"], None)
            self._draft.groups.append(
                PlannedGroup(
                    board_id=board, title=title, customer=row["customer"], items=row["headers"], group_id=group_id
                )
            )
            work = self._draft.work[board]
            work.group_step = True
            work.groups += group_id is None
            planned.append(row | {"title": title, "group_id": group_id or NEW_ID})
        return planned

    def _groups_of(self, board: Board) -> dict[TextKey, Group]:
        return groups_of(self._queue, board)

    def items(self, rows: Sequence[Row]) -> list[Row]:
        """`rows` are as ITEMS in assets/monday.py; returns them with monday_item_id, below 0 for a new one."""
        self._draft.items = {
            key: judged
            for board, of in self._by_board(rows).items()
            for key, judged in self._items_of(board, of).items()
        }
        planned = [row | {"created_at": None} for row in self._after(rows, self._draft.items, "monday_item_id")]
        self._judge_versions()
        return planned

    def _judge_versions(self) -> None:
        """Older headers of an order share what becomes of the newest one, which alone was judged."""
        newest = {of.row["record_uuid"]: of for of in self._draft.items.values()}
        claimed = (self._draft.headers or {}).items()
        older = [newest[h["record_uuid"]].row | {"delta_uuid": k} for k, h in claimed if k not in self._draft.items]
        self._draft.items |= {of.key: of for of in versions_of(older, newest)}

    def _items_of(self, board_id: int, rows: Sequence[Row]) -> dict[str, Decision]:
        """Those of one board."""
        mapping, site = self._mapping.items, self._sites.get(board_id)
        board = site.board if site else None
        work = self._draft.work[board_id]
        work.item_step = True
        known = {
            header["record_uuid"]: header["monday_item_id"]
            for header in (self._draft.headers or {}).values()
            if isinstance(header["monday_item_id"], int)
        }
        asked = askable(rows)
        known |= self._items_in_doubt(board_id, [row for row in asked if row["record_uuid"] not in known])
        here = {known[row["record_uuid"]] for row in asked if row["record_uuid"] in known}
        work.known_items = len(here)
        gone = self._gone(here)
        wanted = [row for row in asked if (item := known.get(row["record_uuid"])) is None or item in gone]
        decided = decide_items(
            rows,
            mapping,
            known=known,
            gone=gone,
            on_board=self._adopt(board, wanted, work),
            labels=LabelSpelling(board.labels) if board else None,
        )
        new = [
            NewRow(key=of.key, variables={"group": group, "name": of.row["name"], "values": of.values})
            for of in decided
            if of.happens is Happens.CREATE
            for group in [of.row["group"] if of.row["group_id"] in (None, NEW_ID) else of.row["group_id"]]
        ]
        groups = {of.key: of.row["group"] for of in decided}
        jobs = self._jobs(board, new)
        self._draft.jobs += [Job(board_id=board_id, group=groups[job[0].key], items=len(job)) for job in jobs]
        work.jobs = tuple(len(job) for job in jobs)
        work.items = len(new) - sum(work.jobs)
        return {of.key: of for of in decided}

    def subitems(self, rows: Sequence[Row]) -> list[Row]:
        """`rows` are as SUBITEMS in assets/monday.py; returns them with monday_subitem_id, below 0 for a new one."""
        self._draft.subitems = {
            key: judged
            for board, of in self._by_board(rows).items()
            for key, judged in self._subitems_of(board, of).items()
        }
        return list(self._after(rows, self._draft.subitems, "monday_subitem_id"))

    def _after(self, rows: Sequence[Row], judged_rows: Mapping[str, Decision], id_column: str) -> Iterator[Row]:
        """The rows as their step would leave them: with monday's id, or one below 0, and their state."""
        for row in rows:
            judged = judged_rows[row["delta_uuid"]]
            created = next(self._placeholder) if judged.happens is Happens.CREATE else judged.monday_id
            state = State.ERROR if judged.happens is Happens.REJECT else State.PENDING
            yield row | {id_column: created, "sync_state": state}

    def _subitems_of(self, board_id: int, rows: Sequence[Row]) -> dict[str, Decision]:
        mapping, site = self._mapping.subitems, self._sites.get(board_id)
        board = site.subitems if site else None
        draft, work, claimed = self._draft, self._draft.work[board_id], self._draft.lines or {}
        asked = askable(rows)
        known: dict[str, KnownSubitem] = {}  # by line_uuid
        for row in asked:
            line = draft.without_gone(claimed[row["delta_uuid"]])
            adopted = draft.adopted_lines.get((row["record_uuid"].lower(), row["line_uuid"].lower()))
            if subitem := line["monday_subitem_id"] or adopted:
                item = int(line["parent_item_id"] or row["parent_item_id"])
                known[row["line_uuid"]] = KnownSubitem(id=int(subitem), item=item)
        removed = self._removed(known.values(), work)
        # A late line's item is as old as its order; the live run learns from monday's refusal that it is gone.
        made = {of.monday_id for of in draft.items.values()} | {of.item for of in known.values()}
        known |= self._subitems_in_doubt(board_id, asked)
        late = {int(row["parent_item_id"]) for row in asked} - made
        self._gone(parent for parent in late if parent > 0)
        decided = decide_subitems(
            rows,
            mapping,
            known=known,
            gone=Gone(items=draft.gone, subitems=removed),
            labels=LabelSpelling(board.labels) if board else None,
        )
        work.subitems = sum(of.happens is Happens.CREATE for of in decided)
        return {of.key: of for of in decided}

    def _by_board(self, rows: Sequence[Row]) -> dict[int, list[Row]]:
        first = next(iter(self._sites), 0)  # without a board a row is only to be rejected
        found: dict[int, list[Row]] = {}
        for row in rows:
            found.setdefault(row["board_id"] or first, []).append(row)
        return found

    # ---- what is there ----------------------------------------------------------------------------

    def _gone(self, items: Iterable[int]) -> set[int]:
        wanted = sorted(str(item) for item in set(items))
        monday = self._monday
        if not wanted or monday is None:
            return set()
        gone = self._asked(lambda: find_gone(monday, wanted), "whether items of earlier runs are still there", set())
        self._draft.gone |= {int(item) for item in gone}
        return {int(item) for item in gone}

    def _removed(self, there: Iterable[KnownSubitem], work: Work) -> set[int]:
        """Those of the known subitems that somebody has deleted. Notes which of their items are gone, too."""
        monday = self._monday
        known: dict[str, set[str]] = {}
        for subitem in there:
            if subitem.item > 0:
                known.setdefault(str(subitem.item), set()).add(str(subitem.id))
        work.known_parents = len(known)
        if not known or monday is None:
            return set()
        column = self._mapping.subitems.key_column
        none = Removed(items=set(), subitems=set(), asked=0)
        what = "whether subitems of earlier runs are still there"
        removed = self._asked(lambda: find_removed(monday, known, column), what, none)
        work.unseen_subitems = removed.asked
        self._draft.gone |= {int(item) for item in removed.items}
        self._draft.gone_subitems |= {int(subitem) for subitem in removed.subitems}
        return {int(subitem) for subitem in removed.subitems}

    def _adopt(self, board: Board | None, rows: Sequence[Row], work: Work) -> dict[str, int]:
        """Items that the board has under a row's record_uuid, whoever made them: by record_uuid."""
        monday = self._monday
        if not rows or board is None or monday is None or board.items_count == 0:
            return {}
        column = self._mapping.items.key_column
        records_wanted = [row["record_uuid"] for row in rows]
        before = monday.usage.calls
        there: dict[str, list[str]] = self._asked(
            lambda: find_all_items(monday, board.id, column, records_wanted), "for items that it has already", {}
        )
        work.pages += monday.usage.calls - before
        adopted = {record: int(ids[0]) for record in records_wanted if (ids := there.get(record))}
        records = {item: record for record, item in adopted.items()}
        work.adopted = len(adopted)
        if adopted:
            parents = [str(item) for item in records]
            column = self._mapping.subitems.key_column
            found = self._asked(lambda: subitems_of(monday, parents, column), "for subitems that it has already", {})
            for item, lines in found.items():
                for line, subitem in lines.items():
                    self._draft.adopted_lines[records[int(item)].lower(), line.strip().lower()] = int(subitem)
        return adopted

    def _items_in_doubt(self, board_id: int, rows: Sequence[Row]) -> dict[str, int]:
        """Orders in requests whose answer an earlier run did not get, and that the board has: item by record_uuid."""
        orders = {row["record_uuid"] for row in rows}
        headers = (self._draft.headers or {}).items()  # an older version may be the one that was sent
        keys = {key: row["record_uuid"] for key, row in headers if row["record_uuid"] in orders}
        records = list(dict.fromkeys(self._in_doubt(board_id, keys, Operation.ITEMS, Operation.IMPORT)))
        monday, column = self._monday, self._mapping.items.key_column
        if not records or monday is None:
            return {}
        found = self._asked(lambda: find_items(monday, board_id, column, records), "what is in doubt", {})
        return {record: int(item) for record, item in found.items()}

    def _subitems_in_doubt(self, board_id: int, rows: Sequence[Row]) -> dict[str, KnownSubitem]:
        """The same of lines, by line_uuid."""
        by_line = {row["line_uuid"]: int(row["parent_item_id"]) for row in rows}
        lines = self._in_doubt(board_id, {row["delta_uuid"]: row["line_uuid"] for row in rows}, Operation.SUBITEMS)
        parents = sorted({str(by_line[line]) for line in lines if by_line[line] > 0})
        monday, column = self._monday, self._mapping.subitems.key_column
        if not parents or monday is None:
            return {}
        found = self._asked(lambda: find_subitems(monday, parents, column), "what is in doubt", {})
        return {line: KnownSubitem(id=int(found[line]), item=by_line[line]) for line in lines if line in found}

    def _in_doubt(self, board_id: int, keys: Mapping[str, str], *operations: Operation) -> list[str]:
        """What `keys` has for the rows of the board's open requests."""
        entries = [
            entry
            for entry in entries_in_doubt(self._queue.database, self._queue.tables, board_id)
            if entry.operation in operations
        ]
        found = [keys[key] for entry in entries for key in entry.keys if key in keys]
        if found:
            self._note(
                f"{counted(len(found), 'row is', 'rows are')} in requests to board {board_id} whose answer an earlier "
                "run did not get. What the board shows is assumed to be there; the rest would be created."
            )
            if self._monday:
                self._draft.work[board_id].doubtful += sum(ceil(len(entry.keys) / LOOK_UP) for entry in entries)
        return found

    def _jobs(self, board: Board | None, new: Sequence[NewRow]) -> list[list[NewRow]]:
        """Bulk imports, as the live run chooses them."""
        if board is None or not self._bulk_rows or len(new) < self._bulk_rows:
            return []
        pace = self._pace(self._monday)
        pacer = pace.pacer()
        return choose_jobs(
            new,
            smallest=self._bulk_rows,
            labels=board.labels,
            recent=recent_imports(self._queue.database, self._queue.tables, timedelta(hours=1)),
            seconds=job_seconds,
            one_by_one=lambda rows: (
                max(
                    pacer.seconds(Operation.ITEMS, rows),
                    (rows * pacer.cost(Operation.ITEMS) / pace.minute_points - 1) * 60 if pace.minute_points else 0.0,
                )
                / pace.writers
            ),
        )

    # ---- the plan ---------------------------------------------------------------------------------

    def judged(self, step: str) -> list[Row]:
        """What would happen in a step (monday_items, monday_subitems), for people."""
        rows = self._draft.items if step == "monday_items" else self._draft.subitems
        return [
            {
                "name": judged.row["name"],
                "customer": judged.row["customer"],
                **({"group": judged.row["group"]} if step == "monday_items" else {}),
                "happens": judged.happens.value,
                "why": judged.reason,
                "monday id": judged.monday_id,
                "sent": judged.values,
                "record_uuid": judged.row["record_uuid"],
            }
            for judged in rows.values()
        ]

    def plan(self) -> Plan:
        """The whole plan, once all steps are through."""
        draft = self._draft
        held = self._held_back()
        headers = header_states(self._queue.database, self._queue.tables, draft.headers or {})
        lines = line_states(self._queue.database, self._queue.tables, draft.lines or {})
        rows = [
            *self._planned_headers(headers, held),
            *self._planned_lines(lines, held),
        ]
        pace = self._pace(self._monday)
        hidden = sum(site.subitems is not None for site in self._sites.values()) or len(self._board_ids)
        cost = forecast(list(draft.work.values()), pace, boards=len(self._board_ids), subitem_boards=hidden)
        plan = Plan(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            rows=rows,
            groups=draft.groups,
            labels=self.new_labels(*STEPS),
            boards=self.room(*STEPS),
            jobs=draft.jobs,
            forecast=cost,
            calls_made=self._monday.usage.calls if self._monday else 0,
            notes=draft.notes,
        )
        for board in plan.boards:
            if board.overflow:
                self._note(
                    f"Board '{board.name}' takes {board.limit:,} {board.of} and has {board.there:,}: "
                    f"{board.overflow:,} of the {board.new:,} new ones would be rejected. Archive some, or use "
                    "another board."
                )
        for new in plan.labels:
            if new.used_then > new.limit:
                self._note(
                    f"Column '{new.column}' of board {new.board_id} would have {counted(new.used_then, 'label')}; "
                    f"monday allows about {new.limit}, and rejects the rows with the others."
                )
        return plan

    def _held_back(self) -> dict[str, str]:
        """Why an order would stay unsynced, by record_uuid: one of its rows would be rejected, or has nowhere to go."""
        draft = self._draft
        held: dict[str, str] = {}
        for what, judged_rows in (("header", draft.items), ("line", draft.subitems)):
            for key, judged in judged_rows.items():
                if judged.happens is Happens.REJECT:
                    reason = f"its {what} {key} would be rejected: {judged.reason}"
                    held.setdefault(judged.row["record_uuid"], reason)
        for key, line in (draft.lines or {}).items():
            if key not in draft.subitems:
                held.setdefault(line["record_uuid"], f"its line {line['line_uuid']} has no item to go under")
        return held

    def _planned_headers(self, states: Mapping[str, HeaderState], held: Mapping[str, str]) -> list[PlannedRow]:
        tables, draft = self._queue.tables, self._draft
        queue, main = tables.header_queue.name, tables.orders.name
        planned: list[PlannedRow] = []
        carried: set[str] = set()  # orders whose row in the main table is told of
        for key, row in (draft.headers or {}).items():
            judged, state, record = draft.items[key], states[key], row["record_uuid"]
            rejected, why = judged.happens is Happens.REJECT, held.get(record)
            item = NEW_ID if judged.happens is Happens.CREATE else judged.monday_id or state.monday_item_id
            after = State.ERROR if rejected else State.NEW if why else State.SYNCED
            group_id = judged.row["group_id"]
            changes = [
                Change(queue, "sync_state", state.sync_state, str(after)),
                Change(queue, "monday_group_id", state.monday_group_id, group_id or state.monday_group_id),
                Change(queue, "monday_item_id", state.monday_item_id, item),
            ]
            if rejected:
                changes.append(Change(queue, "sync_error_message", None, judged.reason))
            if not why and record not in carried:
                carried.add(record)
                changes += [
                    Change(main, "sync_state", state.order_state, str(State.SYNCED)),
                    Change(main, "monday_item_id", state.order_item_id, item),
                ]
            planned.append(
                PlannedRow(
                    kind="header",
                    delta_uuid=key,
                    line_uuid=None,
                    record_uuid=record,
                    order_number=clean(row[ORDER_NUMBER]) or None,
                    customer=row[CUSTOMER],
                    board_id=judged.row["board_id"],
                    group=judged.row["group"],
                    parent=None,
                    name=judged.row["name"],
                    happens=judged.happens,
                    reason=judged.reason,
                    held_back=why,
                    monday_id=judged.monday_id,
                    values=judged.values,
                    changes=_real(changes),
                )
            )
        return planned

    def _planned_lines(self, states: Mapping[str, LineState], held: Mapping[str, str]) -> list[PlannedRow]:
        tables, draft = self._queue.tables, self._draft
        queue, main, orders = tables.line_queue.name, tables.order_lines.name, tables.orders.name
        of_headers = {judged.row["record_uuid"] for judged in draft.items.values()}
        groups = {judged.row["record_uuid"]: judged.row["group"] for judged in draft.items.values()}
        boards = {judged.row["record_uuid"]: judged.row["board_id"] for judged in draft.items.values()}
        planned = []
        for key, row in (draft.lines or {}).items():
            state, record = states[key], row["record_uuid"]
            why = held.get(record)
            judged = draft.subitems.get(key)
            if judged is None:
                judged = Decision(row={"name": None, "parent_item_id": None}, happens=Happens.WAIT, reason=why)
            parent = judged.row["parent_item_id"]
            parent = NEW_ID if parent is not None and int(parent) < 0 else parent
            made = judged.happens is Happens.CREATE or (judged.happens is Happens.THERE and judged.monday_id is None)
            subitem = NEW_ID if made else judged.monday_id
            rejected = judged.happens is Happens.REJECT
            after = State.ERROR if rejected else State.PENDING if why else State.SYNCED
            known = draft.without_gone(row)["monday_subitem_id"] and state.monday_subitem_id
            changes = [
                Change(queue, "sync_state", state.sync_state, str(after)),
                Change(queue, "monday_subitem_id", state.monday_subitem_id, subitem or known),
                Change(queue, "parent_item_id", state.parent_item_id, parent or state.parent_item_id),
            ]
            if rejected:
                changes.append(Change(queue, "sync_error_message", None, judged.reason))
            if not why:
                changes += [
                    Change(main, "sync_state", state.line_state, str(State.SYNCED)),
                    Change(main, "monday_subitem_id", state.line_subitem_id, subitem),
                    Change(main, "parent_item_id", state.line_parent_id, parent),
                ]
                if record not in of_headers:
                    of_headers.add(record)
                    changes.append(Change(orders, "sync_state", state.order_state, str(State.SYNCED)))
            planned.append(
                PlannedRow(
                    kind="line",
                    delta_uuid=key,
                    line_uuid=row["line_uuid"],
                    record_uuid=record,
                    order_number=clean(state.order_number) or None,
                    customer=row["customer"],
                    board_id=judged.row.get("board_id") or boards.get(record, 0),
                    group=groups.get(record),
                    parent=parent,
                    name=judged.row["name"],
                    happens=judged.happens,
                    reason=judged.reason,
                    held_back=why,
                    monday_id=judged.monday_id,
                    values=judged.values,
                    changes=_real(changes),
                )
            )
        return planned

    def new_labels(self, *steps: str) -> list[NewLabels]:
        """Labels that the steps would make."""
        found: list[NewLabels] = []
        for board_id, site in self._sites.items():
            for step, board, columns, judged_rows in (
                ("monday_items", site.board, self._mapping.items.columns, self._draft.items),
                ("monday_subitems", site.subitems, self._mapping.subitems.columns, self._draft.subitems),
            ):
                if step not in steps:
                    continue
                labelled = [column for column in columns if column.type in LABELLED and column.new_labels]
                if board is None or not labelled:
                    continue
                new: dict[str, dict[str, None]] = {column.column: {} for column in labelled}
                for judged in judged_rows.values():
                    if judged.happens is Happens.CREATE and (judged.row["board_id"] or board_id) == board_id:
                        values = json.loads(judged.values)
                        for column in labelled:
                            for label in _labels_in(values.get(column.column)):
                                if label not in board.columns[column.column].labels:
                                    new[column.column][label] = None
                found += [
                    NewLabels(
                        board_id=board.id,
                        column=column.column,
                        labels=tuple(sorted(new[column.column])),
                        there=len(board.columns[column.column].labels),
                        limit=LABEL_LIMITS[column.type],
                    )
                    for column in labelled
                    if new[column.column]
                ]
        return found

    def room(self, *steps: str) -> list[BoardRoom]:
        """How full the boards would be after the steps."""
        room = []
        for board_id, site in self._sites.items():
            work = self._draft.work.get(board_id) or Work()
            for step, board, of, new in (
                ("monday_items", site.board, "items", work.items + sum(work.jobs)),
                ("monday_subitems", site.subitems, "subitems", work.subitems),
            ):
                if step in steps and board is not None:
                    room.append(
                        BoardRoom(
                            board_id=board.id,
                            name=board.name,
                            url=board.url,
                            of=of,
                            there=board.items_count or 0,
                            new=new,
                            limit=board.items_limit,
                        )
                    )
        return room


def _labels_in(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return []
    return [value["label"]] if "label" in value else list(value.get("labels", []))


def _real(changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(change for change in changes if change.before != change.after)
