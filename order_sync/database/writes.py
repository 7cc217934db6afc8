"""Writing to many named rows in one statement, and looking at what a transaction has written before it ends.

In: values by key, inside a transaction. Out: rows that have them, or WriteLost: the transaction is then tried again.
Never trusts a count that a statement reports: NOCOUNT or a trigger may hide it, and a server that has rolled a
transaction back without saying so executes the statements that follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from order_sync.database.conditions import of_each_row
from order_sync.database.connection import chunks
from order_sync.database.guid import Guid, uuid_key
from order_sync.orders.errors import WriteLost
from order_sync.text.counted import counted

ROWS = 100  # a statement: a database compares each row with every key of its CASE


def set_by_key(
    connection: sa.Connection,
    key: sa.Column[Any],
    values: Mapping[str, Mapping[str, Any]],
    *conditions: sa.ColumnElement[bool],
    alike: Mapping[str, Any] | None = None,
) -> None:
    """Sets columns of the rows with these keys that meet the conditions: `values` by key and column's name.

    `alike` are columns that all rows get the same value in. A row has at most two values of its own.
    """
    table = key.table
    compared = uuid_key(key) if isinstance(key.type, Guid) else key
    met = [of_each_row(*conditions)] if conditions else []
    for chunk in chunks(values.items(), ROWS):
        names = dict.fromkeys(name for _, of_row in chunk for name in of_row)
        keys = [_value(row, compared.type) for row, _ in chunk]
        own = {
            name: _one_by_one(table.c[name], compared, keys, [of_row[name] for _, of_row in chunk]) for name in names
        }
        connection.execute(
            sa.update(table).where(key.in_([row for row, _ in chunk]), *met).values({**own, **(alike or {})})
        )


def _one_by_one(
    column: sa.Column[Any], key: sa.ColumnElement[Any], keys: Sequence[sa.BindParameter[Any]], values: Sequence[Any]
) -> sa.ColumnElement[Any]:
    values = [_value(value, column.type) for value in values]
    return sa.case(*zip(keys, values, strict=True), value=key)


def _value(value: Any, of_type: sa.types.TypeEngine[Any]) -> sa.BindParameter[Any]:
    return sa.BindParameter(None, value, type_=of_type, unique=True)  # as sa.literal, which first looks what it is


def expect_none(connection: sa.Connection, rows: sa.Select[Any], what: str) -> None:
    """Raises WriteLost if the query finds rows: ones that the transaction ought to have changed."""
    found = connection.execute(sa.select(sa.func.count()).select_from(rows.subquery())).scalar_one()
    if found:
        raise lost(f"{counted(found, 'row')} {what}")


def lost(what: str) -> WriteLost:
    return WriteLost(
        f"The database reported no error, but at the end of the transaction {what}: the server rolled it back. "
        "Nothing is lost; start the run again. If it happens again, contact the database administrator."
    )
