"""Edits that people have made on the boards and keep: what a run would have written, and has left as it is.

In: the orders, or lines, that a run has decided on, and what it keeps of each. Out: rows of ORDER_SYNC_EDITS, one for
each item and column, as the run that last decided on it has seen it. An edit that no longer keeps anything from being
written loses its row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from order_sync.database.connection import Database, Row, chunks
from order_sync.database.tables import Tables
from order_sync.database.written import Stamp


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What people have edited in one column, or of an item's name or group."""

    column: str
    on_board: str | None
    not_written: str | None  # as it would have been sent, as JSON; None: it would have been cleared


@dataclass(frozen=True, kw_only=True)
class Edited:
    """An item or a subitem with edits."""

    record_uuid: str
    monday_id: int | None
    edits: tuple[Edit, ...]


def edited_on(database: Database, tables: Tables, board_id: int) -> set[str]:
    """The orders and lines whose edits on this board are on record."""
    edits = tables.edits
    return set(database.column(sa.select(edits.c.key_uuid).where(edits.c.board_id == board_id).distinct()))


def record_edits(
    connection: sa.Connection, tables: Tables, edited: Mapping[str, Edited], resolved: Collection[str], stamp: Stamp
) -> None:
    """Replaces the edits of some orders, or lines, by key, and removes those of others."""
    edits = tables.edits
    for some in chunks([*edited, *resolved]):
        connection.execute(sa.delete(edits).where(edits.c.key_uuid.in_(list(some))))
    common = {"board_id": stamp.board_id, "run_id": stamp.run_id, "seen_at": stamp.written_at}
    rows = [
        {
            **common,
            "key_uuid": key,
            "column_id": edit.column,
            "record_uuid": of.record_uuid,
            "monday_id": of.monday_id,
            "on_board": edit.on_board,
            "not_written": edit.not_written,
        }
        for key, of in edited.items()
        for edit in of.edits
    ]
    for chunk in chunks(rows):
        connection.execute(sa.insert(edits).inline(), list(chunk))


def forget_edits(connection: sa.Connection, tables: Tables, record_uuid: str) -> None:
    """The order is to be recreated: nobody has edited that."""
    connection.execute(sa.delete(tables.edits).where(tables.edits.c.record_uuid == record_uuid))


def edits_of(database: Database, tables: Tables, record_uuid: str) -> list[Row]:
    """The edits of an order's item and of its subitems."""
    edits = tables.edits
    query = sa.select(edits).where(edits.c.record_uuid == record_uuid)
    return database.rows(query.order_by(edits.c.monday_id, edits.c.column_id))
