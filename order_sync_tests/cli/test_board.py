"""`order-sync board`: the board held against the mapping, and a new one made from it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import sqlalchemy as sa

from order_sync.emulator import Fault, FaultKind
from order_sync.orders.mapping import DEFAULT_MAPPING
from order_sync.orders.naming import CUSTOMER
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.graph.stage import Stage
from order_sync_tests.graph.test_changes import add_group, monday


def mapping(folder: Path, **replaced: str) -> Path:
    text = DEFAULT_MAPPING.read_text(encoding="utf-8")
    for old, new in replaced.items():
        assert f'"{old}"' in text
        text = text.replace(f'"{old}"', f'"{new}"')
    path = folder / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_board_that_fits(stage: Stage, order_sync: OrderSync) -> None:
    stage.add_orders(3)
    stage.sync()
    before = stage.emulator.checksum()
    result = order_sync("board", "check")
    assert result.exit_code == 0, result.output
    assert "The board fits the mapping." in result.stdout
    assert "3 of 10,000 items" in result.stdout
    assert stage.emulator.checksum() == before


def test_what_does_not_fit_is_named(
    stage: Stage, order_sync: OrderSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_SYNC_MAPPING", str(mapping(tmp_path, po_number="purchase_order", long_text="numbers")))
    result = order_sync("board", "check", "--json")
    assert result.exit_code == 1
    (report,) = json.loads(result.stdout)
    assert [problem for problem in report["problems"] if "no column 'purchase_order' (text)" in problem]
    assert [problem for problem in report["problems"] if "column 'style'" in problem and "says numbers" in problem]
    assert len(report["problems"]) == 2
    assert [column["column"] for column in report["columns"] if column["problem"]] == ["purchase_order", "style"]


RULE = """
[[boards]]
id = 4700000001
customers = ["Moonpenny", "{customer}", ""]
where = {{ "ORDER TYPE" = ["REPAET"], "TOTAL QTY" = ["-7"] }}
"""


def test_a_rule_value_that_no_order_has_is_noted(
    stage: Stage, order_sync: OrderSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = stage.add_orders(2).orders
    for table in (stage.tables.orders, stage.tables.header_queue):
        stage.execute(sa.update(table).values({"ORDER TYPE": "REPEAT"}))
        stage.execute(
            sa.update(table).where(table.c.record_uuid == first["record_uuid"]).values({CUSTOMER: "Moonpenny & Sons"})
        )
    path = mapping(tmp_path)
    with path.open("a", encoding="utf-8") as file:
        file.write(RULE.format(customer=f" {second[CUSTOMER].upper()}"))
    monkeypatch.setenv("ORDER_SYNC_MAPPING", str(path))
    result = order_sync("board", "check", "--json")
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.stdout)
    assert report["notes"] == [
        "its rule matches [CUSTOMER NAME] 'Moonpenny' (did you mean 'Moonpenny & Sons'?), which no order has",
        "its rule matches [ORDER TYPE] 'REPAET' (did you mean 'REPEAT'?), which no order has",
        "its rule matches [TOTAL QTY] '-7', which no order has",
    ]
    assert "did you mean 'Moonpenny & Sons'?" in order_sync("board", "check").stdout


def test_rules_are_not_compared_with_an_empty_database(
    order_sync: OrderSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mapping(tmp_path)
    with path.open("a", encoding="utf-8") as file:
        file.write(RULE.format(customer="A"))
    monkeypatch.setenv("ORDER_SYNC_MAPPING", str(path))
    (report,) = json.loads(order_sync("board", "check", "--json").stdout)
    assert report["notes"] == []


def test_labels_and_groups_in_several_spellings_are_worth_knowing(stage: Stage, order_sync: OrderSync) -> None:
    for title in ("Elm SS27", "ELM ss27"):
        add_group(stage, title)
    text = """mutation ($b: ID!, $v: JSON) { create_item(
        board_id: $b, item_name: "X", column_values: $v, create_labels_if_missing: true) { id } }"""
    for label in ("Autumn 26", "AUTUMN 26 "):
        monday(stage, text, b=str(stage.settings.board_id), v=json.dumps({"season": {"labels": [label]}}))
    [report] = json.loads(order_sync("board", "check", "--json").stdout)
    labels, groups = report["notes"]
    assert labels.startswith("column 'season' has one label in several spellings, 'Autumn 26', 'AUTUMN 26")
    assert groups == "2 groups have the same title: new items go into 'ELM ss27', so merge them"


def test_a_board_that_is_nearly_full(stage: Stage, order_sync: OrderSync) -> None:
    stage.add_orders(10)
    stage.sync()
    stage.emulator.configure(items_limit=11)
    assert "only 1 more item fits" in order_sync("board", "check").stdout
    stage.emulator.configure(items_limit=10)
    full = order_sync("board", "check")
    assert (full.exit_code, "the board is full: 10 of 10 items" in full.stdout) == (1, True)


def test_a_new_board_takes_a_sync(
    stage: Stage, order_sync: OrderSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_SYNC_MAPPING", str(mapping(tmp_path, po_number="po_number_2")))  # no id of one's choice
    written = tmp_path / "new.toml"
    made = order_sync("board", "init", "Plan 2027", "--mapping-out", str(written))
    assert made.exit_code == 0, made.output
    board = next(board for board in stage.emulator.state()["boards"] if board["name"] == "Plan 2027")
    columns = [column["column"] for column in tomllib.loads(written.read_text(encoding="utf-8"))["items"]["columns"]]
    assert "po_number_2" not in columns
    assert set(columns) <= {column["id"] for column in board["columns"]}
    monkeypatch.setenv("ORDER_SYNC_MAPPING", str(written))
    monkeypatch.setenv("ORDER_SYNC_MONDAY_BOARD_ID", board["id"])
    assert order_sync("board", "check").exit_code == 0
    stage.add_orders(4)
    result = order_sync("sync")
    assert result.exit_code == 0, result.output
    there = next(board for board in stage.emulator.state()["boards"] if board["name"] == "Plan 2027")
    assert there["items_count"] == 4


def test_mapped_columns_are_added_to_a_board_in_use(
    stage: Stage, order_sync: OrderSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the orders that are there already get their values."""
    orders = stage.add_orders(3).orders
    stage.sync()
    path = mapping(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + NEW_COLUMNS, encoding="utf-8")
    monkeypatch.setenv("ORDER_SYNC_MAPPING", str(path))
    missing = order_sync("board", "check")
    assert (missing.exit_code, "order-sync board add-columns" in missing.stdout) == (1, True), missing.output
    added = order_sync("board", "add-columns")
    assert (added.exit_code, "added alt_po, line_qty" in added.stdout) == (0, True), added.output
    assert order_sync("board", "check").exit_code == 0
    before = stage.emulator.checksum()
    assert "lacks no column" in order_sync("board", "add-columns").stdout
    assert stage.emulator.checksum() == before
    customers = [part for customer in {row[CUSTOMER] for row in orders} for part in ("--customer", customer)]
    done = order_sync("sync", "--resync", *customers)
    assert done.exit_code == 0, done.output
    [board] = [board for board in stage.emulator.state()["boards"] if board["id"] == "4700000001"]
    items = board["items"]
    assert {item["columns"]["alt_po"] for item in items} == {row["AAG ORDER NUMBER"] for row in orders}
    assert all(subitem["columns"]["line_qty"] for item in items for subitem in item["subitems"])


