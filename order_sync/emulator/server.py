"""In: settings.
Out: the emulator on a loopback port: monday's API at /v2, the page at /, the controls at /_emulator/,
the files of bulk imports at /_uploads/ and /_reports/.
Never: a port that other machines reach, unless the settings say so twice; and no access log."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from order_sync.emulator.api import Api
from order_sync.emulator.connection import TRANSPORT
from order_sync.emulator.control import Control
from order_sync.emulator.emulation import Connections, Emulation
from order_sync.emulator.errors import EmulatorError
from order_sync.emulator.files import Files
from order_sync.emulator.guard import Guard
from order_sync.emulator.headers import SafeHeaders
from order_sync.emulator.page import Page
from order_sync.emulator.settings import EmulatorSettings

_WARNING = (
    "WARNING: the monday emulator listens on {host}, where other machines reach it. Anyone on them can read and change "
    "all that it holds: it knows no users, the controls ask for no token, and nothing is encrypted. "
    "Sample orders only, a made-up token only, and never a network that you do not trust."
)


@dataclass(frozen=True, slots=True)
class Addresses:
    url: str
    page_url: str


def serve(settings: EmulatorSettings, on_ready: Callable[[Addresses], None] | None = None) -> None:
    """Blocks until a signal. `on_ready` gets the addresses once they answer (default: prints them).

    Raises EmulatorError, in one clear line, when the port is taken or the state file is broken.
    """
    emulation = Emulation(settings)
    with _listen(settings.host, settings.port) as sock:
        page_url = f"http://{settings.name}:{sock.getsockname()[1]}/"
        emulation.page_url = page_url
        server = uvicorn.Server(
            uvicorn.Config(
                application(emulation),
                http=_protocol(emulation.connections),
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=1,
            )
        )
        if settings.is_remote:
            print(_WARNING.format(host=settings.host), file=sys.stderr, flush=True)
        (on_ready or _print)(Addresses(f"{page_url}v2", page_url))
        with suppress(KeyboardInterrupt):
            server.run(sockets=[sock])


def application(emulation: Emulation) -> ASGIApp:
    api = Api(emulation)
    starlette = Starlette(
        routes=[
            Route("/v2", api.post, methods=["POST"]),
            Route("/v2/file", api.post_file, methods=["POST"]),
            Mount("/_emulator", routes=Control(emulation).routes()),
            *Files(emulation).routes(),
            *Page(emulation).routes(),
        ],
        middleware=[Middleware(Guard, emulation.settings)],
    )
    return SafeHeaders(starlette)  # around Starlette, whose own answer to an unforeseen error passes no middleware


def _listen(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # A restart takes its port back at once. On Windows the same option would let two listen on it.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(1_024)
    except OSError as error:
        sock.close()
        raise EmulatorError(
            f"cannot listen on {host}:{port}: {error.strerror}. "
            "Stop what uses this port, such as another emulator or demo, or choose another port"
        ) from error
    return sock


def _protocol(connections: Connections) -> type[HttpToolsProtocol]:
    """uvicorn's HTTP, which also counts connections and lets a fault cut one."""

    class Protocol(HttpToolsProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            connections.opened += 1
            connections.open += 1
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.open -= 1
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.scope["extensions"] = {TRANSPORT: self.transport}  # type: ignore[dict-item]

    return Protocol


def _print(addresses: Addresses) -> None:
    print(f"monday emulator: API {addresses.url}  page {addresses.page_url}", flush=True)
