"""How the queue tables stand: who holds rows, and what waits, is rejected or is left alone.

In: a database and its tables. Out: plain rows of counts, for people and for deciding whether a run is due.
Reads only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from order_sync.database.built_once import built_once
from order_sync.database.claimable import Claimable
from order_sync.database.conditions import (
    alike,
    folded,
    has_no_order,
    is_claimed,
    is_insert,
    is_of_run,
    is_rejected,
    is_synced,
    of_each_row,
    same_order,
    twice,
    unsynced,
    waits,
)
from order_sync.database.connection import Database, Row, chunks, in_one_read
from order_sync.database.customers import merged, spelling
from order_sync.database.guid import canonical, loose_key
from order_sync.database.tables import Tables
from order_sync.database.unreadable import shown
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER, Customers, customer_key, text_key
from order_sync.orders.states import State

# The outcomes of a run's rows of one customer: the columns of its table.
OUTCOMES = ("items", "subitems", "headers synced", "lines synced", "rejected", "waiting")

ROUNDING = timedelta(minutes=1)  # the most that a site's type for sync_attempted_at may round to
RECENT = timedelta(days=1)  # of the SYNCED rows, those that are counted; `order-sync report` looks further back


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A run's hold on a row, as found in the tables."""

    run_id: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class Unclear:
    """Waiting rows that do not say clearly what they are, each as delta_uuid, record_uuid, customer, order_number.

    `headers` and `lines` share their delta_uuid with another row, which only a table without a primary key can have.
    `contradicting` has the first header of each order whose headers do not agree on what the order is, with a reason:
    one of them would be lost if the newest counted. `any_nameless`: there are rows that name no order.
    """

    headers: list[Row]
    lines: list[Row]
    contradicting: list[Row]
    any_nameless: bool = False

    @property
    def records(self) -> set[str]:
        """The orders that no run takes up because of these rows."""
        return {row["record_uuid"] for rows in (self.headers, self.lines, self.contradicting) for row in rows}


def outcomes(headers: Iterable[Row], lines: Iterable[Row]) -> list[Row]:
    """A run's rows counted: customer, row (header, line), state, rows, and made.

    `made` is the number of their items or subitems: the versions of an order share one. The rows are as
    QueueReader.run_headers and run_lines have them, the oldest headers first.
    """
    customers = Customers()
    found: dict[tuple[str, str, str | None], Row] = {}
    made: set[tuple[str, str, str | None, int]] = set()
    for kind, own_id, rows in (("header", "monday_item_id", headers), ("line", "monday_subitem_id", lines)):
        for row in rows:
            key = (kind, customers.name(row["customer"]), row["sync_state"])
            of = found.setdefault(key, {"rows": 0, "made": 0})
            of["rows"] += 1
            if row[own_id] is not None:
                of["made"] += (*key, row[own_id]) not in made
                made.add((*key, row[own_id]))
    return [{"row": kind, "customer": name, "state": state, **of} for (kind, name, state), of in found.items()]


