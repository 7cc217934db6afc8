"""Classifies errors from monday as Rejected, Transient or Fatal.

In: a `Reply`. Out: one error for the whole request, or one for each failed alias; other aliases are not affected.
Source: developer.monday.com, error handling, rate limits and idempotency pages (API 2026-10).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from order_sync.monday import shapes
from order_sync.monday.error_words import missing_resource, plain, speaks_of, without_quoted, words_of
from order_sync.monday.transport import ADDRESS_ADVICE, PROXY_ADVICE, Reply
from order_sync.orders.errors import (
    BoardRefused,
    Fatal,
    Missing,
    NotMonday,
    QuotaExhausted,
    Rejected,
    Transient,
)
from order_sync.orders.monday_faults import MondayFault


class Kind(StrEnum):
    """The scope of an error code from monday."""

    ROW = "row"  # this row, for good, provided that its board still matches the mapping
    BOARD = "board"  # every row of the board: continuing would only reject them all
    IDENTITY = "identity"  # the token: every board
    SCHEMA = "schema"  # the query, which is the same for all rows: their values are variables
    WAIT = "wait"  # a limit: retry later; nothing was written
    CONFLICT = "conflict"  # the same key is being executed right now
    LOCK = "lock"  # another request is writing to the board
    INTERNAL = "internal"  # a fault of monday, with any status; the effect is unknown
    DAILY = "daily"  # the daily quota of calls


_FULL = "The board is full: archive items, or send some customers to another board."
_CLOSED = (
    "The token's user lacks permission to write to this board or to one of its columns. Grant the permission, or use "
    "another user's token; orders of other boards continue."
)
_NO_BOARD = "Check ORDER_SYNC_MONDAY_BOARD_ID and the board rules of the mapping."
_ADVICE = {
    "InvalidBoardIdException": _NO_BOARD,
    "ItemsLimitationException": _FULL,
    "BOARD_CAPACITY_EXCEEDED": _FULL,
    "missingRequiredPermissions": _CLOSED,
    "UserUnauthorizedException": _CLOSED,
    "UserAccessDenied": _CLOSED,
    "Forbidden": _CLOSED,
}
_CODES = {
    Kind.ROW: (
        "ColumnValueException",
        "CorrectedValueException",
        "DATA_VALIDATIONS_ERROR",
        "DeleteLastGroupException",
        "InvalidArgumentException",
        "InvalidColumnIdException",
        "InvalidItemIdException",
        "ItemNameTooLongException",
        "JsonParseException",
        "ResourceNotFoundException",
        "BAD_USER_INPUT",  # a variable of the wrong type
        "maxComplexityExceeded",  # a query that is too large: a smaller batch may succeed
    ),
    Kind.BOARD: tuple(_ADVICE),
    Kind.IDENTITY: ("Unauthorized", "NOT_AUTHENTICATED", "UNAUTHENTICATED", "Not Authenticated"),
    Kind.SCHEMA: ("GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "undefinedField", "undefinedType"),
    Kind.WAIT: (
        "API_TEMPORARILY_BLOCKED",
        "COMPLEXITY_BUDGET_EXHAUSTED",
        "ComplexityException",
        "FIELD_LIMIT_EXCEEDED",
        "IP_RATE_LIMIT_EXCEEDED",
        "MutationCallsExceeded",
        "Rate Limit Exceeded",
        "RATE_LIMIT_EXCEEDED",
        "RateLimitedException",
        "maxConcurrencyExceeded",
    ),
    Kind.CONFLICT: ("IDEMPOTENCY_CONFLICT",),
    Kind.LOCK: ("resourceLocked",),
    Kind.INTERNAL: ("INTERNAL_SERVER_ERROR", "InternalError"),
    Kind.DAILY: ("DAILY_LIMIT_EXCEEDED",),
}
# Codes that may mean that the board has changed during the run: the board is read again before a row is rejected.
BOARD_MAY_DIFFER = frozenset(
    {
        "ColumnValueException",
        "CorrectedValueException",
        "DATA_VALIDATIONS_ERROR",
        "InvalidArgumentException",
        "InvalidColumnIdException",
    }
)
EXPIRED = ("expire", "invalid", "not found", "cursorexception")  # words about an expired cursor
VALIDATIONS = "DATA_VALIDATIONS_ERROR"
REJECTED_CODES = frozenset(_CODES[Kind.ROW])
SCHEMA_CODES = frozenset(_CODES[Kind.SCHEMA])
SLOW_WAIT = 30.0  # seconds, for API_TEMPORARILY_BLOCKED, which gives no time
LOCK_WAIT = 1.5  # seconds, for HTTP 423
LIMIT_WAIT = 10.0  # seconds, for single rows that a limit refused without giving a time
# Word prefixes by which unknown codes and messages describe a transient condition ...
_PASSING = ("rate", "complexit", "concurren", "throttl", "budget", "lock")
_SOON = ("temporar",)
_LIMITS = ("limit", "exceed", "quota", "many")
_TIMES = ("minute", "second", "hour", "request", "call", "quer", "mutation")
# ... and a permanent one: a limit on these concerns the row or its board.
_SIZES = (
    *("board", "byte", "capacity", "character", "column", "file", "group", "item", "label", "length", "long", "row"),
    *("size", "storage", "subitem", "user", "value"),
)
_DENIED = ("permission", "forbidden", "denied", "unauthorized")
_NOT_THERE = (404, 405, 410)  # a server that has nothing at this URL
_STATUS_ADVICE = {
    400: "The request is malformed, which is a bug in order_sync: please report it.",
    401: "Check ORDER_SYNC_MONDAY_TOKEN.",
} | dict.fromkeys(_NOT_THERE, ADDRESS_ADVICE)
_OTHER_STATUS = "Check ORDER_SYNC_MONDAY_URL; if it is right, contact monday's support with the request id."


@dataclass(frozen=True, kw_only=True)
class ApiError:
    """One error as monday reported it, of any shape. `path` is the alias it belongs to, None for all."""

    message: str
    code: str = ""
    status: int = 200
    alias: str | None = None
    wait_seconds: float | None = None
    texts: tuple[str, ...] = ()  # of the rules that a row breaks
    resource: str = ""  # the kind of what does not exist


def parse_errors(reply: Reply) -> list[ApiError]:
    """Every error in the reply; an HTTP status of 400 or more without a body that explains it is one too."""
    body = reply.body or {}
    errors = [_parse_error(entry, reply) for entry in reply.errors]
    if body.get("error_code") or body.get("error_message"):
        code, message = shapes.name(body.get("error_code")), shapes.text(body.get("error_message"))
        wait = _wait_in_data(body.get("error_data")) or reply.retry_after or _wait_in_text(message)
        status = _status(body.get("status_code"), reply)
        errors.insert(0, ApiError(message=message or code or "no message", code=code, status=status, wait_seconds=wait))
    if not errors and (reply.status >= 300 or reply.body is None):
        what = "an empty or unreadable body" if reply.body is None else "no explanation"
        message = f"HTTP {reply.status} with {what}"
        errors = [ApiError(message=message, status=reply.status, wait_seconds=reply.retry_after)]
    return errors


def classify(error: ApiError, reply: Reply, *, now: datetime | None = None) -> Fatal | Rejected | Transient:
    """The error's meaning. `no_effect` is set only where monday refuses before it executes."""
    text = f"{error.message} ({error.code or 'HTTP ' + str(error.status)}, request {reply.request_id or '-'})"
    status = reply.status if reply.status >= 400 else error.status
    kind = kind_of(error.code) or _kind_in_words(error, reply)
    if kind is Kind.DAILY:
        resume_at = _next_midnight(now or datetime.now(UTC))
        return QuotaExhausted(
            f"monday's daily quota of calls is used up: {text}. "
            f"Rows stay PENDING; resume after {resume_at:%Y-%m-%d %H:%M} UTC.",
            resume_at=resume_at,
        )
    if _passes(kind, status, reply):
        return _transient(error, reply, text, kind=kind, status=status)
    if reply.body is None:
        return NotMonday(_no_json(reply))
    return _final(error, reply, text, kind=kind)


