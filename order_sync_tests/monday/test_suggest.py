"""Which source a board's column is for: by the mapping, by names and by types."""

from __future__ import annotations

import pytest

from order_sync.monday.columns import Column
from order_sync.monday.suggest import find_key, suggest
from order_sync.orders.mapping import ColumnMapping, ItemMap, OrderColumn

SOURCES = (
    OrderColumn(name="AAG ORDER NUMBER", kind="text"),
    OrderColumn(name="CUSTOMER NAME", kind="text"),
    OrderColumn(name="CUSTOMER COLOUR DESCRIPTION", kind="text"),
    OrderColumn(name="TOTAL QTY", kind="number"),
    OrderColumn(name="ETA CUSTOMER WAREHOUSE DATE", kind="date"),
    OrderColumn(name="32/30"),
)


def column(title: str, kind: str = "text", column_id: str = "") -> Column:
    return Column(id=column_id or f"id_{title.lower()}", title=title, type=kind, labels={})


def suggested(mapping: ColumnMapping, *columns: Column) -> dict[str, str | None]:
    return {each.column.title: each.source for each in suggest(columns, SOURCES, mapping.items)}


@pytest.mark.parametrize(
    ("title", "kind", "source"),
    [
        ("Customer name", "text", "CUSTOMER NAME"),
        ("Customer", "text", "CUSTOMER NAME"),  # its title in the mapping
        ("aag_order_number", "text", "AAG ORDER NUMBER"),
        ("Total quantity", "numbers", "TOTAL QTY"),
        ("Customer Color", "text", "CUSTOMER COLOUR DESCRIPTION"),
        ("Total quantity", "text", "TOTAL QTY"),
        ("Customer name", "numbers", None),
        ("Delivery", "date", "ETA CUSTOMER WAREHOUSE DATE"),  # the only date
        ("Customr name", "text", "CUSTOMER NAME"),
        ("32/30", "numbers", "32/30"),  # the database does not say of which type
        ("People", "text", None),
        ("Customer name", "checkbox", "CUSTOMER NAME"),
        ("Total quantity", "checkbox", "TOTAL QTY"),
        ("ETA customer warehouse date", "checkbox", None),
    ],
)
def test_names_and_types(mapping: ColumnMapping, title: str, kind: str, source: str | None) -> None:
    assert suggested(mapping, column(title, kind)) == {title: source}


def test_a_source_fills_one_column(mapping: ColumnMapping) -> None:
    found = suggested(mapping, column("Customr name"), column("Customer name"))
    assert found == {"Customr name": None, "Customer name": "CUSTOMER NAME"}


def test_the_mapping_that_is_there_comes_first(mapping: ColumnMapping) -> None:
    found = suggested(mapping, column("CUSTOMER NAME"), column("Anything", column_id="customer"))
    assert found == {"CUSTOMER NAME": None, "Anything": "CUSTOMER NAME"}


def test_of_two_dates_none_is_guessed(mapping: ColumnMapping) -> None:
    assert set(suggested(mapping, column("Start", "date"), column("End", "date")).values()) == {None}


def test_columns_that_cannot_be_filled_are_left_out(mapping: ColumnMapping) -> None:
    key = mapping.items.key_column
    assert suggested(mapping, column("Owner", "people"), column("Key", column_id=key)) == {}


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ([column("Anything", column_id="record_uuid")], "record_uuid"),
        ([column("Order key", column_id="text_7")], "text_7"),
        ([column("Record UUID", column_id="text_8")], "text_8"),
        ([column("Order key", "numbers")], None),
        ([], None),
    ],
)
def test_the_key_column_is_found(columns: list[Column], key: str | None) -> None:
    assert find_key(columns, ItemMap(), "Order key") == key
