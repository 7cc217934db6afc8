"""Explains error codes to the people in charge of the orders.

In: a code of monday or a Rule of order_sync. Out: a title and the next step. Never sends anybody to a source file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from order_sync.database.tables import TableNames
from order_sync.orders.errors import Rule


@dataclass(frozen=True, kw_only=True)
class Advice:
    """`by` is who rejects the row; order_sync does so before anything is sent."""

    title: str
    next: str
    by: str


RETRY = "Then run `order-sync retry`."
_VALUE = (
    "Value refused by monday",
    "See the reason. Correct the value in the order. If the value is right, the column on the board does not match the "
    "mapping: `order-sync board check` compares them.",
)
_BOARD = (
    "Column or request refused by monday",
    "The board may have changed: `order-sync board check` lists what does not match the mapping.",
)
MONDAYS: Mapping[str, tuple[str, str]] = {
    "ColumnValueException": _VALUE,
    "CorrectedValueException": _VALUE,
    "DATA_VALIDATIONS_ERROR": (
        "Value forbidden by a rule of the board",
        "The reason names the rule. Correct the value in the order, or change the rule on the board.",
    ),
    "InvalidArgumentException": _BOARD,
    "InvalidColumnIdException": _BOARD,
    "ItemNameTooLongException": (Rule.NAME_TOO_LONG.heading, Rule.NAME_TOO_LONG.remedy),
    "ResourceNotFoundException": (
        "Deleted on the board during the sync",
        "The item or group was deleted while the order was sent. If that was intended, nothing is left to do. If not, "
        "the next run recreates what is missing.",
    ),
}
OTHER = (
    "Another reason",
    "Correct the order as the reason says. If the same error occurs again, contact monday's support with the request "
    "id, or the person in charge of order_sync.",
)


def advice(code: str | None, names: TableNames) -> Advice:
    """The advice for a code, known or unknown; None means that there is no code."""
    own = next((rule for rule in Rule if rule == code), None)
    title, step = (own.heading, own.remedy) if own else MONDAYS.get(code or "", OTHER)
    step = step.format(
        headers=names.header_queue, lines=names.line_queue, orders=names.orders, order_lines=names.order_lines
    )
    return Advice(title=title, next=f"{step} {RETRY}", by="order_sync" if own else "monday" if code else "unknown")
