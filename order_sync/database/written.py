"""What order_sync has on the boards, as last written: a row for each order's item and one for each line's subitem.

In: the ids of queue rows, and what the request said of them. Out: rows of ORDER_SYNC_ITEMS and ORDER_SYNC_SUBITEMS.
Works in the transaction that puts the ids into the queue; never keeps two rows of one order or of one line.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import Database, chunks
from order_sync.database.entries import Operation, Sent
from order_sync.database.guid import is_uuid
from order_sync.database.tables import Tables
from order_sync.database.writes import expect_none, lost

NOTHING_SENT: Mapping[str, Sent] = MappingProxyType({})
NOTHING = Sent(name=None, values=None, place=None)


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """Where, by which run and when rows are written."""

    board_id: int
    run_id: str
    written_at: datetime


def record(
    connection: sa.Connection,
    tables: Tables,
    operation: Operation,
    ids: Mapping[str, str],
    stamp: Stamp,
    sent: Mapping[str, Sent] = NOTHING_SENT,
) -> None:
    """Sets the rows of the orders, or lines, whose queue rows have got an id in this transaction: `ids`, by their keys.

    What was `sent` of a row replaces what is on record. A row of which nothing was sent is adopted: unless the very
    same item is on record already, it has no values. Raises WriteLost if a queue row has no id.
    """
    kind = _Items(tables) if operation is not Operation.SUBITEMS else _Subitems(tables)
    common = vars(stamp)
    for chunk in chunks(ids):
        found = {row[0]: row for row in connection.execute(kind.queued.where(kind.key.in_(chunk)))}
        rows: dict[str, dict[str, Any]] = {}
        known = set()
        for key in chunk:  # of two versions of an order the last one counts
            if key not in found:
                continue
            _, own, monday_id, known_id, *place = found[key]
            if monday_id is None:
                raise lost(f"row {key} had no id of monday's")
            of_it = sent.get(key) if ids[key] == str(monday_id) else None
            if (of_it or known_id != monday_id) and is_uuid(own):
                rows[own] = kind.row(own, monday_id, *place) | common
                if sent:
                    rows[own] |= kind.sent(of_it or NOTHING)
            if known_id is not None:
                known.add(own)
        if replaced := known & rows.keys():
            connection.execute(sa.delete(kind.table).where(kind.own.in_(list(replaced))))
        if rows:
            connection.execute(sa.insert(kind.table).inline(), list(rows.values()))


def forget_items(connection: sa.Connection, tables: Tables, items: Collection[int]) -> None:
    """Removes items that are no longer on the board, and the subitems that were under them."""
    _remove(connection, tables.items.c.item_id, items)
    _remove(connection, tables.subitems.c.parent_item_id, items)


def forget_subitems(connection: sa.Connection, tables: Tables, subitems: Collection[int]) -> None:
    _remove(connection, tables.subitems.c.subitem_id, subitems)


def _remove(connection: sa.Connection, column: sa.Column[Any], ids: Collection[int]) -> None:
    for chunk in chunks(ids):
        connection.execute(sa.delete(column.table).where(column.in_(chunk)))
    for chunk in chunks(ids):
        expect_none(connection, sa.select(column).where(column.in_(chunk)), "were still in " + column.table.name)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an order's item is."""

    item_id: int
    board_id: int


def boards_of(database: Database, tables: Tables, record_uuids: Collection[str]) -> dict[str, Place]:
    """The item of each of these orders that is on record, with its board, by record_uuid."""
    items = tables.items
    query = sa.select(items.c.record_uuid, items.c.item_id, items.c.board_id)
    rows = (row for chunk in chunks(record_uuids) for row in database.rows(query.where(items.c.record_uuid.in_(chunk))))
    return {row["record_uuid"]: Place(item_id=row["item_id"], board_id=row["board_id"]) for row in rows}


class _Items:
    """Headers and ORDER_SYNC_ITEMS."""

    def __init__(self, tables: Tables) -> None:
        self.table: sa.Table = tables.items
        h = tables.header_queue
        self.key, self.own = h.c.delta_uuid, self.table.c.record_uuid
        self.queued = sa.select(h.c.delta_uuid, h.c.record_uuid, h.c.monday_item_id, self.table.c.item_id).select_from(
            h.outerjoin(self.table, self.own == h.c.record_uuid)
        )

    @staticmethod
    def row(record_uuid: str, item_id: int) -> dict[str, Any]:
        return {"record_uuid": record_uuid, "item_id": item_id}

    @staticmethod
    def sent(of_it: Sent) -> dict[str, Any]:
        return {"group_id": of_it.place, "name": of_it.name, "written": of_it.values}


class _Subitems:
    """Lines and ORDER_SYNC_SUBITEMS."""

    def __init__(self, tables: Tables) -> None:
        self.table: sa.Table = tables.subitems
        line = tables.line_queue
        self.key, self.own = line.c.delta_uuid, self.table.c.line_uuid
        place = (line.c.record_uuid, line.c.parent_item_id)
        self.queued = sa.select(
            line.c.delta_uuid, line.c.line_uuid, line.c.monday_subitem_id, self.table.c.subitem_id, *place
        ).select_from(line.outerjoin(self.table, self.own == line.c.line_uuid))

    @staticmethod
    def row(line_uuid: str, subitem_id: int, record_uuid: str, parent_item_id: int | None) -> dict[str, Any]:
        columns = {"line_uuid": line_uuid, "subitem_id": subitem_id, "record_uuid": record_uuid}
        return columns | {"parent_item_id": parent_item_id}

    @staticmethod
    def sent(of_it: Sent) -> dict[str, Any]:
        parent = {"parent_item_id": int(of_it.place)} if of_it.place else {}
        return parent | {"name": of_it.name, "written": of_it.values}
