"""The first of many messages, and how many more there are: what a log says of rows that share one fate.

In: a message a row, and where the others are to be found. Out: a bounded number of lines.
Never a line for each row: each is an event in Dagster's record, and one wrong label in a mapping rejects every order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from order_sync.text.plain_text import line

SHOWN = 20  # lines
IN_REPORT = "`order-sync report` lists them, `order-sync trace` has the history of each order"
IN_TRACE = "`order-sync trace` has the history of each order"
ON_BOARD = "the board shows them"


def log_first(write: Callable[[str], object], messages: Sequence[str], rest: str) -> None:
    """Writes the first messages; then, if there are more, their number and where to look (`rest`)."""
    for message in messages[:SHOWN]:
        write(line(message))
    if (more := len(messages) - SHOWN) > 0:
        write(f"... and {more:,} more like these, {len(messages):,} in all: {rest}")
