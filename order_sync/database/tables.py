"""The tables as SQLAlchemy sees them, for SQL Server and SQLite alike.

In: the table names, the schema, and the ORDER_LIST columns that the mapping reads. Out: one `Tables`.
Never alters a table: `create_all` is for an empty database only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import SchemaItem

from order_sync.database.column_types import datetime2, index_uuids, text
from order_sync.database.guid import Guid, uuid_key
from order_sync.database.own_tables import own_tables
from order_sync.database.unreadable import Count, Moment
from order_sync.orders.naming import CUSTOMER, NAMING_COLUMNS, ORDER_NUMBER


def business_columns() -> list[sa.Column[Any]]:
    """The order's own columns, the same in ORDER_LIST_DELTA and ORDER_LIST."""
    return [
        sa.Column(ORDER_NUMBER, text(100)),
        sa.Column(CUSTOMER, text(100)),
        sa.Column("PO NUMBER", text(100)),
        sa.Column("CUSTOMER STYLE", text(100)),
        sa.Column("STYLE DESCRIPTION", text(500)),
        sa.Column("CUSTOMER COLOUR DESCRIPTION", text(255)),
        sa.Column("ORDER TYPE", text(100)),
        sa.Column("TOTAL QTY", sa.SmallInteger),
        sa.Column("ETA CUSTOMER WAREHOUSE DATE", datetime2()),
        sa.Column("FINAL FOB (USD)", sa.Numeric(17, 4)),
    ]


# What a header is read with beside its order's columns; a late line, which comes without a header, has none of it.
QUEUE_SOURCES = ("record_uuid", "delta_uuid", "GroupMonday", "created_at")
# Columns of the design that nothing reads: a site may lack them.
NOT_NEEDED = frozenset({"row_hash"})
# The columns of the site's tables that order_sync writes; the rest is only read.
WRITTEN = frozenset(
    {"sync_state", "sync_run_id", "sync_attempted_at", "sync_completed_at", "sync_error_message", "retry_count"}
    | {"monday_group_id", "monday_item_id", "monday_subitem_id", "parent_item_id", "last_synced_at"}
)
# Those of them that it also sets to NULL; in the queue tables, sync_state always has a value.
EMPTIED = WRITTEN - {"sync_attempted_at", "retry_count", "monday_group_id"}


@dataclass(frozen=True, kw_only=True)
class TableNames:
    """What the site calls the tables. Ours are the prefix ORDER_SYNC_ and a noun."""

    header_queue: str = "ORDER_LIST_DELTA"
    line_queue: str = "ORDER_LIST_LINES_DELTA"
    orders: str = "ORDER_LIST"
    order_lines: str = "ORDER_LIST_LINES"


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The site's four tables, and ours."""

    metadata: sa.MetaData
    header_queue: sa.Table
    line_queue: sa.Table
    orders: sa.Table
    order_lines: sa.Table
    journal: sa.Table
    groups: sa.Table
    boards: sa.Table
    budgets: sa.Table
    log: sa.Table
    items: sa.Table
    subitems: sa.Table
    cancelled: sa.Table
    looks: sa.Table
    edits: sa.Table
    schema_versions: sa.Table

    @property
    def site(self) -> tuple[sa.Table, ...]:
        return (self.header_queue, self.line_queue, self.orders, self.order_lines)

    @property
    def ours(self) -> tuple[sa.Table, ...]:
        of_runs = (self.journal, self.groups, self.boards, self.budgets, self.log)
        return (*of_runs, self.items, self.subitems, self.cancelled, self.looks, self.edits, self.schema_versions)

    @cached_property
    def order_columns(self) -> list[sa.Column[Any]]:
        """The columns that describe an order: the queue's own, then those only ORDER_LIST has."""
        ours = {c.name for c in self.header_queue.columns}
        tracking = {"record_uuid", "sync_state", "monday_item_id", "last_synced_at", "sync_error_message"}
        business = [self.header_queue.c[c.name] for c in business_columns()]
        return business + [c for c in self.orders.columns if c.name not in ours | tracking]


_ONLY_MAPPED = "order_sync_only_mapped"
LEADING = "order_sync_leading"  # of an index: how many of its columns a site's own index has to begin with; else one


def is_only_mapped(column: sa.Column[Any]) -> bool:
    """Does only the mapping know the column? Then a slip of the pen in the mapping may be all there is of it."""
    return bool(column.info.get(_ONLY_MAPPED))


