"""In: a number and the word for what is counted.
Out: both together: 1 row, 2 rows, 1,000 rows.
Never: a guess at an irregular plural; the caller gives it."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """`one` if the number is one, else `many`, or `one` with an s. Each may be a phrase."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
