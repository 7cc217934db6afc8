"""Decides the fate of each row of a step: create, adopt, already there, reject or wait.

In: the rows that the step wants, what the tables know of them, and what the boards show. Out: a `Decision` for each.
Pure: it reads nothing and writes nothing. A live run applies the decisions (board_work.py), a dry run prints them.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from order_sync.monday.labels import LabelSpelling
from order_sync.monday.values import encode_row, to_json
from order_sync.orders.errors import REGARDLESS, Rejected, Rule
from order_sync.orders.mapping import ColumnMap, ItemMap, SubitemMap
from order_sync.sync.rows import Row

ITEM_REMOVED = "its item {} was deleted on the board"
SUBITEM_REMOVED = "its subitem {} was deleted on the board"
OLDER_VERSION = "an older version of the same row: the newest one is synced"
ITEM_DELETED = (
    "its item {} was deleted on the board after the order was synced. Restore it there (monday keeps it for 30 days) "
    "and run `order-sync retry`, or recreate it with `order-sync reconcile --requeue`"
)


class Happens(StrEnum):
    """The fate of a row on the board."""

    CREATE = "create"
    ADOPT = "adopt"  # the board has it although the tables did not know
    THERE = "already there"
    REJECT = "reject"
    WAIT = "wait"  # nothing is sent: its order cannot go on


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The fate of a row, and the reason. `values` is the JSON to send, "" if nothing is sent."""

    row: Row
    happens: Happens
    reason: str | None = None
    monday_id: int | None = None
    values: str = ""
    rejected: Rejected | None = field(default=None, compare=False)  # the same reason as an error

    @property
    def key(self) -> str:
        return str(self.row["delta_uuid"])


@dataclass(frozen=True, kw_only=True)
class KnownSubitem:
    """A line's subitem, and the item that it is under, as the tables or the board have them."""

    id: int
    item: int


@dataclass(frozen=True, kw_only=True)
class Gone:
    """Items and subitems of the tables that were deleted or archived on the board."""

    items: Set[int] = frozenset()
    subitems: Set[int] = frozenset()
    remade: Set[int] = frozenset()  # those of the items that the next run creates again


def decide_items(
    rows: Sequence[Row],
    mapping: ItemMap,
    *,
    known: Mapping[str, int] = MappingProxyType({}),
    gone: Container[int] = frozenset(),
    on_board: Mapping[str, int] = MappingProxyType({}),
    labels: LabelSpelling | None,
) -> list[Decision]:
    """One decision for each row, which are as ITEMS in assets/monday.py: the newest header of each order.

    `known` is the item that the tables have, and `on_board` the one that was found by its key, both by record_uuid.
    Without `labels` the board was not asked, and any label will do.
    """

    def decide(row: Row) -> Decision:
        record = row["record_uuid"]
        item = known.get(record)
        if row["rule"] in REGARDLESS:
            return _rejected(row, refusal(row), item)
        if item is not None and item not in gone:
            return Decision(row=row, happens=Happens.THERE, monday_id=item)
        if record in on_board:
            return Decision(row=row, happens=Happens.ADOPT, monday_id=on_board[record])
        reason = ITEM_REMOVED.format(item) if item is not None else None
        return _new(row, mapping.columns, {mapping.key_column: record}, labels, reason)

    return [decide(row) for row in rows]


def decide_subitems(
    rows: Sequence[Row],
    mapping: SubitemMap,
    *,
    known: Mapping[str, KnownSubitem] = MappingProxyType({}),
    gone: Gone = Gone(),
    labels: LabelSpelling | None,
) -> list[Decision]:
    """One decision for each row, which are as SUBITEMS in assets/monday.py, the versions of a line oldest first.

    `known` is the subitem that the tables or the board have, by line_uuid.
    """

    def decide(row: Row) -> Decision:
        parent, subitem = int(row["parent_item_id"]), known.get(row["line_uuid"])
        if row["rule"] in REGARDLESS:
            return _rejected(row, refusal(row), subitem.id if subitem else None)
        if parent in gone.remade:
            return Decision(row=row, happens=Happens.WAIT, reason=ITEM_REMOVED.format(parent))
        if parent in gone.items:
            return _rejected(row, item_deleted(parent))
        if subitem and subitem.id not in gone.subitems and subitem.item not in gone.items:
            return Decision(row=row, happens=Happens.THERE, monday_id=subitem.id)
        reason = SUBITEM_REMOVED.format(subitem.id) if subitem else None
        return _new(row, mapping.columns, {mapping.key_column: row["line_uuid"]}, labels, reason)

    asked = askable(rows)
    newest = {row["line_uuid"]: row["delta_uuid"] for row in asked}
    older = {row["delta_uuid"] for row in asked if newest[row["line_uuid"]] != row["delta_uuid"]}
    decided = {row["delta_uuid"]: decide(row) for row in rows if row["delta_uuid"] not in older}
    return [decided.get(row["delta_uuid"]) or _older(row, decided[newest[row["line_uuid"]]]) for row in rows]


def askable(rows: Sequence[Row]) -> list[Row]:
    """The rows without those that are rejected whatever the board has: it is not asked about them."""
    return [row for row in rows if row["rule"] not in REGARDLESS]


def versions_of(rows: Collection[Row], newest: Mapping[str, Decision]) -> list[Decision]:
    """Decisions on the other headers of the orders, by record_uuid: they share the fate of the newest one."""
    return [_older(row, newest[row["record_uuid"]]) for row in rows]


def item_deleted(item: int) -> Rejected:
    """Why a line is rejected that came after its order was SYNCED, and its item was deleted."""
    return Rejected(ITEM_DELETED.format(item), code=Rule.ITEM_DELETED)


def _older(row: Row, newest: Decision) -> Decision:
    waits = newest.happens in (Happens.REJECT, Happens.WAIT)
    happens = Happens.WAIT if waits else Happens.THERE
    return Decision(row=row, happens=happens, reason=OLDER_VERSION, monday_id=newest.monday_id)


def _new(
    row: Row, columns: Sequence[ColumnMap], own: Mapping[str, str], labels: LabelSpelling | None, reason: str | None
) -> Decision:
    """A row that is not on the board: it is created, unless monday would refuse it."""
    try:
        if row["rejection"]:
            raise refusal(row)
        values = to_json({**own, **encode_row(columns, row["values"], labels)})
    except Rejected as error:
        return _rejected(row, error)
    return Decision(row=row, happens=Happens.CREATE, reason=reason, values=values)


def refusal(row: Row) -> Rejected:
    """Why the row, as its step wants it, cannot be synced."""
    return Rejected(row["rejection"], code=row["rule"])


def _rejected(row: Row, error: Rejected, monday_id: int | None = None) -> Decision:
    return Decision(row=row, happens=Happens.REJECT, reason=str(error), rejected=error, monday_id=monday_id)
