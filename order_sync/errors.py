"""The errors of order_sync: what each one is decides what happens next, not where it was raised.

Rejected concerns one row for good, Transient wants the same thing again later, Fatal stops the run.
A message says what happened, to which order, and what to do next; it never holds a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class OrderSyncError(Exception):
    """The root of every error that order_sync raises on purpose."""


class Rule(StrEnum):
    """Why order_sync itself rejects a row; for what monday refuses, the code is monday's own."""

    NO_GROUP_TITLE = "no_group_title"  # neither GroupMonday nor a customer
    NO_ITEM_NAME = "no_item_name"  # no style, colour, order number or PO number
    NO_SIZE = "no_size"  # a line without size_code
    NAME_TOO_LONG = "name_too_long"
    TEXT_TOO_LONG = "text_too_long"
    UNKNOWN_LABEL = "unknown_label"  # the board's column has no such label, and may get no new ones
    NOT_A_NUMBER = "not_a_number"
    NOT_A_DATE = "not_a_date"
    NO_ORDER = "no_order"  # ORDER_LIST lacks the record_uuid
    NO_ORDER_LINE = "no_order_line"  # ORDER_LIST_LINES lacks the line_uuid
    NO_BOARD = "no_board"  # no rule of the mapping fits, and there is no board for all others
    NO_GROUP = "no_group"  # its group could not be created
    ITEM_DELETED = "item_deleted"  # a late line, whose item somebody has deleted on the board


class Rejected(OrderSyncError):
    """This row cannot be synced as it is. It becomes ERROR; correct it and run `order-sync retry`.

    `code` is monday's, or the Rule of order_sync's own.
    """

    def __init__(self, message: str, *, code: str | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id


class Transient(OrderSyncError):
    """The same request may succeed later.

    `wait_seconds` is what the server told us to wait, None where it did not say.
    `no_effect` is True where the answer proves that nothing was written, False where that is unknown.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        wait_seconds: float | None = None,
        no_effect: bool = False,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.wait_seconds = wait_seconds
        self.no_effect = no_effect
        self.request_id = request_id


class Fatal(OrderSyncError):
    """The run cannot go on. Nothing is lost: rows stay PENDING and the next run takes them up."""


class ConfigurationError(Fatal):
    """A setting, the mapping, the board or a table is wrong. Raised before anything is written."""


class BoardRefused(Fatal):
    """monday takes no more rows on this board: it is full, gone, or closed to the token. Other boards may go on."""


class NotFound(Fatal):
    """monday has no such thing, or no longer."""


class LeaseLost(Fatal):
    """Another run holds the lease that this run had; this run must not write any more."""


class Interrupted(Fatal):
    """Somebody stopped the run (Ctrl-C)."""


class QuotaExhausted(Fatal):
    """The account's daily quota of API calls is used up. `resume_at` (UTC) is when to go on."""

    def __init__(self, message: str, *, resume_at: datetime) -> None:
        super().__init__(message)
        self.resume_at = resume_at

    @staticmethod
    def told_in(message: str) -> datetime | None:
        """`resume_at` from the message of such an error, which may be all that is left of it."""
        found = re.search(r"go on after (\d{4}-\d\d-\d\d \d\d:\d\d) UTC", message)
        return datetime.strptime(found[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC) if found else None


def causes(error: Any) -> Iterator[Any]:
    """An error as Dagster keeps it (cls_name, message, cause, context), and those that it came from."""
    while error is not None:
        yield error
        error = error.cause or error.context
