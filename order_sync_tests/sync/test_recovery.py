"""A run died with a request on its way: the next run finds it in doubt and resolves it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from order_sync.database.entries import Operation
from order_sync.emulator import Fault, FaultKind
from order_sync.orders.errors import QuotaExhausted
from order_sync.sync.rows import NewRow
from order_sync_tests.sync.stage import Crash, DyingTransport, SharedClock, Stage, with_variable

OPERATIONS = [Operation.GROUPS, Operation.ITEMS, Operation.SUBITEMS]
OLD = timedelta(days=2)


def recover(stage: Stage, **how: Any) -> list[dict[str, Any]]:
    """Run-2 resolves the one request in doubt; returns the mutations that this took."""
    before = len(stage.emulator.requests())
    with stage.writer(run_id="run-2", **how) as writer:
        assert writer.recover() == 1
    assert stage.journal().in_doubt() == []
    return stage.mutations(before)


def create_missing(stage: Stage, operation: Operation, rows: list[NewRow]) -> None:
    """As the IO manager does: what has no id yet."""
    table, column = {
        Operation.ITEMS: (stage.site.tables.header_queue, "monday_item_id"),
        Operation.SUBITEMS: (stage.site.tables.line_queue, "monday_subitem_id"),
    }.get(operation, (None, ""))
    if table is None:
        known = set(stage.known_groups())
    else:
        known = {row["delta_uuid"] for row in stage.site.rows(table) if row[column] is not None}
    stage.create(operation, [row for row in rows if row.key not in known], run_id="run-2")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("age", [timedelta(0), OLD])
def test_all_are_there_so_their_ids_are_adopted(stage: Stage, operation: Operation, age: timedelta) -> None:
    rows = stage.wanted(operation)
    key = stage.crash(operation, rows, after=True)
    stage.site.age_entry(key, opened=age)
    assert recover(stage) == []
    stage.check_once(operation, rows)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("age", [timedelta(0), OLD])
def test_a_request_without_any_item_is_resent_unchanged(stage: Stage, operation: Operation, age: timedelta) -> None:
    rows = stage.wanted(operation)
    key = stage.crash(operation, rows, after=False)
    stage.site.age_entry(key, opened=age)
    [sent] = recover(stage)
    assert sent["idempotency_key"] == key
    stage.check_once(operation, rows)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("age", [timedelta(0), OLD])
def test_the_missing_rest_is_created_with_a_new_key(stage: Stage, operation: Operation, age: timedelta) -> None:
    rows = stage.wanted(operation)
    stage.faults(Fault(kind=FaultKind.PARTIAL_BATCH, operation=operation.value, aliases=(1, 4)))
    key = stage.crash(operation, rows, after=True)
    stage.site.age_entry(key, opened=age)
    stage.faults()
    assert recover(stage) == []
    before = len(stage.emulator.requests())
    create_missing(stage, operation, rows)
    [sent] = stage.mutations(before)
    assert (sent["aliases"] - 1, sent["idempotency_key"] != key) == (2, True)
    stage.check_once(operation, rows)


def test_the_search_comes_late_and_the_answer_was_kept(stage: Stage) -> None:
    """The look-up shows none although all are there: the kept answer names them."""
    rows = stage.wanted(Operation.ITEMS)
    stage.crash(Operation.ITEMS, rows, after=True)
    stage.emulator.configure(lookup_lag_s=3_600)
    [sent] = recover(stage)
    assert sent["replayed"]
    stage.check_once(Operation.ITEMS, rows)


def test_a_request_sent_again_while_recovering_is_young_again(stage: Stage) -> None:
    """The second sending gets no answer while monday works on: its part must be waited for, not taken as the end."""
    rows = stage.wanted(Operation.ITEMS)
    stage.crash(Operation.ITEMS, rows, after=False)
    stage.emulator.configure(mutation_ms=8_000)
    recover(stage, clock=SharedClock(stage.emulator, step=4), timeout=0.3, settle=65.0, search=0.0)
    stage.check_once(Operation.ITEMS, rows)


@pytest.mark.parametrize("kind", ["reset_before", "http_503_empty", "idempotency_409", "rate_limit_minute", "garbage"])
@pytest.mark.parametrize("after", [True, False])
def test_faults_while_recovering(stage: Stage, kind: str, after: bool) -> None:
    rows = stage.wanted(Operation.ITEMS)
    stage.crash(Operation.ITEMS, rows, after=after)
    stage.faults(
        Fault(kind=FaultKind(kind), operation="create_item", nth=1, retry_in_seconds=1),
        Fault(kind=FaultKind(kind), operation="query", nth=1, retry_in_seconds=1),
    )
    recover(stage)
    stage.check_once(Operation.ITEMS, rows)


def test_a_request_that_monday_refuses_now_frees_its_rows(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 3)
    spoilt = [rows[0], with_variable(rows[1], name=5), rows[2]]
    stage.crash(Operation.ITEMS, spoilt, after=False)
    assert [request["error_codes"] for request in recover(stage)] == [["BAD_USER_INPUT"]]
    create_missing(stage, Operation.ITEMS, rows)
    stage.check_once(Operation.ITEMS, rows)


def test_a_spent_quota_leaves_the_request_in_doubt(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS)
    key = stage.crash(Operation.ITEMS, rows, after=False)
    stage.faults(Fault(kind=FaultKind.DAILY_LIMIT, operation="create_item"))
    with pytest.raises(QuotaExhausted), stage.writer(run_id="run-2") as writer:
        writer.recover()
    assert [entry.idempotency_key for entry in stage.journal().in_doubt()] == [key]


def test_every_request_in_doubt_is_resolved_oldest_first(stage: Stage) -> None:
    groups = stage.wanted(Operation.GROUPS, 2)
    items = stage.wanted(Operation.ITEMS, 2)
    first = stage.crash(Operation.GROUPS, groups, after=False)
    stage.site.age_entry(first, opened=timedelta(minutes=5))
    with pytest.raises(Crash):
        stage.create(Operation.ITEMS, items, transport=DyingTransport(stage.emulator.url, after=False), run_id="run-0")
    before = len(stage.emulator.requests())
    with stage.writer(run_id="run-2") as writer:
        assert writer.recover() == 2
        assert writer.recover() == 0
    assert [request["operations"][-1] for request in stage.mutations(before)] == ["create_group", "create_item"]
    stage.check_once(Operation.GROUPS, groups)
    stage.check_once(Operation.ITEMS, items)
