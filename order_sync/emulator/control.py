"""In: HTTP requests of tests, the demo and benchmarks under /_emulator/.
Out: what the emulator holds and has seen, as JSON; changes to its settings; a reset.
Never: the token, and no effect that monday's own API would have to journal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from order_sync.emulator import snapshot
from order_sync.emulator.bounds import BodyTooLarge, read_body, read_json, whole
from order_sync.emulator.emulation import Emulation
from order_sync.emulator.errors import MondayError
from order_sync.emulator.settings import ColumnSeed, in_one_line

#: A year: a clock that is further ahead has dates that do not fit into what shows them.
MOST_SECONDS = 31_536_000


class Control:
    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation

    def routes(self) -> list[Route]:
        return [
            Route("/state", self.state),
            Route("/effects", self.effects),
            Route("/requests", self.requests),
            Route("/checksum", self.checksum),
            Route("/stats", self.stats),
            Route("/settings", self.configure, methods=["POST"]),
            Route("/clock", self.advance, methods=["POST"]),
            Route("/column", self.retype, methods=["POST"]),
            Route("/person", self.act, methods=["POST"]),
            Route("/reset", self.reset, methods=["POST"]),
        ]

    async def state(self, _request: Request) -> Response:
        return _json(snapshot.snapshot(self._emulation.account.state))

    async def effects(self, request: Request) -> Response:
        """`?since=n` leaves out the first n, `?kind=item_created` all other kinds."""
        kind = request.query_params.get("kind")
        since = whole(request.query_params.get("since", "0"))
        if since is None:
            return _json({"error": "since is a number"}, 400)
        effects = self._emulation.account.state.effects[since:]
        return _json([effect.to_json() for effect in effects if kind in (None, effect.kind)])

    async def requests(self, _request: Request) -> Response:
        return _json([record.to_json() for record in self._emulation.account.requests])

    async def checksum(self, _request: Request) -> Response:
        return _json({"checksum": snapshot.checksum(self._emulation.account.state)})

    async def stats(self, _request: Request) -> Response:
        stats = self._emulation.account.stats(self._emulation.connections)
        kept = self._emulation.settings.state_file
        own = {"sleeping": self._emulation.clock.sleeping, "state_file": str(kept.resolve()) if kept else None}
        return _json(stats | own)

    async def configure(self, request: Request) -> Response:
        return await self._change(request, self._configure)

    async def advance(self, request: Request) -> Response:
        """`{"seconds": 60}` moves the virtual clock on; what sleeps until then wakes up."""
        return await self._change(request, self._advance)

    async def retype(self, request: Request) -> Response:
        """`{"board_id": 1, "column_id": "eta", "type": "text"}`: a person gives a column another type."""
        return await self._change(request, self._retype)

    async def act(self, request: Request) -> Response:
        """`{"do": "edit", "item_id": 1, "column_id": "note", "text": "x"}`: somebody edits a cell; see people.py."""
        return await self._change(request, self._act)

    async def reset(self, request: Request) -> Response:
        return await self._change(request, self._reset)

    async def _change(self, request: Request, change: Callable[[dict[str, Any]], Any]) -> Response:
        if request.headers.get("content-type") != "application/json":
            # A page of another site can post a form, but not JSON, without asking first.
            return _json({"error": "send application/json"}, 415)
        try:
            sent = read_json(await read_body(request, self._emulation.settings.body_max_bytes))
            if not isinstance(sent, dict):
                raise ValueError("send a JSON object")
            return _json(change(sent))
        except BodyTooLarge as error:
            return _json({"error": str(error)}, 413)
        except ValidationError as error:
            return _json({"error": in_one_line(error)}, 422)
        except ValueError as error:
            return _json({"error": str(error)}, 422)

    def _configure(self, changes: dict[str, Any]) -> dict[str, Any]:
        self._emulation.configure(changes)
        return self._emulation.settings.model_dump(mode="json", exclude={"token"})

    def _advance(self, sent: dict[str, Any]) -> dict[str, float]:
        seconds = sent.get("seconds")
        if not isinstance(seconds, int | float) or not 0 <= seconds <= MOST_SECONDS:
            raise ValueError(f"seconds is a number from 0 to {MOST_SECONDS}")
        self._emulation.clock.advance(seconds)
        return {"now": self._emulation.clock.now()}

    def _retype(self, sent: dict[str, Any]) -> dict[str, Any]:
        board_id, column_id, kind = (str(sent.get(name, "")) for name in ("board_id", "column_id", "type"))
        try:
            column = ColumnSeed(id=column_id, title=column_id, type=kind)
            self._emulation.account.boards.retype_column(board_id, column.id, column.type)
        except MondayError as error:
            raise ValueError(str(error)) from None
        return {}

    def _act(self, sent: dict[str, Any]) -> dict[str, str]:
        item = self._emulation.account.people.do(sent)
        return {"item_id": str(item.id)}

    def _reset(self, _sent: dict[str, Any]) -> dict[str, Any]:
        self._emulation.reset()
        return {}


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, media_type="application/json")
