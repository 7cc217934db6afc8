"""Which order an item is that another tool made: the one with the same values in the columns that a person names.

In: orders or lines, and the items or subitems of a board, each with its values. Out: `Matches`.
Pure, and never a guess: where two orders or two items have the same values, none of them is matched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from order_sync.monday.item_values import comparable, shown_as
from order_sync.monday.labels import LabelSpelling
from order_sync.monday.values import encode_changes
from order_sync.orders.errors import ConfigurationError, Rejected
from order_sync.orders.faults import SettingsFault
from order_sync.orders.mapping import BoardMap, ColumnMap
from order_sync.orders.nearest import did_you_mean
from order_sync.text.counted import counted

NAME = "name"
Values = tuple[str, ...]  # as they are compared


@dataclass(frozen=True, kw_only=True)
class MatchBy:
    """What an order and its item, or a line and its subitem, have in common."""

    columns: tuple[ColumnMap, ...] = ()
    name: bool = False

    @classmethod
    def of(cls, mapping: BoardMap, named: Iterable[str], what: str) -> MatchBy:
        """`named` are column ids of the mapping's `what`, or "name". Raises ConfigurationError for any other."""
        names = list(dict.fromkeys(named))
        known = {column.column: column for column in mapping.columns}
        for name in names:
            if name != NAME and name not in known:
                raise ConfigurationError(
                    f"'{name}' is none of the columns that the mapping fills on {what}"
                    f"{did_you_mean(name, [*known, NAME])}: {', '.join(known) or 'it fills none'}. "
                    f"Name one of them, or '{NAME}' for the name on the board.",
                    SettingsFault.MATCH,
                )
        return cls(columns=tuple(known[name] for name in names if name != NAME), name=NAME in names)

    @property
    def sources(self) -> set[str]:
        return {column.source for column in self.columns}

    def __str__(self) -> str:
        return " and ".join([*(column.column for column in self.columns), *([NAME] if self.name else [])])

    def on_board(self, name: str, texts: Mapping[str, str]) -> Values:
        """What an item or a subitem shows."""
        shown = [comparable(column, texts.get(column.column, "")) for column in self.columns]
        return (*shown, *([comparable(None, name)] if self.name else []))

    def wanted(self, name: str, values: Mapping[str, Any], labels: LabelSpelling) -> Values | None:
        """What the mapping would write, `values` being by source; None if one of them is empty or no such value."""
        row = {column.column: values.get(column.source) for column in self.columns}
        try:
            sent = encode_changes(self.columns, row, labels)
        except Rejected:
            return None
        texts = {column.column: shown_as(column, sent[column.column], labels.there) for column in self.columns}
        found = self.on_board(name, texts)
        return found if all(found) else None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An item or a subitem with its values. `key`: the order or line whose it is, "" for nobody's."""

    id: int
    key: str
    values: Values


@dataclass(frozen=True, kw_only=True)
class Unclear:
    """Orders or lines, by their key, and what fits them on the board: none of it is matched."""

    why: str
    keys: tuple[str, ...]
    ids: tuple[int, ...]
    values: Values
    of: str = ""  # the order whose lines they are


@dataclass(kw_only=True)
class Matches:
    """Monday's id by key, what is unclear, and the keys that nothing on the board fits."""

    found: dict[str, int] = field(default_factory=dict)
    unclear: list[Unclear] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)


def match(
    wanted: Mapping[str, Values | None], asked: Collection[str], shown: Iterable[Shown], nouns: tuple[str, str]
) -> Matches:
    """Matches those of the orders or lines that are `asked` for; `nouns` say what they are and what fits them.

    The others in `wanted` count, too: an item that also fits one of them is unclear, whoever has an item already. So
    the result of a second look is that of the first.
    """
    keys: dict[Values, list[str]] = {}
    for key, values in wanted.items():
        if values:
            keys.setdefault(values, []).append(key)
    there: dict[Values, list[Shown]] = {}
    for row in shown:
        there.setdefault(row.values, []).append(row)
    matches, done = Matches(), set[Values]()
    for key in asked:
        values = wanted[key]
        rows = there.get(values, []) if values else []
        free = [row.id for row in rows if not row.key]
        others = [row for row in rows if row.key and row.key not in keys[values or ()]]
        if values is None or not (free or others):
            matches.unmatched.append(key)
        elif len(keys[values]) == len(free) == 1:
            matches.found[key] = free[0]
        elif values not in done:
            done.add(values)
            ids = tuple(free or (row.id for row in others))
            why = _why(len(keys[values]), len(free), nouns, [row.key for row in others])
            matches.unclear.append(Unclear(why=why, keys=tuple(keys[values]), ids=ids, values=values))
    return matches


def _why(keys: int, free: int, nouns: tuple[str, str], others: list[str]) -> str:
    own, there = nouns
    if not free:
        return f"the {there} belongs to {own} {others[0]}"
    return f"{counted(keys, own)} and {counted(free, there)} have these values"
