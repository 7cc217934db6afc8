"""A slip of the pen in the mapping, as each command reports it: the mapping is blamed, and no table is altered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from order_sync.orders.mapping import DEFAULT_MAPPING
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.graph.stage import Stage

RULE = """
[[boards]]
id = {board}
where = {{ "{source}" = ["SAMPLE"] }}
"""


@pytest.fixture
def slip(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The shipped mapping with a misspelt source, which the tables do not have."""
    stage.add_orders(2)
    text = DEFAULT_MAPPING.read_text(encoding="utf-8")
    path = tmp_path / "slip.toml"
    path.write_text(text.replace('"STYLE DESCRIPTION"', '"STLYE DESCRIPTION"'), encoding="utf-8")
    monkeypatch.setenv("ORDER_SYNC_MAPPING", str(path))
    return "[STLYE DESCRIPTION]"


@pytest.mark.parametrize(
    "command", [("sync",), ("sync", "--dry-run"), ("status",), ("db", "check"), ("board", "check")], ids=" ".join
)
def test_every_command_blames_the_mapping(stage: Stage, order_sync: OrderSync, slip: str, command: list[str]) -> None:
    before = stage.dump(), stage.emulator.checksum()
    result = order_sync(*command)
    said = " ".join((result.stdout + result.stderr).split())
    assert result.exit_code != 0
    assert f"names {slip}" in said
    assert "(did you mean 'STYLE DESCRIPTION'?)" in said
    assert "ALTER TABLE" not in said
    assert "not ready" not in said
    assert (stage.dump(), stage.emulator.checksum()) == before


def test_board_check_marks_the_column_of_the_source(stage: Stage, order_sync: OrderSync, slip: str) -> None:
    result = order_sync("board", "check", "--json")
    assert result.exit_code == 1
    (report,) = json.loads(result.stdout)
    assert [column["source"] for column in report["columns"] if column["problem"]] == [slip.strip("[]")]
    assert len(report["problems"]) == 1


def test_board_check_names_the_column_of_a_rule(
    stage: Stage, order_sync: OrderSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rules.toml"
    rule = RULE.format(board=stage.settings.board_id, source="ORDER TPYE")
    path.write_text(DEFAULT_MAPPING.read_text(encoding="utf-8") + rule, encoding="utf-8")
    monkeypatch.setenv("ORDER_SYNC_MAPPING", str(path))
    result = order_sync("board", "check", "--json")
    (report,) = json.loads(result.stdout)
    assert result.exit_code == 1
    (problem,) = report["problems"]
    assert f"the rule of board {stage.settings.board_id} names [ORDER TPYE]" in problem
    assert problem.endswith("(did you mean 'ORDER TYPE'?)")


def test_board_check_without_a_database_says_what_it_left_out(
    stage: Stage, order_sync: OrderSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", f"sqlite:///{(tmp_path / 'nowhere.db').as_posix()}")
    result = order_sync("board", "check")
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "could not compare the mapping's sources with the tables: OS-203: There is no database at" in said


def test_db_init_names_columns_only_the_mapping_needs(
    stage: Stage, order_sync: OrderSync, slip: str, tmp_path: Path
) -> None:
    result = order_sync("db", "init", "--url", f"sqlite:///{(tmp_path / 'own.db').as_posix()}")
    said = " ".join(result.stdout.split())
    assert result.exit_code == 0, result.output
    assert f"Named only in the mapping: {slip} (did you mean 'STYLE DESCRIPTION'?)." in said
    again = order_sync("db", "init", "--url", f"sqlite:///{(tmp_path / 'own.db').as_posix()}")
    assert "Named only in the mapping" not in again.stdout
