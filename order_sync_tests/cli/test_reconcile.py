"""`order-sync reconcile`: what it prints, how it ends, and that it requeues no more than it was asked to."""

from __future__ import annotations

import json

import pytest

from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.graph.stage import Stage
from order_sync_tests.graph.test_changes import delete_item
from order_sync_tests.graph.test_recovery import assert_all_there


def delete_all_items(stage: Stage) -> None:
    for row in stage.rows(stage.tables.header_queue):
        delete_item(stage, row["monday_item_id"])


def test_it_ends_with_0_where_all_agrees(stage: Stage, order_sync: OrderSync) -> None:
    sample = stage.add_orders(4)
    stage.sync()
    result = order_sync("reconcile")
    assert (result.exit_code, "Tables and boards agree: 4 items" in result.stdout) == (0, True), result.output
    report = json.loads(order_sync("reconcile", "--json").stdout)
    assert (report["agrees"], report["counts"], report["requeued"]) == (True, {}, [])
    assert (report["headers"], report["lines"]) == (4, len(sample.lines))
    assert stage.rows(stage.tables.looks) == []
    assert order_sync("reconcile", "--recent").exit_code == 0  # all of it, for the first time
    result = order_sync("reconcile", "--recent")
    assert (result.exit_code, "nothing else has changed since 20" in result.stdout) == (0, True), result.output
    assert "Checked what has changed since 20" in result.stdout


def test_a_dry_run_of_a_recent_look_keeps_no_mark(
    stage: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_SYNC_DRY_RUN", "1")
    before = stage.dump()
    assert order_sync("reconcile", "--recent").exit_code == 0
    assert stage.dump() == before


def test_missing_orders_are_requeued_in_parts_and_recreated(stage: Stage, order_sync: OrderSync) -> None:
    stage.add_orders(3)
    stage.sync()
    delete_all_items(stage)
    before = stage.site_rows()
    result = order_sync("reconcile")
    assert result.exit_code == 1
    assert "Tables and boards differ: 3 items missing." in result.stdout
    assert "3 orders can be recreated: order-sync reconcile --requeue" in result.stdout
    assert stage.site_rows() == before
    result = order_sync("reconcile", "--requeue", "--limit", "2")
    assert result.exit_code == 1
    assert "Requeued 2 of 3 orders to be recreated. Next: order-sync sync, or wait" in result.stdout
    assert "Left for the next time (--limit): 1 order. Check them, then run the command again." in result.stdout
    assert "Requeued 1 of 1 order" in order_sync("reconcile", "--requeue").stdout
    trace = order_sync("trace", before["ORDER_LIST_DELTA"][0]["record_uuid"]).stdout
    assert "requeued" in trace
    assert "waiting for the next run" in trace
    assert stage.sync().complete
    assert_all_there(stage)
    assert order_sync("reconcile").exit_code == 0


def test_a_dry_run_puts_nothing_back(stage: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.add_orders(1)
    stage.sync()
    delete_all_items(stage)
    before = stage.dump()
    monkeypatch.setenv("ORDER_SYNC_DRY_RUN", "1")
    assert order_sync("reconcile", "--requeue").exit_code == 2
    assert order_sync("reconcile").exit_code == 1  # to look is allowed
    assert stage.dump() == before
