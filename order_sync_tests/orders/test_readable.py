"""Values as people read them: texts, numbers and dates of every type that a driver gives."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.orders.naming import item_name
from order_sync.orders.readable import date_of, is_yes, number_of, text_of

WEST = timezone(timedelta(hours=-5))


def real(value: float) -> float:
    """A value of SQL Server's type real, as a driver gives it."""
    [found] = struct.unpack("f", struct.pack("f", value))
    return float(found)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (" as it is ", " as it is "),
        (12, "12"),
        (12.0, "12"),
        (0.1 + 0.2, "0.3"),
        (-0.0, "0"),
        (real(16.1), "16.1"),
        (1e300, "1e+300"),
        (Decimal("7.2500"), "7.25"),
        (Decimal("100"), "100"),
        (Decimal("1E+400"), "1E+400"),
        (True, "Yes"),
        (False, "No"),
        (date(2026, 12, 24), "2026-12-24"),
        (datetime(2026, 12, 24), "2026-12-24"),
        (datetime(2026, 12, 24, 8, 30), "2026-12-24 08:30"),
        (datetime(2026, 12, 24, 8, 30, 5, 999), "2026-12-24 08:30:05"),
        (datetime(2026, 12, 24, 23, 30, tzinfo=WEST), "2026-12-24 23:30 -05:00"),
        (datetime(2026, 12, 24, tzinfo=UTC), "2026-12-24 00:00 +00:00"),
        (time(8, 30), "08:30"),
        ("Café".encode(), "Café"),
        (b"\xff\x01", "0xFF01"),
    ],
)
def test_a_text_is_what_a_person_would_write(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_an_item_is_named_as_a_person_would_write_it() -> None:
    order = {
        "CUSTOMER STYLE": 4711.0,
        "CUSTOMER COLOUR DESCRIPTION": Decimal("7.50"),
        "AAG ORDER NUMBER": 0.1 + 0.2,
        "PO NUMBER": datetime(2026, 12, 24),
    }
    assert item_name(order) == "4711 7.5 0.3 2026-12-24"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.333333333333333"),
        (9007199254740991.0, "9007199254740991"),
        (1234567890123456.75, "1234567890123460"),
        (1e22, "1" + "0" * 22),
        (1e-7, "0.0000001"),
        (real(0.1), "0.1"),
        (real(1234.56), "1234.56"),
        (1234567.125, "1234567.125"),
        (-0.0, "0"),
        (Decimal("-0.00"), "0"),
        (Decimal("12345678901234567890123456789012345678"), "12345678901234567890123456789012345678"),
        (Decimal("1E+3"), "1000"),
        (True, "1"),
        (False, "0"),
        ("1e3", "1000"),
        ("+5", "5"),
        ("\u22125", "-5"),
        (".5", "0.5"),
        ("1 234.50", "1234.5"),
        ("1\u00a0234\u202f567", "1234567"),
        ("1'234", "1234"),
        ("1,234.50", "1234.5"),
        ("1,234,567", "1234567"),
        ("0.30000000000000004", "0.30000000000000004"),
    ],
)
def test_a_number_is_written_out(value: Any, number: str) -> None:
    assert number_of(value) == number


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("1,234", "the comma may separate thousands or decimals"),
        ("1,5", "it is not a number"),
        ("1.234,50", "it is not a number"),
        ("1_000", "it is not a number"),
        ("1 23", "it is not a number"),
        ("0x10", "it is not a number"),
        ("nan", "it is not a number"),
        (float("nan"), "it is not a number"),
        (float("-inf"), "it is not a number"),
        (Decimal("sNaN"), "it is not a number"),
        (datetime(2026, 1, 1), "it is not a number"),
        (b"12", "it is not a number"),
        ("9" * 61, "more than 60 digits"),
        ("1e999", "more than 60 digits"),
        ("1e9999", "it is not a number"),
        (1e300, "more than 60 digits"),
        (Decimal("1E-400"), "more than 60 digits"),
    ],
)
def test_an_invalid_number_is_explained(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        number_of(value)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**8), max_value=10**8))
def test_a_float_is_the_number_that_was_put_into_it(number: Decimal) -> None:
    assert Decimal(number_of(float(number))) == number


@pytest.mark.parametrize(
    ("value", "own", "utc"),
    [
        (datetime(2026, 11, 24, 23, 30, tzinfo=WEST), "2026-11-24", "2026-11-25"),
        ("2026-11-24 23:30:00.0000000 -05:00", "2026-11-24", "2026-11-25"),
        ("2026-11-24T23:30:00-05:00", "2026-11-24", "2026-11-25"),
        ("2026-11-24T00:30+02:00", "2026-11-24", "2026-11-23"),
        ("2026-11-24T23:30Z", "2026-11-24", "2026-11-24"),
        (datetime(2026, 11, 24, 23, 30), "2026-11-24", "2026-11-24"),
        ("2026-11-24 23:30", "2026-11-24", "2026-11-24"),
        (date(2026, 11, 24), "2026-11-24", "2026-11-24"),
        (" 20261124\n", "2026-11-24", "2026-11-24"),
        (20261124, "2026-11-24", "2026-11-24"),
    ],
)
def test_a_date_is_its_written_day_or_utc_day(value: Any, own: str, utc: str) -> None:
    assert (date_of(value).isoformat(), date_of(value, utc=True).isoformat()) == (own, utc)


@pytest.mark.parametrize(
    "value",
    ["24.11.2026", "2026-02-30", "10000-01-01", "2026-11-24 10:00 AM", "", 45000, 20261124.0, True, time(8), b"x"],
)
def test_an_invalid_date_is_reported(value: Any) -> None:
    with pytest.raises(ValueError, match="it is not a date"):
        date_of(value)


@pytest.mark.parametrize("value", ["9999-12-31T23:30-05:00", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))])
def test_a_date_that_utc_has_no_day_for_says_so(value: Any) -> None:
    assert date_of(value).year in (1, 9999)
    with pytest.raises(ValueError, match="in UTC it is outside the range of dates"):
        date_of(value, utc=True)


@pytest.mark.parametrize("value", [True, 1, 1.0, Decimal("1.00"), "Y", "yes", " TRUE\n", "1", "x", b"Y"])
def test_a_value_says_yes(value: Any) -> None:
    assert is_yes(value) is True


@pytest.mark.parametrize("value", [None, False, 0, -0.0, Decimal("0.0"), "N", "No", " false ", "0", "", " \t", b""])
def test_a_value_says_no(value: Any) -> None:
    assert is_yes(value) is False


@pytest.mark.parametrize("value", ["perhaps", "ja", "-", "01", 2, -1, 0.5, float("nan"), Decimal("sNaN"), time(1)])
def test_a_value_that_says_neither_is_reported(value: Any) -> None:
    with pytest.raises(ValueError, match="it is neither yes nor no"):
        is_yes(value)
