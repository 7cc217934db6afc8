"""What an account has beside its boards: updates, tags, users and workspaces; and copies of items and groups."""

from __future__ import annotations

import os
import re
from pathlib import Path

import httpx
import pytest
from graphql import GraphQLObjectType, build_schema

from order_sync.emulator import Emulator, EmulatorSettings, start_emulator
from order_sync_tests.emulator.conftest import PLANNING
from order_sync_tests.emulator.monday import Monday
from order_sync_tests.graph.stage import ROOT

UPDATE = "mutation ($i: ID, $p: ID, $b: String!) { create_update(item_id: $i, parent_id: $p, body: $b) { id } }"
UPDATES = "query ($i: [ID!]) { items(ids: $i) { updates { id body replies { body } } } }"


def update(monday: Monday, body: str, item: str | None = None, parent: str | None = None) -> str:
    return str(monday.data(UPDATE, {"i": item, "p": parent, "b": body})["create_update"]["id"])


def test_updates_come_newest_first_with_their_replies(monday: Monday) -> None:
    item = monday.item("One")
    first, second = update(monday, "first", item), update(monday, "second", item)
    reply = update(monday, "reply", parent=first)
    [found] = monday.data(UPDATES, {"i": [item]})["items"]
    assert found["updates"] == [
        {"id": second, "body": "second", "replies": []},
        {"id": first, "body": "first", "replies": [{"body": "reply"}]},
    ]
    assert monday.code(UPDATE, {"p": reply, "b": "a reply to a reply"}) == "InvalidArgumentException"
    monday.data(f"mutation {{ delete_update(id: {first}) {{ id }} }}")
    assert monday.code(UPDATE, {"p": reply, "b": "too late"}) == "ResourceNotFoundException"
    assert monday.code(UPDATE, {"i": item, "b": " "}) == "InvalidArgumentException"


def test_markup_is_not_in_the_text_of_an_update(monday: Monday) -> None:
    item = monday.item("One")
    update(monday, "<p>5 &lt; 6 <b>really</b></p>", item)
    update(monday, "<" * 1_000_000, item)
    [found] = monday.data(f"{{ items(ids: [{item}]) {{ updates {{ text_body }} }} }}")["items"]
    assert [row["text_body"][:14] for row in found["updates"]] == ["<" * 14, "5 < 6 really"]


def test_updates_of_deleted_items_are_not_listed(monday: Monday) -> None:
    kept, doomed = monday.item("Kept"), monday.item("Doomed")
    update(monday, "stays", kept)
    update(monday, "goes", doomed)
    monday.data(f"mutation {{ delete_item(item_id: {doomed}) {{ id }} }}")
    assert monday.data("{ updates { body item { name } } }")["updates"] == [{"body": "stays", "item": {"name": "Kept"}}]


def test_a_board_is_as_new_as_its_last_change(emulator: Emulator, monday: Monday) -> None:
    query = "{ boards(ids: [101]) { created_at updated_at top_group { id } } }"
    [before] = monday.data(query)["boards"]
    emulator.advance(60)
    monday.item("One")
    [after] = monday.data(query)["boards"]
    assert before["created_at"] == after["created_at"] <= before["updated_at"] < after["updated_at"]
    newest = monday.data("{ boards(order_by: used_at) { id } }")["boards"]
    assert newest[0] == {"id": "101"}


def test_tags_of_a_board_are_its_own(monday: Monday) -> None:
    make = 'mutation ($b: ID) { create_or_get_tag(tag_name: "late", board_id: $b) { id } }'
    public, private = (monday.data(make, {"b": board})["create_or_get_tag"]["id"] for board in (None, "101"))
    assert public != private
    assert monday.data("{ tags { id } boards(ids: [101]) { tags { id } } }") == {
        "tags": [{"id": public}],
        "boards": [{"tags": [{"id": private}]}],
    }


def test_boards_belong_to_workspaces(monday: Monday) -> None:
    space = monday.data('mutation { create_workspace(name: "Sales", kind: closed) { id } }')["create_workspace"]["id"]
    make = 'mutation ($w: ID) { create_board(board_name: "B", board_kind: public, workspace_id: $w) { id } }'
    board = monday.data(make, {"w": space})["create_board"]["id"]
    found = monday.data("query ($w: [ID]) { boards(workspace_ids: $w) { id workspace { name } } }", {"w": [space]})
    assert found["boards"] == [{"id": board, "workspace": {"name": "Sales"}}]
    main = monday.data("{ boards(workspace_ids: [null], ids: [101]) { workspace { is_default_workspace } } }")
    assert main["boards"] == [{"workspace": {"is_default_workspace": True}}]
    assert monday.code(make, {"w": "7"}) == "ResourceNotFoundException"


def test_users_are_who_has_done_something(emulator: Emulator, monday: Monday) -> None:
    emulator.person.add_item(101, "topics", "By hand")
    users = monday.data("{ users { name email } me { name teams { id } } }")
    assert [user["name"] for user in users["users"]] == ["Order Sync", "Somebody"]
    assert users["me"] == {"name": "Order Sync", "teams": []}
    assert monday.data("{ users(kind: guests) { name } }") == {"users": []}


