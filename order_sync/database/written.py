"""What order_sync has on the boards, as last written: a row for each order's item and one for each line's subitem.

In: the ids of queue rows, and what the request said of them. Out: rows of ORDER_SYNC_ITEMS and ORDER_SYNC_SUBITEMS.
Works in the transaction that puts the ids into the queue; never keeps two rows of one order or of one line.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from order_sync.database import cancelled
from order_sync.database.conditions import created, flag
from order_sync.database.connection import Database, chunks
from order_sync.database.entries import Operation, Sent
from order_sync.database.guid import is_uuid
from order_sync.database.tables import Tables
from order_sync.database.unreadable import OLDEST
from order_sync.database.writes import expect_none, lost

NOTHING_SENT: Mapping[str, Sent] = MappingProxyType({})
NOTHING = Sent()


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

    What was `sent` of a row replaces what is on record, or, by a change, a part of it. A row of which nothing was sent
    is adopted: unless the very same item is on record already, it has no values. What is cancelled leaves the record.
    Raises WriteLost if a queue row has no id.
    """
    kind = _Subitems(tables) if operation.of_lines else _Items(tables)
    common = vars(stamp)
    for chunk in chunks(ids):
        found = {row.delta_uuid: row for row in connection.execute(kind.queued.where(kind.key.in_(chunk)))}
        rows: dict[str, dict[str, Any]] = {}
        known, off = set(), set()
        marks: dict[str, dict[str, Any]] = {}
        for key in chunk:  # of two versions of an order the last one counts
            if key not in found or not is_uuid(found[key].own):
                continue
            row = found[key]
            if row.monday_id is None and operation is not Operation.MOVE_ITEMS:
                raise lost(f"row {key} had no id of monday's")
            if row.known_id is not None:
                known.add(row.own)
            if row.is_off:
                off.add(row.own)
            of_it = sent.get(key) if ids[key] == str(row.monday_id or row.known_id) else None
            if operation.cancels:
                marks[row.own] = marker(stamp, row.created_at, int(ids[key]))
                if of_it in (None, NOTHING):  # it was archived or deleted; what is moved or labelled stays on record
                    continue
            if of_it and operation.is_absolute:
                rows[row.own] = kind.changed(row, of_it, int(ids[key])) | common
            elif of_it or row.known_id != row.monday_id:
                rows[row.own] = kind.row(row, row.monday_id) | common
                if sent:
                    rows[row.own] |= kind.sent(of_it or NOTHING)
        if replaced := known & (rows.keys() | marks.keys()):
            connection.execute(sa.delete(kind.table).where(kind.own.in_(list(replaced))))
        cancelled.unmark(connection, tables, off)
        cancelled.mark(connection, tables, marks)
        if rows:
            connection.execute(sa.insert(kind.table).inline(), list(rows.values()))


def marker(stamp: Stamp, of_version: datetime | None, monday_id: int | None) -> dict[str, Any]:
    """A row of ORDER_SYNC_CANCELLED, without its key."""
    columns = {"board_id": stamp.board_id, "run_id": stamp.run_id, "cancelled_at": stamp.written_at}
    return columns | {"of_version": of_version or OLDEST, "monday_id": monday_id}


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
class OnRecord:
    """An item or a subitem, and what was last written there: None where order_sync has never written it."""

    id: int
    board_id: int
    place: str | None  # the group of an item, the item of a subitem
    name: str | None
    values: Mapping[str, Any] | None  # by column id, as they were sent


def items_on_record(database: Database, tables: Tables, record_uuids: Collection[str]) -> dict[str, OnRecord]:
    """The items of these orders that are on record, by record_uuid."""
    items = tables.items.c
    return _on_record(database, items.record_uuid, items.item_id, items.group_id, record_uuids)


def subitems_on_record(database: Database, tables: Tables, line_uuids: Collection[str]) -> dict[str, OnRecord]:
    """The subitems of these lines that are on record, by line_uuid."""
    subitems = tables.subitems.c
    return _on_record(database, subitems.line_uuid, subitems.subitem_id, subitems.parent_item_id, line_uuids)


def owners(database: Database, tables: Tables, ids: Collection[int], *, of_lines: bool) -> dict[int, str]:
    """Whose these items or subitems are, as far as they are on record: a record_uuid or line_uuid by monday's id."""
    own, monday_id = (
        (tables.subitems.c.line_uuid, tables.subitems.c.subitem_id)
        if of_lines
        else (tables.items.c.record_uuid, tables.items.c.item_id)
    )
    query = sa.select(monday_id.label("id"), own.label("own"))
    rows = (row for chunk in chunks(ids) for row in database.rows(query.where(monday_id.in_(chunk))))
    return {row["id"]: row["own"] for row in rows}