def kind_of(code: str) -> Kind | None:
    """What a code is about, in any of monday's spellings; None for one that order_sync does not know."""
    return _KINDS.get(plain(code)) if code else None


def is_locked(error: Transient) -> bool:
    """Another request is writing to the board."""
    return error.code == "423" or kind_of(error.code or "") is Kind.LOCK


def is_expired_cursor(error: ApiError) -> bool:
    """monday no longer knows the cursor of a page, which it gave us itself."""
    text = f"{error.code} {error.message}".casefold()
    return error.code not in SCHEMA_CODES and "cursor" in text and any(word in text for word in EXPIRED)


def may_differ(error: Rejected) -> bool:
    """The board may have changed under the run: the row need not be at fault."""
    if error.missing in (Missing.COLUMN, Missing.BOARD):
        return True
    return not error.known or plain(error.code or "") in _BOARD_MAY_DIFFER


def is_item_deleted(error: Rejected) -> bool:
    """monday does not find the item that a request changes: it is unknown, deleted, archived or on another board.

    Read the item before acting on it, which says which of these it is. It may also be hidden from the token's user.
    """
    return error.missing is Missing.ITEM


def breaks_a_rule(error: Rejected) -> bool:
    """The board's own rules for values refuse the row."""
    return plain(error.code or "") == plain(VALIDATIONS)


