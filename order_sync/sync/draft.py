"""What the steps of one dry run have found so far, and the plan that it comes to.

In: the rows that would be claimed, the boards, and what was decided. Out: a `Plan` with every change of a table.
It asks no board: planner.py does, and decides.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from order_sync.database.tables import Tables
from order_sync.database.written import OnRecord
from order_sync.monday.board import Board
from order_sync.monday.setup import LABEL_LIMITS
from order_sync.orders.mapping import LABELLED, ColumnMap, ColumnMapping
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER, clean
from order_sync.orders.states import State
from order_sync.sync.decide import Decision, Happens
from order_sync.sync.facts import Site
from order_sync.sync.forecast import Forecast, Work
from order_sync.sync.plan import NEW_ID, BoardRoom, Change, Job, NewLabels, Plan, PlannedGroup, PlannedRow
from order_sync.sync.rows import Row
from order_sync.text.counted import counted

ITEMS, SUBITEMS = STEPS = ("monday_items", "monday_subitems")


@dataclass(kw_only=True)
class Draft:
    """The steps of a dry run report to each other here what those of a live run read from the tables."""

    headers: dict[str, Row] | None = None  # claimed, by delta_uuid; None before that step
    lines: dict[str, Row] | None = None
    sites: dict[int, Site] = field(default_factory=dict)  # none where no board was asked
    groups: list[PlannedGroup] = field(default_factory=list)
    items: dict[str, Decision] = field(default_factory=dict)
    subitems: dict[str, Decision] = field(default_factory=dict)
    made: dict[str, OnRecord] = field(default_factory=dict)  # by requests in doubt: by delta_uuid
    deleted: set[int] = field(default_factory=set)  # items that somebody has deleted on the board
    deleted_subitems: set[int] = field(default_factory=set)  # the same of subitems whose items are there
    work: defaultdict[int, Work] = field(default_factory=lambda: defaultdict(Work))
    jobs: list[Job] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    calls_made: int = 0
    forecast: Forecast | None = None  # None before the last step
    plan: Plan | None = None

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def without_deleted(self, line: Row) -> Row:
        """The line as it is once a run has forgotten the deleted items and subitems."""
        if line["parent_item_id"] in self.deleted or line["monday_subitem_id"] in self.deleted_subitems:
            return line | {"monday_subitem_id": None}
        return line

    # ---- the boards as they would be --------------------------------------------------------------

    def decided(self, step: str) -> list[Decision]:
        return list((self.items if step == ITEMS else self.subitems).values())

    def _created(self, *steps: str) -> Iterator[tuple[str, int, Board, list[Decision]]]:
        """Each step with each board that it creates on: the board's id in the mapping, and what is created."""
        for board_id, site in self.sites.items():
            for step, board in ((ITEMS, site.board), (SUBITEMS, site.subitems)):
                if step in steps and board is not None:
                    new = [of for of in self.decided(step) if of.happens is Happens.CREATE]
                    yield step, board_id, board, [of for of in new if (of.row["board_id"] or board_id) == board_id]

    def new_labels(self, mapping: ColumnMapping, *steps: str) -> list[NewLabels]:
        """Labels that the steps would make."""
        return [
            NewLabels(
                board_id=board.id,
                column=column.column,
                labels=tuple(labels),
                there=len(board.columns[column.column].labels),
                limit=LABEL_LIMITS[column.type],
            )
            for step, _, board, created in self._created(*steps)
            for column in (mapping.items if step == ITEMS else mapping.subitems).columns
            if column.type in LABELLED and column.new_labels and (labels := _new_labels(column, board, created))
        ]

    def room(self, *steps: str) -> list[BoardRoom]:
        """How full the boards would be after the steps."""
        return [
            BoardRoom(
                board_id=board.id,
                name=board.name,
                url=board.url,
                of="items" if step == ITEMS else "subitems",
                there=board.items_count or 0,
                new=len(created),
                limit=board.items_limit,
            )
            for step, _, board, created in self._created(*steps)
        ]

    # ---- the plan ---------------------------------------------------------------------------------

    def make_plan(self, tables: Tables, mapping: ColumnMapping, cost: Forecast) -> Plan:
        """The whole plan, once all steps are through."""
        labels, boards = self.new_labels(mapping, *STEPS), self.room(*STEPS)
        for board in boards:
            if board.overflow:
                self.note(
                    f"Board '{board.name}' allows {board.limit:,} {board.of} and has {board.there:,}: "
                    f"{board.overflow:,} of the {board.new:,} new ones would be rejected. Archive some, or use "
                    "another board."
                )
        for new in labels:
            if new.used_then > new.limit:
                self.note(
                    f"Column '{new.column}' of board {new.board_id} would have {counted(new.used_then, 'label')}; "
                    f"monday allows about {new.limit}, and rejects rows with further labels."
                )
        return Plan(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            rows=_Rows(self, tables).rows(),
            groups=self.groups,
            labels=labels,
            boards=boards,
            jobs=self.jobs,
            forecast=cost,
            calls_made=self.calls_made,
            notes=self.notes,
        )


