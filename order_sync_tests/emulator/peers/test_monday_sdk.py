"""PyPI's `monday-api-python-sdk`, the vendor's: the examples of its README as they are printed, and its modules."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from importlib.metadata import metadata
from typing import Any

import pytest
from monday_sdk import MondayClient, constants, graphql_handler
from monday_sdk.types import BoardKind, BoardsOrderBy, BoardState

from order_sync.emulator import Emulator
from order_sync_tests.emulator.monday import Monday

BOARD = 12345678
EXAMPLES = re.findall(r"```python\n(.*?)```", str(metadata("monday-api-python-sdk").json["description"]), re.DOTALL)


@pytest.fixture
def client(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    # The addresses are constants of the package: there is no documented way to others.
    monkeypatch.setattr(graphql_handler, "API_URL", emulator.url)
    monkeypatch.setattr(graphql_handler, "FILE_UPLOAD_URL", f"{emulator.url}/file")
    return MondayClient(token="a-token", max_retry_attempts=1)


@pytest.fixture
def item(client: Any) -> str:
    made = client.items.create_item(BOARD, "topics", "Launch party", {"text_column_id": "first"})
    return str(made.data.create_item.id)


def test_the_readme_has_the_examples_that_run_here() -> None:
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize("example", EXAMPLES, ids=["client", "create", "update", "read"])
def test_the_examples_of_the_readme_run(client: Any, item: str, monday: Monday, example: str) -> None:
    for name, value in (("your_board_id", str(BOARD)), ("your_group_id", "topics"), ("your_item_id", item)):
        example = example.replace(name, value)
    # Two slips of the README: these names are not in the package, which takes a datetime where a text is printed.
    example = example.replace(", StatusColumnValue, DateColumnValue", "")
    example = example.replace('timestamp="2025-01-06"', 'timestamp=__import__("datetime").datetime(2025, 1, 6, 8)')
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - the package's own text
    if "create_item(" in example:
        assert monday.cells(names["item"].data.create_item.id)["status_column_id"]["text"] == "In Progress"
    if "create_update(" in example:
        cells = monday.cells(item)
        assert (cells["status_column_id"]["text"], cells["date_column_id"]["text"]) == ("Done", "2025-01-06 08:00:00")
    if "fetch_all_items" in example:
        assert names["first_item_name"] == "Launch party"


def test_items_of_a_board_come_with_subitems_and_values(client: Any, item: str) -> None:
    client.items.create_subitem(item, "Invitations", {"text_column_id": "paper"})
    for number in range(4):
        client.items.create_item(BOARD, "topics", f"Item {number}")
    found = client.boards.fetch_all_items_by_board_id(BOARD, limit=2)
    assert [row.name for row in found] == ["Launch party", *(f"Item {number}" for number in range(4))]
    assert [(row.name, row.parent_item.id) for row in found[0].subitems] == [("Invitations", item)]
    texts = {value.column.id: value.text for value in found[0].column_values}
    assert (texts["text_column_id"], found[0].group.title) == ("first", "Group Title")
    large = client.boards.fetch_all_items_by_board_id(BOARD, limit=2, is_large_board=True)
    assert {row.id for row in large} == {row.id for row in found}


def test_items_are_found_changed_and_removed(client: Any, item: str) -> None:
    items = client.items
    items.change_simple_column_value(BOARD, item, "text_column_id", "second")
    items.change_custom_column_value(BOARD, item, "number_column_id", "4")
    items.change_multiple_column_values(BOARD, item, {"status_column_id": {"label": "Done"}})
    page = items.fetch_items_by_column_value(BOARD, "text_column_id", "second").data.items_page_by_column_values
    assert [row.id for row in page.items] == [item]
    [row] = items.fetch_items_by_id(item)
    assert {value.column.id: value.text for value in row.column_values} == {
        "text_column_id": "second",
        "number_column_id": "4",
        "status_column_id": "Done",
        "date_column_id": "",
        "subitems": "",
    }
    group = client.custom.execute_custom_query(
        f'mutation {{ create_group(board_id: {BOARD}, group_name: "Later") {{ id }} }}'
    ).response_data["data"]["create_group"]["id"]
    items.move_item_to_group(item, group)
    items.archive_item_by_id(item)
    assert items.fetch_items_by_id([item])[0].state == "archived"
    items.delete_item_by_id(item)
    assert items.fetch_items_by_id([item])[0].state == "deleted"


def test_boards_are_listed_with_columns_and_groups(client: Any) -> None:
    newest = {"order_by": BoardsOrderBy.CREATED_AT, "state": BoardState.ACTIVE, "board_kind": BoardKind.PUBLIC}
    [board] = client.boards.fetch_boards(ids=[BOARD], limit=5, page=1, **newest).data.boards
    assert (board.name, [group.id for group in board.groups]) == ("Launch", ["topics"])
    [board] = client.boards.fetch_boards_by_id(BOARD).data.boards
    assert [column.id for column in board.columns][:2] == ["name", "text_column_id"]
    [board] = client.boards.fetch_columns_by_board_id(BOARD).data.boards
    assert board.columns[2].type == "status"


def test_items_are_fetched_by_the_day_of_their_change(client: Any, item: str) -> None:
    today = datetime.now(UTC).date()
    days = [(today + timedelta(days=shift)).isoformat() for shift in (-1, 1, 2)]
    found = client.boards.fetch_item_by_board_id_by_update_date(BOARD, days[0], days[1])
    assert [row.id for row in found] == [item]
    assert client.boards.fetch_item_by_board_id_by_update_date(BOARD, days[1], days[2]) == []


def test_updates_are_read_by_item_and_by_board(client: Any, item: str) -> None:
    updates = client.updates
    updates.create_update(item, "<p>Caf\u00e9 &amp; cake</p>")
    [update] = updates.fetch_board_updates(BOARD)
    assert (update.text_body, update.item_id, update.creator.name) == ("Caf\u00e9 & cake", item, "Order Sync")
    recent = {"from_date": "2020-01-01", "to_date": "2020-12-31T23:59:59Z"}
    assert updates.fetch_board_updates_incremental(BOARD, **recent) == []
    assert [row.id for row in updates.fetch_board_updates_incremental(BOARD, from_date="2020-01-01")] == [update.id]
    assert updates.fetch_updates(10, page=1).response_data["data"]["updates"][0]["id"] == update.id
    [row] = updates.fetch_updates_for_item(item).response_data["data"]["items"]
    assert [update["replies"] for update in row["updates"]] == [[]]
    updates.delete_update(update.id)
    assert updates.fetch_board_updates(BOARD) == []


@pytest.mark.parametrize(
    ("call", "missing"),
    [
        (lambda client: client.activity_logs.fetch_activity_logs_from_board(BOARD), "activity_logs"),
        (lambda client: client.docs.get_document_with_blocks("1"), "docs"),
    ],
)
def test_what_is_missing_is_refused_by_name(client: Any, call: Any, missing: str) -> None:
    with pytest.raises(Exception, match=f"Cannot query field '{missing}'"):
        call(client)


def test_it_asks_for_a_version_that_is_served_silently(client: Any, emulator: Emulator) -> None:
    assert constants.API_VERSION == "2026-01"
    version = client.custom.execute_custom_query("{ version { value } }").response_data["data"]["version"]
    assert version == {"value": "2026-10"}
