"""Every create takes effect once, even if answers are lost: on the board and in the tables, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from order_sync.database.entries import Operation
from order_sync.emulator import Fault, FaultKind
from order_sync.monday import operations
from order_sync.orders.errors import Fatal, LeaseLost, QuotaExhausted, Transient
from order_sync.orders.mapping import Cancel, load_mapping
from order_sync.orders.states import State
from order_sync.sync.delivery import Manner
from order_sync.sync.rows import NewRow
from order_sync.sync.writer import BoardWriter
from order_sync_tests.contract.site import make_order
from order_sync_tests.sync.stage import (
    SHARED,
    Crash,
    DyingTransport,
    QuickClock,
    SharedClock,
    Stage,
    TamperingTransport,
    item_row,
    with_variable,
)
from order_sync_tests.sync.test_twins import doubled, look

OPERATIONS = [Operation.GROUPS, Operation.ITEMS, Operation.SUBITEMS]
LOST = [
    *((kind, False) for kind in ("reset_before", "reset_after", "timeout_before", "timeout_after")),
    *((kind, False) for kind in ("http_504_before", "http_504_after")),
    *((kind, after) for kind in ("http_500", "http_502_html", "http_503_empty", "garbage") for after in (False, True)),
]
REFUSALS = [
    "rate_limit_minute",
    "complexity",
    "complexity_legacy",
    "field_limit",
    "field_limit_legacy",
    "concurrency_429",
    "ip_rate_limit",
    "board_lock_423",
    "idempotency_409",
    "api_blocked",
]


def strike(stage: Stage, kind: str, operation: Operation, **fault: Any) -> None:
    """The second request of the operation meets the fault."""
    stage.faults(Fault(kind=FaultKind(kind), operation=operation.value, **({"nth": 2} | fault)))


# ---- batches --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS)
def test_all_rows_are_created_once_in_growing_batches(stage: Stage, operation: Operation) -> None:
    rows = stage.wanted(operation, 23)
    before = len(stage.emulator.requests())
    outcome = stage.create(operation, rows, first_batch=4)
    assert outcome.created.keys() == {row.key for row in rows}
    assert outcome.rejected | outcome.again == {}
    stage.check_once(operation, rows)
    # One of the fields is `complexity`.
    assert [request["aliases"] - 1 for request in stage.mutations(before)] == [4, 8, 11]


def test_nothing_wanted_sends_no_request(stage: Stage) -> None:
    assert stage.create(Operation.ITEMS, []).created == {}
    assert stage.emulator.requests() == []


def test_rows_come_in_the_order_given(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 9)
    stage.create(Operation.ITEMS, rows, first_batch=2)
    ids = {row["delta_uuid"]: row["monday_item_id"] for row in stage.site.rows(stage.site.tables.header_queue)}
    assert sorted(ids, key=lambda key: ids[key]) == [row.key for row in rows]


def test_a_body_near_a_megabyte_is_cut(stage: Stage) -> None:
    rows = [
        with_variable(row, values=row.variables["values"] + " " * 300_000) for row in stage.wanted(Operation.ITEMS, 5)
    ]
    stage.create(Operation.ITEMS, rows)
    stage.check_once(Operation.ITEMS, rows)
    assert max(request["body_bytes"] for request in stage.mutations()) < 1_000_000
    assert len(stage.mutations()) == 3


@pytest.mark.parametrize(("spare", "requests"), [(0, 1), (-1, 2), (-300, 2)])
def test_a_body_may_have_the_very_limit(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, spare: int, requests: int
) -> None:
    """One byte less, and its two rows go one by one; a single row has to go as it is."""
    rows = stage.wanted(Operation.GROUPS, 2)
    body = operations.body_of_many(operations.CREATE_GROUP, [row.variables for row in rows], SHARED[Operation.GROUPS])
    monkeypatch.setattr("order_sync.sync.writer.BODY_BYTES", len(body.encode()) + spare)
    stage.create(Operation.GROUPS, rows)
    assert len(stage.mutations()) == requests
    stage.check_once(Operation.GROUPS, rows)


def test_the_heartbeat_beats_for_each_request(stage: Stage) -> None:
    rows, beats = stage.wanted(Operation.ITEMS, 6), []
    with stage.writer(first_batch=2) as writer:
        writer._client.beat = lambda: beats.append(1)
        writer.write(Operation.ITEMS, rows, {"board": "4700000001", "labels": False})
    assert len(beats) == len(stage.mutations()) == 2


def test_what_monday_can_afford_a_minute_is_waited_for(stage: Stage) -> None:
    """10 creates a minute; the emulator's minutes are short and its clock is the judge."""
    rows = stage.wanted(Operation.ITEMS, 24)
    limits = {"complexity_per_minute": 300_000}
    stage.emulator.configure(enforce_limits=True, limits=limits, clock_speed=300)
    stage.create(Operation.ITEMS, rows, clock=QuickClock(longest=0.25))
    stage.check_once(Operation.ITEMS, rows)
    assert [request["status"] for request in stage.mutations()] == [200] * 3
    assert [request["aliases"] - 1 for request in stage.mutations()] == [10, 10, 4]


