"""Puts orders whose items were deleted on the board back into the queue: SYNCED becomes NEW; a run recreates the items.

In: ids of deleted items, by record_uuid. Out: which orders wait again, and which were left as they are, and why.
An order goes back whole, in one transaction; never one that a run is working on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import WritableDatabase, chunks
from order_sync.database.edits import forget_edits
from order_sync.database.entries import Operation
from order_sync.database.run_log import write_lines
from order_sync.database.tables import Tables
from order_sync.database.writes import expect_none
from order_sync.database.written import forget_items
from order_sync.orders.states import State

UNDER_IT = (State.SYNCED, State.ERROR, State.PENDING)  # lines whose subitem may have been deleted with the item
NULL = sa.null()
REQUEUED_BY = "order-sync reconcile"  # in place of a run's id in ORDER_SYNC_LOG


@dataclass(frozen=True, kw_only=True)
class Requeued:
    """Orders that wait again, and those that were left as they are, with the reason."""

    records: list[str] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)


def requeue(database: WritableDatabase, tables: Tables, deleted: Mapping[str, Collection[int]]) -> Requeued:
    """Requeues orders whose items were deleted: `deleted` has the item ids by record_uuid.

    Each order is one transaction and goes back whole. Items of it that are still there keep their place.
    """

    def put_back(record_uuid: str, connection: sa.Connection) -> str | None:
        return _put_back(connection, database, tables, record_uuid, sorted(deleted[record_uuid]))

    return each(database, deleted, put_back)


def each(
    database: WritableDatabase, records: Iterable[str], put_back: Callable[[str, sa.Connection], str | None]
) -> Requeued:
    """Each order in a transaction of its own. `put_back` returns None once it waits again, else why it does not."""
    done = Requeued()
    for record_uuid in records:
        reason = database.transaction(partial(put_back, record_uuid))
        if reason is None:
            done.records.append(record_uuid)
        else:
            done.held[record_uuid] = reason
    return done


def held_by_a_run(rows: Iterable[Any]) -> str | None:
    """Why an order with these queue rows stays as it is, if a run is working on it."""
    run_id = next((row.sync_run_id for row in rows if row.sync_state == State.PENDING and row.sync_run_id), None)
    return run_id and f"run {run_id} holds rows of it: try again when that run has finished"


def _put_back(
    connection: sa.Connection, database: WritableDatabase, tables: Tables, record_uuid: str, deleted: list[int]
) -> str | None:
    h, line, m = tables.header_queue, tables.line_queue, tables.order_lines
    queued = {
        table: connection.execute(sa.select(table).where(table.c.record_uuid == record_uuid)).all()
        for table in (h, line)
    }
    if held := held_by_a_run([*queued[h], *queued[line]]):
        return held
    headers = [row for row in queued[h] if row.monday_item_id in deleted and row.sync_state == State.SYNCED]
    if not headers:
        waits = any(row.sync_state == State.NEW and row.monday_item_id is None for row in queued[h])
        return None if waits else "it has no SYNCED header whose item was deleted"
    lines = [row for row in queued[line] if row.parent_item_id in deleted and row.sync_state in UNDER_IT]
    line_uuids = {row.line_uuid for row in lines}
    under_it = connection.execute(
        sa.select(m.c.line_uuid).where(m.c.record_uuid == record_uuid, m.c.parent_item_id.in_(deleted))
    ).scalars()
    if lost := sorted(set(under_it) - line_uuids):
        return f"{len(lost)} of its lines (first {lost[0]}) have no row in {line.name} to recreate them from"
    _write(connection, tables, record_uuid, deleted, line_uuids)
    now = database.now(connection)
    logged = {"logged_at": now, "run_id": REQUEUED_BY, "outcome": "requeued"}
    logged |= {"message": "its item was deleted from the board"}
    of_rows = [(Operation.ITEMS, row.delta_uuid, row.monday_item_id) for row in headers]
    of_rows += [(Operation.SUBITEMS, row.delta_uuid, row.monday_subitem_id) for row in lines]
    names = ("operation", "delta_uuid", "monday_id")
    write_lines(connection, tables, logged, (dict(zip(names, row, strict=True)) for row in of_rows))
    left = sa.select(h.c.delta_uuid).where(
        h.c.delta_uuid.in_([row.delta_uuid for row in headers]), h.c.sync_state == State.SYNCED
    )
    expect_none(connection, left, "did not wait again")
    forget_items(connection, tables, deleted)
    forget_edits(connection, tables, record_uuid)
    return None


def _write(
    connection: sa.Connection, tables: Tables, record_uuid: str, deleted: list[int], line_uuids: Collection[str]
) -> None:
    h, line, o, m = tables.header_queue, tables.line_queue, tables.orders, tables.order_lines
    for table, state, own, ids in (
        (h, State.NEW, h.c.monday_item_id, ("monday_item_id",)),
        (line, State.PENDING, line.c.parent_item_id, ("monday_subitem_id", "parent_item_id")),
    ):
        mine = (table.c.record_uuid == record_uuid,)
        waits = dict.fromkeys(("sync_run_id", "sync_completed_at", "sync_error_message"), NULL) | {"sync_state": state}
        lost = (*mine, own.in_(deleted), table.c.sync_state.in_(UNDER_IT))
        connection.execute(sa.update(table).where(*lost).values(waits | dict.fromkeys(ids, NULL)))
        connection.execute(sa.update(table).where(*mine, table.c.sync_state == State.SYNCED).values(waits))
    cleared = {"sync_state": NULL, "last_synced_at": NULL}
    # The order goes back whole: no main row may be SYNCED while its queue row waits. What is there keeps its id.
    for main in (o, m):
        connection.execute(sa.update(main).where(main.c.record_uuid == record_uuid).values(cleared))
    connection.execute(
        sa.update(o).where(o.c.record_uuid == record_uuid, o.c.monday_item_id.in_(deleted)).values(monday_item_id=NULL)
    )
    for chunk in chunks(line_uuids):
        connection.execute(
            sa.update(m)
            .where(m.c.record_uuid == record_uuid, m.c.line_uuid.in_(chunk))
            .values(cleared | {"monday_subitem_id": NULL, "parent_item_id": NULL})
        )