def _on_record(
    database: Database, own: sa.Column[Any], monday_id: sa.Column[Any], place: sa.Column[Any], keys: Collection[str]
) -> dict[str, OnRecord]:
    query = sa.select(own.label("own"), *_columns(monday_id, place))
    rows = (row for chunk in chunks(keys) for row in database.rows(query.where(own.in_(chunk))))
    return {row["own"]: of_it for row in rows if (of_it := on_record_of(row))}


def on_record_columns(table: sa.Table) -> Sequence[sa.Label[Any]]:
    """What is on record of an order, or of a line, to be read with rows of its queue; see `on_record_of`."""
    names = ("subitem_id", "parent_item_id") if "line_uuid" in table.c else ("item_id", "group_id")
    return _columns(*(table.c[name] for name in names))


def on_record_of(row: Mapping[str, Any]) -> OnRecord | None:
    """From a row that was read with `on_record_columns`; None where nothing is on record."""
    if row["recorded_id"] is None:
        return None
    return OnRecord(
        id=row["recorded_id"],
        board_id=row["recorded_board"],
        place=None if row["recorded_place"] is None else str(row["recorded_place"]),
        name=row["recorded_name"],
        values=None if row["recorded_values"] is None else json.loads(row["recorded_values"]),
    )


def _columns(monday_id: sa.Column[Any], place: sa.Column[Any]) -> Sequence[sa.Label[Any]]:
    table = monday_id.table.c
    columns = {"id": monday_id, "board": table.board_id, "place": place, "name": table.name, "values": table.written}
    return [column.label(f"recorded_{name}") for name, column in columns.items()]


class _Items:
    """Headers and ORDER_SYNC_ITEMS."""

    def __init__(self, tables: Tables) -> None:
        self.table: sa.Table = tables.items
        h = tables.header_queue
        self.key, self.own = h.c.delta_uuid, self.table.c.record_uuid
        queued = _queued(tables, h, self.own, h.c.record_uuid, h.c.monday_item_id, self.table.c.item_id)
        self.queued = queued.add_columns(self.table.c.group_id.label("place"))

    @staticmethod
    def row(of: sa.Row[Any], item_id: int) -> dict[str, Any]:
        return {"record_uuid": of.own, "item_id": item_id}

    @staticmethod
    def sent(of_it: Sent) -> dict[str, Any]:
        return {"group_id": of_it.place, "name": of_it.name, "written": of_it.values}

    def changed(self, of: sa.Row[Any], by: Sent, item_id: int) -> dict[str, Any]:
        return self.row(of, item_id) | self.sent(_merged(of, by))


class _Subitems:
    """Lines and ORDER_SYNC_SUBITEMS."""

    def __init__(self, tables: Tables) -> None:
        self.table: sa.Table = tables.subitems
        line = tables.line_queue
        self.key, self.own = line.c.delta_uuid, self.table.c.line_uuid
        place = (line.c.record_uuid, line.c.parent_item_id, self.table.c.parent_item_id.label("place"))
        self.queued = _queued(
            tables, line, self.own, line.c.line_uuid, line.c.monday_subitem_id, self.table.c.subitem_id
        ).add_columns(*place)

    @staticmethod
    def row(of: sa.Row[Any], subitem_id: int) -> dict[str, Any]:
        columns = {"line_uuid": of.own, "subitem_id": subitem_id, "record_uuid": of.record_uuid}
        return columns | {"parent_item_id": of.parent_item_id}

    @staticmethod
    def sent(of_it: Sent) -> dict[str, Any]:
        parent = {"parent_item_id": int(of_it.place)} if of_it.place else {}
        return parent | {"name": of_it.name, "written": of_it.values}

    def changed(self, of: sa.Row[Any], by: Sent, subitem_id: int) -> dict[str, Any]:
        return self.row(of, subitem_id) | self.sent(_merged(of, by))


def _queued(
    tables: Tables,
    queue: sa.Table,
    recorded: sa.Column[Any],
    own: sa.Column[Any],
    monday_id: sa.Column[Any],
    known_id: sa.Column[Any],
) -> sa.Select[Any]:
    """Queue rows with what is on record of their order or line."""
    table = recorded.table
    is_off = flag(cancelled.is_off_the_board(tables, own))
    return sa.select(
        queue.c.delta_uuid,
        own.label("own"),
        monday_id.label("monday_id"),
        known_id.label("known_id"),
        created(queue),
        is_off.label("is_off"),
        table.c.name,
        table.c.written,
    ).select_from(queue.outerjoin(table, recorded == own))


def _merged(of: sa.Row[Any], by: Sent) -> Sent:
    """What is on record of a row once a part of it has been changed."""
    values = of.written if by.values is None else _to_json(json.loads(of.written or "{}") | json.loads(by.values))
    place = str(of.place) if of.place is not None else None
    return Sent(name=by.name or of.name, values=values, place=by.place or place)


def _to_json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
