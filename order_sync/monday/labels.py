"""The labels of a board's columns, each in one spelling: the board's, or the first that a run brings.

In: the labels that the board has, then the values of one row after another. Out: the label to send for each.
Never a second spelling of a label: what people read as the same is the same label.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from order_sync.orders.naming import TextKey, text_key

Labels = Mapping[str, Mapping[str, int]]  # column id -> label -> label id
NEAREST = 3  # labels that a reason proposes
SHOWN = 8  # labels that a reason lists
LONGEST = 30  # characters of a label in a reason


class LabelSpelling:
    """How the labels of one board are spelled, for one step of a run: new ones are kept as they first came."""

    def __init__(self, there: Labels) -> None:
        self.there = there
        self._spelled: dict[str, dict[TextKey, list[str]]] = {}
        for column, labels in there.items():
            of_column = self._spelled.setdefault(column, {})
            for label in labels:
                of_column.setdefault(text_key(label), []).append(label)

    def find(self, column: str, label: str) -> list[str]:
        """The labels that read like this one; one if it is there letter by letter, none if it is new."""
        found = self._spelled.get(column, {}).get(text_key(label), [])
        return [label] if label in found else found

    def add(self, column: str, label: str) -> None:
        """A new label: from now on it is found."""
        self._spelled.setdefault(column, {})[text_key(label)] = [label]


def choices(label: str, labels: Collection[str]) -> str:
    """The labels that were probably meant, for a message: "nearest: 'SAMPLE' (it has: REPEAT, SAMPLE)"."""
    if not labels:
        return "it has none"
    by_key = {text_key(known): known for known in sorted(labels, reverse=True)}
    near = [by_key[TextKey(key)] for key in difflib.get_close_matches(text_key(label), by_key, n=NEAREST)]
    shown = sorted(labels)[:SHOWN] if not near or len(labels) <= SHOWN else []
    rest = f" and {len(labels) - len(shown)} more" if len(labels) > len(shown) else ""
    listed = ", ".join(_short(known) for known in shown)
    nearest = "nearest: " + ", ".join(f"'{_short(known)}'" for known in near) if near else ""
    if not listed:
        return f"{nearest}, of {len(labels)}"
    return f"{nearest}; it has: {listed}{rest}".removeprefix("; ")


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else label[:LONGEST] + "..."
