"""Why an order does not go on: the one place that answers it, for runs, dry runs, commands, checks and sensors.

In: the queue tables and ORDER_LIST as they are. Out: each order that is held, with one reason, in a sentence.
Reads only what stands out: no SYNCED row, and none that a run can take up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

import sqlalchemy as sa

from order_sync.orders.conditions import (
    has_no_key,
    has_no_order,
    has_unknown_state,
    is_insert,
    is_rejected,
    is_unknown,
    same_order,
    state_of,
    waits,
)
from order_sync.orders.counts import QueueCounts
from order_sync.orders.database import Row, chunks
from order_sync.orders.guid import is_uuid
from order_sync.orders.naming import customer_key
from order_sync.orders.tables import CUSTOMER, ORDER_NUMBER, Action, State
from order_sync.orders.unreadable import shown

_BY_ITSELF = "the next run goes on with it by itself"


class Cause(StrEnum):
    """What holds an order. Where there are several, the first of these is named.

    A cause cannot be written without what it is called ("2 orders held {by}") and the one next step.
    """

    by: str
    step: str

    def __new__(cls, code: str, by: str, step: str) -> Self:
        cause = str.__new__(cls, code)
        cause._value_ = code
        cause.by = by
        cause.step = step
        return cause

    NO_RECORD_UUID = (
        "no_record_uuid",
        "by a row that names no order",
        "the next run makes it ERROR; give it the record_uuid of its order, then run `order-sync retry`",
    )
    UNKNOWN_STATE = (
        "unknown_state",
        "by a row whose sync_state is unknown",
        f"correct the sync_state as the reason says; {_BY_ITSELF}",
    )
    UNKNOWN_ACTION = (
        "unknown_action",
        "by a row whose action_type is unknown",
        f"correct the action_type as the reason says; {_BY_ITSELF}",
    )
    # No delta_uuid or line_uuid, or one that several rows have.
    NO_KEY = (
        "no_key",
        "by a row without a key of its own",
        f"give each row a delta_uuid, and each line a line_uuid, of its own; {_BY_ITSELF}",
    )
    REJECTED = (
        "rejected",
        "by a row that was rejected before",
        "correct what `order-sync status` lists, then run `order-sync retry`",
    )
    # The main table lacks it.
    NO_ORDER = (
        "no_order",
        "without a row in the table of orders",
        f"see that the order system writes that row; {_BY_ITSELF}",
    )
    # Lines whose header is nowhere.
    NO_HEADER = (
        "no_header",
        "by lines that no header brings along",
        f"do what the reason says; {_BY_ITSELF}",
    )
    HELD_BY_RUN = (
        "held_by_run",
        "by run {run}",
        "wait for that run; once it has ended, or its lease has expired, the next run takes up what is left",
    )


RANK = {cause: rank for rank, cause in enumerate(Cause)}


@dataclass(frozen=True, kw_only=True)
class HeldOrder:
    """An order that cannot go on, and why. `record_uuid` is None where a row names no order."""

    record_uuid: str | None
    cause: Cause
    reason: str
    customer: str | None = None
    order_number: str | None = None
    delta_uuid: str | None = None  # the row that holds it, where it is one
    run_id: str | None = None  # the run that holds it

    @property
    def needs_a_person(self) -> bool:
        """No run will take it up before somebody has done something. A rejected row is also reported on its own."""
        return self.cause is not Cause.HELD_BY_RUN

    def __str__(self) -> str:
        of = f"order {self.record_uuid}" if self.record_uuid else "a row that names no order"
        return f"{of} is held: {self.reason}"


def held_orders(
    reader: QueueCounts,
    *,
    over: Collection[str] = (),
    own_run: str | None = None,
    records: Collection[str] | None = None,
) -> list[HeldOrder]:
    """Every order that is held, or those of `records` that are; each once, with what holds it first of all.

    `over` names runs that have ended: what they hold is free. With `own_run` the question is that of a run that is
    about to make its orders SYNCED: what it holds itself is no reason, what any other holds is.
    """
    look = _Look(reader, over, own_run)
    found: dict[tuple[str | None, str | None], HeldOrder] = {}
    for chunk in [None] if records is None else chunks(records):
        for held in look.at(chunk):
            key = (held.record_uuid, None if held.record_uuid else held.delta_uuid or held.reason)
            if key not in found or RANK[held.cause] < RANK[found[key].cause]:
                found[key] = held
    return sorted(found.values(), key=lambda held: (RANK[held.cause], held.record_uuid or "", held.reason))


def of_customers(held: Collection[HeldOrder], customers: Collection[str]) -> list[HeldOrder]:
    """Those of some customers; of all where none are named."""
    wanted = {customer_key(customer) for customer in customers}
    return [order for order in held if not wanted or customer_key(order.customer) in wanted]


def unexpected(held: Collection[HeldOrder]) -> list[HeldOrder]:
    """Those that nothing else reports: rejected rows and leases have reports of their own."""
    return [order for order in held if order.cause not in (Cause.REJECTED, Cause.HELD_BY_RUN)]


class _Look:
    """One look at the tables, at all orders or at some."""

    def __init__(self, reader: QueueCounts, over: Collection[str], own_run: str | None) -> None:
        self._reader = reader
        self._rows = reader.database.rows
        self._tables = reader.tables
        self._claimable = reader.claimable(over)
        self._own_run = own_run

    def at(self, records: list[str] | None) -> Iterator[HeldOrder]:
        for kind, table in (("header", self._tables.header_queue), ("line", self._tables.line_queue)):
            yield from self._without_order(kind, table, records)
            yield from self._unknown(kind, table, records)
            yield from self._without_key(kind, table, records)
            yield from self._rejected(kind, table, records)
            yield from self._of_another_run(kind, table, records)
        yield from self._not_in_main(records)
        yield from self._without_header(records)

    def _without_order(self, kind: str, table: sa.Table, records: list[str] | None) -> Iterator[HeldOrder]:
        if records is None:
            for row in self._rows(self._select(table, None).where(waits(table), has_no_order(table))):
                reason = f"record_uuid of {kind} {row['delta_uuid']} {_no_uuid(row['record_uuid'])}: it names no order"
                yield _held(row | {"record_uuid": None}, Cause.NO_RECORD_UUID, reason)

    def _unknown(self, kind: str, table: sa.Table, records: list[str] | None) -> Iterator[HeldOrder]:
        no_state = sa.case((has_unknown_state(table), 1), else_=0).label("no_state")
        columns = (table.c.sync_state, table.c.action_type, no_state)
        first = State.NEW if kind == "header" else State.PENDING
        for row in self._rows(self._select(table, records, *columns).where(is_unknown(table))):
            name = "sync_state" if row["no_state"] else "action_type"
            reason = f"its {kind} {row['delta_uuid']} has {name} {shown(row[name])}, which order_sync does not know:"
            if row["no_state"]:
                reason = f"{reason} set it to {first}, or to {State.SYNCED} if there is nothing to do"
                yield _held(row, Cause.UNKNOWN_STATE, reason)
            else:
                yield _held(row, Cause.UNKNOWN_ACTION, f"{reason} set it to {', '.join(Action)}")

    def _without_key(self, kind: str, table: sa.Table, records: list[str] | None) -> Iterator[HeldOrder]:
        names = ["delta_uuid", "line_uuid"] if kind == "line" else ["delta_uuid"]
        query = self._select(table, records, *(table.c[name] for name in names[1:])).where(has_no_key(table))
        for row in self._rows(query):
            name = next(name for name in names if not is_uuid(row[name]))
            yield _held(row, Cause.NO_KEY, f"{name} of one of its {kind}s {_no_uuid(row[name])}: correct it")
        for row in self._reader.doubled(table):
            if records is None or row["record_uuid"] in records:
                reason = f"delta_uuid {row['delta_uuid']} of one of its {kind}s is that of another row, too: correct it"
                yield _held(row, Cause.NO_KEY, reason)

    def _rejected(self, kind: str, table: sa.Table, records: list[str] | None) -> Iterator[HeldOrder]:
        for row in self._rows(self._select(table, records, table.c.sync_error_message).where(is_rejected(table))):
            message = row["sync_error_message"] or "no reason was recorded"
            reason = f"its {kind} {row['delta_uuid']} was rejected: {message}"
            yield _held(row, Cause.REJECTED, reason)

    def _of_another_run(self, kind: str, table: sa.Table, records: list[str] | None) -> Iterator[HeldOrder]:
        held = self._claimable.is_leased(table)
        if self._own_run is not None:
            if kind == "line":
                return  # what another run does with lines that came late is no concern of the others
            other = table.c.sync_run_id != self._own_run
            held = sa.and_(table.c.sync_state == State.PENDING, is_insert(table), other)
        for row in self._rows(self._select(table, records, table.c.sync_run_id).where(held)):
            reason = f"one of its {kind}s is held by run {row['sync_run_id']}"
            yield replace(_held(row, Cause.HELD_BY_RUN, reason), run_id=row["sync_run_id"])

    def _not_in_main(self, records: list[str] | None) -> Iterator[HeldOrder]:
        h, o = self._tables.header_queue, self._tables.orders
        missing = ~sa.exists().where(same_order(o, h))
        for row in self._rows(self._select(h, records).where(waits(h), ~has_no_order(h), missing)):
            yield _held(row | {"delta_uuid": None}, Cause.NO_ORDER, no_order(o.name))

    def _without_header(self, records: list[str] | None) -> Iterator[HeldOrder]:
        """Lines that no header will bring along, of orders that have no item."""
        h, line, o = self._tables.header_queue, self._tables.line_queue, self._tables.orders
        was = h.alias("was")
        any_header = sa.exists().where(same_order(was, line))
        done = sa.exists().where(same_order(was, line), is_insert(was), state_of(was) == State.SYNCED)
        query = self._select(
            line,
            records,
            sa.case((o.c.record_uuid.is_(None), 0), else_=1).label("has_order"),
            sa.case((any_header, 1), else_=0).label("any_header"),
            sa.case((done, 1), else_=0).label("done"),
        ).where(waits(line), ~has_no_order(line), ~self._claimable.has_header(line), o.c.monday_item_id.is_(None))
        for row in self._rows(query):
            of = row | {"delta_uuid": None}
            if row["done"] and not row["has_order"]:
                yield _held(of, Cause.NO_ORDER, no_order(o.name))
            elif row["done"]:
                reason = f"its header in {h.name} is SYNCED, and {o.name} has no monday_item_id of it: restore that"
                yield _held(of, Cause.NO_HEADER, reason)
            else:
                none = "only headers that are no INSERT" if row["any_header"] else "no header"
                reason = f"it has lines that wait, and {h.name} has {none} for them: see that the order system writes"
                yield _held(of, Cause.NO_HEADER, f"{reason} both, or delete the lines")

    def _select(self, table: sa.Table, records: list[str] | None, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        o = self._tables.orders
        names = table if CUSTOMER in table.c else o
        query = sa.select(
            table.c.record_uuid,
            table.c.delta_uuid,
            names.c[CUSTOMER].label("customer"),
            names.c[ORDER_NUMBER].label("order_number"),
            *columns,
        )
        if names is o:
            query = query.select_from(table.outerjoin(o, same_order(o, table)))
        return query if records is None else query.where(table.c.record_uuid.in_(records))


def no_order(orders: str) -> str:
    return f"{orders} has no row with this record_uuid"


def _no_uuid(value: Any) -> str:
    return "is NULL" if value is None else f"is {shown(value)}, which is no uuid"


def _held(row: Row, cause: Cause, reason: str) -> HeldOrder:
    return HeldOrder(
        record_uuid=row["record_uuid"],
        cause=cause,
        reason=reason,
        customer=row["customer"],
        order_number=row["order_number"],
        delta_uuid=row["delta_uuid"],
    )
