"""What happens at a step: death, a stop, or an error of the driver, before the effect or after it.

In: a case. Out: a function for `Steps`, which strikes at the case's step.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from collections.abc import Callable

import httpx

from order_sync_tests.faults.cases import Mode
from order_sync_tests.faults.steps import Step, Where

DIED = 70

Strike = Callable[[Step], None]


def strike_at(number: int, mode: Mode) -> Strike:
    if mode is Mode.OUTAGE:
        return _Outage(number)

    def deaf(step: Step) -> None:
        if step.number >= number and step.where is Where.AFTER_ANSWER and step.what.startswith("create_"):
            raise _error(step.where, lasting=True)

    if mode is Mode.DEAF:
        return deaf

    stopped = False

    def stall(step: Step) -> None:
        # Not in a COMMIT: see cases.applies.
        nonlocal stopped
        if not stopped and step.number >= number and step.where is not Where.BEFORE_COMMIT:
            stopped = True
            _strike_once(step, mode)

    if mode is Mode.STALL:
        return stall

    def strike(step: Step) -> None:
        if step.number == number:
            _strike_once(step, mode)

    return strike


def _strike_once(step: Step, mode: Mode) -> None:
    match mode:
        case Mode.EXIT:
            os._exit(DIED)
        case Mode.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Mode.STALL:
            os.kill(os.getpid(), signal.SIGSTOP)
        case Mode.HICCUP:
            raise _error(step.where, lasting=False)


class _Outage:
    """From the step on, nothing gets through on that side."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._sql: bool | None = None

    def __call__(self, step: Step) -> None:
        if step.number == self._number:
            self._sql = step.where.is_sql
            raise _error(step.where, lasting=True)
        if self._sql is step.where.is_sql:
            raise _error(step.where, lasting=True)


def at_random(seed: int, probability: float) -> Strike:
    """Each step may be the last, or fail."""
    rng = random.Random(seed)
    outage = False

    def strike(step: Step) -> None:
        nonlocal outage
        if outage:
            raise _error(step.where, lasting=True)
        if rng.random() < probability:
            mode = rng.choice((Mode.EXIT, Mode.KILL, Mode.HICCUP, Mode.HICCUP, Mode.HICCUP, Mode.OUTAGE))
            if mode is Mode.OUTAGE:
                outage = True
                raise _error(step.where, lasting=True)
            _strike_once(step, mode)

    return strike


def _error(where: Where, *, lasting: bool) -> Exception:
    """As the driver raises it. After the effect: the effect is there, and the run does not know."""
    if where.is_sql:
        # "database is locked" is what order_sync takes to pass by itself on SQLite.
        return sqlite3.OperationalError("disk I/O error" if lasting else "database is locked")
    if where is Where.BEFORE_REQUEST:
        return httpx.ConnectError("connection refused")
    return httpx.ReadError("connection reset")
