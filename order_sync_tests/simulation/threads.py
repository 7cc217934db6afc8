"""What the product's threads are made of, for greenlets: a pool, a condition and a lock that give way.

In: what the engine asks of `concurrent.futures` and `threading`. Out: the same, in virtual time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any, Self
from unittest import mock

from order_sync.sync import batches, writer
from order_sync_tests.simulation.virtual_time import VirtualTime
from order_sync_tests.simulation.workers import Thread, Worker, current, wait_for


class _Future:
    def __init__(self, thread: Thread) -> None:
        self._thread = thread

    def result(self) -> None:
        wait_for(lambda: self._thread.has_ended)
        if self._thread.error is not None:
            raise self._thread.error


class _Pool:
    def __init__(self, clock: VirtualTime) -> None:
        self._clock = clock
        self._threads: list[Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            wait_for(lambda thread=thread: thread.has_ended)  # type: ignore[misc]

    def submit(self, work: Callable[..., None], *arguments: Any) -> _Future:
        process = current()
        assert process is not None
        self._threads.append(Thread(process, self._clock.now, lambda: work(*arguments)))
        return _Future(self._threads[-1])


class _Condition:
    """No thread gives way while it holds the lock."""

    def __init__(self, clock: VirtualTime) -> None:
        self._clock = clock
        self._notices = 0

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def wait(self, seconds: float) -> None:
        seen = self._notices
        wait_for(lambda: self._notices != seen, self._clock.now + seconds)

    def notify_all(self) -> None:
        self._notices += 1


class _Lock:
    """Reentrant; a thread may give way while it holds it."""

    def __init__(self) -> None:
        self._owner: Worker | None = None
        self._depth = 0

    def __enter__(self) -> None:
        me = current()
        while self._owner not in (None, me):
            wait_for(lambda: self._owner is None)
        self._owner = me
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = None


@contextmanager
def greenlets_for_threads(clock: VirtualTime) -> Iterator[None]:
    """The writers of a run take turns as workers do, however few rows there are."""
    with ExitStack() as stack:
        for module, name, stand_in in (
            (writer, "ThreadPoolExecutor", lambda *_, **__: _Pool(clock)),
            (writer, "threading", SimpleNamespace(RLock=_Lock)),
            (writer, "SMALLEST_SHARE", 1),
            (batches, "threading", SimpleNamespace(Condition=lambda: _Condition(clock))),
        ):
            stack.enter_context(mock.patch.object(module, name, stand_in))
        yield
