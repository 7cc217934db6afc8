"""What the demo's order system does later: changes and cancels of what is on the board."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from order_sync.database.check import create_all
from order_sync.database.connection import WritableDatabase
from order_sync.database.tables import make_tables
from order_sync.demo.samples import arriving_orders, insert_orders
from order_sync.demo.scene import queue_a_day
from order_sync.demo.words import ETA
from order_sync.settings import Settings


def test_in_a_day_a_tenth_changes_and_another_is_cancelled(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    database, tables = WritableDatabase(settings.database), make_tables()
    create_all(database, tables)
    sample = arriving_orders(42, seed=1)
    insert_orders(database, tables, sample)
    with database.write() as connection:  # two of them are not on the board
        for table in (tables.header_queue, tables.line_queue, tables.orders):
            connection.execute(sa.update(table).values(sync_state="SYNCED"))
        connection.execute(sa.update(tables.header_queue).values({ETA: None}))
        there = tables.orders.c.record_uuid.in_([row["record_uuid"] for row in sample.orders[2:]])
        connection.execute(sa.update(tables.orders).where(there).values(monday_item_id=7))

    assert queue_a_day(settings) == ["4 changed orders", "4 cancelled orders"]

    h = tables.header_queue
    rows = database.rows(sa.select(h).where(h.c.sync_state == "NEW"))
    assert Counter(row["action_type"] for row in rows) == {"UPDATE": 4, "DELETE": 4}
    assert len({row["record_uuid"] for row in rows}) == 8
    assert {row["record_uuid"] for row in rows} <= {row["record_uuid"] for row in sample.orders[2:]}
    assert all(row[ETA] for row in rows if row["action_type"] == "UPDATE")  # each of them differs
    database.dispose()
