"""Which orders and lines were cancelled: taken off the board by a DELETE row, or never on it.

In: a queue table, or keys of orders and lines. Out: conditions, and rows of ORDER_SYNC_CANCELLED.
An order or line that is recreated loses its row here in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from order_sync.database.built_once import built_once
from order_sync.database.connection import chunks
from order_sync.database.tables import Tables
from order_sync.database.unreadable import OLDEST


@built_once
def is_done(tables: Tables, row: sa.FromClause) -> sa.ColumnElement[bool]:
    """Nothing is left to do on a board for the queue row: it has monday's id, or is off the board as it should be.

    An order's rows that are newer than its cancelling want it back; its lines have no say in that.
    """
    if "line_uuid" not in row.c:
        return sa.or_(row.c.monday_item_id.is_not(None), is_off_the_board(tables, row.c.record_uuid, by=row))
    return sa.or_(
        row.c.monday_subitem_id.is_not(None),
        is_off_the_board(tables, row.c.line_uuid, by=row),
        is_off_the_board(tables, row.c.record_uuid),
    )


@built_once
def is_off_the_board(
    tables: Tables, key: sa.ColumnElement[Any], *, by: sa.FromClause | None = None
) -> sa.ColumnElement[bool]:
    """The order, or line, was cancelled; with `by`, by this row of a queue or by a newer one."""
    marker = tables.cancelled.alias("marker")
    where = [marker.c.key_uuid == key]
    if by is not None:
        created = by.c.created_at
        where.append(marker.c.of_version >= sa.func.coalesce(created, sa.literal(OLDEST, created.type)))
    return sa.exists().where(*where)


def marked(connection: sa.Connection, tables: Tables, keys: Collection[str]) -> set[str]:
    """Those of the orders, or lines, that were cancelled."""
    column = tables.cancelled.c.key_uuid
    return {
        key for some in chunks(keys) for key in connection.execute(sa.select(column).where(column.in_(some))).scalars()
    }


def mark(connection: sa.Connection, tables: Tables, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Puts on record that these orders, or lines, are off the board: the other columns by key."""
    unmark(connection, tables, marked(connection, tables, rows))
    if rows:
        values = [{"key_uuid": key, **of_row} for key, of_row in rows.items()]
        connection.execute(sa.insert(tables.cancelled).inline(), values)


def unmark(connection: sa.Connection, tables: Tables, keys: Collection[str]) -> None:
    """These are made, or to be made, on a board again."""
    for some in chunks(keys):
        connection.execute(sa.delete(tables.cancelled).where(tables.cancelled.c.key_uuid.in_(list(some))))
