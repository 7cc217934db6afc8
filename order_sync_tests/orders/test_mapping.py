"""The mapping file: what is good is read, what is wrong is one error that names the file, the place and the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from order_sync.errors import ConfigurationError
from order_sync.orders.mapping import ColumnMap, Mapping, load_mapping
from order_sync.orders.tables import make_tables

GOOD = """
[items]
key_column = "key"
record_column = "record"

[[items.columns]]
source = "ORDER TYPE"
column = "order_type"
title = "Order type"
type = "dropdown"
new_labels = true
labels = ["Ü", "44"]

[[items.columns]]
source = "32/30 [x] 'y'"
column = "text0"
type = "text"

[[subitems.columns]]
source = "qty"
column = "qty"
type = "numbers"
"""


def column(place: str = "items", **fields: str) -> str:
    given = {"source": '"qty"', "column": '"c"', "type": '"text"'} | fields
    return f"[[{place}.columns]]\n" + "".join(f"{name} = {value}\n" for name, value in given.items() if value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mapping.toml"


def test_the_shipped_mapping_is_good() -> None:
    mapping = load_mapping()
    assert mapping.items.own_columns == ("delta_uuid", "record_uuid")
    assert mapping.subitems.own_columns == ("line_uuid",)
    assert "CUSTOMER SEASON" in mapping.item_sources
    order_columns = {column.name for column in make_tables(mapped_columns=mapping.item_sources).order_columns}
    assert set(mapping.item_sources) <= order_columns


def test_a_good_file(path: Path) -> None:
    path.write_text(GOOD, encoding="utf-8")
    mapping = load_mapping(path)
    assert mapping.items.own_columns == ("key", "record")
    assert mapping.item_sources == ("ORDER TYPE", "32/30 [x] 'y'")
    first, second = mapping.items.columns
    assert first == ColumnMap(
        source="ORDER TYPE",
        column="order_type",
        title="Order type",
        type="dropdown",
        new_labels=True,
        labels=("Ü", "44"),
    )
    assert (second.title, second.new_labels, second.labels) == ("", False, ())
    assert [c.source for c in mapping.subitems.columns] == ["qty"]


def test_an_empty_file_maps_the_keys_only(path: Path) -> None:
    path.write_text("")
    assert load_mapping(path) == Mapping()


def test_a_mapping_cannot_be_changed(path: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_mapping().items.key_column = "x"


def test_the_first_rule_that_fits_chooses_the_board(path: Path) -> None:
    path.write_text(
        """
        [[boards]]
        id = 1
        customers = ["Elm & Ash ", "O'Malley"]
        where = { "ORDER TYPE" = ["SAMPLE", ""] }
        [[boards]]
        id = 2
        customers = ["elm & ash"]
        [[boards]]
        id = 1
        where = { "TOTAL QTY" = ["7"] }
        """,
        encoding="utf-8",
    )
    mapping = load_mapping(path)
    assert mapping.board_ids(9) == (9, 1, 2)
    assert mapping.board_ids(0) == (1, 2)
    assert mapping.board_sources == ("CUSTOMER NAME", "ORDER TYPE", "TOTAL QTY")
    assert set(mapping.board_sources) <= set(mapping.item_sources)
    chosen = [
        mapping.board_of({"CUSTOMER NAME": customer, "ORDER TYPE": kind, "TOTAL QTY": qty}, 9)
        for customer, kind, qty in (
            ("ELM & ASH", "sample", 1),
            ("Elm & Ash", None, 1),
            ("Elm & Ash", "REPEAT", 7),
            ("O'Malley", "REPEAT", 7),
            ("O'Malley", "REPEAT", 8),
            (None, " ", None),
        )
    ]
    assert chosen == [1, 1, 2, 1, 9, 9]


WRONG = {
    "no TOML": ("[items\n", "is not valid TOML: "),
    "a key twice": ('[items]\nkey_column = "a"\nkey_column = "b"\n', "is not valid TOML: "),
    "unknown table": ("[item]\n", "wrong at item: Extra inputs are not permitted"),
    "unknown key": ('[items]\nkey_colum = "a"\n', "wrong at items.key_colum: Extra"),
    "no table": ("items = 3\n", "wrong at items: "),
    "no list": ("[items.columns]\n", "wrong at items.columns: "),
    "no source": (column(source=""), "wrong at items.columns.0.source: Field required"),
    "empty source": (column(source='""'), "wrong at items.columns.0.source: "),
    "source is a number": (column(source="5"), "wrong at items.columns.0.source: "),
    "no column": (column(column=""), "wrong at items.columns.0.column: Field required"),
    "column with a capital": (column(column='"Total"'), "wrong at items.columns.0.column: String should match"),
    "column with a blank": (column(column='"to tal"'), "wrong at items.columns.0.column: String should match"),
    "empty column": (column(column='""'), "wrong at items.columns.0.column: String should match"),
    "key column with a dash": ('[subitems]\nkey_column = "line-uuid"\n', "wrong at subitems.key_column: "),
    "no type": (column(type=""), "wrong at items.columns.0.type: Field required"),
    "unknown type": (column(type='"number"'), "wrong at items.columns.0.type: Input should be 'text'"),
    "the second column": (column() + column(type='"x"', column='"d"'), "wrong at items.columns.1.type: "),
    "labels of a text": (column(labels='["a"]'), "wrong at items.columns.0: .*only status and dropdown have labels"),
    "new labels of a date": (
        column(type='"date"', new_labels="true"),
        "wrong at items.columns.0: .*column 'c' is date",
    ),
    "labels are a string": (column(type='"status"', labels='"a"'), "wrong at items.columns.0.labels: "),
    "a column twice": (column() + column(), "wrong at items: .*mapped twice: c"),
    "the key column again": (column(column='"record_uuid"'), "wrong at items: .*mapped twice: record_uuid"),
    "both keys in one": ('[items]\nkey_column = "record_uuid"\n', "wrong at items: .*mapped twice: record_uuid"),
    "a line's column twice": (column("subitems") * 2, "wrong at subitems: .*mapped twice: c"),
    "a board without an id": ('[[boards]]\ncustomers = ["A"]\n', "wrong at boards.0.id: Field required"),
    "a board without a condition": ("[[boards]]\nid = 5\n", "wrong at boards.0: .*board 5 has no condition"),
    "a condition without values": ("[[boards]]\nid = 5\nwhere = { A = [] }\n", "wrong at boards.0.where.A: "),
    "customers twice": (
        '[[boards]]\nid = 5\ncustomers = ["A"]\nwhere = { "CUSTOMER NAME" = ["B"] }\n',
        "wrong at boards.0: .*board 5 has customers twice",
    ),
    "a source that lines lack": (column("subitems", source='"QTY"'), "wrong at subitems: .*'QTY' is none of a line's"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_with_its_place(path: Path, what: str) -> None:
    content, message = WRONG[what]
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_mapping(path)
    assert str(caught.value).startswith(f"The mapping {path} is ")
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_is_not_there(path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"The mapping .*mapping\.toml cannot be read: No such file"):
        load_mapping(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_mapping(path.parent)


def test_a_file_that_is_not_utf8(path: Path) -> None:
    path.write_bytes("[items]\n# Größe\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="is not valid TOML: "):
        load_mapping(path)


@given(content=st.text(max_size=60))
def test_any_text_is_a_mapping_or_one_clear_error(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    message = ""
    try:
        load_mapping(path)
    except ConfigurationError as error:
        message = str(error)
    assert message == "" or message.startswith(f"The mapping {path} is ")
