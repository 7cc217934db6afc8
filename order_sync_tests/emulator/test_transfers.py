"""An item that moves to another board, by the API or by a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from order_sync.emulator import BoardSeed, ColumnSeed, Emulator, EmulatorSettings, start_emulator
from order_sync_tests.emulator.conftest import PLANNING
from order_sync_tests.emulator.monday import Monday

OTHER = BoardSeed(
    id=201,
    name="Other",
    columns=(
        ColumnSeed(id="uuid", title="Record UUID"),
        ColumnSeed(id="qty", title="Qty", type="text"),
        ColumnSeed(id="total", title="Total", type="numbers"),
        ColumnSeed(id="status", title="Status", type="status", labels=("Old", "Done")),
    ),
    groups=("Inbox", "Second"),
    subitem_board_id=202,
    subitem_columns=(ColumnSeed(id="line_uuid", title="Line UUID"),),
)
BARE = BoardSeed(id=301, name="Bare")
MOVE = """mutation ($i: ID!, $b: ID!, $g: ID!, $c: [ColumnMappingInput!], $s: [ColumnMappingInput!]) {
    move_item_to_board(item_id: $i, board_id: $b, group_id: $g, columns_mapping: $c, subitems_columns_mapping: $s) {
        id board { id } group { title } } }"""
CHANGE = """mutation ($b: ID!, $i: ID!) { change_multiple_column_values(
    board_id: $b, item_id: $i, column_values: "{}") { id } }"""
COLUMNS = ("uuid", "note", "qty", "status", "kind", "eta", "remark", "link", "paid")


@pytest.fixture(scope="module")
def three_boards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    path: Path = tmp_path_factory.mktemp("boards") / "state.jsonl"
    with start_emulator(EmulatorSettings(boards=(PLANNING, OTHER, BARE), state_file=path)) as emulator:
        yield emulator


@pytest.fixture
def boards(three_boards: Emulator) -> Iterator[Monday]:
    three_boards.reset()
    with Monday(three_boards.url) as monday:
        yield monday
    assert three_boards.log() == ""


def item_with_subitem(monday: Monday) -> tuple[str, str]:
    item = monday.item("One", uuid="u-1", note="n", qty="5", status={"label": "Done"})
    return item, monday.subitem(item, "Size M", line_uuid="l-1", size_qty="2")


def counts(emulator: Emulator) -> dict[str, int]:
    return {board["id"]: board["items_count"] for board in emulator.state()["boards"]}


def test_an_item_moves_with_its_subitems_and_mapped_values(three_boards: Emulator, boards: Monday) -> None:
    item, subitem = item_with_subitem(boards)
    targets = {"uuid": "uuid", "qty": "total", "status": "status"}
    mapping = [{"source": column, "target": targets.get(column)} for column in COLUMNS]
    below = [{"source": "line_uuid", "target": "line_uuid"}, {"source": "size_qty", "target": None}]
    variables: dict[str, Any] = {"i": item, "b": 201, "g": "topics", "c": mapping, "s": below}
    moved = boards.data(MOVE, variables)["move_item_to_board"]
    assert moved == {"id": item, "board": {"id": "201"}, "group": {"title": "Inbox"}}
    cells = {column: cell["text"] for column, cell in boards.cells(item).items()}
    assert (cells["uuid"], cells["qty"], cells["total"], cells["status"]) == ("u-1", "", "5", "Done")
    assert boards.cells(subitem)["line_uuid"]["text"] == "l-1"
    assert boards.found("u-1") == []
    assert counts(three_boards) == {"101": 0, "102": 0, "201": 1, "202": 1, "301": 0}
    for board, there in ((101, item), (102, subitem)):
        assert boards.code(CHANGE, {"b": board, "i": there}) == "ResourceNotFoundException"
    for board, there in ((201, item), (202, subitem)):
        boards.data(CHANGE, {"b": board, "i": there})
    before = three_boards.checksum()
    three_boards.restart()
    assert three_boards.checksum() == before


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"b": 201, "g": "topics", "c": [{"source": "uuid", "target": "uuid"}]}, "InvalidArgumentException"),
        ({"b": 201, "g": "topics", "c": [{"source": "qty", "target": "uuid"}]}, "InvalidArgumentException"),
        ({"b": 201, "g": "topics", "c": [{"source": "nope", "target": "uuid"}]}, "InvalidColumnIdException"),
        ({"b": 201, "g": "topics", "c": [{"source": "uuid", "target": "nope"}]}, "InvalidColumnIdException"),
        ({"b": 201, "g": "nope"}, "ResourceNotFoundException"),
        ({"b": 5, "g": "topics"}, "InvalidBoardIdException"),
        ({"b": 202, "g": "topics"}, "InvalidBoardIdException"),
        ({"b": 301, "g": "topics"}, "InvalidArgumentException"),
    ],
)
def test_a_move_that_is_refused_moves_nothing(
    three_boards: Emulator, boards: Monday, variables: dict[str, Any], code: str
) -> None:
    item, _ = item_with_subitem(boards)
    before = three_boards.checksum()
    assert boards.code(MOVE, {"i": item, **variables}) == code
    assert three_boards.checksum() == before


def test_a_subitem_or_an_archived_item_moves_to_no_board(boards: Monday) -> None:
    item, subitem = item_with_subitem(boards)
    assert boards.code(MOVE, {"i": subitem, "b": 201, "g": "topics"}) == "InvalidArgumentException"
    boards.data("mutation ($i: ID) { archive_item(item_id: $i) { id } }", {"i": item})
    assert boards.code(MOVE, {"i": item, "b": 201, "g": "topics"}) == "ResourceNotFoundException"


def test_a_manual_move_keeps_values_with_a_matching_column(three_boards: Emulator, boards: Monday) -> None:
    item, subitem = item_with_subitem(boards)
    three_boards.person.move_to_board(item, 201, "topics")
    cells = {column: cell["text"] for column, cell in boards.cells(item).items()}
    assert (cells["uuid"], cells["qty"], cells["status"]) == ("u-1", "", "Done")
    three_boards.person.edit(subitem, "line_uuid", "l-2")
    three_boards.person.move_to_board(item, 101, "topics")
    assert boards.found("u-1") == ["One"]
    assert boards.cells(subitem)["line_uuid"]["text"] == "l-2"


def test_a_moved_item_appears_on_one_page(three_boards: Emulator, boards: Monday) -> None:
    item, _ = item_with_subitem(boards)
    create = 'mutation { create_item(board_id: 201, item_name: "Later") { id } }'
    later = boards.data(create)["create_item"]["id"]
    three_boards.person.move_to_board(item, 201, "topics")
    query = "query { boards(ids: [201]) { items_page(limit: 1) { cursor items { id } } } }"
    first = boards.data(query)["boards"][0]["items_page"]
    following = "query ($c: String!) { next_items_page(cursor: $c, limit: 1) { cursor items { id } } }"
    second = boards.data(following, {"c": first["cursor"]})["next_items_page"]
    assert [first["items"], second] == [[{"id": item}], {"cursor": None, "items": [{"id": later}]}]