class QueueCounts:
    """Counts the rows of the queue tables. Writes nothing."""

    def __init__(self, database: Database, tables: Tables, *, lease_seconds: float) -> None:
        self.database = database
        self.tables = tables
        self.lease = timedelta(seconds=lease_seconds)

    def claimable(self, over: Collection[str] = (), now: datetime | None = None) -> Claimable:
        """What a run may claim now. `over` names runs that have ended: what they hold is free."""
        now = now or self.database.current_time()
        # One that was taken later was taken before the clock was set back: no lease seems longer than two.
        latest = now + max(self.lease, ROUNDING)
        return Claimable(tables=self.tables, expired=now - self.lease, latest=latest, over=tuple(over))

    def leases(self) -> list[Lease]:
        """Who holds claimed rows now."""
        claimed = (
            sa.select(alike(table.c.sync_run_id).label("run_id"), sa.func.count().label("rows"))
            .where(is_claimed(table))
            .group_by(table.c.sync_run_id)
            for table in (self.tables.header_queue, self.tables.line_queue)
        )
        held: Counter[str] = Counter()
        for row in self.database.rows(sa.union_all(*claimed)):
            held[row["run_id"]] += row["rows"]
        return [Lease(run_id=run_id, rows=rows) for run_id, rows in sorted(held.items())]

    def stuck(self) -> list[Row]:
        """Rows that a run has claimed and left behind: their lease has expired, and any run may claim them.

        Counted by customer and run, as customer, run_id, rows and since (the oldest lease's last renewal). Lines count
        where they wait for no header any more: the others come with their header.
        """
        found: list[Row] = []
        for table, query in (
            (self.tables.header_queue, self.claimable().headers()),
            (self.tables.line_queue, self.claimable().lines()),
        ):
            left = (
                query.add_columns(table.c.sync_run_id.label("run_id"), table.c.sync_attempted_at.label("since"))
                .where(table.c.sync_state == State.PENDING, table.c.sync_run_id.is_not(None))
                .subquery()
            )
            counted = sa.select(
                sa.func.max(left.c.customer).label("customer"),
                left.c.run_id,
                sa.func.count().label("rows"),
                sa.func.min(left.c.since).label("since"),
            ).group_by(spelling(left.c.customer), left.c.run_id)
            found += self.database.rows(
                counted if table is self.tables.header_queue else counted.where(left.c.late == 1)
            )
        return merged(found, add=["rows"], least="since")

    def order_numbers(self, records: Collection[str]) -> dict[str, str | None]:
        """What people call orders, by record_uuid, as far as their headers say."""
        h = self.tables.header_queue
        query = sa.select(h.c.record_uuid, h.c[ORDER_NUMBER].label("number"))
        found = (row for some in chunks(records) for row in self.database.rows(query.where(h.c.record_uuid.in_(some))))
        return {row["record_uuid"]: row["number"] for row in found}

    @in_one_read
    def errors(self, run_id: str | None = None) -> list[Row]:
        """Rows in ERROR (of one run, or all): table, customer, order_number, record_uuid, size, reason."""
        h, line, o = self.tables.header_queue, self.tables.line_queue, self.tables.orders
        headers = sa.select(
            h.c[CUSTOMER].label("customer"),
            h.c[ORDER_NUMBER].label("order_number"),
            h.c.sync_error_message.label("reason"),
            h.c.record_uuid,
            h.c.delta_uuid,
        ).where(is_rejected(h))
        lines = (
            sa.select(
                o.c[CUSTOMER].label("customer"),
                o.c[ORDER_NUMBER].label("order_number"),
                line.c.size_code.label("size"),
                line.c.sync_error_message.label("reason"),
                line.c.record_uuid,
                line.c.delta_uuid,
            )
            .select_from(line.outerjoin(o, o.c.record_uuid == line.c.record_uuid))
            .where(is_rejected(line))
        )
        if run_id is not None:
            headers = headers.where(is_of_run(h, run_id))
            lines = lines.where(is_of_run(line, run_id))
        rows: list[Row] = [
            *({"row": "header", "size": None} | row for row in self.database.rows(headers)),
            *({"row": "line"} | row for row in self.database.rows(lines)),
        ]
        return sorted(rows, key=lambda r: (r["customer"] or "", r["order_number"] or "", r["delta_uuid"] or ""))

    def counts(self, *, synced: bool = True) -> list[Row]:
        """Rows by customer and state: customer, row (header, line), state, rows, oldest (created_at).

        Of the SYNCED ones, which the queue keeps for years, those of the last day (RECENT); none without `synced`.
        """
        since = self.database.current_time() - RECENT
        customers = Customers()
        found: list[Row] = []
        for kind, table in (("header", self.tables.header_queue), ("line", self.tables.line_queue)):
            recent = sa.and_(is_synced(table), table.c.sync_completed_at >= since)
            which = (unsynced(table), recent) if synced else (unsynced(table),)
            rows = self.database.rows(*(self._by_customer(table, some) for some in which))
            counted = [row | {"state": row["state"] and folded(row["state"])} for row in rows]
            found += [{"row": kind} | row for row in merged(counted, add=["rows"], least="oldest", customers=customers)]
        return found

    def _by_customer(self, table: sa.Table, which: sa.ColumnElement[bool]) -> sa.Select[Any]:
        """Rows by customer and spelling of the state: customer, state, rows, oldest."""
        o = self.tables.orders
        state = sa.func.rtrim(
            table.c.sync_state, type_=table.c.sync_state.type
        )  # as it is, SQLite would read its index
        counted = (sa.func.count().label("rows"), sa.func.min(table.c.created_at).label("oldest"))
        rows = sa.select(state.label("state"), *counted).where(which).group_by(state)
        if table is self.tables.header_queue:
            customer = table.c[CUSTOMER]
            return rows.add_columns(sa.func.max(customer).label("customer")).group_by(spelling(customer))
        # By order before its customer is looked up: an order has many lines.
        key = loose_key(table.c.record_uuid)
        of = rows.add_columns(key.label("record_uuid")).group_by(key).subquery()
        return (
            sa.select(
                sa.func.max(o.c[CUSTOMER]).label("customer"),
                of.c.state,
                sa.func.sum(of.c.rows).label("rows"),
                sa.func.min(of.c.oldest).label("oldest"),
            )
            .select_from(of.outerjoin(o, same_order(o, of)))
            .group_by(spelling(o.c[CUSTOMER]), of.c.state)
        )

    def count_without_order(self) -> int:
        """Waiting rows that name no order: a run makes them ERROR."""
        tables = (self.tables.header_queue, self.tables.line_queue)
        nameless = (sa.select(t.c.delta_uuid).where(waits(t), has_no_order(t)) for t in tables)
        return self.database.count(sa.union_all(*nameless))

    @in_one_read
    def unclear(self) -> Unclear:
        """The waiting rows that share their key with another, contradict another of the same order, or have none."""
        h, line = self.tables.header_queue, self.tables.line_queue
        keys: dict[str, list[str]] = {of: [] for of in ("headers", "lines", "orders", "nobody")}
        for row in self.database.rows(_marked(self.tables)):
            keys[row["of"]].append(canonical(row["key"] or ""))
        return Unclear(
            headers=self._doubled(h, keys["headers"]),
            lines=self._doubled(line, keys["lines"]),
            contradicting=self._contradicting(keys["orders"]),
            any_nameless=bool(keys["nobody"]),
        )

    def _contradicting(self, records: list[str]) -> list[Row]:
        h = self.tables.header_queue
        query = sa.select(
            h.c.record_uuid, h.c.delta_uuid, h.c[CUSTOMER].label("customer"), h.c[ORDER_NUMBER].label("order_number")
        ).order_by(h.c.created_at, h.c.delta_uuid)
        orders: dict[str, list[Row]] = {}
        for some in chunks(records):
            for row in self.database.rows(query.where(of_each_row(waits(h), is_insert(h)), h.c.record_uuid.in_(some))):
                orders.setdefault(row["record_uuid"], []).append(row)
        return [rows[0] | {"reason": reason} for rows in orders.values() if (reason := _contradiction(rows))]

    def _doubled(self, table: sa.Table, keys: list[str]) -> list[Row]:
        names = {"customer": CUSTOMER, "order_number": ORDER_NUMBER}
        columns = [table.c[name].label(label) for label, name in names.items() if name in table.c]
        query = sa.select(table.c.delta_uuid, table.c.record_uuid, *columns).where(waits(table))
        found = [row for some in chunks(keys) for row in self.database.rows(query.where(table.c.delta_uuid.in_(some)))]
        return [dict.fromkeys(names) | row for row in found]


