"""The complexity budget of one monday account: the points left in the current minute.

In: the estimated cost of a request, later the points left as reported by monday. Out: a grant, or how long to wait.
`Budget` belongs to one process; sync/account_budget.py shares it among all runs that use the same token.
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
UNREPORTED_SECONDS = 2 * WINDOW_SECONDS  # the assumed length of a window before monday reports it
UNKNOWN_QUOTA = 1e15  # points a minute, before monday reports the quota


@dataclass(frozen=True, kw_only=True)
class Window:
    """A budget minute: points left, and seconds until it ends. When it ends, the full quota is available again.

    `in_flight` are points of requests without an answer yet; monday may or may not have counted them. `taken` counts
    every point ever reserved, so the difference of two readings is what was taken in between; `before` is its value at
    the start of the window. `ends_in` is never too short: monday would refuse a request that comes too early.
    """

    left: float
    ends_in: float
    in_flight: float = 0.0
    taken: float = 0.0
    before: float = 0.0

    def reserving(self, points: float) -> Window:
        """The window after these points are reserved."""
        return replace(self, left=self.left - points, in_flight=self.in_flight + points, taken=self.taken + points)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Permission to send `rows` rows, for which `points` are reserved. Without rows: wait `wait_seconds` first."""

    rows: int
    points: float = 0.0
    wait_seconds: float = 0.0
    others: float = 0.0  # the window's points in flight at that moment, without this grant's
    taken: float = 0.0  # the window's count, including this grant's points


@dataclass(frozen=True, kw_only=True)
class Reported:
    """The budget in an answer: points left, seconds until the window ends, and the age of the request."""

    left: float
    ends_in: float
    sent_ago: float = 0.0


NOTHING = Grant(rows=0)


def begun(window: Window | None, quota: float) -> Window:
    """The window, or a new one if it has ended."""
    if window is not None and window.ends_in > 0:
        return window
    taken = window.taken if window else 0.0
    return Window(left=quota, ends_in=UNREPORTED_SECONDS, taken=taken, before=taken)


def reserve(
    window: Window | None, each: float, rows: int, quota: float, *, whole: bool = False
) -> tuple[Window, Grant]:
    """Reserves points for as many of `rows` as the budget allows; if `whole`, for all of them or none.

    A request that exceeds the quota is granted while the window is unused: it will never fit better.
    """
    window = begun(window, quota)
    affordable = rows if each * rows <= window.left else int(window.left // each)
    if window.left >= quota:
        affordable = rows if whole else max(1, affordable)
    if affordable < (rows if whole else 1):
        return window, Grant(rows=0, wait_seconds=window.ends_in)
    points = float(ceil(affordable * each))  # integers, as the database stores them
    grant = Grant(rows=affordable, points=points, others=window.in_flight, taken=window.taken + points)
    return window.reserving(points), grant


def settle(window: Window | None, grant: Grant, cost: float, reported: Reported | None) -> Window | None:
    """The window after the answer to a request that cost `cost` points.

    Our own count is right except for points that others use with the same token, and for requests that monday never
    received. An answer reports the points left when its request was admitted: after some of our requests in flight and
    before later ones. Only a value outside that range corrects our count.
    """
    if window is None or window.ends_in <= 0:
        taken = window.taken if window else 0.0
        return Window(left=reported.left, ends_in=reported.ends_in, taken=taken, before=taken) if reported else window
    if grant.rows and grant.taken <= window.before:
        return window  # the answer belongs to the previous window
    in_flight = max(0.0, window.in_flight - grant.points)
    left = window.left + grant.points - cost
    if reported is None:
        return replace(window, left=left, in_flight=in_flight)
    if left > UNKNOWN_QUOTA / 2:
        return replace(window, left=reported.left - in_flight, ends_in=reported.ends_in, in_flight=in_flight)
    others, since = (grant.others, window.taken - grant.taken) if grant.rows else (window.in_flight, 0.0)
    most, least = left + since + others, left
    left += max(0.0, reported.left - most) - max(0.0, least - reported.left)
    # monday rounds up, and counts from a request's start or end: never too short, so the shortest value is right.
    another = reported.ends_in - reported.sent_ago > window.ends_in
    ends_in = reported.ends_in if another else min(window.ends_in, reported.ends_in)
    return replace(window, left=left, ends_in=ends_in, in_flight=in_flight)


class Budget:
    """The budget within one process. Thread-safe."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._window: Window | None = None
        self._seen_at = 0.0

    def share(self) -> None:
        """Shares the budget with every run of the account. No-op here: this budget belongs to one process."""

    def take_ahead(self, quota: float) -> None:
        """Takes points that the first requests need, as a part of the caller's transaction, where it is shared."""

    def wind_down(self, quota: float) -> None:
        """Writes what other runs need, as a part of the caller's transaction; a few points are kept for questions."""

    def close(self) -> None:
        """Called when the process no longer needs the budget; a shared one writes what other runs need."""

    def left(self, quota: float) -> float:
        """Points left as last known; the full quota before the first answer and after the window has ended."""
        with self._lock:
            window = self._current()
        return quota if window is None or window.ends_in <= 0 else window.left

    def reserve(self, each: float, rows: int, quota: float, *, whole: bool = False) -> Grant:
        """Reserves points for up to `rows` rows at `each` points, or returns how long to wait."""
        with self._lock:
            window, grant = reserve(self._current(), each, rows, quota, whole=whole)
            self._keep(window)
        return grant

    def settle(self, grant: Grant, cost: float, reported: Reported | None) -> None:
        """Settles a grant with the cost of its request and the points left as reported by monday."""
        with self._lock:
            self._keep(settle(self._current(), grant, cost, reported))

    def _current(self) -> Window | None:
        if self._window is None:
            return None
        return replace(self._window, ends_in=self._window.ends_in - (self._now() - self._seen_at))

    def _keep(self, window: Window | None) -> None:
        self._window, self._seen_at = window, self._now()


def account_name(url: str, token: str) -> str:
    """The key of an account in the database: a hash, so that no token is stored."""
    return hashlib.sha256(f"{url}\n{token}".encode()).hexdigest()[:32]
