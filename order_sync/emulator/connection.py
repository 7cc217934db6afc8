"""Flow in: a request whose answer must not arrive.
Flow out: a connection that is reset under it.
Never: an answer, not even half of one."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys

from starlette.requests import Request

#: The HTTP protocol puts the connection's transport here, in the `extensions` of the ASGI scope.
TRANSPORT = "order_sync.emulator.transport"


async def disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def cut(request: Request) -> None:
    """A reset, not a polite close: without lingering the peer gets RST."""
    transport: asyncio.Transport = request.scope["extensions"][TRANSPORT]
    if not transport.is_closing():
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    await disconnected(request)
