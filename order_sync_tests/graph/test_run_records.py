"""Dagster's own record: of a job's runs it keeps the newest, and nothing at all of the others."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from order_sync.automation.jobs import JOB_NAME
from order_sync.cli import launch
from order_sync.database.queue import QueueReader
from order_sync.definitions import build_definitions
from order_sync.resources.run_records import expire_runs
from order_sync_tests.graph.stage import Stage

pytestmark = pytest.mark.on_disk


def run_ids(instance: dg.DagsterInstance) -> list[str]:
    """The newest first."""
    return list(instance.get_run_ids())


def traces(folder: Path, run_id: str) -> list[Path]:
    return [path for path in folder.rglob("*") if run_id in path.name]


def reader(stage: Stage) -> QueueReader:
    with stage.database() as database:
        return QueueReader(database, stage.tables, lease_seconds=stage.settings.lease_seconds)


def ended(instance: dg.DagsterInstance, stage: Stage, *, status: dg.DagsterRunStatus) -> str:
    job = build_definitions(stage.settings).resolve_job_def(JOB_NAME)
    return instance.create_run_for_job(job, status=status).run_id


def test_older_runs_are_deleted_completely(stage: Stage) -> None:
    settings = stage.settings.model_copy(update={"runs_kept": 1})
    first = launch.sync(settings).run_id
    with stage.instance() as instance:
        with instance.compute_log_manager.capture_logs([first, "compute_logs", "step"]):
            print("captured")
        assert len(traces(stage.folder, first)) == 2
    launch.sync(settings)
    with stage.instance() as instance:
        assert first in run_ids(instance)  # a run is one of the newest only once it has ended
    launch.sync(settings)
    with stage.instance() as instance:
        assert len(run_ids(instance)) == 2
        assert first not in run_ids(instance)
        storage = instance.event_log_storage
        assert isinstance(storage, SqliteEventLogStorage)
        checks = AssetCheckExecutionsTable
        with storage.index_connection() as connection:
            left = connection.execute(sa.select(checks.c.run_id).distinct()).scalars().all()
    assert sorted(left) == sorted(run_ids(instance))
    assert traces(stage.folder, first) == []


def test_a_run_with_unfinished_work_is_kept(stage: Stage) -> None:
    with stage.instance() as instance:
        holder = ended(instance, stage, status=dg.DagsterRunStatus.FAILURE)
        others = [ended(instance, stage, status=dg.DagsterRunStatus.SUCCESS) for _ in range(3)]
        stage.add_orders(1)
        h = stage.tables.header_queue
        stage.execute(sa.update(h).values(sync_state="PENDING", sync_run_id=holder))
        assert expire_runs(instance, JOB_NAME, 1, reader(stage)) == 2
        assert run_ids(instance) == [others[-1], holder]
        stage.execute(sa.update(h).values(sync_state="NEW", sync_run_id=None))
        assert expire_runs(instance, JOB_NAME, 1, reader(stage)) == 1
        assert run_ids(instance) == [others[-1]]


def test_running_runs_and_other_jobs_are_kept(stage: Stage) -> None:
    with stage.instance() as instance:
        going = [ended(instance, stage, status=dg.DagsterRunStatus.STARTED) for _ in range(2)]
        done = [ended(instance, stage, status=dg.DagsterRunStatus.SUCCESS) for _ in range(2)]
        assert expire_runs(instance, "another_job", 1, reader(stage)) == 0
        assert expire_runs(instance, JOB_NAME, 0, reader(stage)) == 0
        assert expire_runs(instance, JOB_NAME, 1, reader(stage)) == 1
        assert sorted(run_ids(instance)) == sorted([*going, done[-1]])
