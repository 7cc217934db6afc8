"""PyPI's `monday`: its README's example as it is printed there, and each call that its documentation lists."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import metadata
from typing import Any

import pytest
from monday import MondayClient, query_joins
from monday.exceptions import MondayQueryError
from monday.resources import base
from monday.resources.types import BoardKind, BoardsOrderBy, BoardState

from order_sync.emulator import Emulator
from order_sync_tests.emulator.monday import Monday

BOARD = 12345678


@pytest.fixture
def client(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    # The addresses are constants of the package: there is no documented way to others.
    monkeypatch.setitem(base._URLS, "prod", emulator.url)
    monkeypatch.setitem(base._URLS, "file", f"{emulator.url}/file")
    return MondayClient("a-token")


def item_of(client: Any, name: str = "Do a thing", **values: Any) -> str:
    answer = client.items.create_item(BOARD, "topics", name, column_values=values)
    return str(answer["data"]["create_item"]["id"])


def test_the_example_of_the_readme_runs(client: Any, monday: Monday) -> None:
    [example] = re.findall(r"```python\n(.*?)```", str(metadata("monday").json["description"]), re.DOTALL)
    # A board's first group is `topics` here, as it is on a new board of monday's.
    exec(example.replace("'today'", "'topics'"), {})  # noqa: S102 - the package's own text
    [board] = monday.data("{ boards(ids: [12345678]) { items_page { items { name } } } }")["boards"]
    assert board["items_page"]["items"] == [{"name": "Do a thing"}]


def test_items_are_made_changed_and_removed(client: Any, monday: Monday) -> None:
    items = client.items
    item = item_of(client, 'A "quoted" name', text_column_id="new")
    subitem = items.create_subitem(item, "Part", {"text_column_id": "small"})["data"]["create_subitem"]
    assert (subitem["name"], subitem["column_values"]) == ("Part", [{"id": "text_column_id", "text": "small"}])
    items.change_item_value(BOARD, item, "status_column_id", {"label": "Done"})
    items.change_multiple_column_values(BOARD, item, {"number_column_id": "4", "text_column_id": "old"})
    client.columns.update_multiple_columns(item_id=BOARD, board_id=item, column_values={"date_column_id": "2026-11-23"})
    cells = monday.cells(item)
    texts = [cells[f"{name}_column_id"]["text"] for name in ("text", "status", "date", "number")]
    assert texts == ["old", "Done", "2026-11-23", "4"]
    found = items.fetch_items_by_column_value(BOARD, "text_column_id", ["old"])["data"]["items_page_by_column_values"]
    assert [found["id"] for found in found["items"]] == [item]
    group = client.groups.create_group(BOARD, "Later")["data"]["create_group"]["id"]
    items.move_item_to_group(item, group)
    [fetched] = items.fetch_items_by_id([int(item)])["data"]["items"]
    assert (fetched["name"], fetched["group"]) == ('A "quoted" name', {"id": group, "title": "Later"})
    items.archive_item_by_id(item)
    items.delete_item_by_id(item)
    assert monday.data(f"{{ items(ids: [{item}]) {{ state }} }}") == {"items": [{"state": "deleted"}]}


def test_several_items_take_one_call(client: Any) -> None:
    old = item_of(client)
    make = {"method": "create_item", "board_id": BOARD, "item_name": "Second"}
    change = {"method": "change_multiple_column_values", "board_id": BOARD, "item_id": int(old)}
    data = client.items.mutate_multiple_items([make, {**change, "column_values": {"text_column_id": "x"}}])["data"]
    assert [data["item0"]["name"], data["item1"]["name"]] == ["Second", "Do a thing"]


def test_boards_are_listed_and_made(client: Any) -> None:
    boards = client.boards
    workspace = client.workspaces.create_workspace("Sales", "open", "Ours")["data"]["create_workspace"]["id"]
    made = boards.create_board("Launch two", BoardKind.PRIVATE, workspace)["data"]["create_board"]["id"]
    newest = {"order_by": BoardsOrderBy.CREATED_AT, "state": BoardState.ALL, "board_kind": BoardKind.PRIVATE}
    found = boards.fetch_boards(limit=5, page=1, workspace_ids=[int(workspace)], **newest)
    assert [board["id"] for board in found["data"]["boards"]] == [made]
    [board] = boards.fetch_boards_by_id(BOARD)["data"]["boards"]
    assert (board["name"], board["permissions"], board["tags"]) == ("Launch", "everyone", [])
    [board] = boards.fetch_columns_by_board_id(BOARD)["data"]["boards"]
    assert [column["id"] for column in board["columns"]][:2] == ["name", "text_column_id"]
    names = [workspace["name"] for workspace in client.workspaces.get_workspaces()["data"]["workspaces"]]
    assert names == ["Main workspace", "Sales"]


def test_all_items_of_a_board_are_paged_through(client: Any) -> None:
    names = [f"Item {number}" for number in range(5)]
    for name in names:
        item_of(client, name)
    found = client.boards.fetch_all_items_by_board_id(BOARD, limit=2)
    assert [item["name"] for item in found] == names
    rules = {"rules": [{"column_id": "name", "compare_value": ["Item 3"]}]}
    [board] = client.boards.fetch_items_by_board_id(BOARD, query_params=rules)["data"]["boards"]
    assert [item["name"] for item in board["items_page"]["items"]] == ["Item 3"]


def test_groups_are_made_copied_and_removed(client: Any) -> None:
    groups = client.groups
    item_of(client, "Kept")
    copy = groups.duplicate_group(BOARD, "topics")["data"]["duplicate_group"]["id"]
    [board] = groups.get_items_by_group(BOARD, copy)["data"]["boards"]
    [group] = board["groups"]
    assert (group["title"], [item["name"] for item in group["items_page"]["items"]]) == (
        "Duplicate of Group Title",
        ["Kept"],
    )
    assert groups.archive_group(BOARD, copy)["data"]["archive_group"]["archived"]
    other = groups.create_group(BOARD, "Other")["data"]["create_group"]["id"]
    assert groups.delete_group(BOARD, other)["data"]["delete_group"]["deleted"]
    [board] = groups.get_groups_by_board(BOARD)["data"]["boards"]
    assert [group["id"] for group in board["groups"]] == ["topics"]


def test_a_column_is_made_with_its_labels(client: Any) -> None:
    client.columns.create_column(BOARD, "Stage", "status", {"labels": {"0": "Open", "1": "Won"}})
    [board] = client.boards.fetch_columns_by_board_id(BOARD)["data"]["boards"]
    assert board["columns"][-1]["title"] == "Stage"
    assert "Won" in board["columns"][-1]["settings_str"]


def test_updates_and_tags_are_kept(client: Any) -> None:
    item = item_of(client)
    update = client.updates.create_update(item, 'Said "so" & left')["data"]["create_update"]["id"]
    assert client.updates.fetch_updates(10)["data"]["updates"] == [{"id": update, "body": 'Said "so" & left'}]
    [found] = client.updates.fetch_updates_for_item(item, 5)["data"]["items"]
    assert [(update["creator"]["name"], update["replies"]) for update in found["updates"]] == [("Order Sync", [])]
    client.updates.delete_update(update)
    assert client.updates.fetch_updates(10)["data"]["updates"] == []
    tag = client.tags.create_or_get_tag("urgent")["data"]["create_or_get_tag"]["id"]
    assert client.tags.create_or_get_tag("urgent")["data"]["create_or_get_tag"]["id"] == tag
    assert [found["id"] for found in client.tags.fetch_tags([int(tag)])["data"]["tags"]] == [tag]
    assert [found["name"] for found in client.tags.fetch_tags()["data"]["tags"]] == ["urgent"]


def test_complexity_and_queries_of_ones_own(client: Any) -> None:
    assert client.complexity.get_complexity()["data"]["complexity"]["after"] > 0
    assert client.custom.execute_custom_query("{ me { name } }")["data"] == {"me": {"name": "Order Sync"}}


def test_a_file_is_refused_by_name(client: Any, tmp_path: Any) -> None:
    (tmp_path / "one.txt").write_text("one", encoding="utf-8")
    with pytest.raises(MondayQueryError, match="takes no files: 'add_file_to_column'"):
        client.items.add_file_to_column(item_of(client), "text_column_id", str(tmp_path / "one.txt"))


#: What these calls of the package ask for has left monday's API since the version that the package was made for.
NO_LONGER_THERE: dict[str, tuple[Callable[[Any], Any], str]] = {
    query_joins.get_users_query(): (lambda client: client.users.fetch_users(), "enabled"),
    query_joins.get_me_query(): (lambda client: client.me.get_details(), "join_date"),
    query_joins.create_column(1, "Note"): (lambda client: client.columns.create_column(1, "Note"), "column_type"),
}


@pytest.mark.parametrize("document", NO_LONGER_THERE)
def test_what_monday_has_dropped_is_refused(
    client: Any, document: str, monday_refuses: Callable[[str, str], bool]
) -> None:
    call, field = NO_LONGER_THERE[document]
    with pytest.raises(MondayQueryError, match=field) as refused:
        call(client)
    assert monday_refuses(document, str(refused.value))