def test_a_copied_group_has_all_items_and_subitems(monday: Monday) -> None:
    group = monday.group("Season")
    item = monday.item("One", group=group, uuid="u1")
    monday.subitem(item, "Size M", line_uuid="l1")
    copy = f'mutation {{ duplicate_group(board_id: 101, group_id: "{group}", add_to_top: true) {{ id title }} }}'
    made = monday.data(copy)["duplicate_group"]
    assert made["title"] == "Duplicate of Season"
    [board] = monday.data("{ boards(ids: [101]) { groups { id } } }")["boards"]
    assert board["groups"][0]["id"] == made["id"]
    assert monday.found("u1") == ["One", "One"]


def test_a_group_is_not_copied_onto_a_full_board(emulator: Emulator, monday: Monday) -> None:
    monday.item("One")
    monday.item("Two")
    emulator.configure(items_limit=3)
    effects = len(emulator.effects())
    copy = 'mutation { duplicate_group(board_id: 101, group_id: "topics") { id } }'
    assert monday.code(copy) == "ItemsLimitationException"
    assert len(emulator.effects()) == effects


def test_an_archived_board_takes_no_more_changes(monday: Monday) -> None:
    made = monday.data('mutation { create_board(board_name: "B", board_kind: public) { id } }')["create_board"]["id"]
    monday.data(f"mutation {{ archive_board(board_id: {made}) {{ state }} }}")
    create = f'mutation {{ create_item(board_id: {made}, item_name: "late") {{ id }} }}'
    assert monday.code(create) == "InvalidBoardIdException"
    assert monday.data(f"{{ boards(ids: [{made}], state: archived) {{ state }} }}") == {
        "boards": [{"state": "archived"}]
    }
    assert monday.code("mutation { archive_board(board_id: 102) { id } }") == "InvalidArgumentException"


def test_all_of_it_outlives_a_kill(tmp_path: Path) -> None:
    settings = EmulatorSettings(boards=(PLANNING,), state_file=tmp_path / "state.jsonl")
    query = """{ updates { id body creator { name } replies { body } } tags { id name } workspaces { id name }
        boards(ids: [101]) { updated_at columns(ids: ["note"]) { title } } }"""
    with start_emulator(settings) as emulator, Monday(emulator.url) as monday:
        item = monday.item("One")
        first = update(monday, "first", item)
        update(monday, "reply", parent=first)
        monday.data(f"mutation {{ a: delete_update(id: {update(monday, 'gone', item)}) {{ id }} }}")
        monday.data('mutation { create_or_get_tag(tag_name: "late") { id } }')
        monday.data('mutation { create_workspace(name: "Sales", kind: open) { id } }')
        monday.data('mutation { change_column_title(board_id: 101, column_id: "note", title: "Remarks") { id } }')
        before = monday.data(query)
        emulator.restart()
        assert monday.data(query) == before
        assert before["boards"][0]["columns"] == [{"title": "Remarks"}]
        assert int(update(monday, "next", item)) > int(first)


def test_a_form_is_read_as_json_is(emulator: Emulator) -> None:
    query = "query ($n: [ID!]) { boards(ids: $n) { name } }"
    for variables, expected in (('{"n": ["101"]}', [{"name": "Planning"}]), ('{"n": []}', [])):
        form = {"query": query, "variables": variables}
        answer = httpx.post(emulator.url, data=form, headers={"Authorization": "a-token"}, trust_env=False)
        assert answer.json()["data"] == {"boards": expected}
    broken = {"query": query, "variables": "{"}
    answer = httpx.post(emulator.url, data=broken, headers={"Authorization": "a-token"}, trust_env=False)
    assert answer.status_code == 400


def missing() -> list[tuple[str, str]]:
    """The list in docs/emulator.md, as types and fields."""
    page = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
    section = page.partition("### What is missing")[2].partition("\n## ")[0]
    return [(kind, field) for kind, field in re.findall(r"`(Query|Mutation|Board|Item|User)\.(\w+)`", section)]


@pytest.mark.parametrize(("kind", "field"), missing())
def test_what_is_missing_is_refused_by_name(monday: Monday, kind: str, field: str) -> None:
    nested = {
        "Query": "{ %s }",
        "Mutation": "mutation { %s }",
        "Board": "{ boards { %s } }",
        "Item": "{ items { %s } }",
        "User": "{ me { %s } }",
    }[kind]
    error = monday.error(nested % field)
    assert error["message"].startswith(f"Cannot query field '{field}' on type '{kind}'.")
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_everything_that_is_missing_is_mondays() -> None:
    path = os.environ.get("ORDER_SYNC_MONDAY_SCHEMA")
    if not path:
        pytest.skip("ORDER_SYNC_MONDAY_SCHEMA does not name a file with monday's public schema")
    types = build_schema(Path(path).read_text("utf-8"), assume_valid=True).type_map
    assert len(missing()) >= 20
    for kind, field in missing():
        real = types[kind]
        assert isinstance(real, GraphQLObjectType)
        assert field in real.fields, f"{kind}.{field}"
