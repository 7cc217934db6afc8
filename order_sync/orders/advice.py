"""What a code means, and what to do about it, in words for who looks after the orders.

In: a code of monday's or a Rule of order_sync's own. Out: a title and the next step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from order_sync.errors import Rule
from order_sync.orders.tables import TableNames


@dataclass(frozen=True, kw_only=True)
class Advice:
    """`by` is who rejects such a row: order_sync does so before anything is sent."""

    title: str
    next: str
    by: str


RETRY = "Then run `order-sync retry`."

# {headers}, {lines}, {orders} and {order_lines} are the site's names of the four tables.
OURS: Mapping[Rule, tuple[str, str]] = {
    Rule.NO_GROUP_TITLE: ("Order without a customer", "Fill in CUSTOMER NAME or GroupMonday in {headers}."),
    Rule.NO_ITEM_NAME: (
        "Order without anything to name it by",
        "Fill in at least one of CUSTOMER STYLE, CUSTOMER COLOUR DESCRIPTION, AAG ORDER NUMBER and PO NUMBER in "
        "{headers}.",
    ),
    Rule.NO_SIZE: (
        "Line without a size",
        "Fill in size_code of the line in {lines}, or delete the row there if the order has no such line.",
    ),
    Rule.NAME_TOO_LONG: (
        "Name over 255 characters",
        "Shorten what the name is made of in {headers}: style, colour, order number and PO number of an item, "
        "GroupMonday of a group; in {lines}: size_code.",
    ),
    Rule.TEXT_TOO_LONG: ("Text too long for its column", "Shorten the text in the column that the reason names."),
    Rule.UNKNOWN_LABEL: (
        "Label that the board does not have",
        "If the value is wrong, correct it in the column that the reason names in brackets. If it is right, add it to "
        "the labels of that column on the board.",
    ),
    Rule.NOT_A_NUMBER: ("Not a number", "Correct the value in the column that the reason names in brackets."),
    Rule.NOT_A_DATE: ("Not a date", "Correct the value in the column that the reason names in brackets."),
    Rule.NO_ORDER: (
        "Order missing in the main table",
        "{headers} has the order and {orders} has no row with its record_uuid: see that the order system writes both.",
    ),
    Rule.NO_ORDER_LINE: (
        "Line missing in the main table",
        "{lines} has the line and {order_lines} has no row of this order with its line_uuid: see that the order "
        "system writes both.",
    ),
    Rule.NO_BOARD: (
        "Order that goes to no board",
        "Add a rule for it under [[boards]] in the mapping, or set ORDER_SYNC_MONDAY_BOARD_ID for all orders that no "
        "rule fits.",
    ),
    Rule.NO_GROUP: (
        "Group that monday refuses",
        "monday did not take the order's group; the log of the run says why. Correct GroupMonday in {headers}.",
    ),
    Rule.ITEM_DELETED: (
        "Item deleted on the board",
        "The line came after its order was synced, and somebody has deleted the order's item since. Restore the item "
        "from the board's recycle bin (monday keeps it for 30 days), or have the order made again by `order-sync "
        "reconcile --requeue`.",
    ),
}
_VALUE = (
    "Value that monday refuses",
    "The reason says what is wrong with it. Correct the value in the order; if the value is right, the column on the "
    "board is not what the mapping says: `order-sync board check` compares them.",
)
_BOARD = (
    "Column or request that monday refuses",
    "Something about the board may have been changed: `order-sync board check` names what does not fit the mapping.",
)
MONDAYS: Mapping[str, tuple[str, str]] = {
    "ColumnValueException": _VALUE,
    "CorrectedValueException": _VALUE,
    "InvalidArgumentException": _BOARD,
    "InvalidColumnIdException": _BOARD,
    "ItemNameTooLongException": OURS[Rule.NAME_TOO_LONG],
    "ResourceNotFoundException": (
        "Deleted on the board while the order was sent",
        "The item or group was there a moment before. If it was deleted on purpose, the order needs no more; else "
        "the next run makes what is missing.",
    ),
}
OTHER = (
    "Another reason",
    "Read the reason, and correct the order if it says how. If the same reason comes again, ask monday's support and "
    "give them the request id, or report it to who looks after order_sync.",
)


def advice(code: str | None, names: TableNames) -> Advice:
    """The advice for a code, also for one that nobody has seen before; None is for no code at all."""
    own = next((rule for rule in Rule if rule == code), None)
    title, step = OURS[own] if own else MONDAYS.get(code or "", OTHER)
    step = step.format(
        headers=names.header_queue, lines=names.line_queue, orders=names.orders, order_lines=names.order_lines
    )
    return Advice(title=title, next=f"{step} {RETRY}", by="order_sync" if own else "monday" if code else "unknown")
