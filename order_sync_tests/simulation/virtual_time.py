"""Time that passes only when the simulation says so, for the product, the emulator and asyncio alike.

In: nothing. Out: a clock whose sleepers give way to others, and an event loop that runs by it.
Never the machine's own time: the same seed must give the same run on any machine, however busy.
"""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio import events
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

import tenacity

START = 1_795_420_800.0  # Monday, 23 November 2026, 08:00 UTC, in epoch seconds


class VirtualTime:
    """Seconds since the simulation began."""

    def __init__(self) -> None:
        self.now = 0.0
        self.on_sleep: Callable[[float], None] = self.advance

    def advance(self, seconds: float) -> None:
        self.now += max(0.0, seconds)

    # ---- what stands in for the module `time`

    def monotonic(self) -> float:
        return self.now

    perf_counter = monotonic

    def time(self) -> float:
        return START + self.now

    def sleep(self, seconds: float) -> None:
        self.on_sleep(seconds)

    def clock_gettime(self, _clock: int) -> float:
        return self.now

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


@contextmanager
def installed(clock: VirtualTime) -> Iterator[None]:
    """Every module of order_sync, and tenacity's naps, take their time from the clock."""
    functions = [(getattr(time, name), getattr(clock, name)) for name in ("monotonic", "perf_counter", "time", "sleep")]
    with (
        mock.patch.object(tenacity.nap, "time", clock),
        mock.patch.object(tenacity, "time", clock),
        standing_in([(time, clock), *functions]),
    ):
        yield


@contextmanager
def standing_in(pairs: Iterable[tuple[Any, Any]]) -> Iterator[None]:
    """Wherever a module of the product has the first of a pair, it has the second as long as the block lasts."""
    others = {id(one): other for one, other in pairs}
    changed: list[tuple[ModuleType, str, Any]] = []
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] == "order_sync"]:
        for name, value in list(vars(module).items()):
            if id(value) in others:
                changed.append((module, name, value))
                setattr(module, name, others[id(value)])
    try:
        yield
    finally:
        for module, name, value in changed:
            setattr(module, name, value)


class _NoFiles:
    """A selector with nothing to wait for."""

    def select(self, _timeout: float | None) -> list[Any]:
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs what is ready by a clock that stands still meanwhile."""

    def __init__(self, clock: VirtualTime) -> None:
        super().__init__()
        self._clock = clock
        self._selector = _NoFiles()

    def time(self) -> float:
        return self._clock.now

    def _process_events(self, _events: list[Any]) -> None: ...

    def _write_to_self(self) -> None: ...

    @property
    def due(self) -> float | None:
        """When the next timer goes off; None without one."""
        scheduled = [timer.when() for timer in self._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
        return min(scheduled, default=None)

    def pump(self) -> None:
        """Runs all that can run now."""
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            while self._ready or ((due := self.due) is not None and due <= self._clock.now):  # type: ignore[attr-defined]
                self._run_once()  # type: ignore[attr-defined]
        finally:
            events._set_running_loop(before)