class _Rows:
    """The site's tables as they would be after the run: the draft's rows, with each value that changes."""

    def __init__(self, draft: Draft, tables: Tables) -> None:
        self._draft = draft
        self._tables = tables
        self._held = _held_back(draft)
        self._orders = {of.row["record_uuid"]: of.row for of in draft.items.values()}
        self._carried: set[str] = set()  # orders whose row in ORDER_LIST is accounted for

    def rows(self) -> list[PlannedRow]:
        headers, lines = self._draft.headers or {}, self._draft.lines or {}
        return [*map(self._header, headers.values()), *map(self._line, lines.values())]

    def _header(self, row: Row) -> PlannedRow:
        judged, record = self._draft.items[row["delta_uuid"]], row["record_uuid"]
        off = judged.happens in (Happens.CANCEL, Happens.OFF)
        item = NEW_ID if judged.happens is Happens.CREATE else judged.monday_id or row["monday_item_id"]
        if judged.happens is Happens.OFF:
            item = row["monday_item_id"]
        there = judged.happens in (Happens.THERE, Happens.ADOPT, Happens.CHANGE)
        new = judged.row["group_id"] if judged.happens is Happens.CREATE else judged.group_id if there else None
        group_id = new or row["monday_group_id"]
        changes = _changes(
            self._tables.header_queue.name,
            sync_state=(row["sync_state"], self._state_after(judged, record, State.NEW)),
            monday_group_id=(row["monday_group_id"], group_id),
            monday_item_id=(row["monday_item_id"], item),
            sync_error_message=(None, _rejection(judged)),
        )
        if record not in self._held and record not in self._carried and row["has_order"]:
            self._carried.add(record)
            synced = (row["order_state"], str(State.SYNCED))
            ids = (row["order_item_id"], None if off else item)
            changes += _changes(self._tables.orders.name, sync_state=synced, monday_item_id=ids)
        return self._planned(
            "header",
            row,
            judged,
            changes,
            line_uuid=None,
            order_number=clean(row[ORDER_NUMBER]) or None,
            customer=row[CUSTOMER],
            board_id=judged.row["board_id"],
            group=judged.row["group"],
            parent=None,
        )

    def _line(self, row: Row) -> PlannedRow:
        record, tables = row["record_uuid"], self._tables
        waits = Decision(
            row={"name": None, "parent_item_id": None}, happens=Happens.WAIT, reason=self._held.get(record)
        )
        judged = self._draft.subitems.get(row["delta_uuid"]) or waits
        off = judged.happens in (Happens.CANCEL, Happens.OFF)
        parent = judged.row["parent_item_id"]
        parent = NEW_ID if parent is not None and int(parent) < 0 else parent
        made = judged.happens is Happens.CREATE or (judged.happens is Happens.THERE and judged.monday_id is None)
        subitem = NEW_ID if made else judged.monday_id
        known = self._draft.without_deleted(row)["monday_subitem_id"] and row["queued_subitem_id"]
        changes = _changes(
            tables.line_queue.name,
            sync_state=(row["sync_state"], self._state_after(judged, record, State.PENDING)),
            monday_subitem_id=(row["queued_subitem_id"], known if judged.happens is Happens.OFF else subitem or known),
            parent_item_id=(row["queued_parent_id"], parent or row["queued_parent_id"]),
            sync_error_message=(None, _rejection(judged)),
        )
        if record not in self._held and row["has_line"]:
            changes += _changes(
                tables.order_lines.name,
                sync_state=(row["line_state"], str(State.SYNCED)),
                monday_subitem_id=(row["line_subitem_id"], None if off else subitem),
                parent_item_id=(row["line_parent_id"], None if off else parent),
            )
            if record not in self._orders and record not in self._carried:
                self._carried.add(record)
                changes += _changes(tables.orders.name, sync_state=(row["order_state"], str(State.SYNCED)))
        order = self._orders.get(record, {})
        return self._planned(
            "line",
            row,
            judged,
            changes,
            line_uuid=row["line_uuid"],
            order_number=clean(row["order_number"]) or None,
            customer=row["customer"],
            board_id=judged.row.get("board_id") or order.get("board_id", 0),
            group=order.get("group"),
            parent=parent,
        )

    def _state_after(self, judged: Decision, record: str, held: State) -> str:
        if judged.happens is Happens.REJECT:
            return str(State.ERROR)
        return str(held if record in self._held else State.SYNCED)

    def _planned(self, kind: str, row: Row, judged: Decision, changes: Sequence[Change], **more: Any) -> PlannedRow:
        return PlannedRow(
            kind=kind,
            delta_uuid=row["delta_uuid"],
            record_uuid=row["record_uuid"],
            name=judged.row["name"],
            happens=judged.happens,
            reason=judged.reason,
            held_back=self._held.get(row["record_uuid"]),
            monday_id=judged.monday_id,
            values=judged.values,
            changes=tuple(changes),
            before=judged.before,
            moves=judged.move_to is not None,
            kept=tuple(map(str, judged.kept)),
            restores_key=judged.lost_key is not None,
            **more,
        )


