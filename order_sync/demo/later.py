"""What an order system does with its orders later: changes and cancels of orders that are on the board.

In: the demo's tables, and how many orders. Out: UPDATE or DELETE rows of randomly chosen orders in both queue tables.
Never of an order that waits already.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from order_sync.database.conditions import unsynced
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.tables import Tables
from order_sync.demo.samples import SampleOrders, insert_orders
from order_sync.demo.words import ETA, Row
from order_sync.orders.states import Action, State

SHARE = 0.1  # of the orders on the board that change in a day, and of those that are cancelled
LATER = timedelta(days=7)
MORE = 10  # pieces of a line


def change_orders(database: WritableDatabase, tables: Tables, count: int) -> int:
    """Moves the ETA of this many orders by a week, and adds to the quantity of their first line; returns how many."""
    chosen = _synced(database, tables, count)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    headers, lines = [], []
    for header, of_order in chosen:
        eta = (header[ETA] or midnight) + LATER  # one without a date gets one: each of the orders differs
        headers.append(_queued(header, Action.UPDATE, {ETA: eta}))
        lines += [_queued(line, Action.UPDATE, {"qty": line["qty"] + MORE}) for line in of_order[:1]]
    insert_orders(database, tables, SampleOrders(headers=headers, lines=lines))
    return len(chosen)


def cancel_orders(database: WritableDatabase, tables: Tables, count: int) -> int:
    """Cancels this many orders, and all of their lines; returns how many."""
    chosen = _synced(database, tables, count)
    headers = [_queued(header, Action.DELETE) for header, _ in chosen]
    lines = [_queued(line, Action.DELETE) for _, of_order in chosen for line in of_order]
    insert_orders(database, tables, SampleOrders(headers=headers, lines=lines))
    return len(chosen)


def orders_of_a_day(database: Database, tables: Tables) -> int:
    """How many orders change in a day, and how many are cancelled."""
    return int(SHARE * len(database.column(_on_board(tables))))


def _queued(row: Row, action: Action, values: Mapping[str, Any] | None = None) -> Row:
    """A further version of a queue row, which nobody has taken up."""
    done = ("sync_run_id", "sync_attempted_at", "sync_completed_at", "sync_error_message")
    ids = ("monday_group_id", "monday_item_id", "monday_subitem_id", "parent_item_id")
    later: Row = {name: None for name in (*done, *ids) if name in row}
    later |= {"delta_uuid": str(uuid.uuid4()), "action_type": action, "retry_count": 0}
    later["created_at"] = datetime.now(UTC).replace(tzinfo=None)
    later["sync_state"] = State.PENDING if "line_uuid" in row else State.NEW
    return {**row, **later, **(values or {})}


def _synced(database: WritableDatabase, tables: Tables, count: int) -> list[tuple[Row, list[Row]]]:
    """Orders that are on the board, each with its newest header and its lines."""
    h = tables.header_queue
    waiting = set(database.column(sa.select(h.c.record_uuid).where(unsynced(h))))
    records = [key for key in database.column(_on_board(tables)) if key not in waiting]
    chosen = random.Random(time.time_ns()).sample(records, min(count, len(records)))
    rows: dict[sa.Table, dict[str, dict[str, Row]]] = {}
    for table, key in ((h, "record_uuid"), (tables.line_queue, "line_uuid")):
        query = sa.select(table).where(table.c.record_uuid.in_(chosen)).order_by(table.c.created_at, table.c.delta_uuid)
        of_table = rows.setdefault(table, {})
        for row in database.rows(query):
            of_table.setdefault(row["record_uuid"], {})[row[key]] = row  # the newest version counts
    headers, lines = rows[h], rows[tables.line_queue]
    kept = {
        record: [row for row in of_order.values() if row["action_type"] != Action.DELETE]
        for record, of_order in lines.items()
    }
    return [(headers[record][record], kept.get(record, [])) for record in chosen]


def _on_board(tables: Tables) -> sa.Select[tuple[str]]:
    o = tables.orders
    there = sa.select(o.c.record_uuid).where(o.c.sync_state == State.SYNCED, o.c.monday_item_id.is_not(None))
    return there.order_by(o.c.record_uuid)
