"""Names on the board, and the keys by which customers, groups and labels are compared.

In: one order as a mapping of source column to value. Out: group title, item name, subitem name; comparison keys.
Rejects a name that monday would refuse, without a call.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NewType

from order_sync.orders.codes import Rule
from order_sync.orders.errors import Rejected
from order_sync.orders.readable import text_of

ORDER_NUMBER = "AAG ORDER NUMBER"
CUSTOMER = "CUSTOMER NAME"
NAMING_COLUMNS = ("CUSTOMER SEASON", "AAG SEASON", "ALIAS/RELATED ITEM", "CUSTOMER ALT PO")  # of ORDER_LIST alone
NO_CUSTOMER = "(no customer)"  # shown for an empty customer
NAME_LIMIT = 255  # characters; monday answers ItemNameTooLongException above it


def clean(value: Any) -> str:
    """The value as text without blanks around it; '' for None."""
    return text_of(value).strip()


TextKey = NewType("TextKey", str)  # what a text is compared by; never shown, never sent


def text_key(value: Any) -> TextKey:
    """A comparison key that ignores case and blanks, independent of the database's collation.

    It ignores case, Unicode composition (canonical caseless matching), surrounding blanks and repeated blanks.
    Accents are significant: Cafe is not Café.
    """
    return _folded(clean(value))


@lru_cache(maxsize=65_536)  # the same few thousand names and labels, again and again
def _folded(text: str) -> TextKey:
    decomposed = unicodedata.normalize("NFD", text).casefold()
    return TextKey(" ".join(unicodedata.normalize("NFD", decomposed).split()))


def one_in_several_spellings(texts: Iterable[str]) -> list[list[str]]:
    """Groups of texts that have the same key but different spellings."""
    found: dict[TextKey, list[str]] = {}
    for text in texts:
        found.setdefault(text_key(text), []).append(text)
    return [same for same in found.values() if len(same) > 1]


def customer_key(name: Any) -> TextKey:
    """The key by which every command and table compares customers; "" for no customer, also as it is shown."""
    key = text_key(name)
    return TextKey("") if key == NO_CUSTOMER else key


class Customers:
    """Customers by the name to show: the first spelling seen of each."""

    def __init__(self, spellings: Iterable[Any] = ()) -> None:
        self._names: dict[TextKey, str] = {}
        for spelling in spellings:
            self.name(spelling)

    def name(self, spelling: Any) -> str:
        """The customer's name in its first spelling; "(no customer)" if it is empty."""
        key = customer_key(spelling)
        return self._names.setdefault(key, clean(spelling) if key else NO_CUSTOMER)

    @property
    def names(self) -> list[str]:
        """Every name, sorted."""
        return sorted(self._names.values(), key=text_key)


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
    """Style (or alias), colour, order number and PO number; empty parts are left out."""
    parts = (
        clean(order.get("ALIAS/RELATED ITEM")) or clean(order.get("CUSTOMER STYLE")),
        clean(order.get("CUSTOMER COLOUR DESCRIPTION")),
        clean(order.get("AAG ORDER NUMBER")),
        clean(order.get("PO NUMBER")) or clean(order.get("CUSTOMER ALT PO")),
    )
    name = " ".join(part for part in parts if part)
    if not name:
        raise Rejected(
            "the order has no style, colour, order number or PO number, so its item has no name", code=Rule.NO_ITEM_NAME
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
            f"{what} has {len(name)} characters, monday allows {NAME_LIMIT}: '{name[:60]}...'", code=Rule.NAME_TOO_LONG
        )
    return name
