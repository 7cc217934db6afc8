"""The whole story of an order, from the queue tables, the main tables and the log.

In: a record_uuid or an order number. Out: for each order its rows as they are, and what happened to them, in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from order_sync.database.conditions import WAITING, folded
from order_sync.database.connection import Database, Row, chunks
from order_sync.database.edits import edits_of
from order_sync.database.guid import canonical, is_uuid
from order_sync.database.held import HeldOrder, held_orders
from order_sync.database.queue import QueueReader
from order_sync.database.tables import Tables
from order_sync.database.written import items_on_record
from order_sync.orders.codes import Cause
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER
from order_sync.orders.states import Action, State
from order_sync.reports.links import Links
from order_sync.text.counted import counted

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
OF_HEADER = (*TRACKING, "monday_group_id", "monday_item_id", CUSTOMER, ORDER_NUMBER)
OF_LINE = (*TRACKING, "line_uuid", "size_code", "qty", "monday_subitem_id", "parent_item_id")
OF_ORDER = (CUSTOMER, ORDER_NUMBER, "sync_state", "monday_item_id", "last_synced_at")
ROW_EVENTS = QUEUED, CLAIMED, SYNCED = "queued", "claimed", "SYNCED"  # what a queue row itself says
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
    board_id, board, last_synced_at, headers, lines, edits, events, held (cause and reason, or None) and next (what
    there is to do). Reads only.

    An edit that people keep on the board has key_uuid (a record_uuid or a line_uuid), column_id, monday_id, on_board,
    not_written, seen_at, run_id, board_id and record_uuid.

    An event has at, what, row (header or line), delta_uuid, run_id, run_url, monday_id, code, message, request_id,
    board_id, idempotency_key and payload. A header and a line have an item_url, a line that of its header's item.
    """
    return [_story(database, tables, links, subject) for subject in _subjects(database, tables, wanted.strip())]


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """What a story is about: an order, or a row that names none."""

    record_uuid: str | None
    delta_uuid: str | None = None

    def has(self, table: sa.Table) -> sa.ColumnElement[bool]:
        if self.record_uuid is not None:
            return table.c.record_uuid == self.record_uuid
        return table.c.delta_uuid == self.delta_uuid if "delta_uuid" in table.c else sa.false()

    def held(self, reader: QueueReader) -> HeldOrder | None:
        if self.record_uuid is not None:
            return next(iter(held_orders(reader, records=[self.record_uuid])), None)
        return next((of for of in held_orders(reader) if of.delta_uuid == self.delta_uuid), None)


def _subjects(database: Database, tables: Tables, wanted: str) -> list[_Subject]:
    h, line, o = tables.header_queue, tables.line_queue, tables.orders
    queries: list[sa.Select[Any]] = []
    if is_uuid(key := canonical(wanted)):
        queries += [sa.select(t.c.record_uuid).where(t.c.record_uuid == key) for t in (o, h, line)]
        queries += [sa.select(t.c.record_uuid, t.c.delta_uuid).where(t.c.delta_uuid == key) for t in (h, line)]
    queries += [sa.select(o.c.record_uuid).where(o.c[ORDER_NUMBER] == wanted)]
    queries += [sa.select(h.c.record_uuid, h.c.delta_uuid).where(h.c[ORDER_NUMBER] == wanted)]
    found = (
        _Subject(record_uuid=row["record_uuid"])
        if is_uuid(row["record_uuid"])
        else _Subject(record_uuid=None, delta_uuid=row.get("delta_uuid"))
        for row in database.rows(*queries)
    )
    return list(dict.fromkeys(found))


