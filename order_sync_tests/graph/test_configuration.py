"""What is set wrongly stops a run before anything is written, with one message that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from order_sync.cli import launch
from order_sync.demo.board import board_seed
from order_sync.emulator import EmulatorSettings, start_emulator
from order_sync.orders.errors import ConfigurationError, Fatal, OrderSyncError
from order_sync.orders.mapping import DEFAULT_MAPPING, load_mapping
from order_sync.settings import load_settings
from order_sync_tests.graph.stage import Stage, free_port

COLUMN = """
[[items.columns]]
source = "{source}"
column = "{column}"
type = "text"
"""

Changes = dict[str, Any]


def mapping_file(stage: Stage, text: str) -> Changes:
    path = stage.folder / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    return {"mapping": path}


def mapping_with(stage: Stage, text: str) -> Changes:
    return mapping_file(stage, DEFAULT_MAPPING.read_text(encoding="utf-8") + text)


def wrong_mapping(stage: Stage) -> Changes:
    return mapping_with(stage, COLUMN.format(source="PO NUMBER", column="Not A Column Id"))


def mapping_that_is_no_toml(stage: Stage) -> Changes:
    return mapping_with(stage, "[items")


def no_mapping(stage: Stage) -> Changes:
    return {"mapping": stage.folder / "nowhere.toml"}


def misspelt_source(stage: Stage) -> Changes:
    return mapping_file(stage, DEFAULT_MAPPING.read_text(encoding="utf-8").replace("STYLE DESCR", "STLYE DESCR"))


def misspelt_column_of_a_rule(stage: Stage) -> Changes:
    rule = f'\n[[boards]]\nid = {stage.settings.board_id}\nwhere = {{ "ORDER TPYE" = ["SAMPLE"] }}\n'
    return mapping_with(stage, rule)


def missing_column(stage: Stage) -> Changes:
    return mapping_with(stage, COLUMN.format(source="CUSTOMER ALT PO", column="not_there"))


def wrong_board(_stage: Stage) -> Changes:
    return {"monday_board_id": 4_711}


def missing_table(stage: Stage) -> Changes:
    stage.execute(sa.text('DROP TABLE "ORDER_LIST_LINES"'))
    return {}


def no_database(stage: Stage) -> Changes:
    return {"home": stage.folder / "elsewhere"}


def no_emulator(_stage: Stage) -> Changes:
    return {"monday_url": f"http://127.0.0.1:{free_port()}/v2"}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (wrong_mapping, r"mapping .*mapping\.toml is invalid: .* column 'Not A Column Id': column must be a monday"),
        (mapping_that_is_no_toml, r"mapping .*mapping\.toml is not valid TOML"),
        (no_mapping, r"mapping .*nowhere\.toml cannot be read"),
        (
            misspelt_source,
            r"mapping .*mapping\.toml does not fit the tables: items\.columns names \[STLYE DESCRIPTION\], .*neither "
            r"ORDER_LIST_DELTA nor ORDER_LIST \(did you mean 'STYLE DESCRIPTION'\?\)\. Correct the mapping: ",
        ),
        (
            misspelt_column_of_a_rule,
            r"the rule of board \d+ names \[ORDER TPYE\], .* \(did you mean 'ORDER TYPE'\?\)\. Correct the mapping: ",
        ),
        (missing_column, r"does not fit the board: .* has no column 'not_there' \(text\)"),
        (wrong_board, r"This token cannot see board 4711\. Check ORDER_SYNC_MONDAY_BOARD_ID"),
        (missing_table, r"ORDER_LIST_LINES: the table does not exist"),
        (
            no_database,
            r"no database at .*orders\.db\. Create one .*`order-sync db init` .*embedded .*`order-sync demo`",
        ),
        (no_emulator, r"cannot be reached .*Start `order-sync emulator` if .* otherwise correct ORDER_SYNC_MONDAY_URL"),
    ],
)
def test_it_stops_before_anything_is_written(stage: Stage, broken: Callable[[Stage], Changes], message: str) -> None:
    stage.add_orders(3)
    settings = stage.settings.model_copy(update=broken(stage))
    assert_stops(stage, settings, Fatal if broken is no_emulator else ConfigurationError, message)


def assert_stops(stage: Stage, settings: Any, kind: type[OrderSyncError], message: str) -> None:
    before = stage.dump(), stage.emulator.checksum()
    with pytest.raises(kind, match=message) as caught:
        launch.sync(settings)
    assert "\n" not in str(caught.value)
    assert (stage.dump(), stage.emulator.checksum()) == before
    assert list(stage.settings.home.glob("runs/*")) == []


def test_a_wrong_token(stage: Stage, tmp_path: Path) -> None:
    stage.add_orders(3)
    seed = board_seed(load_mapping())
    with start_emulator(EmulatorSettings(boards=(seed,), token="the-right-one")) as guarded:
        before = guarded.checksum()
        settings = stage.settings.model_copy(
            update={"monday_url": guarded.url, "monday_token": SecretStr("the-wrong-one")}
        )
        assert_stops(stage, settings, Fatal, "monday refuses: .*Check ORDER_SYNC_MONDAY_TOKEN")
        assert guarded.checksum() == before
        assert guarded.requests() != []


def test_it_runs_once_it_is_put_right(stage: Stage) -> None:
    stage.add_orders(3)
    with pytest.raises(ConfigurationError):
        launch.sync(stage.settings.model_copy(update={"monday_board_id": 4_711}))
    summary = stage.sync()
    assert (summary.headers_claimed, summary.orders_synced) == (3, 3)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ORDER_SYNC_DEPLOYMENT", "somewhere", "ORDER_SYNC_DEPLOYMENT must be 'embedded' or 'production'"),
        ("ORDER_SYNC_MONDAY_BOARD_ID", "-7", "ORDER_SYNC_MONDAY_BOARD_ID must be more than 0"),
        ("ORDER_SYNC_DEPLOYMENT", "production", "ORDER_SYNC_DATABASE_URL.*ORDER_SYNC_MONDAY_TOKEN.*_BOARD_ID"),
    ],
)
def test_a_wrong_setting_is_named(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=message):
        load_settings()
    assert stage.emulator.requests() == []


@pytest.mark.on_disk
def test_no_instance_file_is_said_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stage.add_orders(1)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.chdir(empty)
    assert_stops(stage, stage.settings, ConfigurationError, "no dagster.yaml in .*set DAGSTER_HOME")
