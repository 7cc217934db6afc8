"""`order-sync trace`: the story of one order, as somebody who is asked about it needs it."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
import sqlalchemy as sa

from order_sync.cli.output.console import console
from order_sync.database.claims import OrderQueue
from order_sync.database.run_log import UNFINISHED
from order_sync.demo.drafts import Size
from order_sync.demo.samples import make_orders
from order_sync.orders.naming import ORDER_NUMBER
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.contract.site import MORNING, make_order
from order_sync_tests.graph.stage import Stage


@pytest.mark.parametrize("by", ["record_uuid", "delta_uuid", ORDER_NUMBER])
def test_a_synced_order_from_queue_to_item(stage: Stage, order_sync: OrderSync, by: str) -> None:
    header = stage.add_orders(3).headers[1]
    run_id = stage.sync().run_id
    result = order_sync("trace", str(header[by]))
    assert result.exit_code == 0, result.output
    [row] = stage.rows(stage.tables.header_queue, stage.tables.header_queue.c.delta_uuid == header["delta_uuid"])
    assert f"record_uuid {header['record_uuid']}: SYNCED, item {row['monday_item_id']}" in result.stdout
    assert f"1 header create_item: created {row['monday_item_id']}, run {run_id}" in result.stdout
    order = [result.stdout.index(word) for word in ("header queued", "header claimed", "create_item", "header SYNCED")]
    assert order == sorted(order)
    assert "Next: Nothing to do; every row is SYNCED." in result.stdout


def test_every_rejected_row_is_explained(stage: Stage, order_sync: OrderSync) -> None:
    stage.add(make_orders(Size.SMALL))
    summary = stage.sync()
    assert len(summary.rejected) == 4
    for row in summary.rejected:
        message = order_sync("trace", row["record_uuid"]).stdout
        assert f"rejected, run {summary.run_id}: {row['reason']}" in message
        assert "`order-sync retry`" in message


def test_a_retry_forgets_no_run(stage: Stage, order_sync: OrderSync) -> None:
    sample = make_order(columns={"ORDER TYPE": "no such type"})
    stage.add(sample)
    runs = []
    for _ in range(2):
        runs.append(stage.sync().run_id)
        assert stage.retry() == 1
        message = order_sync("trace", sample.headers[0]["record_uuid"]).stdout
        for run_id in runs:
            claimed, rejected = (f"1 header {what}, run {run_id}" for what in ("claimed", "create_item: rejected"))
            assert message.count(claimed) == 1
            assert message.index(claimed) < message.index(rejected)


def test_a_run_that_died_before_it_logged_anything_is_listed(stage: Stage, order_sync: OrderSync) -> None:
    sample, dead = make_order(lines=1), str(uuid4())
    stage.add(sample)
    with stage.database() as database:
        queue = OrderQueue(database, stage.tables, lease_seconds=600)
        queue.claim_headers(dead, [sample.headers[0]["delta_uuid"]])
        queue.claim_lines(dead, [sample.lines[0]["delta_uuid"]])
    long_ago = {"sync_attempted_at": MORNING}
    for table in (stage.tables.header_queue, stage.tables.line_queue):
        stage.execute(sa.update(table).values(long_ago))
    run_id = stage.sync().run_id
    message = order_sync("trace", sample.headers[0]["record_uuid"]).stdout
    for row in ("header", "line"):
        events = [
            f"  1 {row} claimed, run {dead}\n",
            f"  1 {row} claim: unfinished, run {dead}: {UNFINISHED}",
            f"1 {row} claimed, run {run_id}",
        ]
        assert [message.count(event) for event in events] == [1, 1, 1], message


def test_an_order_that_waits(stage: Stage, order_sync: OrderSync) -> None:
    header = stage.add_orders(1).headers[0]
    message = order_sync("trace", header["record_uuid"]).stdout
    assert "not SYNCED, item -" in message
    assert "waiting for the next run" in message


def test_keys_are_whole_in_80_columns(stage: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = make_order(lines=1)
    sample.lines[0]["size_code"] = None
    stage.add(sample)
    monkeypatch.setattr(console, "width", 80)
    message = order_sync("trace", sample.headers[0]["record_uuid"]).stdout
    for key in (sample.headers[0]["delta_uuid"], sample.lines[0]["delta_uuid"]):
        assert f" {key} │" in message
    assert max(map(len, message.splitlines()[2:6])) <= 80
    assert "line (no" in message


def test_json_has_everything(stage: Stage, order_sync: OrderSync) -> None:
    sample = stage.add_orders(1)
    stage.sync()
    [story] = json.loads(order_sync("trace", sample.headers[0]["record_uuid"], "--json").stdout)
    assert (len(story["headers"]), len(story["lines"])) == (1, len(sample.lines))
    created = [event for event in story["events"] if event["what"].endswith(": created")]
    assert len(created) == 1 + len(sample.lines)
    assert {event["monday_id"] for event in created} == {
        story["monday_item_id"],
        *(line["monday_subitem_id"] for line in story["lines"]),
    }


def test_an_order_that_nobody_knows(order_sync: OrderSync) -> None:
    result = order_sync("trace", "O'Hara; DROP TABLE")
    assert (result.exit_code, "No order has the record_uuid" in result.stderr) == (2, True)
