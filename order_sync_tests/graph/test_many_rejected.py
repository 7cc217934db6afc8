"""Many rejected orders: one wrong label in an export is enough, and each event is a write to Dagster's record."""

from __future__ import annotations

import sqlalchemy as sa

from order_sync.demo.samples import SampleOrders
from order_sync.text.excerpt import SHOWN
from order_sync_tests.graph.stage import Stage


def sync_with_unknown_label(stage: Stage, orders: int, *, seed: int) -> tuple[SampleOrders, list[str]]:
    """The orders, and the messages that Dagster has kept of the run that rejected them all."""
    sample = stage.add_orders(orders, seed=seed)
    t = stage.tables
    ours = [row["record_uuid"] for row in sample.headers]
    for table in (t.header_queue, t.orders):
        stage.execute(sa.update(table).where(table.c.record_uuid.in_(ours)).values({"ORDER TYPE": "NO SUCH TYPE"}))
    summary = stage.sync()
    assert (len(summary.rejected), summary.orders_synced) == (orders, 0)
    with stage.instance() as instance:
        return sample, [entry.user_message for entry in instance.all_logs(summary.run_id)]


def test_dagster_keeps_the_first_rejections_and_their_number(stage: Stage) -> None:
    few, many = SHOWN + 5, SHOWN + 45
    _, events = sync_with_unknown_label(stage, few, seed=1)
    sample, more_events = sync_with_unknown_label(stage, many, seed=2)
    assert len(more_events) <= len(events) + 3  # a group or a customer more may bring one
    rejected = [message for message in more_events if "NO SUCH TYPE" in message and "rejected: " in message]
    assert len(rejected) == SHOWN
    (rest,) = [message for message in more_events if "`order-sync report` lists" in message]
    assert f"... and {many - SHOWN} more, {many} in all: `order-sync report` lists them" in rest

    log = stage.tables.log
    keys = {row["delta_uuid"] for row in sample.headers}
    logged = {row["delta_uuid"] for row in stage.rows(log, log.c.outcome == "rejected")}
    assert keys <= logged  # each has its own history
