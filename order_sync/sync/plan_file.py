"""A plan that was kept in a file: which rows a run may take up, and what may become of them.

In: the JSON that `order-sync plan --out` wrote. Out: a `PlanFile`, and how the rows of today differ from it.
Never lets a run do anything else than the plan says: it refuses, and names what has changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError

from order_sync.orders.errors import ConfigurationError, Fatal
from order_sync.orders.faults import RunFault
from order_sync.sync.decide import Decision, Happens
from order_sync.sync.plan import PlannedRow
from order_sync.sync.rows import Row
from order_sync.text.counted import counted

NAMED = 10  # differences in a message


class PlanChanged(Fatal):
    """The queue or a board is no longer as the plan found it."""

    why = RunFault.PLAN_CHANGED


class KeptRow(BaseModel):
    """A row of a plan as its file has it, as far as it says what a run may do."""

    kind: str
    delta_uuid: str
    record_uuid: str
    order_number: str | None
    group: str | None
    name: str | None
    happens: Happens
    monday_id: int | None
    values: dict[str, Any]
    moves: bool = False

    @property
    def said(self) -> str:
        return _said(self, self.happens, self.monday_id, self.values)

    def __str__(self) -> str:
        return f"{self.kind} {self.delta_uuid} of order {self.order_number or self.record_uuid}"


@dataclass(frozen=True, kw_only=True)
class PlanFile:
    """The rows of a kept plan, by delta_uuid."""

    path: Path
    rows: Mapping[str, KeptRow]

    @cached_property
    def records(self) -> frozenset[str]:
        return frozenset(row.record_uuid for row in self.rows.values())

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

    def compare(self, rows: Sequence[PlannedRow]) -> None:
        """Raises PlanChanged if the rows as they are planned now are not those of the file."""
        now = {row.delta_uuid: row for row in rows}
        found = [f"{row} is no longer waiting" for key, row in self.rows.items() if key not in now]
        for key, row in now.items():
            if kept := self.rows.get(key):
                said = _said(row, row.happens, row.monday_id, json.loads(row.values or "{}"))
                if kept.said != said:
                    found.append(f"{kept}: planned {kept.said}; now {said}")
        if found:
            raise self._changed(found)

    def _changed(self, found: Sequence[str]) -> PlanChanged:
        more = f"; and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
        return PlanChanged(
            f"The plan in {self.path} is out of date: {counted(len(found), 'row differs', 'rows differ')}. "
            f"{'; '.join(found[:NAMED])}{more}. Nothing was sent. Make a new plan: order-sync plan --out FILE"
        )


def read_plan_file(path: Path) -> PlanFile:
    """Raises ConfigurationError if the file cannot be read, or is no plan."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        rows = TypeAdapter(list[KeptRow]).validate_python(read["rows"] if isinstance(read, dict) else read)
    except OSError as error:
        raise ConfigurationError(f"The plan {path} cannot be read: {error.strerror}.", RunFault.PLAN_FILE) from error
    except (ValueError, KeyError, ValidationError) as error:
        raise ConfigurationError(
            f"{path} is not an order_sync plan. Make one with: order-sync plan --out FILE.json", RunFault.PLAN_FILE
        ) from error
    return PlanFile(path=path, rows={row.delta_uuid: row for row in rows})


def hold_to_plan(decided: Iterable[Decision]) -> None:
    """Raises PlanChanged if a decision is not what the plan says of its row: `planned`, None where there is no plan."""
    for of in decided:
        planned = of.row.get("planned")
        if planned and planned != (now := _said_of(of)):
            raise PlanChanged(
                f"The plan is out of date: row {of.key} of order {of.row['record_uuid']} was planned {planned}; now "
                f"{now}. Nothing of this step was sent. Make a new plan: order-sync plan --out FILE"
            )


class _Named(NamedTuple):
    """A row as people know it."""

    kind: str
    group: str | None
    name: str | None
    moves: bool


def _said_of(of: Decision) -> str:
    kind = "line" if "line_uuid" in of.row else "header"
    named = _Named(kind=kind, group=of.row.get("group"), name=of.row["name"], moves=of.move_to is not None)
    return _said(named, of.happens, of.monday_id, json.loads(of.values or "{}"))


def _said(of: _Named | KeptRow | PlannedRow, happens: Happens, monday_id: int | None, values: Mapping[str, Any]) -> str:
    """The planned fate of a row as text; equal for equal fates."""
    where = f"{' moved to' if of.moves else ' in'} group '{of.group}'" if of.kind == "header" else ""
    item = f" with id {monday_id}" if monday_id else ""
    sent = f": {json.dumps(values, sort_keys=True, ensure_ascii=False)}" if values else ""
    return f"{happens.value} '{of.name}'{where}{item}{sent}"
