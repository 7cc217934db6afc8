"""Orders whose values are all written to the board again: SYNCED becomes NEW, and what was last written is forgotten.

In: which orders, by customer or by number. Out: which of them wait again, and which were left as they are, and why.
An order goes back whole, in one transaction; never one that a run is working on, or one that was cancelled.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import sqlalchemy as sa

from order_sync.database.cancelled import is_off_the_board
from order_sync.database.conditions import flag
from order_sync.database.connection import Database, WritableDatabase, chunks
from order_sync.database.guid import canonical, is_uuid
from order_sync.database.requeue import Requeued, each, held_by_a_run
from order_sync.database.tables import Tables
from order_sync.database.writes import expect_none
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER, customer_key
from order_sync.orders.states import State


def synced_orders(
    database: Database, tables: Tables, *, customers: Collection[str] = (), orders: Collection[str] = ()
) -> list[str]:
    """The record_uuids of SYNCED orders of these customers, or of these numbers or record_uuids."""
    o = tables.orders
    query = sa.select(o.c.record_uuid, o.c[CUSTOMER].label("customer")).where(o.c.sync_state == State.SYNCED)
    if orders:
        named = [o.c[ORDER_NUMBER] == order for order in orders]
        uuids = [canonical(order) for order in orders if is_uuid(canonical(order))]
        query = query.where(sa.or_(*named, *([o.c.record_uuid.in_(uuids)] if uuids else [])))
    wanted = {customer_key(customer) for customer in customers}
    rows = database.rows(query)
    return [row["record_uuid"] for row in rows if not wanted or customer_key(row["customer"]) in wanted]


def resync(database: WritableDatabase, tables: Tables, records: Collection[str]) -> Requeued:
    """Requeues the newest version of each order and of its lines; the next run writes all of their values."""
    return each(database, records, partial(_put_back, tables))


def _put_back(tables: Tables, record_uuid: str, connection: sa.Connection) -> str | None:
    h, line, o, m = tables.site
    newest: dict[sa.Table, dict[str, sa.Row[*tuple[object, ...]]]] = {}
    for table, key in ((h, h.c.record_uuid), (line, line.c.line_uuid)):
        is_off = flag(is_off_the_board(tables, key)).label("is_off")
        columns = (table.c.delta_uuid, key.label("own"), table.c.sync_state, table.c.sync_run_id, is_off)
        query = sa.select(*columns).where(table.c.record_uuid == record_uuid)
        rows = connection.execute(query.order_by(table.c.created_at, table.c.delta_uuid)).all()
        if held := held_by_a_run(rows):
            return held
        newest[table] = {row.own: row for row in rows}
    header = newest[h].get(record_uuid)
    if header is None:
        return f"{h.name} has no header of it to write it from"
    if header.is_off:
        return "it was cancelled"
    if header.sync_state != State.SYNCED:
        return "a newer version of it is waiting"
    lines = {key: row for key, row in newest[line].items() if row.sync_state == State.SYNCED and not row.is_off}
    waits = {"sync_run_id": sa.null(), "sync_completed_at": sa.null()}
    h_waits = waits | {"sync_state": State.NEW, "monday_item_id": sa.null()}
    connection.execute(sa.update(h).where(h.c.delta_uuid == header.delta_uuid).values(h_waits))
    l_waits = waits | {"sync_state": State.PENDING, "monday_subitem_id": sa.null()}
    for some in chunks([row.delta_uuid for row in lines.values()]):
        connection.execute(sa.update(line).where(line.c.delta_uuid.in_(some)).values(l_waits))
    # No main row may be SYNCED while its queue row waits. Ids stay: what is on the board stays there.
    main = {"sync_state": sa.null(), "last_synced_at": sa.null()}
    connection.execute(sa.update(o).where(o.c.record_uuid == record_uuid).values(main))
    items, subitems = tables.items, tables.subitems
    connection.execute(sa.update(items).where(items.c.record_uuid == record_uuid).values(written=sa.null()))
    for some in chunks(lines):
        connection.execute(sa.update(m).where(m.c.line_uuid.in_(some)).values(main))
        connection.execute(sa.update(subitems).where(subitems.c.line_uuid.in_(some)).values(written=sa.null()))
    left = sa.select(h.c.delta_uuid).where(h.c.delta_uuid == header.delta_uuid, h.c.sync_state != State.NEW)
    expect_none(connection, left, "did not wait again")
    return None
