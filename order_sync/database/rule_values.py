"""Do the rules for boards ask for what orders have? A misspelt customer's orders would go to the default board.

In: a database, its tables and the mapping. Out: the values of rules that no order has, with the nearest one.
Reads whole tables, so it is for a check that a person asks for; never for a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import Database
from order_sync.database.customers import spelling
from order_sync.database.tables import Tables
from order_sync.orders.mapping import ColumnMapping, value_key
from order_sync.orders.naming import clean
from order_sync.orders.nearest import did_you_mean


@dataclass(frozen=True, kw_only=True)
class UnmatchedValue:
    """A value that the rule of a board asks for and no order has. It may be of orders to come."""

    board: int
    source: str
    value: str
    meant: str

    def __str__(self) -> str:
        return f"its rule matches [{self.source}] '{self.value}'{self.meant}, which no order has"


def unmatched_values(
    database: Database, tables: Tables, mapping: ColumnMapping, *, without: Iterable[str] = ()
) -> list[UnmatchedValue]:
    """Each in the order of the mapping. `without` names columns that the tables do not have."""
    missing = set(without)
    there = {
        source: list(_values(database, tables, source)) for source in mapping.board_sources if source not in missing
    }
    return [
        UnmatchedValue(board=rule.id, source=source, value=value, meant=did_you_mean(value, map(clean, there[source])))
        for rule in mapping.boards
        for source, values in rule.conditions.items()
        for value in values
        if there.get(source) and value_key(source, value) and not _has(source, value, there[source])
    ]


def _has(source: str, value: str, there: Iterable[Any]) -> bool:
    return value_key(source, value) in {value_key(source, each) for each in there}


def _values(database: Database, tables: Tables, source: str) -> Iterator[Any]:
    """What orders have in this column, in the main table and in the queue."""
    for table in (tables.orders, tables.header_queue):
        column = table.c.get(source)
        if column is None:
            continue
        # Texts byte by byte: a collation may take two for one.
        texts = sa.select(sa.func.max(column)).group_by(spelling(column))
        query = texts if isinstance(column.type, sa.String) else sa.select(column).distinct()
        yield from database.column(query.where(column.is_not(None)))
