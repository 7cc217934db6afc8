"""The sensor: tick by tick, and with the real daemon."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from order_sync import sensors
from order_sync.definitions import build_definitions
from order_sync.emulator import Fault, FaultKind
from order_sync.errors import OrderSyncError, QuotaExhausted
from order_sync.resources.deployments import resources
from order_sync_tests.graph.stage import Stage, in_group, until
from order_sync_tests.graph.test_scope import late_line


@pytest.fixture
def instance(stage: Stage) -> Iterator[dg.DagsterInstance]:
    with stage.instance() as instance:
        yield instance


def tick(stage: Stage, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    sensor = build_definitions(stage.settings).resolve_sensor_def("new_orders")
    made = resources(stage.settings)
    with dg.build_sensor_context(
        instance=instance, cursor=cursor, resources={key: made[key] for key in ("sql_server", "runs")}
    ) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def request_of(result: dg.SensorResult) -> dg.RunRequest:
    assert result.skip_reason is None
    assert result.run_requests is not None
    (request,) = result.run_requests
    return request


def skipped(result: dg.SensorResult) -> str:
    assert not result.run_requests
    assert result.skip_reason is not None
    return str(result.skip_reason.skip_message)


def going_run(stage: Stage, instance: dg.DagsterInstance, job_name: str = "sync_orders") -> dg.DagsterRun:
    definitions = build_definitions(stage.settings)
    job = (
        definitions.resolve_job_def(job_name)
        if job_name == "sync_orders"
        else definitions.resolve_implicit_global_asset_job_def()
    )
    return instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)


def failed_run(stage: Stage) -> None:
    """A run that fails before it claims anything."""
    settings = stage.settings
    wrong = Stage(
        folder=stage.folder,
        settings=settings.model_copy(update={"monday_board_id": 4_711}),
        emulator=stage.emulator,
        tables=stage.tables,
    )
    with pytest.raises(OrderSyncError):
        wrong.sync()


@pytest.mark.parametrize("job_name", ["sync_orders", "__ASSET_JOB"])
def test_a_run_of_either_job_is_waited_for(stage: Stage, instance: dg.DagsterInstance, job_name: str) -> None:
    """What the UI's "Materialize all" starts is no sync_orders, and takes up the same rows."""
    stage.add_orders(1)
    run = going_run(stage, instance, job_name)
    assert f"Run {run.run_id} is STARTED" in skipped(tick(stage, instance))
    instance.report_run_canceled(run)
    assert request_of(tick(stage, instance)).tags["order_sync/headers"] == "1"


def test_no_rows_no_run(stage: Stage, instance: dg.DagsterInstance) -> None:
    result = tick(stage, instance, cursor="as it was")
    assert skipped(result) == "No new rows."
    assert result.cursor == "as it was"


def test_new_rows_are_one_request(stage: Stage, instance: dg.DagsterInstance) -> None:
    sample = stage.add_orders(40)
    result = tick(stage, instance)
    request = request_of(result)
    assert request.tags["order_sync/headers"] == "40"
    assert all(len(value) <= 256 for value in request.tags.values())
    assert " and " in request.tags["order_sync/customers"]
    assert result.cursor is not None
    newest = max(row["created_at"] for row in sample.headers).isoformat()
    assert json.loads(result.cursor)["seen"] == {"newest": newest, "rows": 40}
    assert request.run_key is not None
    assert request.run_key.startswith(newest)
    assert not {row["record_uuid"] for row in sample.headers} & set(request.run_key.split("|"))
    job = build_definitions(stage.settings).resolve_job_def("sync_orders")
    assert dg.validate_run_config(job, request.run_config)


