"""In: HTTP connections to a server on loopback, and a script of what to do with some of them.
Out: the same bytes untouched, but where the script says so half a message, silence or a reset.
Never: a look into HTTP beyond where a message ends (by Content-Length) and the text that a script looks for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from types import TracebackType
from typing import Any, Self, TypeVar

from order_sync.emulator.connection import reset
from order_sync.emulator.errors import EmulatorError

_HOST = "127.0.0.1"
_END_OF_HEAD = b"\r\n\r\n"

T = TypeVar("T")


class CutKind(StrEnum):
    CUT_REQUEST = "cut_request"
    CUT_RESPONSE = "cut_response"
    STALL_RESPONSE = "stall_response"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One line of a script; made by the four functions below."""

    kind: CutKind
    #: From 1: of the requests that hold `text`, over all connections; a refusal counts connections instead.
    nth: int
    #: So much of the message still gets through, its head included.
    size: int = 0
    #: A reset, or else a polite end.
    rst: bool = True
    #: Of silence before the cut.
    stall_s: float = 0
    text: bytes = b""


def cut_request_after(size: int, *, nth: int = 1, rst: bool = True, text: str = "") -> Cut:
    """The server gets the first bytes of the request only; both ends lose the connection."""
    return Cut(kind=CutKind.CUT_REQUEST, nth=nth, size=size, rst=rst, text=text.encode())


def cut_response_after(size: int, *, nth: int = 1, rst: bool = True, text: str = "") -> Cut:
    """The client gets the first bytes of the response only; both ends lose the connection."""
    return Cut(kind=CutKind.CUT_RESPONSE, nth=nth, size=size, rst=rst, text=text.encode())


def stall_response(size: int, seconds: float, *, nth: int = 1, rst: bool = True, text: str = "") -> Cut:
    """As `cut_response_after`, but that much later; a client that gives up earlier ends it."""
    return Cut(kind=CutKind.STALL_RESPONSE, nth=nth, size=size, stall_s=seconds, rst=rst, text=text.encode())


def refuse(*, nth: int = 1) -> Cut:
    """The connection is reset as soon as it is there."""
    return Cut(kind=CutKind.REFUSE, nth=nth)


@dataclass(slots=True)
class ProxyCounts:
    """Whole requests and responses that were passed on, and what was done to the others."""

    connections: int = 0
    requests: int = 0
    responses: int = 0
    cut_requests: int = 0
    cut_responses: int = 0
    stalled: int = 0
    refused: int = 0


class _Script:
    """Each line strikes once."""

    def __init__(self, lines: Iterable[Cut]) -> None:
        self._open = list(lines)
        self._seen = [0] * len(self._open)

    def for_connection(self) -> Cut | None:
        return self._strike(lambda cut: cut.kind is CutKind.REFUSE)

    def for_request(self, request: bytes) -> Cut | None:
        return self._strike(lambda cut: cut.kind is not CutKind.REFUSE and cut.text in request)

    def _strike(self, counts: Callable[[Cut], bool]) -> Cut | None:
        """Every line counts, though only the first of them strikes."""
        found = None
        for position, cut in enumerate(self._open):
            if counts(cut):
                self._seen[position] += 1
                if self._seen[position] == cut.nth:
                    found = found or cut
        return found


class _Over(Exception):
    """This connection has nothing more to pass on."""

    def __init__(self, *, rst: bool) -> None:
        super().__init__()
        self.rst = rst


