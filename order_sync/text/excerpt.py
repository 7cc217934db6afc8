"""Logs the first of many messages, and the number of the others.

In: one message per row, and a hint where to find the others. Out: a bounded number of lines.
Never a line for each row: each is an event in Dagster, and one wrong label in a mapping rejects every order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from order_sync.text.plain_text import line

SHOWN = 20  # lines
IN_REPORT = "`order-sync report` lists them, `order-sync trace` has the history of each order"
IN_TRACE = "`order-sync trace` has the history of each order"
ON_BOARD = "the board shows them"


def log_first(write: Callable[[str], object], messages: Sequence[str], rest: str) -> None:
    """Writes the first messages; if there are more, also their number and where to find them (`rest`)."""
    for message in messages[:SHOWN]:
        write(line(message))
    if (more := len(messages) - SHOWN) > 0:
        write(f"... and {more:,} more, {len(messages):,} in all: {rest}")
