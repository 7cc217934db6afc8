"""What people do on a board: edit, rename, move, archive, restore, delete, duplicate, add."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from order_sync.emulator import Emulator
from order_sync_tests.emulator.monday import Monday

SHOWN = "query ($i: [ID!]) { items(ids: $i) { name state creator_id created_at updated_at group { id } } }"


def shown(monday: Monday, item: str) -> dict[str, Any]:
    found: dict[str, Any] = monday.data(SHOWN, {"i": [item]})["items"][0]
    return found


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        ("note", "by hand", "by hand"),
        ("note", "", ""),
        ("qty", " 7.50 ", "7.5"),
        ("qty", "", ""),
        ("status", "Done", "Done"),
        ("status", "", None),
        ("status", "34", "34"),
        ("kind", ["ACTIVE", "A, B"], "ACTIVE, A, B"),
        ("kind", [], None),
        ("eta", "2026-11-23", "2026-11-23"),
        ("eta", "", ""),
        ("remark", "two\nlines", "two\nlines"),
        ("link", "https://example.com Spec", "Spec - https://example.com"),
        ("link", "", ""),
        ("paid", "v", "v"),
        ("paid", "", ""),
    ],
)
def test_a_cell_is_edited_as_it_is_typed(
    emulator: Emulator, monday: Monday, column: str, text: str | list[str], expected: str | None
) -> None:
    monday.item("Labels", labels=True, status={"label": "x"}, kind={"labels": ["A, B"]})
    monday.data("""mutation { create_column(board_id: 101, id: "unused", title: "U", column_type: text) { id } }""")
    item = monday.item("One", note="n", qty="5", status={"label": "New"}, kind={"labels": ["RECEIVED"]})
    if text == "34":
        with pytest.raises(ValueError, match="no label '34'"):
            emulator.person.edit(item, column, text)
        return
    emulator.advance(60)
    emulator.person.edit(item, column, text)
    assert monday.cells(item)[column]["text"] == expected
    found = shown(monday, item)
    assert found["updated_at"] > found["created_at"]


def test_a_label_of_digits_is_a_label(emulator: Emulator, monday: Monday) -> None:
    defaults = '{"labels": {"7": "34"}}'
    query = """mutation ($d: JSON) { create_column(
        board_id: 101, id: "size", title: "Size", column_type: status, defaults: $d) { id } }"""
    monday.data(query, {"d": defaults})
    item = monday.item("One")
    emulator.person.edit(item, "size", "34")
    assert monday.cells(item)["size"]["text"] == "34"


def test_a_subitem_is_edited_without_its_board(emulator: Emulator, monday: Monday) -> None:
    subitem = monday.subitem(monday.item("One"), "Size M", size_qty="1")
    emulator.person.edit(subitem, "size_qty", "3")
    emulator.person.rename(subitem, "Size L")
    assert (monday.cells(subitem)["size_qty"]["text"], shown(monday, subitem)["name"]) == ("3", "Size L")


def test_an_item_is_renamed_moved_archived_and_restored(emulator: Emulator, monday: Monday) -> None:
    item, group = monday.item("One", group="topics"), monday.group("Other")
    subitem = monday.subitem(item, "Size M")
    person = emulator.person
    person.rename(item, "Two")
    person.move(item, group)
    person.archive(item)
    assert [shown(monday, entry)["state"] for entry in (item, subitem)] == ["archived", "archived"]
    person.restore(item)
    assert [shown(monday, entry)["state"] for entry in (item, subitem)] == ["active", "active"]
    assert (shown(monday, item)["name"], shown(monday, item)["group"]) == ("Two", {"id": group})
    person.delete(item)
    assert shown(monday, subitem)["state"] == "deleted"
    kinds = [effect["kind"] for effect in emulator.effects() if effect["at"] and "created" not in effect["kind"]]
    assert kinds == ["item_changed", "item_moved", "item_removed", "item_restored", "item_removed"]


def test_a_restored_item_finds_a_group(emulator: Emulator, monday: Monday) -> None:
    group = monday.group("Other")
    item = monday.item("One", group=group)
    monday.data("mutation ($g: String!) { delete_group(board_id: 101, group_id: $g) { id } }", {"g": group})
    emulator.person.restore(item)
    assert shown(monday, item)["group"] == {"id": "topics"}
    assert emulator.stats()["items"] == 1


def test_a_subitem_is_not_restored_without_its_item(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One")
    subitem = monday.subitem(item, "Size M")
    emulator.person.archive(item)
    with pytest.raises(ValueError, match="restore that"):
        emulator.person.restore(subitem)


def test_a_duplicate_has_every_value_the_key_too(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One", uuid="u-1", qty="5")
    monday.subitem(item, "Size M", line_uuid="l-1")
    copy = emulator.person.duplicate(item)
    assert monday.found("u-1") == ["One", "One (copy)"]
    query = 'query ($i: [ID!]) { items(ids: $i) { subitems { name column_values(ids: ["line_uuid"]) { text } } } }'
    [found] = monday.data(query, {"i": [copy]})["items"]
    assert found["subitems"] == [{"name": "Size M", "column_values": [{"text": "l-1"}]}]
    assert shown(monday, copy)["creator_id"] != shown(monday, item)["creator_id"]
    bare = emulator.person.duplicate(item, with_subitems=False)
    assert monday.data(query, {"i": [bare]})["items"] == [{"subitems": []}]
    subitem = emulator.person.duplicate(emulator.person.add_subitem(item, "Size S"))
    assert shown(monday, subitem)["name"] == "Size S (copy)"


def test_people_add_items_and_need_no_token(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(closed_boards=[101])  # to the token's user
    group = next(group["id"] for group in emulator.state()["boards"][0]["groups"])
    item = emulator.person.add_item(101, group, "By hand")
    emulator.person.edit(item, "note", "x")
    assert monday.cells(item)["note"]["text"] == "x"


@pytest.mark.parametrize(
    ("sent", "reported"),
    [
        ({"do": "edit", "item_id": "5", "column_id": "note", "text": "x"}, "Item not found"),
        ({"do": "fly", "item_id": "5"}, "do is one of"),
        ({"do": "rename", "item_id": "5"}, "name is missing"),
        ({"do": "rename", "item_id": "5", "name": "x", "more": 1}, "more is not"),
        ({"do": "rename", "item_id": "five", "name": "x"}, "an id is a number"),
        ({"do": "move", "item_id": "5", "group_id": {}}, "group_id is not a text"),
        ({}, "do is one of"),
    ],
)
def test_what_a_person_cannot_do(emulator: Emulator, sent: dict[str, Any], reported: str) -> None:
    answer = httpx.post(f"{emulator.page_url}_emulator/person", json=sent, trust_env=False)
    assert answer.status_code == 422
    assert reported in answer.json()["error"]


def test_a_cell_that_cannot_be_edited(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One")
    for column, text in (("nope", "x"), ("subitems", "x"), ("qty", "many"), ("name", "x"), ("kind", "NOPE")):
        with pytest.raises(ValueError, match=r"."):
            emulator.person.edit(item, column, text)
    emulator.person.archive(item)
    with pytest.raises(ValueError, match="archived"):
        emulator.person.edit(item, "note", "x")
