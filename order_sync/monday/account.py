"""Who the token belongs to, and which boards that user may write to.

In: a reader. Out: the user with its account, and the boards that it sees. Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass

from order_sync.monday import operations
from order_sync.monday.board import Board
from order_sync.monday.client import MondayReader
from order_sync.monday.lists import Row, ask, rows_of

BOARDS_A_PAGE = 100
PAGES = 5  # of boards to choose from; any other is named by its id
VIEW = "view"


@dataclass(frozen=True, kw_only=True)
class TokenUser:
    """The user that a token belongs to. `kind` is monday's word: admin, member, guest, view_only ..."""

    name: str
    kind: str
    account: str

    def __str__(self) -> str:
        kind = f", {self.kind.replace('_', ' ')}" if self.kind else ""
        return f"{self.name} ({self.account}{kind})"

    @property
    def problem(self) -> str | None:
        """Why this user's token cannot be used for a sync."""
        if VIEW not in self.kind.lower():
            return None
        return f"the token's user {self.name} may only view boards: use the token of a member of {self.account}"


@dataclass(frozen=True, kw_only=True)
class ListedBoard:
    """A board to choose from."""

    id: int
    name: str
    items: int
    may_write: bool


def token_user(reader: MondayReader) -> TokenUser:
    me = reader.query(operations.WHO)["me"]
    return TokenUser(name=me["name"], kind=me.get("kind") or "", account=me["account"]["name"])


def list_boards(reader: MondayReader) -> list[ListedBoard]:
    """The boards with items that the token sees, as far as `PAGES` go."""
    found: list[ListedBoard] = []
    for page in range(1, PAGES + 1):
        rows = ask(reader, operations.BOARDS, {"page": page}, _boards_in, "the list of boards")
        found += [_listed(row) for row in rows if row.get("type") in (None, "board")]
        if len(rows) < BOARDS_A_PAGE:
            break
    return found


def view_only(reader: MondayReader, board: Board) -> str | None:
    """Why the token's user cannot write to the board."""
    rows = ask(reader, operations.ACCESS, {"board": [str(board.id)]}, _boards_in, f"the rights on board {board.id}")
    if all(row.get("access_level") != VIEW for row in rows):
        return None
    return f"the token's user may only view board {board.id} ('{board.name}'): let its owner grant the right to edit it"


def _boards_in(data: Row) -> list[Row] | None:
    return rows_of(data.get("boards"))


def _listed(row: Row) -> ListedBoard:
    return ListedBoard(
        id=int(row["id"]),
        name=row["name"],
        items=row.get("items_count") or 0,
        may_write=row.get("access_level") != VIEW,
    )
