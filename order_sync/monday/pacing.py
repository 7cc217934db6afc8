"""How much to send now: learned from what monday answers, never guessed twice.

In: every reply. Out: the size of the next batch, or how long to wait before it. Never waits longer than monday asks.
Source: developer.monday.com, rate limits and complexity pages (API 2026-10).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from order_sync.monday import shapes
from order_sync.monday.budget import NOTHING, UNKNOWN_QUOTA, WINDOW_SECONDS, Budget, Grant, Reported
from order_sync.monday.transport import Reply

FIRST_COST = 30_000  # complexity of a create, or a query, before one has been seen; 10,000 to 30,000 are reported
QUERY_COMPLEXITY = 5_000_000  # most that one request may cost
MINUTE_COMPLEXITY = 10_000_000  # of a personal token; used to forecast, never to pace
FIRST_ROW_SECONDS = 0.15  # of a create, before one has been seen; used to forecast, never to pace
VAGUE_SECONDS = 2.0
SAME = {"change_subitem": "change_item"}  # one mutation of monday's: what is learned of either holds for both
BODY_BYTES = 900_000  # below monday's 1 MB, over which an answer is not kept for replay


class Clock:
    """Time as the client sees it: the local monday's clock may run faster, and then waits are as much shorter."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed

    def now(self) -> float:
        return time.monotonic() * self.speed

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.speed)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One entry of the RateLimit header: what is left and, in seconds, when it is renewed."""

    left: int
    reset_seconds: float | None = None


def parse_rate_limit(header: str) -> dict[str, Limit]:
    """`"minuteRate";r=4999, "complexityMinute";r=4950000;t=45` as limits by name; what is unreadable is skipped."""
    limits = {}
    for part in header.split(","):
        name = re.match(r'\s*"([^"]+)"', part)
        left = re.search(r";\s*r=(\d+)", part)
        reset = re.search(r";\s*t=(\d+(?:\.\d+)?)", part)
        count = shapes.number(left[1]) if left else None
        if name and count is not None:
            limits[name[1]] = Limit(left=int(count), reset_seconds=shapes.number(reset[1]) if reset else None)
    return limits


def parse_quotas(header: str) -> dict[str, int]:
    """`"minuteRate";q=5000;w=60` of the RateLimit-Policy header: how much there is a window, by name."""
    found = (re.match(r'\s*"([^"]+)"[^,]*;\s*q=(\d+)', part) for part in header.split(","))
    quotas = {match[1]: int(shapes.number(match[2]) or 0) for match in found if match}
    return {name: quota for name, quota in quotas.items() if quota > 0}  # of nothing nobody could live


class Pacer:
    """The pace of one client, by the latest replies. Thread-safe."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        budget: Budget | None = None,
        first_batch: int = 10,
        largest_batch: int = 100,
        target_seconds: float = 15.0,
    ) -> None:
        self.clock = clock or Clock()
        self._budget = budget or Budget(self.clock.now)
        self._first_batch = first_batch
        self._largest_batch = largest_batch
        self._target_seconds = target_seconds  # far from monday's time-out of 60 s
        self._lock = threading.Lock()
        self._cost: dict[str, float] = {}
        self._size: dict[str, int] = {}
        self._row_seconds: dict[str, float] = {}
        self._quota = UNKNOWN_QUOTA  # complexity a minute; a batch above it would be refused for ever
        self.minute_calls: int | None = None  # the account's limit; None before monday reports it
        self._answered_late = 0.0  # seconds between sending the last mutation and its answer
        self._calls_left: int | None = None
        self._calls_reset_at = 0.0

    @property
    def quota(self) -> float | None:
        """Complexity per minute; None before monday reports it."""
        return None if self._quota == UNKNOWN_QUOTA else self._quota

    def cost(self, operation: str) -> float:
        """Complexity of one create as last seen, or of a query at its dearest: its answers differ in length."""
        return self._cost.get(SAME.get(operation, operation), FIRST_COST)

    def batch_size(self, operation: str) -> int:
        """How many creates a request may hold when the budget is whole, at least 1."""
        size = min(self._size.get(SAME.get(operation, operation), self._first_batch), self._largest_batch)
        return max(1, min(size, int(min(QUERY_COMPLEXITY, self._quota) // self.cost(operation))))

    def admit(self, operation: str, most: int, *, whole: bool = False) -> Grant:
        """A grant for up to `most` rows (or all of them), within the account's budget, or how long to wait."""
        with self._lock:
            wait = self._calls_reset_at - self.clock.now()
            if self._calls_left is not None and self._calls_left < 1 and wait > 0:
                return Grant(rows=0, wait_seconds=wait)
        rows = most if whole else min(most, self.batch_size(operation))
        return self._budget.reserve(self.cost(operation), rows, self._quota, whole=whole)

    def take_ahead(self) -> None:
        """Takes points for the first requests, where the budget is shared, in the transaction of the caller."""
        self._budget.take_ahead(self._quota)

    def wind_down(self) -> None:
        """Only a few questions are still to be asked; see `Budget.wind_down`."""
        self._budget.wind_down(self._quota)

    @property
    def is_vague(self) -> bool:
        """monday last reported the end of its minute in a slow answer, so it may be earlier than it seems."""
        return self._answered_late > VAGUE_SECONDS

    def requests(self, operation: str, rows: int) -> int:
        """How many requests this number of rows takes one writer, as batches grow from what they are now."""
        size, count = self.batch_size(operation), 0
        while rows > 0:
            rows, count, size = rows - size, count + 1, min(2 * size, self._largest_batch)
        return count

    def seconds(self, operation: str, rows: int) -> float:
        """The time that this many rows take one writer: that of the requests, or of the budget if it is longer."""
        requests = rows * self._row_seconds.get(SAME.get(operation, operation), FIRST_ROW_SECONDS)
        points = rows * self.cost(operation) - self._budget.left(self._quota)
        return max(requests, points / self._quota * WINDOW_SECONDS)

    def learn(
        self,
        reply: Reply,
        *,
        operation: str = "",
        rows: int = 0,
        seconds: float = 0.0,
        grant: Grant = NOTHING,
    ) -> None:
        """Takes in what a reply says of limits and cost, and how long its rows took, for which there was this leave.

        A query has no rows.
        """
        operation = SAME.get(operation, operation)
        quotas = parse_quotas(reply.headers.get("ratelimit-policy", ""))
        self._quota = quotas.get("complexityMinute", self._quota)
        self.minute_calls = quotas.get("minuteRate", self.minute_calls)
        limits = parse_rate_limit(reply.headers.get("ratelimit", ""))
        with self._lock:
            if calls := limits.get("minuteRate"):
                self._calls_left = calls.left
                self._calls_reset_at = self.clock.now() + min(calls.reset_seconds or 0, shapes.LONGEST_WAIT)
        reported, cost = None, 0.0
        if complexity := limits.get("complexityMinute"):
            reported = Reported(left=complexity.left, ends_in=_ends_in(complexity.reset_seconds), sent_ago=seconds)
        # A replayed answer describes an earlier request: only its headers are current.
        if not reply.replayed:
            body, cost = _complexity(reply), spent(reply)
            left = shapes.number(body.get("after"))
            if left is not None:
                ends_in = _ends_in(shapes.number(body.get("reset_in_x_seconds")))
                reported = Reported(left=left, ends_in=ends_in, sent_ago=seconds)
            if operation and cost:
                with self._lock:
                    self._cost[operation] = max(1.0, cost / rows if rows else max(cost, self._cost.get(operation, 0)))
        if reported or grant.points:
            self._budget.settle(grant, cost, reported)
        if rows and reply.data and not reply.replayed:
            self._grow(operation, rows, seconds)

    def lost(self, grant: Grant) -> None:
        """No answer came: its points are taken as spent."""
        self._budget.settle(grant, grant.points, None)

    def shrink(self, operation: str) -> None:
        """A request's answer was lost, perhaps to the time-out: halve the batch."""
        operation = SAME.get(operation, operation)
        with self._lock:
            self._size[operation] = max(1, self._size.get(operation, self._first_batch) // 2)

    def _grow(self, operation: str, rows: int, seconds: float) -> None:
        with self._lock:
            fits = self._largest_batch
            if seconds > 0:
                fits = max(1, int(min(fits, self._target_seconds * rows / seconds)))
            current = self._size.get(operation, self._first_batch)
            # Doubling, and only on the evidence of a full batch: a small rest says little of a large one.
            grown = current * 2 if rows >= current else current
            self._size[operation] = max(1, min(grown, fits, self._largest_batch))
            self._row_seconds[operation] = seconds / rows
            self._answered_late = seconds


def spent(reply: Reply) -> float:
    """The complexity that a request took, as far as its answer says."""
    return min(shapes.number(_complexity(reply).get("query")) or 0.0, QUERY_COMPLEXITY)


def _complexity(reply: Reply) -> Mapping[str, Any]:
    return shapes.mapping((reply.data or {}).get("complexity"))


def _ends_in(reported: float | None) -> float:
    """Where monday does not say when its minute ends, it is a whole one."""
    return WINDOW_SECONDS if reported is None else min(reported, shapes.LONGEST_WAIT)
