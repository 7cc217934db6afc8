"""Runs that are each a container of their own: what one may think of another, with and without a shared folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from order_sync.database.journal import Journal
from order_sync.definitions import build_definitions
from order_sync.orders.errors import LeaseLost
from order_sync.resources.runs import RunRegistry
from order_sync.settings import EMBEDDED_BOARD
from order_sync_tests.graph.stage import Stage


@pytest.fixture
def instance(stage: Stage) -> Iterator[dg.DagsterInstance]:
    with stage.instance() as instance:
        yield instance


def going_run(stage: Stage, instance: dg.DagsterInstance) -> dg.DagsterRun:
    job = build_definitions(stage.settings).resolve_job_def("sync_orders")
    return instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)


def registry(stage: Stage, instance: dg.DagsterInstance, machine: str) -> RunRegistry:
    return RunRegistry(stage.settings.home, instance, machine)


@contextmanager
def journal(stage: Stage, run_id: str, known: RunRegistry, *, lease_seconds: float = 180) -> Iterator[Journal]:
    with stage.database() as database:
        yield Journal(
            database,
            stage.tables,
            board_id=EMBEDDED_BOARD,
            run_id=run_id,
            lease_seconds=lease_seconds,
            is_over=known.is_over,
        )


def test_a_lock_is_judged_only_on_its_own_machine(stage: Stage, instance: dg.DagsterInstance) -> None:
    """On a shared folder: not every file system shows one machine the locks of another."""
    run = going_run(stage, instance)
    here, there = (registry(stage, instance, machine) for machine in ("worker-1", "worker-2"))
    here.enter(run.run_id).release()  # as it looks when the process has died, or from where its lock does not show
    assert here.is_over(run.run_id)
    assert not there.is_over(run.run_id)
    there.report_dead()
    assert there.over([run.run_id]) == []
    instance.report_run_failed(run)
    assert there.is_over(run.run_id)


def test_a_machine_reports_its_own_dead_runs(stage: Stage, instance: dg.DagsterInstance) -> None:
    run = going_run(stage, instance)
    here = registry(stage, instance, "worker-1")
    here.enter(run.run_id).release()
    here.report_dead()
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.FAILURE


def test_another_containers_run_keeps_the_board_until_dagster_ends_it(
    stage: Stage, instance: dg.DagsterInstance
) -> None:
    run, next_run = going_run(stage, instance), going_run(stage, instance)
    known = registry(stage, instance, "worker-2")
    waited_for: list[str] = []

    def waiting(holder: str) -> None:
        waited_for.append(holder)
        if len(waited_for) == 2:
            instance.report_run_failed(run)  # as Dagster's run monitoring does when the container has ended

    with (
        journal(stage, run.run_id, known) as former,
        journal(stage, next_run.run_id, known) as later,
        former.holding_board(),
        later.holding_board(waiting),
    ):
        assert waited_for == [run.run_id] * 2
        # Ended or not: a run that Dagster believes dead writes no more.
        with pytest.raises(LeaseLost):
            former.renew()
        later.renew()


def test_an_unknown_run_keeps_the_board_for_its_lease(stage: Stage, instance: dg.DagsterInstance) -> None:
    """Another machine's run with a Dagster record of its own: only the database is shared."""
    known = registry(stage, instance, "worker-2")
    run = going_run(stage, instance)
    waited_for: list[str] = []
    with (
        journal(stage, "unknown-run", known, lease_seconds=1.5) as former,
        journal(stage, run.run_id, known) as later,
        former.holding_board(),
        later.holding_board(waited_for.append),
    ):
        assert set(waited_for) == {"unknown-run"}
        with pytest.raises(LeaseLost):
            former.renew()
