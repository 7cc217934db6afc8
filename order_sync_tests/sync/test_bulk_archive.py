"""Many cancels as one job of monday's: fewer calls, one undo, and what is archived is on record as cancelled."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from order_sync.database.entries import Operation, job_of
from order_sync.emulator import Fault, FaultKind
from order_sync.monday import operations
from order_sync.monday.pacing import Pacer
from order_sync.orders.errors import Transient
from order_sync.sync import bulk_archive
from order_sync.sync.bulk_archive import archive_jobs
from order_sync.sync.delivery import Outcome
from order_sync.sync.rows import NewRow
from order_sync_tests.sync.stage import Crash, QuickClock, SharedClock, Stage
from order_sync_tests.sync.test_altered import SEARCH, SETTLE, on_record
from order_sync_tests.waiting import until

COUNT = 5
CANCEL, JOB = Operation.CANCEL_ITEMS, "bulk_archive_items"
# One item in the first request, then two: a job saves calls.
BY_JOB: dict[str, Any] = {"bulk_cancels": 3, "first_batch": 1, "largest_batch": 2}


@pytest.fixture
def ids(stage: Stage) -> dict[str, str]:
    """Items on the board, by the keys of their rows."""
    stage.create(Operation.ITEMS, stage.wanted(Operation.ITEMS, COUNT))
    stage.faults(bulk_start_ms=0, bulk_row_ms=0)
    return {key: ids[0] for key, ids in stage.items().items()}


def rows(ids: dict[str, str]) -> list[NewRow]:
    return [NewRow(key=key, variables={"item": item}) for key, item in ids.items()]


def run(stage: Stage, ids: dict[str, str], **how: Any) -> Outcome:
    return stage.create(CANCEL, rows(ids), **BY_JOB | how)


def left(stage: Stage) -> set[str]:
    return {item["id"] for item in stage.board()["items"]}


def sent(stage: Stage) -> Counter[str]:
    """How many times each of these was asked for; of aliased requests the number of aliases."""
    counts: Counter[str] = Counter()
    for request in stage.emulator.requests():
        for name in {JOB, "job_status", "archive_item"}.intersection(request["operations"]):
            counts[name] += request["aliases"] - 1 if name == "archive_item" else 1  # one asks for the complexity
    return counts


def test_many_cancels_are_one_job_that_can_be_undone(stage: Stage, ids: dict[str, str]) -> None:
    outcome = run(stage, ids)
    assert (outcome.created, outcome.rejected, outcome.waiting) == (ids, {}, {})
    assert (sent(stage)[JOB], sent(stage)["archive_item"]) == (1, 0)
    assert (left(stage), on_record(stage, CANCEL)) == (set(), set(ids))
    assert stage.journal().in_doubt() == []
    [job] = outcome.jobs
    log = stage.site.tables.log
    logged = {row["delta_uuid"]: row["message"] for row in stage.site.rows(log, outcome="cancelled")}
    assert logged == dict.fromkeys(ids, f"by job {job}")
    with stage.client() as client:
        body = operations.body(operations.UNDO_ACTION, {"job": job})
        client.mutate(body, idempotency_key="undo", operation="undo", rows=1)
    until(lambda: left(stage) == set(ids.values()), "the items back")


@pytest.mark.parametrize(
    "how", [{"bulk_cancels": COUNT + 1}, {"bulk_cancels": 0}, {"first_batch": 10, "largest_batch": 10}]
)
def test_a_job_is_no_better_for_few_cancels(stage: Stage, ids: dict[str, str], how: dict[str, int]) -> None:
    outcome = run(stage, ids, **how)
    assert (outcome.created, outcome.jobs) == (ids, [])
    assert (sent(stage)[JOB], sent(stage)["archive_item"]) == (0, COUNT)


def test_jobs_are_chosen_where_they_save_calls() -> None:
    pacer = Pacer()
    # Requests of 10, 20, 40, 80 and then 100.
    assert [pacer.requests(CANCEL, rows) for rows in (10, 50, 70, 71, 150, 412)] == [1, 3, 3, 4, 4, 7]
    assert archive_jobs(49, smallest=50, pacer=pacer) == []
    assert archive_jobs(50, smallest=50, pacer=pacer) == [50]
    assert archive_jobs(50, smallest=50, pacer=Pacer(first_batch=50)) == []
    assert archive_jobs(2_020, smallest=50, pacer=pacer) == [1_000, 1_000]
    assert archive_jobs(2_020, smallest=0, pacer=pacer) == []


def test_what_a_job_cannot_archive_is_named(
    stage: Stage, ids: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    key = min(ids)
    stage.emulator.person.delete(ids[key])
    outcome = run(stage, ids)
    assert outcome.created == {other: item for other, item in ids.items() if other != key}
    assert outcome.rejected.keys() == {key}
    assert (sent(stage)[JOB], sent(stage)["archive_item"]) == (1, 1)
    assert f"item {ids[key]}: OS-306: job {outcome.jobs[0]} did not archive it" in caplog.text
    assert on_record(stage, CANCEL) == set(outcome.created)


def test_rows_that_a_failed_job_leaves_are_archived_singly(stage: Stage, ids: dict[str, str]) -> None:
    stage.faults(Fault(kind=FaultKind.JOB_FAILED, operation=JOB, rows=2))
    outcome = run(stage, ids)
    assert (outcome.created, left(stage), on_record(stage, CANCEL)) == (ids, set(), set(ids))
    assert (sent(stage)[JOB], sent(stage)["archive_item"]) == (1, COUNT - 2)


REFUSED = [
    Fault(kind=FaultKind.CONCURRENCY_429, operation=JOB),
    Fault(kind=FaultKind.RATE_LIMIT_MINUTE, operation=JOB, retry_in_seconds=3_000),
]


@pytest.mark.parametrize("fault", REFUSED, ids=lambda fault: fault.kind)
def test_where_no_job_starts_items_are_archived_one_by_one(stage: Stage, ids: dict[str, str], fault: Fault) -> None:
    stage.faults(fault)
    outcome = run(stage, ids)
    assert (outcome.created, outcome.jobs, left(stage)) == (ids, [], set())


def test_an_account_without_such_jobs_cancels_by_request(
    stage: Stage, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "BULK_ARCHIVE_ITEMS", operations.BULK_ARCHIVE_ITEMS.replace(JOB, "no_such_thing"))
    assert run(stage, ids).created == ids


# ---- in doubt ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "done"), [(FaultKind.RESET_AFTER, True), (FaultKind.RESET_BEFORE, False)])
def test_a_job_with_its_start_in_doubt_is_read_back(
    stage: Stage, ids: dict[str, str], fault: FaultKind, done: bool
) -> None:
    stage.faults(Fault(kind=fault, operation=JOB, nth=1))
    clock = SharedClock(stage.emulator)
    outcome = run(stage, ids, clock=clock, settle=SETTLE, search=SEARCH)
    assert SETTLE - 1 <= sum(clock.sleeps) <= SETTLE + 60
    assert outcome.created == (ids if done else {})
    assert outcome.waiting.keys() == (set() if done else set(ids))
    assert (on_record(stage, CANCEL), left(stage)) == ((set(ids), set()) if done else (set(), set(ids.values())))
    assert (stage.journal().in_doubt(), sent(stage)["archive_item"]) == ([], 0)


@pytest.mark.parametrize("after", [True, False])
def test_the_next_run_reads_what_a_dead_run_started(stage: Stage, ids: dict[str, str], after: bool) -> None:
    stage.crash(CANCEL, rows(ids), after=after, **BY_JOB)
    if after:
        until(lambda: not left(stage), "the job's end")
    started = sent(stage)[JOB]
    with stage.writer(run_id="run-2", settle=SETTLE, search=SEARCH, clock=SharedClock(stage.emulator)) as writer:
        assert writer.recover() == 1
        assert sent(stage)[JOB] == started, "it is not sent again"
        assert on_record(stage, CANCEL) == (set(ids) if after else set())
    assert stage.journal().in_doubt() == []
    if not after:
        assert run(stage, ids, run_id="run-3").created == ids


def test_only_cancels_are_archived_by_a_job(stage: Stage, ids: dict[str, str]) -> None:
    values = {"values": '{"name": "Renamed"}'}
    changes = [NewRow(key=key, variables={"item": item, **values}) for key, item in ids.items()]
    assert stage.create(Operation.CHANGE_ITEMS, changes, **BY_JOB).created == ids
    assert (left(stage), sent(stage)[JOB]) == (set(ids.values()), 0)


class DiesWaiting(QuickClock):
    def sleep(self, seconds: float) -> None:
        raise Crash


def test_the_next_run_sees_a_job_through_that_it_knows(stage: Stage, ids: dict[str, str]) -> None:
    with pytest.raises(Crash):
        run(stage, ids, clock=DiesWaiting(), run_id="run-0")
    [entry] = stage.journal().in_doubt()
    assert job_of(entry)
    clock = SharedClock(stage.emulator)
    with stage.writer(run_id="run-2", settle=SETTLE, search=SEARCH, clock=clock) as writer:
        assert writer.recover() == 1
    assert sum(clock.sleeps) < SETTLE, "its end is known, so there is nothing to settle"
    assert (on_record(stage, CANCEL), left(stage), sent(stage)[JOB]) == (set(ids), set(), 1)


@pytest.mark.parametrize(("bulk_start_ms", "looks"), [(0, 1), (40_000, 2)])
def test_a_job_is_looked_at_early_and_then_when_due(
    stage: Stage, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch, bulk_start_ms: int, looks: int
) -> None:
    monkeypatch.setattr(bulk_archive, "ROW_SECONDS", 10.0)
    stage.faults(bulk_start_ms=bulk_start_ms, bulk_row_ms=0)
    clock = SharedClock(stage.emulator)
    assert run(stage, ids, clock=clock).created == ids
    assert sent(stage)["job_status"] == looks
    assert sum(clock.sleeps) <= (1 if looks == 1 else 10.0 * COUNT)


def test_no_request_goes_to_a_board_during_a_job(
    stage: Stage, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer version of a cancelled order would be changed, and archived after that."""
    monkeypatch.setattr(bulk_archive, "PATIENCE", 0.0)
    monkeypatch.setattr(bulk_archive, "ROW_SECONDS", 0.0)
    stage.faults(Fault(kind=FaultKind.JOB_STUCK, operation=JOB))
    outcome = run(stage, ids)
    assert (outcome.created, set(outcome.waiting), len(outcome.jobs)) == ({}, set(ids), 1)
    [entry] = stage.journal().in_doubt()
    with stage.writer(run_id="run-2") as writer, pytest.raises(Transient, match="has not ended"):
        writer.recover()
    # Very old, it is read from the board: some of it may have been archived.
    stage.emulator.person.archive(ids[min(ids)])
    stage.site.age_entry(entry.idempotency_key, opened=timedelta(hours=3))
    with stage.writer(run_id="run-3") as writer:
        assert writer.recover() == 1
    assert on_record(stage, CANCEL) == {min(ids)}
    assert stage.journal().in_doubt() == []


