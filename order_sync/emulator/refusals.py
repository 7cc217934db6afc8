"""In: a limit that was passed, a lock, a running key; or a fault that plays one of them.
Out: `Refusal`s: monday's code, words, HTTP status and waiting time for each.
Never: two wordings for one refusal: a fault looks exactly like the real thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from order_sync.emulator.faults import Fault, FaultKind
from order_sync.emulator.settings import Limits

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer instead of the one asked for."""

    status: int
    code: str
    message: str
    retry_in_seconds: int | None = None
    #: The form that bulk imports use, without a header.
    retry_after_ms: int | None = None
    data: Mapping[str, Any] | None = None


def _later(status: int, code: str, message: str) -> Callable[[int], Refusal]:
    """One that names the seconds to wait, and nothing else."""
    return lambda wait: Refusal(status=status, code=code, message=message, retry_in_seconds=wait)


minute_limit_exceeded = _later(429, "Rate Limit Exceeded", "Minute limit rate exceeded")
concurrency_exceeded = _later(429, "maxConcurrencyExceeded", "Max concurrent queries exceeded")
board_locked = _later(423, "RESOURCE_LOCKED", "The board is locked by another mutation")
idempotency_conflict = _later(409, "IDEMPOTENCY_CONFLICT", "A request with this Idempotency-Key is still running")


def daily_limit_exceeded(status: int, now: float) -> Refusal:
    """No retry hint: the next calls are there at 00:00 UTC, and the message says so."""
    midnight = datetime.fromtimestamp((now // DAY_S + 1) * DAY_S, UTC)
    return Refusal(
        status=status,
        code="DAILY_LIMIT_EXCEEDED",
        message=f"Daily limit exceeded, it resets at {midnight:%Y-%m-%d %H:%M} UTC",
    )


def complexity_exhausted(retry_in_seconds: int, status: int) -> Refusal:
    return Refusal(
        status=status,
        code="COMPLEXITY_BUDGET_EXHAUSTED",
        message="Complexity budget exhausted",
        retry_in_seconds=retry_in_seconds,
    )


def field_limit_exceeded(retry_in_seconds: int, entity: str) -> Refusal:
    """The one refusal whose wait stands in error_data."""
    return Refusal(
        status=429,
        code="FIELD_LIMIT_EXCEEDED",
        message="Concurrency limit exceeded for the field",
        data={"retry_in_seconds": retry_in_seconds, "entity": entity},
    )


def bulk_jobs_exceeded(retry_in_seconds: int) -> Refusal:
    return Refusal(
        status=429,
        code="RATE_LIMIT_EXCEEDED",
        message="Too many bulk imports were started",
        retry_after_ms=retry_in_seconds * 1_000,
    )


def query_too_complex(cost: int, most: int) -> Refusal:
    return Refusal(
        status=200,
        code="maxComplexityExceeded",
        message=f"Query has complexity of {cost}, more than {most}",
        data={"complexity": cost, "max_complexity": most},
    )


def answer_too_large(most: int) -> Refusal:
    return Refusal(
        status=200,
        code="maxComplexityExceeded",
        message=f"The answer has more than {most:,} fields",
        data={"max_complexity": most},
    )


def body_too_large(message: str) -> Refusal:
    return Refusal(status=413, code="PAYLOAD_TOO_LARGE", message=message)


def internal_error() -> Refusal:
    return Refusal(status=500, code="INTERNAL_SERVER_ERROR", message="Internal server error")


_REFUSALS: dict[FaultKind, Callable[[int], Refusal]] = {
    FaultKind.RATE_LIMIT_MINUTE: minute_limit_exceeded,
    FaultKind.CONCURRENCY_429: concurrency_exceeded,
    FaultKind.IP_RATE_LIMIT: _later(429, "IP_RATE_LIMIT_EXCEEDED", "Your IP address sent too many requests"),
    FaultKind.FIELD_LIMIT: lambda wait: field_limit_exceeded(wait, "items"),
    FaultKind.BOARD_LOCK_423: board_locked,
    FaultKind.IDEMPOTENCY_409: idempotency_conflict,
    FaultKind.API_BLOCKED: _later(
        200, "API_TEMPORARILY_BLOCKED", "There is a temporary issue with this part of the API"
    ),
}


def of_fault(fault: Fault, limits: Limits, now: float) -> Refusal:
    if fault.kind is FaultKind.COMPLEXITY:
        status = fault.status or limits.complexity_status
        return complexity_exhausted(fault.retry_in_seconds, status)
    if fault.kind is FaultKind.DAILY_LIMIT:
        return daily_limit_exceeded(fault.status or limits.daily_status, now)
    return _REFUSALS[fault.kind](fault.retry_in_seconds)
