"""The errors of order_sync: what each one is decides what happens next, not where it was raised.

Rejected concerns one row for good, Transient wants the same thing again later, Fatal stops the run.
A message says what happened, to which order, and what to do next; it never holds a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from order_sync.text.known_secrets import mask_value


class OrderSyncError(Exception):
    """The root of every error that order_sync raises on purpose. No secret of this process is in its message."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*mask_value(args))


class Rule(StrEnum):
    """Why order_sync itself rejects a row; for what monday refuses, the code is monday's own.

    A rule cannot be written without its advice: what `order-sync report` calls it, and what to do about it.
    {headers}, {lines}, {orders} and {order_lines} in a remedy are the site's names of the four tables.
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
        "Order without anything to name it by",
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
        "Name over 255 characters",
        "Shorten what the name is made of in {headers}: style, colour, order number and PO number of an item, "
        "GroupMonday of a group; in {lines}: size_code.",
    )
    TEXT_TOO_LONG = (
        "text_too_long",
        "Text too long for its column",
        "Shorten the text in the column that the reason names.",
    )
    UNKNOWN_LABEL = (
        "unknown_label",
        "Label that the board does not have",
        "If the value is wrong, correct it in the column that the reason names in brackets. If it is right, add it to "
        "the labels of that column on the board.",
    )
    NOT_A_NUMBER = (
        "not_a_number",
        "Not a number",
        "Correct the value in the column that the reason names in brackets.",
    )
    NOT_A_DATE = (
        "not_a_date",
        "Not a date",
        "Correct the value in the column that the reason names in brackets.",
    )
    NO_RECORD_UUID = (
        "no_record_uuid",
        "Row that names no order",
        "Give the row in {headers} or {lines} the record_uuid of its order, or delete it; no retry takes it up before.",
    )
    UNREADABLE = (
        "unreadable",
        "Value of the wrong kind",
        "Correct the value in the column that the reason names in brackets: its column is for something else.",
    )
    NO_ORDER = (
        "no_order",
        "Order missing in the main table",
        "{headers} has the order and {orders} has no row with its record_uuid: see that the order system writes both.",
    )
    NO_ORDER_LINE = (
        "no_order_line",
        "Line missing in the main table",
        "{lines} has the line and {order_lines} has no row of this order with its line_uuid: see that the order "
        "system writes both.",
    )
    NO_BOARD = (
        "no_board",
        "Order that goes to no board",
        "Add a rule for it under [[boards]] in the mapping, or set ORDER_SYNC_MONDAY_BOARD_ID for all orders that no "
        "rule fits.",
    )
    NO_GROUP = (
        "no_group",
        "Group that monday refuses",
        "monday did not take the order's group; the log of the run says why. Correct GroupMonday in {headers}.",
    )
    ITEM_DELETED = (
        "item_deleted",
        "Item deleted on the board",
        "The line came after its order was synced, and somebody has deleted the order's item since. Restore the item "
        "from the board's recycle bin (monday keeps it for 30 days), or have the order made again by `order-sync "
        "reconcile --requeue`.",
    )


# What is wrong with such a row is wrong whatever the board has of it already.
REGARDLESS = frozenset({Rule.NO_ORDER, Rule.NO_ORDER_LINE, Rule.UNREADABLE})


class Rejected(OrderSyncError):
    """This row cannot be synced as it is. It becomes ERROR; correct it and run `order-sync retry`.

    `code` is monday's, or the Rule of order_sync's own. One that is not `known` may concern the board as a whole:
    it is the row's own only where other rows fare better.
    """

    def __init__(
        self, message: str, *, code: str | None = None, request_id: str | None = None, known: bool = True
    ) -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id
        self.known = known


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


class DatabaseUnavailable(ConfigurationError):
    """The database does not answer for now: it is starting, paused or failing over, or a connection broke."""


class BoardRefused(Fatal):
    """monday takes no more rows on this board: it is full, gone, or closed to the token. Other boards may go on."""


class NotMonday(Fatal):
    """Something on the way answered in monday's place: a firewall, a proxy, a login page.

    What became of the request behind it is not known.
    """


class NotFound(Fatal):
    """monday has no such thing, or no longer."""


class CursorExpired(Fatal):
    """monday no longer knows the place in a list that comes in pages: only a read from its beginning can go on."""


class LeaseLost(Fatal):
    """Another run holds the lease that this run had; this run must not write any more."""


class WriteLost(Fatal):
    """What a transaction had written was not there at its end. The transaction is tried again before this is raised."""


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
