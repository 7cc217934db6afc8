"""What happens at a step: death, a stop, or an error of the driver, before the effect or after it.

In: a case. Out: a function for `Steps`, which strikes at the case's step.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from order_sync.emulator import Proxy, cut_response_after
from order_sync_tests.faults.cases import CUTS, STOPS, Mode
from order_sync_tests.faults.steps import Step, Where, recorded, transactions

DIED = 70
HEAD, ALL_BUT = 40, -5  # bytes of an answer

Strike = Callable[[Step], None]


def strike_at(number: int, mode: Mode) -> Strike:
    if mode is Mode.OUTAGE:
        return _Outage(number)
    if mode in CUTS:
        return HalfAnswer(number, HEAD if mode is Mode.CUT_HEAD else ALL_BUT)

    def deaf(step: Step) -> None:
        if step.number >= number and step.where is Where.AFTER_ANSWER and step.writes:
            raise error_at(step.where, lasting=True)

    if mode is Mode.DEAF:
        return deaf

    first = threading.Lock()

    def stall(step: Step) -> None:
        # Not in a COMMIT: see cases.applies.
        if step.number >= number and step.where is not Where.BEFORE_COMMIT and first.acquire(blocking=False):
            _strike_once(step, mode)

    if mode in STOPS:
        return stall

    def strike(step: Step) -> None:
        if step.number == number:
            _strike_once(step, mode)

    return strike


def _strike_once(step: Step, mode: Mode) -> None:
    match mode:
        case Mode.EXIT | Mode.DEAD_ITEM_GONE | Mode.DEAD_GROUP_GONE | Mode.DEAD_EDIT:
            with recorded:
                os._exit(DIED)
        case Mode.KILL:
            with recorded:
                os.kill(os.getpid(), signal.SIGKILL)
        case _ if mode in STOPS:
            with transactions.none_open():
                # By way of this thread: it goes no step further, and so no other one begins anything.
                signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        case Mode.HICCUP:
            raise error_at(step.where, lasting=False)


class HalfAnswer:
    """The answer to the request that leaves at the step is cut on its way through a proxy."""

    def __init__(self, number: int, size: int) -> None:
        self._number = number
        self._size = size

    @contextmanager
    def before(self, url: str) -> Iterator[str]:
        """The address to go to instead."""
        with Proxy(url) as self._proxy:
            yield self._proxy.url

    def __call__(self, step: Step) -> None:
        if step.number == self._number:
            self._proxy.play(cut_response_after(self._size))


class _Outage:
    """From the step on, nothing gets through on that side."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._sql: bool | None = None

    def __call__(self, step: Step) -> None:
        if step.number == self._number:
            self._sql = step.where.is_sql
            raise error_at(step.where, lasting=True)
        if self._sql is step.where.is_sql:
            raise error_at(step.where, lasting=True)


def at_random(seed: int, probability: float) -> Strike:
    """Each step may be the last, or fail."""
    rng = random.Random(seed)
    outage = False

    def strike(step: Step) -> None:
        nonlocal outage
        if outage:
            raise error_at(step.where, lasting=True)
        if rng.random() < probability:
            mode = rng.choice((Mode.EXIT, Mode.KILL, Mode.HICCUP, Mode.HICCUP, Mode.HICCUP, Mode.OUTAGE))
            if mode is Mode.OUTAGE:
                outage = True
                raise error_at(step.where, lasting=True)
            _strike_once(step, mode)

    return strike


def error_at(where: Where, *, lasting: bool) -> Exception:
    """As the driver raises it. After the effect: the effect is there, and the run does not know."""
    if where.is_sql:
        # "database is locked" is what order_sync takes to pass by itself on SQLite.
        return sqlite3.OperationalError("disk I/O error" if lasting else "database is locked")
    if where is Where.BEFORE_REQUEST:
        return httpx.ConnectError("connection refused")
    return httpx.ReadError("connection reset")
