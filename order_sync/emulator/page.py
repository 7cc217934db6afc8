"""In: requests of a browser.
Out: the boards as a monday user expects to see them, with items loaded group by group.
Never: a name or a value that is not escaped, and nothing from another host."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from order_sync.emulator.bounds import DIGITS, whole
from order_sync.emulator.columns import Column, status_color
from order_sync.emulator.emulation import Emulation
from order_sync.emulator.snapshot import texts
from order_sync.emulator.state import Board, Group, Item

_HERE = Path(__file__).parent
_ROWS = 100
_FOUND = 200
_WEB = ("http://", "https://")


class _Digits(IntegerConvertor):
    """A path with more digits than a number has is one that does not exist."""

    regex = f"[0-9]{{1,{DIGITS}}}"


register_url_convertor("digits", _Digits())


@dataclass(frozen=True, slots=True)
class Cell:
    """What the page draws in one column of one row."""

    column_id: str
    type: str
    text: str
    #: Of a status.
    color: str | None = None
    #: Of a dropdown.
    chips: tuple[str, ...] = ()
    #: Of a link, where it leads to the web: `javascript:` and its like are text only.
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Editor:
    """What a person edits a cell with: a field with this text, or a choice of labels."""

    column_id: str
    title: str
    kind: str
    text: str = ""
    labels: tuple[str, ...] = ()
    chosen: frozenset[str] = frozenset()


class Page:
    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["thousands"] = lambda number: f"{number:,}"
        self._templates.filters["plural"] = lambda number, one: one if number == 1 else f"{one}s"
        self._templates.globals |= {"cells": cells, "shown_columns": shown_columns}

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self.index),
            Route("/live", self.index_live),
            Route("/boards/{board_id:digits}", self.board),
            Route("/boards/{board_id:digits}/pulses/{item_id:digits}", self.board),
            Route("/boards/{board_id:digits}/live", self.board_live),
            Route("/boards/{board_id:digits}/groups/{group_id}/rows", self.rows),
            Route("/boards/{board_id:digits}/items/{item_id:digits}/subitems", self.subitems),
            Route("/boards/{board_id:digits}/search", self.search),
            Route("/boards/{board_id:digits}/removed", self.removed),
            Route("/items/{item_id:digits}/menu", self.menu),
            Route("/items/{item_id:digits}/cells/{column_id}", self.editor),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ]

    async def index(self, _request: Request) -> Response:
        return self._render("index.html", boards=self._boards(), board=None)

    async def index_live(self, _request: Request) -> Response:
        return _json({"boards": {str(board.id): _counts(board) for board in self._boards()}})

    async def board(self, request: Request) -> Response:
        board = self._board(request)
        item_id = request.path_params.get("item_id")
        if item_id is None:
            if board.parent is not None:
                return RedirectResponse(f"/boards/{board.parent.id}")
            return self._render("board.html", boards=self._boards(), board=board, focus={})
        item = board.items.get(item_id)
        if item is None:
            raise HTTPException(404, "No such item on this board")
        main = item.main
        position = next((n for n, key in enumerate(main.group.items) if key == main.id), 0)
        focus = {
            "item": str(item.id),
            "parent": str(item.parent.id) if item.parent else None,
            "group": main.group.id,
            "position": position,
        }
        return self._render("board.html", boards=self._boards(), board=board.main, focus=focus)

    async def board_live(self, request: Request) -> Response:
        board = self._board(request)
        return _json({**_counts(board), "groups": [_group_live(group) for group in board.active_groups]})

    async def rows(self, request: Request) -> Response:
        board = self._board(request)
        group = board.groups.get(request.path_params["group_id"])
        if group is None:
            raise HTTPException(404, "No such group")
        offset = _whole(request, "offset", 0)
        count = max(_ROWS, _whole(request, "count", _ROWS))
        items = list(islice(group.items.values(), offset, offset + count))
        following = offset + len(items)
        return self._render(
            "rows.html",
            board=board,
            items=items,
            following=following if following < len(group.items) else None,
            with_group=False,
        )

    async def subitems(self, request: Request) -> Response:
        board = self._board(request)
        item = board.items.get(request.path_params["item_id"])
        subitem_board = self._emulation.account.state.boards.get(board.subitem_board_id or 0)
        if item is None or subitem_board is None:
            raise HTTPException(404, "No such subitems")
        return self._render("subitems.html", board=subitem_board, items=item.subitems)

    async def search(self, request: Request) -> Response:
        board = self._board(request)
        needle = request.query_params.get("q", "").strip().casefold()
        found = list(islice((item for item in board.active_items if _holds(item, needle)), _FOUND + 1))
        return self._render("search.html", board=board, items=found[:_FOUND], more=len(found) > _FOUND, needle=needle)

    async def removed(self, request: Request) -> Response:
        board = self._board(request)
        subitem_board = self._emulation.account.state.boards.get(board.subitem_board_id or 0)
        items = sorted(_removed(board, subitem_board), key=lambda item: item.removed or 0, reverse=True)
        return self._render("removed.html", items=items[:_FOUND], more=len(items) > _FOUND)

    async def menu(self, request: Request) -> Response:
        item = self._item(request)
        groups = [group for group in item.board.active_groups if group is not item.group]
        return self._render("menu.html", item=item, groups=[] if item.parent else groups)

    async def editor(self, request: Request) -> Response:
        item, column_id = self._item(request), request.path_params["column_id"]
        if column_id == "name":
            return self._render("editor.html", editor=Editor(column_id, "Name", "text", item.name))
        column = item.board.columns.get(column_id)
        if column is None or column.type == "subtasks":
            raise HTTPException(404, "No such cell")
        return self._render("editor.html", editor=_editor(item, column))

    def _item(self, request: Request) -> Item:
        item = self._emulation.account.state.items.get(request.path_params["item_id"])
        if item is None or item.state != "active":
            raise HTTPException(404, "No such item")
        return item

    def _boards(self) -> list[Board]:
        boards = self._emulation.account.state.boards.values()
        return [board for board in boards if board.parent is None and board.state == "active"]

    def _board(self, request: Request) -> Board:
        board = self._emulation.account.state.boards.get(request.path_params["board_id"])
        if board is None or board.state != "active":
            raise HTTPException(404, "No such board")
        return board

    def _render(self, template: str, **values: Any) -> Response:
        html = self._templates.get_template(template).render(counts=_counts, **values)
        return HTMLResponse(html)


def shown_columns(board: Board) -> list[Column]:
    """The name and the subitems have their own place in a row."""
    return [column for column in board.columns.values() if column.type not in ("name", "subtasks")]


def cells(item: Item) -> Iterable[Cell]:
    shown = texts(item)
    for column in shown_columns(item.board):
        value, text = item.values.get(column.id), shown[column.id] or ""
        match column.type:
            case "status" if value is not None:
                yield Cell(column.id, column.type, text, color=status_color(value))
            case "dropdown":
                yield Cell(column.id, column.type, text, chips=tuple(column.labels[key] for key in value or ()))
            case "link" if value is not None:
                yield Cell(
                    column.id, column.type, value[1], url=value[0] if value[0].lower().startswith(_WEB) else None
                )
            case "date" if value is not None:
                day = date.fromisoformat(text[:10])
                yield Cell(column.id, column.type, f"{day:%b} {day.day}, {day.year}{text[10:16]}")
            case _:
                yield Cell(column.id, column.type, text)


def _editor(item: Item, column: Column) -> Editor:
    value = item.values.get(column.id)
    match column.type:
        case "status" | "dropdown":
            ids = [] if value is None else value if column.type == "dropdown" else [value]
            chosen = frozenset(column.labels[key] for key in ids if key in column.labels)
            return Editor(column.id, column.title, column.type, labels=tuple(column.labels.values()), chosen=chosen)
        case "link":
            return Editor(column.id, column.title, "text", "" if value is None else " ".join(value))
        case _:
            kind = "long_text" if column.type == "long_text" else "text"
            return Editor(column.id, column.title, kind, "" if value is None else str(value))


def _removed(board: Board, subitem_board: Board | None) -> Iterator[Item]:
    """Archived and deleted ones, without the subitems that went with their item."""
    for item in chain(board.items.values(), subitem_board.items.values() if subitem_board else ()):
        if item.state != "active" and (item.parent is None or item.parent.removed != item.removed):
            yield item


def _holds(item: Item, needle: str) -> bool:
    """Its name or one of its values, or those of a subitem."""
    names = (item.name, *texts(item).values())
    return any(needle in (name or "").casefold() for name in names) or any(
        _holds(subitem, needle) for subitem in item.subitems
    )


def _counts(board: Board) -> dict[str, int]:
    groups = board.active_groups
    return {
        "group_count": len(groups),
        "item_count": board.items_count,
        "subitem_count": sum(group.subitem_count for group in groups),
    }


def _group_live(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "title": group.title,
        "color": group.color,
        "items": len(group.items),
        "subitems": group.subitem_count,
        "revision": group.revision,
    }


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    number = default if text is None else whole(text)
    if number is None:
        raise HTTPException(400, f"{name} is a number")
    return number


def _json(value: Any) -> Response:
    return Response(json.dumps(value), media_type="application/json")
