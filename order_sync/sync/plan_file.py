"""A plan that was kept in a file: which rows a run may take up, and what may become of them.

In: the JSON that `order-sync plan --out` wrote. Out: a `PlanFile`, and how the rows of today differ from it.
Never lets a run do anything else than the plan says: it refuses, and names what has changed.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from order_sync.orders.errors import ConfigurationError, Fatal
from order_sync.orders.faults import RunFault
from order_sync.orders.naming import text_key
from order_sync.sync.decide import Decision, Happens
from order_sync.sync.plan import Plan, PlannedRow
from order_sync.sync.rows import Row
from order_sync.text.counted import counted

NAMED = 10  # differences in a message
NOT_WAITING = "is no longer waiting: another run has it"
AGAIN = "Make a new plan: order-sync plan --out FILE"


class PlanChanged(Fatal):
    """The queue or a board is no longer as the plan found it."""

    why = RunFault.PLAN_CHANGED


class KeptRow(BaseModel):
    """A row of a plan as its file has it, as far as it says what a run may do."""

    kind: str
    delta_uuid: str
    record_uuid: str
    order_number: str | None
    board_id: int
    group: str | None
    name: str | None
    happens: Happens
    monday_id: int | None
    values: dict[str, Any]
    moves: bool = False
    restores_key: bool = False

    @property
    def said(self) -> str:
        return _said(self, self.happens, self.monday_id, self.values)

    def __str__(self) -> str:
        return f"{self.kind} {self.delta_uuid} of order {self.order_number or self.record_uuid}"


class KeptGroup(BaseModel):
    """A group that items of the plan go to; `group_id` is None if the plan creates it."""

    board_id: int
    title: str
    group_id: str | None


class KeptLabels(BaseModel):
    """Labels that the plan adds to a column."""

    board_id: int
    column: str
    labels: tuple[str, ...]


class KeptPlan(BaseModel):
    """The file, as far as it is read."""

    rows: list[KeptRow]
    groups: list[KeptGroup]
    labels: list[KeptLabels]


class Extra(NamedTuple):
    """What a plan adds to a board beside rows."""

    what: str  # group or label
    board_id: int
    name: str

    def __str__(self) -> str:
        return f"{self.what} '{self.name}' of board {self.board_id}"


@dataclass(frozen=True, kw_only=True)
class PlanFile:
    """The rows of a kept plan, by delta_uuid, and the groups and labels that it creates."""

    path: Path
    rows: Mapping[str, KeptRow]
    extras: Set[Extra] = frozenset()

    @cached_property
    def records(self) -> frozenset[str]:
        return frozenset(row.record_uuid for row in self.rows.values())

    @cached_property
    def new_groups(self) -> frozenset[tuple[int, str]]:
        """Board and title, as titles are compared."""
        return frozenset((of.board_id, text_key(of.name)) for of in self.extras if of.what == "group")

    @property
    def cancels(self) -> int:
        """How many orders the plan cancels: the person who applies it has named them."""
        return sum(row.happens is Happens.CANCEL and row.kind == "header" for row in self.rows.values())

    def select(self, waiting: Iterable[Row]) -> list[Row]:
        """Those of the waiting rows that are in the plan. Raises PlanChanged if one of their orders has others."""
        mine = [row for row in waiting if row["record_uuid"] in self.records]
        new = [row for row in mine if row["delta_uuid"] not in self.rows]
        if new:
            raise self._changed(
                [f"row {row['delta_uuid']} of order {row['record_uuid']} was queued after the plan" for row in new]
            )
        return mine

    def check_complete(self, kind: str, waiting: Iterable[Row]) -> None:
        """Raises PlanChanged unless all of the plan's headers, or lines, are waiting: another run may have them."""
        there = {row["delta_uuid"] for row in waiting}
        missing = [row for key, row in self.rows.items() if row.kind == kind and key not in there]
        if missing:
            raise self._changed([f"{row} {NOT_WAITING}" for row in missing])

    def check_waiting(self, finished: Mapping[str, str], queued: Container[str]) -> None:
        """Raises PlanChanged if some rows are `finished`, with what has become of them, or no longer `queued`."""
        found = [f"{row} {finished[key]}" for key, row in self.rows.items() if key in finished]
        found += [f"{row} is no longer in the queue" for key, row in self.rows.items() if key not in queued]
        if found:
            raise self._changed(found)

    def compare(self, now: Plan) -> None:
        """Raises PlanChanged if what is planned now is not what the file says."""
        rows = {row.delta_uuid: row for row in now.rows}
        found = [f"{row} {NOT_WAITING}" for key, row in self.rows.items() if key not in rows]
        found += self._differing(rows)
        there = extras_of(now)
        found += [f"{extra} is needed now, and was not planned" for extra in sorted(there - self.extras)]
        found += [f"{extra} exists, or is no longer needed" for extra in sorted(self.extras - there)]
        if found:
            raise self._changed(found)

    def _differing(self, now: Mapping[str, PlannedRow]) -> Iterator[str]:
        for key, row in now.items():
            if kept := self.rows.get(key):
                said = _said(row, row.happens, row.monday_id, json.loads(row.values or "{}"))
                if kept.said != said:
                    yield f"{kept}: planned {kept.said}; now {said}"

    def _changed(self, found: Sequence[str]) -> PlanChanged:
        more = f"; and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
        return PlanChanged(
            f"The plan in {self.path} is out of date: {counted(len(found), 'difference')}. "
            f"{'; '.join(found[:NAMED])}{more}. Nothing was sent. {AGAIN}"
        )


