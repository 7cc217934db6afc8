"""How much to send now: learned from what monday answers, never guessed twice.

In: every reply. Out: the size of the next batch, or how long to wait before it. Never waits longer than told.
Source: developer.monday.com, rate limits and complexity pages (API 2026-10).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from order_sync.monday.transport import Reply

FIRST_COST = 30_000  # complexity of a create before one has been seen; 10,000 to 30,000 are reported
QUERY_COMPLEXITY = 5_000_000  # most that one request may cost
MINUTE_COMPLEXITY = 10_000_000  # of a personal token; used to forecast, never to pace
BODY_BYTES = 900_000  # below monday's 1 MB, over which an answer is not kept for replay


class Clock:
    """Time as the client sees it; a benchmark or a test runs it faster."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


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
        if name and left:
            limits[name[1]] = Limit(left=int(left[1]), reset_seconds=float(reset[1]) if reset else None)
    return limits


def parse_quotas(header: str) -> dict[str, int]:
    """`"minuteRate";q=5000;w=60` of the RateLimit-Policy header: how much there is a window, by name."""
    found = (re.match(r'\s*"([^"]+)"[^,]*;\s*q=(\d+)', part) for part in header.split(","))
    return {match[1]: int(match[2]) for match in found if match}


class Pacer:
    """The budget of one account, as the latest replies tell it, and the batch size that suits the board."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        first_batch: int = 10,
        largest_batch: int = 100,
        target_seconds: float = 15.0,
    ) -> None:
        self.clock = clock or Clock()
        self._first_batch = first_batch
        self._largest_batch = largest_batch
        self._target_seconds = target_seconds  # far from monday's time-out of 60 s
        self._cost: dict[str, float] = {}
        self._size: dict[str, int] = {}
        self._quota = float("inf")  # complexity a minute; a batch above it would be refused for ever
        self._left: float | None = None  # complexity
        self._reset_at = 0.0
        self._calls_left: int | None = None
        self._calls_reset_at = 0.0

    def cost(self, operation: str) -> float:
        """Complexity of one create, as last seen."""
        return self._cost.get(operation, FIRST_COST)

    def batch_size(self, operation: str) -> int:
        """How many creates the next request may hold, at least 1."""
        size = min(self._size.get(operation, self._first_batch), self._largest_batch)
        affordable = min(QUERY_COMPLEXITY, self._complexity_left()) // self.cost(operation)
        return max(1, min(size, int(affordable)))

    def wait_seconds(self, operation: str) -> float:
        """How long until one more request of this operation is within the budget; 0 for now."""
        now = self.clock.now()
        wait = 0.0
        if self._complexity_left() < self.cost(operation):
            wait = self._reset_at - now
        if self._calls_left is not None and self._calls_left < 1 and now < self._calls_reset_at:
            wait = max(wait, self._calls_reset_at - now)
        return max(0.0, wait)

    def learn(self, reply: Reply, *, operation: str = "", rows: int = 0, seconds: float = 0.0) -> None:
        """Takes in what a reply says of limits and cost, and how long its rows took."""
        self._quota = parse_quotas(reply.headers.get("ratelimit-policy", "")).get("complexityMinute", self._quota)
        self._learn_limits(parse_rate_limit(reply.headers.get("ratelimit", "")))
        complexity = (reply.data or {}).get("complexity")
        # A replayed answer tells of an earlier request: only its headers are of now.
        if isinstance(complexity, Mapping) and not reply.replayed:
            self._left = float(complexity.get("after", self._left or 0))
            self._reset_at = self.clock.now() + float(complexity.get("reset_in_x_seconds") or 0)
            if rows and complexity.get("query"):
                self._cost[operation] = max(1.0, float(complexity["query"]) / rows)
        if rows and reply.data and not reply.replayed:
            self._grow(operation, rows, seconds)

    def shrink(self, operation: str) -> None:
        """A request's answer was lost, perhaps to the time-out: halve the batch."""
        self._size[operation] = max(1, self._size.get(operation, self._first_batch) // 2)

    def _grow(self, operation: str, rows: int, seconds: float) -> None:
        fits = self._largest_batch
        if seconds > 0:
            fits = max(1, int(min(fits, self._target_seconds * rows / seconds)))
        current = self._size.get(operation, self._first_batch)
        # Doubling, and only on the evidence of a full batch: a small rest says little of a large one.
        grown = current * 2 if rows >= current else current
        self._size[operation] = max(1, min(grown, fits, self._largest_batch))

    def _learn_limits(self, limits: Mapping[str, Limit]) -> None:
        now = self.clock.now()
        if complexity := limits.get("complexityMinute"):
            self._left = complexity.left
            self._reset_at = now + (complexity.reset_seconds or 0)
        if calls := limits.get("minuteRate"):
            self._calls_left = calls.left
            self._calls_reset_at = now + (calls.reset_seconds or 0)

    def _complexity_left(self) -> float:
        """The whole quota before the first reply and after the window has ended: the next reply tells."""
        if self._left is None or self.clock.now() >= self._reset_at:
            return self._quota
        return self._left
