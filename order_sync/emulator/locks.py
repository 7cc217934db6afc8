"""In: the boards that a request or a job is about to write to.
Out: whether somebody else writes to them at this moment, where the settings say that boards are locked.
Never: a lock that outlives what took it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Set
from contextlib import asynccontextmanager, contextmanager

from order_sync.emulator.settings import EmulatorSettings


class BoardLocks:
    def __init__(self, settings: Callable[[], EmulatorSettings]) -> None:
        self._settings = settings
        self._taken: set[int] = set()

    def is_taken(self, boards: Set[int]) -> bool:
        return bool(self._taken & boards)

    @contextmanager
    def held(self, boards: Set[int]) -> Iterator[None]:
        self._taken |= boards
        try:
            yield
        finally:
            self._taken -= boards

    @asynccontextmanager
    async def awaited(self, board_id: int) -> AsyncIterator[None]:
        """A job waits for its board; a request is refused."""
        boards = {board_id} if self._settings().lock_boards else set()
        while self.is_taken(boards):
            await asyncio.sleep(0.01)
        with self.held(boards):
            yield
