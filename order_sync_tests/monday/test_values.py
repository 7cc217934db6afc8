"""Column values in monday's form: what may be sent is sent exactly, what would be refused is refused here."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.emulator import Emulator
from order_sync.errors import Rejected
from order_sync.monday.values import encode_row, to_json
from order_sync.orders.mapping import ColumnMap, Mapping
from order_sync.settings import EMBEDDED_BOARD
from order_sync_tests.emulator.monday import Monday

LABELS = {"c": {"Done": 1, "44": 7, "In work, now": 2}}


def encode(kind: str, value: Any, *, new_labels: bool = False) -> Any:
    """The encoded value; None if the column is left out."""
    column = ColumnMap(source="S", column="c", type=kind, new_labels=new_labels)  # type: ignore[arg-type]
    return encode_row([column], {"c": value}, LABELS).get("c")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("text", "abc", "abc"),
        ("text", " spaced ", " spaced "),
        ("text", 5, "5"),
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
        ("numbers", " 42.5 ", "42.5"),
        ("date", date(2026, 2, 28), {"date": "2026-02-28"}),
        ("date", datetime(2026, 2, 28, 23, 59, 59, 999_999), {"date": "2026-02-28"}),
        ("date", datetime(2026, 2, 28, 23, 30, tzinfo=timezone(timedelta(hours=-2))), {"date": "2026-03-01"}),
        ("date", datetime(2026, 2, 28, tzinfo=UTC), {"date": "2026-02-28"}),
        ("date", "2026-02-28", {"date": "2026-02-28"}),
        ("date", "2026-02-28T10:00:00", {"date": "2026-02-28"}),
        ("link", "https://x.example/a?b=1", {"url": "https://x.example/a?b=1", "text": "https://x.example/a?b=1"}),
        ("status", "Done", {"label": "Done"}),
        ("status", " Done ", {"label": "Done"}),
        ("dropdown", "In work, now", {"labels": ["In work, now"]}),
        ("dropdown", "44", {"ids": [7]}),
        ("dropdown", 44, {"ids": [7]}),
    ],
)
def test_each_type_has_its_form(kind: str, value: Any, expected: Any) -> None:
    assert encode(kind, value) == expected


@pytest.mark.parametrize("kind", ["text", "long_text", "numbers", "status", "dropdown", "date", "link"])
@pytest.mark.parametrize("value", [None, "", "  \t\n"])
def test_nothing_is_left_out(kind: str, value: Any) -> None:
    """monday would write 0 for an empty number."""
    assert encode(kind, value) is None


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("numbers", "12 pcs", "it is not a number"),
        ("numbers", "1,5", "it is not a number"),
        ("numbers", float("nan"), "it is not a number"),
        ("numbers", Decimal("Infinity"), "it is not a number"),
        ("date", "28.02.2026", "it is not a date"),
        ("date", "2026-02-30", "it is not a date"),
        ("long_text", "x" * 2_001, "long_text takes 2000 characters"),
        ("status", "done", r"no such label and takes no new ones \(it has: 44, Done, In work, now\)"),
        ("dropdown", "DONE", "no such label"),
        ("dropdown", "45", "no such label"),
    ],
)
def test_what_monday_would_refuse_is_rejected_with_column_value_and_reason(kind: str, value: Any, reason: str) -> None:
    with pytest.raises(Rejected, match=reason) as caught:
        encode(kind, value)
    assert f"column 'c' (S) cannot take '{str(value)[:60]}" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_new_labels_are_allowed_column_by_column() -> None:
    assert encode("status", "New one", new_labels=True) == {"label": "New one"}
    assert encode("dropdown", "New one", new_labels=True) == {"labels": ["New one"]}
    with pytest.raises(Rejected, match="label of digits must be added on the board first"):
        encode("dropdown", "45", new_labels=True)


def test_a_column_without_labels_says_so() -> None:
    column = ColumnMap(source="S", column="other", type="status")
    with pytest.raises(Rejected, match=r"\(it has: none\)"):
        encode_row([column], {"other": "Done"}, LABELS)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**13), max_value=10**13))
def test_any_decimal_keeps_its_value_without_an_exponent(number: Decimal) -> None:
    text = encode("numbers", number)
    assert Decimal(text) == number
    assert not set(text) - set("-.0123456789")
    assert text == "0" or not text.endswith((".", "0")) or "." not in text


@given(st.text(), st.text())
def test_json_in_a_string_holds_any_text(one: str, other: str) -> None:
    assert json.loads(to_json({"a": one, "b": {"text": other}})) == {"a": one, "b": {"text": other}}


def test_the_board_takes_every_form(emulator: Emulator, mapping: Mapping) -> None:
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
    values = to_json(encode_row(mapping.items.columns, row, labels))
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
