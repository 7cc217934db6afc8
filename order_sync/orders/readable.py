"""Converts database values to text, numbers, dates, and yes or no.

In: a value of any type. Out: its text, always; its number, date, or yes or no, or ValueError with the reason if it has
none. Never guesses: an ambiguous number is an error.
"""

from __future__ import annotations

import re
import struct
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

MOST_DIGITS = 60  # of a number without an exponent; SQL Server's longest has 38
CERTAIN_DIGITS = 15  # the significant digits that a float always preserves; further digits are noise
SINGLE_DIGITS = 9  # enough to distinguish any two 32-bit floats
NOISE_DIGITS = 12  # a 32-bit float has this many digits only as noise
EXACT = 2**53  # whole numbers up to here are exact in a float

NOT_A_NUMBER = "it is not a number"
NOT_A_DATE = "it is not a date"
NOT_YES_OR_NO = "it is neither yes nor no (Y or N, yes or no, true or false, 1 or 0, X or empty)"

_YES_OR_NO = {
    **dict.fromkeys(("yes", "y", "true", "1", "x"), True),
    **dict.fromkeys(("no", "n", "false", "0", ""), False),
}

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?P<mark>[ ,'])\d{3}(?P<more>((?P=mark)\d{3})*)(?P<decimals>\.\d+)?")
_DAY = re.compile(r"\d{8}")
_BLANK_BEFORE_OFFSET = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")  # as SQL Server formats it


def text_of(value: Any) -> str:
    """The value as a person would write it; text is unchanged, None is ''."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "Yes" if value else "No"
        case float() | Decimal():
            return _written(value)
        case datetime():
            return f"{value.date().isoformat()} {_clock(value)}".removesuffix(" 00:00")
        case time():
            return _clock(value)
        case bytes() | bytearray() | memoryview():
            return _decoded(bytes(value))
    return str(value)


def number_of(value: Any) -> str:
    """The number without exponent and trailing zeros. Raises ValueError with the reason."""
    match value:
        case bool():
            number = Decimal(int(value))
        case int() | Decimal():
            number = Decimal(value)
        case float():
            number = _certain(value)
        case str():
            number = _parsed(value)
        case _:
            raise ValueError(NOT_A_NUMBER)
    if not number.is_finite():
        raise ValueError(NOT_A_NUMBER)
    if not number:
        return "0"  # also for -0
    if max(abs(number.adjusted()), len(number.as_tuple().digits)) >= MOST_DIGITS:
        raise ValueError(f"it has more than {MOST_DIGITS} digits")
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def date_of(value: Any, *, utc: bool = False) -> date:
    """The date in the value's own time zone, or in UTC. Raises ValueError with the reason."""
    match value:
        case datetime():
            return _day(value, utc)
        case date():
            return value
        case str():
            return _day(_moment(value), utc)
        case int() if _DAY.fullmatch(str(value)):
            return _moment(str(value)).date()
    raise ValueError(NOT_A_DATE)


def is_yes(value: Any) -> bool:
    """Whether the value says yes. Raises ValueError with the reason if it says neither yes nor no."""
    answer = _YES_OR_NO.get(text_of(value).strip().casefold())
    if answer is None:
        raise ValueError(NOT_YES_OR_NO)
    return answer


# ---- numbers --------------------------------------------------------------------------------------------


def _written(value: float | Decimal) -> str:
    try:
        return number_of(value)
    except ValueError:
        return str(value)  # text may hold more than a number can


def _certain(value: float) -> Decimal:
    """The decimal number that the float represents: 0.3 for 0.1 + 0.2."""
    if value.is_integer() and abs(value) <= EXACT:
        return Decimal(int(value))
    number = Decimal(f"{value:.{CERTAIN_DIGITS}g}")
    if number.is_finite() and len(number.normalize().as_tuple().digits) >= NOISE_DIGITS:
        return _of_single(value) or number
    return number


def _of_single(value: float) -> Decimal | None:
    """The number in a 32-bit float (SQL Server's real); None for a 64-bit float."""
    try:
        if _single(value) != value:
            return None
    except OverflowError:
        return None
    for digits in range(1, SINGLE_DIGITS + 1):
        text = f"{value:.{digits}g}"
        if _single(float(text)) == value:
            return Decimal(text)
    return None


def _single(value: float) -> float:
    [found] = struct.unpack("f", struct.pack("f", value))
    return float(found)


def _parsed(text: str) -> Decimal:
    plain = " ".join(text.replace("\N{MINUS SIGN}", "-").split())  # any kind of blank
    if grouped := _GROUPED.fullmatch(plain):
        if grouped["mark"] == "," and not grouped["more"] and not grouped["decimals"]:
            raise ValueError(f"{NOT_A_NUMBER}: the comma may separate thousands or decimals")
        plain = plain.replace(grouped["mark"], "")
    if not _NUMBER.fullmatch(plain):
        raise ValueError(NOT_A_NUMBER)
    return Decimal(plain)


# ---- dates and texts ------------------------------------------------------------------------------------


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(_BLANK_BEFORE_OFFSET.sub("", text.strip()))
    except ValueError:
        raise ValueError(NOT_A_DATE) from None


def _day(moment: datetime, utc: bool) -> date:
    if not utc or moment.tzinfo is None:
        return moment.date()
    try:
        return moment.astimezone(UTC).date()
    except OverflowError:
        raise ValueError("in UTC it is outside the range of dates") from None


def _clock(moment: datetime | time) -> str:
    """Hours and minutes, with seconds and offset if there are any."""
    text = f"{moment:%H:%M:%S}".removesuffix(":00") if moment.second == 0 else f"{moment:%H:%M:%S}"
    offset = moment.isoformat()[-6:] if moment.utcoffset() is not None else ""
    return f"{text} {offset}".rstrip()


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"0x{value.hex().upper()}"  # as SQL Server displays it
