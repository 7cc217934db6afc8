"""The errors of order_sync. The type of an error decides what happens next, not the place where it was raised.

Rejected: this row will never succeed as it is. Transient: the same request may succeed later. Fatal: the run stops.
A message says what happened, to which order, and what to do next. It begins with a code and never contains a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from order_sync.orders.codes import Code, Rule
from order_sync.orders.faults import DatabaseFault, RunFault
from order_sync.orders.monday_faults import MondayFault
from order_sync.text.known_secrets import mask_value

_CODE = re.compile(r"^OS-\d{3}: ")


class OrderSyncError(Exception):
    """Base class of every error that order_sync raises on purpose. Secrets are masked in its message.

    `why` is its code. A class with one meaning has it; every other error is raised with one.
    """

    why: Code = RunFault.UNEXPECTED

    def __init__(self, message: str, why: Code | None = None) -> None:
        super().__init__(mask_value(without_code(message)))
        self.why = why or self.why

    @property
    def message(self) -> str:
        """Without the code."""
        return str(self.args[0])

    def __str__(self) -> str:
        return f"{self.why}: {self.message}"


def without_code(message: str) -> str:
    """The message of an error, as a part of another one."""
    return _CODE.sub("", message)


class Missing(StrEnum):
    """What monday does not find, or finds archived or deleted, of all that a request names."""

    ITEM = "item"  # or a subitem
    GROUP = "group"
    COLUMN = "column"
    BOARD = "board"


class Rejected(OrderSyncError):
    """This row cannot be synced as it is. It becomes ERROR; correct it and run `order-sync retry`.

    `code` is monday's code or order_sync's Rule, and `why` the Rule of either. An error that is not `known` may concern
    the whole board: it is the row's own only if other rows of the board succeed. `missing` is set if monday names what
    it does not find.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        request_id: str | None = None,
        known: bool = True,
        missing: Missing | None = None,
    ) -> None:
        super().__init__(message, Rule.of(code) if code or missing is None else Rule.DELETED_MEANWHILE)
        self.code = code
        self.request_id = request_id
        self.known = known
        self.missing = missing


class Transient(OrderSyncError):
    """The same request may succeed later.

    `wait_seconds` is the wait that the server asked for, None if it did not say.
    `no_effect` is True if the answer proves that nothing was written, False if that is unknown.
    `code` is monday's.
    """

    def __init__(
        self,
        message: str,
        why: Code | None = None,
        *,
        code: str | None = None,
        wait_seconds: float | None = None,
        no_effect: bool = False,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, why)
        self.code = code
        self.wait_seconds = wait_seconds
        self.no_effect = no_effect
        self.request_id = request_id


class Fatal(OrderSyncError):
    """The run cannot continue. Nothing is lost: rows stay PENDING, and the next run claims them."""


class ConfigurationError(Fatal):
    """A setting, the mapping, the board or a table is wrong. Raised before anything is written."""


class DatabaseUnavailable(ConfigurationError):
    """The database is temporarily unavailable: it is starting, paused or failing over, or a connection broke."""

    why = DatabaseFault.UNAVAILABLE


class BoardRefused(Fatal):
    """monday accepts no rows on this board: it is full, deleted or not writable by the token. Other boards continue."""

    why = MondayFault.BOARD_REFUSED


class NotMonday(Fatal):
    """A firewall, a proxy or a login page answered instead of monday.

    Whether the request had an effect is unknown.
    """

    why = MondayFault.NOT_MONDAY


class NotFound(Fatal):
    """monday has no such object, or it was deleted."""

    why = MondayFault.NOT_FOUND


class CursorExpired(Fatal):
    """The cursor of a paginated list has expired: read the list again from its beginning."""

    why = MondayFault.CURSOR_EXPIRED


class LeaseLost(Fatal):
    """Another run holds the lease that this run had. This run must not write any more."""

    why = RunFault.LEASE_LOST


class WriteLost(Fatal):
    """A transaction's writes were missing at its end. The transaction is retried before this is raised."""

    why = DatabaseFault.WRITE_LOST


class Interrupted(Fatal):
    """The user stopped the run (Ctrl-C)."""

    why = RunFault.INTERRUPTED


class QuotaExhausted(Fatal):
    """The account's daily quota of API calls is used up. Calls succeed again after `resume_at` (UTC)."""

    why = MondayFault.QUOTA

    def __init__(self, message: str, *, resume_at: datetime) -> None:
        super().__init__(message)
        self.resume_at = resume_at

    @staticmethod
    def resume_at_in(message: str) -> datetime | None:
        """`resume_at`, parsed from the message of such an error: Dagster keeps only the message."""
        found = re.search(r"(?:resume|go on) after (\d{4}-\d\d-\d\d \d\d:\d\d) UTC", message)
        return datetime.strptime(found[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC) if found else None


def own_error(error: BaseException | None) -> OrderSyncError | None:
    """The OrderSyncError that another program wrapped, the outermost of several."""
    # An error that Dagster re-raised may be its own context: the chain of causes can be a cycle.
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        cause = waiting.pop()
        if isinstance(cause, OrderSyncError):
            return cause
        if cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            waiting += [cause.__context__, cause.__cause__]  # the cause first
    return None


def causes(error: Any) -> Iterator[Any]:
    """An error as Dagster stores it (cls_name, message, cause, context), followed by its causes."""
    while error is not None:
        yield error
        error = error.cause or error.context
