"""What a log says of many rows that share one fate."""

from __future__ import annotations

import pytest

from order_sync.text.excerpt import SHOWN, log_first


@pytest.mark.parametrize("count", [0, 1, SHOWN])
def test_a_few_messages_are_all_written(count: int) -> None:
    written: list[str] = []
    log_first(written.append, [f"row {n}" for n in range(count)], "look there")
    assert written == [f"row {n}" for n in range(count)]


def test_of_many_the_first_and_their_number_are_written() -> None:
    written: list[str] = []
    log_first(written.append, [f"row {n}" for n in range(12_345)], "look there")
    assert written == [*(f"row {n}" for n in range(SHOWN)), "... and 12,325 more, 12,345 in all: look there"]
