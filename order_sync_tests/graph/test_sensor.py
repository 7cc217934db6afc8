"""The sensor: tick by tick, and with the real daemon."""

from __future__ import annotations

import json
import platform
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from order_sync.automation import sensors
from order_sync.definitions import build_definitions
from order_sync.demo.samples import arriving_orders
from order_sync.deployments import resources
from order_sync.emulator import Emulator, Fault, FaultKind
from order_sync.orders.errors import Fatal, OrderSyncError, QuotaExhausted
from order_sync.orders.naming import CUSTOMER
from order_sync_tests.graph.stage import Stage, in_group, stage_in
from order_sync_tests.graph.test_changes import before_mutation
from order_sync_tests.graph.test_scope import late_line
from order_sync_tests.waiting import DUE, until


@pytest.fixture
def instance(stage: Stage) -> Iterator[dg.DagsterInstance]:
    with stage.instance() as instance:
        yield instance


def tick(
    stage: Stage, instance: dg.DagsterInstance, cursor: str | None = None, *, name: str = "new_orders"
) -> dg.SensorResult:
    sensor = build_definitions(stage.settings).resolve_sensor_def(name)
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


def quickly(stage: Stage) -> Stage:
    """The same stage for a sensor whose waits are over at once."""
    settings = stage.settings.model_copy(update={"clock_speed": 1e9})
    return Stage(folder=stage.folder, settings=settings, emulator=stage.emulator, tables=stage.tables)


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


def test_each_tick_has_the_same_tables(stage: Stage) -> None:
    first, second = (resources(stage.settings)["sql_server"] for _ in range(2))
    assert first is not second
    assert first.tables is second.tables


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


@pytest.mark.parametrize("cursor", [None, "as it was", "[]"])
def test_a_cursor_that_is_lost_loses_no_row(stage: Stage, instance: dg.DagsterInstance, cursor: str | None) -> None:
    stage.add_orders(1)
    first = request_of(tick(stage, instance))
    going = going_run(stage, instance)
    instance.report_run_canceled(going)
    assert request_of(tick(stage, instance, cursor)).run_key != first.run_key


