"""A database that stumbles: a run goes on, a sensor waits for its next tick, and tidying up fails nobody."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from order_sync.database import connection as database_module
from order_sync.definitions import build_definitions
from order_sync.deployments import resources
from order_sync_tests.database.driver import URL, Driver
from order_sync_tests.graph.stage import Stage
from order_sync_tests.graph.test_recovery import assert_all_there

BROKEN = "[08S01] [Microsoft][SQL Server]Communication link failure (0) (SQLExecDirectW)"
PAUSED = "[42000] [Microsoft][SQL Server]Database 'orders' is not currently available. (40613) (SQLDriverConnect)"
WRONG = "[28000] [Microsoft][SQL Server]Login failed for user 'sync'. (18456) (SQLDriverConnect)"


@contextmanager
def failing(text: str, when: Callable[[str], object]) -> Iterator[list[str]]:
    """Statements on the order database answer with this error when asked for; returns those that did."""
    failed: list[str] = []

    def fail(connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if "orders.db" in str(connection.engine.url) and when(statement):
            failed.append(statement)
            raise sqlite3.OperationalError(text)

    event.listen(sa.Engine, "before_cursor_execute", fail)
    try:
        yield failed
    finally:
        event.remove(sa.Engine, "before_cursor_execute", fail)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "sleep", lambda seconds: None)


def test_a_run_survives_each_of_its_statements_failing_once(stage: Stage) -> None:
    stage.add_orders(12)
    seen: set[str] = set()
    recent: deque[bool] = deque(maxlen=30)

    def once(statement: str) -> bool:
        new = statement not in seen and sum(recent) < 5  # a transaction has eight attempts, and some a dozen statements
        recent.append(new)
        seen.update([statement] if new else [])
        return new

    with failing(BROKEN, once) as failed:
        assert stage.sync().complete
    assert len(failed) > 20
    assert_all_there(stage)


def test_a_whole_run_leaves_nothing_for_a_server_to_describe(stage: Stage) -> None:
    """Every statement of a run and of its checks, with its values, as SQL Server's driver would get it."""
    stage.add_orders(12)
    executed: list[tuple[Any, Any]] = []

    def record(connection: sa.Connection, element: Any, many: Any, one: Any, _options: Any) -> None:
        if "orders.db" in str(connection.engine.url) and isinstance(element, sa.sql.ClauseElement):
            executed.append((element, many or one or None))

    event.listen(sa.Engine, "before_execute", record)
    try:
        assert stage.sync().complete
    finally:
        event.remove(sa.Engine, "before_execute", record)
    driver = Driver()
    with driver.in_place():
        database = database_module.WritableDatabase(URL)
        with database.write() as connection:
            for element, parameters in executed:
                connection.execute(element, parameters)
        database.dispose()
    assert len(driver.sent) > 100
    assert driver.described == []
    assert [sent.statement for sent in driver.sent if sent.untyped] == []


def test_tidying_up_never_fails_a_run(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.add_orders(2)
    assert stage.sync().complete
    old = datetime_before(stage)
    stage.execute(sa.update(stage.tables.log).values(logged_at=old))
    stage.add_orders(2, seed=2)
    for text in (BROKEN, "[42000] [Microsoft][SQL Server]The DELETE permission was denied (229) (SQLExecDirectW)"):
        with failing(text, lambda statement: statement.startswith("DELETE")) as failed:
            assert stage.sync().complete
        assert len(failed) == 1  # not tried again while the board is held
        stage.add_orders(2, seed=len(text))
    assert stage.sync().complete
    assert all(row["logged_at"] > old for row in stage.rows(stage.tables.log))


def datetime_before(stage: Stage) -> Any:
    with stage.database() as database:
        return database.current_time() - timedelta(days=200)


SENSORS = ("new_orders", "stuck_rows", "empty_queue", "queue_depth")


def tick(stage: Stage, name: str) -> dg.SensorResult | dg.SkipReason:
    sensor = build_definitions(stage.settings).resolve_sensor_def(name)
    made = resources(stage.settings)
    wanted: dict[str, object] = {key: made[key] for key in sensor.required_resource_keys}
    with stage.instance() as instance, dg.build_sensor_context(instance=instance, resources=wanted) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def skipped(result: dg.SensorResult | dg.SkipReason) -> str:
    reason = result.skip_reason if isinstance(result, dg.SensorResult) else result
    assert isinstance(reason, dg.SkipReason)
    return reason.skip_message or ""


@pytest.mark.parametrize("name", SENSORS)
@pytest.mark.parametrize("part", ["SELECT", "sync_state"])
def test_a_tick_waits_for_a_database_that_is_away(stage: Stage, name: str, part: str) -> None:
    """At its first question, and in the midst of its work."""
    stage.add_orders(1)
    with failing(PAUSED, lambda statement: part in statement) as failed:
        reason = skipped(tick(stage, name))
    assert failed
    assert "Database 'orders' is not currently available" in reason
    assert "next tick tries again" in reason


@pytest.mark.parametrize("name", SENSORS)
def test_a_tick_fails_where_a_setting_is_wrong(stage: Stage, name: str) -> None:
    with failing(WRONG, lambda statement: "SELECT" in statement), pytest.raises(Exception, match="Login failed"):
        tick(stage, name)
