"""A column's settings in every form that monday has given them in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from order_sync.emulator import Emulator
from order_sync.monday.board import check_mapping, read_board
from order_sync.monday.setup import inspect_board
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.mapping import ColumnMapping
from order_sync.settings import EMBEDDED_BOARD, EMBEDDED_SUBITEM_BOARD
from order_sync_tests.sync.stage import OddTransport, Stage

LIST = {"labels": [{"id": 0, "label": "PRODUCTION"}, {"id": 7, "name": "REPEAT"}]}
BY_INDEX = {
    "labels": {"0": "PRODUCTION", "5": "", "7": "REPEAT", "8": "OLD"},
    "labels_positions_v2": {"7": 0, "0": 1, "8": 2, "5": 3},
    "labels_colors": {"0": {"color": "#fdab3d"}},
    "deactivated_labels": [8],
    "done_colors": [1],
}
OBJECTS = {
    "labels": {"0": {"label": "PRODUCTION"}, "7": {"name": "REPEAT"}, "8": {"label": "A", "is_deactivated": True}}
}
MIXED = {
    "labels": [
        {"id": 0, "name": "PRODUCTION"},
        {"id": "7", "name": "REPEAT"},
        {"id": 8, "name": "OLD"},
        None,
        {"id": 9},
    ],
    "deactivated_labels": ["8"],
}
FORMS = {
    "list": LIST,
    "by index": BY_INDEX,
    "objects by index": OBJECTS,
    "with odd ones": MIXED,
    "list as text": json.dumps(LIST),
    "by index as text": json.dumps(BY_INDEX),
}


def with_settings(column_type: str, settings: Any) -> Any:
    """Gives the columns of a type these settings, in every answer."""

    def change(data: dict[str, Any]) -> bool:
        columns = [
            column
            for board in data.get("boards") or []
            for column in board.get("columns", ())
            if column["type"] == column_type
        ]
        for column in columns:
            column["settings"] = settings
        return bool(columns)

    return change


def client(stage: Stage, column_type: str, settings: Any) -> Any:
    return stage.client(OddTransport(stage.emulator.url, with_settings(column_type, settings), times=99))


@pytest.mark.parametrize("form", FORMS)
def test_labels_are_read_from_every_form(stage: Stage, form: str) -> None:
    with client(stage, "status", FORMS[form]) as reader:
        assert read_board(reader, EMBEDDED_BOARD).labels["order_type"] == {"PRODUCTION": 0, "REPEAT": 7}


@pytest.mark.parametrize(
    "form", [{"boardIds": ["4700000002"]}, '{"boardIds": [4700000002]}', {"board_ids": [4700000002]}]
)
def test_the_board_of_subitems_is_read_from_every_form(stage: Stage, form: Any) -> None:
    with client(stage, "subtasks", form) as reader:
        assert read_board(reader, EMBEDDED_BOARD).subitem_board_id == EMBEDDED_SUBITEM_BOARD


@pytest.mark.parametrize("broken", ["{", "[1]", [1], 7, "null", "", None, {"labels": 7}, {"labels": None}])
def test_settings_that_cannot_be_read_are_named_and_crash_nothing(
    stage: Stage, mapping: ColumnMapping, broken: Any
) -> None:
    with client(stage, "status", broken) as reader:
        board, subitems = read_board(reader, EMBEDDED_BOARD), read_board(reader, EMBEDDED_SUBITEM_BOARD)
        with pytest.raises(
            ConfigurationError, match=r"column 'order_type' of board 4700000001 has (no labels|settings)"
        ):
            check_mapping(board, subitems, mapping)
        assert any("'order_type'" in problem for problem in inspect_board(reader, EMBEDDED_BOARD, mapping).problems)


@pytest.mark.parametrize("broken", ["{", [1], None, {}, {"boardIds": [None]}, {"boardIds": "7"}])
def test_a_subitems_column_that_names_no_board_is_a_problem(stage: Stage, mapping: ColumnMapping, broken: Any) -> None:
    with client(stage, "subtasks", broken) as reader:
        board = read_board(reader, EMBEDDED_BOARD)
        assert board.subitem_board_id is None
        with pytest.raises(ConfigurationError, match="no board for subitems"):
            check_mapping(board, None, mapping)


@pytest.mark.parametrize("form", ["by_index", "text"])
def test_the_emulator_serves_the_older_form(emulator: Emulator, stage: Stage, form: str) -> None:
    with stage.client() as reader:
        expected = read_board(reader, EMBEDDED_BOARD), read_board(reader, EMBEDDED_SUBITEM_BOARD)
        emulator.configure(column_settings=form)
        assert (read_board(reader, EMBEDDED_BOARD), read_board(reader, EMBEDDED_SUBITEM_BOARD)) == expected
        raw = reader.query("query Columns { boards { columns { type settings } } }")["boards"]
    [status] = [column["settings"] for board in raw for column in board["columns"] if column["type"] == "status"]
    assert isinstance(status["labels"] if form == "by_index" else json.loads(status)["labels"], dict)