def test_more_rows_are_another_run(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(3, seed=1)
    first = request_of(tick(stage, instance))
    stage.add_orders(3, seed=2)
    assert request_of(tick(stage, instance)).run_key != first.run_key


def test_a_run_that_is_going_is_waited_for(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(3)
    run = going_run(stage, instance)
    assert skipped(tick(stage, instance)) == f"Run {run.run_id} is STARTED; the next tick tries again."
    instance.report_run_canceled(run)
    assert request_of(tick(stage, instance)).run_key


def test_a_run_whose_process_died_is_not_waited_for(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(3)
    run = going_run(stage, instance)
    locks = stage.settings.home / "runs" / platform.node()
    locks.mkdir(parents=True)
    (locks / f"{run.run_id}.lock").touch()  # as a killed process leaves it: there, and held by nobody
    assert skipped(tick(stage, instance)).startswith("The last run failed; retrying in ")
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


@pytest.mark.parametrize(("hours", "waits"), [(-1, False), (2, False), (0, True)])
def test_a_clock_jump_shortens_a_wait_never_prolongs_it(hours: float, waits: bool) -> None:
    ended = datetime.now(UTC).timestamp()
    now = ended + hours * 3_600 + 1
    for seconds in (60, 3_600):
        left = sensors._left(ended, seconds, now)
        assert left <= seconds
        assert (left > 0) is waits


def test_a_clock_set_back_does_not_stop_runs(
    stage: Stage, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SetBack(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) - timedelta(hours=1)

    stage.add_orders(1)
    failed_run(stage)
    assert skipped(tick(stage, instance))
    monkeypatch.setattr(sensors, "datetime", SetBack)
    request_of(tick(stage, instance))


def test_the_same_rows_get_a_run_after_the_back_off(
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


def test_rows_left_by_good_runs_are_retried_ever_less_often(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(2)
    # A customer that is known and for whom nothing waits.
    idle = {"record_uuid": str(uuid4()), CUSTOMER: "Quiet & Sons"}
    stage.execute(sa.insert(stage.tables.orders).values(idle))
    first = tick(stage, instance)
    stage.sync(customers=["Quiet & Sons"])  # goes well, and leaves them
    second = tick(stage, instance, first.cursor)
    assert request_of(second).run_key != request_of(first).run_key
    stage.sync(customers=["Quiet & Sons"])
    third = tick(stage, instance, second.cursor)
    assert skipped(third).startswith("2 rows are still waiting after the last run; retrying in 1")
    assert third.cursor == second.cursor
    stage.add_orders(1, seed=2)
    assert request_of(tick(stage, instance, third.cursor)).tags["order_sync/headers"] == "3"


def test_rows_of_a_failed_run_skip_the_lease_wait(
    stage: Stage, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.add_orders(12)
    with before_mutation("create_item", 2, stop), pytest.raises(Fatal):
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


# ---- out of quota ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.DAILY_LIMIT, operation="create_item", nth=2),
        Fault(kind=FaultKind.DAILY_LIMIT, nth=1),  # before the first step
    ],
    ids=["in a step", "before the first step"],
)
def test_out_of_quota_it_waits_for_the_next_day(stage: Stage, instance: dg.DagsterInstance, fault: Fault) -> None:
    stage.add_orders(12)
    stage.emulator.configure(faults=[fault])
    with pytest.raises(QuotaExhausted) as raised:
        stage.sync()
    message = skipped(tick(stage, instance))
    assert " used up monday's daily quota of calls" in message
    assert f"; resuming at {raised.value.resume_at:%Y-%m-%d %H:%M} UTC, in " in message
    left = (raised.value.resume_at - datetime.now(UTC)).total_seconds()
    assert abs(int(message.split()[-2]) - left) < 30
    # The first run of the new day need not have failed for another reason: nothing is left of the back-off either.
    assert request_of(tick(quickly(stage), instance)).tags["order_sync/headers"] == "12"


def test_a_good_run_records_that_quota_is_left(stage: Stage, instance: dg.DagsterInstance) -> None:
    """Somebody tried by hand, say after buying a larger plan."""
    stage.add_orders(2)
    stage.emulator.configure(faults=[Fault(kind=FaultKind.DAILY_LIMIT, nth=1)])
    with pytest.raises(QuotaExhausted):
        stage.sync()
    stage.sync(limit=1)
    assert request_of(tick(stage, instance))


# ---- rows that a run left behind ------------------------------------------------------------------------


def stop() -> None:
    raise Fatal("stopped by the test")


def left_behind(stage: Stage, *, seconds: float) -> str:
    """A run that ends in the middle of its items so long ago; returns the customer of one of its headers."""
    with before_mutation("create_item", 1, stop), pytest.raises(Fatal):
        stage.sync()
    for table in (stage.tables.header_queue, stage.tables.line_queue):
        ago = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=seconds)
        stage.execute(sa.update(table).where(table.c.sync_state == "PENDING").values(sync_attempted_at=ago))
    return str(stage.rows(stage.tables.header_queue)[0]["CUSTOMER NAME"])


def test_rows_are_stuck_once_their_lease_ends(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(1)
    assert skipped(tick(stage, instance, name="stuck_rows")) == "No row is stuck."  # waiting is not being stuck
    left_behind(stage, seconds=500)
    quick = quickly(stage)
    assert skipped(tick(quick, instance, name="stuck_rows")) == "No row is stuck."
    customer = left_behind(stage, seconds=700)
    assert skipped(tick(stage, instance, name="stuck_rows")).startswith("The last run failed; retrying in ")
    result = tick(quick, instance, name="stuck_rows")
    request = request_of(result)
    assert request.tags["order_sync/stuck"] == "1"  # its lines come with it
    assert request.run_config["resources"]["scope"]["config"] == {"customers": [customer]}
    assert stage.sync(customers=[customer]).complete
    after = tick(quick, instance, result.cursor, name="stuck_rows")
    assert skipped(after) == "No row is stuck."
    assert after.cursor == result.cursor


def test_a_run_of_stuck_rows_leaves_other_customers_waiting(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(1, seed=1)
    customer = left_behind(stage, seconds=700)
    others = [row for row in stage.add_orders(20, seed=2).headers if row["CUSTOMER NAME"] != customer]
    request = request_of(tick(quickly(stage), instance, name="stuck_rows"))
    stage.sync(customers=request.run_config["resources"]["scope"]["config"]["customers"])
    waiting = stage.rows(stage.tables.header_queue, stage.tables.header_queue.c.sync_state == "NEW")
    assert {row["delta_uuid"] for row in waiting} == {row["delta_uuid"] for row in others}


def test_both_sensors_wait_for_one_run(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(1)
    left_behind(stage, seconds=700)
    assert request_of(tick(quickly(stage), instance))
    run = going_run(stage, instance)
    for name in ("new_orders", "stuck_rows"):
        assert skipped(tick(quickly(stage), instance, name=name)).startswith(f"Run {run.run_id} is STARTED")


def test_rows_that_another_tool_left_without_a_time_are_stuck(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(2)
    headers = stage.tables.header_queue
    stage.execute(sa.update(headers).values(sync_state="PENDING", sync_run_id="an older tool", sync_attempted_at=None))
    assert request_of(tick(stage, instance, name="stuck_rows")).tags["order_sync/stuck"] == "2"


def test_rows_in_error_are_not_stuck(stage: Stage, instance: dg.DagsterInstance) -> None:
    """No run may claim them, so to ask for one again and again would be in vain."""
    stage.add_orders(1)
    left_behind(stage, seconds=700)
    lines = stage.tables.line_queue
    stage.execute(sa.update(lines).values(sync_state="ERROR"))
    assert skipped(tick(quickly(stage), instance, name="stuck_rows")) == "No row is stuck."


# ---- floods ---------------------------------------------------------------------------------------------


class Daemon:
    """What the daemon does with a sensor, one step at a time: it ticks, queues the run that is asked for, starts it."""

    def __init__(self, stage: Stage, instance: dg.DagsterInstance) -> None:
        self.stage = stage
        self.instance = instance
        self.cursor: str | None = None
        self.runs: list[dg.DagsterRun] = []
        self.keys: set[str] = set()
        self._job = build_definitions(stage.settings).resolve_job_def("sync_orders")

    def tick(self) -> dg.DagsterRun | None:
        result = tick(self.stage, self.instance, self.cursor)
        self.cursor = result.cursor
        if not result.run_requests:
            return None
        request = request_of(result)
        assert request.run_key
        assert request.run_key not in self.keys, "a repeated key is swallowed, and these rows with it"
        self.keys.add(request.run_key)
        run = self.instance.create_run_for_job(self._job, run_config=request.run_config, tags=request.tags)
        self.runs.append(run)
        return run

    def start(self, run: dg.DagsterRun) -> bool:
        return execute_run(InMemoryJob(self._job), run, self.instance).success


def test_ten_thousand_rows_at_once_are_one_run(stage: Stage, instance: dg.DagsterInstance) -> None:
    sample = stage.add_orders(1_830)
    assert len(sample.headers) + len(sample.lines) >= 10_000
    daemon = Daemon(stage, instance)
    run = daemon.tick()
    assert run is not None
    stage.add_orders(3, seed=2)
    assert daemon.tick() is None  # it is queued
    assert daemon.start(run)
    assert stage.unsynced() == 0  # what came before the run began, too
    assert daemon.tick() is None
    assert daemon.runs == [run]
    assert stage.agreement().agree


SPEED = 240  # half an hour in 7.5 s
HALF_AN_HOUR = 1_800


def test_one_row_a_second_for_half_an_hour(board_process: Emulator, tmp_path: Path) -> None:
    """Rows come one by one, an order's lines after its header, while runs go and fail, ticks are left out, and the
    cursor is lost."""
    with (
        stage_in(tmp_path, board_process, ORDER_SYNC_CLOCK_SPEED=str(SPEED)) as stage,
        stage.instance() as instance,
    ):
        stage.emulator.configure(clock_speed=SPEED)
        every = arriving_orders(HALF_AN_HOUR, seed=7)
        lines: dict[str, list[dict[str, Any]]] = {}
        for row in every.lines:
            lines.setdefault(row["record_uuid"], []).append(row)
        header_table, line_table = stage.tables.header_queue, stage.tables.line_queue
        arriving: list[tuple[sa.Table, dict[str, Any]]] = []
        for header in every.headers:
            arriving.append((header_table, header))
            arriving += [(line_table, row) for row in lines[header["record_uuid"]]]
        arriving = arriving[:HALF_AN_HOUR]
        known = {row["record_uuid"] for _, row in arriving}
        with stage.database() as database, database.write() as connection:
            for table, rows in ((stage.tables.orders, every.orders), (stage.tables.order_lines, every.order_lines)):
                connection.execute(sa.insert(table), [row for row in rows if row["record_uuid"] in known])
        over = threading.Event()

        def feed() -> None:
            began, wait = monotonic(), threading.Event()
            with stage.database() as database:
                for second, (table, row) in enumerate(arriving):
                    wait.wait(max(0.0, began + second / SPEED - monotonic()))
                    now = datetime.now(UTC).replace(tzinfo=None)
                    with database.write() as connection:
                        connection.execute(sa.insert(table).values(row | {"created_at": now}))
            over.set()

        feeder = threading.Thread(target=feed)
        feeder.start()
        daemon, ticks, deadline = Daemon(stage, instance), 0, monotonic() + 2 * DUE
        while not over.is_set() or stage.unsynced():
            assert monotonic() < deadline, "rows are left"
            over.wait(stage.settings.sensor_seconds / SPEED)
            ticks += 1
            if ticks % 5 == 0:
                continue  # the daemon was busy
            if ticks % 7 == 0:
                daemon.cursor = None
            run = daemon.tick()
            if run is None:
                continue
            assert daemon.tick() is None  # while it is queued
            if len(daemon.runs) in (2, 3):  # in the middle of its items, or of its subitems
                with before_mutation("create_subitem" if len(daemon.runs) == 3 else "create_item", 1, stop):
                    assert not daemon.start(run)
            else:
                assert daemon.start(run)
        feeder.join()
        assert len(daemon.runs) > 3
        assert len(stage.rows(header_table)) + len(stage.rows(line_table)) == HALF_AN_HOUR
        assert stage.agreement().agree
        assert stage.emulator.stats()["items_created"] == len(stage.rows(header_table))
        assert all(run.is_finished for run in instance.get_runs())


# ---- the real daemon ------------------------------------------------------------------------------------


@pytest.mark.on_disk
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


@pytest.mark.daemon
def test_a_killed_daemon_continues_where_it_stopped(board_process: Emulator, tmp_path: Path) -> None:
    speed = 20  # the back-off after the run that died with it is 3 s
    with stage_in(tmp_path, board_process, ORDER_SYNC_CLOCK_SPEED=str(speed), ORDER_SYNC_SENSOR_SECONDS="1") as stage:
        daemon = [sys.executable, "-m", "dagster._daemon", "run", "-m", "order_sync.definitions"]
        stage.emulator.configure(clock_speed=speed, mutation_ms=2_000)
        stage.add_orders(40)
        with in_group(daemon, stage.folder, {}, quiet=True) as process:
            until(lambda: stage.emulator.stats()["items_created"] > 0, "the run that the sensor asked for")
            process.kill()
        stage.emulator.configure(mutation_ms=20)
        with in_group(daemon, stage.folder, {}, quiet=True):
            until(lambda: stage.unsynced() == 0, "every row SYNCED by the next daemon", every=0.3)
            with stage.instance() as instance:
                until(lambda: all(run.is_finished for run in instance.get_runs()), "the end of the last run")
                found = [run.status for run in reversed(instance.get_runs())]
        assert found == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]
        assert stage.agreement().agree
