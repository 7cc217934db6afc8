"""The errors of order_sync. The type of an error decides what happens next, not the place where it was raised.

Rejected: this row will never succeed as it is. Transient: the same request may succeed later. Fatal: the run stops.
A message says what happened, to which order, and what to do next. It never contains a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from order_sync.text.known_secrets import mask_value


class OrderSyncError(Exception):
    """Base class of every error that order_sync raises on purpose. Secrets are masked in its message."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*mask_value(args))


class Rule(StrEnum):
    """Why order_sync itself rejects a row. If monday refuses it, the code is monday's own.

    Each rule has a heading for `order-sync report` and a remedy. {headers}, {lines}, {orders} and {order_lines} in a
    remedy are the site's names of the four tables.
    """

    heading: str
    remedy: str

    def __new__(cls, code: str, heading: str, remedy: str) -> Self:
        rule = str.__new__(cls, code)
        rule._value_ = code
        rule.heading = heading
        rule.remedy = remedy
        return rule

    NO_GROUP_TITLE = (
        "no_group_title",
        "Order without a customer",
        "Fill in CUSTOMER NAME or GroupMonday in {headers}.",
    )
    NO_ITEM_NAME = (
        "no_item_name",
        "Order without a name",
        "Fill in at least one of CUSTOMER STYLE, CUSTOMER COLOUR DESCRIPTION, AAG ORDER NUMBER and PO NUMBER in "
        "{headers}.",
    )
    NO_SIZE = (
        "no_size",
        "Line without a size",
        "Fill in size_code of the line in {lines}, or delete the row there if the order has no such line.",
    )
    NAME_TOO_LONG = (
        "name_too_long",
        "Name longer than 255 characters",
        "Shorten the parts of the name in {headers}: style, colour, order number and PO number for an item, "
        "GroupMonday for a group. For a subitem, shorten size_code in {lines}.",
    )
    TEXT_TOO_LONG = (
        "text_too_long",
        "Text too long for its column",
        "Shorten the text in the column named in the reason.",
    )
    UNKNOWN_LABEL = (
        "unknown_label",
        "Label missing on the board",
        "If the value is wrong, correct it in the column named in brackets. If it is right, add it to the labels of "
        "that column on the board.",
    )
    NOT_A_NUMBER = ("not_a_number", "Not a number", "Correct the value in the column named in brackets.")
    NOT_A_DATE = ("not_a_date", "Not a date", "Correct the value in the column named in brackets.")
    NO_RECORD_UUID = (
        "no_record_uuid",
        "Row without a record_uuid",
        "Set record_uuid of the row in {headers} or {lines} to that of its order, or delete the row. Until then, "
        "`order-sync retry` skips it.",
    )
    UNREADABLE = (
        "unreadable",
        "Value of the wrong kind",
        "Correct the value in the column named in brackets: it does not match the type of the column.",
    )
    NO_ORDER = (
        "no_order",
        "Order missing in the main table",
        "{headers} has the order, but {orders} has no row with its record_uuid. Make sure that the order system writes "
        "both.",
    )
    NO_ORDER_LINE = (
        "no_order_line",
        "Line missing in the main table",
        "{lines} has the line, but {order_lines} has no row of this order with its line_uuid. Make sure that the order "
        "system writes both.",
    )
    NO_BOARD = (
        "no_board",
        "Order without a board",
        "Add a rule for it under [[boards]] in the mapping, or set ORDER_SYNC_MONDAY_BOARD_ID for orders that match no "
        "rule.",
    )
    NO_GROUP = (
        "no_group",
        "Group refused by monday",
        "monday refused to create the order's group; the log of the run says why. Correct GroupMonday in {headers}.",
    )
    ITEM_MISSING = (
        "item_deleted",
        "Item deleted on the board",
        "The line arrived after its order was synced, and the order's item has been deleted since. Restore the item "
        "from the board's recycle bin (monday keeps it for 30 days), or recreate it with `order-sync reconcile "
        "--requeue`.",
    )


# These rules reject a row even if its item is already on the board.
REGARDLESS = frozenset({Rule.NO_ORDER, Rule.NO_ORDER_LINE, Rule.UNREADABLE})


class Missing(StrEnum):
    """What monday does not find, or finds archived or deleted, of all that a request names."""

    ITEM = "item"  # or a subitem
    GROUP = "group"
    COLUMN = "column"
    BOARD = "board"


class Rejected(OrderSyncError):
    """This row cannot be synced as it is. It becomes ERROR; correct it and run `order-sync retry`.

    `code` is monday's code or order_sync's Rule. An error that is not `known` may concern the whole board: it is the
    row's own only if other rows of the board succeed. `missing` is set if monday names what it does not find.
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
        super().__init__(message)
        self.code = code
        self.request_id = request_id
        self.known = known
        self.missing = missing


class Transient(OrderSyncError):
    """The same request may succeed later.

    `wait_seconds` is the wait that the server asked for, None if it did not say.
    `no_effect` is True if the answer proves that nothing was written, False if that is unknown.
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
    """The run cannot continue. Nothing is lost: rows stay PENDING, and the next run claims them."""


class ConfigurationError(Fatal):
    """A setting, the mapping, the board or a table is wrong. Raised before anything is written."""


class DatabaseUnavailable(ConfigurationError):
    """The database is temporarily unavailable: it is starting, paused or failing over, or a connection broke."""


class BoardRefused(Fatal):
    """monday accepts no rows on this board: it is full, deleted or not writable by the token. Other boards continue."""


class NotMonday(Fatal):
    """A firewall, a proxy or a login page answered instead of monday.

    Whether the request had an effect is unknown.
    """


class NotFound(Fatal):
    """monday has no such object, or it was deleted."""


class CursorExpired(Fatal):
    """The cursor of a paginated list has expired: read the list again from its beginning."""


class LeaseLost(Fatal):
    """Another run holds the lease that this run had. This run must not write any more."""


class WriteLost(Fatal):
    """A transaction's writes were missing at its end. The transaction is retried before this is raised."""


class Interrupted(Fatal):
    """The user stopped the run (Ctrl-C)."""


class QuotaExhausted(Fatal):
    """The account's daily quota of API calls is used up. Calls succeed again after `resume_at` (UTC)."""

    def __init__(self, message: str, *, resume_at: datetime) -> None:
        super().__init__(message)
        self.resume_at = resume_at

    @staticmethod
    def resume_at_in(message: str) -> datetime | None:
        """`resume_at`, parsed from the message of such an error: Dagster keeps only the message."""
        found = re.search(r"(?:resume|go on) after (\d{4}-\d\d-\d\d \d\d:\d\d) UTC", message)
        return datetime.strptime(found[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC) if found else None


def causes(error: Any) -> Iterator[Any]:
    """An error as Dagster stores it (cls_name, message, cause, context), followed by its causes."""
    while error is not None:
        yield error
        error = error.cause or error.context
