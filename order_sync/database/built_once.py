"""SQL that is built once for the same tables, however often it is asked.

In: a function from tables, columns and constants to SQL. Out: the same function, which remembers what it has built.
A run asks the same questions again and again, and to build one in Python takes longer than SQLite takes to answer it.
Never for a function of a run's own values: none would be asked for again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec, TypeVar, cast

import sqlalchemy as sa

P = ParamSpec("P")
T = TypeVar("T")

REMEMBERED = 256  # a function


def built_once(build: Callable[P, T]) -> Callable[P, T]:
    # SQL elements are told apart by identity here, as their hash does: they are never compared by their own ==.
    return cast("Callable[P, T]", lru_cache(maxsize=REMEMBERED)(build))


@built_once
def alias(table: sa.FromClause, name: str) -> sa.FromClause:
    """The table under another name, always the same one: conditions on it are built once, too."""
    return table.alias(name)