def test_a_batch_that_is_too_complex_is_halved(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 10)
    limits = {"complexity_per_query": 500_000}
    stage.emulator.configure(enforce_limits=True, limits=limits, costs={"create": 100_000})
    outcome = stage.create(Operation.ITEMS, rows)
    assert outcome.rejected == {}
    stage.check_once(Operation.ITEMS, rows)


# ---- jobs -----------------------------------------------------------------------------------------------

BY_JOB: dict[str, Any] = {"bulk_rows": 5, "bulk_cancels": 3, "first_batch": 1, "largest_batch": 2}


def cancels(created: Mapping[str, str]) -> list[NewRow]:
    return [NewRow(key=key, variables={"item": item}) for key, item in created.items()]


def test_many_new_items_and_many_cancels_are_jobs(stage: Stage) -> None:
    rows, shared = stage.wanted(Operation.ITEMS, 6), SHARED[Operation.ITEMS]
    with stage.writer(**BY_JOB) as writer:
        writer._client.pacer._row_seconds[Operation.ITEMS] = 10.0  # what makes a job the better way
        created = writer.write(Operation.ITEMS, rows, shared).created
        stage.check_once(Operation.ITEMS, rows)
        assert writer.write(Operation.CANCEL_ITEMS, cancels(created), shared).created == created
    sent = {name for request in stage.mutations() for name in request["operations"]}
    assert sent - {"complexity"} == {"ingest_items", "bulk_archive_items"}
    assert stage.board()["items"] == []


def test_cancels_by_another_rule_are_requests(stage: Stage) -> None:
    created = stage.create(Operation.ITEMS, stage.wanted(Operation.ITEMS, 5)).created
    mapping = load_mapping()
    deletes = mapping.items.model_copy(update={"cancel": Cancel(by="delete")})
    with stage.client(first_batch=1, largest_batch=2) as client, stage.journal().holding_board():
        mapping = mapping.model_copy(update={"items": deletes})
        writer = BoardWriter(client, stage.journal(), mapping, Manner(bulk_cancels=3))
        assert writer.write(Operation.CANCEL_ITEMS, cancels(created), {}).created == created
    assert {request["operations"][-1] for request in stage.mutations()} == {"create_item", "delete_item"}


# ---- partial failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_failed_row_is_retried_and_its_siblings_stay(stage: Stage, operation: Operation) -> None:
    rows = stage.wanted(operation, 8)
    strike(stage, "partial_batch", operation, nth=1)
    outcome = stage.create(operation, rows)
    assert len(outcome.created) == 8
    stage.check_once(operation, rows)
    assert len({request["idempotency_key"] for request in stage.mutations()[-2:]}) == 2


