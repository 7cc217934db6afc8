"""The complexity budget of one monday account: how many points are left in the minute that is going on.

In: what a request is about to cost, later what monday says is left. Out: how much of it may be sent now, or how long
to wait. `Budget` is one process's; sync/account_budget.py shares it among all runs that use the same token.
Source: developer.monday.com, complexity and rate limits (API 2026-10): a window is 60 s from its first call.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

WINDOW_SECONDS = 60.0
UNTOLD_SECONDS = 2 * WINDOW_SECONDS  # of a window of which monday has told nothing yet
UNKNOWN_QUOTA = 1e15  # points a minute, before monday has told any


@dataclass(frozen=True, kw_only=True)
class Window:
    """A budget minute: points left, and seconds until it ends. One that has ended is whole again.

    `in_flight` are points of requests that are not answered yet; monday may have counted them or not. `taken` counts
    every point that was ever reserved: the difference of two readings is what was taken in between, and what was
    taken before the window began is `before`. `ends_in` is never too short: going on too early would be refused.
    """

    left: float
    ends_in: float
    in_flight: float = 0.0
    taken: float = 0.0
    before: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Leave:
    """So many rows may be sent; they are paid for with so many points. No rows: wait so many seconds first."""

    rows: int
    points: float = 0.0
    wait_seconds: float = 0.0
    others: float = 0.0  # the window's points in flight at that moment, without these
    taken: float = 0.0  # the window's count, with these


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an answer says: points left, seconds until the window ends, and how long ago its request was sent."""

    left: float
    ends_in: float
    sent_ago: float = 0.0


NOTHING = Leave(rows=0)


def reserve(
    window: Window | None, each: float, rows: int, quota: float, *, whole: bool = False
) -> tuple[Window, Leave]:
    """Takes points for as many of `rows` as are left, or for all or none of them.

    A row, or a whole, that is dearer than the quota gets leave when the window is untouched: it will never fit better.
    """
    if window is None or window.ends_in <= 0:
        taken = window.taken if window else 0.0
        window = Window(left=quota, ends_in=UNTOLD_SECONDS, taken=taken, before=taken)
    affordable = rows if each * rows <= window.left else int(window.left // each)
    if window.left >= quota:
        affordable = rows if whole else max(1, affordable)
    if affordable < (rows if whole else 1):
        return window, Leave(rows=0, wait_seconds=window.ends_in)
    points = float(ceil(affordable * each))  # whole ones, as the database keeps them
    leave = Leave(rows=affordable, points=points, others=window.in_flight, taken=window.taken + points)
    left, in_flight = window.left - points, window.in_flight + points
    return replace(window, left=left, in_flight=in_flight, taken=leave.taken), leave


def settle(window: Window | None, leave: Leave, cost: float, told: Told | None) -> Window | None:
    """The window after the answer to a request that cost so many points.

    Our own count is right but for what others take with the same token, and for what monday never saw. An answer tells
    what was left when its request was admitted: after some of ours that were in flight, before some that came later.
    What lies outside of that is news.
    """
    if window is None or window.ends_in <= 0:
        taken = window.taken if window else 0.0
        return Window(left=told.left, ends_in=told.ends_in, taken=taken, before=taken) if told else window
    if leave.rows and leave.taken <= window.before:
        return window  # an answer to the window before
    in_flight = max(0.0, window.in_flight - leave.points)
    left = window.left + leave.points - cost
    if told is None:
        return replace(window, left=left, in_flight=in_flight)
    if left > UNKNOWN_QUOTA / 2:
        return replace(window, left=told.left - in_flight, ends_in=told.ends_in, in_flight=in_flight)
    others, since = (leave.others, window.taken - leave.taken) if leave.rows else (window.in_flight, 0.0)
    most, least = left + since + others, left
    left += max(0.0, told.left - most) - max(0.0, least - told.left)
    # Rounded, and counted by monday from a request's beginning or end: too long, if anything, so the shortest is right.
    another = told.ends_in - told.sent_ago > window.ends_in
    ends_in = told.ends_in if another else min(window.ends_in, told.ends_in)
    return replace(window, left=left, ends_in=ends_in, in_flight=in_flight)


class Budget:
    """The budget as one process knows it. Safe to use from several threads."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._window: Window | None = None
        self._seen_at = 0.0

    def share(self) -> None:
        """From now on every run of the account is to know; what only one process knows of has nobody to share with."""

    def close(self) -> None:
        """The process needs no more of it; what others ought to know is written."""

    def left(self, quota: float) -> float:
        """Points left as last known: the whole quota before the first answer and after the window has ended."""
        with self._lock:
            window = self._current()
        return quota if window is None or window.ends_in <= 0 else window.left

    def reserve(self, each: float, rows: int, quota: float, *, whole: bool = False) -> Leave:
        """Takes points for up to `rows` rows, `each` so dear, or says how long to wait."""
        with self._lock:
            window, leave = reserve(self._current(), each, rows, quota, whole=whole)
            self._keep(window)
        return leave

    def settle(self, leave: Leave, cost: float, told: Told | None) -> None:
        """The answer is in: what it cost, and what monday says is left."""
        with self._lock:
            self._keep(settle(self._current(), leave, cost, told))

    def _current(self) -> Window | None:
        if self._window is None:
            return None
        return replace(self._window, ends_in=self._window.ends_in - (self._now() - self._seen_at))

    def _keep(self, window: Window | None) -> None:
        self._window, self._seen_at = window, self._now()


def account_name(url: str, token: str) -> str:
    """What tells accounts apart in the database without keeping a token there."""
    return hashlib.sha256(f"{url}\n{token}".encode()).hexdigest()[:32]
