"""Whole runs on boards, and with versions of monday's API, that are not as today's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from order_sync import launch
from order_sync.cli import main
from order_sync.demo.board import board_seed
from order_sync.emulator import BoardSeed, Emulator, EmulatorSettings, start_emulator
from order_sync.errors import ConfigurationError
from order_sync.orders.mapping import load_mapping
from order_sync_tests.graph.stage import Stage, stage_in
from order_sync_tests.graph.test_boards import mapping_file
from order_sync_tests.graph.test_changes import add, items
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
    with stage_in(tmp_path, with_levels, **environment) as stage:
        yield stage


def test_a_multi_level_board_is_refused_by_name_before_anything_is_claimed(on_levels: Stage) -> None:
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
