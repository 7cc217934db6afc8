"""Decides the fate of each row of a step: create, adopt, change, cancel, already there, reject or wait.

In: the rows that the step wants, what the tables know of them, and what the boards show. Out: a `Decision` for each.
Pure: it reads nothing and writes nothing. A live run applies the decisions (board_work.py), a dry run prints them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from order_sync.database.written import OnRecord
from order_sync.monday.item_values import ItemValues
from order_sync.monday.labels import LabelSpelling
from order_sync.monday.values import encode_changes, encode_row, label_column, to_json
from order_sync.orders.codes import REGARDLESS, Delay, Rule
from order_sync.orders.errors import Rejected
from order_sync.orders.mapping import BoardMap, ItemMap, SubitemMap
from order_sync.orders.states import Action
from order_sync.sync.ownership import Difference, Kept, Owners, Wish, difference
from order_sync.sync.rows import Row

ITEM_REMOVED = "its item {} was deleted on the board"
AWAITED = f"{Delay.ITEM_REMOVED}: {ITEM_REMOVED}"
SUBITEM_REMOVED = "its subitem {} was deleted on the board"
OLDER_VERSION = "an older version of the same row: the newest one is synced"
OUTDATED = "a newer version of the same row is SYNCED already: this one is not written"
ELSEWHERE = f"{Delay.ELSEWHERE}: its item was found on board {{}} in this run: the next run changes it there"
NEVER_THERE = "it was cancelled, and is on no board"
ITEM_MISSING = (
    "its item {} was deleted on the board after the order was synced. Restore it there (monday keeps it for 30 days) "
    "and run `order-sync retry`, or recreate it with `order-sync reconcile --requeue`"
)
MASS_CANCEL = (
    f"{Delay.MASS_CANCEL}: "
    "this run would cancel {count:,} orders on board {board}, and may cancel {most:,} at a time: none is cancelled. If "
    "they are all right, name the number: `order-sync sync --cancel {count}`, or resources > scope > cancel in the "
    "launchpad"
)


class Happens(StrEnum):
    """The fate of a row on the board."""

    CREATE = "create"
    ADOPT = "adopt"  # the board has it although the tables did not know
    CHANGE = "change"  # values, name or group, those that differ from what was last written
    THERE = "already there"
    CANCEL = "cancel"
    OFF = "not on the board"  # and cancelled: there is nothing to do
    REJECT = "reject"
    WAIT = "wait"  # nothing is sent: its order is held


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The fate of a row, and the reason. `values` is the JSON to send, "" if nothing is sent.

    Of what is changed, `before` has what was last written, `move_to` the id of the group that an item goes to, and
    `kept` what people have edited on the board and keeps. `group_id` is the group of an item afterwards, as far as that
    is known. It `asks` if the board's own values have to be known first.
    """

    row: Row
    happens: Happens
    reason: str | None = None
    monday_id: int | None = None
    values: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    move_to: str | None = None
    group_id: str | None = None
    kept: tuple[Kept, ...] = ()
    lost_key: str | None = None  # what the item shows in place of its key, which is written back; None: the key
    asks: bool = field(default=False, compare=False)
    rejected: Rejected | None = field(default=None, compare=False)  # the same reason as an error

    @property
    def key(self) -> str:
        return str(self.row["delta_uuid"])


