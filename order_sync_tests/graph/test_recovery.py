"""Runs that fail, die or meet: the next one finishes the work, and nothing is lost or doubled."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from typing import Any

import dagster as dg
import pytest

from order_sync.automation.jobs import JOB_NAME
from order_sync.cli import launch
from order_sync.definitions import build_definitions
from order_sync.emulator import Fault, FaultKind
from order_sync.orders.errors import QuotaExhausted
from order_sync.reports.links import Links
from order_sync.reports.report import make_report
from order_sync.settings import load_settings
from order_sync_tests.graph.stage import Stage
from order_sync_tests.waiting import DUE, until

MONDAY_STEPS = ("monday_groups", "monday_items", "monday_subitems", "main_tables")
QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def the_job() -> dg.JobDefinition:
    """The job as a code location loads it, for Dagster to build anew."""
    return build_definitions(load_settings()).resolve_job_def(JOB_NAME)


def assert_all_there(stage: Stage) -> None:
    """Nothing lost, nothing doubled, and every row SYNCED."""
    agreement = stage.agreement()
    assert agreement.agree, agreement.text()
    assert stage.unsynced() == 0
    assert agreement.items == len(stage.inserts(stage.tables.header_queue))
    assert agreement.subitems == len(stage.inserts(stage.tables.line_queue))


def assert_one_writer(stage: Stage) -> None:
    """No mutation began before the one before it had ended."""
    spans = sorted((request["at"], request["at"] + request["seconds"]) for request in stage.mutations())
    assert len(spans) > 1
    assert [pair for pair in itertools.pairwise(spans) if pair[1][0] < pair[0][1]] == []


# ---- a step fails ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "step", "again"),
    [
        ("create_group", "monday_groups", set(MONDAY_STEPS)),
        ("create_item", "monday_items", {"monday_items", "monday_subitems", "main_tables"}),
        ("create_subitem", "monday_subitems", {"monday_subitems", "main_tables"}),
    ],
)
def test_a_failed_run_is_re_executed_from_its_failure(stage: Stage, operation: str, step: str, again: set[str]) -> None:
    stage.add_orders(40)
    fault = Fault(kind=FaultKind.DAILY_LIMIT, operation=operation, nth=2)
    stage.emulator.configure(faults=[fault])
    job = dg.reconstructable(the_job)
    with stage.instance() as instance:
        with dg.execute_job(job, instance, run_config=QUIET) as failed:
            assert not failed.success
            assert [event.step_key for event in failed.get_step_failure_events()] == [step]
        done_before = stage.emulator.stats()
        stage.emulator.configure(faults=[])
        options = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
        with dg.execute_job(job, instance, run_config=QUIET, reexecution_options=options) as repeated:
            assert repeated.success
            steps = {event.step_key for event in repeated.all_events if event.is_step_success}
        run = instance.get_run_by_id(repeated.run_id)
    assert run is not None
    assert run.parent_run_id == failed.run_id
    assert steps & {"pending_headers", "pending_lines", *MONDAY_STEPS} == again
    assert done_before["subitems_created"] < len(stage.inserts(stage.tables.line_queue))
    assert_all_there(stage)
    assert {row["sync_run_id"] for row in stage.inserts(stage.tables.header_queue)} == {repeated.run_id}


def test_a_failed_run_says_why_and_the_next_finishes(stage: Stage) -> None:
    stage.add_orders(40)
    stage.emulator.configure(faults=[Fault(kind=FaultKind.DAILY_LIMIT, operation="create_item", nth=3)])
    with pytest.raises(QuotaExhausted, match="daily quota of calls is used up") as caught:
        stage.sync()
    assert "\n" not in str(caught.value)
    created = stage.emulator.stats()["items_created"]
    assert 0 < created < 40
    stage.emulator.configure(faults=[])
    summary = stage.sync()
    assert summary.headers_claimed == 40  # not after the lease: the failed run is known to be over
    assert summary.items_created == 40 - created
    assert_all_there(stage)


def test_calls_sent_again_and_by_several_writers_are_all_counted(stage: Stage) -> None:
    stage.add_orders(12)
    stage.emulator.configure(
        faults=[
            Fault(kind=FaultKind.RESET_AFTER, operation="create_item", nth=1),
            Fault(kind=FaultKind.GARBAGE, operation="create_subitem", nth=2),
            Fault(kind=FaultKind.HTTP_502_HTML, operation="boards", nth=2),
        ],
        clock_speed=60,
    )
    asked = stage.emulator.stats()["calls"]
    try:
        summary = launch.sync(stage.settings.model_copy(update={"writers": 3, "clock_speed": 60}))
    finally:
        stage.emulator.configure(faults=[], clock_speed=1)
    struck = [request for request in stage.emulator.requests() if request["faults"]]
    assert len(struck) == 3
    assert summary.calls == stage.emulator.stats()["calls"] - asked
    assert summary.complete


# ---- a process dies -------------------------------------------------------------------------------------


@pytest.mark.on_disk
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX signal")
@pytest.mark.parametrize("step", ["items_created", "subitems_created"])
def test_a_killed_run_is_taken_up_at_once(stage: Stage, step: str) -> None:
    stage.add_orders(40)
    stage.emulator.configure(mutation_ms=5)
    with stage.started("sync") as process:
        until(lambda: stage.emulator.stats()[step] > 12, f"{step} of the first run", every=0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=DUE)
    stage.emulator.configure(mutation_ms=0)
    (dead_id,) = {row["sync_run_id"] for row in stage.inserts(stage.tables.header_queue)}
    assert stage.unsynced() > 40
    # A partial effect may still grow: settle_seconds allows for the time that monday may take.
    summary = launch.sync(stage.settings.model_copy(update={"settle_seconds": 1}))
    assert (summary.headers_claimed, summary.complete) == (40, True)
    assert_all_there(stage)
    assert_one_writer(stage)
    with stage.database() as database:
        [line] = make_report(database, stage.tables, Links(boards={}), run_id=summary.run_id).runs
    assert summary.recovered > 0
    assert line.created == summary.items_created + summary.subitems_created + summary.recovered
    with stage.instance() as instance:
        dead = instance.get_run_by_id(dead_id)
    assert dead is not None
    assert dead.status is dg.DagsterRunStatus.FAILURE  # else the sensor and the run queue would wait for it for ever


# ---- two at once ----------------------------------------------------------------------------------------


@pytest.mark.on_disk
def test_two_at_once(stage: Stage) -> None:
    stage.add_orders(60)
    stage.emulator.configure(mutation_ms=5)
    with stage.started("sync", "--limit", "30") as one, stage.started("sync", "--limit", "30") as other:
        results = [process.communicate(timeout=DUE) for process in (one, other)]
    # Where both look at the same moment they want the same orders, and one gets none: it says so.
    codes = [one.returncode, other.returncode]
    assert codes.count(0) >= 1, results
    assert all(code == 0 or "Run order-sync sync again" in out for code, (out, _) in zip(codes, results, strict=True))
    assert_one_writer(stage)
    agreement = stage.agreement()
    assert agreement.agree, agreement.text()
    synced = stage.inserts(stage.tables.header_queue, stage.tables.header_queue.c.sync_state == "SYNCED")
    assert agreement.items == len(synced)
    stage.sync()
    assert_all_there(stage)


@pytest.mark.on_disk
def test_two_at_once_for_the_same_orders(stage: Stage) -> None:
    stage.add_orders(30)
    stage.emulator.configure(mutation_ms=5)
    processes: list[subprocess.Popen[str]]
    with stage.started("sync") as one, stage.started("sync") as other:
        processes = [one, other]
        results = [process.communicate(timeout=DUE) for process in processes]
    codes = [process.returncode for process in processes]
    assert sorted(codes) in ([0, 0], [0, 1]), results
    # The one that came too late says which run has the orders, not that there was nothing to do.
    for code, (stdout, _) in zip(codes, results, strict=True):
        assert code == 0 or "30 orders held by run" in stdout or "Run order-sync sync again" in stdout
    assert_one_writer(stage)
    assert_all_there(stage)
