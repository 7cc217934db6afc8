"""What was updated on boards since a moment: items and subitems without their contents, the latest first.

In: a reader, and since when each board is asked. Out: a `Touched` for each board, all of them in one call where little
was updated. Reads only; never takes a board for quiet where an answer lacks it, or a time in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from order_sync.monday import operations
from order_sync.monday.board import BOARDS_A_CALL
from order_sync.monday.client import MondayReader
from order_sync.monday.columns import read_column
from order_sync.monday.labels import Labels
from order_sync.monday.lists import Endless, Row, ask, is_active, rows_of

FIRST_PAGE = 100
LARGEST_PAGE = 500
LATEST = {"order_by": [{"column_id": "__last_updated__", "direction": "desc"}]}


@dataclass(frozen=True, kw_only=True)
class TouchedRow:
    """An active item or subitem that was updated."""

    id: int
    parent: int | None  # the item of a subitem
    created_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Touched:
    """A board, or the board of its subitems, and what was updated on it."""

    rows: tuple[TouchedRow, ...]
    items_count: int | None
    labels: Labels
    complete: bool  # False: more was updated than was asked for


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a board is asked for."""

    since: datetime  # UTC, naive
    most: int  # rows, after which no further page is read


def touched(reader: MondayReader, asked: Mapping[int, Asked]) -> dict[int, Touched]:
    """What was updated on each of the boards."""
    found: dict[int, Touched] = {}
    ids = list(asked)
    for start in range(0, len(ids), BOARDS_A_CALL):
        some = [str(board_id) for board_id in ids[start : start + BOARDS_A_CALL]]
        what = f"what was last updated on the boards {', '.join(some)}"
        variables = {"boards": some, "limit": FIRST_PAGE, "latest": LATEST}
        boards = ask(reader, operations.LAST_UPDATED, variables, lambda data: _boards(data, some), what)  # noqa: B023 - at once
        found |= {board_id: _touched(reader, board_id, raw, asked[board_id]) for board_id, raw in boards.items()}
    return found


def _touched(reader: MondayReader, board_id: int, raw: Row, asked: Asked) -> Touched:
    page, rows = raw["items_page"], list[Row]()
    what = f"what was last updated on board {board_id}"
    endless = Endless(what)
    while True:
        new = [row for row in page["items"] if is_active(row)]
        late = [row for row in new if (moment(row.get("updated_at")) or asked.since) >= asked.since]
        rows += late
        if len(late) < len(new) or not page.get("cursor") or len(rows) > asked.most:
            break
        variables = {"cursor": page["cursor"], "limit": LARGEST_PAGE}
        endless.check(new)
        page = ask(reader, operations.NEXT_UPDATED, variables, lambda data: _page(data.get("next_items_page")), what)
    found = {int(row["id"]): _row(row) for row in rows}
    count = raw.get("items_count")
    columns = [read_column(column) for column in raw["columns"]]
    return Touched(
        rows=tuple(found.values()),
        items_count=count if isinstance(count, int) else None,
        labels={column.id: column.labels for column in columns if column.labels},
        complete=len(rows) <= asked.most,
    )


def _row(raw: Row) -> TouchedRow:
    parent = (raw.get("parent_item") or {}).get("id")
    created_at = moment(raw.get("created_at"))
    return TouchedRow(id=int(raw["id"]), parent=int(parent) if parent else None, created_at=created_at)


def moment(text: Any) -> datetime | None:
    """A time as monday writes it, in UTC without a zone; None where it is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def _boards(data: Row, wanted: list[str]) -> dict[int, Row] | None:
    """The boards by id; None where one of them, its columns or its page is not known."""
    boards = rows_of(data.get("boards")) or []
    known = {str(raw["id"]): raw for raw in boards if rows_of(raw.get("columns")) is not None}
    if any(board_id not in known or _page(known[board_id].get("items_page")) is None for board_id in wanted):
        return None
    return {int(board_id): known[board_id] for board_id in wanted}


def _page(found: Any) -> Row | None:
    return found if isinstance(found, dict) and rows_of(found.get("items")) is not None else None
