"""The mapping file: what is good is read, what is wrong is one error that names the file, the place and the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from order_sync.database.tables import make_tables
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.mapping import Cancel, ColumnMap, ColumnMapping, load_mapping

GOOD = """
[items]
key_column = "key"

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
    assert mapping.items.own_columns == ("record_uuid",)
    assert mapping.subitems.own_columns == ("line_uuid",)
    assert "CUSTOMER SEASON" in mapping.item_sources
    order_columns = {column.name for column in make_tables(mapped_columns=mapping.item_sources).order_columns}
    assert set(mapping.item_sources) <= order_columns


def test_a_good_file(path: Path) -> None:
    path.write_text(GOOD, encoding="utf-8")
    mapping = load_mapping(path)
    assert mapping.items.own_columns == ("key",)
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


def test_a_file_without_columns_maps_the_keys_only(path: Path) -> None:
    path.write_text("[items]\n")
    assert load_mapping(path) == ColumnMapping()


def test_edits_of_names_and_groups_are_kept_by_default(path: Path) -> None:
    path.write_text(GOOD, encoding="utf-8")
    plain = load_mapping(path)
    assert {column.edits for column in plain.items.columns} == {"overwrite"}
    assert (plain.items.name.edits, plain.items.group.edits, plain.subitems.name.edits) == ("keep", "keep", "keep")
    owned = (
        '[items.name]\nedits = "overwrite"\n[items.group]\nedits = "overwrite"\n[subitems.name]\nedits = "overwrite"\n'
    )
    path.write_text(owned + column(edits='"fill"') + column("subitems", edits='"keep"'))
    mapping = load_mapping(path)
    assert {owner.edits for owner in (mapping.items.name, mapping.items.group, mapping.subitems.name)} == {"overwrite"}
    assert (mapping.items.columns[0].edits, mapping.subitems.columns[0].edits) == ("fill", "keep")


def test_a_cancelled_order_is_archived_by_default(path: Path) -> None:
    path.write_text(GOOD, encoding="utf-8")
    assert load_mapping(path).items.cancel == load_mapping(path).subitems.cancel == Cancel(by="archive")
    path.write_text(
        """
        [items]
        cancel = { by = "label", column = "order_type", label = "Cancelled", most = 7 }
        [subitems.cancel]
        by = "delete"
        [[items.columns]]
        source = "ORDER TYPE"
        column = "order_type"
        type = "status"
        """
    )
    mapping = load_mapping(path)
    assert mapping.items.cancel == Cancel(by="label", column="order_type", label="Cancelled", most=7)
    assert mapping.subitems.cancel == Cancel(by="delete")
    path.write_text('[items.cancel]\nby = "move"\n')
    assert load_mapping(path).items.cancel.group == "Cancelled"


@pytest.mark.parametrize(
    ("most", "share", "on_board", "allowed"),
    [(50, 0.1, 0, 50), (50, 0.1, 500, 50), (50, 0.1, 519, 51), (0, 0.29, 100, 29), (0, 0.0, 9_000, 0), (3, 1, 7, 7)],
)
def test_a_run_may_cancel_a_number_or_a_share(most: int, share: float, on_board: int, allowed: int) -> None:
    assert Cancel(most=most, most_share=share).allowed(on_board) == allowed


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


def test_a_rule_fits_its_customer_in_any_spelling(path: Path) -> None:
    path.write_text('[[boards]]\nid = 1\ncustomers = ["Caf\u00e9  Ott", "(no customer)"]\n', encoding="utf-8")
    mapping = load_mapping(path)
    names = ("CAFE\u0301 OTT ", "caf\u00e9 ott", None, " ", "Cafe Ott")
    assert [mapping.board_of({"CUSTOMER NAME": name}, 9) for name in names] == [1, 1, 1, 1, 9]


