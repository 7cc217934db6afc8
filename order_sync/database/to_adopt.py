"""The orders and lines whose items another tool may have made: what they are matched by, and which are known already.

In: the columns of an order that are compared. Out: every order of the main table, and the lines of some.
Reads only, and takes no row: an order is still the queue's and the run's that claims it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from order_sync.database.conditions import unsynced
from order_sync.database.connection import Database, Row, chunks
from order_sync.database.tables import Tables


@dataclass(frozen=True, kw_only=True)
class OrderToMatch:
    """An order with its values by source column. `item_id`: its item as last written, None if there is none."""

    record_uuid: str
    values: Row
    waits: bool
    item_id: int | None


@dataclass(frozen=True, kw_only=True)
class LineToMatch:
    line_uuid: str
    values: Row
    subitem_id: int | None


def orders_to_match(database: Database, tables: Tables, sources: Collection[str]) -> list[OrderToMatch]:
    """Every order, as its newest waiting header has it, or else the main table."""
    orders, items = tables.orders, tables.items
    query = sa.select(
        orders.c.record_uuid, *_named(orders, sources), items.c.item_id.label("order_sync_item")
    ).select_from(orders.outerjoin(items, items.c.record_uuid == orders.c.record_uuid))
    waiting = _waiting(database, tables, sources)
    return [
        OrderToMatch(
            record_uuid=row["record_uuid"],
            values=row | waiting.get(row["record_uuid"], {}),
            waits=row["record_uuid"] in waiting,
            item_id=row["order_sync_item"],
        )
        for row in database.rows(query)
    ]


def _waiting(database: Database, tables: Tables, sources: Collection[str]) -> dict[str, Row]:
    """The newest header of each order that waits or is rejected."""
    h = tables.header_queue
    query = sa.select(h.c.record_uuid, *_named(h, sources)).where(unsynced(h))
    return {row["record_uuid"]: row for row in database.rows(query.order_by(h.c.created_at, h.c.delta_uuid))}


def _named(table: sa.Table, sources: Collection[str]) -> list[sa.Column[Any]]:
    return [column for column in table.columns if column.name in sources and column.name != "record_uuid"]


def lines_to_match(database: Database, tables: Tables, records: Collection[str]) -> dict[str, list[LineToMatch]]:
    """The lines of these orders, by record_uuid."""
    line, subitems = tables.order_lines, tables.subitems
    query = sa.select(
        line.c.line_uuid, line.c.record_uuid, line.c.size_code, line.c.qty, subitems.c.subitem_id
    ).select_from(line.outerjoin(subitems, subitems.c.line_uuid == line.c.line_uuid))
    found: dict[str, list[LineToMatch]] = {}
    for chunk in chunks(records):
        for row in database.rows(query.where(line.c.record_uuid.in_(chunk))):
            of_it = LineToMatch(line_uuid=row["line_uuid"], values=row, subitem_id=row["subitem_id"])
            found.setdefault(row["record_uuid"], []).append(of_it)
    return found
