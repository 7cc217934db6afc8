"""Workers: runs of the product that take turns, step by step, in one thread.

In: what a worker runs. Out: control, each time it comes to a step; the world says what happens there.
A worker that dies does nothing more: what its `finally` blocks try is refused before it has any effect.
The threads of a run are greenlets as well, which die and are suspended together.
"""

from __future__ import annotations

from collections.abc import Callable

from greenlet import getcurrent, greenlet


class Died(BaseException):
    """The worker's process is no more."""


class Worker:
    """One run in a process of its own, as far as the product can see."""

    def __init__(self, name: str, machine: str, started: float, work: Callable[[], None]) -> None:
        self.name = name
        self.machine = machine
        self.process = self
        self.threads = [self]
        self.suspended_until = started
        self.started = started
        self.wakes_at: float | None = started  # None: not by itself
        self.is_called: Callable[[], bool] = lambda: False  # what it waits for has come, before its time
        self._is_dead = False
        self.end: str | None = None  # done, died, or its error
        self.error: BaseException | None = None
        self._work = work
        self._greenlet = greenlet(self._live)
        self._greenlet.worker = self

    @property
    def has_ended(self) -> bool:
        return self.end is not None

    @property
    def is_dead(self) -> bool:
        return self.process._is_dead

    @is_dead.setter
    def is_dead(self, is_dead: bool) -> None:
        self.process._is_dead = is_dead

    @property
    def due(self) -> float | None:
        """When it wakes by itself."""
        return None if self.wakes_at is None else max(self.wakes_at, self.process.suspended_until)

    def is_ready(self, now: float) -> bool:
        if now < self.process.suspended_until:
            return False
        return (self.wakes_at is not None and self.wakes_at <= now) or self.is_called()

    def resume(self) -> None:
        self._greenlet.parent = getcurrent()
        self._greenlet.switch()

    def die(self) -> None:
        """Ends it where it stands, with all its threads."""
        self.is_dead = True
        for thread in self.threads:
            if thread.has_ended:
                continue
            if not thread._greenlet:  # it has not begun
                thread.end = "died"
                continue
            thread._greenlet.parent = getcurrent()
            thread._greenlet.throw(Died)

    def _live(self) -> None:
        try:
            self._work()
            self.end = "done"
        except Died:
            self.end = "died"
        except BaseException as error:
            self.end, self.error = f"{type(error).__name__}: {error}", error
        if self.is_dead:
            self.end, self.error = "died", None  # whatever its last words were


class Thread(Worker):
    """Another thread of a worker."""

    def __init__(self, process: Worker, now: float, work: Callable[[], None]) -> None:
        super().__init__(process.name, process.machine, now, work)
        self.process = process
        process.threads.append(self)


def current() -> Worker | None:
    """The worker that runs now, or its thread; None outside of all."""
    return getattr(getcurrent(), "worker", None)


def give_way() -> None:
    """Back to the world, until it resumes the worker. Raises Died if it has died meanwhile."""
    this = getcurrent()
    this.parent.switch()
    if this.worker.is_dead:
        raise Died


def wait_for(is_called: Callable[[], bool], until: float | None = None) -> None:
    """Gives way until this is so, or until then."""
    worker = current()
    if worker is None or is_called():
        return
    worker.wakes_at, worker.is_called = until, is_called
    give_way()
    worker.is_called = lambda: False
