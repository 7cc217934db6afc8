"""Lists in monday's answers: one that is missing is not empty, and a cursor may expire while a board is read."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from order_sync.database.expected import Expected
from order_sync.monday.board import (
    find_all_items,
    find_all_subitems,
    find_deleted,
    item_texts,
    look_under,
    read_board,
)
from order_sync.monday.client import MondayClient
from order_sync.monday.placed import places, whole_board, with_ids, with_keys
from order_sync.monday.transport import MondayTransport, Reply
from order_sync.orders.errors import Fatal, Transient
from order_sync.orders.mapping import ColumnMapping
from order_sync.settings import EMBEDDED_BOARD
from order_sync.sync.reconcile import look_up
from order_sync_tests.emulator.monday import Monday
from order_sync_tests.monday.test_board import create_items
from order_sync_tests.sync.stage import OddTransport, Stage

KEY, RECORD, LINE = str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4())


def without(*path: str | int) -> Callable[[dict[str, Any]], bool]:
    """Puts null at a place of the answer, where there is such a place."""

    def change(data: Any) -> bool:
        *steps, last = path
        try:
            for step in steps:
                data = data[step]
            data[last]
            data[last] = None
        except (KeyError, IndexError, TypeError):
            return False
        return True

    return change


def leaving_out(data: dict[str, Any]) -> bool:
    return bool(data.get("items")) and data["items"].pop() is not None


@pytest.fixture
def monday(stage: Stage) -> Iterator[Monday]:
    with Monday(stage.emulator.url) as monday:
        yield monday


@pytest.fixture
def there(monday: Monday) -> dict[str, str]:
    """An item of ours with a subitem, and one that somebody else made."""
    create = """mutation ($b: ID!, $v: JSON) { create_item(board_id: $b, item_name: "x", column_values: $v) { id } }"""

    def item(**values: str) -> str:
        return str(monday.data(create, {"b": str(EMBEDDED_BOARD), "v": json.dumps(values)})["create_item"]["id"])

    ours = item(record_uuid=KEY)
    return {"item": ours, "subitem": monday.subitem(ours, "Size M", line_uuid=LINE), "theirs": item(record_uuid=RECORD)}


Look = Callable[[MondayClient, dict[str, str], ColumnMapping], Any]
LOOKS: dict[str, tuple[Look, list[tuple[str | int, ...]]]] = {
    "board": (
        lambda client, there, mapping: read_board(client, EMBEDDED_BOARD).group_titles,
        [("boards",), ("boards", 0), ("boards", 0, "groups"), ("boards", 0, "columns"), ("boards", 0, "groups", 0)],
    ),
    "items by key": (
        lambda client, there, mapping: find_all_items(client, EMBEDDED_BOARD, "record_uuid", [KEY]),
        [
            ("items_page_by_column_values",),
            ("items_page_by_column_values", "items"),
            ("items_page_by_column_values", "items", 0),
            ("items_page_by_column_values", "items", 0, "column_values"),
        ],
    ),
    "subitems": (
        lambda client, there, mapping: find_all_subitems(client, [there["item"]], "line_uuid"),
        [("items",), ("items", 0), ("items", 0, "subitems"), ("items", 0, "subitems", 0, "column_values")],
    ),
    "subitems by parent": (
        lambda client, there, mapping: look_under(client, {there["item"]: set()}, "line_uuid"),
        [("items",), ("items", 0, "subitems"), ("items", 0, "subitems", 0, "column_values")],
    ),
    "deleted items": (lambda client, there, mapping: find_deleted(client, [there["item"]]), [("items",), ("items", 0)]),
    "texts": (
        lambda client, there, mapping: item_texts(client, [there["item"]], "record_uuid"),
        [("items",), ("items", 0, "column_values")],
    ),
    "placed by key": (
        lambda client, there, mapping: with_keys(client, EMBEDDED_BOARD, mapping, [KEY]),
        [
            ("items_page_by_column_values", "items"),
            ("items_page_by_column_values", "items", 0, "group"),
            ("items_page_by_column_values", "items", 0, "subitems"),
        ],
    ),
    "placed by id": (
        lambda client, there, mapping: with_ids(client, mapping, [int(there["item"])]),
        [
            *(("items",), ("items", 0, "group"), ("items", 0, "board")),
            *(("items", 0, "subitems"), ("items", 0, "subitems", 0, "column_values")),
        ],
    ),
    "whole board": (
        lambda client, there, mapping: [page for page, _ in whole_board(client, EMBEDDED_BOARD, mapping)],
        [
            ("boards",),
            ("boards", 0, "items_page"),
            ("boards", 0, "items_page", "items", 0, "group"),
            ("boards", 0, "items_page", "items", 0, "subitems"),
        ],
    ),
    "places": (
        lambda client, there, mapping: places(client, [int(there["item"])]),
        [("items",), ("items", 0), ("items", 0, "board")],
    ),
}
ODD = [(look, path) for look, (_, paths) in LOOKS.items() for path in paths]


@pytest.mark.parametrize(("look", "path"), ODD, ids=[f"{look}-{'.'.join(map(str, path))}" for look, path in ODD])
def test_a_null_list_is_requested_again(
    stage: Stage, there: dict[str, str], mapping: ColumnMapping, look: str, path: tuple[str | int, ...]
) -> None:
    read, _ = LOOKS[look]
    with stage.client() as client:
        expected = read(client, there, mapping)
    odd = OddTransport(stage.emulator.url, without(*path), times=1)
    with stage.client(odd) as client:
        assert read(client, there, mapping) == expected
    assert odd.left == 0
    with (
        stage.client(OddTransport(stage.emulator.url, without(*path), times=99)) as client,
        pytest.raises(Transient, match="monday does not return"),
    ):
        read(client, there, mapping)
    assert client.usage.calls <= 4


@pytest.mark.parametrize("look", ["subitems", "subitems by parent", "deleted items", "texts", "placed by id"])
def test_an_item_missing_from_an_answer_is_requested_again(
    stage: Stage, there: dict[str, str], mapping: ColumnMapping, look: str
) -> None:
    read, _ = LOOKS[look]
    with stage.client() as client:
        expected = read(client, there, mapping)
    odd = OddTransport(stage.emulator.url, leaving_out, times=1)
    with stage.client(odd) as client:
        assert read(client, there, mapping) == expected
    assert odd.left == 0


def test_a_deleted_item_need_not_say_its_subitems(stage: Stage, there: dict[str, str], monday: Monday) -> None:
    monday.data("mutation ($i: ID!) { delete_item(item_id: $i) { id } }", {"i": there["item"]})
    with stage.client(OddTransport(stage.emulator.url, without("items", 0, "subitems"), times=99)) as client:
        assert find_all_subitems(client, [there["item"]], "line_uuid") == {}


def test_an_item_of_unknown_board_is_requested_by_id(
    stage: Stage, there: dict[str, str], mapping: ColumnMapping
) -> None:
    item = Expected(key=KEY, record_uuid=KEY, monday_id=int(there["item"]), groups={"topics"})
    with stage.client() as client:
        assert not look_up(client, [EMBEDDED_BOARD], mapping, [(0, item)], []).counts
        assert client.usage.calls == 1


# ---- cursors --------------------------------------------------------------------------------------------


def expiring(stage: Stage, client: MondayClient, first: int, last: int) -> None:
    """Cursors expire before the queries number `first` to `last`."""
    asked = 0

    def beat() -> None:
        nonlocal asked
        asked += 1
        stage.emulator.configure(cursor_life_s=0.0 if first <= asked <= last else 3_600.0)

    client.beat = beat


@pytest.fixture
def crowded(monday: Monday) -> list[str]:
    """More items than a page holds, all with one key, and their ids."""
    return create_items(monday, ["same"] * 1_001, "record_uuid")


def listed(client: MondayClient, mapping: ColumnMapping) -> dict[str, list[str]]:
    """What each reader of a long list finds, as lists: a row that is read twice is in it twice."""
    return find_all_items(client, EMBEDDED_BOARD, mapping.items.key_column, ["same"])


def by_key(client: MondayClient, mapping: ColumnMapping) -> list[str]:
    return [str(item.id) for item in with_keys(client, EMBEDDED_BOARD, mapping, ["same"])]


def all_items(client: MondayClient, mapping: ColumnMapping) -> list[str]:
    return [str(item.id) for page, _ in whole_board(client, EMBEDDED_BOARD, mapping) for item in page]


@pytest.mark.parametrize(
    "read",
    [lambda client, mapping: listed(client, mapping)["same"], by_key, all_items],
    ids=["look-up", "placed by key", "whole board"],
)
def test_a_read_begins_again_once_where_its_cursor_expires(
    stage: Stage, crowded: list[str], mapping: ColumnMapping, read: Callable[[MondayClient, ColumnMapping], list[str]]
) -> None:
    with stage.client() as client:
        expiring(stage, client, 3, 3)
        assert read(client, mapping) == crowded
    with stage.client() as client:
        expiring(stage, client, 2, 99)
        with pytest.raises(Fatal, match=r"expired twice while reading .*: it is valid for 60 minutes"):
            read(client, mapping)


def test_a_look_up_begins_again_once_where_its_cursor_expires(stage: Stage, crowded: list[str]) -> None:
    with stage.client() as client:
        expiring(stage, client, 2, 2)
        assert find_all_items(client, EMBEDDED_BOARD, "record_uuid", ["same"]) == {"same": crowded}
    with stage.client() as client:
        expiring(stage, client, 2, 99)
        with pytest.raises(Fatal, match="expired twice"):
            find_all_items(client, EMBEDDED_BOARD, "record_uuid", ["same"])


@pytest.mark.parametrize(
    "error",
    [
        {"message": "The cursor provided for pagination has expired", "extensions": {"code": "CursorExpiredError"}},
        {"message": "Cursor expired", "extensions": {"code": "CursorException", "status_code": 400}},
        {"message": "The cursor has expired, please request a new one"},
    ],
)
def test_an_expired_cursor_is_known_in_every_shape(
    stage: Stage, crowded: list[str], mapping: ColumnMapping, error: dict[str, Any]
) -> None:
    class Expired(MondayTransport):
        reported = False

        def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
            reply = super().send(body, idempotency_key=idempotency_key, **how)
            if "cursor" in json.loads(body)["variables"] and not self.reported:
                self.reported = True
                return replace(reply, body={"data": None, "errors": [error]})
            return reply

    transport = Expired(stage.emulator.url, "a-token")
    with stage.client(transport) as client:
        assert listed(client, mapping)["same"] == crowded
    assert transport.reported
