"""In: the machine's monotonic clock and a speed.
Out: virtual time in epoch seconds, and sleeps that last as long as virtual time says.
Never: time that runs backwards, not even when the speed is changed or a state file comes from the future."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime


def iso_moment(at: float) -> str:
    """As monday writes a moment."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Clock:
    """At speed 60 a virtual minute lasts one real second: windows, latencies and retention shrink alike."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._real = time.monotonic()
        self._virtual = time.time()
        #: Sleeps that have not ended.
        self.sleeping = 0
        #: Set when the time that sleepers have computed is no longer right.
        self._changed = asyncio.Event()

    def now(self) -> float:
        return self._virtual + (time.monotonic() - self._real) * self._speed

    def set_speed(self, speed: float) -> None:
        self._virtual, self._real = self.now(), time.monotonic()
        self._speed = speed
        self._wake()

    def advance(self, seconds: float) -> None:
        """What is due by then happens now: tests need not wait for it."""
        self._virtual += seconds
        self._wake()

    def at_least(self, moment: float) -> None:
        """A restart may find effects of a faster clock: time continues from the last of them."""
        if moment > self.now():
            self._virtual, self._real = moment, time.monotonic()

    def real(self, seconds: float) -> float:
        """How long that many virtual seconds last."""
        return seconds / self._speed

    async def sleep(self, seconds: float) -> None:
        until = self.now() + seconds
        self.sleeping += 1
        try:
            while (left := until - self.now()) > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), self.real(left))
        finally:
            self.sleeping -= 1

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