def test_a_job_that_somebody_cancels_leaves_the_rest_alone(stage: Stage, ids: dict[str, str]) -> None:
    stage.faults(Fault(kind=FaultKind.JOB_STUCK, operation=JOB))

    class Cancelling(QuickClock):
        def sleep(self, seconds: float) -> None:
            [entry] = stage.journal().in_doubt()
            with stage.client() as client:
                body = operations.body(operations.UNDO_ACTION, {"job": job_of(entry)})
                client.mutate(body, idempotency_key="undo", operation="undo", rows=1)
            super().sleep(seconds)

    outcome = run(stage, ids, clock=Cancelling())
    assert outcome.waiting.keys() == set(ids)
    assert "was cancelled on monday" in outcome.waiting[min(ids)]
    assert (left(stage), sent(stage)["archive_item"]) == (set(ids.values()), 0)


@pytest.mark.parametrize(
    ("progress", "failed"),
    [
        ({"status": "COMPLETED", "result": {"failed": 0, "details": None}}, set()),
        ({"status": "COMPLETED", "result": {"failed": 1, "details": {"failed_item_ids": [7]}}}, {"7"}),
        ({"status": "COMPLETED", "result": {"failed": 1, "details": json.dumps({"failed_item_ids": ["7"]})}}, {"7"}),
        ({"status": "COMPLETED", "result": {"failed": 2, "details": {"failed_item_ids": ["7"]}}}, None),
        ({"status": "COMPLETED", "result": {"failed": 1, "details": {"failed_item_ids": ["9"]}}}, None),
        ({"status": "COMPLETED", "result": {"failed": 1, "details": "no JSON"}}, None),
        ({"status": "COMPLETED", "result": None}, None),
        ({"status": "FAILED", "result": {"failed": 0}}, None),
        ({}, None),
    ],
)
def test_a_report_is_believed_only_where_it_is_whole(progress: dict[str, Any], failed: set[str] | None) -> None:
    assert bulk_archive._failed(progress, ["7", "8"]) == failed
