"""Where to look at it: the addresses of boards, items and runs, made without asking monday or Dagster.

In: ORDER_SYNC_BOARDS, which every run tells what monday calls the board, and where Dagster's UI is.
Out: addresses, None for what is not known.
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
    """Addresses by id. Whatever is not http(s) is no link: it would be followed by whoever reads a report."""

    boards: Mapping[int, KnownBoard]
    dagster_url: str | None = None

    def or_only(self, board_id: int | None) -> int | None:
        """The board, or for what was logged before the log named boards: the only one that there is."""
        return next(iter(self.boards)) if board_id is None and len(self.boards) == 1 else board_id

    def board_name(self, board_id: int | None) -> str | None:
        board = self.boards.get(board_id or 0)
        return board.name if board else None

    def board(self, board_id: int | None) -> str | None:
        board = self.boards.get(board_id or 0)
        return board.url.rstrip("/") if board and board.url and board.url.startswith(("http://", "https://")) else None

    def item(self, board_id: int | None, item_id: int | None) -> str | None:
        """An item on its board. A subitem is seen with its item."""
        board = self.board(board_id)
        return f"{board}/pulses/{item_id}" if board and item_id else None

    def run(self, run_id: str | None) -> str | None:
        """A run in Dagster's UI; `order-sync reconcile` is none."""
        is_run = run_id and " " not in run_id
        return f"{self.dagster_url.rstrip('/')}/runs/{run_id}" if self.dagster_url and is_run else None


def read_links(database: Database, tables: Tables, dagster_url: str | None) -> Links:
    b = tables.boards
    rows = database.rows(sa.select(b.c.board_id, b.c.name, b.c.url).order_by(b.c.board_id))
    boards = {row["board_id"]: KnownBoard(name=row["name"], url=row["url"]) for row in rows}
    return Links(boards=boards, dagster_url=dagster_url)
