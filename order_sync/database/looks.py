"""Up to when each board is known to agree with the tables, so that the next look need not read all of it.

In: boards, and a look that found no difference. Out: a `Mark` for each board, and how many rows of ours it has.
A look that fails, or that finds a difference, leaves the marks as they are: the next one reads from there again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from order_sync.database.connection import Database, WritableDatabase, chunks
from order_sync.database.tables import Tables


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Numbers of items and subitems."""

    items: int
    subitems: int


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A look at a board that found no difference, by the database's clock."""

    looked_at: datetime  # when it began
    whole_at: datetime  # when the last one began that read the whole board
    beside: Numbers  # how many more active ones the board had than are on record; below 0: fewer


def read_marks(database: Database, tables: Tables, board_ids: Collection[int]) -> dict[int, Mark]:
    """The marks of these boards, as far as they have any."""
    looks = tables.looks
    rows = database.rows(sa.select(looks).where(looks.c.board_id.in_(list(board_ids))))
    return {
        row["board_id"]: Mark(
            looked_at=row["looked_at"],
            whole_at=row["whole_at"],
            beside=Numbers(items=row["other_items"], subitems=row["other_subitems"]),
        )
        for row in rows
    }


def keep_marks(database: WritableDatabase, tables: Tables, marks: Mapping[int, Mark]) -> None:
    """Replaces the marks of these boards. One that is lost does no harm: the next look reads more."""
    looks = tables.looks
    rows = [
        {
            "board_id": board_id,
            "looked_at": mark.looked_at,
            "whole_at": mark.whole_at,
            "other_items": mark.beside.items,
            "other_subitems": mark.beside.subitems,
        }
        for board_id, mark in marks.items()
    ]

    def work(connection: sa.Connection) -> None:
        connection.execute(sa.delete(looks).where(looks.c.board_id.in_(list(marks))))
        connection.execute(sa.insert(looks).inline(), rows)

    if rows:
        database.transaction(work)


def count_ours(database: Database, tables: Tables, board_ids: Collection[int]) -> dict[int, Numbers]:
    """How many items and subitems of each board are on record."""
    found: dict[int, list[int]] = {board_id: [0, 0] for board_id in board_ids}
    for place, table in enumerate((tables.items, tables.subitems)):
        query = sa.select(table.c.board_id, sa.func.count().label("there")).group_by(table.c.board_id)
        for row in database.rows(query.where(table.c.board_id.in_(list(board_ids)))):
            found[row["board_id"]][place] = row["there"]
    return {board_id: Numbers(items=items, subitems=subitems) for board_id, (items, subitems) in found.items()}


def ours_among(database: Database, tables: Tables, items: Collection[int], subitems: Collection[int]) -> set[int]:
    """Those of the items and subitems that are on record."""
    columns = ((tables.items.c.item_id, items), (tables.subitems.c.subitem_id, subitems))
    queries = (sa.select(column).where(column.in_(some)) for column, ids in columns for some in chunks(ids))
    return {monday_id for query in queries for monday_id in database.column(query)}