def _story(database: Database, tables: Tables, links: Links, subject: _Subject) -> dict[str, Any]:
    def rows(table: sa.Table, names: Iterable[str]) -> list[Row]:
        query = sa.select(*(table.c[name] for name in names)).where(subject.has(table))
        return database.rows(query.order_by(table.c.created_at) if "created_at" in table.c else query)

    headers, lines = rows(tables.header_queue, OF_HEADER), rows(tables.line_queue, OF_LINE)
    main = rows(tables.orders, OF_ORDER)
    kinds = {row["delta_uuid"]: "header" for row in headers} | {row["delta_uuid"]: "line" for row in lines}
    kinds.pop(None, None)
    held = subject.held(QueueReader(database, tables, lease_seconds=0))
    log = tables.log
    logged = [
        row
        for chunk in chunks(kinds)
        for row in database.rows(sa.select(log).where(log.c.delta_uuid.in_(chunk)).order_by(log.c.log_id))
    ]
    events = [*_queue_events(headers, "header"), *_queue_events(lines, "line"), *_log_events(logged, kinds)]
    events = [*_claims_of_log(events), *events]
    for event in events:
        event["run_url"] = links.run(event["run_id"])
    # A row's board as last logged: an order may have been on another one before. What is on record does not expire.
    on_board = {row["delta_uuid"]: row["board_id"] for row in logged if row["board_id"]}
    on_record = items_on_record(database, tables, [subject.record_uuid] if subject.record_uuid else [])
    known = [item.board_id for item in on_record.values()]
    known += [on_board[row["delta_uuid"]] for row in [*headers, *lines] if row["delta_uuid"] in on_board]
    order_board = links.or_only(next(iter(known), None))
    for of_kind, item in ((headers, "monday_item_id"), (lines, "parent_item_id")):
        for row in of_kind:
            row["item_url"] = links.item(on_board.get(row["delta_uuid"], order_board), row[item])
    order = main[0] if main else {}
    first = headers[0] if headers else {}
    return {
        "record_uuid": subject.record_uuid,
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
        "edits": edits_of(database, tables, subject.record_uuid) if subject.record_uuid else [],
        "events": sorted(events, key=lambda event: str(event["at"])),
        "held": {"cause": held.cause, "reason": held.reason} if held else None,
        "next": _next(headers, lines, held),
    }


def _queue_events(rows: Iterable[Row], kind: str) -> Iterable[Row]:
    for row in rows:
        for name, what in zip(("created_at", "sync_attempted_at", "sync_completed_at"), ROW_EVENTS, strict=True):
            if row[name] is not None:
                run_id = None if name == "created_at" else row["sync_run_id"]
                of = {"delta_uuid": row["delta_uuid"], "run_id": run_id}
                yield {"at": row[name], "what": what, "row": kind} | dict.fromkeys(LOGGED) | of


def _claims_of_log(events: list[Row]) -> list[Row]:
    """Claims that the log proves: a queue row remembers its last one only, and no run once it has been released.

    The claim that a row has without its run gets it. An earlier one has no time: it is shown with what the run logged
    first of the row.
    """
    claims = {event["delta_uuid"]: event for event in events if event["what"] == CLAIMED}
    found: list[Row] = []
    first: dict[tuple[str, str], Row] = {}
    for event in events:
        if event["what"] not in ROW_EVENTS and is_uuid(event["run_id"]):
            first.setdefault((event["delta_uuid"], event["run_id"]), event)
    for (delta_uuid, run_id), logged in first.items():
        own = claims.get(delta_uuid)
        if own and own["run_id"] is None and own["at"] <= logged["at"]:
            own["run_id"] = run_id
        elif own is None or own["run_id"] != run_id:
            of = {"at": logged["at"], "row": logged["row"], "delta_uuid": delta_uuid, "run_id": run_id}
            found.append({"what": CLAIMED} | dict.fromkeys(LOGGED) | of)
    return found


def _log_events(logged: Iterable[Row], kinds: Mapping[str, str]) -> Iterable[Row]:
    for row in logged:
        of = {"at": row["logged_at"], "what": f"{row['operation']}: {row['outcome']}", "row": kinds[row["delta_uuid"]]}
        yield of | {name: row[name] for name in LOGGED}


def _next(headers: list[Row], lines: list[Row], held: HeldOrder | None) -> str:
    rows = [row for row in [*headers, *lines] if folded(row["action_type"]) in list(Action)]
    rejected = [row for row in rows if folded(row["sync_state"]) == State.ERROR]
    waiting = [row for row in rows if folded(row["sync_state"]) in WAITING]
    if held and held.cause is Cause.NO_RECORD_UUID:
        return f"{held.reason}. The next run rejects it: {held.cause.step.partition('; ')[2]}."
    if held and held.cause not in (Cause.REJECTED, Cause.HELD_BY_RUN):
        return f"The order is held ({held.cause}): {held.reason}. Next: {held.cause.step}."
    if rejected:
        return f"{_rows(rejected)} rejected, so the order waits: correct what is wrong, then run `order-sync retry`."
    if runs := sorted({row["sync_run_id"] for row in waiting if row["sync_run_id"]}):
        return f"Run {runs[0]} has {_rows(waiting)} of it; if that run has ended, the next one takes them up."
    if waiting:
        return f"{_rows(waiting)} waiting for the next run: `order-sync sync`, or the sensor."
    return "Nothing to do; every row is SYNCED." if rows else "Nothing is queued for this order."


def _rows(rows: list[Row]) -> str:
    return counted(len(rows), "row")
