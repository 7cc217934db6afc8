"""What is written on an item: read as monday shows it, and compared with what was sent."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from order_sync.emulator import BoardSeed, ColumnSeed, Emulator, EmulatorSettings, start_emulator
from order_sync.monday import operations
from order_sync.monday.board import read_board
from order_sync.monday.client import MondayClient
from order_sync.monday.item_values import ItemValues, comparable, read_values, shown_as, shows
from order_sync.monday.labels import LabelSpelling
from order_sync.monday.values import encode_changes, encode_row, to_json
from order_sync.orders.errors import Transient
from order_sync.orders.mapping import LABELLED, ColumnMap, ColumnType
from order_sync_tests.emulator.monday import Monday
from order_sync_tests.sync.stage import OddTransport, Stage

BOARD, SUBITEM_BOARD = 101, 102
LABELS = ("Done", "In work, now", "44", "Café")
TYPES = get_args(ColumnType)
COLUMNS = [ColumnMap(source=f"V {kind}", column=kind, type=kind) for kind in TYPES]
SEED = BoardSeed(
    id=BOARD,
    name="Typed",
    columns=(
        ColumnSeed(id="subitems", title="Subitems", type="subtasks"),
        *(ColumnSeed(id=kind, title=kind, type=kind, labels=LABELS if kind in LABELLED else ()) for kind in TYPES),
    ),
    subitem_board_id=SUBITEM_BOARD,
    subitem_columns=(ColumnSeed(id="size", title="Size"),),
)


@pytest.fixture(scope="module")
def typed() -> Iterator[Emulator]:
    """A board with a column of each type."""
    with start_emulator(EmulatorSettings(boards=(SEED,))) as process:
        yield process


@pytest.fixture
def client(typed: Emulator, stage: Stage) -> Iterator[MondayClient]:
    with Stage(emulator=typed, site=stage.site).client() as client:
        yield client


@pytest.fixture
def monday(typed: Emulator) -> Iterator[Monday]:
    with Monday(typed.url) as monday:
        yield monday


def create(monday: Monday, rows: list[dict[str, Any]]) -> list[int]:
    many = [{"group": "topics", "name": f"Item {n}", "values": to_json(values)} for n, values in enumerate(rows)]
    body = operations.body_of_many(operations.CREATE_ITEM, many, {"board": str(BOARD), "labels": False})
    data = monday.data(**json.loads(body))
    return [int(data[operations.alias(n)]["id"]) for n in range(len(rows))]


def change(monday: Monday, changes: dict[int, dict[str, Any]], *, board: int = BOARD) -> None:
    many = [{"item": str(item), "values": to_json(values)} for item, values in changes.items()]
    body = operations.body_of_many(operations.CHANGE_ITEM, many, {"board": str(board), "labels": False})
    monday.data(**json.loads(body))


plain = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
lines = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\r\t"), max_size=60)
label = st.one_of(st.none(), st.sampled_from(LABELS), st.sampled_from(["DONE", " in WORK,  now", "cafe\u0301"]))
whole, exact, rounded = st.integers(-(10**12), 10**12), st.decimals(-(10**6), 10**6, places=4), st.floats(-1e6, 1e6)
number = st.one_of(st.none(), whole, exact, rounded.map(lambda value: round(value, 5)))
address = st.from_regex(r"https://[a-z]{1,9}\.example/[a-z0-9?=&-]{0,20}", fullmatch=True)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": plain,
    "long_text": lines,
    "numbers": number,
    "status": label,
    "dropdown": label,
    "date": st.one_of(st.none(), st.dates(date(1990, 1, 1), date(2100, 1, 1))),
    "link": st.one_of(st.none(), address),
    "checkbox": st.sampled_from([None, True, False, 1, 0, "Y", "n", "X"]),
}
rows_of_values = st.fixed_dictionaries({kind: VALUES[kind] for kind in TYPES})
quick = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@quick
@given(rows=st.lists(rows_of_values, min_size=2, max_size=8), changed=rows_of_values)
def test_what_was_written_is_shown_as_it_was_sent(
    client: MondayClient, monday: Monday, rows: list[dict[str, Any]], changed: dict[str, Any]
) -> None:
    labels = read_board(client, BOARD).labels
    sent = [encode_changes(COLUMNS, row, LabelSpelling(labels)) for row in rows]
    made = create(monday, [encode_row(COLUMNS, row, LabelSpelling(labels)) for row in rows])
    again = encode_changes(COLUMNS, changed, LabelSpelling(labels))
    change(monday, {made[0]: again})
    sent[0] = again
    found = read_values(client, made, TYPES)
    assert list(found) == made
    for item, values in zip(made, sent, strict=True):
        for column in COLUMNS:
            text = found[item].texts[column.column]
            assert shows(column, values[column.column], text, labels), (column.type, values[column.column], text)
            as_sent = shown_as(column, values[column.column], labels)
            assert comparable(column, text) == comparable(column, as_sent), (column.type, values[column.column], text)


@quick
@given(before=rows_of_values, after=rows_of_values)
def test_an_edit_is_not_what_was_sent(
    client: MondayClient, monday: Monday, before: dict[str, Any], after: dict[str, Any]
) -> None:
    labels = read_board(client, BOARD).labels
    sent = encode_changes(COLUMNS, before, LabelSpelling(labels))
    edited = encode_changes(COLUMNS, after, LabelSpelling(labels))
    different = {kind: value for kind, value in edited.items() if plainly(value) != plainly(sent[kind])}
    assume(different)
    [item] = create(monday, [{kind: value for kind, value in sent.items() if value is not None}])
    change(monday, {item: different})
    texts = read_values(client, [item], TYPES)[item].texts
    shown = {column.column for column in COLUMNS if shows(column, sent[column.column], texts[column.column], labels)}
    assert shown == set(TYPES) - set(different)


TYPED: dict[str, tuple[Any, str, str]] = {
    # the order's value, what a person types instead, and how that person would type the order's value
    "text": ("Caf\u00e9", "Cafe", "Cafe\u0301 "),
    "long_text": ("one\ntwo", "one\ntwo three", "one\ntwo\n"),
    "numbers": (Decimal("12.50"), "12.5001", "12.500"),
    "status": ("44", "Done", "44"),
    "dropdown": ("In work, now", "Done", "In work, now"),
    "date": (date(2026, 12, 24), "2026-12-25", "2026-12-24"),
    "link": ("https://x.example/a", "https://x.example/b", "https://x.example/a"),
    "checkbox": (True, "", "v"),  # a tick can only be removed
}


@pytest.mark.parametrize("kind", TYPES)
def test_a_person_s_edit_is_recognized_until_it_is_undone(
    typed: Emulator, client: MondayClient, monday: Monday, kind: str
) -> None:
    value, edit, undo = TYPED[kind]
    [column] = [column for column in COLUMNS if column.column == kind]
    labels = read_board(client, BOARD).labels
    sent = encode_changes([column], {kind: value}, LabelSpelling(labels))
    [item] = create(monday, [sent])

    def shown(written: Any) -> bool:
        return shows(column, written, read_values(client, [item], [kind])[item].texts[kind], labels)

    assert (shown(sent[kind]), shown(None)) == (True, False)
    for typing, expected in ((edit, (False, not edit)), ("", (False, True)), (undo, (True, False))):
        typed.person.edit(item, kind, [typing] if kind == "dropdown" and typing else typing)
        assert (shown(sent[kind]), shown(None)) == expected, typing


def plainly(value: Any) -> str:
    """A value without what nobody sees."""
    text = unicodedata.normalize("NFC", json.dumps(value, ensure_ascii=False))
    read = json.loads(text)
    inner = read["text"] if isinstance(read, dict) and "text" in read else read
    return json.dumps("\n".join(inner.splitlines()).strip() if isinstance(inner, str) else inner) if inner else ""


@pytest.mark.parametrize(
    ("kind", "sent", "text", "expected"),
    [
        ("text", "Cafe\u0301 ", "Caf\u00e9", True),
        ("text", "abc", "ABC", False),
        ("text", None, " \n", True),
        ("text", None, "typed by hand", False),
        ("long_text", {"text": "a\r\nb"}, "a\nb\n", True),
        ("numbers", "12.5", "12.50", True),
        ("numbers", "12.5", "12.51", False),
        ("numbers", "1234.5", "1,234.50", True),
        ("numbers", "1234567890123.4567", "1234567890123.4568", True),  # as a float keeps it
        ("numbers", "0", "", False),
        ("numbers", None, "0", False),
        ("numbers", None, "", True),
        ("numbers", "5", "five", False),
        ("numbers", "5", "1" * 5_000, False),
        ("numbers", "five", "five", False),
        ("status", {"label": "Done"}, "Done", True),
        ("status", {"label": "Done"}, "DONE", False),  # the board has both
        ("status", {"label": "Old"}, "OLD", True),  # the label was renamed
        ("status", {"index": 7}, "44", True),
        ("status", {"index": 7}, "Done", False),
        ("status", {"index": 9}, "9", False),
        ("status", None, "", True),
        ("dropdown", {"labels": ["In work, now"]}, "In work, now", True),
        ("dropdown", {"labels": ["A", "B"]}, "B, A", True),
        ("dropdown", {"labels": ["A"]}, "A, B", False),
        ("dropdown", {"ids": [7]}, "44", True),
        ("dropdown", {"ids": [7, 9]}, "44, 9", False),
        ("date", {"date": "2026-12-24"}, "2026-12-24", True),
        ("date", {"date": "2026-12-24"}, "2026-12-24 08:00", False),
        ("link", {"url": "https://x.example/a", "text": "https://x.example/a"}, "https://x.example/a", True),
        (
            "link",
            {"url": "https://x.example/a", "text": "https://x.example/a"},
            "https://x.example/a - https://x.example/a",
            True,
        ),
        ("link", {"url": "https://x.example/a", "text": "Order"}, "Order - https://x.example/a", True),
        ("link", {"url": "https://x.example/a", "text": "https://x.example/a"}, "Order - https://x.example/a", False),
        ("checkbox", {"checked": "true"}, "v", True),
        ("checkbox", {"checked": "true"}, "", False),
        ("checkbox", None, "", True),
        ("checkbox", None, "v", False),
        ("checkbox", {"text": "v"}, "v", False),  # of a mapping in which it was a long_text
    ],
)
def test_a_text_is_compared_by_the_type_of_its_column(kind: str, sent: Any, text: str, expected: bool) -> None:
    labels = {kind: {"Done": 1, "DONE": 2, "44": 7}}
    column = ColumnMap(source="S", column=kind, type=kind)  # type: ignore[arg-type]
    assert shows(column, sent, text, labels) is expected


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["label", "labels", "index", "ids", "date", "text", "url", "checked"]) | st.text(),
        inner,
        max_size=3,
    ),
    max_leaves=5,
)  # fmt: skip


@given(kind=st.sampled_from(TYPES), sent=anything, text=st.text())
def test_odd_values_and_texts_raise_nothing(kind: str, sent: Any, text: str) -> None:
    """What was last written may come from another mapping, in which the column had another type."""
    column = ColumnMap(source="S", column=kind, type=kind)  # type: ignore[arg-type]
    assert shows(column, sent, text, {}) in (True, False)


def test_an_item_is_read_with_its_place_and_state(client: MondayClient, monday: Monday) -> None:
    active, archived, deleted = create(monday, [{"text": "a"}, {"text": "b"}, {"text": "c"}])
    for how, item in (("archive_item", archived), ("delete_item", deleted)):
        monday.data(f"mutation ($i: ID!) {{ {how}(item_id: $i) {{ id }} }}", {"i": str(item)})
    found = read_values(client, [active, archived, deleted, 7], ["text", "numbers", "missing"])
    assert found[active] == ItemValues(
        id=active,
        state="active",
        board_id=BOARD,
        group_id="topics",
        name="Item 0",
        texts={"text": "a", "numbers": "", "missing": ""},
    )
    assert [found[item].state for item in (active, archived, deleted)] == ["active", "archived", "deleted"]
    assert [found[item].is_active for item in (active, archived, deleted)] == [True, False, False]
    assert 7 not in found


def test_a_subitem_is_read_on_the_board_of_the_subitems(client: MondayClient, monday: Monday) -> None:
    [parent] = create(monday, [{}])
    subitem = int(monday.subitem(str(parent), "Size M", size="M"))
    change(monday, {subitem: {"name": "Size L", "size": None}}, board=SUBITEM_BOARD)
    found = read_values(client, [subitem], ["size"])[subitem]
    assert (found.board_id, found.name, found.texts) == (SUBITEM_BOARD, "Size L", {"size": ""})


def test_items_are_read_a_hundred_a_call(client: MondayClient, monday: Monday) -> None:
    made = create(monday, [{}] * 50) + create(monday, [{}] * 51)
    before = client.usage.calls
    assert list(read_values(client, [*made, made[0]], [])) == made
    assert client.usage.calls - before == 2
    assert read_values(client, [], ["text"]) == {}
    assert client.usage.calls - before == 2


@pytest.mark.parametrize("part", ["board", "column_values"])
def test_a_part_that_an_answer_lacks_is_asked_for_again(
    typed: Emulator, stage: Stage, monday: Monday, part: str
) -> None:
    [item] = create(monday, [{"text": "a"}])

    def change(data: dict[str, Any]) -> bool:
        for row in data.get("items") or []:
            row[part] = None
        return "items" in data

    for times in (1, 9):
        with Stage(emulator=typed, site=stage.site).client(OddTransport(typed.url, change, times)) as client:
            if times == 1:
                assert read_values(client, [item], ["text"])[item].texts == {"text": "a"}
            else:
                with pytest.raises(Transient, match=f"monday does not return item {item}"):
                    read_values(client, [item], ["text"])


def test_a_group_missing_from_the_answer_is_none(typed: Emulator, stage: Stage, monday: Monday) -> None:
    [item] = create(monday, [{}])

    def change(data: dict[str, Any]) -> bool:
        for row in data.get("items") or []:
            row["group"] = None
        return "items" in data

    with Stage(emulator=typed, site=stage.site).client(OddTransport(typed.url, change, 1)) as client:
        assert read_values(client, [item], [])[item].group_id == ""
