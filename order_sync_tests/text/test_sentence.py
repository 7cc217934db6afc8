"""A problem stands in a list, or by itself as a sentence."""

from __future__ import annotations

import pytest

from order_sync.text.sentence import as_sentence


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ("the token belongs to a viewer", "The token belongs to a viewer."),
        ("board 5 is read-only. Ask its owner", "Board 5 is read-only. Ask its owner."),
        ("ORDER_LIST lacks it", "ORDER_LIST lacks it."),
        ("order-sync retry tries again.", "order-sync retry tries again."),
    ],
)
def test_a_problem_becomes_a_sentence(problem: str, sentence: str) -> None:
    assert as_sentence(problem) == sentence
