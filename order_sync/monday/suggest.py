"""Which source column a board's column is probably for: by the mapping that is there, by names, and by types.

In: the columns of a board, the columns of an order or a line, and a mapping. Out: a `Suggestion` for each column.
Asks nobody, and never suggests one source, or one column, twice.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from order_sync.monday.columns import Column
from order_sync.orders.mapping import BoardMap, ColumnMap, ColumnType, OrderColumn
from order_sync.orders.naming import text_key

SIMILAR = 0.8  # difflib's ratio of two names
# What people write for one thing, as one word of a name.
_WORDS = {"color": "colour", "quantity": "qty", "pcs": "qty", "pieces": "qty", "description": "desc", "no": "number"}
# The kinds of a source; "" is unknown. A bit counts as a text.
_FILLED_BY = {"numbers": ("number", ""), "date": ("date", ""), "checkbox": ("text", "number", "")}
_BY_TYPE = "the only date"


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A column of the board, the source that fills it, if any, and why."""

    column: Column
    source: str | None = None
    why: str = ""


def suggest(columns: Iterable[Column], sources: Sequence[OrderColumn], known: BoardMap) -> list[Suggestion]:
    """One for each column that can be filled, in the order of the board; the key column is left out."""
    usable = [each for each in columns if each.type in get_args(ColumnType) and each.id != known.key_column]
    chosen: dict[str, tuple[str, str]] = {}
    taken: set[str] = set()
    ranked = sorted(_pairs(usable, sources, known.columns), key=lambda pair: -pair[0])
    for _, column, source, why in ranked:
        if column not in chosen and source not in taken:
            chosen[column] = (source, why)
            taken.add(source)
    found = [
        Suggestion(column=each, source=of[0], why=of[1]) if (of := chosen.get(each.id)) else Suggestion(column=each)
        for each in usable
    ]
    return _with_dates(found, [each for each in sources if each.name not in taken])


def find_key(columns: Iterable[Column], known: BoardMap, title: str) -> str | None:
    """The text column that holds the keys: the mapping's, or one that is called so."""
    texts = [column for column in columns if column.type == "text"]
    if any(column.id == known.key_column for column in texts):
        return known.key_column
    names = {_compared(known.key_column), _compared(title)}
    return next((column.id for column in texts if {_compared(column.title), _compared(column.id)} & names), None)


def fits(column: Column, source: OrderColumn) -> bool:
    """Whether values of the source's type can go into the column."""
    return source.kind in _FILLED_BY.get(column.type, (source.kind,))


def _pairs(
    columns: Sequence[Column], sources: Sequence[OrderColumn], known: Sequence[ColumnMap]
) -> Iterator[tuple[float, str, str, str]]:
    """The weight, the column, the source and the reason of each pair that may belong together."""
    names: dict[str, set[str]] = {source.name: {_compared(source.name)} for source in sources}
    mapped: Mapping[str, ColumnMap] = {entry.column: entry for entry in known}
    for entry in known:
        if entry.source in names:
            names[entry.source] |= {_compared(entry.title or entry.source), _compared(entry.column)}
    for column in columns:
        own = {_compared(column.title), _compared(column.id)} - {""}
        for source in sources:
            if not fits(column, source):
                continue
            entry_here = mapped.get(column.id)
            if entry_here is not None and entry_here.source == source.name and entry_here.type == column.type:
                yield 3.0, column.id, source.name, "as in the mapping"
            elif own & names[source.name]:
                yield 2.0, column.id, source.name, "same name"
            elif (ratio := _likeness(_compared(column.title), names[source.name])) >= SIMILAR:
                yield ratio, column.id, source.name, "similar name"


def _with_dates(found: list[Suggestion], left: Sequence[OrderColumn]) -> list[Suggestion]:
    """A board's only date column that is left is for the only date that is left."""
    dates = [source.name for source in left if source.kind == "date"]
    empty = [each for each in found if each.source is None and each.column.type == "date"]
    if len(dates) != 1 or len(empty) != 1:
        return found
    return [replace(each, source=dates[0], why=_BY_TYPE) if each is empty[0] else each for each in found]


def _likeness(name: str, others: Iterable[str]) -> float:
    return max((difflib.SequenceMatcher(None, name, other).ratio() for other in others), default=0.0)


def _compared(name: str) -> str:
    """A name by its words, whatever stands between them."""
    words = re.findall(r"[^\W_]+", text_key(name))
    return " ".join(_WORDS.get(word, word) for word in words)
