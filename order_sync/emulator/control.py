"""Flow in: HTTP requests of tests, the demo and benchmarks under /_emulator/.
Flow out: what the emulator holds and has seen, as JSON; changes to its settings; a reset.
Never: the token, and no effect that monday's own API would have to journal."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .bounds import BodyTooLarge, read_body, read_json, whole
from .emulation import Emulation
from .settings import in_one_line


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
            Route("/reset", self.reset, methods=["POST"]),
        ]

    async def state(self, _request: Request) -> Response:
        return _json(self._emulation.account.state.snapshot())

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
        return _json({"checksum": self._emulation.account.state.checksum()})

    async def stats(self, _request: Request) -> Response:
        return _json(self._emulation.account.stats(self._emulation.connections))

    async def configure(self, request: Request) -> Response:
        if request.headers.get("content-type") != "application/json":
            # A page of another site can post a form, but not JSON, without asking first.
            return _json({"error": "send application/json"}, 415)
        try:
            changes = read_json(await read_body(request, self._emulation.settings.body_max_bytes))
            if not isinstance(changes, dict):
                raise ValueError("send a JSON object")
            self._emulation.configure(changes)
        except BodyTooLarge as error:
            return _json({"error": str(error)}, 413)
        except ValidationError as error:
            return _json({"error": in_one_line(error)}, 422)
        except ValueError as error:
            return _json({"error": str(error)}, 422)
        return _json(self._emulation.settings.model_dump(mode="json", exclude={"token"}))

    async def reset(self, request: Request) -> Response:
        if request.headers.get("content-type") != "application/json":
            return _json({"error": "send application/json"}, 415)
        self._emulation.reset()
        return _json({})


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, media_type="application/json")