@pytest.mark.parametrize("operation", [Operation.ITEMS, Operation.SUBITEMS])
def test_siblings_of_a_rejected_row_stand(stage: Stage, operation: Operation) -> None:
    rows = stage.wanted(operation, 5)
    strike(stage, "partial_batch", operation, nth=1, aliases=(1, 3), failure="final")
    outcome = stage.create(operation, rows)
    assert outcome.rejected.keys() == {rows[1].key, rows[3].key}
    assert {error.code for error in outcome.rejected.values()} == {"ColumnValueException"}
    good = [row for row in rows if row.key not in outcome.rejected]
    stage.check_once(operation, good)
    table = stage.site.tables.header_queue if operation is Operation.ITEMS else stage.site.tables.line_queue
    in_error = stage.site.rows(table, sync_state=State.ERROR)
    reasons = {key: str(error) for key, error in outcome.rejected.items()}
    assert {row["delta_uuid"]: row["sync_error_message"] for row in in_error} == reasons


@pytest.mark.parametrize("bad", [0, 5, 11])
def test_a_row_that_spoils_its_request_is_narrowed_down(stage: Stage, bad: int) -> None:
    """A variable of the wrong type: monday refuses the request as a whole."""
    rows = stage.wanted(Operation.ITEMS, 12)
    rows[bad] = with_variable(rows[bad], name=5)
    outcome = stage.create(Operation.ITEMS, rows, first_batch=12)
    assert outcome.rejected.keys() == {rows[bad].key}
    assert "String cannot represent a non string value" in str(outcome.rejected[rows[bad].key])
    stage.check_once(Operation.ITEMS, [row for row in rows if row.key not in outcome.rejected])
    assert len(stage.mutations()) <= 12  # one by one it would be 13: the whole, then each


def test_a_rejected_group_is_reported(stage: Stage) -> None:
    rows = [*stage.wanted(Operation.GROUPS, 2), NewRow(key="x" * 256, variables={"name": "x" * 256})]
    outcome = stage.create(Operation.GROUPS, rows)
    assert outcome.rejected.keys() == {"x" * 256}
    stage.check_once(Operation.GROUPS, rows[:2])


def test_a_full_board_stops_the_run_and_keeps_its_items(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 6)
    stage.emulator.configure(items_limit=4)
    with pytest.raises(Fatal, match="The board is full"):
        stage.create(Operation.ITEMS, rows)
    stage.check_once(Operation.ITEMS, rows[:4])
    assert {row["sync_state"] for row in stage.site.rows(stage.site.tables.header_queue)} == {State.PENDING}


