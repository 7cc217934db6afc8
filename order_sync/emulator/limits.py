"""In: each request with its complexity, and the virtual time.
Out: admission or a refusal in monday's words, and the remaining budgets for the RateLimit headers.
Never: a refusal unless limits are enforced; otherwise the figures count only the request itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

from order_sync.emulator import refusals
from order_sync.emulator.clock import Clock
from order_sync.emulator.refusals import Refusal
from order_sync.emulator.settings import EmulatorSettings, Limits

WINDOW_S = 60.0
HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The budgets after one request was admitted, for its headers and its `complexity` field."""

    minute_calls: int
    concurrency: int
    complexity_before: int
    complexity_query: int
    complexity_after: int
    reset_in_x_seconds: int


class Window:
    """A budget that is reset some time after the first call that used it."""

    def __init__(self, seconds: float = WINDOW_S) -> None:
        self._seconds = seconds
        self._since = -math.inf
        self._used = 0

    def used(self, now: float) -> int:
        return self._used if now - self._since < self._seconds else 0

    def reset_in(self, now: float) -> int:
        elapsed = now - self._since
        return math.ceil(self._seconds - elapsed) if elapsed < self._seconds else int(self._seconds)

    def take(self, now: float, amount: int) -> None:
        if now - self._since >= self._seconds:
            self._since, self._used = now, 0
        self._used += amount

    def release(self, amount: int) -> None:
        self._used = max(0, self._used - amount)


class Budgets:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls = Window()
        self._boards = Window()
        self._bulk_jobs = Window(HOUR_S)
        self._bulk_rows = Window(HOUR_S)
        self._complexity = {"mutation": Window(), "query": Window()}
        self._day = 0
        self._day_calls = 0

    def admit(
        self, settings: EmulatorSettings, *, kind: str, cost: int, in_flight: int, boards: int, bulk_jobs: int
    ) -> Left | Refusal:
        """`in_flight` counts this request too; `boards` and `bulk_jobs` are those it would create."""
        limits, now = settings.limits, self._clock.now()
        window = self._complexity["mutation" if limits.complexity_shared else kind]
        if settings.enforce_limits:
            refusal = (
                refusals.concurrency_exceeded(1)
                if in_flight > limits.concurrency
                else self._refusal(limits, window, now, cost, boards, bulk_jobs)
            )
            if refusal is not None:
                return refusal
            self._take(window, now, cost, boards, bulk_jobs)
            used_calls, used_points = self._calls.used(now), window.used(now)
        else:
            used_calls, used_points = 1, cost
        return Left(
            minute_calls=max(0, limits.minute_calls - used_calls),
            concurrency=max(0, limits.concurrency - in_flight),
            complexity_before=max(0, limits.complexity_per_minute - used_points + cost),
            complexity_query=cost,
            complexity_after=max(0, limits.complexity_per_minute - used_points),
            reset_in_x_seconds=window.reset_in(now),
        )

    def look(self, settings: EmulatorSettings, *, kind: str, in_flight: int) -> Left:
        """The remaining budgets, for an answer that uses none (refused, replayed, faulty)."""
        limits, now = settings.limits, self._clock.now()
        window = self._complexity["mutation" if limits.complexity_shared else kind]
        left = max(0, limits.complexity_per_minute - window.used(now))
        return Left(
            minute_calls=max(0, limits.minute_calls - self._calls.used(now)),
            concurrency=max(0, limits.concurrency - in_flight),
            complexity_before=left,
            complexity_query=0,
            complexity_after=left,
            reset_in_x_seconds=window.reset_in(now),
        )

    def reserve_rows(self, settings: EmulatorSettings, rows: int) -> bool:
        """Reserves rows for a bulk import; False if it must be refused."""
        now = self._clock.now()
        if settings.enforce_limits and self._bulk_rows.used(now) + rows > settings.limits.bulk_rows_per_hour:
            return False
        self._bulk_rows.take(now, rows)
        return True

    def release_rows(self, rows: int) -> None:
        """Releases reserved rows that were not written."""
        self._bulk_rows.release(rows)

    def _refusal(
        self, limits: Limits, window: Window, now: float, cost: int, boards: int, bulk_jobs: int
    ) -> Refusal | None:
        if self._today(now) >= limits.daily_calls:
            return refusals.daily_limit_exceeded(limits.daily_status, now)
        if self._calls.used(now) >= limits.minute_calls:
            return refusals.minute_limit_exceeded(self._calls.reset_in(now))
        if boards and self._boards.used(now) + boards > limits.boards_per_minute:
            return refusals.field_limit_exceeded(self._boards.reset_in(now), "create_board")
        if bulk_jobs and self._bulk_jobs.used(now) + bulk_jobs > limits.bulk_jobs_per_hour:
            return refusals.bulk_jobs_exceeded(self._bulk_jobs.reset_in(now))
        if cost > limits.complexity_per_query:
            return refusals.query_too_complex(cost, limits.complexity_per_query)
        if window.used(now) + cost > limits.complexity_per_minute:
            return refusals.complexity_exhausted(window.reset_in(now), limits.complexity_status)
        return None

    def _take(self, window: Window, now: float, cost: int, boards: int, bulk_jobs: int) -> None:
        self._calls.take(now, 1)
        window.take(now, cost)
        if boards:
            self._boards.take(now, boards)
        if bulk_jobs:
            self._bulk_jobs.take(now, bulk_jobs)
        self._today(now)
        self._day_calls += 1

    def _today(self, now: float) -> int:
        day = int(now // refusals.DAY_S)
        if day != self._day:
            self._day, self._day_calls = day, 0
        return self._day_calls


def rate_limit_headers(limits: Limits, left: Left) -> list[tuple[str, str]]:
    return [
        (
            "RateLimit-Policy",
            f'"minuteRate";q={limits.minute_calls};w=60, '
            f'"concurrency";q={limits.concurrency};qu="concurrent-requests", '
            f'"complexityMinute";q={limits.complexity_per_minute};w=60',
        ),
        (
            "RateLimit",
            f'"minuteRate";r={left.minute_calls}, "concurrency";r={left.concurrency}, '
            f'"complexityMinute";r={left.complexity_after};t={left.reset_in_x_seconds}',
        ),
    ]