@dataclass(frozen=True, kw_only=True)
class KnownSubitem:
    """A line's subitem, and the item that it is under, as the tables or the board have them."""

    id: int
    item: int
    halfway: bool = False  # a run gave it to the line in the queue, and ended before it committed the order


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """Items and subitems of the tables that were deleted or archived on the board."""

    items: Set[int] = frozenset()
    subitems: Set[int] = frozenset()
    remade: Set[int] = frozenset()  # those of the items that the next run creates again


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the tables know of orders or lines, by record_uuid or line_uuid, and what the board shows of them."""

    on_record: Mapping[str, OnRecord] = field(default_factory=dict)  # as last written
    shown: Mapping[int, ItemValues] = field(default_factory=dict)  # of those that were asked for, by id
    labels: LabelSpelling | None = None  # None: the board was not asked, and any label will do
    keys: Mapping[int, str] = field(default_factory=dict)  # what they show as their key, of those that were looked at


def decide_items(
    rows: Sequence[Row],
    mapping: ItemMap,
    seen: Seen,
    *,
    known: Mapping[str, int] = MappingProxyType({}),
    deleted: Set[int] = frozenset(),
    on_board: Mapping[str, int] = MappingProxyType({}),
) -> list[Decision]:
    """One decision for each row, which are as ITEMS in assets/monday.py: the newest header of each order.

    `known` is the item that the tables have, and `on_board` the one that was found by its key, both by record_uuid.
    """
    owners = Owners(columns=mapping.columns, name=mapping.name.edits, group=mapping.group.edits)
    upserts = _Upserts(mapping, owners, seen)

    def decide(row: Row) -> Decision:
        record = row["record_uuid"]
        item = known.get(record)
        there = on_board.get(record) if item is None or item in deleted else item
        if settled := _settled(row, there, adopted=there != item):
            return replace(settled, group_id=upserts.place(record, there))
        if row["rule"] in REGARDLESS:
            return _rejected(row, refusal(row), item)
        if there is not None:
            return upserts.change(row, record, there, adopted=there != item)
        return upserts.create(row, record, ITEM_REMOVED.format(item) if item is not None else None)

    return [decide(row) for row in rows]


def decide_subitems(
    rows: Sequence[Row],
    mapping: SubitemMap,
    seen: Seen,
    *,
    known: Mapping[str, KnownSubitem] = MappingProxyType({}),
    deleted: Deleted = Deleted(),
) -> list[Decision]:
    """One decision for each row, which are as SUBITEMS in assets/monday.py, the versions of a line oldest first.

    `known` is the subitem that the tables or the board have, by line_uuid.
    """
    upserts = _Upserts(mapping, Owners(columns=mapping.columns, name=mapping.name.edits), seen)

    def decide(row: Row) -> Decision:
        line, subitem = row["line_uuid"], known.get(row["line_uuid"])
        there = (
            subitem.id if subitem and subitem.id not in deleted.subitems and subitem.item not in deleted.items else None
        )
        if settled := _settled(row, there, adopted=False):
            return settled
        if row["rule"] in REGARDLESS:
            return _rejected(row, refusal(row), subitem.id if subitem else None)
        parent = int(row["parent_item_id"])
        if parent in deleted.remade:
            return Decision(row=row, happens=Happens.WAIT, reason=AWAITED.format(parent))
        if parent in deleted.items:
            return _rejected(row, item_deleted(parent))
        if there is not None:
            return upserts.change(row, line, there, adopted=False)
        return upserts.create(row, line, SUBITEM_REMOVED.format(subitem.id) if subitem else None)

    asked = askable(rows)
    newest = {row["line_uuid"]: row["delta_uuid"] for row in asked}
    older = {row["delta_uuid"] for row in asked if newest[row["line_uuid"]] != row["delta_uuid"]}
    decided = {row["delta_uuid"]: decide(row) for row in rows if row["delta_uuid"] not in older}
    return [decided.get(row["delta_uuid"]) or _older(row, decided[newest[row["line_uuid"]]]) for row in rows]


def _settled(row: Row, there: int | None, *, adopted: bool) -> Decision | None:
    """The decision on a row that wants nothing written: cancelled, or older than what is SYNCED."""
    cancels = row["action"] == Action.DELETE
    if row["outdated"] and there is not None and not row["is_off"]:
        happens = Happens.ADOPT if adopted else Happens.THERE
        return Decision(row=row, happens=happens, monday_id=there, reason=OUTDATED)
    if row["is_off"] and (cancels or row["outdated"]):
        return Decision(row=row, happens=Happens.OFF, reason=OUTDATED if row["outdated"] else NEVER_THERE)
    if not cancels:
        return None
    if there is None:
        return Decision(row=row, happens=Happens.OFF, reason=NEVER_THERE)
    return Decision(row=row, happens=Happens.CANCEL, monday_id=there)


@dataclass(frozen=True)
class _Upserts:
    """What an INSERT or an UPDATE comes to."""

    mapping: BoardMap
    owners: Owners
    seen: Seen

    def create(self, row: Row, own: str, reason: str | None) -> Decision:
        """A row that is not on the board: it is created, unless monday would refuse it."""
        try:
            if row["rejection"]:
                raise refusal(row)
            values = encode_row(self.mapping.columns, row["values"], self.seen.labels)
        except Rejected as error:
            return _rejected(row, error)
        return Decision(
            row=row, happens=Happens.CREATE, reason=reason, values=to_json({self.mapping.key_column: own, **values})
        )

    def change(self, row: Row, own: str, there: int, *, adopted: bool) -> Decision:
        """A row that is on the board: what differs from what was last written is changed."""
        otherwise = Happens.ADOPT if adopted else Happens.THERE
        last = self.seen.on_record.get(own)
        last = last if last and last.id == there else None
        elsewhere = last.board_id if last and row["board_id"] and last.board_id != row["board_id"] else None
        try:
            if row["rejection"]:
                raise refusal(row)
            found = self._difference(row | {"group_id": None} if elsewhere else row, last, there)
        except Rejected as error:
            return _rejected(row, error, there)
        lost_key = self._lost_key(own, there)
        if lost_key is not None:
            column = self.mapping.key_column
            found = replace(
                found, values={column: own, **found.values}, before={column: lost_key or None, **found.before}
            )
        if elsewhere and (found.values or found.asks):
            return Decision(row=row, happens=Happens.WAIT, reason=ELSEWHERE.format(elsewhere))
        kept = found.kept
        if (ruled := row.get("ruled_board_id")) not in (None, row["board_id"]):
            kept = (*kept, Kept("board", str(row["board_id"]), ruled))
        changes = found.values or found.move_to
        return Decision(
            row=row,
            happens=Happens.CHANGE if changes and not adopted else otherwise,
            monday_id=there,
            values=to_json(found.values) if found.values else "",
            before=found.before,
            move_to=found.move_to,
            group_id=found.move_to or self.place(own, there),
            kept=kept,
            lost_key=lost_key,
            asks=found.asks,
        )

    def _lost_key(self, own: str, there: int) -> str | None:
        """What is on the board in place of the key, perhaps nothing; None where the key is there or nobody looked."""
        shown = self.seen.keys.get(there)
        return None if shown is None or shown.strip().lower() == own.lower() else shown

    def place(self, own: str, there: int | None) -> str | None:
        """The group of an item, as the board shows it or else as it was last written."""
        shown, last = self.seen.shown.get(there or 0), self.seen.on_record.get(own)
        if shown is not None:
            return shown.group_id
        return last.place if last and last.id == there else None

    def _difference(self, row: Row, last: OnRecord | None, there: int) -> Difference:
        labels = self.seen.labels
        values = encode_changes(self.mapping.columns, row["values"], labels)
        wish = Wish(name=row["name"], group_id=row.get("group_id"), values=values)
        owners = self._owners(last)
        return difference(wish, owners, last, self.seen.shown.get(there), labels.there if labels else {})

    def _owners(self, last: OnRecord | None) -> Owners:
        """With the column of cancelled orders where the item has its label: it is wanted back, and nothing fills it."""
        cancel, columns = self.mapping.cancel, self.owners.columns
        if cancel.by != "label" or cancel.column is None or last is None or cancel.column not in (last.values or {}):
            return self.owners
        if any(column.column == cancel.column for column in columns):
            return self.owners
        return replace(self.owners, columns=(*columns, label_column(cancel.column)))


def hold_mass_cancels(decided: Sequence[Decision], mapping: ItemMap, *, board: str, on_board: int) -> list[Decision]:
    """The decisions of one board, without its cancels if they are too many for nobody to have asked for them.

    A person lets them through by naming the number: `cancel` of a row is the one that was named for this run.
    """
    cancels = [of for of in decided if of.happens is Happens.CANCEL]
    most = mapping.cancel.allowed(on_board)
    if len(cancels) <= max(most, *(of.row["cancel"] or 0 for of in cancels), 0):
        return list(decided)
    reason = MASS_CANCEL.format(count=len(cancels), board=board, most=most)
    held = {of.key: replace(of, happens=Happens.WAIT, reason=reason, monday_id=None) for of in cancels}
    return [held.get(of.key, of) for of in decided]


def askable(rows: Iterable[Row]) -> list[Row]:
    """The rows without those that are rejected in any case: the board is not asked about them."""
    return [row for row in rows if row["rule"] not in REGARDLESS]


def versions_of(rows: Collection[Row], newest: Mapping[str, Decision]) -> list[Decision]:
    """Decisions on the other headers of the orders, by record_uuid: they share the fate of the newest one."""
    return [_older(row, newest[row["record_uuid"]]) for row in rows]


def item_deleted(item: int) -> Rejected:
    """Why a line is rejected that came after its order was SYNCED, and its item was deleted."""
    return Rejected(ITEM_MISSING.format(item), code=Rule.ITEM_DELETED)


def _older(row: Row, newest: Decision) -> Decision:
    happens = _OF_OLDER.get(newest.happens, Happens.THERE)
    return Decision(row=row, happens=happens, reason=OLDER_VERSION, monday_id=newest.monday_id)


_OF_OLDER = {
    Happens.REJECT: Happens.WAIT,
    Happens.WAIT: Happens.WAIT,
    Happens.CANCEL: Happens.OFF,
    Happens.OFF: Happens.OFF,
}


def refusal(row: Row) -> Rejected:
    """Why the row, as its step wants it, cannot be synced."""
    return Rejected(row["rejection"], code=row["rule"])


def _rejected(row: Row, error: Rejected, monday_id: int | None = None) -> Decision:
    return Decision(row=row, happens=Happens.REJECT, reason=str(error), rejected=error, monday_id=monday_id)