def _passes(kind: Kind | None, status: int, reply: Reply) -> bool:
    """Whether the same request may succeed later."""
    if kind in (Kind.WAIT, Kind.CONFLICT, Kind.LOCK, Kind.INTERNAL):
        return True
    if status in (408, 409, 423, 425, 429):
        return kind is not Kind.ROW
    if reply.body is None:
        return (status >= 500 and status != 511) or (status == 200 and reply.page is None)
    return status >= 500


def _transient(error: ApiError, reply: Reply, text: str, *, kind: Kind | None, status: int) -> Transient:
    refused = kind in (Kind.WAIT, Kind.LOCK) or status in (423, 429)
    # What will pass soon may have begun; a conflict says that the same key is being executed right now.
    unsure = kind in (Kind.CONFLICT, Kind.INTERNAL) or status in (408, 409) or _is_vague(error)
    wait = error.wait_seconds
    if wait is None and refused:
        wait = _default_wait(error, kind, status)
    return Transient(
        text,
        MondayFault.BUSY,
        code=error.code or str(status),
        wait_seconds=wait,
        no_effect=refused and not unsure,
        request_id=reply.request_id,
    )


def _final(error: ApiError, reply: Reply, text: str, *, kind: Kind | None) -> Fatal | Rejected:
    refuses = f"monday refuses: {text}"
    if kind is Kind.BOARD or (kind is None and reply.status == 403):
        return BoardRefused(f"{refuses}. {_BOARD_ADVICE.get(plain(error.code), _CLOSED)}")
    if kind is Kind.IDENTITY:
        return Fatal(f"{refuses}. {_STATUS_ADVICE[401]}", MondayFault.TOKEN)
    if kind is Kind.SCHEMA:
        return Fatal(
            f"{refuses}. Its API has changed: update order_sync. No row was rejected.", MondayFault.API_CHANGED
        )
    if kind is None and reply.status != 422 and reply.status >= 300:
        return Fatal(f"{refuses}. {_STATUS_ADVICE.get(reply.status, _OTHER_STATUS)}", MondayFault.REFUSED)
    shown = f"{refuses}: {'; '.join(error.texts)}" if error.texts else refuses
    known = kind is not None
    missing = missing_resource(error.code, error.message, error.resource, known=known)
    return Rejected(shown, code=error.code or None, request_id=reply.request_id, known=known, missing=missing)


def _no_json(reply: Reply) -> str:
    """What came instead of an answer of monday's, in one line."""
    what = f"a page ('{reply.page}')" if reply.page else "a page" if reply.page is not None else "unreadable content"
    where = f" that redirects to {_host(reply)}" if 300 <= reply.status < 400 and _host(reply) else ""
    came = f"HTTP {reply.status} with {what} instead of monday's answer{where} (request {reply.request_id or '-'})"
    if reply.status in _NOT_THERE:
        return f"{came}. {ADDRESS_ADVICE} If the URL is right, a proxy answers instead of monday. Nothing was lost."
    return f"{came}: a firewall, a proxy or a login page answers instead of monday. {PROXY_ADVICE}"


