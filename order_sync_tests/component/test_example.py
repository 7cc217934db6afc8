"""examples/dagster_project by Dagster's own command: its definitions are good, and a run syncs orders."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from order_sync_tests.graph.stage import ROOT, Stage
from order_sync_tests.waiting import DUE

pytestmark = pytest.mark.on_disk

EXAMPLE = ROOT / "examples" / "dagster_project"


def dg_in(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dagster_dg_cli.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * DUE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def project(stage: Stage) -> Path:
    folder = stage.folder / "project"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_example_syncs_orders_beside_its_own_asset(stage: Stage, project: Path) -> None:
    orders = stage.add_orders(3)
    assert "All definitions loaded successfully." in dg_in(project, "check", "defs")

    dg_in(project, "launch", "--job", "sync_orders")
    assert stage.unsynced() == 0
    assert stage.agreement().agree
    assert stage.emulator.stats()["items"] == len(orders.headers)

    dg_in(project, "launch", "--assets", "plan_of_the_day")
    with stage.instance() as instance:
        (run,) = instance.get_runs(limit=1)
        (made,) = (
            log.dagster_event.step_materialization_data.materialization
            for log in instance.all_logs(run.run_id)
            if log.dagster_event is not None and log.dagster_event.event_type_value == "ASSET_MATERIALIZATION"
        )
        assert made.metadata["new orders on the board"].value == 3