def test_a_row_that_always_fails_waits_and_others_continue(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 3)
    stage.faults(Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_item", aliases=(0,)))
    outcome = stage.create(Operation.ITEMS, rows, settle=0)
    assert [(key, "told to fail here" in str(error)) for key, error in outcome.again.items()] == [(rows[0].key, True)]
    assert outcome.created.keys() == {row.key for row in rows[1:]}
    assert len(stage.mutations()) == 8
    stage.check_once(Operation.ITEMS, rows[1:])


# ---- faults ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("kind", "after"), LOST)
def test_a_lost_answer_creates_no_second_row(stage: Stage, operation: Operation, kind: str, after: bool) -> None:
    rows = stage.wanted(operation)
    strike(stage, kind, operation, after=after)
    outcome = stage.create(operation, rows, first_batch=3, timeout=0.15 if "timeout" in kind else 5.0)
    assert outcome.created.keys() == {row.key for row in rows}
    stage.check_once(operation, rows)
    assert kind in {fault for request in stage.mutations() for fault in request["faults"]}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_is_waited_out(stage: Stage, operation: Operation, kind: str) -> None:
    rows = stage.wanted(operation)
    strike(stage, kind, operation, retry_in_seconds=7)
    stage.create(operation, rows, first_batch=3)
    stage.check_once(operation, rows)
    assert 7 in stage.clock.sleeps
    # Nothing took effect, so the same request goes out again, under the same key.
    keys = [request["idempotency_key"] for request in stage.mutations() if request["operations"][-1] == operation]
    assert keys[-1] == keys[-2]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("lost", ["reset_after", "timeout_after", "http_504_after"])
def test_a_lost_answer_is_found_on_the_board(stage: Stage, operation: Operation, lost: str) -> None:
    """The idempotency key protects nothing here: only the look-up does."""
    rows = stage.wanted(operation)
    strike_twice = [Fault(kind=FaultKind(kind), operation=operation.value, nth=1) for kind in (lost, "not_kept")]
    stage.faults(*strike_twice)
    stage.create(operation, rows, timeout=0.15 if "timeout" in lost else 5.0)
    stage.check_once(operation, rows)


def test_a_search_that_comes_late_is_covered_by_the_key(stage: Stage) -> None:
    """The look-up protects nothing here: it does not see the new items. The same key gets the kept answer."""
    rows = stage.wanted(Operation.ITEMS)
    strike(stage, "reset_after", Operation.ITEMS, nth=1)
    stage.emulator.configure(lookup_lag_s=3_600)
    stage.create(Operation.ITEMS, rows)
    stage.check_once(Operation.ITEMS, rows)
    assert [request["replayed"] for request in stage.mutations()] == [False, True]


def test_a_refused_resend_says_nothing_about_the_first_request(stage: Stage) -> None:
    """Lost, not kept, not yet to be seen, then refused for now: by the third time the look-up shows the items."""
    rows = stage.wanted(Operation.ITEMS)
    kinds = (("reset_after", 1), ("not_kept", 1), ("rate_limit_minute", 2))
    stage.faults(*(Fault(kind=FaultKind(kind), operation="create_item", nth=nth) for kind, nth in kinds))
    stage.emulator.configure(lookup_lag_s=3_600)

    class Later(QuickClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.sleeps) == 2:
                stage.emulator.configure(lookup_lag_s=0)

    stage.create(Operation.ITEMS, rows, clock=Later())
    stage.check_once(Operation.ITEMS, rows)
    assert len(stage.mutations()) == 2


def test_a_request_still_at_work_is_waited_for(stage: Stage) -> None:
    """monday goes on after we gave up: what is there is a part, and the rest must not be created anew yet."""
    rows = stage.wanted(Operation.ITEMS)
    stage.emulator.configure(mutation_ms=8_000)
    clock = SharedClock(stage.emulator, step=4)
    stage.create(Operation.ITEMS, rows, timeout=0.3, settle=65.0, search=0.0, clock=clock, first_batch=6)
    stage.check_once(Operation.ITEMS, rows)
    assert sum(clock.sleeps) > 60
    assert len(stage.mutations()) == 1


def test_no_answer_makes_the_next_batch_smaller(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 20)
    strike(stage, "timeout_after", Operation.ITEMS, nth=1)
    stage.create(Operation.ITEMS, rows, first_batch=8, timeout=0.15)
    stage.check_once(Operation.ITEMS, rows)
    assert [request["aliases"] - 1 for request in stage.mutations()] == [8, 4, 8]


def test_storms_of_all_kinds(stage: Stage) -> None:
    """Two requests in five go wrong, one way or another; still each row is there once."""
    rows = stage.wanted(Operation.ITEMS, 60)
    kinds = [kind for kind, _ in LOST if "timeout" not in kind] + REFUSALS + ["partial_batch"]
    stage.faults(*(Fault(kind=FaultKind(k), operation="any", probability=0.02, seed=n) for n, k in enumerate(kinds)))
    outcome = stage.create(Operation.ITEMS, rows, first_batch=2, largest_batch=4)
    assert len(outcome.created) == 60
    stage.check_once(Operation.ITEMS, rows)
    assert sum(bool(request["faults"]) for request in stage.emulator.requests()) >= 5


def test_a_row_that_breaks_its_request_waits_alone(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 4)
    # The first request has all four; narrowed down, the next one is the first row alone.
    stage.faults(Fault(kind=FaultKind.HTTP_503_EMPTY, operation="create_item", times=16))
    outcome = stage.create(Operation.ITEMS, rows, first_batch=4, settle=0)
    assert list(outcome.again) == [rows[0].key]
    assert "HTTP 503" in str(outcome.again[rows[0].key])
    assert stage.journal().in_doubt() == []
    stage.check_once(Operation.ITEMS, rows[1:])


def test_attempts_end_and_leave_the_request_in_doubt(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 9)
    stage.faults(Fault(kind=FaultKind.HTTP_503_EMPTY, operation="create_item"))
    with pytest.raises(Transient, match="HTTP 503 with an empty or unreadable body"):
        stage.create(Operation.ITEMS, rows, settle=0)
    [entry] = stage.journal().in_doubt()
    assert entry.keys == (rows[2].key,)
    assert len(stage.mutations()) == 4 * 8
    stage.emulator.configure(faults=[])
    with stage.writer(run_id="run-2") as writer:
        assert writer.recover() == 1
    stage.create(Operation.ITEMS, [row for row in rows if row is not rows[2]], run_id="run-2")
    stage.check_once(Operation.ITEMS, rows)


def test_the_rows_of_the_queue_that_were_found_are_counted(stage: Stage) -> None:
    """Groups are no rows of it. What was in doubt is looked at again: nothing is there twice."""
    first = stage.crash(Operation.ITEMS, stage.wanted(Operation.ITEMS, 2), after=True)
    stage.site.age_entry(first, opened=timedelta(minutes=5))
    transport = DyingTransport(stage.emulator.url, after=True)
    with pytest.raises(Crash):
        stage.create(Operation.GROUPS, stage.wanted(Operation.GROUPS, 3), transport=transport, run_id="run-0")
    with stage.writer(run_id="run-2") as writer:
        assert (writer.recover(), writer.recovered) == (2, 2)
        assert writer.twins.look().archived == {}


def test_what_monday_has_made_twice_is_archived(stage: Stage) -> None:
    rows = doubled(stage, Operation.ITEMS, 1)
    assert len(look(stage).archived) == 1
    stage.check_once(Operation.ITEMS, rows)


# ---- the run stops --------------------------------------------------------------------------------------


def test_a_spent_daily_quota_leaves_nothing_in_doubt(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS)
    strike(stage, "daily_limit", Operation.ITEMS)
    with pytest.raises(QuotaExhausted, match="Rows stay PENDING; resume after"):
        stage.create(Operation.ITEMS, rows, first_batch=3)
    stage.check_once(Operation.ITEMS, rows[:3])
    assert {row["sync_state"] for row in stage.site.rows(stage.site.tables.header_queue)} == {State.PENDING}


def test_a_spent_quota_keeps_a_request_in_doubt(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS)
    stage.faults(
        Fault(kind=FaultKind.RESET_AFTER, operation="create_item", nth=1),
        Fault(kind=FaultKind.DAILY_LIMIT, operation="query"),
    )
    with pytest.raises(QuotaExhausted):
        stage.create(Operation.ITEMS, rows)
    assert len(stage.journal().in_doubt()) == 1
    stage.emulator.configure(faults=[])
    with stage.writer(run_id="run-2") as writer:
        writer.recover()
    stage.check_once(Operation.ITEMS, rows)


def test_a_run_that_has_lost_the_board_sends_nothing_more(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 4)
    with pytest.raises(LeaseLost), stage.writer() as writer, stage.journal("run-2").holding_board():
        writer.write(Operation.ITEMS, rows, {"board": "4700000001", "labels": False})
    assert stage.mutations() == []
    assert stage.journal().in_doubt() == []


def test_a_run_that_lost_its_board_does_not_resend(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 4)
    strike(stage, "rate_limit_minute", Operation.ITEMS, nth=1)

    class Thief(QuickClock):
        def sleep(self, seconds: float) -> None:
            assert stage.journal("run-2")._try_board() is None

    with pytest.raises(LeaseLost):
        stage.create(Operation.ITEMS, rows, clock=Thief())
    assert len(stage.mutations()) == 1


# ---- answers that do not say --------------------------------------------------------------------------


def null_with_500(body: dict[str, Any]) -> None:
    body["data"]["a1"] = None
    body["errors"] = [
        {"message": "Internal", "path": ["a1"], "extensions": {"code": "INTERNAL_SERVER_ERROR", "status_code": 500}}
    ]


def null_without_error(body: dict[str, Any]) -> None:
    body["data"]["a1"] = None


def alias_missing(body: dict[str, Any]) -> None:
    del body["data"]["a1"]


def error_without_path(body: dict[str, Any]) -> None:
    body["data"]["a1"] = None
    body["errors"] = [{"message": "Internal", "extensions": {"code": "INTERNAL_SERVER_ERROR", "status_code": 500}}]


def no_data(body: dict[str, Any]) -> None:
    body["data"] = None


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("tamper", [null_with_500, null_without_error, alias_missing, error_without_path, no_data])
def test_a_row_missing_from_the_answer_is_looked_up(stage: Stage, operation: Operation, tamper: Any) -> None:
    rows = stage.wanted(operation, 4)
    outcome = stage.create(operation, rows, transport=TamperingTransport(stage.emulator.url, tamper))
    assert (len(outcome.created), outcome.again) == (4, {})
    stage.check_once(operation, rows)


def test_a_partial_refusal_delays_the_rest_as_requested(stage: Stage) -> None:
    def exhausted(body: dict[str, Any]) -> None:
        body["errors"].append(
            {"message": "Complexity", "extensions": {"code": "COMPLEXITY_BUDGET_EXHAUSTED", "retry_in_seconds": 31}}
        )
        body["errors"] = body["errors"][-1:]

    rows = stage.wanted(Operation.ITEMS, 4)
    strike(stage, "partial_batch", Operation.ITEMS, nth=1)
    stage.create(Operation.ITEMS, rows, transport=TamperingTransport(stage.emulator.url, exhausted))
    stage.check_once(Operation.ITEMS, rows)
    assert 31 in stage.clock.sleeps


# ---- names ----------------------------------------------------------------------------------------------

ODD_NAMES = (
    'TS "Regatta" 1/2" {stripe} $x }',
    "O'HARA\\n\\\\ -- %s",
    "first line\nsecond\r\n\ttabbed",
    "七つ針 Ёж خياط 🌅👩\u200d👩\u200d👧",
    '") { id } evil: delete_item(item_id: 1) { id } a9: create_item(item_name: "',
    "\u2028\u2029\ufeff\u00a0x",
    "x" * 255,
)


def test_names_arrive_as_they_are(stage: Stage) -> None:
    orders = [make_order(lines=0, minute=n) for n in range(len(ODD_NAMES))]
    stage.claim(*orders)
    rows = [item_row(order.headers[0], name) for order, name in zip(orders, ODD_NAMES, strict=True)]
    outcome = stage.create(Operation.ITEMS, rows)
    assert outcome.rejected == {}
    by_id = {item["id"]: item["name"] for item in stage.board()["items"]}
    assert [by_id[outcome.created[row.key]] for row in rows] == list(ODD_NAMES)
    titles = [name for name in ODD_NAMES if name == name.strip() and "\n" not in name]
    groups = [NewRow(key=title, variables={"name": title}) for title in titles]
    stage.create(Operation.GROUPS, groups)
    stage.check_once(Operation.GROUPS, groups)


def test_a_name_that_is_too_long_is_its_own_rejection(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 3)
    rows[1] = with_variable(rows[1], name="x" * 256)
    outcome = stage.create(Operation.ITEMS, rows)
    assert outcome.rejected[rows[1].key].code == "ItemNameTooLongException"
    stage.check_once(Operation.ITEMS, [rows[0], rows[2]])