COLUMN_ID = "must be a monday column id: a to z, 0 to 9 and _, at most 64 characters$"
QTY = r"invalid: \[\[items\.columns\]\] source 'qty': "
WRONG = {
    "no TOML": ("[items\n", r"is not valid TOML: .* \(at line 1, column 7\)$"),
    "an end too early": ('[items]\nkey_column = "a', r"is not valid TOML: .* \(at line 2, the end of the file\)$"),
    "a key twice": (
        '[items]\nkey_column = "a"\nkey_column = "b"\n',
        r"not valid TOML: a key is given twice \(at line 3, column 17\)$",
    ),
    "a table twice": ("[items]\n[items]\n", r"not valid TOML: \[items\] is given twice \(at line 2, column 7\)$"),
    "brackets without end": ("a = " + "[" * 100_000, "is not valid TOML: its brackets are nested too deeply$"),
    "a number without end": ("a = " + "1" * 5_000, "is not valid TOML: .*5000 digits"),
    "nothing at all": (
        "# a comment\n",
        "invalid: the file is empty, so no column would be filled; see order_sync/mapping.toml",
    ),
    "unknown table": ("[item]\n", r"invalid: unknown key 'item' \(did you mean 'items'\?\)$"),
    "unknown key": (
        '[items]\nkey_colum = "a"\n',
        r"invalid: \[items\]: unknown key 'key_colum' \(did you mean 'key_co",
    ),
    "no table": ("items = 3\n", r"invalid: items must be a table \(name = value\)$"),
    "no list": ("[items.columns]\n", r"invalid: \[items\.columns\] must be a list: write \[\[items\.columns\]\]$"),
    "no tables in a list": ("[items]\ncolumns = [1]\n", r"\[\[items\.columns\]\] number 1: must be a table"),
    "no source": (column(source=""), r"invalid: \[\[items\.columns\]\] column 'c': source is missing$"),
    "empty source": (column(source='""'), r"\[\[items\.columns\]\] column 'c': source must not be empty$"),
    "source is a number": (column(source="5"), "source 5: source must be a string in quotes$"),
    "no column": (column(column=""), QTY + "column is missing$"),
    "column with a capital": (column(column='"Total"'), f"{QTY}column {COLUMN_ID}"),
    "column with a blank": (column(column='"to tal"'), f"{QTY}column {COLUMN_ID}"),
    "empty column": (column(column='""'), f"{QTY}column {COLUMN_ID}"),
    "key column with a dash": ('[subitems]\nkey_column = "line-uuid"\n', rf"\[subitems\]: key_column {COLUMN_ID}"),
    "no type": (column(type=""), QTY + "type is missing$"),
    "unknown type": (
        column(type='"number"'),
        QTY + r"type must be 'text', .* or '\w+' \(did you mean 'numbers'\?\)$",
    ),
    "a misspelt key": (
        column(colunm='"eta"', column=""),
        QTY + r"unknown key 'colunm' \(did you mean 'column'\?\)$",
    ),
    "a misspelt key beside the right one": (column(colunm='"eta"'), QTY + r"unknown key 'colunm' \(did you mean 'col"),
    "a column without a name": (
        column() + '[[items.columns]]\nsorce = "A"\ncolum = "b"\ntype = "date"\n',
        r"columns\]\] number 2: unknown key 'sorce' \(did .*columns\]\] number 2: unknown key 'colum' \(did",
    ),
    "the second of one source": (column() + column(type='"x"', column='"d"'), "invalid: .* column 'd': type must be "),
    "labels of a text": (column(labels='["a"]'), QTY + "type is 'text', but only status and dropdown have labels$"),
    "new labels of a date": (column(type='"date"', new_labels="true"), QTY + "type is 'date', but only status and"),
    "a label that is a number": (
        column(type='"status"', labels='["a", 5]'),
        QTY + r"labels \(number 2\) must be a string in quotes$",
    ),
    "a zone of a text": (column(zone='"utc"'), QTY + "type is 'text', but only date has a zone$"),
    "a zone nobody knows": (column(type='"date"', zone='"CET"'), QTY + "zone must be 'own' or 'utc'$"),
    "a label in two spellings": (
        column(type='"status"', labels='["Sample", "SAMPLE ", "Other"]'),
        QTY + "a label is given twice: 'Sample' and 'SAMPLE '$",
    ),
    "new labels perhaps": (column(type='"status"', new_labels='"perhaps"'), f"{QTY}new_labels must be 1 or 0"),
    "a column twice": (
        column() + column(source='"size_code"'),
        r"invalid: \[items\]: monday column 'c' is mapped twice: source 'qty' and source 'size_code'$",
    ),
    "all of it twice": (column() * 2, r"mapped twice: source 'qty' \(number 1\) and source 'qty' \(number 2\)$"),
    "the key column again": (column(column='"record_uuid"'), "'record_uuid' is mapped twice: key_column and source"),
    "a key of the first version": (
        '[items]\nkey_column = "delta_uuid"\n',
        "the column that holds the order's record_uuid",
    ),
    "both keys of the first version": (
        '[items]\nkey_column = "delta_uuid"\nrecord_column = "order"\n',
        'delete it, and set key_column = "order"',
    ),
    "a line's column twice": (column("subitems") * 2, r"invalid: \[subitems\]: monday column 'c' is mapped twice: "),
    "a board without an id": ('[[boards]]\ncustomers = ["A"]\n', r"\[\[boards\]\] number 1: id is missing$"),
    "a board that is no number": (
        '[[boards]]\nid = "x"\ncustomers = "A"\n',
        r"\[\[boards\]\] id 'x': id must be a whol",
    ),
    "a board without a condition": (
        "[[boards]]\nid = 5\n",
        r"\[\[boards\]\] id 5: has no condition; set the board for",
    ),
    "a condition without values": ("[[boards]]\nid = 5\nwhere = { A = [] }\n", r"id 5: where\.A must not be empty$"),
    "a condition that is a number": (
        '[[boards]]\nid = 5\nwhere = { "TOTAL QTY" = 7 }\n',
        r'id 5: where\."TOTAL QTY" must be a string or a list of strings$',
    ),
    "a misspelt condition": (
        '[[boards]]\nid = 5\ncustomer = "A"\n',
        r"\[\[boards\]\] id 5: unknown key 'customer' \(did you mean 'customers'\?\)$",
    ),
    "customers twice": (
        '[[boards]]\nid = 5\ncustomers = ["A"]\nwhere = { "CUSTOMER NAME" = ["B"] }\n',
        "id 5: customers are given twice: in `customers` and in `where`$",
    ),
    "edits of nobody": (column(edits='"never"'), QTY + "edits must be 'overwrite', 'keep' or 'fill'$"),
    "a name that is filled": (
        '[items.name]\nedits = "fill"\n',
        r"invalid: \[items\.name\]: edits must be 'overwrite' or 'keep': a name or a group is never empty, so there is "
        "nothing to fill$",
    ),
    "a group that is filled": ('[items.group]\nedits = "fill"\n', r"\[items\.group\]: edits must be 'overwrite' or"),
    "a group of subitems": ('[subitems.group]\nedits = "keep"\n', r"\[subitems\]: unknown key 'group'$"),
    "a rule nobody knows": (
        '[items.cancel]\nby = "archiv"\n',
        r"invalid: \[items\.cancel\]: by must be 'archive', 'delete', 'move' or 'label' \(did you mean 'archive'\?\)$",
    ),
    "a misspelt key of a rule": (
        "[items.cancel]\nmots = 5\n",
        r"\[items\.cancel\]: unknown key 'mots' \(did you mean 'most'\?\)$",
    ),
    "a label without a column": (
        '[items.cancel]\nby = "label"\nlabel = "Cancelled"\n',
        r"\[items\.cancel\]: by is 'label', so column must name a status column of the board$",
    ),
    "a column without a label": (
        '[items.cancel]\nby = "label"\ncolumn = "state"\n',
        r"\[items\.cancel\]: by is 'label', so label must name the label of a cancelled order$",
    ),
    "a label of an archived order": (
        '[items.cancel]\ncolumn = "state"\nlabel = "x"\n',
        r"\[items\.cancel\]: by is 'archive', but column and label are only used if by is 'label'$",
    ),
    "a group of a labelled order": (
        '[items.cancel]\nby = "label"\ncolumn = "state"\nlabel = "x"\ngroup = "Cancelled"\n',
        r"\[items\.cancel\]: by is 'label', but group is only used if by is 'move'$",
    ),
    "a group without a title": (
        '[items.cancel]\nby = "move"\ngroup = " "\n',
        r"\[items\.cancel\]: group must not be empty$",
    ),
    "a label of a key": (
        '[subitems.cancel]\nby = "label"\ncolumn = "line_uuid"\nlabel = "x"\n',
        r"\[subitems\.cancel\]: column 'line_uuid' holds the keys, but a label needs a status column$",
    ),
    "a label of a text": (
        '[items.cancel]\nby = "label"\ncolumn = "c"\nlabel = "x"\n' + column(),
        r"\[items\.cancel\]: column 'c' is mapped as text, but a label needs a status column$",
    ),
    "a subitem that is moved": (
        '[subitems.cancel]\nby = "move"\n',
        r"\[subitems\.cancel\]: by is 'move', but monday cannot move a subitem: use 'archive', 'delete' or 'label'$",
    ),
    "a guard of subitems": (
        "[subitems.cancel]\nmost = 5\nmost_share = 0.5\n",
        r"\[subitems\.cancel\]: cancelled lines have no limit of their own: set most and most_share in \[items\.cancel",
    ),
    "a share above all": ("[items.cancel]\nmost_share = 10\n", r"\[items\.cancel\]: most_share must be at most 1$"),
    "a number below none": ("[items.cancel]\nmost = -1\n", r"\[items\.cancel\]: most must be at least 0$"),
    "no table of a name": ('[items]\nname = "keep"\n', r"\[items\]: name must be a table \(name = value\)$"),
    "a source that lines lack": (
        column("subitems", source='"QTY"'),
        r"source 'QTY': source is none of a line's columns \(did you mean 'qty'\?\): size_code, qty",
    ),
}


