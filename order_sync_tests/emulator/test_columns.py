"""What a column takes, what it shows, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from order_sync.emulator import BoardSeed, ColumnSeed, Emulator, EmulatorSettings
from order_sync.emulator.columns import DROPDOWN_LABELS, STATUS_LABELS, Column, NewLabels, read
from order_sync.emulator.errors import MondayError
from order_sync_tests.emulator.monday import CREATE_ITEM, Monday

CHANGE = """mutation ($i: ID!, $v: JSON!) {
    change_multiple_column_values(board_id: 101, item_id: $i, column_values: $v) { id name } }"""


@pytest.mark.parametrize(
    ("column", "written", "text", "value"),
    [
        ("note", "abc", "abc", "abc"),
        ("note", "", "", None),
        ("qty", "42.50", "42.5", "42.5"),
        ("qty", "1000", "1000", "1000"),
        ("qty", 7, "7", "7"),
        ("qty", "", "0", "0"),
        ("status", {"label": "Done"}, "Done", {"index": 1, "post_id": None}),
        ("status", {"index": 0}, "New", {"index": 0, "post_id": None}),
        ("status", "1", "Done", {"index": 1, "post_id": None}),
        ("kind", {"labels": ["ACTIVE", "RECEIVED"]}, "ACTIVE, RECEIVED", {"ids": [2, 1]}),
        ("kind", {"ids": [1]}, "RECEIVED", {"ids": [1]}),
        ("kind", {"labels": ["2"]}, "ACTIVE", {"ids": [2]}),
        ("kind", {"labels": []}, None, None),
        ("eta", {"date": "2026-11-23"}, "2026-11-23", {"date": "2026-11-23", "time": None}),
        (
            "eta",
            {"date": "2026-11-23", "time": "08:30:00"},
            "2026-11-23 08:30:00",
            {"date": "2026-11-23", "time": "08:30:00"},
        ),
        ("remark", {"text": "x" * 2_000}, "x" * 2_000, {"text": "x" * 2_000}),
        (
            "link",
            {"url": "https://example.com/t", "text": "Spec"},
            "Spec - https://example.com/t",
            {"url": "https://example.com/t", "text": "Spec"},
        ),
        ("paid", {"checked": "true"}, "v", {"checked": True}),
        ("paid", "v", "v", {"checked": True}),
        ("paid", {}, "", None),
        ("paid", "", "", None),
    ],
)
def test_a_value_comes_back(monday: Monday, column: str, written: Any, text: str | None, value: Any) -> None:
    cell = monday.cells(monday.item("One", **{column: written}))[column]
    assert cell["text"] == text
    assert (json.loads(cell["value"]) if cell["value"] else None) == value


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("note", 12),
        ("qty", "a dozen"),
        ("qty", "NaN"),
        ("status", {"label": "Unheard"}),
        ("status", {"index": 9}),
        ("status", "9"),
        ("kind", {"labels": ["received"]}),
        ("kind", {"labels": ["3"]}),
        ("kind", {"ids": [3]}),
        ("eta", {"date": "23.11.2026"}),
        ("eta", {"date": "2026-02-30"}),
        ("eta", {"date": "2026-11-23", "time": "25:00:00"}),
        ("remark", {"text": "x" * 2_001}),
        ("link", {"url": "example", "text": "Spec"}),
        ("paid", {"checked": "false"}),
        ("paid", "true"),
        ("paid", 1),
        ("subitems", {"item_ids": [1]}),
    ],
)
def test_a_wrong_value_creates_nothing(emulator: Emulator, monday: Monday, column: str, written: Any) -> None:
    error = monday.error(CREATE_ITEM, {"n": "One", "v": json.dumps({"note": "fine", column: written})})
    assert error["extensions"]["code"] == "ColumnValueException"
    assert error["extensions"]["error_data"]["column_id"] == column
    assert emulator.effects(kind="item_created") == []


def test_null_clears_a_cell_and_leaves_the_others(monday: Monday) -> None:
    item = monday.item("One", qty="5", status={"label": "Done"}, note="keep")
    monday.data(CHANGE, {"i": item, "v": json.dumps({"qty": None, "status": None})})
    cells = monday.cells(item)
    assert [cells[column]["value"] for column in ("qty", "status", "note")] == [None, None, '"keep"']


def test_the_name_changes_like_a_column(monday: Monday) -> None:
    item = monday.item("One")
    changed = monday.data(CHANGE, {"i": item, "v": json.dumps({"name": "Two"})})
    assert changed["change_multiple_column_values"]["name"] == "Two"


def test_column_values_are_json_in_a_string(monday: Monday) -> None:
    answer = monday.post(CREATE_ITEM, {"n": "One", "v": {"note": "an object"}}).json()
    assert "data" not in answer
    assert "JSON-encoded string" in answer["errors"][0]["message"]
    assert monday.code(CREATE_ITEM, {"n": "One", "v": "{broken"}) == "InvalidArgumentException"
    literal = 'mutation { create_item(board_id: 101, item_name: "One", column_values: {note: "x"}) { id } }'
    assert monday.code(literal) == "GRAPHQL_VALIDATION_FAILED"


def test_an_unknown_column_has_its_own_error(monday: Monday) -> None:
    assert monday.code(CREATE_ITEM, {"n": "One", "v": '{"nope": "x"}'}) == "InvalidColumnIdException"


def test_missing_labels_are_created_when_the_mutation_says_so(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One", labels=True, status={"label": "Held"}, kind={"labels": ["RUSH", "ACTIVE"]})
    cells = monday.cells(item)
    assert (cells["status"]["text"], cells["kind"]["text"]) == ("Held", "RUSH, ACTIVE")
    assert {effect["label"] for effect in emulator.effects(kind="label_created")} == {"Held", "RUSH"}
    # The label is there now: no permission needed.
    assert monday.cells(monday.item("Two", status={"label": "Held"}))["status"]["text"] == "Held"


def test_one_flag_opens_all_columns_of_the_mutation(monday: Monday) -> None:
    item = monday.item("One", labels=True, status={"label": "Typo"}, kind={"labels": ["RUSH"]})
    assert monday.cells(item)["status"]["text"] == "Typo"


def test_no_label_is_left_behind_by_a_refused_mutation(emulator: Emulator, monday: Monday) -> None:
    values = json.dumps({"status": {"label": "Held"}, "qty": "no number"})
    assert monday.code(CREATE_ITEM, {"n": "One", "v": values, "l": True}) == "ColumnValueException"
    assert emulator.effects(kind="label_created") == []


@pytest.mark.parametrize(("column_type", "cap"), [("status", STATUS_LABELS), ("dropdown", DROPDOWN_LABELS)])
def test_labels_are_capped(column_type: str, cap: int) -> None:
    column = Column("c", "C", column_type)
    for key in range(cap - 1):
        column.add_label(key + 10, f"label {key}")
    labels = NewLabels(allowed=True)
    written = {"status": {"label": "last"}, "dropdown": {"labels": ["last"]}}[column_type]
    read(column, written, labels)
    assert [label for _, _, label in labels] == ["last"]
    too_many = {"status": {"label": "more"}, "dropdown": {"labels": ["more"]}}[column_type]
    with pytest.raises(MondayError, match="at most"):
        read(column, too_many, labels)


def test_the_empty_status_label_keeps_index_5(emulator: Emulator, monday: Monday) -> None:
    for number in range(6):
        monday.item("One", labels=True, status={"label": f"L{number}"})
    ids = [effect["label_id"] for effect in emulator.effects(kind="label_created")]
    assert ids == [2, 3, 4, 6, 7, 8]


def test_typed_values(monday: Monday) -> None:
    item = monday.item(
        "One",
        qty="2.5",
        status={"label": "Done"},
        kind={"ids": [2]},
        eta={"date": "2026-11-23", "time": "08:30:00"},
        link={"url": "https://example.com", "text": "Spec"},
        paid={"checked": "true"},
    )
    monday.subitem(item, "Size M")
    query = """query ($i: ID!) { items(ids: [$i]) { column_values { id
        ... on NumbersValue { number } ... on StatusValue { index label } ... on DateValue { date time }
        ... on DropdownValue { values { id label } } ... on LinkValue { url url_text }
        ... on CheckboxValue { checked }
        ... on SubtasksValue { display_value subitems { name } } column { title } } } }"""
    [found] = monday.data(query, {"i": item})["items"]
    cells = {cell.pop("id"): cell for cell in found["column_values"]}
    assert cells["qty"] == {"number": 2.5, "column": {"title": "Total qty"}}
    assert (cells["status"]["index"], cells["status"]["label"]) == (1, "Done")
    assert cells["kind"]["values"] == [{"id": "2", "label": "ACTIVE"}]
    assert (cells["eta"]["date"], cells["eta"]["time"]) == ("2026-11-23", "08:30:00")
    assert (cells["link"]["url"], cells["link"]["url_text"]) == ("https://example.com", "Spec")
    assert cells["paid"]["checked"] is True
    assert cells["subitems"]["display_value"] == "Size M"
    assert cells["subitems"]["subitems"] == [{"name": "Size M"}]


def test_settings_refuse_columns_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="column ids must differ"):
        BoardSeed(id=1, name="B", columns=(ColumnSeed(id="name", title="N"),))
    with pytest.raises(ValueError, match="need a subitem_board_id"):
        BoardSeed(id=1, name="B", subitem_columns=(ColumnSeed(id="a", title="A"),))
    with pytest.raises(ValueError, match="must differ"):
        EmulatorSettings(boards=(BoardSeed(id=1, name="A"), BoardSeed(id=2, name="B", subitem_board_id=1)))
