"""The life of an item after its creation: changed, renamed, moved, archived, deleted."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from order_sync.emulator import Emulator, Fault, FaultKind
from order_sync_tests.emulator.monday import MINUTE_MS, Monday, asleep
from order_sync_tests.waiting import until

CHANGE = "change_multiple_column_values(board_id: {board}, item_id: {item}, column_values: {values}) {{ id name }}"
STATE = "query ($i: [ID!]) { items(ids: $i) { state } }"


def change(item: str, board: int = 101, **values: Any) -> str:
    """A mutation's field."""
    return CHANGE.format(board=board, item=item, values=json.dumps(json.dumps(values)))


def states(monday: Monday, *items: str) -> list[str]:
    return [item["state"] for item in monday.data(STATE, {"i": items})["items"]]


def texts(monday: Monday, item: str, *columns: str) -> list[str | None]:
    cells = monday.cells(item)
    return [cells[column]["text"] for column in columns]


def done(emulator: Emulator) -> list[str]:
    """The kinds of effects since the board's own."""
    return [kind for effect in emulator.effects() if "created" not in (kind := effect["kind"])]


def test_aliased_changes_fail_one_by_one(monday: Monday) -> None:
    one, two = monday.item("One", qty="1"), monday.item("Two", qty="2")
    fields = (
        f"a: {change(one, qty='7')} b: {change('5', qty='8')} c: {change(two, qty='many')} d: {change(two, qty='9')}"
    )
    answer = monday.post(f"mutation {{ {fields} complexity {{ query }} }}").json()
    assert answer["data"]["a"] == {"id": one, "name": "One"}
    assert (answer["data"]["b"], answer["data"]["c"], answer["data"]["d"]["id"]) == (None, None, two)
    assert answer["data"]["complexity"]["query"] == 40_000
    assert [(error["path"], error["extensions"]["code"]) for error in answer["errors"]] == [
        (["b"], "ResourceNotFoundException"),
        (["c"], "ColumnValueException"),
    ]
    assert texts(monday, one, "qty") + texts(monday, two, "qty") == ["7", "9"]


def test_null_clears_and_an_empty_number_is_zero(monday: Monday) -> None:
    item = monday.item("One", qty="5", note="x", remark={"text": "y"}, kind={"labels": ["ACTIVE"]})
    monday.data(f"mutation {{ {change(item, qty='', note=None, remark=None, kind=None)} }}")
    assert texts(monday, item, "qty", "note", "remark", "kind") == ["0", "", "", None]


@pytest.mark.parametrize("name", ["", " ", None, "x" * 256, 5])
def test_a_refused_name_changes_nothing(emulator: Emulator, monday: Monday, name: Any) -> None:
    item = monday.item("One", qty="5")
    assert monday.code(f"mutation {{ {change(item, name=name, qty='6')} }}") == "ItemNameTooLongException"
    assert done(emulator) == []


def test_a_change_may_create_labels_only_where_allowed(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One")
    field = change(item, status={"label": "Held"})
    assert monday.code(f"mutation {{ {field} }}") == "ColumnValueException"
    monday.data(f"mutation {{ {field.replace(') {', ', create_labels_if_missing: true) {')} }}")
    assert texts(monday, item, "status") == ["Held"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ({"column_id": "note", "value": "x"}, {"note": "x"}),
        ({"column_id": "note", "value": None}, {"note": ""}),
        ({"column_id": "qty", "value": "7.50"}, {"qty": "7.5"}),
        ({"column_id": "qty", "value": None}, {"qty": ""}),
        ({"column_id": "status", "value": "Done"}, {"status": "Done"}),
        ({"column_id": "status", "value": "0"}, {"status": "New"}),
        ({"column_id": "kind", "value": "ACTIVE, RECEIVED"}, {"kind": "ACTIVE, RECEIVED"}),
        ({"column_id": "eta", "value": "2026-11-23"}, {"eta": "2026-11-23"}),
        ({"column_id": "remark", "value": "long"}, {"remark": "long"}),
        ({"column_id": "link", "value": "https://example.com Tech pack"}, {"link": "Tech pack - https://example.com"}),
    ],
)
def test_a_simple_value_is_plain_text(monday: Monday, written: dict[str, Any], shown: dict[str, str]) -> None:
    item = monday.item("One", note="before", qty="5")
    query = """mutation ($i: ID, $c: String!, $v: String) {
        change_simple_column_value(board_id: 101, item_id: $i, column_id: $c, value: $v) { id } }"""
    monday.data(query, {"i": item, "c": written["column_id"], "v": written["value"]})
    assert {column: monday.cells(item)[column]["text"] for column in shown} == shown


def test_one_column_is_changed_by_json(monday: Monday) -> None:
    item = monday.item("One", note="keep")
    query = """mutation ($i: ID, $c: String!, $v: JSON!) {
        change_column_value(board_id: 101, item_id: $i, column_id: $c, value: $v) { name } }"""
    monday.data(query, {"i": item, "c": "status", "v": '{"label": "Done"}'})
    assert texts(monday, item, "status", "note") == ["Done", "keep"]
    monday.data(query, {"i": item, "c": "status", "v": "null"})
    assert texts(monday, item, "status") == [None]
    assert monday.data(query, {"i": item, "c": "name", "v": '"Two"'})["change_column_value"]["name"] == "Two"
    assert monday.code(query, {"i": item, "c": "nope", "v": '"x"'}) == "InvalidColumnIdException"
    assert monday.code(query, {"i": item, "c": "note", "v": "{"}) == "InvalidArgumentException"


