"""In: a number and the word for what is counted.
Out: both, as people say it: 1 row, 2 rows, 1,000 rows.
Never: a word whose plural is guessed where it does not end in s: such ones are given."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """`one` for exactly one; `many`, or `one` with an s, for any other number. They may be more than a word."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