class Proxy:
    """A context manager: `with Proxy(emulator.url, [cut_response_after(10)]) as proxy: ... proxy.url`.

    It runs in a thread of its own. One connection to the server for each of the client's, and when one of the two
    ends so does the other.
    """

    def __init__(self, target: str | int, script: Iterable[Cut] = ()) -> None:
        """`target` is a port on loopback, or a URL there."""
        self._path = ""
        if isinstance(target, int):
            self._target = target
        else:
            port, _, self._path = target.split("://", 1)[-1].partition(":")[2].partition("/")
            self._target = int(port)
        self._script = _Script(script)
        self._counts = ProxyCounts()
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        try:
            self._server = self._in_loop(asyncio.start_server(self._accept, _HOST, 0))
        except OSError as error:
            self._end_loop()
            raise EmulatorError(f"the proxy cannot listen on {_HOST}: {error}") from error
        self.port: int = self._server.sockets[0].getsockname()[1]
        #: As the target's, with its path.
        self.url = f"http://{_HOST}:{self.port}/{self._path}"

    def play(self, *script: Cut) -> None:
        """Another script, whose lines begin to count from here; without any, all passes untouched."""

        async def change() -> None:
            self._script = _Script(script)

        self._in_loop(change())

    @property
    def counts(self) -> ProxyCounts:
        """A copy."""

        async def copy() -> ProxyCounts:
            return replace(self._counts)

        return self._in_loop(copy())

    def stop(self) -> None:
        """Cuts what is open; again is no harm."""
        if self._loop.is_closed():
            return
        self._in_loop(self._close())
        self._end_loop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _in_loop(self, work: Coroutine[Any, Any, T]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(10)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        # Of a task that was cancelled before it began, or while it closed another one.
        for writer in list(self._writers):
            with suppress(asyncio.CancelledError):  # of what the writer waits for
                await _end(writer, rst=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._counts.connections += 1
        if self._script.for_connection() is not None:
            self._counts.refused += 1
            reset(writer.transport)
            return
        self._writers.add(writer)
        task = self._loop.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        rst, writers = True, [to_client]
        try:
            server, to_server = await asyncio.open_connection(_HOST, self._target)
            writers.append(to_server)
            self._writers.add(to_server)
            rst = await self._carry(client, to_client, server, to_server)
        except OSError:
            pass  # Nobody listens there: the client gets a reset.
        finally:
            for writer in writers:
                await _end(writer, rst=rst)
                self._writers.discard(writer)

    async def _carry(
        self,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> bool:
        """Until one side ends; True: by a reset."""
        sent: asyncio.Queue[Cut | None] = asyncio.Queue()
        directions = [
            asyncio.ensure_future(self._carry_requests(client, to_server, sent)),
            asyncio.ensure_future(self._carry_responses(server, to_client, sent)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            ends = await asyncio.gather(*directions, return_exceptions=True)
        return any(isinstance(end, OSError) or (isinstance(end, _Over) and end.rst) for end in ends)

    async def _carry_requests(
        self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter, sent: asyncio.Queue[Cut | None]
    ) -> None:
        while True:
            request, whole = await _message(client)
            cut = self._script.for_request(request) if whole else None
            if cut is not None and cut.kind is CutKind.CUT_REQUEST:
                self._counts.cut_requests += 1
                await _send(to_server, request[: cut.size])
                raise _Over(rst=cut.rst)
            sent.put_nowait(cut)
            await _send(to_server, request)
            if not whole:
                raise _Over(rst=False)
            self._counts.requests += 1

    async def _carry_responses(
        self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter, sent: asyncio.Queue[Cut | None]
    ) -> None:
        while True:
            response, whole = await _message(server)
            if not response:
                raise _Over(rst=False)
            cut = await sent.get()
            if cut is not None:
                await self._cut_response(response, to_client, cut)
            await _send(to_client, response)
            if not whole:
                raise _Over(rst=False)
            self._counts.responses += 1

    async def _cut_response(self, response: bytes, to_client: asyncio.StreamWriter, cut: Cut) -> None:
        if cut.kind is CutKind.STALL_RESPONSE:
            self._counts.stalled += 1
        else:
            self._counts.cut_responses += 1
        await _send(to_client, response[: cut.size])
        await asyncio.sleep(cut.stall_s)
        raise _Over(rst=cut.rst)


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """The next one, or what there is of it when the connection ends."""
    try:
        head = await reader.readuntil(_END_OF_HEAD)
    except asyncio.IncompleteReadError as end:
        return end.partial, False
    try:
        return head + await reader.readexactly(_body_size(head)), True
    except asyncio.IncompleteReadError as end:
        return head + end.partial, False


def _body_size(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    # A reset would throw away what still waits in the buffer: drain until it is empty.
    writer.transport.set_write_buffer_limits(high=0)
    writer.write(data)
    await writer.drain()


async def _end(writer: asyncio.StreamWriter, *, rst: bool) -> None:
    if rst:
        reset(writer.transport)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
