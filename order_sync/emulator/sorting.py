"""In: the `order_by` of an `ItemsQuery`, and items.
Out: the items in that order, from the first or after a place that a cursor holds.
Never: one item twice in the pages of one list, unless it was changed between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any, TypeAlias

from order_sync.emulator.conditions import LOGS
from order_sync.emulator.errors import invalid_argument, invalid_column
from order_sync.emulator.state import Board, Item

#: An item's values in the columns of the order, and its id: JSON.
Place: TypeAlias = list[Any]


@dataclass(frozen=True, slots=True)
class _Part:
    read: Callable[[Item], Any]
    sign: int


class Order:
    """Oldest first without an `order_by`, and where its columns are equal."""

    def __init__(self, board: Board, order_by: Sequence[Mapping[str, Any]]) -> None:
        self._parts = [
            _Part(_reader(board, str(part["column_id"])), -1 if part.get("direction") == "desc" else 1)
            for part in order_by
        ]

    def following(self, items: Iterator[Item], after: Place | None) -> Iterable[Item]:
        if not self._parts:
            first = 0 if after is None else int(after[-1])
            return (item for item in items if item.id > first)
        places: list[tuple[Place, Item]] = [(self.place(item), item) for item in items]
        if after is not None:
            places = [pair for pair in places if self._compare(pair[0], after) > 0]
        by_place = cmp_to_key(self._compare)
        places.sort(key=lambda pair: by_place(pair[0]))
        return [item for _, item in places]

    def place(self, item: Item) -> Place:
        return [*(part.read(item) for part in self._parts), item.id]

    def _compare(self, one: Place, other: Place) -> int:
        for part, mine, theirs in zip(self._parts, one, other, strict=False):
            if mine != theirs:
                return part.sign if mine > theirs else -part.sign
        return int(one[-1]) - int(other[-1])


def _reader(board: Board, column_id: str) -> Callable[[Item], Any]:
    if column_id in LOGS:
        return LOGS[column_id]
    if column_id == "name":
        return lambda item: item.name
    column = board.columns.get(column_id)
    if column is None:
        raise invalid_column(column_id)
    if column.type not in ("text", "numbers", "date", "status"):
        raise invalid_argument(f"The emulator orders by no column of type {column.type}", column_id=column_id)
    plain = {"numbers": float}.get(column.type, lambda value: value)
    # An empty cell comes before every value.
    return lambda item: [] if (value := item.values.get(column_id)) is None else [plain(value)]
