"""What a live run would do, row by row: the plan that a dry run makes and people read.

In: the rows as the planner has judged them. Out: a `Plan`: totals, tables for people, and every change before -> after.
It is data only: it asks nobody, and writes nothing but its own file.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from order_sync.database.held import HeldOrder
from order_sync.orders.naming import Customers
from order_sync.sync.decide import Happens
from order_sync.sync.forecast import Forecast
from order_sync.sync.rows import Row

NEW_ID = "(new)"  # an id that monday would give
KINDS = {"header": "items", "line": "subitems"}


class Change(NamedTuple):
    """One value in one of the site's tables."""

    table: str
    column: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRow:
    """A queue row, and what a live run would do with it.

    `values` are column values as they would be sent, JSON by column id; empty where nothing is. `reason` says why it is
    rejected, waits or is recreated, `held_back` why its order would not be SYNCED although the row may be on the board.
    """

    kind: str  # header or line
    delta_uuid: str
    line_uuid: str | None
    record_uuid: str
    order_number: str | None
    customer: str | None
    board_id: int
    group: str | None
    parent: int | str | None  # a line's item
    name: str | None
    happens: Happens
    reason: str | None
    held_back: str | None
    monday_id: int | None
    values: str
    changes: tuple[Change, ...]
    # Of an item or a subitem that is there already.
    before: Mapping[str, Any] = field(default_factory=dict)  # what was last written in the columns that are changed
    moves: bool = False  # to its group
    kept: tuple[str, ...] = ()  # people's edits that stay
    restores_key: bool = False  # the key that somebody deleted or overwrote on the board

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Values as they would be sent, in readable form, by column: with what was there before where it is known."""
        values = json.loads(self.values) if self.values else {}
        if self.happens is Happens.CREATE:
            return [(column, _readable(value)) for column, value in values.items()]
        changed = [(c, f"{_readable(self.before.get(c))} -> {_readable(value)}") for c, value in values.items()]
        return changed + ([("group", f"-> {self.group}")] if self.moves else [])

    def to_json(self) -> dict[str, Any]:
        values = json.loads(self.values) if self.values else {}
        plain = {of.name: getattr(self, of.name) for of in fields(self)}
        changes = {f"{c.table}.{c.column}": [c.before, c.after] for c in self.changes}
        return plain | {"values": values, "changes": changes}


@dataclass(frozen=True, kw_only=True)
class PlannedGroup:
    """A group that items of this run would go to. Its `group_id` is None if it would be made."""

    board_id: int
    title: str
    customer: str | None
    items: int
    group_id: str | None


@dataclass(frozen=True, kw_only=True)
class NewLabels:
    """Labels that the board's column lacks and would get. `limit` is about how many monday allows."""

    board_id: int
    column: str
    labels: tuple[str, ...]
    there: int
    limit: int

    @property
    def used_then(self) -> int:
        return self.there + len(self.labels)


@dataclass(frozen=True, kw_only=True)
class BoardRoom:
    """A board, or the one of its subitems (`of` says which), and how full it would be."""

    board_id: int
    name: str
    url: str
    of: str  # items or subitems
    there: int
    new: int
    limit: int | None

    @property
    def overflow(self) -> int:
        """The number of rows that would not fit."""
        return max(0, self.there + self.new - self.limit) if self.limit is not None else 0