def test_a_changed_value_must_keep_the_boards_rules(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One", note="AB")
    emulator.configure(
        rules=[
            {"board_id": 101, "column_id": "note", "pattern": "[A-Z]+", "text": "Capitals only"},
            {"board_id": 101, "column_id": "note"},
            {"board_id": 101, "column_id": "qty"},  # the item lacks it, which a change of another column does not mind
        ]
    )
    answer = monday.post(f"mutation {{ {change(item, note='ab')} }}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["extensions"]["error_data"] == ["Note: Capitals only"]
    assert monday.code(f"mutation {{ {change(item, note=None)} }}") == "DATA_VALIDATIONS_ERROR"
    monday.data(f"mutation {{ {change(item, note='CD')} }}")
    assert texts(monday, item, "note") == ["CD"]


WRITES = {
    "change": change("{item}", note="x"),
    "move": "move_item_to_group(item_id: {item}, group_id: {group}) { id }",
    "archive": "archive_item(item_id: {item}) { id }",
    "delete": "delete_item(item_id: {item}) { id }",
    "subitem": 'create_subitem(parent_item_id: {item}, item_name: "S") { id }',
}


def write(verb: str, item: str, group: str = "topics") -> str:
    field = WRITES[verb].replace("{item}", item).replace("{group}", json.dumps(group))
    return f"mutation {{ {field} }}"


@pytest.mark.parametrize(
    ("removed", "refused"),
    [("archive", {"change", "move", "subitem"}), ("delete", {"change", "move", "archive", "delete", "subitem"})],
)
def test_what_is_refused_of_a_removed_item(emulator: Emulator, monday: Monday, removed: str, refused: set[str]) -> None:
    for verb in WRITES:
        item = monday.item("One", group="topics")
        monday.data(write(removed, item))
        answer = monday.post(write(verb, item, monday.group("Other"))).json()
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        assert codes == ({"ResourceNotFoundException"} if verb in refused else set()), verb


def test_archived_items_can_be_left_open_to_changes(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(archived_items="writable")
    item = monday.item("One")
    monday.data(write("archive", item))
    monday.data(write("change", item))
    assert texts(monday, item, "note") == ["x"]
    assert states(monday, item) == ["archived"]


def test_archiving_twice_is_no_effect(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One")
    for _ in range(2):
        assert monday.data(write("archive", item))["archive_item"] == {"id": item}
    assert done(emulator) == ["item_removed"]


def test_the_state_keeps_what_a_removed_item_held(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One", group="topics", uuid="u-1")
    subitem = monday.subitem(item, "Size M", line_uuid="l-1")
    monday.data(write("archive", item))
    boards = emulator.state()["boards"]
    [found], [below] = boards[0]["removed"], boards[1]["removed"]
    assert (found["id"], found["group_id"], found["columns"]["uuid"]) == (item, "topics", "u-1")
    assert (below["id"], below["parent_id"], below["columns"]["line_uuid"]) == (subitem, item, "l-1")


def test_moving_to_the_same_group_has_no_effect(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One", group="topics")
    monday.data(write("move", item))
    assert done(emulator) == []


def test_subitems_go_with_their_item(monday: Monday) -> None:
    item = monday.item("One")
    kept, early = monday.subitem(item, "Size M"), monday.subitem(item, "Size S")
    monday.data(write("archive", early))
    assert states(monday, item, kept, early) == ["active", "active", "archived"]
    monday.data(write("archive", item))
    assert states(monday, item, kept, early) == ["archived"] * 3
    monday.data(write("delete", item))
    assert states(monday, item, kept, early) == ["deleted"] * 3


def test_a_subitem_stays_under_its_item(monday: Monday) -> None:
    subitem, group = monday.subitem(monday.item("One"), "Size M"), monday.group("Other")
    assert monday.code(write("move", subitem, group)) == "ResourceNotFoundException"


@pytest.mark.parametrize("verb", ["change", "move", "archive", "delete"])
def test_a_board_for_looking_only_refuses_every_write(emulator: Emulator, monday: Monday, verb: str) -> None:
    item, group = monday.item("One"), monday.group("Other")
    before = len(emulator.effects())
    emulator.configure(closed_boards=[101])
    answer = monday.post(write(verb, item, group))
    assert (answer.status_code, len(emulator.effects())) == (403, before)
    assert answer.json()["errors"][0]["extensions"]["code"] == "UserUnauthorizedException"


@pytest.mark.parametrize("verb", ["change", "move", "archive", "delete"])
def test_the_same_key_writes_once(emulator: Emulator, monday: Monday, verb: str) -> None:
    """The first answer is lost; the second is the one that was kept."""
    item, group = monday.item("One", group="topics"), monday.group("Other")
    emulator.configure(faults=[Fault(kind=FaultKind.HTTP_504_AFTER, operation="mutation", nth=1)])
    query = write(verb, item, group)
    assert monday.post(query, key="k").status_code == 504
    answer = monday.post(query, key="k")
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert "errors" not in answer.json()
    assert len(done(emulator)) == 1 + 1  # the answer that is kept is one, too
    # Under another key it runs again: only the deleted item is not there any more.
    assert ("errors" in monday.post(query, key="l").json()) is (verb == "delete")


def test_an_old_change_that_arrives_late_overwrites_a_newer_one(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One")
    emulator.configure(
        timeout_s=30, faults=[Fault(kind=FaultKind.SLOW, operation="mutation", nth=1, delay_ms=MINUTE_MS)]
    )
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(monday.post, f"mutation {{ {change(item, note='old')} }}", key="old")
        asleep(emulator, 2)  # the request, and the gateway's patience
        emulator.advance(30)
        assert waiting.result().status_code == 504
    monday.data(f"mutation {{ {change(item, note='new')} }}")
    assert texts(monday, item, "note") == ["new"]
    emulator.advance(30)
    until(lambda: texts(monday, item, "note") == ["old"], "the late change")
