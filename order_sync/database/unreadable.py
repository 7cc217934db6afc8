"""Values that are not what their column is for: SQLite takes any value into any column.

In: what SQLite gave. Out: the value, or `Unreadable`, a text that is safe to print; a row that has one is rejected.
Nothing here raises: a result is read to its end, with any content in its rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeEngine

from order_sync.orders.codes import Rule
from order_sync.orders.errors import Rejected

LENGTH = 60  # characters of a value that are shown
OLDEST = datetime(1900, 1, 1)
# Bytes that are no UTF-8 become what is no character either, and is found again by that.
decode = partial(str, encoding="utf-8", errors="surrogateescape")
_LARGEST = 2**63
_WHOLE = re.compile(r"[+-]?\d{1,19}")

Process = Callable[[Any], Any]


class Unreadable(str):
    """A value as it is shown, and what it ought to be. Code that only prints a row treats it as text."""

    __slots__ = ("wanted",)
    wanted: str

    @classmethod
    def of(cls, value: Any, wanted: str) -> Unreadable:
        made = cls(shown(value))
        made.wanted = wanted
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (str(self), self.wanted)


def _again(text: str, wanted: str) -> Unreadable:
    made = Unreadable(text)
    made.wanted = wanted
    return made


def shown(value: Any) -> str:
    """The value in one line: quoted, with what cannot be printed as escapes; NULL for None."""
    if value is None:
        return "NULL"
    text = repr(value[: LENGTH + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= LENGTH + 3 else f"{text[:LENGTH]}..."


def unreadable(row: Mapping[str, Any], columns: Mapping[str, str] | None = None) -> Rejected | None:
    """Why the row cannot be sent: the first of its values that is not what its column is for.

    `columns` are those to look at, with what the site calls them; without them all are looked at.
    """
    for name, value in row.items():
        if isinstance(value, Unreadable) and (columns is None or name in columns):
            column = (columns or {}).get(name, name)
            return Rejected(f"column [{column}] contains {value}, which is {value.wanted}", code=Rule.UNREADABLE)
    return None


# ---- what a value is ----------------------------------------------------------------------------------


def read_text(value: Any) -> Any:
    """Text, also where it was stored as bytes. A column that only the mapping knows may hold numbers and dates."""
    if isinstance(value, bytes | bytearray | memoryview):
        text = bytes(value).decode(errors="surrogateescape")
        # Printable: bytes of a picture or a number may happen to be UTF-8.
        return text if "".join(text.split()).isprintable() else Unreadable.of(value, "not text")
    if not isinstance(value, str) or value.isascii() or _is_text(value):
        return value
    return Unreadable.of(_as_bytes(value), "not UTF-8 text")


def read_whole(value: Any) -> Any:
    whole = value
    if not isinstance(value, int):
        is_whole = value.is_integer() if isinstance(value, float) else _WHOLE.fullmatch(str(value).strip())
        whole = int(value) if is_whole else value
    if isinstance(whole, int) and -_LARGEST <= whole < _LARGEST:
        return whole
    return Unreadable.of(value, "not a whole number, or too large")


def read_number(value: Any, scale: int | None) -> Any:
    """As SQLAlchemy reads a number: with as many digits behind the point as the column has."""
    try:
        number = Decimal(f"{value:.{scale or 10}f}") if isinstance(value, float) else Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        return Unreadable.of(value, "not a number")
    return number if number.is_finite() else Unreadable.of(value, "not a number")


def read_moment(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.strip())
        except ValueError:
            pass
    return Unreadable.of(value, "not a date")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_bytes(value: str) -> bytes | str:
    try:
        return value.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return value


# ---- the types that read so ---------------------------------------------------------------------------


class Moment(sa.DateTime):
    """A time of order_sync's own, or when a row was queued: what cannot be read counts as none."""


class Since(Moment):
    """The same where none counts as the oldest."""


class Count(sa.Integer):
    """A number of order_sync's own: what cannot be read counts as 0."""


class _Text(sa.String):
    def result_processor(self, dialect: Dialect, coltype: Any) -> Process:
        return _unless_none(read_text)


class _Whole(sa.Integer):
    def result_processor(self, dialect: Dialect, coltype: Any) -> Process:
        return _unless_none(read_whole)


class _Count(Count):
    def result_processor(self, dialect: Dialect, coltype: Any) -> Process:
        return lambda value: 0 if isinstance(found := read_whole(value or 0), Unreadable) else found


class _Number(sa.Numeric[Any]):
    def result_processor(self, dialect: Dialect, coltype: Any) -> Process:
        return _unless_none(partial(read_number, scale=self.scale))


class _DateTime(sqlite.DATETIME):
    def result_processor(self, dialect: Dialect, coltype: Any) -> Process:
        return _unless_none(read_moment)


class _Moment(sqlite.DATETIME):
    def result_processor(self, dialect: Dialect, coltype: Any) -> Process:
        return _unless_none(lambda value: _naive(read_moment(value)))


class _Since(sqlite.DATETIME):
    def result_processor(self, dialect: Dialect, coltype: Any) -> Process:
        return lambda value: _naive(read_moment(value)) or OLDEST


def _unless_none(read: Process) -> Process:
    return lambda value: None if value is None else read(value)


def _naive(value: datetime | Unreadable) -> datetime | None:
    """UTC, as the database's own clock; None for what cannot be read."""
    if isinstance(value, Unreadable):
        return None
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


READERS: Mapping[type[TypeEngine[Any]], type[TypeEngine[Any]]] = {
    sa.String: _Text,
    sa.Integer: _Whole,
    Count: _Count,
    sa.Numeric: _Number,
    sa.DateTime: _DateTime,
    Moment: _Moment,
    Since: _Since,
}


def read_anything(dialect: Dialect) -> None:
    """Makes an SQLite engine's dialect read by these types."""
    dialect.colspecs = {**dialect.colspecs, **READERS}