@dataclass(frozen=True, kw_only=True)
class Job:
    """A bulk import."""

    board_id: int
    group: str
    items: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a live run would do now."""

    made_at: str
    rows: Sequence[PlannedRow]
    groups: Sequence[PlannedGroup]
    labels: Sequence[NewLabels]
    boards: Sequence[BoardRoom]
    jobs: Sequence[Job]
    forecast: Forecast
    calls_made: int  # queries of the dry run itself
    held: Sequence[HeldOrder] = field(default_factory=list)  # orders that no run could take up
    notes: Sequence[str] = field(default_factory=list)

    def of(self, kind: str) -> list[PlannedRow]:
        return [row for row in self.rows if row.kind == kind]

    @property
    def rejected(self) -> list[PlannedRow]:
        return [row for row in self.rows if row.happens is Happens.REJECT]

    @property
    def held_back(self) -> dict[str, str]:
        """Why, by record_uuid, for the orders that stay unsynced."""
        return {row.record_uuid: row.held_back for row in self.rows if row.held_back}

    @property
    def total(self) -> Row:
        held = self.held_back
        counts = self._counts(self.rows)
        counts["groups"] = sum(group.group_id is None for group in self.groups)
        counts["labels"] = sum(len(new.labels) for new in self.labels)
        counts["orders held back"] = len(held)
        forecast = self.forecast
        return counts | {"calls": forecast.calls, "complexity": forecast.complexity, "seconds": forecast.seconds}

    @property
    def customers(self) -> list[Row]:
        """The same counts by customer."""
        customers = Customers()
        rows: defaultdict[str, list[PlannedRow]] = defaultdict(list)
        for row in self.rows:
            rows[customers.name(row.customer)].append(row)
        groups = Counter(customers.name(group.customer) for group in self.groups if group.group_id is None)
        return [
            {"customer": name, **self._counts(rows[name]), "groups": groups[name]}
            for name in sorted(rows.keys() | groups.keys())
        ]

    @staticmethod
    def _counts(rows: Sequence[PlannedRow]) -> Row:
        happens = Counter((row.kind, row.happens) for row in rows)
        records = {row.record_uuid for row in rows}
        held = {row.record_uuid for row in rows if row.held_back}
        of_all = Counter(row.happens for row in rows)
        return {
            "orders synced": len(records) - len(held),
            "orders held back": len(held),
            "groups": 0,
            "items": happens["header", Happens.CREATE],
            "subitems": happens["line", Happens.CREATE],
            "adopted": of_all[Happens.ADOPT],
            "changed": sum(bool(row.values) and row.happens is not Happens.CREATE for row in rows),
            "moved": sum(row.moves for row in rows),
            "cancelled": of_all[Happens.CANCEL],
            "edits kept": sum(len(row.kept) for row in rows),
            "already there": of_all[Happens.THERE],
            "rejected": of_all[Happens.REJECT],
            "waiting": of_all[Happens.WAIT],
        }

    def summary(self) -> dict[str, Any]:
        """The plan without its rows, but with those that would be rejected."""
        return {
            "made_at": self.made_at,
            "total": self.total,
            "customers": self.customers,
            "forecast": self.forecast.to_json(),
            "groups": [asdict(group) for group in self.groups],
            "labels": [asdict(new) | {"used_then": new.used_then} for new in self.labels],
            "boards": [asdict(board) | {"overflow": board.overflow} for board in self.boards],
            "imports": [asdict(job) for job in self.jobs],
            "rejected": [
                {
                    "row": row.kind,
                    "customer": row.customer,
                    "order_number": row.order_number,
                    "record_uuid": row.record_uuid,
                    "delta_uuid": row.delta_uuid,
                    "name": row.name,
                    "reason": row.reason,
                }
                for row in self.rejected
            ],
            "held_back": [{"record_uuid": record, "reason": reason} for record, reason in self.held_back.items()],
            "held": [asdict(order) for order in self.held],
            "calls_made": self.calls_made,
            "note": " ".join(self.notes),
        }

    def json_lines(self) -> Iterator[str]:
        """The whole plan as the text of one JSON file, a row a line: it need not be in memory as a whole."""
        head = json.dumps(self.summary(), ensure_ascii=False, default=str, indent=1)
        yield head[:-2] + ',\n "rows": [\n'
        last = len(self.rows) - 1
        for number, row in enumerate(self.rows):
            yield json.dumps(row.to_json(), ensure_ascii=False, default=str) + (",\n" if number < last else "\n")
        yield " ]\n}\n"


def table_rows(rows: Sequence[PlannedRow]) -> list[Row]:
    """Rows as a table for people."""
    return [
        {
            "order": row.order_number,
            "customer": row.customer,
            "name": row.name,
            "group": row.group,
            "happens": row.happens.value,
            "why": row.reason or row.held_back,
            "changes": changes_text(row),
            "sent": "; ".join(f"{column}: {value}" for column, value in row.sent),
            "edits kept": "; ".join(row.kept),
            "record_uuid": row.record_uuid,
        }
        for row in rows
    ]


def changes_text(row: PlannedRow) -> str:
    return "; ".join(f"{c.table}.{c.column} {_shown(c.before)} -> {_shown(c.after)}" for c in row.changes)


def _shown(value: Any) -> str:
    return "NULL" if value is None else str(value)


def _readable(value: Any) -> str:
    """A value as people read it, rather than as monday takes it; see monday/values.py."""
    match value:
        case None:
            return "(empty)"
        case str():
            return value
        case {"labels": labels}:
            return ", ".join(labels)
        case {"checked": _}:
            return "yes"
        case {"url": text} | {"date": text} | {"label": text} | {"text": text}:
            return str(text)
    return json.dumps(value, ensure_ascii=False)


def write_json(plan: Plan, path: Path) -> None:
    """The whole plan as a file: the only thing that a dry run ever writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(plan.json_lines())
