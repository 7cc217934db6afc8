"""What an order is called on the board: every rule, blanks as nothing, and never a name that monday refuses."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.orders.errors import Rejected
from order_sync.orders.naming import (
    NO_CUSTOMER,
    Customers,
    clean,
    customer_key,
    group_title,
    item_name,
    subitem_name,
    text_key,
)

BLANKS = [None, "", " ", "\t\r\n", "\u00a0\u3000"]
ORDER = {
    "CUSTOMER NAME": "O'Malley & Daughters",
    "CUSTOMER STYLE": "TS-1",
    "CUSTOMER COLOUR DESCRIPTION": "Navy",
    "AAG ORDER NUMBER": "A-77",
    "PO NUMBER": "PO-5",
}


# ---- groups ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filled", "title"),
    [
        ({"GroupMonday": "Ready made", "CUSTOMER SEASON": "SS27"}, "Ready made"),
        ({"CUSTOMER SEASON": "SS27", "AAG SEASON": "AW26"}, "O'Malley & Daughters SS27"),
        ({"AAG SEASON": "AW26"}, "O'Malley & Daughters AW26"),
        ({}, "O'Malley & Daughters"),
        ({"GroupMonday": "  Ready made \n"}, "Ready made"),
        ({"CUSTOMER NAME": " Ott ", "CUSTOMER SEASON": " SS27 "}, "Ott SS27"),
        ({"GroupMonday": "Only this", "CUSTOMER NAME": None}, "Only this"),
    ],
)
def test_the_group_of_an_order(filled: dict[str, Any], title: str) -> None:
    assert group_title(ORDER | filled) == title


@pytest.mark.parametrize("blank", BLANKS)
def test_blanks_are_nothing_in_a_group(blank: str | None) -> None:
    blanks = dict.fromkeys(["GroupMonday", "CUSTOMER SEASON", "AAG SEASON"], blank)
    assert group_title(ORDER | blanks) == "O'Malley & Daughters"
    with pytest.raises(Rejected, match="neither GroupMonday nor CUSTOMER NAME"):
        group_title(ORDER | blanks | {"CUSTOMER NAME": blank, "CUSTOMER SEASON": "SS27"})


# ---- items ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filled", "name"),
    [
        ({}, "TS-1 Navy A-77 PO-5"),
        ({"ALIAS/RELATED ITEM": "ALT-9"}, "ALT-9 Navy A-77 PO-5"),
        ({"ALIAS/RELATED ITEM": "ALT-9", "CUSTOMER STYLE": None}, "ALT-9 Navy A-77 PO-5"),
        ({"CUSTOMER ALT PO": "ALT-PO"}, "TS-1 Navy A-77 PO-5"),
        ({"PO NUMBER": None, "CUSTOMER ALT PO": "ALT-PO"}, "TS-1 Navy A-77 ALT-PO"),
        ({"PO NUMBER": None}, "TS-1 Navy A-77"),
        ({"CUSTOMER COLOUR DESCRIPTION": None}, "TS-1 A-77 PO-5"),
        ({"CUSTOMER STYLE": None}, "Navy A-77 PO-5"),
        ({"AAG ORDER NUMBER": " A-78 "}, "TS-1 Navy A-78 PO-5"),
        ({"AAG ORDER NUMBER": 42}, "TS-1 Navy 42 PO-5"),
        ({"CUSTOMER COLOUR DESCRIPTION": "Ёж 七 🌅"}, "TS-1 Ёж 七 🌅 A-77 PO-5"),
    ],
)
def test_the_name_of_an_item(filled: dict[str, Any], name: str) -> None:
    assert item_name(ORDER | filled) == name


@pytest.mark.parametrize("blank", BLANKS)
def test_an_order_of_blanks_has_no_name(blank: str | None) -> None:
    names = ["ALIAS/RELATED ITEM", "CUSTOMER STYLE", "CUSTOMER COLOUR DESCRIPTION"]
    names += ["AAG ORDER NUMBER", "PO NUMBER", "CUSTOMER ALT PO"]
    with pytest.raises(Rejected, match="no style, colour, order number or PO number"):
        item_name(dict.fromkeys(names, blank))
    assert item_name(dict.fromkeys(names, blank) | {"CUSTOMER ALT PO": "7"}) == "7"


def test_missing_columns_have_no_value() -> None:
    assert item_name({"PO NUMBER": "7"}) == "7"
    assert group_title({"CUSTOMER NAME": "Ott"}) == "Ott"


# ---- subitems -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "name"), [("XL", "Size XL"), (" 32/30 ", "Size 32/30"), (0, "Size 0"), ("½", "Size ½")]
)
def test_the_name_of_a_subitem(size: Any, name: str) -> None:
    assert subitem_name(size) == name


@pytest.mark.parametrize("blank", BLANKS)
def test_a_line_without_a_size_has_no_name(blank: str | None) -> None:
    with pytest.raises(Rejected, match="no size_code"):
        subitem_name(blank)


# ---- limits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "what", "room"),
    [
        (lambda text: group_title({"GroupMonday": text}), "the group title", 255),
        (lambda text: group_title({"CUSTOMER NAME": text, "AAG SEASON": "SS27"}), "the group title", 250),
        (lambda text: item_name({"CUSTOMER STYLE": text, "PO NUMBER": "PO-5"}), "the item name", 250),
        (subitem_name, "the subitem name", 250),
    ],
)
def test_255_characters_and_no_more(make: Callable[[str], str], what: str, room: int) -> None:
    assert len(make("七" * room)) == 255
    with pytest.raises(Rejected, match=f"{what} has 256 characters, monday allows 255") as caught:
        make("七" * (room + 1))
    assert len(str(caught.value)) < 200


@given(st.dictionaries(st.sampled_from([*ORDER, "GroupMonday", "CUSTOMER SEASON"]), st.none() | st.text()))
def test_any_name_is_valid_or_rejected(order: dict[str, str | None]) -> None:
    for make in (group_title, item_name):
        try:
            name = make(order)
        except Rejected:
            continue
        assert 1 <= len(name) <= 255
        assert name == name.strip()


# ---- when two texts are one -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ACME SS27", "Acme SS27 "),
        ("Caf\u00e9", "Cafe\u0301"),
        ("CAF\u00c9", "cafe\u0301 "),
        ("Straße", "STRASSE"),
        ("ΑΣ", "ας"),
        ("Acme  Ltd", "acme\u00a0ltd"),
        ("\u0345\u0301", "\u0301\u03b9"),  # a letter that is another one once it is folded
        (None, " \t"),
        (7, "7 "),
    ],
)
def test_texts_that_people_read_as_the_same_are_one(one: Any, other: Any) -> None:
    assert text_key(one) == text_key(other)
    assert customer_key(one) == customer_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Cafe", "Café"), ("Acme Ltd", "AcmeLtd"), ("O'Neill", "O\u2019Neill"), ("A", None), ("A", "")]
)
def test_other_texts_are_others(one: Any, other: Any) -> None:
    assert text_key(one) != text_key(other)


def test_nobody_may_be_typed_as_it_is_shown() -> None:
    assert {customer_key(nobody) for nobody in (None, "", " ", NO_CUSTOMER, NO_CUSTOMER.upper())} == {""}


def test_the_first_spelling_is_shown() -> None:
    customers = Customers([" acme Ltd ", "ACME LTD", None, "Zoë"])
    assert [customers.name(name) for name in ("ACME  ltd", "zoe\u0308", "", "New")] == [
        "acme Ltd",
        "Zoë",
        NO_CUSTOMER,
        "New",
    ]
    assert customers.names == [NO_CUSTOMER, "acme Ltd", "New", "Zoë"]


@given(st.text())
def test_a_key_is_its_own_key(text: str) -> None:
    key = text_key(text)
    assert text_key(key) == key
    for form in ("NFC", "NFD"):
        assert text_key(f" {unicodedata.normalize(form, text)}\n") == key


@given(st.text())
def test_clean_takes_away_blanks_only(text: str) -> None:
    assert clean(text) in text
    assert clean(clean(text)) == clean(text)
    assert clean(f" \t{text}\n ") == clean(text)
