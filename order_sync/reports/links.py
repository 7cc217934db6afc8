"""URLs of boards, items and runs, built without calling monday or Dagster.

In: ORDER_SYNC_BOARDS, where every run stores monday's URL of the board, and the URL of Dagster's UI.
Out: URLs; None for what is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from order_sync.database.connection import Database
from order_sync.database.tables import Tables


@dataclass(frozen=True, kw_only=True)
class KnownBoard:
    name: str | None
    url: str | None


@dataclass(frozen=True, kw_only=True)
class Links:
    """URLs by id. Anything but http(s) is dropped: readers of a report click on its links."""

    boards: Mapping[int, KnownBoard]
    dagster_url: str | None = None

    def or_only(self, board_id: int | None) -> int | None:
        """The board; for old log entries without a board, the only board if there is just one."""
        return next(iter(self.boards)) if board_id is None and len(self.boards) == 1 else board_id

    def board_name(self, board_id: int | None) -> str | None:
        board = self.boards.get(board_id or 0)
        return board.name if board else None

    def board(self, board_id: int | None) -> str | None:
        board = self.boards.get(board_id or 0)
        return board.url.rstrip("/") if board and board.url and board.url.startswith(("http://", "https://")) else None

    def item(self, board_id: int | None, item_id: int | None) -> str | None:
        """An item on its board; a subitem has the link of its item."""
        board = self.board(board_id)
        return f"{board}/pulses/{item_id}" if board and item_id else None

    def run(self, run_id: str | None) -> str | None:
        """A run in Dagster's UI; None for `order-sync reconcile`, which is not a run."""
        is_run = run_id and " " not in run_id
        return f"{self.dagster_url.rstrip('/')}/runs/{run_id}" if self.dagster_url and is_run else None


def read_links(database: Database, tables: Tables, dagster_url: str | None) -> Links:
    b = tables.boards
    rows = database.rows(sa.select(b.c.board_id, b.c.name, b.c.url).order_by(b.c.board_id))
    boards = {row["board_id"]: KnownBoard(name=row["name"], url=row["url"]) for row in rows}
    return Links(boards=boards, dagster_url=dagster_url)