@built_once
def _marked(tables: Tables) -> sa.CompoundSelect[Any]:
    """What several waiting rows bear (of: headers, lines, orders), and whether any names no order (nobody): key, of."""
    h, line = tables.header_queue, tables.line_queue
    several = {
        "headers": twice(h.c.delta_uuid),
        "lines": twice(line.c.delta_uuid),
        "orders": twice(h.c.record_uuid).where(~has_no_order(h), is_insert(h)),
    }
    marked = [query.add_columns(sa.literal_column(f"'{of}'").label("of")) for of, query in several.items()]
    marked += [
        sa.select(sa.cast(sa.null(), h.c.delta_uuid.type), sa.literal_column("'nobody'"))
        .where(waits(table), has_no_order(table))
        .distinct()
        for table in (h, line)
    ]
    return sa.union_all(*marked)


def _contradiction(headers: Sequence[Row]) -> str | None:
    """In what the waiting headers of one order differ that can only be one thing; None where they agree."""
    first = headers[0]
    for what, name, key in (("customer", "customer", customer_key), ("order number", "order_number", text_key)):
        other = next((row for row in headers if key(row[name]) != key(first[name])), None)
        if other:
            return (
                f"its headers {first['delta_uuid']} and {other['delta_uuid']} name the {what}s "
                f"{shown(first[name])} and {shown(other[name])}: one record_uuid is one order"
            )
    return None
