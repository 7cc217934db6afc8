"""Column values in monday's form: what may be sent is sent exactly, what would be refused is refused here."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.emulator import Emulator
from order_sync.monday.labels import LabelSpelling
from order_sync.monday.values import cancel_values, encode_changes, encode_row, to_json
from order_sync.orders.errors import Rejected
from order_sync.orders.mapping import Cancel, ColumnMap, ColumnMapping, ColumnType
from order_sync.settings import EMBEDDED_BOARD
from order_sync_tests.emulator.monday import Monday

LABELS = {"c": {"Done": 1, "44": 7, "In work, now": 2, "Caf\u00e9 ": 3, "Twin": 4, "TWIN": 5}}


def encode(kind: str, value: Any, **more: Any) -> Any:
    """The encoded value; None if the column is left out."""
    column = ColumnMap(source="S", column="c", type=kind, **more)  # type: ignore[arg-type]
    return encode_row([column], {"c": value}, LabelSpelling(LABELS)).get("c")


FORMS: list[tuple[str, Any, Any]] = [
    ("text", "abc", "abc"),
    ("text", " spaced ", " spaced "),
    ("text", 5, "5"),
    ("text", 0.1 + 0.2, "0.3"),
    ("text", datetime(2026, 2, 28, 8, 30), "2026-02-28 08:30"),
    ("long_text", 12.0, {"text": "12"}),
    ("text", 'O\'H "x" {y}\n七 🌅', 'O\'H "x" {y}\n七 🌅'),
    ("long_text", "x" * 2_000, {"text": "x" * 2_000}),
    ("numbers", 0, "0"),
    ("numbers", -12, "-12"),
    ("numbers", Decimal("7.2500"), "7.25"),
    ("numbers", Decimal("100"), "100"),
    ("numbers", Decimal("100.00"), "100"),
    ("numbers", Decimal("1E+3"), "1000"),
    ("numbers", Decimal("1234567890123.4567"), "1234567890123.4567"),
    ("numbers", 0.1, "0.1"),
    ("numbers", 0.1 + 0.2, "0.3"),
    ("numbers", True, "1"),
    ("numbers", " 42.5 ", "42.5"),
    ("date", date(2026, 2, 28), {"date": "2026-02-28"}),
    ("date", datetime(2026, 2, 28, 23, 59, 59, 999_999), {"date": "2026-02-28"}),
    ("date", datetime(2026, 2, 28, 23, 30, tzinfo=timezone(timedelta(hours=-2))), {"date": "2026-02-28"}),
    ("date", "2026-02-28 23:30:00.0000000 -02:00", {"date": "2026-02-28"}),
    ("date", datetime(2026, 2, 28, tzinfo=UTC), {"date": "2026-02-28"}),
    ("date", "2026-02-28", {"date": "2026-02-28"}),
    ("date", "2026-02-28T10:00:00", {"date": "2026-02-28"}),
    ("link", "https://x.example/a?b=1", {"url": "https://x.example/a?b=1", "text": "https://x.example/a?b=1"}),
    ("status", "Done", {"label": "Done"}),
    ("link", " https://x.example/a\n", {"url": "https://x.example/a", "text": "https://x.example/a"}),
    ("status", " Done ", {"label": "Done"}),
    ("status", "done", {"label": "Done"}),
    ("dropdown", "IN WORK,  now", {"labels": ["In work, now"]}),
    ("dropdown", "CAFE\u0301", {"labels": ["Caf\u00e9 "]}),
    ("status", "Twin", {"label": "Twin"}),
    ("status", 44.0, {"index": 7}),
    ("dropdown", "In work, now", {"labels": ["In work, now"]}),
    ("dropdown", "44", {"ids": [7]}),
    ("dropdown", 44, {"ids": [7]}),
    ("checkbox", True, {"checked": "true"}),
    ("checkbox", False, None),
    ("checkbox", 1, {"checked": "true"}),
    ("checkbox", 0, None),
    ("checkbox", " Y", {"checked": "true"}),
    ("checkbox", "no", None),
]


@pytest.mark.parametrize(("kind", "value", "expected"), FORMS)
def test_each_type_has_its_form(kind: str, value: Any, expected: Any) -> None:
    assert encode(kind, value) == expected


def test_the_form_of_every_type_is_tested() -> None:
    assert {kind for kind, _, _ in FORMS} == set(get_args(ColumnType))


@pytest.mark.parametrize("kind", get_args(ColumnType))
@pytest.mark.parametrize("value", [None, "", "  \t\n"])
def test_nothing_is_left_out(kind: str, value: Any) -> None:
    """monday would write 0 for an empty number."""
    assert encode(kind, value) is None


@pytest.mark.parametrize("value", [None, "", "  \t\n"])
def test_a_change_names_every_column_and_clears_the_empty_ones(value: Any) -> None:
    kinds = get_args(ColumnType)
    columns = [ColumnMap(source="S", column=kind, type=kind) for kind in kinds]
    row = {kind: value for kind in kinds if kind != "text"}
    assert encode_changes(columns, row, LabelSpelling({})) == dict.fromkeys(kinds)
    assert to_json(encode_changes(columns[:1], row, None)) == '{"text":null}'
    assert encode_changes(columns[:1], {"text": 5}, None) == {"text": "5"}


def test_a_no_clears_a_checkbox_when_an_item_changes() -> None:
    """monday has no other value for it."""
    column = ColumnMap(source="S", column="c", type="checkbox")
    assert to_json(encode_changes([column], {"c": False}, None)) == '{"c":null}'


@pytest.mark.parametrize(
    ("label", "expected"), [("done", {"label": "Done"}), ("44", {"index": 7}), (" Twin ", {"label": "Twin"})]
)
def test_a_cancel_label_takes_the_spelling_of_the_board(label: str, expected: dict[str, Any]) -> None:
    cancel = Cancel(by="label", column="c", label=label)
    assert cancel_values(cancel, LabelSpelling(LABELS)) == {"c": expected}


@pytest.mark.parametrize("label", ["Stopped", "twin"])
def test_a_label_that_the_board_lacks_cancels_no_order(label: str) -> None:
    with pytest.raises(Rejected, match=r"column 'c' .*cancel.* does not accept"):
        cancel_values(Cancel(by="label", column="c", label=label), LabelSpelling(LABELS))


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("numbers", "12 pcs", "it is not a number"),
        ("numbers", "1,5", "it is not a number"),
        ("numbers", float("nan"), "it is not a number"),
        ("numbers", Decimal("Infinity"), "it is not a number"),
        ("date", "28.02.2026", "it is not a date"),
        ("date", "2026-02-30", "it is not a date"),
        ("long_text", "x" * 2_001, "long_text allows 2000 characters"),
        ("numbers", "1,234", "the comma may separate thousands or decimals"),
        (
            "status",
            "Dne",
            r"no such label and allows no new ones \(nearest: 'Done'; it has: 44, Caf\u00e9 , Done, In work",
        ),
        ("dropdown", "entirely different", r"allows no new ones \(it has: 44, "),
        ("status", "twin", "the board has several spellings of it, 'Twin', 'TWIN': use one of them"),
        ("dropdown", "45", "no such label"),
        ("checkbox", "perhaps", r"it is neither yes nor no \(Y or N, .*, X or empty\)"),
        ("checkbox", 2, "it is neither yes nor no"),
    ],
)
def test_an_invalid_value_is_rejected_with_column_and_reason(kind: str, value: Any, reason: str) -> None:
    with pytest.raises(Rejected, match=reason) as caught:
        encode(kind, value)
    assert f"column 'c' (S) does not accept '{str(value)[:60]}" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_new_labels_are_allowed_column_by_column() -> None:
    assert encode("status", "New one", new_labels=True) == {"label": "New one"}
    assert encode("dropdown", "New one", new_labels=True) == {"labels": ["New one"]}
    with pytest.raises(Rejected, match="label that consists of digits must be added on the board first"):
        encode("dropdown", "45", new_labels=True)


def test_an_ambiguous_spelling_gets_no_suggestion() -> None:
    with pytest.raises(Rejected, match="several spellings"):
        encode("status", "twin", new_labels=True)


@pytest.mark.parametrize("kind", ["status", "dropdown"])
def test_a_new_label_has_one_spelling_in_a_run(kind: str) -> None:
    labels = LabelSpelling(LABELS)
    column = ColumnMap(source="S", column="c", type=kind, new_labels=True)  # type: ignore[arg-type]
    sent = [
        encode_row([column], {"c": value}, labels)["c"]
        for value in ("Autumn \u00c9", "AUTUMN E\u0301 ", "DONE", "autumn  \u00e9")
    ]
    new, done = ({"label": label} if kind == "status" else {"labels": [label]} for label in ("Autumn \u00c9", "Done"))
    assert sent == [new, new, done, new]


def test_a_label_of_many_is_named_by_the_nearest() -> None:
    labels = {"c": {f"Label {number} {'x' * 40}": number for number in range(500)} | {"SAMPLE": 500}}
    column = ColumnMap(source="S", column="c", type="dropdown")
    with pytest.raises(Rejected, match=r"\(nearest: 'SAMPLE', of 501\)"):
        encode_row([column], {"c": "Smaple"}, LabelSpelling(labels))
    with pytest.raises(Rejected, match=r"and 493 more\)") as caught:
        encode_row([column], {"c": "?"}, LabelSpelling(labels))
    assert len(str(caught.value)) < 600


def test_a_date_may_be_the_day_in_utc() -> None:
    value = datetime(2026, 2, 28, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
    assert encode("date", value, zone="utc") == {"date": "2026-03-01"}
    with pytest.raises(Rejected, match="in UTC it is outside the range of dates"):
        encode("date", datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2))), zone="utc")


def test_a_column_without_labels_says_so() -> None:
    column = ColumnMap(source="S", column="other", type="status")
    with pytest.raises(Rejected, match=r"\(it has none\)"):
        encode_row([column], {"other": "Done"}, LabelSpelling(LABELS))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**13), max_value=10**13))
def test_any_decimal_keeps_its_value_without_an_exponent(number: Decimal) -> None:
    text = encode("numbers", number)
    assert Decimal(text) == number
    assert not set(text) - set("-.0123456789")
    assert text == "0" or not text.endswith((".", "0")) or "." not in text


@given(st.text(), st.text())
def test_json_in_a_string_holds_any_text(one: str, other: str) -> None:
    assert json.loads(to_json({"a": one, "b": {"text": other}})) == {"a": one, "b": {"text": other}}


def test_the_board_takes_every_form(emulator: Emulator, mapping: ColumnMapping) -> None:
    """All mapped columns of one item, read back from monday."""
    row = {
        "order_number": "A-1",
        "customer": 'O\'Malley & "Daughters" 七',
        "style": "line\nline",
        "order_type": "REPEAT",
        "season": "SS27",
        "total_qty": 12,
        "eta": datetime(2026, 12, 24),
        "fob": Decimal("7.2500"),
        "colour": None,
    }
    labels = {"order_type": {"REPEAT": 2}}
    values = to_json(encode_row(mapping.items.columns, row, LabelSpelling(labels)))
    create = """mutation ($b: ID!, $v: JSON) { create_item(
        board_id: $b, item_name: "x", column_values: $v, create_labels_if_missing: true) { id } }"""
    with Monday(emulator.url) as monday:
        item = monday.data(create, {"b": str(EMBEDDED_BOARD), "v": values})["create_item"]["id"]
        cells = {column: cell["text"] for column, cell in monday.cells(item).items()}
    expected = {
        "order_number": "A-1",
        "customer": 'O\'Malley & "Daughters" 七',
        "style": "line\nline",
        "order_type": "REPEAT",
        "season": "SS27",
        "total_qty": "12",
        "eta": "2026-12-24",
        "fob": "7.25",
        "colour": "",
    }
    assert expected.items() <= cells.items()
