"""Ids and rejections in the queue rows, as the transaction writes them that closes a request or adopts rows.

In: monday's ids, or the reasons of rejections, by delta_uuid; groups by title. Out: the rows that have them.
Never overwrites an id, or touches a row that is no longer PENDING; raises WriteLost where a write did not arrive.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from order_sync.database.conditions import of_each_row
from order_sync.database.connection import chunks
from order_sync.database.entries import Operation, Sent
from order_sync.database.tables import Tables
from order_sync.database.writes import expect_none, lost, set_by_key
from order_sync.orders.errors import Rejected
from order_sync.orders.states import State
from order_sync.text.counted import counted


def write_ids(
    connection: sa.Connection, tables: Tables, operation: Operation, ids: Mapping[str, str], sent: Mapping[str, Sent]
) -> None:
    """And with the id of what was created its place: the group of an item, or the item of a subitem."""
    table, column = _target(tables, operation)
    values: dict[str, dict[str, Any]] = {key: {column.name: int(monday_id)} for key, monday_id in ids.items()}
    places = {key: of_it.place for key in ids if (of_it := sent.get(key)) and not operation.is_absolute}
    if len(places) == len(ids) and all(places.values()):  # an import that the first version began may lack them
        for key, place in places.items():
            values[key] |= {"parent_item_id": int(place or 0)} if operation.of_lines else {"monday_group_id": place}
    set_by_key(connection, table.c.delta_uuid, values, column.is_(None))


def clear_ids(connection: sa.Connection, tables: Tables, operation: Operation, keys: Collection[str]) -> None:
    """Of at most a thousand rows."""
    table, column = _target(tables, operation)
    having = (table.c.delta_uuid.in_(keys), table.c.sync_state == State.PENDING, column.is_not(None))
    connection.execute(sa.update(table).where(*having).values({column: sa.null()}))
    expect_none(connection, sa.select(table.c.delta_uuid).where(*having), f"still had {column.name}")


def expect_ids(connection: sa.Connection, tables: Tables, operation: Operation, created: Mapping[str, str]) -> None:
    """Raises WriteLost if ids that this transaction wrote are not there."""
    table, column = _target(tables, operation)
    for chunk in chunks(created):
        rows = sa.select(table.c.delta_uuid).where(table.c.delta_uuid.in_(chunk), of_each_row(column.is_(None)))
        expect_none(connection, rows, f"had no {column.name}")


def write_groups(
    connection: sa.Connection, tables: Tables, board_id: int, created: Mapping[str, str], now: datetime
) -> None:
    """Those that are not there yet."""
    groups = tables.groups
    values = {"board_id": board_id, "group_id": "", "title": "", "created_at": now}
    new = {name: sa.bindparam(f"new_{name}", type_=groups.c[name].type) for name in values}
    known = sa.exists().where(groups.c.board_id == new["board_id"], groups.c.group_id == new["group_id"])
    # Cast: a server does not know of what type a parameter in a list of columns is.
    row = sa.select(*(sa.cast(value, groups.c[name].type) for name, value in new.items())).where(~known)
    if created:
        rows = [values | {"group_id": group_id, "title": title} for title, group_id in created.items()]
        connection.execute(
            sa.insert(groups).from_select(list(values), row),
            [{f"new_{name}": value for name, value in of_row.items()} for of_row in rows],
        )


def expect_groups(connection: sa.Connection, tables: Tables, board_id: int, created: Mapping[str, str]) -> None:
    """The same for groups, which are no row's."""
    groups = tables.groups
    here = sa.select(groups.c.group_id).where(groups.c.board_id == board_id)
    if unknown := set(created.values()).difference(connection.execute(here).scalars()):
        raise lost(f"{counted(len(unknown), 'group was', 'groups were')} not there")


def write_rejections(
    connection: sa.Connection, tables: Tables, operation: Operation, rejected: Mapping[str, Rejected]
) -> None:
    if not rejected or not operation.of_queue:
        return
    table, _ = _target(tables, operation)
    set_by_key(
        connection,
        table.c.delta_uuid,
        {key: {"sync_error_message": str(reason)} for key, reason in rejected.items()},
        table.c.sync_state == State.PENDING,
        alike={"sync_state": State.ERROR, "retry_count": table.c.retry_count + 1},
    )


def expect_rejections(
    connection: sa.Connection, tables: Tables, operation: Operation, rejected: Mapping[str, Rejected]
) -> None:
    if not operation.of_queue:
        return
    table, _ = _target(tables, operation)
    for chunk in chunks(rejected):
        still = of_each_row(table.c.sync_state == State.PENDING)
        rows = sa.select(table.c.delta_uuid).where(table.c.delta_uuid.in_(chunk), still)
        expect_none(connection, rows, "were not in ERROR")


def _target(tables: Tables, operation: Operation) -> tuple[sa.Table, sa.Column[Any]]:
    """The queue table that an operation writes back to, and its column for monday's id."""
    if operation.of_lines:
        return tables.line_queue, tables.line_queue.c.monday_subitem_id
    return tables.header_queue, tables.header_queue.c.monday_item_id