def _held_back(draft: Draft) -> dict[str, str]:
    """Why an order would stay unsynced, by record_uuid: one of its rows would be rejected, or has nowhere to go."""
    held: dict[str, str] = {}
    for what, decided in (("header", draft.items), ("line", draft.subitems)):
        for key, judged in decided.items():
            if judged.happens is Happens.REJECT:
                held.setdefault(judged.row["record_uuid"], f"its {what} {key} would be rejected: {judged.reason}")
            elif judged.happens is Happens.WAIT:
                held.setdefault(judged.row["record_uuid"], f"its {what} {key} waits: {judged.reason}")
    for key, line in (draft.lines or {}).items():
        if key not in draft.subitems:
            held.setdefault(line["record_uuid"], f"its line {line['line_uuid']} has no parent item")
    return held


def _rejection(judged: Decision) -> str | None:
    return judged.reason if judged.happens is Happens.REJECT else None


def _changes(table: str, **values: tuple[Any, Any]) -> list[Change]:
    """Those of the columns, each with its value before and after, that change."""
    return [Change(table, column, before, after) for column, (before, after) in values.items() if before != after]


def _new_labels(column: ColumnMap, board: Board, created: Sequence[Decision]) -> list[str]:
    """Labels of a column that the board lacks."""
    wanted = (json.loads(of.values).get(column.column) for of in created)
    labels = {label for value in wanted for label in _labels_in(value)}
    return sorted(labels - board.columns[column.column].labels.keys())


def _labels_in(value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        return []
    return [value["label"]] if "label" in value else list(value.get("labels", []))