def _host(reply: Reply) -> str:
    """Where a redirection leads, without what its address may hold of secrets."""
    try:
        to = urlsplit(reply.headers.get("location", ""))
        return f"{to.scheme}://{to.hostname}" if to.scheme and to.hostname else ""
    except ValueError:
        return ""


def _parse_error(entry: Any, reply: Reply) -> ApiError:
    if not isinstance(entry, dict):
        message = shapes.text(str(entry))
        return ApiError(message=message, status=reply.status, wait_seconds=reply.retry_after)
    extensions, data = (
        shapes.mapping(entry.get("extensions")),
        shapes.mapping(entry.get("extensions")).get("error_data"),
    )
    milliseconds = shapes.number(extensions.get("retryAfterMs"))
    wait = shapes.seconds(extensions.get("retry_in_seconds")) or _wait_in_data(data)
    wait = wait or shapes.seconds(milliseconds / 1_000 if milliseconds else None) or reply.retry_after
    return ApiError(
        message=shapes.text(entry.get("message")) or "no message",
        code=shapes.name(extensions.get("code")),
        status=_status(extensions.get("status_code"), reply),
        alias=_alias(entry.get("path")),
        wait_seconds=wait,
        texts=tuple(_texts(data)) if isinstance(data, list) else (),
        resource=shapes.name(shapes.mapping(data).get("resource_type")),
    )


def _alias(path: Any) -> str | None:
    first = path[0] if isinstance(path, list) and path else path
    return first if isinstance(first, str) else None


def _texts(data: list[Any]) -> list[str]:
    """One text a column, of the rules that a row breaks."""
    found = [entry.get("message") if isinstance(entry, dict) else entry for entry in data]
    return [shapes.text(one or entry) for one, entry in zip(found, data, strict=True) if entry is not None]


def _status(text: Any, reply: Reply) -> int:
    """An error's own HTTP status, else the reply's."""
    status = shapes.number(text)
    return int(status) if status and 100 <= status < 600 else reply.status


def _wait_in_data(data: Any) -> float | None:
    return shapes.seconds(shapes.mapping(data).get("retry_in_seconds"))


def _default_wait(error: ApiError, kind: Kind | None, status: int) -> float | None:
    if plain(error.code) == plain("API_TEMPORARILY_BLOCKED"):
        return SLOW_WAIT
    if status == 423 or kind is Kind.LOCK:
        return LOCK_WAIT
    return None if error.alias is None else LIMIT_WAIT


def _wait_in_text(message: str) -> float | None:
    found = re.search(r"reset in (\d{1,9}(?:\.\d{1,9})?) second", message)
    return shapes.seconds(found[1]) if found else None


# ---- codes and words --------------------------------------------------------------------------------------


def _kind_in_words(error: ApiError, reply: Reply) -> Kind | None:
    """The kind of an unknown code, by its words and those of its message."""
    code = words_of(error.code)
    words = code + words_of(without_quoted(error.message))
    if reply.status in (200, 401) and re.match(r"not authenticated", error.message, re.IGNORECASE):
        return Kind.IDENTITY
    if speaks_of(code, _DENIED):
        return Kind.BOARD
    limited = speaks_of(words, _LIMITS)
    if limited and speaks_of(words, ("daily",)):
        return Kind.DAILY
    if speaks_of(words, ("lock",)):
        return Kind.LOCK
    if speaks_of(words, (*_PASSING, *_SOON)):
        return Kind.WAIT
    of_size = speaks_of(words, _SIZES) and not speaks_of(words, _TIMES)
    return Kind.WAIT if limited and not of_size else None


def _is_vague(error: ApiError) -> bool:
    """A message of what will pass soon, by a code that order_sync does not know, does not say that nothing was done."""
    words = words_of(error.code) + words_of(error.message)
    return kind_of(error.code) is None and speaks_of(words, _SOON)


def _next_midnight(now: datetime) -> datetime:
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


_KINDS = {plain(code): kind for kind, codes in _CODES.items() for code in codes}
_BOARD_ADVICE = {plain(code): advice for code, advice in _ADVICE.items()}
_BOARD_MAY_DIFFER = frozenset(plain(code) for code in BOARD_MAY_DIFFER)
