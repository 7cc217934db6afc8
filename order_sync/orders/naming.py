"""What an order is called on the board.

In: one order as a mapping of source column to value. Out: group title, item name, subitem name.
A name that monday would refuse is Rejected here: sending it would cost a call to learn the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from order_sync.errors import Rejected, Rule

NO_CUSTOMER = "(no customer)"  # how people read an empty one
NAME_LIMIT = 255  # characters; monday answers ItemNameTooLongException above it


def clean(value: Any) -> str:
    """The value as text without blanks around it; '' for None."""
    return "" if value is None else str(value).strip()


def folded(value: Any) -> str:
    """The value as most SQL Server collations compare it: without blanks around it, in any case."""
    return clean(value).casefold()


def group_title(order: Mapping[str, Any]) -> str:
    """GroupMonday, else customer and season, else the customer alone. Blanks count as empty."""
    title = clean(order.get("GroupMonday"))
    if not title:
        customer = clean(order.get("CUSTOMER NAME"))
        if not customer:
            raise Rejected(
                "the order has neither GroupMonday nor CUSTOMER NAME, so no group can be named",
                code=Rule.NO_GROUP_TITLE,
            )
        season = clean(order.get("CUSTOMER SEASON")) or clean(order.get("AAG SEASON"))
        title = f"{customer} {season}".strip()
    return _checked(title, "the group title")


def item_name(order: Mapping[str, Any]) -> str:
    """Style (or alias), colour, order number and PO number, as far as they are filled in."""
    parts = (
        clean(order.get("ALIAS/RELATED ITEM")) or clean(order.get("CUSTOMER STYLE")),
        clean(order.get("CUSTOMER COLOUR DESCRIPTION")),
        clean(order.get("AAG ORDER NUMBER")),
        clean(order.get("PO NUMBER")) or clean(order.get("CUSTOMER ALT PO")),
    )
    name = " ".join(part for part in parts if part)
    if not name:
        raise Rejected(
            "the order has no style, colour, order number or PO number to make an item name of",
            code=Rule.NO_ITEM_NAME,
        )
    return _checked(name, "the item name")


def subitem_name(size_code: Any) -> str:
    size = clean(size_code)
    if not size:
        raise Rejected("the line has no size_code, so its subitem has no name", code=Rule.NO_SIZE)
    return _checked(f"Size {size}", "the subitem name")


def _checked(name: str, what: str) -> str:
    if len(name) > NAME_LIMIT:
        raise Rejected(
            f"{what} has {len(name)} characters, monday takes {NAME_LIMIT}: '{name[:60]}...'", code=Rule.NAME_TOO_LONG
        )
    return name
