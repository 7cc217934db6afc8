"""monday in this process: the emulator's own request handler, called without a socket.

In: a request of a worker. Out: the emulator's answer, or the error of a connection that broke.
A request whose sender has died is executed all the same, as monday's servers would.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.requests import Request
from starlette.responses import Response

from order_sync.emulator.api import Api
from order_sync.emulator.connection import TRANSPORT, NoResponse
from order_sync.emulator.emulation import Emulation
from order_sync.emulator.faults import FaultEngine
from order_sync.emulator.files import Files
from order_sync.emulator.idempotency import IdempotencyStore
from order_sync.emulator.process import Person
from order_sync.emulator.settings import EmulatorSettings
from order_sync.emulator.snapshot import snapshot
from order_sync_tests.simulation.virtual_time import VirtualLoop

URL = "http://127.0.0.1:1/v2"
PATIENCE = 75.0  # seconds that the product waits for an answer


class _Wire:
    """The connection of one request: the emulator may reset it."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self.is_cut = False
        self._cut = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._cut.wait()
        return {"type": "http.disconnect"}

    def cut(self) -> None:
        self.is_cut = True
        self._cut.set()

    # ---- what the emulator does with a transport

    abort = cut

    def is_closing(self) -> bool:
        return self.is_cut

    def get_extra_info(self, _name: str) -> _Wire:
        return self

    def setsockopt(self, *_: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What the transport reads of httpx's response."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            request = httpx.Request("GET", URL)
            raise httpx.HTTPStatusError("refused", request=request, response=httpx.Response(self.status_code))


class Sending:
    """A request on its way."""

    def __init__(self, task: asyncio.Task[Response], wire: _Wire) -> None:
        self._task = task
        self._wire = wire

    @property
    def is_done(self) -> bool:
        return self._task.done()

    def give_up(self) -> None:
        """The sender waits no longer."""
        self._wire.cut()

    def answer(self) -> Answer:
        """Raises what httpx raises where there is none."""
        response = self._task.result()
        if isinstance(response, NoResponse) or self._wire.is_cut:
            raise httpx.ReadError("connection reset")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in response.raw_headers}
        return Answer(response.status_code, headers, bytes(response.body))


class Monday:
    """One account, with the controls of an `Emulator` of its own process."""

    url = URL

    def __init__(self, settings: EmulatorSettings, loop: VirtualLoop) -> None:
        self._loop = loop
        self._emulation = Emulation(settings)
        self._emulation.page_url = "http://127.0.0.1:1/"
        self._api = Api(self._emulation)
        self._files = Files(self._emulation)
        self.person = Person(lambda sent: str(self._emulation.account.people.do(sent).id))

    def send(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> Sending:
        path = urlsplit(url).path
        wire = _Wire(content)
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": urlsplit(url).query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "server": ("127.0.0.1", 1),
            "scheme": "http",
            "extensions": {TRANSPORT: wire},
        }
        request = Request(scope, wire.receive)
        task = self._loop.create_task(self._handle(request, path))
        self._loop.pump()
        return Sending(task, wire)

    async def _handle(self, request: Request, path: str) -> Response:
        if path == "/v2":
            return await self._api.post(request)
        for route in self._files.routes():
            match, scope = route.matches(request.scope)
            if match.value == 2:
                request.scope.update(scope)
                return await route.endpoint(request)  # type: ignore[no-any-return]
        raise AssertionError(f"nothing at {path}")

    # ---- the controls

    def reset(self) -> None:
        self._emulation.reset()

    def forget(self) -> None:
        """Its servers crash: no key is remembered, and what was being executed is not."""
        account = self._emulation.account
        for task in account.running:
            task.cancel()
        account.idempotency = IdempotencyStore(self._emulation.clock, (), 0.0)
        self._loop.pump()

    def by_somebody(self, query: str) -> dict[str, Any]:
        """The data of a mutation of a person's, whom no fault strikes."""
        account = self._emulation.account
        faults, account.faults = account.faults, FaultEngine(())
        body = json.dumps({"query": query}).encode()
        sending = self.send("POST", URL, body, {"Authorization": "somebody", "Content-Type": "application/json"})
        account.faults = faults
        data: dict[str, Any] = json.loads(sending.answer().content)["data"]
        return data

    def configure(self, **changes: Any) -> None:
        self._emulation.configure(changes)

    def state(self) -> dict[str, Any]:
        return snapshot(self._emulation.account.state)

    @property
    def changes(self) -> int:
        """How many there ever were on its boards."""
        return len(self._emulation.account.state.effects)

    @property
    def calls(self) -> int:
        return self._emulation.account.totals.calls

    def items(self) -> list[str]:
        """The ids of all items and subitems that ever were."""
        boards = self._emulation.account.state.boards.values()
        return [str(item) for board in boards for item in board.items]

    def effects(self, kind: str | None = None) -> list[dict[str, Any]]:
        effects = self._emulation.account.state.effects
        return [effect.to_json() for effect in effects if kind is None or effect.kind == kind]
