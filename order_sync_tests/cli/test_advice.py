"""The next step that an error names is one that works where it is printed: in the deployment that is set."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result

from order_sync.settings import PREFIX
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.graph.stage import ROOT, Stage

pytestmark = pytest.mark.on_disk

PRODUCTION = {"DEPLOYMENT": "production", "MONDAY_TOKEN": "a-token", "MONDAY_BOARD_ID": "4700000001"}
DATABASE = ["status"], ["sync"], ["sync", "--dry-run"], ["retry"], ["report"], ["trace", "A-1"]


def set_up(patch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        patch.setenv(PREFIX + name, value)


def advice(result: Result) -> str:
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.strip().splitlines()
    return line


@pytest.mark.parametrize("command", DATABASE, ids=" ".join)
def test_db_init_creates_a_missing_production_database(
    stage: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    file = stage.folder / "production" / "orders.db"
    set_up(monkeypatch, **PRODUCTION, DATABASE_URL=f"sqlite:///{file}")
    assert "Create one with empty tables by `order-sync db init`" in advice(order_sync(*command))
    made = order_sync("db", "init")
    assert (made.exit_code, file.exists()) == (0, True), made.output
    assert order_sync("status").exit_code == 0


@pytest.mark.parametrize("deployment", ["embedded", "production"])
def test_db_init_fills_a_database_without_tables(
    stage: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, deployment: str
) -> None:
    file = tmp_path / "empty.db"
    file.touch()
    set_up(monkeypatch, **(PRODUCTION if deployment == "production" else {}), DATABASE_URL=f"sqlite:///{file}")
    message = advice(order_sync("status"))
    assert "has none of the tables. Check ORDER_SYNC_DATABASE_URL and ORDER_SYNC_DATABASE_SCHEMA." in message
    assert "`order-sync db init` creates all of them" in message
    assert order_sync("db", "init").exit_code == 0
    assert order_sync("status").exit_code == 0


def test_the_demo_refuses_to_run_in_production(order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not which settings production lacks, which would help nobody who wants a demo."""
    set_up(monkeypatch, DEPLOYMENT="production")
    assert "needs the embedded deployment: unset ORDER_SYNC_DEPLOYMENT" in advice(order_sync("demo"))


@pytest.mark.parametrize("command", [["sync"], ["db", "check"], ["board", "check"]], ids=" ".join)
def test_the_example_settings_as_they_are_stop_at_once(stage: Stage, command: list[str]) -> None:
    """Nobody is looked for under the names of the example."""
    (stage.folder / ".env").write_bytes((ROOT / ".env.example").read_bytes())
    done = stage.run(*command)
    assert (done.returncode, done.stdout) == (2, "")
    assert "ORDER_SYNC_DATABASE_URL still contains PASSWORD and SERVER and DATABASE from .env.example" in done.stderr
