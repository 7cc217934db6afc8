"""The local monday in this process, without a socket: requests go straight to its application.

In: requests as JSON. Out: nothing. Raises what the application raises, and where it answers 5xx without a fault.
One application for all; it is emptied before each list of requests.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from order_sync.emulator.connection import TRANSPORT
from order_sync.emulator.emulation import Emulation
from order_sync.emulator.server import application
from order_sync.emulator.settings import EmulatorSettings
from order_sync_tests.emulator.conftest import PLANNING

MOST = 6  # requests of one input
PATIENCE = 0.5  # seconds; what is set to be slow, or never to answer, is left
HEADERS = {"host": "localhost", "authorization": "a-token", "content-type": "application/json"}


class Unforeseen(Exception):
    """An answer that monday would not give."""


class _Closed:
    """A connection that a fault may reset."""

    def is_closing(self) -> bool:
        return True


class _Log(logging.Handler):
    """What the emulator itself calls unforeseen."""

    seen: list[logging.LogRecord]

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record)


@cache
def _served() -> tuple[Emulation, Any, asyncio.Runner]:
    emulation = Emulation(EmulatorSettings(boards=(PLANNING,), clock_speed=10_000))
    runner = asyncio.Runner()
    atexit.register(runner.close)
    return emulation, application(emulation), runner


@contextmanager
def _listening() -> Iterator[list[logging.LogRecord]]:
    log, handler, seen = logging.getLogger("order_sync.emulator"), _Log(level=logging.ERROR), list[logging.LogRecord]()
    handler.seen, log.propagate = seen, False
    log.addHandler(handler)
    try:
        yield seen
    finally:
        log.removeHandler(handler)
        log.propagate = True


def play_requests(requests: list[Any]) -> None:
    emulation, served, runner = _served()
    with _listening() as seen:
        runner.run(_play(emulation, served, [one for one in requests if isinstance(one, dict)][:MOST]))
    for record in seen:
        raise Unforeseen(record.getMessage()) from (record.exc_info[1] if record.exc_info else None)


async def _play(emulation: Emulation, served: Any, requests: list[dict[str, Any]]) -> None:
    emulation.reset()
    for one in requests:
        try:
            status, body = await asyncio.wait_for(_ask(served, one), PATIENCE)
        except TimeoutError:
            continue
        if status >= 500 and not emulation.settings.faults:
            raise Unforeseen(f"HTTP {status}: {body[:200]!r}")
        if str(one.get("path", "/v2")).startswith("/v2") and status == 200:
            json.loads(body)
    emulation.reset()


async def _ask(served: Any, one: dict[str, Any]) -> tuple[int, bytes]:
    sent = one.get("body", {key: one[key] for key in ("query", "variables", "operationName") if key in one})
    content = (sent if isinstance(sent, str) else json.dumps(sent)).encode("utf-8", "replace")
    path, _, query = str(one.get("path", "/v2")).partition("?")
    more = one.get("headers")
    headers = HEADERS | ({str(k).lower(): str(v) for k, v in more.items()} if isinstance(more, dict) else {})
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": str(one.get("method", "POST")).upper(),
        "scheme": "http",
        "path": path if path.startswith("/") else f"/{path}",
        "raw_path": path.encode("utf-8", "replace"),
        "query_string": query.encode("utf-8", "replace"),
        "root_path": "",
        "headers": [(k.encode("latin-1", "replace"), v.encode("latin-1", "replace")) for k, v in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
        "extensions": {TRANSPORT: _Closed()},
    }
    waiting: list[dict[str, Any]] = [{"type": "http.request", "body": content, "more_body": False}]
    status, parts = 0, []

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))

    await served(scope, receive, send)
    return status, b"".join(parts)