def extras_of(plan: Plan | KeptPlan) -> frozenset[Extra]:
    """The groups and the labels that a plan creates."""
    groups = (Extra("group", of.board_id, of.title) for of in plan.groups if of.group_id is None)
    labels = (Extra("label", of.board_id, f"{of.column}: {label}") for of in plan.labels for label in of.labels)
    return frozenset([*groups, *labels])


def read_plan_file(path: Path) -> PlanFile:
    """Raises ConfigurationError if the file cannot be read, or is no plan."""
    try:
        kept = KeptPlan.model_validate_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"The plan {path} cannot be read: {error.strerror}.", RunFault.PLAN_FILE) from error
    except (ValueError, ValidationError) as error:
        raise ConfigurationError(
            f"{path} is not an order_sync plan. Make one with: order-sync plan --out FILE.json", RunFault.PLAN_FILE
        ) from error
    return PlanFile(path=path, rows={row.delta_uuid: row for row in kept.rows}, extras=extras_of(kept))


def taken_by_another(rows: int) -> PlanChanged:
    """What to raise if another run was quicker with some rows of the plan: it is applied as a whole."""
    return PlanChanged(
        f"Another run has taken {counted(rows, 'row')} of the plan at this moment: perhaps it is applied twice. "
        f"Nothing of this step was sent. See order-sync status. {AGAIN}"
    )


def hold_to_plan(decided: Iterable[Decision]) -> None:
    """Raises PlanChanged if a decision is not what the plan says of its row: `planned`, None where there is no plan."""
    for of in decided:
        planned = of.row.get("planned")
        if planned and planned != (now := _said_of(of)):
            raise PlanChanged(
                f"The plan is out of date: row {of.key} of order {of.row['record_uuid']} was planned {planned}; now "
                f"{now}. Nothing of this step was sent. {AGAIN}"
            )


def hold_groups_to_plan(rows: Sequence[Row], there: Container[str]) -> list[str]:
    """The titles that are not `there`, to be created. Raises PlanChanged if `planned` does not say so of each."""
    for row in rows:
        planned = row.get("planned")
        if planned is not None and planned != (row["title"] not in there):
            fate = "was planned to be created, and exists now" if planned else "existed, and would be created now"
            raise PlanChanged(
                f"The plan is out of date: group '{row['title']}' of board {row['board_id']} {fate}. "
                f"Nothing of this step was sent. {AGAIN}"
            )
    return [row["title"] for row in rows if row["title"] not in there]


def hold_to_existing_groups(rows: Iterable[Row], board_id: int) -> None:
    """Raises PlanChanged if rows of a plan have lost their group: no plan names the one that would take its place."""
    for row in rows:
        if row.get("planned"):
            raise PlanChanged(
                f"The plan is out of date: its group '{row['group']}' was deleted from board {board_id} while the plan "
                f"was applied. {AGAIN}"
            )


class _Named(NamedTuple):
    """A row as people know it."""

    kind: str
    board_id: int
    group: str | None
    name: str | None
    moves: bool
    restores_key: bool


def _said_of(of: Decision) -> str:
    kind = "line" if "line_uuid" in of.row else "header"
    named = _Named(
        kind=kind,
        board_id=of.row["board_id"],
        group=of.row.get("group"),
        name=of.row["name"],
        moves=of.move_to is not None,
        restores_key=of.lost_key is not None,
    )
    return _said(named, of.happens, of.monday_id, json.loads(of.values or "{}"))


def _said(of: _Named | KeptRow | PlannedRow, happens: Happens, monday_id: int | None, values: Mapping[str, Any]) -> str:
    """The planned fate of a row as text; equal for equal fates."""
    where = f"{' moved to' if of.moves else ' in'} group '{of.group}'" if of.kind == "header" else ""
    item = f" with id {monday_id}" if monday_id else ""
    key = ", its key restored" if of.restores_key else ""
    sent = f": {json.dumps(values, sort_keys=True, ensure_ascii=False)}" if values else ""
    return f"{happens.value} '{of.name}'{where} on board {of.board_id}{item}{key}{sent}"