def test_all_that_is_wrong_is_named_at_once(path: Path) -> None:
    whole = ("a board without an id", "a misspelt key", "unknown type", "no list", "a column twice", "unknown table")
    parts = [WRONG[name][0].replace("items.columns]\n", "subitems.columns]\n", name == "no list") for name in whole]
    path.write_text("\n".join(parts), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_mapping(path)
    text = caught.value.message
    assert text.count("; ") >= len(whole) - 2
    for needle in ("'colunm'", "did you mean 'numbers'", "id is missing", "'item'", "[[subitems.columns]]", "twice: "):
        assert needle in text, text
    assert "column is missing" not in text
    assert "Input" not in text


@pytest.mark.parametrize("text", ['customers = "A"', 'where = { "CUSTOMER NAME" = "A" }'])
def test_a_single_text_is_a_list_of_one(path: Path, text: str) -> None:
    path.write_text(f"[[boards]]\nid = 5\n{text}\n", encoding="utf-8")
    (rule,) = load_mapping(path).boards
    assert rule.conditions == {"CUSTOMER NAME": ("A",)}
    path.write_text(column(type='"status"', labels='"A"'), encoding="utf-8")
    assert load_mapping(path).items.columns[0].labels == ("A",)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_with_a_byte_order_mark_is_read(path: Path, encoding: str) -> None:
    path.write_text(GOOD, encoding=encoding)
    assert load_mapping(path).items.columns[0].labels == ("Ü", "44")


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_with_its_place(path: Path, what: str) -> None:
    content, message = WRONG[what]
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_mapping(path)
    assert caught.value.message.startswith(f"The mapping {path} is ")
    assert "\n" not in caught.value.message
    assert caught.value.__cause__ is None


def test_a_missing_file(path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"The mapping .*mapping\.toml cannot be read: No such file"):
        load_mapping(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_mapping(path.parent)


def test_a_file_that_is_not_utf8(path: Path) -> None:
    path.write_bytes("[items]\n# Größe\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"is not UTF-8 \(line 2\): save it as UTF-8$"):
        load_mapping(path)


@given(content=st.text(max_size=60))
def test_any_text_is_a_mapping_or_one_clear_error(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    message = ""
    try:
        load_mapping(path)
    except ConfigurationError as error:
        message = error.message
    assert message == "" or message.startswith(f"The mapping {path} is ")
