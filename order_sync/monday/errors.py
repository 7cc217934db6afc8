"""What an answer of monday means: per row Rejected, Transient or Fatal, in every shape it comes in.

In: a `Reply`. Out: an error for the whole request, or one for each failed alias; siblings are left alone.
Source: developer.monday.com, error handling, rate limits and idempotency pages (API 2026-10).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from order_sync.errors import BoardRefused, Fatal, OrderSyncError, QuotaExhausted, Rejected, Transient
from order_sync.monday.transport import Reply

# HTTP 200 (mostly), for good: this row will be refused every time.
REJECTED_CODES = {
    "ColumnValueException",
    "CorrectedValueException",
    "InvalidArgumentException",
    "InvalidColumnIdException",
    "ItemNameTooLongException",
    "ResourceNotFoundException",
    "DeleteLastGroupException",
}
# For good as well, but wrong for every row of the board alike: going on would only reject them all.
BOARD_CODES = {
    "InvalidBoardIdException": "Check ORDER_SYNC_MONDAY_BOARD_ID, and the rules for boards in the mapping.",
    "ItemsLimitationException": "The board is full: archive items, or send some customers to another board.",
    "missingRequiredPermissions": "The token's user may not write on this board.",
}
# And these for every board.
FATAL_CODES = {
    "UserUnauthorizedException": "Check ORDER_SYNC_MONDAY_TOKEN and what its user may do.",
    "Unauthorized": "Check ORDER_SYNC_MONDAY_TOKEN.",
}
# monday's schema does not allow the request. Its text is the same for all rows, whose values travel as variables.
SCHEMA_CODES = {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "undefinedField", "undefinedType"}
RETRY_CODES = {
    "COMPLEXITY_BUDGET_EXHAUSTED",
    "ComplexityException",
    "FIELD_LIMIT_EXCEEDED",
    "IP_RATE_LIMIT_EXCEEDED",
    "API_TEMPORARILY_BLOCKED",
    "maxConcurrencyExceeded",
    "IDEMPOTENCY_CONFLICT",
    "Rate Limit Exceeded",
    "resourceLocked",
}
LOCKED_CODES = {"RESOURCELOCKED", "423"}  # another request is writing to the board
# monday's own faults, whatever status they come with: the effect is unknown.
INTERNAL_CODES = {"INTERNALSERVERERROR", "INTERNALERROR"}
DAILY_LIMIT = "DAILY_LIMIT_EXCEEDED"
SLOW_WAIT = 30.0  # seconds, for API_TEMPORARILY_BLOCKED, which names no time
LOCK_WAIT = 1.5  # seconds, for HTTP 423
_STATUS_ADVICE = {
    400: "The request is malformed, which is a fault of order_sync: please report it.",
    401: "Check ORDER_SYNC_MONDAY_TOKEN.",
    403: "The token's user lacks a permission.",
    404: "Check ORDER_SYNC_MONDAY_URL.",
}


@dataclass(frozen=True, kw_only=True)
class ApiError:
    """One error as monday reported it, whatever its shape. `path` is the alias it belongs to, None for all."""

    message: str
    code: str = ""
    status: int = 200
    alias: str | None = None
    wait_seconds: float | None = None


def parse_errors(reply: Reply) -> list[ApiError]:
    """Every error in the reply; an HTTP status of 400 or more without a body that explains it is one too."""
    body = reply.body or {}
    retry_after = _number(reply.headers.get("retry-after"))
    errors = [_parse_error(entry, reply, retry_after) for entry in reply.errors]
    if body.get("error_code") or body.get("error_message"):
        message = str(body.get("error_message") or "")
        errors.insert(
            0,
            ApiError(
                message=message or str(body.get("error_code")),
                code=str(body.get("error_code") or ""),
                status=_status(body.get("status_code"), reply),
                wait_seconds=_wait_in_data(body.get("error_data")) or retry_after or _wait_in_text(message),
            ),
        )
    if not errors and (reply.status >= 400 or reply.body is None):
        what = "an empty or unreadable body" if reply.body is None else "no explanation"
        errors = [ApiError(message=f"HTTP {reply.status} with {what}", status=reply.status, wait_seconds=retry_after)]
    return errors


def classify(error: ApiError, reply: Reply, *, now: datetime | None = None) -> OrderSyncError:
    """The error's meaning. `no_effect` is set only where monday refuses before it executes."""
    told = f"{error.message} ({error.code or 'HTTP ' + str(error.status)}, request {reply.request_id or '-'})"
    if error.code == DAILY_LIMIT:
        resume_at = _next_midnight(now or datetime.now(UTC))
        return QuotaExhausted(
            f"monday's daily quota of calls is used up: {told}. "
            f"Rows stay PENDING; go on after {resume_at:%Y-%m-%d %H:%M} UTC.",
            resume_at=resume_at,
        )
    status = reply.status if reply.status >= 400 else error.status
    if error.code in RETRY_CODES or (status in (409, 423, 429) and error.code not in REJECTED_CODES):
        return Transient(
            told,
            code=error.code or str(status),
            wait_seconds=error.wait_seconds or _default_wait(error.code, status),
            # A conflict says that the same key is being executed right now.
            no_effect=status != 409 and error.code != "IDEMPOTENCY_CONFLICT",
            request_id=reply.request_id,
        )
    if status >= 500 or reply.body is None or error.code.upper().replace("_", "") in INTERNAL_CODES:
        return Transient(
            told, code=error.code or str(status), wait_seconds=error.wait_seconds, request_id=reply.request_id
        )
    if error.code in BOARD_CODES:
        return BoardRefused(f"monday refuses: {told}. {BOARD_CODES[error.code]}")
    if error.code in FATAL_CODES:
        return Fatal(f"monday refuses: {told}. {FATAL_CODES[error.code]}")
    if error.code in SCHEMA_CODES:
        return Fatal(f"monday refuses: {told}. Its API has changed: update order_sync. No row was rejected for it.")
    if reply.status in _STATUS_ADVICE and error.code not in REJECTED_CODES:
        return Fatal(f"monday refuses: {told}. {_STATUS_ADVICE[reply.status]}")
    return Rejected(f"monday refuses: {told}", code=error.code or None, request_id=reply.request_id)


