"""In: the state of an account.
Out: what is on its boards, in plain words for tests and the page, and one number for all of it.
Never: a moment: two states that differ in times only look the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from order_sync.emulator.columns import text
from order_sync.emulator.state import Board, Item, State


def snapshot(state: State) -> dict[str, Any]:
    return {"boards": [_board_snapshot(board, state.boards) for board in state.boards.values()]}


def checksum(state: State) -> str:
    """Of everything on the boards but times: two states with one checksum have the same boards."""
    digest = hashlib.sha256()
    for board in sorted(state.boards.values(), key=lambda board: board.id):
        _digest(
            digest,
            board.id,
            board.name,
            board.type,
            board.state,
            [[c.id, c.title, c.type, list(c.labels.items())] for c in board.columns.values()],
            [[g.id, g.title, g.color, g.order, g.state] for g in board.groups.values()],
        )
        for item in board.items.values():
            _digest(
                digest,
                item.id,
                item.name,
                item.group.id,
                item.state,
                item.parent.id if item.parent else None,
                sorted(item.values.items()),
            )
    return digest.hexdigest()


def texts(item: Item) -> dict[str, str | None]:
    """Column id to what monday shows, for all columns but the name and the subitems."""
    return {
        column.id: text(column, item.values.get(column.id))
        for column in item.board.columns.values()
        if column.type not in ("name", "subtasks")
    }


def _digest(digest: hashlib._Hash, *parts: object) -> None:
    digest.update(json.dumps(parts, separators=(",", ":"), sort_keys=True).encode())


def _board_snapshot(board: Board, boards: dict[int, Board]) -> dict[str, Any]:
    subitem_board_id = board.subitem_board_id
    return {
        "id": str(board.id),
        "name": board.name,
        "type": board.type,
        "state": board.state,
        "items_count": board.items_count,
        "parent_board_id": str(board.parent.id) if board.parent else None,
        "subitem_board_id": str(subitem_board_id) if subitem_board_id else None,
        "columns": [
            {"id": c.id, "title": c.title, "type": c.type, "labels": list(c.labels.values())}
            for c in board.columns.values()
        ],
        "groups": [
            {"id": g.id, "title": g.title, "color": g.color, "state": g.state, "items_count": len(g.items)}
            for g in board.groups.values()
        ],
        "items": [] if board.parent else _item_snapshots(item for item in board.active_items if not item.parent),
        "removed": [
            {
                "id": str(item.id),
                "name": item.name,
                "state": item.state,
                "group_id": item.group.id,
                "parent_id": str(item.parent.id) if item.parent else None,
                "columns": texts(item),
            }
            for item in board.items.values()
            if item.state != "active"
        ],
    }


def _item_snapshots(items: Iterable[Item]) -> list[dict[str, Any]]:
    return [
        {
            "id": str(item.id),
            "name": item.name,
            "group_id": item.group.id,
            "columns": texts(item),
            "subitems": _item_snapshots(item.subitems),
        }
        for item in items
    ]
