"""Rows as they are before a run: what a live run would change of them.

In: delta_uuids of queue rows. Out: their states and monday ids, and those of their rows in the main tables.
Reads only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from order_sync.database.connection import Database, chunks
from order_sync.database.tables import Tables
from order_sync.orders.naming import ORDER_NUMBER


@dataclass(frozen=True, kw_only=True, slots=True)
class HeaderState:
    """A header in its queue, and its order in ORDER_LIST."""

    sync_state: str
    monday_group_id: str | None
    monday_item_id: int | None
    order_state: str | None
    order_item_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LineState:
    """A line in its queue, and in ORDER_LIST_LINES; the order's number, and its state and item in ORDER_LIST."""

    order_number: str | None
    sync_state: str
    monday_subitem_id: int | None
    parent_item_id: int | None
    line_state: str | None
    line_subitem_id: int | None
    line_parent_id: int | None
    order_state: str | None
    order_item_id: int | None


def header_states(database: Database, tables: Tables, delta_uuids: Collection[str]) -> dict[str, HeaderState]:
    """By delta_uuid."""
    h, o = tables.header_queue, tables.orders
    query = sa.select(
        h.c.delta_uuid,
        h.c.sync_state,
        h.c.monday_group_id,
        h.c.monday_item_id,
        o.c.sync_state.label("order_state"),
        o.c.monday_item_id.label("order_item_id"),
    ).select_from(h.outerjoin(o, o.c.record_uuid == h.c.record_uuid))
    return {
        row.pop("delta_uuid"): HeaderState(**row)
        for chunk in chunks(delta_uuids)
        for row in database.rows(query.where(h.c.delta_uuid.in_(chunk)))
    }


def line_states(database: Database, tables: Tables, delta_uuids: Collection[str]) -> dict[str, LineState]:
    """By delta_uuid."""
    line, o, m = tables.line_queue, tables.orders, tables.order_lines
    query = sa.select(
        line.c.delta_uuid,
        o.c[ORDER_NUMBER].label("order_number"),
        line.c.sync_state,
        line.c.monday_subitem_id,
        line.c.parent_item_id,
        m.c.sync_state.label("line_state"),
        m.c.monday_subitem_id.label("line_subitem_id"),
        m.c.parent_item_id.label("line_parent_id"),
        o.c.sync_state.label("order_state"),
        o.c.monday_item_id.label("order_item_id"),
    ).select_from(
        line.outerjoin(o, o.c.record_uuid == line.c.record_uuid).outerjoin(
            m, sa.and_(m.c.line_uuid == line.c.line_uuid, m.c.record_uuid == line.c.record_uuid)
        )
    )
    return {
        row.pop("delta_uuid"): LineState(**row)
        for chunk in chunks(delta_uuids)
        for row in database.rows(query.where(line.c.delta_uuid.in_(chunk)))
    }
