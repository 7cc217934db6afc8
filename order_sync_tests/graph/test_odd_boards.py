"""Whole runs on boards, and with versions of monday's API, that are not as today's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from order_sync.cli import launch
from order_sync.cli.commands import main
from order_sync.demo.board import board_seed
from order_sync.emulator import BoardSeed, Emulator, EmulatorSettings, start_emulator
from order_sync.orders.errors import ConfigurationError, Fatal
from order_sync.orders.mapping import load_mapping
from order_sync.settings import load_settings
from order_sync_tests.graph.stage import Record, Stage, stage_in
from order_sync_tests.graph.test_boards import mapping_file
from order_sync_tests.graph.test_changes import add, items
from order_sync_tests.graph.test_plan import planned_then_done
from order_sync_tests.graph.test_recovery import assert_all_there


@pytest.mark.parametrize("form", ["by_index", "text"])
def test_a_run_goes_through_with_settings_in_the_older_form(stage: Stage, form: str) -> None:
    sample = add(stage, 2)
    stage.emulator.configure(column_settings=form)
    plan = launch.plan(stage.settings)
    assert not plan.rejected
    stage.sync()
    assert_all_there(stage)
    types = {row["record_uuid"]: row["ORDER TYPE"] for row in sample.orders}
    assert {item["columns"]["order_type"] for item in items(stage).values()} == set(types.values())


# ---- multi-level boards -----------------------------------------------------------------------------------

MULTI = 4_900_000_001
REFUSED = rf"Board {MULTI} \('Levels'\) is a multi-level board"


@pytest.fixture(scope="module")
def with_levels() -> Iterator[Emulator]:
    """A classic board, and one with the same columns that keeps items and subitems together."""
    classic = board_seed(load_mapping())
    columns = tuple(column for column in classic.columns if column.type != "subtasks")
    levels = BoardSeed(
        id=MULTI, name="Levels", hierarchy="multi_level", columns=(*columns, *classic.subitem_columns[:-1])
    )
    with start_emulator(EmulatorSettings(boards=(classic, levels))) as emulator:
        yield emulator


@pytest.fixture(params=["the only board", "one of two"])
def on_levels(request: pytest.FixtureRequest, with_levels: Emulator, tmp_path: Path) -> Iterator[Stage]:
    rules = f"\n[[boards]]\nid = {MULTI}\ncustomers = ['Nobody Ltd']\n"
    environment = (
        {"ORDER_SYNC_MONDAY_BOARD_ID": str(MULTI)}
        if request.param == "the only board"
        else {"ORDER_SYNC_MAPPING": str(mapping_file(tmp_path, rules))}
    )
    with stage_in(tmp_path, with_levels, Record.IN_MEMORY, **environment) as stage:
        yield stage


def test_a_multi_level_board_is_refused_before_the_claim(on_levels: Stage) -> None:
    add(on_levels, 2)
    before = on_levels.dump(), on_levels.emulator.checksum()
    with pytest.raises(ConfigurationError, match=REFUSED):
        launch.plan(on_levels.settings)
    with pytest.raises(ConfigurationError, match=REFUSED):
        on_levels.sync()
    assert (on_levels.dump(), on_levels.emulator.checksum()) == before
    checked = CliRunner().invoke(main, ["board", "check"])
    assert checked.exit_code == 1
    assert "is a multi-level board" in checked.stdout


def test_what_a_multi_level_board_lacks_is_not_said_besides(on_levels: Stage) -> None:
    with pytest.raises(ConfigurationError) as error:
        on_levels.sync()
    assert "subitems column" not in str(error.value)


# ---- versions of monday's API -----------------------------------------------------------------------------


def version_check(stage: Stage) -> tuple[bool, str]:
    """Whether the check of the latest run has passed, and what it says."""
    key = dg.AssetCheckKey(dg.AssetKey("monday_groups"), "api_version_lasts")
    with stage.instance() as instance:
        [record] = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.event is not None
    assert record.event.dagster_event is not None
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    assert evaluation.severity is dg.AssetCheckSeverity.WARN
    return evaluation.passed, evaluation.description or ""


def test_a_version_in_maintenance_is_warned_of_everywhere(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    add(stage, 2)
    plan, _ = planned_then_done(stage)
    assert plan.notes == []
    assert version_check(stage) == (True, "Nothing is wrong.")
    calls = len(stage.emulator.requests())
    stage.emulator.configure(api_version="2027-01")
    add(stage, 2)
    plan, _ = planned_then_done(stage)
    warning = "monday's API version 2026-10 is in maintenance"
    assert [note for note in plan.notes if warning in note]
    assert warning in caplog.text
    passed, said = version_check(stage)
    assert (passed, warning in said) == (False, True)
    with stage.instance() as instance:
        latest = instance.get_latest_materialization_event(dg.AssetKey("monday_groups"))
    assert latest is not None
    assert latest.asset_materialization is not None
    assert latest.asset_materialization.metadata["API version"].value == "2026-10 (maintenance)"
    asked = [request["operations"] for request in stage.emulator.requests()[calls:]]
    assert sum("me" in operations for operations in asked) == 2  # one call of the dry run and one of the run
    checked = CliRunner().invoke(main, ["board", "check"])
    assert checked.exit_code == 0
    assert "2026-10 is in maintenance" in " ".join(checked.stdout.split())


def test_a_site_moves_on_to_another_version_by_a_setting(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    add(stage, 2)
    stage.emulator.configure(api_version="2027-04", api_versions=("2027-01", "2027-04"))
    before = stage.dump()
    with pytest.raises(Fatal, match="Try ORDER_SYNC_MONDAY_VERSION=2027-04"):
        stage.sync()
    with pytest.raises(Fatal, match="Try ORDER_SYNC_MONDAY_VERSION=2027-04"):
        launch.plan(stage.settings)
    assert stage.dump() == before
    monkeypatch.setenv("ORDER_SYNC_MONDAY_VERSION", "2027-04")
    launch.sync(load_settings())
    assert_all_there(stage)
    assert CliRunner().invoke(main, ["board", "check"]).exit_code == 0
    assert CliRunner().invoke(main, ["reconcile"]).exit_code == 0
