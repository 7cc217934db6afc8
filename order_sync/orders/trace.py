"""The whole story of an order, from the queue tables, the main tables and the log.

In: a record_uuid or an order number. Out: for each order its rows as they are, and what happened to them, in time.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from order_sync.orders.database import Database, Row, chunks
from order_sync.orders.links import Links
from order_sync.orders.tables import CUSTOMER, ORDER_NUMBER, State, Tables

UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)

TRACKING = (
    "delta_uuid",
    "action_type",
    "sync_state",
    "sync_run_id",
    "sync_attempted_at",
    "sync_completed_at",
    "sync_error_message",
    "retry_count",
    "created_at",
)
# What an event says as the log has it.
LOGGED = (
    "delta_uuid",
    "run_id",
    "board_id",
    "monday_id",
    "code",
    "message",
    "request_id",
    "idempotency_key",
    "payload",
)


def trace(database: Database, tables: Tables, links: Links, wanted: str) -> list[dict[str, Any]]:
    """Each order that `wanted` names: record_uuid, customer, order_number, sync_state, monday_item_id, item_url,
    board_id, board, last_synced_at, headers, lines, events and next (what there is to do). Reads only.

    An event has at, what, row (header or line), delta_uuid, run_id, run_url, monday_id, code, message, request_id,
    board_id, idempotency_key and payload. A header and a line have an item_url, a line that of its header's item.
    """
    return [_story(database, tables, links, record) for record in _records(database, tables, wanted.strip())]


def _records(database: Database, tables: Tables, wanted: str) -> list[str]:
    h, o = tables.header_queue, tables.orders
    queries: list[sa.Select[Any]] = []
    if UUID.fullmatch(wanted):
        key = str(uuid.UUID(wanted))
        line = tables.line_queue
        queries += [sa.select(t.c.record_uuid).where(t.c.record_uuid == key) for t in (o, h, line)]
        queries += [sa.select(t.c.record_uuid).where(t.c.delta_uuid == key) for t in (h, line)]
    queries += [sa.select(t.c.record_uuid).where(t.c[ORDER_NUMBER] == wanted) for t in (o, h)]
    return list(dict.fromkeys(row["record_uuid"] for row in database.rows(*queries)))


def _story(database: Database, tables: Tables, links: Links, record: str) -> dict[str, Any]:
    h, line, o, log = tables.header_queue, tables.line_queue, tables.orders, tables.log
    own: tuple[sa.Column[Any], ...] = (h.c.monday_group_id, h.c.monday_item_id, h.c[CUSTOMER], h.c[ORDER_NUMBER])
    header_columns = [*(h.c[name] for name in TRACKING), *own]
    own = (line.c.line_uuid, line.c.size_code, line.c.qty, line.c.monday_subitem_id, line.c.parent_item_id)
    line_columns = [*(line.c[name] for name in TRACKING), *own]
    headers = database.rows(sa.select(*header_columns).where(h.c.record_uuid == record).order_by(h.c.created_at))
    lines = database.rows(sa.select(*line_columns).where(line.c.record_uuid == record).order_by(line.c.created_at))
    main = database.rows(
        sa.select(o.c[CUSTOMER], o.c[ORDER_NUMBER], o.c.sync_state, o.c.monday_item_id, o.c.last_synced_at).where(
            o.c.record_uuid == record
        )
    )
    kinds = {row["delta_uuid"]: "header" for row in headers} | {row["delta_uuid"]: "line" for row in lines}
    logged = [
        row
        for chunk in chunks(kinds)
        for row in database.rows(sa.select(log).where(log.c.delta_uuid.in_(chunk)).order_by(log.c.log_id))
    ]
    events = [*_queue_events(headers, "header"), *_queue_events(lines, "line")]
    events += [
        {
            "at": row["logged_at"],
            "what": f"{row['operation']}: {row['outcome']}",
            "row": kinds[row["delta_uuid"]],
            **{name: row[name] for name in LOGGED},
        }
        for row in logged
    ]
    for event in events:
        event["run_url"] = links.run(event["run_id"])
    # The board as last logged: an order may have gone to another one before.
    on_board = {row["delta_uuid"]: row["board_id"] for row in logged if row["board_id"]}
    order_board = next(
        (on_board[row["delta_uuid"]] for row in [*headers, *lines] if row["delta_uuid"] in on_board), None
    )
    order_board = links.or_only(order_board)
    for row in headers:
        row["item_url"] = links.item(on_board.get(row["delta_uuid"], order_board), row["monday_item_id"])
    for row in lines:
        row["item_url"] = links.item(on_board.get(row["delta_uuid"], order_board), row["parent_item_id"])
    order = main[0] if main else {}
    first = headers[0] if headers else {}
    return {
        "record_uuid": record,
        "customer": order.get(CUSTOMER) or first.get(CUSTOMER),
        "order_number": order.get(ORDER_NUMBER) or first.get(ORDER_NUMBER),
        "sync_state": order.get("sync_state"),
        "monday_item_id": order.get("monday_item_id"),
        "item_url": links.item(order_board, order.get("monday_item_id") or first.get("monday_item_id")),
        "board_id": order_board,
        "board": links.board_name(order_board),
        "last_synced_at": order.get("last_synced_at"),
        "headers": headers,
        "lines": lines,
        "events": sorted(events, key=lambda event: str(event["at"])),
        "next": _next(headers, lines, known=bool(main)),
    }


def _queue_events(rows: Iterable[Row], kind: str) -> Iterable[Row]:
    for row in rows:
        for name, what in (
            ("created_at", "queued"),
            ("sync_attempted_at", "claimed"),
            ("sync_completed_at", "SYNCED"),
        ):
            if row[name] is not None:
                run_id = None if name == "created_at" else row["sync_run_id"]
                of = {"delta_uuid": row["delta_uuid"], "run_id": run_id}
                yield {"at": row[name], "what": what, "row": kind} | dict.fromkeys(LOGGED) | of


def _next(headers: list[Row], lines: list[Row], *, known: bool) -> str:
    rows = [row for row in [*headers, *lines] if row["action_type"] == "INSERT"]
    rejected = [row for row in rows if row["sync_state"] == State.ERROR]
    waiting = [row for row in rows if row["sync_state"] in (State.NEW, State.PENDING)]
    if rejected:
        return f"{_rows(rejected)} rejected, so the order waits: correct what is wrong, then run `order-sync retry`."
    if held := sorted({row["sync_run_id"] for row in waiting if row["sync_run_id"]}):
        return f"Run {held[0]} has {_rows(waiting)} of it; if that run is over, the next one takes them up."
    if waiting and not known:
        return "ORDER_LIST has no row with this record_uuid: it cannot be synced before there is one."
    if waiting:
        return f"{_rows(waiting)} waiting for the next run: `order-sync sync`, or the sensor."
    return "Nothing: every row is SYNCED." if rows else "Nothing is queued for this order."


def _rows(rows: list[Row]) -> str:
    return "1 row" if len(rows) == 1 else f"{len(rows)} rows"
