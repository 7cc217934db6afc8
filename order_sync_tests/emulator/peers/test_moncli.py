"""PyPI's `moncli`, of 2022: the calls of its README; what has left monday's API since is refused as monday does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import moncli
import pytest
from moncli import BoardKind, ColumnType, WorkspaceKind
from moncli.api_v2 import requests as sending

from order_sync.emulator import Emulator
from order_sync_tests.emulator.monday import Monday

BOARD = "12345678"
#: What moncli is built on calls a function of its own that it calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function:DeprecationWarning")


@pytest.fixture
def client(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    # The address is a constant of the package: there is no documented way to another one.
    monkeypatch.setattr(sending, "API_V2_ENDPOINT", emulator.url)
    monkeypatch.setattr(moncli.api, "api_key", "a-token")
    moncli.client.api_key = "a-token"
    return moncli.client


@pytest.fixture
def board(client: Any) -> Any:
    return client.get_boards("id", "name", ids=[BOARD])[0]


@pytest.fixture
def item(board: Any) -> Any:
    return board.add_item("New Item 1", group_id="topics", column_values={"text_column_id": "New Text Value"})


def test_boards_are_made_read_and_archived(client: Any) -> None:
    made = client.create_board("New Public Board", BoardKind.public, "id", "name", "state")
    assert (made.name, made.state) == ("New Public Board", "active")
    [read] = client.get_boards("id", "name", "permissions", "updated_at", "workspace_id", ids=[made.id])
    assert (read.name, read.permissions, read.workspace_id) == ("New Public Board", "everyone", None)
    assert client.archive_board(made.id, "id", "state").state == "archived"
    assert client.get_boards("id", ids=[made.id]) == []


def test_columns_are_added_read_and_renamed(board: Any, monday: Monday) -> None:
    column = board.add_column(title="New Text Column", column_type=ColumnType.text)
    assert column.title == "New Text Column"
    assert [found.id for found in board.get_columns("id", "title", "type")][-1] == column.id
    moncli.api.change_column_title("Renamed", column.id, BOARD)
    assert board.get_columns("id", "title")[-1].title == "Renamed"


def test_groups_are_added_copied_archived_and_deleted(board: Any) -> None:
    group = board.add_group("New Group", "id", "title")
    assert group.title == "New Group"
    assert group.duplicate().title == "Duplicate of New Group"
    assert group.archive().archived
    assert board.add_group("Another").delete().deleted
    assert [found.title for found in board.get_groups("id", "title")] == ["Duplicate of New Group", "Group Title"]


def test_items_are_added_moved_copied_and_removed(client: Any, board: Any, item: Any, monday: Monday) -> None:
    assert monday.cells(item.id)["text_column_id"]["text"] == "New Text Value"
    [found] = client.get_items(ids=[item.id])
    assert (found.name, found.state) == ("New Item 1", "active")
    group = board.add_group("group_2")
    item.move_to_group(group.id)
    item.add_update("Hello")
    copy = item.duplicate(with_updates=True)
    assert (copy.name, [update.body for update in copy.get_updates()]) == ("New Item 1 (copy)", ["Hello"])
    assert group.add_item("By its group").name == "By its group"
    assert item.archive().state == "archived"
    assert item.delete().state == "deleted"


def test_subitems_are_added_and_read(item: Any, monday: Monday) -> None:
    subitem = item.create_subitem("Part", column_values={"text_column_id": "small"})
    assert [found.id for found in item.get_subitems()] == [subitem.id]
    assert monday.cells(subitem.id)["text_column_id"]["text"] == "small"


def test_values_and_names_are_changed(item: Any, monday: Monday) -> None:
    item.change_multiple_column_values({"text_column_id": "Update Text", "number_column_id": "999"})
    item.change_column_value(id="status_column_id", column_value={"label": "Done"})
    cells = monday.cells(item.id)
    assert [cells[f"{name}_column_id"]["text"] for name in ("text", "number", "status")] == [
        "Update Text",
        "999",
        "Done",
    ]
    assert item.change_item_name("Renamed").name == "Renamed"


def test_updates_are_posted_answered_and_cleared(client: Any, item: Any) -> None:
    update = item.add_update("Hello, World!")
    reply = update.add_reply("Right back at you!")
    assert [found.body for found in update.get_replies()] == ["Right back at you!"]
    assert [found.id for found in client.get_updates()] == [update.id]
    client.delete_update(reply.id)
    assert update.get_replies() == []
    item.delete_update(update.id)
    item.add_update("One more")
    item.clear_updates()
    assert item.get_updates() == []


def test_tags_users_and_workspaces_are_there(client: Any, board: Any) -> None:
    tag = client.create_or_get_tag("urgent")
    assert [found.id for found in client.get_tags()] == [tag.id]
    assert board.get_tags() == []
    assert client.get_teams() == []
    assert client.get_me("id", "name").name == "Order Sync"
    assert [user.name for user in client.get_users("id", "name")] == ["Order Sync"]
    assert client.create_workspace("Sales", WorkspaceKind.open).name == "Sales"
    assert board.get_workspace().name == "Main workspace"


#: Calls of the README, and what each asks for that monday has dropped since.
DROPPED: dict[str, tuple[Callable[[Any, Any, Any], Any], str]] = {
    "boards with all fields": (lambda client, _board, _item: client.get_boards(ids=[BOARD]), "'pos' on type 'Board'"),
    "a board by its id": (lambda client, _board, _item: client.get_board(id=BOARD), "'pos' on type 'Board'"),
    "items of a board": (lambda _client, board, _item: board.get_items(), "'items' on type 'Board'"),
    "names of groups": (lambda _client, board, _item: board.get_groups("id", "name"), "'name' on type 'Group'"),
    "column values": (lambda _client, _board, item: item.get_column_values(), "'title' on type 'ColumnValue'"),
    "users with all fields": (lambda client, _board, _item: client.get_users(), "'enabled' on type 'User'"),
}


@pytest.mark.parametrize("name", DROPPED)
def test_what_monday_has_dropped_is_refused(
    client: Any, board: Any, item: Any, name: str, monday_refuses: Callable[[str, str], bool]
) -> None:
    call, missing = DROPPED[name]
    with pytest.raises(moncli.api.MondayApiError) as refused:
        call(client, board, item)
    message = refused.value.messages[0]["message"]
    assert message.startswith(f"Cannot query field {missing}")
    assert monday_refuses(json.loads(refused.value.query)["query"], message)
