"""What a code means, and what to do about it, in words for who looks after the orders.

In: a code of monday's or a Rule of order_sync's own. Out: a title and the next step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from order_sync.database.tables import TableNames
from order_sync.orders.errors import Rule


@dataclass(frozen=True, kw_only=True)
class Advice:
    """`by` is who rejects such a row: order_sync does so before anything is sent."""

    title: str
    next: str
    by: str


RETRY = "Then run `order-sync retry`."
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
    "DATA_VALIDATIONS_ERROR": (
        "Value that a rule of the board forbids",
        "The reason says which rule. Correct the value in the order, or change the rule on the board.",
    ),
    "InvalidArgumentException": _BOARD,
    "InvalidColumnIdException": _BOARD,
    "ItemNameTooLongException": (Rule.NAME_TOO_LONG.heading, Rule.NAME_TOO_LONG.remedy),
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
    title, step = (own.heading, own.remedy) if own else MONDAYS.get(code or "", OTHER)
    step = step.format(
        headers=names.header_queue, lines=names.line_queue, orders=names.orders, order_lines=names.order_lines
    )
    return Advice(title=title, next=f"{step} {RETRY}", by="order_sync" if own else "monday" if code else "unknown")