def test_nothing_is_claimed_by_looking(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(3)
    before = stage.dump(), stage.emulator.checksum()
    first, second = (request_of(tick(stage, instance)) for _ in range(2))
    assert first.run_key == second.run_key  # the same rows asked for twice are one run
    assert (stage.dump(), stage.emulator.checksum()) == before


def test_more_rows_are_another_run(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(3, seed=1)
    first = request_of(tick(stage, instance))
    stage.add_orders(3, seed=2)
    assert request_of(tick(stage, instance)).run_key != first.run_key


def test_a_run_that_is_going_is_waited_for(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(3)
    run = going_run(stage, instance)
    assert skipped(tick(stage, instance)) == f"Run {run.run_id} is STARTED; the next tick looks again."
    instance.report_run_canceled(run)
    assert request_of(tick(stage, instance)).run_key


def test_a_run_whose_process_died_is_not_waited_for(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(3)
    run = going_run(stage, instance)
    locks = stage.settings.home / "runs" / platform.node()
    locks.mkdir(parents=True)
    (locks / f"{run.run_id}.lock").touch()  # as a killed process leaves it: there, and held by nobody
    assert skipped(tick(stage, instance)).startswith("The last run failed; trying again in ")
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.FAILURE
    assert list(locks.iterdir()) == []


def test_after_a_failure_it_waits_longer_each_time(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(1)
    for longest in (60, 120, 240):
        failed_run(stage)
        words = skipped(tick(stage, instance)).split()
        assert longest - 20 < int(words[-2]) <= longest


def test_after_the_back_off_the_same_rows_are_a_new_run(
    stage: Stage, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.add_orders(2)
    before = request_of(tick(stage, instance))
    failed_run(stage)
    monkeypatch.setattr(sensors, "FIRST_BACK_OFF", 0)
    after = request_of(tick(stage, instance))
    assert after.run_key != before.run_key
    failed_run(stage)
    assert request_of(tick(stage, instance)).run_key not in (before.run_key, after.run_key)


def test_rows_that_a_good_run_left_are_asked_for_less_and_less(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(2)
    first = tick(stage, instance)
    stage.sync(customers=["Nobody"])  # goes well, and leaves them
    second = tick(stage, instance, first.cursor)
    assert request_of(second).run_key != request_of(first).run_key
    stage.sync(customers=["Nobody"])
    third = tick(stage, instance, second.cursor)
    assert skipped(third).startswith("2 rows still wait after the last run; trying again in 1")
    assert third.cursor == second.cursor
    stage.add_orders(1, seed=2)
    assert request_of(tick(stage, instance, third.cursor)).tags["order_sync/headers"] == "3"


def test_rows_of_a_failed_run_do_not_wait_for_their_lease(
    stage: Stage, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.add_orders(12)
    stage.emulator.configure(faults=[Fault(kind=FaultKind.DAILY_LIMIT, operation="create_item", nth=2)])
    with pytest.raises(QuotaExhausted):
        stage.sync()
    assert {row["sync_state"] for row in stage.inserts(stage.tables.header_queue)} == {"PENDING"}
    monkeypatch.setattr(sensors, "FIRST_BACK_OFF", 0)
    assert request_of(tick(stage, instance)).tags["order_sync/headers"] == "12"


def test_after_a_good_run_there_is_nothing_to_do(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(2)
    cursor = tick(stage, instance).cursor
    stage.sync()
    result = tick(stage, instance, cursor)
    assert skipped(result) == "No new rows."
    assert result.cursor == cursor


def test_a_late_line_alone_is_reason_enough(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(2)
    stage.sync()
    late_line(stage, stage.rows(stage.tables.orders)[0], "9XL")
    request = request_of(tick(stage, instance))
    assert request.tags["order_sync/headers"] == "0"


def test_a_missing_database_is_said(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.database_file.unlink()
    with pytest.raises(OrderSyncError, match="no database at"):
        tick(stage, instance)


# ---- the real daemon ------------------------------------------------------------------------------------


@pytest.mark.daemon
def test_the_daemon_syncs_what_arrives(stage: Stage) -> None:
    daemon = [sys.executable, "-m", "dagster._daemon", "run", "-m", "order_sync.definitions"]
    with in_group(daemon, stage.folder, {"ORDER_SYNC_SENSOR_SECONDS": "2"}, quiet=True):
        stage.emulator.configure(mutation_ms=20)
        stage.add_orders(12, seed=2)
        until(lambda: stage.emulator.stats()["items_created"] > 0, "the run that the sensor asked for")
        stage.add_orders(3, seed=3)
        until(lambda: stage.unsynced() == 0, "what came meanwhile SYNCED by a later tick", every=0.3)
        with stage.instance() as instance:
            until(lambda: all(run.is_finished for run in instance.get_runs()), "the end of the last run")
            runs: list[Any] = [run for run in instance.get_runs() if run.tags.get("dagster/sensor_name")]
    assert len(runs) == 2
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    assert stage.agreement().agree
    headers = stage.inserts(stage.tables.header_queue)
    assert (len(headers), len({row["sync_run_id"] for row in headers})) == (15, 2)