NEW_COLUMNS = """
[[items.columns]]
source = "AAG ORDER NUMBER"
column = "alt_po"
type = "text"

[[subitems.columns]]
source = "qty"
column = "line_qty"
type = "numbers"
"""


def test_a_column_with_an_id_of_mondays_is_not_added(
    stage: Stage, order_sync: OrderSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_SYNC_MAPPING", str(mapping(tmp_path, po_number="text_mkx7", season="other_season")))
    before = stage.emulator.checksum()
    result = order_sync("board", "add-columns")
    assert (result.exit_code, "'text_mkx7'" in result.stderr) == (2, True), result.output
    assert "other_season" not in result.stderr
    assert stage.emulator.checksum() == before


def test_a_board_that_nobody_sees(order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_SYNC_MONDAY_BOARD_ID", "4711")
    result = order_sync("board", "check")
    assert result.exit_code == 2
    assert "This token cannot see board 4711" in result.stderr


def test_a_dry_run_makes_no_board(stage: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_SYNC_DRY_RUN", "1")
    result = order_sync("board", "init", "Plan 2027")
    assert (result.exit_code, len(stage.emulator.state()["boards"])) == (2, 2)


def test_without_a_token(order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_SYNC_DEPLOYMENT", "production")
    monkeypatch.setenv("ORDER_SYNC_MONDAY_BOARD_ID", "4711")
    result = order_sync("board", "check")
    assert (result.exit_code, "Set ORDER_SYNC_MONDAY_TOKEN" in result.stderr) == (2, True)


@pytest.mark.parametrize("nth", [1, 3])
def test_a_board_that_is_made_in_part_is_named(stage: Stage, order_sync: OrderSync, nth: int) -> None:
    fault = Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_column", aliases=(0,), failure="final", nth=nth)
    stage.emulator.configure(faults=[fault])
    done = order_sync("board", "init", "In part")
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    (board,) = [board["id"] for board in stage.emulator.state()["boards"] if board["name"] == "In part"]
    assert f"Delete board {board} on monday, then try again." in line
