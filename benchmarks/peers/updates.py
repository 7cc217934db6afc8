"""UPDATE rows for orders that are on the board.

In: the orders of a benchmark and how many of them change. Out: rows in the queue tables and the main tables, and what
the changed columns must show afterwards.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import WritableDatabase, chunks
from order_sync.database.tables import make_tables
from order_sync.demo.samples import SampleOrders
from order_sync.demo.words import TOTAL
from order_sync.orders.mapping import ColumnMap, load_mapping
from order_sync.orders.states import Action, State

QTY = "qty"

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Update:
    """An UPDATE of a share of all orders, with all their lines."""

    name: str
    share: float
    differs: bool = True  # else each row says what the board shows already


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the columns of the quantities must show, by the keys of items and of subitems."""

    items: Mapping[str, str]
    subitems: Mapping[str, str]

    @property
    def count(self) -> int:
        return len(self.items) + len(self.subitems)


def queue(path: Path, sample: SampleOrders, update: Update, number: int) -> Wanted:
    """Queues the update and notes its quantities in the sample, whose next update goes on from them."""
    taken = {header["record_uuid"] for header in sample.headers[: max(1, round(update.share * len(sample.headers)))]}
    lines = [line for line in sample.lines if line["record_uuid"] in taken]
    headers = [header for header in sample.headers if header["record_uuid"] in taken]
    if update.differs:
        for line in lines:
            line[QTY] += number
        for header in headers:
            header[TOTAL] = sum(line[QTY] for line in lines if line["record_uuid"] == header["record_uuid"])
    _write(
        path, [_again(row, number, State.NEW) for row in headers], [_again(row, number, State.PENDING) for row in lines]
    )
    if not update.differs:
        return Wanted(items={}, subitems={})
    return Wanted(
        items={header["record_uuid"]: str(header[TOTAL]) for header in headers},
        subitems={line["line_uuid"]: str(line[QTY]) for line in lines},
    )


def shown_columns() -> tuple[str, str]:
    """The columns of the quantities, on the board of items and on that of subitems."""
    mapping = load_mapping()
    return _column_of(mapping.items.columns, TOTAL), _column_of(mapping.subitems.columns, QTY)


def _column_of(columns: tuple[ColumnMap, ...], source: str) -> str:
    return next(column.column for column in columns if column.source == source)


def _again(row: Row, number: int, state: State) -> Row:
    return row | {
        "delta_uuid": str(uuid.uuid5(uuid.UUID(row["delta_uuid"]), str(number))),
        "action_type": Action.UPDATE,
        "sync_state": state,
        "created_at": row["created_at"] + timedelta(days=number),
    }


def _write(path: Path, headers: list[Row], lines: list[Row]) -> None:
    tables = make_tables(mapped_columns=load_mapping().item_sources)
    orders, order_lines = tables.orders, tables.order_lines
    database = WritableDatabase(f"sqlite:///{path}")
    try:
        with database.write() as connection:
            for table, rows in ((tables.header_queue, headers), (tables.line_queue, lines)):
                for chunk in chunks(rows):
                    connection.execute(sa.insert(table), chunk)
            connection.execute(
                sa.update(orders)
                .where(orders.c.record_uuid == sa.bindparam("record"))
                .values({TOTAL: sa.bindparam("total")}),
                [{"record": row["record_uuid"], "total": row[TOTAL]} for row in headers],
            )
            connection.execute(
                sa.update(order_lines)
                .where(order_lines.c.line_uuid == sa.bindparam("line"))
                .values({QTY: sa.bindparam("new_qty")}),
                [{"line": row["line_uuid"], "new_qty": row[QTY]} for row in lines],
            )
    finally:
        database.dispose()
