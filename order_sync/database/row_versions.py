"""Queue rows as versions of an order or a line: what each wants, and whether it still counts.

In: a queue table. Out: columns and sub-queries for the readers of the queue, nothing else.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from order_sync.database.built_once import alias
from order_sync.database.cancelled import is_off_the_board
from order_sync.database.conditions import action_of, flag, is_synced, moment
from order_sync.database.guid import uuid_key
from order_sync.database.tables import Tables


def says(tables: Tables, table: sa.Table, outdated: sa.ColumnElement[bool]) -> tuple[sa.ColumnElement[Any], ...]:
    """What a row wants (action), whether it came too late (outdated), and whether it is off the board (is_off)."""
    key = table.c.line_uuid if "line_uuid" in table.c else table.c.record_uuid
    flags = {"outdated": outdated, "is_off": is_off_the_board(tables, key, by=table)}
    return (action_of(table).label("action"), *(flag(found).label(name) for name, found in flags.items()))


def synced_lines(line: sa.Table, where: sa.ColumnElement[bool]) -> sa.Subquery:
    """When the newest SYNCED version of each line was created, of the orders of these lines.

    Found once, and joined: asked of each line, an order would have all its lines read as many times as it has lines,
    where the queue has no index of lines.
    """
    version = alias(line, "version")
    orders = sa.select(uuid_key(line.c.record_uuid).label("key")).where(where).distinct().subquery()
    keys = {name: uuid_key(version.c[name]) for name in ("record_uuid", "line_uuid")}
    return (
        sa.select(*(key.label(f"{name}_key") for name, key in keys.items()))
        .add_columns(sa.func.max(moment(version)).label("newest"))
        .select_from(orders.join(version, keys["record_uuid"] == orders.c.key))
        .where(is_synced(version))
        .group_by(*keys.values())
        .subquery()
    )
