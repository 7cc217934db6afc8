"""Boards, groups, items and subitems: the rules of their mutations."""

from __future__ import annotations

import pytest

from order_sync.emulator import BoardSeed, ColumnSeed, Emulator, EmulatorSettings, start_emulator
from order_sync_tests.emulator.conftest import PLANNING
from order_sync_tests.emulator.monday import CREATE_ITEM, Monday


def test_two_groups_may_share_a_title(emulator: Emulator, monday: Monday) -> None:
    first, second = monday.group("ACME FALL"), monday.group("ACME FALL")
    assert first != second
    groups = monday.data("{ boards(ids: [101]) { groups { id title color position archived } } }")
    titles = [group["title"] for group in groups["boards"][0]["groups"]]
    # monday puts each new group on top.
    assert titles == ["ACME FALL", "ACME FALL", "Group Title"]
    assert len(emulator.effects(kind="group_created")) == 4


def test_a_group_can_be_placed(monday: Monday) -> None:
    one = monday.group("one")
    place = """mutation ($r: String!, $m: PositionRelative) { create_group(
        board_id: 101, group_name: "two", relative_to: $r, position_relative_method: $m) { id } }"""
    monday.data(place, {"r": one, "m": "after_at"})
    monday.data(place.replace("two", "three"), {"r": one, "m": "before_at"})
    groups = monday.data("{ boards(ids: [101]) { groups { title } } }")["boards"][0]["groups"]
    assert [group["title"] for group in groups] == ["three", "one", "two", "Group Title"]


@pytest.mark.parametrize(("name", "fits"), [("x", True), ("x" * 255, True), ("x" * 256, False), ("", False)])
def test_names_have_1_to_255_characters(monday: Monday, name: str, fits: bool) -> None:
    answer = monday.post(CREATE_ITEM, {"n": name}).json()
    if fits:
        assert answer["data"]["create_item"]["id"]
    else:
        assert answer["errors"][0]["extensions"]["code"] == "ItemNameTooLongException"


def test_an_item_lands_in_its_group(monday: Monday) -> None:
    group = monday.group("ACME")
    item = monday.item("One", group=group)
    query = "query ($i: ID!) { items(ids: [$i]) { name state group { id title } board { id type } url } }"
    [found] = monday.data(query, {"i": item})["items"]
    assert found["group"] == {"id": group, "title": "ACME"}
    assert found["board"] == {"id": "101", "type": "board"}
    assert found["state"] == "active"
    assert found["url"].endswith(f"/boards/101/pulses/{item}")


def test_a_board_holds_a_limited_number_of_items(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(items_limit=2)
    for name in ("One", "Two"):
        monday.item(name)
    assert monday.code(CREATE_ITEM, {"n": "Three"}) == "ItemsLimitationException"
    board = monday.data("{ boards(ids: [101]) { items_count items_limit } }")["boards"][0]
    assert board == {"items_count": 2, "items_limit": 2}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('mutation { create_item(board_id: 999, item_name: "x") { id } }', "InvalidBoardIdException"),
        ('mutation { create_item(board_id: 102, item_name: "x") { id } }', "InvalidBoardIdException"),
        ('mutation { create_group(board_id: 999, group_name: "x") { id } }', "InvalidBoardIdException"),
        (
            'mutation { create_item(board_id: 101, item_name: "x", group_id: "nope") { id } }',
            "ResourceNotFoundException",
        ),
        (
            'mutation { create_subitem(parent_item_id: 5, item_name: "x") { id } }',
            "ResourceNotFoundException",
        ),
        ("mutation { delete_item(item_id: 5) { id } }", "ResourceNotFoundException"),
        ('mutation { create_item(board_id: "b", item_name: "x") { id } }', "InvalidArgumentException"),
        ('mutation { create_group(board_id: 101, group_name: " ") { id } }', "InvalidArgumentException"),
    ],
)
def test_a_missing_object_is_an_error(emulator: Emulator, monday: Monday, query: str, code: str) -> None:
    before = len(emulator.effects())
    assert monday.code(query) == code
    assert len(emulator.effects()) == before


def test_subitems_live_on_a_board_of_their_own(monday: Monday) -> None:
    item = monday.item("One")
    query = """mutation ($p: ID!) { create_subitem(parent_item_id: $p, item_name: "Size M",
        column_values: "{\\"line_uuid\\": \\"l-1\\"}") { id board { id type } parent_item { id } } }"""
    subitem = monday.data(query, {"p": item})["create_subitem"]
    assert subitem["board"] == {"id": "102", "type": "sub_items_board"}
    assert subitem["parent_item"] == {"id": item}
    change = """mutation ($b: ID!, $i: ID!) { change_multiple_column_values(
        board_id: $b, item_id: $i, column_values: "{\\"size_qty\\": \\"3\\"}") { id } }"""
    assert monday.code(change, {"b": 101, "i": subitem["id"]}) == "ResourceNotFoundException"
    monday.data(change, {"b": 102, "i": subitem["id"]})
    assert monday.cells(subitem["id"])["size_qty"]["text"] == "3"
    [parent] = monday.data("query ($i: ID!) { items(ids: [$i]) { subitems { id name } } }", {"i": item})["items"]
    assert parent["subitems"] == [{"id": subitem["id"], "name": "Size M"}]


