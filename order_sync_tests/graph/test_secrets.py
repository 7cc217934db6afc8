"""The token and the database's password: nowhere in what people or Dagster keep, print or show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._serdes import serialize_value

from order_sync import launch
from order_sync.definitions import build_definitions
from order_sync.demo.board import board_seed
from order_sync.emulator import Emulator, EmulatorSettings, start_emulator
from order_sync.errors import OrderSyncError
from order_sync.orders.mapping import load_mapping
from order_sync.resources.deployments import resources
from order_sync.settings import EMBEDDED_BOARD, Settings, load_settings
from order_sync_tests.graph.stage import Stage

TOKEN = "eyJhbGciOi.token-of-a-test.SfliDE"
PASSWORD = "Pa55-of-a-test-7f3"
SERVER = f"mssql+pyodbc://sync:{PASSWORD}@127.0.0.1:1/orders?driver=ODBC+Driver+18+for+SQL+Server&LoginTimeout=1"


@pytest.fixture
def guarded() -> Iterator[Emulator]:
    with start_emulator(EmulatorSettings(boards=(board_seed(load_mapping()),), token="another")) as emulator:
        yield emulator


@pytest.fixture
def settings(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Production, with a server that nobody is at."""
    environment = {
        "DEPLOYMENT": "production",
        "DATABASE_URL": SERVER,
        "MONDAY_TOKEN": TOKEN,
        "MONDAY_BOARD_ID": str(EMBEDDED_BOARD),
    }
    for name, value in environment.items():
        monkeypatch.setenv(f"ORDER_SYNC_{name}", value)
    return load_settings()


def assert_no_secret(*shown: Any) -> None:
    for text in map(str, shown):
        assert text
        assert TOKEN not in text
        assert PASSWORD not in text


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("from_environment", [False, True])
def test_no_repr_tells(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, dry_run: bool, from_environment: bool
) -> None:
    if not from_environment:
        for name in ("DATABASE_URL", "MONDAY_TOKEN"):
            monkeypatch.delenv(f"ORDER_SYNC_{name}")
    settings = settings.model_copy(update={"dry_run": dry_run})
    made = resources(settings)
    assert_no_secret(repr(settings), str(settings), repr(made), *(repr(r) for r in made.values()))
    assert_no_secret(*(str(resource) for resource in made.values()))


def test_no_snapshot_of_the_job_tells(settings: Settings) -> None:
    """What Dagster stores with each run and its UI shows as configuration."""
    defs = build_definitions(settings)
    snapshot = defs.resolve_job_def("sync_orders").get_job_snapshot()
    text = serialize_value(snapshot)
    assert "monday_io" in text
    assert_no_secret(text)


def events(stage: Stage) -> list[dg.EventLogEntry]:
    with stage.instance() as instance:
        return [entry for run in instance.get_runs() for entry in instance.all_logs(run.run_id)]


def test_no_event_of_a_run_that_monday_refuses_tells(
    stage: Stage, guarded: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.add_orders(2)
    monkeypatch.setenv("ORDER_SYNC_MONDAY_TOKEN", TOKEN)
    monkeypatch.setenv("ORDER_SYNC_MONDAY_URL", guarded.url)
    with pytest.raises(OrderSyncError) as caught:
        launch.sync(load_settings())
    logged = events(stage)
    assert any(entry.dagster_event and entry.dagster_event.is_failure for entry in logged)
    assert_no_secret(str(caught.value), *(serialize_value(entry) for entry in logged))
    done = stage.run("sync")
    assert done.returncode == 2
    assert "ORDER_SYNC_MONDAY_TOKEN" in done.stderr
    assert_no_secret(done.stderr, done.stdout + "-")


def test_no_word_of_a_run_that_finds_no_database_tells(stage: Stage, settings: Settings) -> None:
    with pytest.raises(OrderSyncError) as caught:
        launch.sync(settings)
    assert_no_secret(str(caught.value), *(serialize_value(entry) for entry in events(stage)))
    done = stage.run("status")
    assert done.returncode == 2
    assert "127.0.0.1" in done.stderr
    assert_no_secret(done.stderr)


def test_no_log_of_a_good_run_tells(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.add_orders(3)
    monkeypatch.setenv("ORDER_SYNC_MONDAY_TOKEN", TOKEN)
    assert launch.sync(load_settings()).complete
    logged = events(stage)
    assert len(logged) > 20
    assert_no_secret(*(serialize_value(entry) for entry in logged))
    stored = [path for path in stage.folder.rglob("*") if path.is_file()]
    assert stored
    for path in stored:
        assert TOKEN.encode() not in path.read_bytes(), path
