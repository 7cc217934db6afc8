"""The board as it is: groups, columns, labels, rows by their key; and a mapping that does not fit it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from order_sync.emulator import BoardSeed, ColumnSeed, Emulator, EmulatorSettings, start_emulator
from order_sync.monday.board import check_items_mapping, check_mapping, find_all_items, find_all_subitems, read_board
from order_sync.monday.client import MondayClient
from order_sync.monday.setup import inspect_board, make_board, renamed
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.mapping import ColumnMapping
from order_sync.orders.naming import text_key
from order_sync.settings import EMBEDDED_BOARD, EMBEDDED_SUBITEM_BOARD
from order_sync_tests.emulator.monday import Monday
from order_sync_tests.sync.stage import OddTransport, Stage


@pytest.fixture
def client(stage: Stage) -> Iterator[MondayClient]:
    with stage.client() as client:
        yield client


@pytest.fixture
def monday(emulator: Emulator) -> Iterator[Monday]:
    with Monday(emulator.url) as monday:
        yield monday


def create_items(monday: Monday, keys: list[str], column: str = "record_uuid") -> list[str]:
    """Items with these texts in a column, 100 a call."""
    ids: list[str] = []
    for start in range(0, len(keys), 100):
        chunk = keys[start : start + 100]
        fields = " ".join(
            f'a{n}: create_item(board_id: {EMBEDDED_BOARD}, item_name: "x", column_values: $v{n}) {{ id }}'
            for n in range(len(chunk))
        )
        head = ", ".join(f"$v{n}: JSON" for n in range(len(chunk)))
        variables = {f"v{n}": json.dumps({column: key}) for n, key in enumerate(chunk)}
        data = monday.data(f"mutation ({head}) {{ {fields} }}", variables)
        ids += [data[f"a{n}"]["id"] for n in range(len(chunk))]
    return ids


# ---- reading --------------------------------------------------------------------------------------------


def test_a_board_with_its_columns_labels_and_subitems(client: MondayClient, mapping: ColumnMapping) -> None:
    board = read_board(client, EMBEDDED_BOARD)
    assert (board.id, board.name, board.items_count, board.items_limit) == (
        EMBEDDED_BOARD,
        "Production planning",
        0,
        10_000,
    )
    assert board.subitem_board_id == EMBEDDED_SUBITEM_BOARD
    assert {column.column: board.columns[column.column].type for column in mapping.items.columns} == {
        column.column: column.type for column in mapping.items.columns
    }
    assert set(board.labels) == {"order_type"}
    assert set(board.labels["order_type"]) == {"PRODUCTION", "SAMPLE", "REPEAT", "CANCELLED"}
    subitems = read_board(client, EMBEDDED_SUBITEM_BOARD)
    assert subitems.subitem_board_id is None
    check_mapping(board, subitems, mapping)


def test_a_missing_board_is_named(client: MondayClient) -> None:
    with pytest.raises(ConfigurationError, match=r"This token cannot see board 99\. Check ORDER_SYNC_MONDAY_BOARD_ID"):
        read_board(client, 99)


def test_the_first_active_group_of_a_title_counts(client: MondayClient, monday: Monday) -> None:
    def create(title: str) -> str:
        query = "mutation ($b: ID!, $t: String!) { create_group(board_id: $b, group_name: $t) { id } }"
        return str(monday.data(query, {"b": str(EMBEDDED_BOARD), "t": title})["create_group"]["id"])

    twins = {create("Twin's [1] 七"), create("Twin's [1] 七")}
    deleted = create("Deleted")
    archive = "mutation ($b: ID!, $g: String!) { archive_group(board_id: $b, group_id: $g) { id } }"
    monday.data(archive, {"b": str(EMBEDDED_BOARD), "g": deleted})
    groups = read_board(client, EMBEDDED_BOARD).groups
    title = text_key("Twin's [1] 七")
    assert groups[title] in twins
    assert groups[title] == read_board(client, EMBEDDED_BOARD).groups[title]
    assert text_key("Deleted") not in groups


# ---- looking up -----------------------------------------------------------------------------------------


def test_items_by_key_a_hundred_a_call(stage: Stage, client: MondayClient, monday: Monday) -> None:
    keys = [str(uuid.uuid4()) for _ in range(250)]
    ids = create_items(monday, keys[:201])
    before = client.usage.calls
    found = find_all_items(client, EMBEDDED_BOARD, "record_uuid", keys)
    assert found == {key: [item] for key, item in zip(keys[:201], ids, strict=True)}
    assert client.usage.calls - before == 3
    assert find_all_items(client, EMBEDDED_BOARD, "record_uuid", []) == {}


def test_a_look_up_follows_the_cursor(client: MondayClient, monday: Monday) -> None:
    """More rows than a page holds: the same record_uuid on 501 items, and one more behind them."""
    ids = create_items(monday, ["same"] * 501 + ["last"], "record_uuid")
    before = client.usage.calls
    found = find_all_items(client, EMBEDDED_BOARD, "record_uuid", ["last", "same", "none"])
    assert found == {"last": ids[-1:], "same": ids[:-1]}
    assert client.usage.calls - before == 2


@pytest.mark.parametrize("how", ["delete_item", "archive_item"])
def test_what_was_taken_off_the_board_is_not_found(client: MondayClient, monday: Monday, how: str) -> None:
    deleted, there = create_items(monday, ["k1", "k2"])
    monday.data(f"mutation ($i: ID!) {{ {how}(item_id: $i) {{ id }} }}", {"i": deleted})
    assert find_all_items(client, EMBEDDED_BOARD, "record_uuid", ["k1", "k2"]) == {"k2": [there]}


def test_subitems_are_read_through_their_parents(stage: Stage, client: MondayClient, monday: Monday) -> None:
    parents = create_items(monday, [f"k{n}" for n in range(101)])
    first = monday.subitem(parents[0], "Size S", line_uuid="l1")
    last = monday.subitem(parents[100], "Size M", line_uuid="l2")
    monday.subitem(parents[50], "no key")
    stage.emulator.configure(lookup_lag_s=3_600)  # no search is asked
    before = client.usage.calls
    assert find_all_subitems(client, [*parents, *parents], "line_uuid") == {"l1": [first], "l2": [last]}
    assert client.usage.calls - before == 2
    assert find_all_subitems(client, [], "line_uuid") == {}


def test_a_deleted_subitem_is_not_found(client: MondayClient, monday: Monday) -> None:
    [parent] = create_items(monday, ["k"])
    subitem = monday.subitem(parent, "Size S", line_uuid="l1")
    monday.data("mutation ($i: ID!) { delete_item(item_id: $i) { id } }", {"i": subitem})
    assert find_all_subitems(client, [parent], "line_uuid") == {}


# ---- the mapping and the board --------------------------------------------------------------------------


def changed(mapping: ColumnMapping, **items: Any) -> ColumnMapping:
    plain = mapping.model_dump()
    plain["items"] |= items
    return ColumnMapping.model_validate(plain)


def test_every_column_that_does_not_fit_is_named(client: MondayClient, mapping: ColumnMapping) -> None:
    board, subitems = read_board(client, EMBEDDED_BOARD), read_board(client, EMBEDDED_SUBITEM_BOARD)
    wrong = changed(
        mapping,
        key_column="no_such_key",
        columns=[
            {"source": "A", "column": "missing", "type": "status"},
            {"source": "B", "column": "total_qty", "type": "text"},
            {"source": "C", "column": "season", "type": "dropdown"},
            {"source": "D", "column": "po_nubmer", "type": "text"},
        ],
    )
    with pytest.raises(ConfigurationError) as caught:
        check_mapping(board, subitems, wrong)
    assert caught.value.message == (
        "The mapping does not fit the board: "
        f"board {EMBEDDED_BOARD} ('Production planning') has no column 'no_such_key' (text); "
        f"board {EMBEDDED_BOARD} ('Production planning') has no column 'missing' (status); "
        f"column 'total_qty' of board {EMBEDDED_BOARD} is numbers, but the mapping says text; "
        f"column 'season' of board {EMBEDDED_BOARD} has no labels; "
        f"board {EMBEDDED_BOARD} ('Production planning') has no column 'po_nubmer' (text) (did you mean 'po_number'?)."
    )


def labelled(column: str, label: str) -> dict[str, str]:
    return {"by": "label", "column": column, "label": label}


@pytest.mark.parametrize("label", ["CANCELLED", " cancelled"])
def test_a_cancel_label_is_found_in_any_spelling(client: MondayClient, mapping: ColumnMapping, label: str) -> None:
    board, subitems = read_board(client, EMBEDDED_BOARD), read_board(client, EMBEDDED_SUBITEM_BOARD)
    fits = changed(mapping, cancel=labelled("order_type", label))
    check_mapping(board, subitems, fits)
    report = inspect_board(client, EMBEDDED_BOARD, fits)
    assert (report.problems, [column.column for column in report.columns].count("order_type")) == ([], 1)


@pytest.mark.parametrize(
    ("column", "label", "problem"),
    [
        (
            "order_type",
            "CANCELED",
            f"column 'order_type' of board {EMBEDDED_BOARD} has no label 'CANCELED', which the mapping's cancel rule "
            "uses (nearest: 'CANCELLED'; it has: CANCELLED, PRODUCTION, REPEAT, SAMPLE)",
        ),
        (
            "order_typ",
            "CANCELLED",
            f"board {EMBEDDED_BOARD} ('Production planning') has no column 'order_typ' (status) (did you mean "
            "'order_type'?)",
        ),
        ("colour", "CANCELLED", f"column 'colour' of board {EMBEDDED_BOARD} is text, but the mapping says status"),
    ],
)
def test_a_cancel_label_that_the_board_lacks_is_named(
    client: MondayClient, mapping: ColumnMapping, column: str, label: str, problem: str
) -> None:
    board, subitems = read_board(client, EMBEDDED_BOARD), read_board(client, EMBEDDED_SUBITEM_BOARD)
    columns = [each.model_dump() for each in mapping.items.columns if each.column != "colour"]
    wrong = changed(mapping, columns=columns, cancel=labelled(column, label))
    with pytest.raises(ConfigurationError) as caught:
        check_mapping(board, subitems, wrong)
    assert caught.value.message == f"The mapping does not fit the board: {problem}."
    report = inspect_board(client, EMBEDDED_BOARD, wrong)
    assert report.problems == [problem]
    [named] = [each for each in report.columns if each.problem]
    assert (named.column, named.wanted) == (column, "status")


def test_a_mapped_cancel_column_is_named_once(client: MondayClient, mapping: ColumnMapping) -> None:
    board = read_board(client, EMBEDDED_BOARD)
    wrong = changed(
        mapping,
        columns=[{"source": "A", "column": "missing", "type": "status"}],
        cancel=labelled("missing", "CANCELLED"),
    )
    assert len(check_items_mapping(board, wrong)) == 1
    assert len(inspect_board(client, EMBEDDED_BOARD, wrong).problems) == 1


def test_a_new_board_has_the_label_of_cancelled_orders(client: MondayClient, mapping: ColumnMapping) -> None:
    plain = changed(mapping, cancel=labelled("order_type", "STOPPED")).model_dump()
    plain["subitems"]["cancel"] = labelled("line_state", "Cancelled")
    wanted = ColumnMapping.model_validate(plain)
    made = make_board(client, "New", wanted)
    board, subitems = read_board(client, made.id), read_board(client, made.subitem_board_id)
    check_mapping(board, subitems, wanted)
    assert list(board.labels["order_type"]) == ["PRODUCTION", "SAMPLE", "REPEAT", "CANCELLED", "STOPPED"]
    assert (subitems.columns["line_state"].title, list(subitems.labels["line_state"])) == ("Line state", ["Cancelled"])
    assert inspect_board(client, made.id, wanted).problems == []


def test_a_new_id_replaces_the_old_one_in_every_form() -> None:
    text = 'key_column = "a"\n  column = "b"\ncancel = { by = "label", column = "b", label = "b" }\n# column = "b"\n'
    assert renamed(text, {"a": "x1", "b": "x2"}) == (
        'key_column = "x1"\n  column = "x2"\ncancel = { by = "label", column = "x2", label = "b" }\n# column = "b"\n'
    )


def test_a_board_without_subitems_is_named(mapping: ColumnMapping, stage: Stage) -> None:
    plain = BoardSeed(id=7, name="Plain", columns=(ColumnSeed(id="key", title="Key"),))
    with (
        start_emulator(EmulatorSettings(boards=(plain,))) as emulator,
        Stage(emulator=emulator, site=stage.site).client() as client,
    ):
        board = read_board(client, 7)
        assert board.subitem_board_id is None
        with pytest.raises(ConfigurationError, match="board 7 has no subitems column") as caught:
            check_mapping(board, None, mapping)
        assert "has no column 'record_uuid' (text)" in str(caught.value)


def test_a_multi_level_board_is_refused_despite_matching_columns(stage: Stage, mapping: ColumnMapping) -> None:
    def change(data: dict[str, Any]) -> bool:
        for board in data.get("boards") or []:
            board["hierarchy_type"] = "multi_level"
        return "boards" in data

    with stage.client(OddTransport(stage.emulator.url, change, times=9)) as reader:
        board, subitems = read_board(reader, EMBEDDED_BOARD), read_board(reader, EMBEDDED_SUBITEM_BOARD)
        with pytest.raises(ConfigurationError, match=r"^OS-322: Board \d+ \('Production planning'\) is a multi-level"):
            check_mapping(board, subitems, mapping)
        [problem] = check_items_mapping(board, mapping)
        assert inspect_board(reader, EMBEDDED_BOARD, mapping).problems == [problem]
