"""In: a request whose answer must not arrive.
Out: a connection that is reset under it.
Never: an answer, not even half of one."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from order_sync.emulator.clock import Clock
from order_sync.emulator.faults import Fault, FaultKind

#: The HTTP protocol puts the connection's transport here, in the `extensions` of the ASGI scope.
TRANSPORT = "order_sync.emulator.transport"


async def disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class NoResponse(Response):
    """The connection is closed: nothing to send."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        return


def reset(transport: asyncio.WriteTransport) -> None:
    """Not a polite close: without lingering the peer gets RST."""
    if not transport.is_closing():
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()


async def interrupt(request: Request, fault: Fault, clock: Clock) -> bool:
    """Resets the connection if the fault says so, at once or after a silence; False for a fault that has an answer."""
    if fault.kind in (FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER):
        with suppress(TimeoutError):  # the caller may give up earlier
            await asyncio.wait_for(disconnected(request), clock.real(fault.delay_s))
    elif fault.kind not in (FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER):
        return False
    reset(request.scope["extensions"][TRANSPORT])
    await disconnected(request)
    return True