def make_tables(
    names: TableNames | None = None, *, schema: str | None = None, mapped_columns: Iterable[str] = ()
) -> Tables:
    """The tables under the site's names; `mapped_columns` are further ORDER_LIST columns to read."""
    names = names or TableNames()
    metadata = sa.MetaData(schema=schema)
    header_queue = _queue(
        metadata,
        names.header_queue,
        ["record_uuid"],
        *business_columns(),
        sa.Column("GroupMonday", text(255)),
        sa.Column("row_hash", sa.CHAR(64)),
        sa.Column("monday_group_id", text(128)),
        sa.Column("monday_item_id", sa.BigInteger),
        sa.Index(f"IX_{names.header_queue}_item", "monday_item_id"),
        sa.Index(f"IX_{names.header_queue}_number", ORDER_NUMBER),
    )
    line_queue = _queue(
        metadata,
        names.line_queue,
        ["line_uuid", "record_uuid"],
        sa.Column("size_code", text(20)),
        sa.Column("qty", sa.Integer),
        sa.Column("row_hash", sa.CHAR(64)),
        sa.Column("monday_subitem_id", sa.BigInteger),
        sa.Column("parent_item_id", sa.BigInteger),
    )
    index_uuids(line_queue, "line", "record", primary=True)
    known = {c.name.lower() for c in header_queue.columns} | {"last_synced_at"}
    extra = {name.lower(): name for name in reversed([*NAMING_COLUMNS, *mapped_columns]) if name.lower() not in known}
    return Tables(
        metadata=metadata,
        header_queue=header_queue,
        line_queue=line_queue,
        orders=_orders(metadata, names.orders, reversed(extra.values())),
        order_lines=_order_lines(metadata, names.order_lines),
        **own_tables(metadata),
    )


# Every command, step and sensor tick asks for the same tables.
@lru_cache(maxsize=8)
def shared_tables(names: TableNames, schema: str | None, mapped_columns: tuple[str, ...]) -> Tables:
    """The same as `make_tables`, made once in a process: nobody may change them."""
    return make_tables(names, schema=schema, mapped_columns=mapped_columns)


def _queue(metadata: sa.MetaData, name: str, of: Iterable[str], *parts: SchemaItem) -> sa.Table:
    """A queue table: the uuids that its rows are `of`, `parts` of its own, and what order_sync keeps in each row."""
    queue = sa.Table(
        name,
        metadata,
        sa.Column("delta_uuid", Guid(), primary_key=True),
        *(sa.Column(uuid, Guid(), nullable=False) for uuid in of),
        sa.Column("action_type", sa.String(10), nullable=False),
        sa.Column("sync_state", sa.String(10), nullable=False),
        *parts,
        sa.Column("sync_run_id", sa.String(36)),
        sa.Column("sync_attempted_at", datetime2(Moment())),
        sa.Column("sync_completed_at", datetime2(Moment())),
        sa.Column("sync_error_message", text()),
        sa.Column("retry_count", Count, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", datetime2(Moment()), nullable=False),
        sa.Index(f"IX_{name}_state", "sync_state", "record_uuid", "created_at", info={LEADING: 2}),
        sa.Index(f"IX_{name}_completed", "sync_completed_at"),
    )
    index_uuids(queue, "record")
    _index_by_run(queue)
    index_uuids(queue, "delta", primary=True)
    return queue


def _orders(metadata: sa.MetaData, name: str, extra: Iterable[str]) -> sa.Table:
    orders = sa.Table(
        name,
        metadata,
        sa.Column("record_uuid", Guid(), primary_key=True),
        *business_columns(),
        *(sa.Column(c, text(255), info={_ONLY_MAPPED: c not in NAMING_COLUMNS}) for c in extra),
        sa.Column("sync_state", sa.String(10)),
        sa.Column("monday_item_id", sa.BigInteger),
        sa.Column("last_synced_at", datetime2(Moment())),
        sa.Column("sync_error_message", text()),
        sa.Index(f"IX_{name}_number", ORDER_NUMBER),
    )
    index_uuids(orders, "record", primary=True)
    return orders


def _order_lines(metadata: sa.MetaData, name: str) -> sa.Table:
    order_lines = sa.Table(
        name,
        metadata,
        sa.Column("line_uuid", Guid(), primary_key=True),
        sa.Column("record_uuid", Guid(), nullable=False),
        sa.Column("size_code", text(20)),
        sa.Column("qty", sa.Integer),
        sa.Column("sync_state", sa.String(10)),
        sa.Column("monday_subitem_id", sa.BigInteger),
        sa.Column("parent_item_id", sa.BigInteger),
        sa.Column("last_synced_at", datetime2(Moment())),
        sa.UniqueConstraint("record_uuid", "size_code", name=f"UQ_{name}_size"),
    )
    index_uuids(order_lines, "record", primary=True)
    index_uuids(order_lines, "line", "record", primary=True)
    return order_lines


def _index_by_run(queue: sa.Table) -> None:
    """By what a run holds, and within that by order: an order's rows are asked for with both."""
    held = (queue.c.sync_state, queue.c.sync_run_id)
    made = {
        "sqlite": sa.Index(f"IX_{queue.name}_run_key", *held, uuid_key(queue.c.record_uuid)),
        "mssql": sa.Index(f"IX_{queue.name}_run", *held, queue.c.record_uuid, queue.c.created_at),
    }
    for dialect, index in made.items():
        index.ddl_if(dialect=dialect).info.update({"dialect": dialect, LEADING: 2})