def is_locked(error: Transient) -> bool:
    """Another request is writing to the board."""
    return (error.code or "").upper().replace("_", "") in LOCKED_CODES


def _parse_error(entry: Any, reply: Reply, retry_after: float | None) -> ApiError:
    if not isinstance(entry, dict):
        return ApiError(message=str(entry), status=reply.status, wait_seconds=retry_after)
    extensions = entry.get("extensions") or {}
    path = entry.get("path") or []
    wait = _number(extensions.get("retry_in_seconds")) or _wait_in_data(extensions.get("error_data"))
    if wait is None and (milliseconds := _number(extensions.get("retryAfterMs"))) is not None:
        wait = milliseconds / 1_000
    return ApiError(
        message=str(entry.get("message") or "no message"),
        code=str(extensions.get("code") or ""),
        status=_status(extensions.get("status_code"), reply),
        alias=str(path[0]) if path else None,
        wait_seconds=wait or retry_after,
    )


def _status(told: Any, reply: Reply) -> int:
    """An error's own HTTP status, else the reply's."""
    return int(_number(told) or reply.status)


def _wait_in_data(data: Any) -> float | None:
    return _number(data.get("retry_in_seconds")) if isinstance(data, dict) else None


def _default_wait(code: str, status: int) -> float | None:
    if code == "API_TEMPORARILY_BLOCKED":
        return SLOW_WAIT
    return LOCK_WAIT if status == 423 or code == "resourceLocked" else None


def _wait_in_text(message: str) -> float | None:
    found = re.search(r"reset in (\d+(?:\.\d+)?) second", message)
    return float(found[1]) if found else None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _next_midnight(now: datetime) -> datetime:
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
