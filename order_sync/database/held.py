"""Why an order is held: the one place that answers it, for runs, dry runs, commands, checks and sensors.

In: the queue tables and ORDER_LIST as they are. Out: each order that is held, with one reason, in a sentence.
Reads only what stands out: no SYNCED row, and none that a run can take up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from order_sync.database.built_once import alias
from order_sync.database.cancelled import is_off_the_board
from order_sync.database.conditions import (
    alike,
    flag,
    has_no_key,
    has_no_order,
    has_unknown_action,
    has_unknown_state,
    is_delete,
    is_rejected,
    is_superseded,
    same_order,
    state_of,
    unsynced,
    waits,
)
from order_sync.database.connection import Row, chunks
from order_sync.database.counts import QueueCounts, Unclear
from order_sync.database.guid import is_uuid, loose_key
from order_sync.database.unreadable import shown
from order_sync.orders.codes import CAUSES, Cause
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER, customer_key
from order_sync.orders.states import Action, State

RANK = {cause: rank for rank, cause in enumerate(CAUSES)}
KEYS = ("delta_uuid", "line_uuid")


@dataclass(frozen=True, kw_only=True)
class HeldOrder:
    """An order that is held, and why. `record_uuid` is None where a row names no order."""

    record_uuid: str | None
    cause: Cause
    reason: str
    customer: str | None = None
    order_number: str | None = None
    delta_uuid: str | None = None  # the row that holds it, where it is one
    run_id: str | None = None  # the run that holds it

    @property
    def needs_a_person(self) -> bool:
        """No run can claim it until somebody fixes the cause. A rejected row is also reported separately."""
        return self.cause is not Cause.HELD_BY_RUN

    @property
    def shown(self) -> str:
        return f"{self.cause}: {self.reason}"

    def __str__(self) -> str:
        of = f"order {self.record_uuid}" if self.record_uuid else "a row without a record_uuid"
        return f"{of} is held ({self.cause}): {self.reason}"


def held_orders(
    reader: QueueCounts, *, over: Collection[str] = (), records: Collection[str] | None = None
) -> list[HeldOrder]:
    """Every order that is held, or those of `records` that are; each once, with what holds it first of all.

    `over` names runs that have ended: what they hold is free.
    """
    look = _Look(reader, over)

    def found() -> list[HeldOrder]:
        return [held for chunk in ([None] if records is None else chunks(records)) for held in look.at(chunk)]

    return _each_once(reader.database.together(found))


def _each_once(orders: Iterable[HeldOrder]) -> list[HeldOrder]:
    """Each order with what holds it first of all."""
    found: dict[tuple[str | None, str | None], HeldOrder] = {}
    for held in orders:
        key = (held.record_uuid, None if held.record_uuid else held.delta_uuid or held.reason)
        if key not in found or RANK[held.cause] < RANK[found[key].cause]:
            found[key] = held
    return sorted(found.values(), key=lambda held: (RANK[held.cause], held.record_uuid or "", held.reason))


def held_at_commit(reader: QueueCounts, run_id: str, over: Collection[str]) -> tuple[list[HeldOrder], list[HeldOrder]]:
    """In one look: every order that is held for other runs, and those that this run must not commit.

    What the run itself holds is no reason. A header of another run keeps an order from being committed whether its
    lease is good or not, and a line of another run does not.
    """
    look = _Look(reader, [*over, run_id], run_id)

    def both() -> tuple[list[HeldOrder], list[HeldOrder]]:
        rows, others = list(look.odd(None)), list(look.others(None))
        waits = [held for row, held in rows if held.cause is not Cause.HELD_BY_RUN or row["leased"]]
        stays = [held for row, held in rows if held.cause is not Cause.HELD_BY_RUN or row["kind"] == "header"]
        return _each_once([*waits, *others]), _each_once([*stays, *others])

    return reader.database.together(both)


def of_customers(held: Collection[HeldOrder], customers: Collection[str]) -> list[HeldOrder]:
    """Those of some customers; of all where none are named."""
    wanted = {customer_key(customer) for customer in customers}
    return [order for order in held if not wanted or customer_key(order.customer) in wanted]


def unexpected(held: Collection[HeldOrder]) -> list[HeldOrder]:
    """Those that nothing else reports: rejected rows and leases have reports of their own."""
    return [order for order in held if order.cause not in (Cause.REJECTED, Cause.HELD_BY_RUN)]


class _Look:
    """One look at the tables, at all orders or at some."""

    def __init__(self, reader: QueueCounts, over: Collection[str], own_run: str | None = None) -> None:
        self._reader = reader
        self._rows = reader.database.rows
        self._tables = reader.tables
        self._claimable = reader.claimable(over)
        self._own_run = own_run

    def at(self, records: list[str] | None) -> Iterator[HeldOrder]:
        yield from (held for _, held in self.odd(records))
        yield from self.others(records)

    def odd(self, records: list[str] | None) -> Iterator[tuple[Row, HeldOrder]]:
        for row in self._rows(sa.union_all(*(self._odd(kind, records) for kind in ("header", "line")))):
            yield row, self._held(row)

    def others(self, records: list[str] | None) -> Iterator[HeldOrder]:
        for kind, rows in (("header", self._unclear.headers), ("line", self._unclear.lines)):
            for row in rows:
                if records is None or row["record_uuid"] in records:
                    of = f"delta_uuid {row['delta_uuid']} of one of its {kind}s"
                    yield _held(row, Cause.NO_KEY, f"{of} is also that of another row: correct it")
        for row in self._unclear.contradicting:
            if records is None or row["record_uuid"] in records:
                yield _held(row, Cause.CONTRADICTION, row["reason"])
        yield from self._without_header(records)

    @cached_property
    def _unclear(self) -> Unclear:
        return self._reader.unclear()

    def _odd(self, kind: str, records: list[str] | None) -> sa.Select[Any]:
        """The rows that hold their order, each with the first cause that it is of: all of them in one pass."""
        line = self._tables.line_queue
        table = line if kind == "line" else self._tables.header_queue
        o, cause = self._tables.orders, self._cause(table, named_only=records is not None).label("cause")
        no_line = sa.cast(sa.null(), line.c.line_uuid.type).label("line_uuid")
        keys = [sa.literal_column(f"'{kind}'").label("kind"), table.c.delta_uuid, table.c.get("line_uuid", no_line)]
        names = table if CUSTOMER in table.c else o
        texts = {name: table.c[name] for name in ("sync_state", "action_type", "sync_error_message", "sync_run_id")}
        texts |= {"customer": names.c[CUSTOMER], "order_number": names.c[ORDER_NUMBER]}
        labelled = (alike(text).label(name) for name, text in texts.items())
        leased = flag(self._claimable.is_leased(table)).label("leased")
        query = sa.select(table.c.record_uuid, *keys, *labelled, leased, cause)
        if names is o:
            query = query.select_from(table.outerjoin(o, same_order(o, table)))
        if records is not None:
            query = query.where(table.c.record_uuid.in_(records))
        found = query.where(unsynced(table)).subquery()
        return sa.select(found).where(found.c.cause.is_not(None))

    def _cause(self, table: sa.Table, *, named_only: bool) -> sa.ColumnElement[int | None]:
        """The rank of what holds the order of an unsynced row; NULL where the row holds nothing."""
        waiting = [] if named_only else [(has_no_order(table), RANK[Cause.NO_RECORD_UUID])]
        waiting.append((has_no_key(table), RANK[Cause.NO_KEY]))
        if table is self._tables.header_queue:
            in_main = sa.exists().where(same_order(self._tables.orders, table))
            missing = sa.and_(
                ~has_no_order(table), ~is_delete(table), ~is_superseded(table, self._tables.header_queue), ~in_main
            )
            waiting.append((missing, RANK[Cause.NO_ORDER]))
        waiting += [(held, RANK[Cause.HELD_BY_RUN]) for held in self._of_another_run(table)]
        return sa.case(
            (waits(table), sa.case(*waiting)),
            (has_unknown_state(table), RANK[Cause.UNKNOWN_STATE]),
            (has_unknown_action(table), RANK[Cause.UNKNOWN_ACTION]),
            (sa.and_(is_rejected(table), ~is_superseded(table, self._tables.header_queue)), RANK[Cause.REJECTED]),
        )

    def _of_another_run(self, table: sa.Table) -> list[sa.ColumnElement[bool]]:
        if self._own_run is None or table is self._tables.line_queue:
            return [self._claimable.is_leased(table)]
        return [sa.and_(table.c.sync_state == State.PENDING, table.c.sync_run_id != self._own_run)]

    def _held(self, row: Row) -> HeldOrder:
        """What holds the order of an odd row, in a sentence."""
        cause, kind = CAUSES[row["cause"]], row["kind"]
        its = f"its {kind} {row['delta_uuid']}"
        match cause:
            case Cause.NO_RECORD_UUID:
                reason = (
                    f"record_uuid of {kind} {row['delta_uuid']} {_no_uuid(row['record_uuid'])}: it belongs to no order"
                )
                return _held(row | {"record_uuid": None}, cause, reason)
            case Cause.UNKNOWN_STATE:
                first = State.NEW if kind == "header" else State.PENDING
                reason = f"{its} has sync_state {shown(row['sync_state'])}, which order_sync does not know:"
                return _held(row, cause, f"{reason} set it to {first}, or to {State.SYNCED} if nothing is left to do")
            case Cause.UNKNOWN_ACTION:
                reason = f"{its} has action_type {shown(row['action_type'])}, which order_sync does not know:"
                return _held(row, cause, f"{reason} set it to {', '.join(Action)}")
            case Cause.NO_KEY:
                name = next(name for name in KEYS[: 2 if kind == "line" else 1] if not is_uuid(row[name]))
                return _held(row, cause, f"{name} of one of its {kind}s {_no_uuid(row[name])}: correct it")
            case Cause.REJECTED:
                message = row["sync_error_message"] or "no reason was recorded"
                return _held(row, cause, f"{its} was rejected: {message}")
            case Cause.NO_ORDER:
                return _held(row | {"delta_uuid": None}, cause, no_order(self._tables.orders.name))
            case _:
                reason = f"one of its {kind}s is held by run {row['sync_run_id']}"
                return replace(_held(row, cause, reason), run_id=row["sync_run_id"])

    def _without_header(self, records: list[str] | None) -> Iterator[HeldOrder]:
        """Orders that have no item, and lines that no header will bring along."""
        h, line, o = self._tables.header_queue, self._tables.line_queue, self._tables.orders
        key = loose_key(line.c.record_uuid)
        # An order has many lines. One that is to go away needs no header.
        waiting = sa.select(key.label("record_uuid")).where(waits(line), ~is_delete(line)).group_by(key)
        if records is not None:
            waiting = waiting.where(line.c.record_uuid.in_(records))
        of = waiting.subquery()
        was = alias(h, "was")
        any_header = sa.exists().where(same_order(was, of))
        done = sa.exists().where(same_order(was, of), state_of(was) == State.SYNCED)
        query = (
            sa.select(
                of.c.record_uuid,
                o.c[CUSTOMER].label("customer"),
                o.c[ORDER_NUMBER].label("order_number"),
                sa.case((o.c.record_uuid.is_(None), 0), else_=1).label("has_order"),
                sa.case((any_header, 1), else_=0).label("any_header"),
                sa.case((done, 1), else_=0).label("done"),
                flag(is_off_the_board(self._tables, of.c.record_uuid)).label("is_off"),
            )
            .select_from(of.outerjoin(o, same_order(o, of)))
            .where(~self._claimable.has_header(of), o.c.monday_item_id.is_(None))
        )
        named = (row for row in self._rows(query) if is_uuid(row["record_uuid"]))  # the few rest have another cause
        for row in named:
            held = row | {"delta_uuid": None}
            if row["is_off"]:
                reason = f"it was cancelled, but {line.name} has waiting lines for it: queue its header again,"
                yield _held(held, Cause.NO_HEADER, f"{reason} or delete the lines")
            elif row["done"] and not row["has_order"]:
                yield _held(held, Cause.NO_ORDER, no_order(o.name))
            elif row["done"]:
                reason = f"its header in {h.name} is SYNCED, but {o.name} lacks its monday_item_id: restore it"
                yield _held(held, Cause.NO_HEADER, reason)
            else:
                none = "no header that can be read" if row["any_header"] else "no header"
                reason = f"it has waiting lines, but {h.name} has {none} for them: make the order system write"
                yield _held(held, Cause.NO_HEADER, f"{reason} both, or delete the lines")


def no_order(orders: str) -> str:
    return f"{orders} has no row with this record_uuid"


def _no_uuid(value: Any) -> str:
    return "is NULL" if value is None else f"is {shown(value)}, which is not a uuid"


def _held(row: Row, cause: Cause, reason: str) -> HeldOrder:
    return HeldOrder(
        record_uuid=row["record_uuid"],
        cause=cause,
        reason=reason,
        customer=row["customer"],
        order_number=row["order_number"],
        delta_uuid=row["delta_uuid"],
    )