def test_a_subitem_has_no_subitems(monday: Monday) -> None:
    subitem = monday.subitem(monday.item("One"), "Size M")
    query = 'mutation ($p: ID!) { create_subitem(parent_item_id: $p, item_name: "x") { id } }'
    assert monday.code(query, {"p": subitem}) == "InvalidArgumentException"


def test_a_new_board_needs_its_subtasks_column_first(monday: Monday) -> None:
    board = monday.data('mutation { create_board(board_kind: public, board_name: "B", empty: true) { id } }')
    board_id = board["create_board"]["id"]
    create = 'mutation ($b: ID!) { create_item(board_id: $b, item_name: "One") { id } }'
    item = monday.data(create, {"b": board_id})["create_item"]["id"]
    subitem = 'mutation ($p: ID!) { create_subitem(parent_item_id: $p, item_name: "x") { board { id } } }'
    assert monday.code(subitem, {"p": item}) == "InvalidArgumentException"
    column = """mutation ($b: ID!) { create_column(board_id: $b, title: "Subitems", column_type: subtasks) {
        id settings settings_str } }"""
    created = monday.data(column, {"b": board_id})["create_column"]
    made = monday.data(subitem, {"p": item})["create_subitem"]
    assert str(created["settings"]["boardIds"][0]) == made["board"]["id"]
    assert monday.code(column, {"b": board_id}) == "InvalidArgumentException"


def test_a_board_not_asked_to_be_empty_brings_sample_items(monday: Monday) -> None:
    query = 'mutation ($e: Boolean) { create_board(board_kind: private, board_name: "B", empty: $e) { id } }'
    counts = {}
    for empty in (True, False):
        board_id = monday.data(query, {"e": empty})["create_board"]["id"]
        board = monday.data("query ($i: ID!) { boards(ids: [$i]) { items_count } }", {"i": board_id})
        counts[empty] = board["boards"][0]["items_count"]
    assert counts[True] == 0
    assert counts[False] > 0


@pytest.mark.parametrize("column_id", ["Upper", "with-dash", "x" * 21, "uuid", "digit_1"])
def test_a_column_id_is_new_with_1_to_20_letters(monday: Monday, column_id: str) -> None:
    query = """mutation ($i: String) {
        create_column(board_id: 101, id: $i, title: "T", column_type: text) { id } }"""
    assert monday.code(query, {"i": column_id}) == "InvalidArgumentException"


def test_a_column_with_labels(monday: Monday) -> None:
    query = """mutation ($d: JSON) { create_column(
        board_id: 101, id: "prio", title: "Priority", column_type: dropdown, defaults: $d) { settings_str } }"""
    defaults = '{"settings": {"labels": [{"id": 1, "name": "High"}]}}'
    created = monday.data(query, {"d": defaults})["create_column"]
    assert created["settings_str"] == '{"labels": [{"id": 1, "name": "High"}]}'
    assert monday.cells(monday.item("One", prio={"labels": ["High"]}))["prio"]["text"] == "High"


def test_the_last_group_stays(monday: Monday) -> None:
    answer = monday.post('mutation { delete_group(board_id: 101, group_id: "topics") { id } }')
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["extensions"]["code"] == "DeleteLastGroupException"
    assert answer.json()["data"] == {"delete_group": None}


@pytest.mark.parametrize(("verb", "state"), [("delete", "deleted"), ("archive", "archived")])
def test_a_group_takes_its_items_and_their_subitems_along(
    emulator: Emulator, monday: Monday, verb: str, state: str
) -> None:
    group = monday.group("ACME")
    item = monday.item("One", group=group)
    subitem = monday.subitem(item, "Size M")
    query = f"mutation ($g: String!) {{ {verb}_group(board_id: 101, group_id: $g) {{ archived deleted }} }}"
    removed = monday.data(query, {"g": group})[f"{verb}_group"]
    assert removed == {"archived": verb == "archive", "deleted": verb == "delete"}
    query = "query ($i: [ID!], $x: Boolean) { items(ids: $i, exclude_nonactive: $x) { state } }"
    assert monday.data(query, {"i": [item, subitem]})["items"] == [{"state": state}, {"state": state}]
    assert monday.data(query, {"i": [item, subitem], "x": True})["items"] == []
    assert emulator.stats()["items"] == emulator.stats()["subitems"] == 0


