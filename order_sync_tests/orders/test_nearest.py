"""The nearest known name: found in any spelling, and none where nothing is near."""

from __future__ import annotations

import pytest

from order_sync.orders.nearest import did_you_mean, nearest

COLUMNS = ["CUSTOMER NAME", "CUSTOMER STYLE", "STYLE DESCRIPTION", "PO NUMBER", "XS", "32/30"]
CUSTOMERS = ["Moonpenny Trading and Shipping Company Ltd", "Café Ott", "O'Malley & Daughters", ""]


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("CUSTOMER STLYE", COLUMNS, "CUSTOMER STYLE"),
        ("customer  style ", COLUMNS, "CUSTOMER STYLE"),
        ("CUSTOMER_STYLE", COLUMNS, "CUSTOMER STYLE"),
        ("XSS", COLUMNS, "XS"),
        ("32/03", COLUMNS, "32/30"),
        ("Moonpenny", CUSTOMERS, "Moonpenny Trading and Shipping Company Ltd"),
        ("CAFE\u0301 OTT", CUSTOMERS, "Café Ott"),
        ("omalley & daughter", CUSTOMERS, "O'Malley & Daughters"),
        ("ORDER_SYNC_DRYRUN", ["ORDER_SYNC_DRY_RUN", "ORDER_SYNC_MAPPING"], "ORDER_SYNC_DRY_RUN"),
        ("ORDER_SYNC_MAPING", ["ORDER_SYNC_DRY_RUN", "ORDER_SYNC_MAPPING"], "ORDER_SYNC_MAPPING"),
        ("entirely different", COLUMNS, None),
        ("", CUSTOMERS, None),
        (" ", CUSTOMERS, None),
        ("PO", [], None),
    ],
)
def test_the_nearest_name_is_found(name: str, known: list[str], found: str | None) -> None:
    assert nearest(name, known) == found


def test_a_beginning_of_several_names_is_near_to_none() -> None:
    assert nearest("Harbour", ["Harbour Goods and Linens of the North", "Harbour Fabrics and Trimmings Ltd"]) is None


def test_the_phrase_follows_the_name_or_is_empty() -> None:
    assert did_you_mean("CUSTOMER STLYE", COLUMNS) == " (did you mean 'CUSTOMER STYLE'?)"
    assert did_you_mean("entirely different", COLUMNS) == ""
