"""A site's database for tests: the tables, rows of orders, and the clock of a lease set back.

In: a database and its tables. Out: a `Site` with short ways to what a test does again and again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
import sqlalchemy as sa

from order_sync.database.claims import OrderQueue
from order_sync.database.connection import Database, Row, WritableDatabase
from order_sync.database.journal import Journal
from order_sync.database.tables import Tables, business_columns
from order_sync.demo.samples import SampleOrders, insert_orders
from order_sync.orders.naming import CUSTOMER, NAMING_COLUMNS, ORDER_NUMBER
from order_sync.orders.states import Action, State

BOARD = 4_700_000_001
MORNING = datetime(2026, 11, 23, 8, 0)


def new_uuid() -> str:
    return str(uuid.uuid4())


def make_order(
    *,
    number: str = "A-1",
    customer: str | None = "Weber & Co",
    headers: int = 1,
    lines: int | Sequence[str] = 2,
    minute: int = 0,
    columns: Mapping[str, Any] = MappingProxyType({}),
    name: Callable[..., str] = lambda *_: new_uuid(),
) -> SampleOrders:
    """One record_uuid with its rows in all four tables, created at this minute after eight.

    `lines` are how many, or their sizes. `name` gives each row its uuid, from its kind and its number.
    """
    record_uuid, at = name("record"), MORNING + timedelta(minutes=minute)
    business = dict.fromkeys((column.name for column in business_columns()), None) | {
        ORDER_NUMBER: number,
        CUSTOMER: customer,
        "CUSTOMER STYLE": "TS-1",
        "TOTAL QTY": 12,
        "FINAL FOB (USD)": Decimal("7.2500"),
    }
    naming = dict.fromkeys(NAMING_COLUMNS, None) | {k: v for k, v in columns.items() if k in NAMING_COLUMNS}
    business |= {k: v for k, v in columns.items() if k in business}
    tracking = {"record_uuid": record_uuid, "action_type": Action.INSERT, "created_at": at}
    line_rows = [
        {
            **tracking,
            "delta_uuid": name("line queue", i),
            "line_uuid": name("line", i),
            "sync_state": State.PENDING,
            "size_code": size,
            "qty": i + 1,
        }
        for i, size in enumerate([f"S{i}" for i in range(lines)] if isinstance(lines, int) else lines)
    ]
    return SampleOrders(
        headers=[
            {
                **tracking,
                "delta_uuid": name("header", n),
                "sync_state": State.NEW,
                **business,
                "GroupMonday": columns.get("GroupMonday"),
                "created_at": at + timedelta(seconds=n),  # versions of the order, the newest last
            }
            for n in range(headers)
        ],
        lines=line_rows,
        orders=[{"record_uuid": record_uuid, **business, **naming}],
        order_lines=[{key: row[key] for key in ("line_uuid", "record_uuid", "size_code", "qty")} for row in line_rows],
    )


def together(orders: Iterable[SampleOrders]) -> SampleOrders:
    orders = list(orders)
    return SampleOrders(
        headers=[row for order in orders for row in order.headers],
        lines=[row for order in orders for row in order.lines],
        orders=[row for order in orders for row in order.orders],
        order_lines=[row for order in orders for row in order.order_lines],
    )


@dataclass(frozen=True, kw_only=True)
class Site:
    database: WritableDatabase
    tables: Tables

    def queue(self, *, lease_seconds: float = 600) -> OrderQueue:
        return OrderQueue(self.database, self.tables, lease_seconds=lease_seconds)

    def journal(
        self,
        run_id: str = "run-1",
        *,
        board_id: int = BOARD,
        lease_seconds: float = 180,
        is_over: Callable[[str], bool] = lambda run_id: False,
        log_payloads: bool = False,
    ) -> Journal:
        return Journal(
            self.database,
            self.tables,
            board_id=board_id,
            run_id=run_id,
            lease_seconds=lease_seconds,
            is_over=is_over,
            log_payloads=log_payloads,
        )

    def add(self, *orders: SampleOrders) -> None:
        insert_orders(self.database, self.tables, together(orders))

    def claim(self, run_id: str, *orders: SampleOrders) -> None:
        """The run gets all headers and lines of these orders."""
        queue = self.queue()
        headers, lines = uuids(orders, "headers"), uuids(orders, "lines")
        assert {row["delta_uuid"] for row in queue.claim_headers(run_id, headers)} >= set(headers)
        assert {row["delta_uuid"] for row in queue.claim_lines(run_id, lines)} >= set(lines)

    def rows(self, table: sa.Table, **where: Any) -> list[Row]:
        """All rows, or those with these values, by primary key."""
        query = sa.select(table).filter_by(**where).order_by(*table.primary_key.columns)
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def row(self, table: sa.Table, **where: Any) -> Row:
        [row] = self.rows(table, **where)
        return row

    def change(self, table: sa.Table, values: Row, **where: Any) -> int:
        """Returns how many rows were changed, counted before: what a statement says of that proves nothing."""
        with self.database.write() as connection:
            query = sa.select(sa.func.count()).select_from(table).filter_by(**where)
            found = connection.execute(query).scalar_one()
            connection.execute(sa.update(table).filter_by(**where).values(values))
        return int(found)

    def insert(self, table: sa.Table, *rows: Row) -> None:
        with self.database.write() as connection:
            connection.execute(sa.insert(table), list(rows))

    def age_claims(self, run_id: str, seconds: float) -> None:
        """Sets the lease of a run's rows back by so much."""
        for table in (self.tables.header_queue, self.tables.line_queue):
            self.change(table, {"sync_attempted_at": self.now() - timedelta(seconds=seconds)}, sync_run_id=run_id)

    def age_entry(self, key: str, *, opened: timedelta, sent: timedelta | None = None) -> None:
        """Sets back when a request was opened and, if not said otherwise, when it was sent last."""
        values = {"opened_at": self.now() - opened, "sent_at": self.now() - (opened if sent is None else sent)}
        assert self.change(self.tables.journal, values, idempotency_key=key) == 1

    def now(self) -> datetime:
        with self.database.read() as connection:
            return self.database.now(connection)


def set_clock(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """From now on the database's clock says that much more, or less, than it did."""
    right = Database.now

    def now(self: Database, connection: sa.Connection) -> datetime:
        return right(self, connection) + by

    monkeypatch.setattr(Database, "now", now)


def put_off_the_board(site: Site, *keys: str, of_version: datetime) -> None:
    """As if these orders, or lines, had been cancelled by rows that were created then."""
    row = {"of_version": of_version, "board_id": BOARD, "run_id": "run-0", "cancelled_at": site.now()}
    site.insert(site.tables.cancelled, *({"key_uuid": key, **row} for key in keys))


def uuids(orders: Iterable[SampleOrders], table: str) -> list[str]:
    return [row["delta_uuid"] for order in orders for row in getattr(order, table)]


def record(order: SampleOrders) -> str:
    """The record_uuid of one order."""
    return str(order.orders[0]["record_uuid"])
