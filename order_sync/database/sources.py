"""Does every column that the mapping reads of an order exist? If not, the mapping is wrong, and not the tables.

In: a database, its tables and the mapping. Out: the sources that are unknown, with the name that was probably meant.
Proposes no DDL: a column that only the mapping knows may be a slip of the pen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from order_sync.database import catalog
from order_sync.database.catalog import Found
from order_sync.database.connection import Database
from order_sync.database.tables import NOT_NEEDED, QUEUE_SOURCES, WRITTEN, Tables, is_only_mapped
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.orders.mapping import LINE_SOURCES, ColumnMapping, OrderColumn, UnknownSource
from order_sync.orders.nearest import did_you_mean


def unknown_sources(
    database: Database, tables: Tables, mapping: ColumnMapping, found: Found | None = None
) -> list[UnknownSource]:
    """Each once for items and once for each rule of a board, in the order of the mapping."""
    named: dict[tuple[str, int | None], None] = {}
    named |= {(column.source, None): None for column in mapping.items.columns}
    named |= {(source, rule.id): None for rule in mapping.boards for source in rule.conditions}
    reasons = _Reasons(tables, found or catalog.columns(database, tables.header_queue, tables.orders))
    return [
        UnknownSource(source=source, board=board, reason=reason)
        for source, board in named
        if (reason := reasons.of(source, in_rule=board is not None))
    ]


def check_sources(
    database: Database, tables: Tables, mapping: ColumnMapping, file: Path | str, found: Found | None = None
) -> None:
    """Raises ConfigurationError that names every unknown source. `found` is what `check_tables` has read of them."""
    unknown = unknown_sources(database, tables, mapping, found)
    if unknown:
        raise ConfigurationError(
            f"The mapping {file} does not fit the tables: {'; '.join(map(str, unknown))}. "
            "Correct the mapping: `order-sync board check` compares it with the tables and the boards.",
            SettingsFault.NOT_THE_TABLES,
        )


def only_mapped(tables: Tables) -> list[str]:
    """The columns of ORDER_LIST that are there for the mapping alone, each with the name that may be meant."""
    known = [column.name for column in tables.orders.columns if not is_only_mapped(column)]
    names = (column.name for column in tables.orders.columns if is_only_mapped(column))
    return [f"[{name}]{did_you_mean(name, known)}" for name in names]


# ---- what there is to map -----------------------------------------------------------------------------

Kind = Literal["text", "number", "date", ""]
_NUMBERS = {
    *("tinyint", "smallint", "int", "bigint"),
    *("decimal", "numeric", "float", "real", "money", "smallmoney"),
}
_DATES = {"date", "datetime", "datetime2", "smalldatetime", "datetimeoffset"}


def order_sources(database: Database, tables: Tables) -> list[OrderColumn]:
    """The columns of an order that a board's items can be filled from; those of the queue come first."""
    found = catalog.columns(database, tables.orders)[tables.orders]
    ours = {name.lower() for name in WRITTEN | NOT_NEEDED | {*QUEUE_SOURCES}}
    declared = {column.name.lower(): column for column in tables.order_columns}
    names = [name for name in dict.fromkeys([*declared, *found]) if name in found and name not in ours]
    return [
        OrderColumn(
            name=declared[name].name if name in declared else found[name].name,
            kind=_kind(found[name].type, declared.get(name)),
        )
        for name in names
    ]


def line_sources(tables: Tables) -> list[OrderColumn]:
    """The columns of a line that subitems can be filled from."""
    return [OrderColumn(name=name, kind=_kind("", tables.line_queue.c[name])) for name in LINE_SOURCES]


def _kind(found: str, declared: sa.Column[Any] | None) -> Kind:
    """By the type that the database names, else by the one that is expected of the column."""
    if found:
        return "number" if found in _NUMBERS else "date" if found in _DATES else "text"
    if declared is None or is_only_mapped(declared):
        return ""
    if isinstance(declared.type, sa.Numeric | sa.Integer):
        return "number"
    return "date" if isinstance(declared.type, sa.DateTime) else "text"


class _Reasons:
    """Why a source is none, by what the two tables have."""

    def __init__(self, tables: Tables, found: Found) -> None:
        self._tables = tables
        self._in_queue = found[tables.header_queue]
        self._in_orders = found[tables.orders]

    def of(self, source: str, *, in_rule: bool) -> str:
        """Empty if the column is read."""
        queue, orders = self._tables.header_queue.fullname, self._tables.orders.fullname
        read = {column.name: column for column in self._tables.order_columns}
        if source in read and (not is_only_mapped(read[source]) or source.lower() in self._in_orders):
            return ""
        if source in QUEUE_SOURCES:
            late = f"which is not a column of {orders}: late lines have only those columns"
            return late if in_rule else ""
        if source.lower() in {name.lower() for name in WRITTEN | NOT_NEEDED}:
            return "which is order_sync's own column and not one of an order"
        meant = did_you_mean(source, self._known(in_rule=in_rule))
        if source not in read:
            return f"which must be spelled as in the tables{meant}"
        if source.lower() in self._in_queue:
            return f"which is a column of {queue} only: order_sync reads order columns from {orders}"
        return f"which is a column of neither {queue} nor {orders}{meant}"

    def _known(self, *, in_rule: bool) -> Iterator[str]:
        yield from () if in_rule else QUEUE_SOURCES
        yield from (column.name for column in self._tables.order_columns if not is_only_mapped(column))
        yield from (column.name for column in self._in_orders.values() if column.name not in WRITTEN)