@pytest.mark.parametrize("verb", ["delete", "archive"])
def test_a_removed_item_makes_room_and_is_not_found(monday: Monday, verb: str) -> None:
    item = monday.item("One", uuid="u-1")
    monday.data(f"mutation ($i: ID!) {{ {verb}_item(item_id: $i) {{ id }} }}", {"i": item})
    assert monday.found("u-1") == []
    assert monday.data("{ boards(ids: [101]) { items_count } }")["boards"] == [{"items_count": 0}]
    query = 'mutation ($p: ID!) { create_subitem(parent_item_id: $p, item_name: "x") { id } }'
    assert monday.code(query, {"p": item}) == "ResourceNotFoundException"


def test_an_item_moves_with_its_subitems(emulator: Emulator, monday: Monday) -> None:
    group, item = monday.group("ACME"), monday.item("One")
    monday.subitem(item, "Size M")
    query = "mutation ($i: ID!, $g: String!) { move_item_to_group(item_id: $i, group_id: $g) { group { id } } }"
    assert monday.data(query, {"i": item, "g": group})["move_item_to_group"] == {"group": {"id": group}}
    counts = {entry["id"]: entry["items_count"] for entry in emulator.state()["boards"][0]["groups"]}
    assert counts == {"topics": 0, group: 1}


def test_boards_come_in_pages_and_unknown_ones_not_at_all(monday: Monday) -> None:
    boards = monday.data("{ boards(limit: 1, page: 2) { id name type } }")["boards"]
    assert boards == [{"id": "102", "name": "Subitems of Planning", "type": "sub_items_board"}]
    assert monday.data("{ boards(ids: [101, 999]) { id columns(types: [status]) { id } } }")["boards"] == [
        {"id": "101", "columns": [{"id": "status"}]}
    ]


def test_who_and_which_version(monday: Monday) -> None:
    data = monday.data("{ me { id account { id } } version { value kind } }")
    assert data["version"] == {"value": "2026-10", "kind": "current"}
    assert data["me"]["account"]["id"]


def test_a_multi_level_board_keeps_its_subitems_itself() -> None:
    levels = BoardSeed(id=201, name="Levels", hierarchy="multi_level", columns=(ColumnSeed(id="uuid", title="Uuid"),))
    with start_emulator(EmulatorSettings(boards=(PLANNING, levels))) as emulator, Monday(emulator.url) as monday:
        boards = monday.data("{ boards { id hierarchy_type } }")["boards"]
        assert {board["id"]: board["hierarchy_type"] for board in boards} == {
            "101": "classic",
            "102": "classic",
            "201": "multi_level",
        }
        create = 'mutation { create_item(board_id: 201, item_name: "One") { id } }'
        parent = monday.data(create)["create_item"]["id"]
        below = monday.subitem(monday.subitem(parent, "Two", uuid="2"), "Three", uuid="3")
        query = "query ($i: [ID!]) { items(ids: $i) { subitems { id } board { id } parent_item { name } } }"
        [top, leaf] = monday.data(query, {"i": [parent, below]})["items"]
        assert (top["subitems"], top["board"]) == (None, {"id": "201"})
        assert (leaf["subitems"], leaf["board"], leaf["parent_item"]) == (None, {"id": "201"}, {"name": "Two"})
        [board] = [board for board in emulator.state()["boards"] if board["id"] == "201"]
        [item] = board["items"]
        assert [subitem["name"] for subitem in item["subitems"]] == ["Two"]


def test_a_multi_level_board_has_no_board_of_subitems() -> None:
    with pytest.raises(ValueError, match="a multi_level board keeps its subitems itself"):
        BoardSeed(id=201, name="Levels", hierarchy="multi_level", subitem_board_id=202)


def test_an_item_has_creator_and_time_of_update(emulator: Emulator, monday: Monday) -> None:
    shown = "{ id creator_id created_at updated_at updates(limit: 1) { id } }"
    made = monday.data(f'mutation {{ made: create_item(board_id: 101, item_name: "A") {shown} }}')["made"]
    assert made["creator_id"] == monday.data("{ me { id } }")["me"]["id"]
    assert (made["created_at"], made["updates"]) == (made["updated_at"], [])
    emulator.advance(60)
    change = f'change_multiple_column_values(board_id: 101, item_id: {made["id"]}, column_values: "{{}}")'
    touched = monday.data(f"mutation {{ touched: {change} {shown} }}")["touched"]
    assert touched["created_at"] == made["created_at"] < touched["updated_at"]
