"""A mapping file with other columns: everything else in it stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from order_sync.orders.mapping import DEFAULT_MAPPING, BoardMap, load_mapping
from order_sync.orders.mapping_file import Entry, with_columns

TEXT = DEFAULT_MAPPING.read_text(encoding="utf-8")
KEYS = {"items": "record_uuid", "subitems": "line_uuid"}


def entries(of: BoardMap) -> list[Entry]:
    return [Entry(source=c.source, column=c.column, title=c.title, type=c.type) for c in of.columns]


@pytest.fixture
def columns() -> dict[str, list[Entry]]:
    mapping = load_mapping()
    return {"items": entries(mapping.items), "subitems": entries(mapping.subitems)}


def test_what_stays_the_same_leaves_the_file_alone(columns: dict[str, list[Entry]]) -> None:
    assert with_columns(TEXT, columns, KEYS) == TEXT


def test_columns_change_and_the_rest_stays(columns: dict[str, list[Entry]], tmp_path: Path) -> None:
    kept = [entry for entry in columns["items"] if entry.source not in ("PO NUMBER", "CUSTOMER SEASON")]
    season = Entry(source="CUSTOMER SEASON", column="text_s", title="Season", type="text")
    new = Entry(source="ALIAS/RELATED ITEM", column="status_1", title="Alias", type="status", new_labels=True)
    text = with_columns(TEXT, {**columns, "items": [*kept, season, new]}, {**KEYS, "items": "key_1"})
    path = tmp_path / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    read = load_mapping(path)
    assert read.items.key_column == "key_1"
    by_source = {column.source: column for column in read.items.columns}
    assert "PO NUMBER" not in by_source
    assert (by_source["CUSTOMER SEASON"].type, by_source["CUSTOMER SEASON"].new_labels) == ("text", False)
    assert (by_source["ALIAS/RELATED ITEM"].column, by_source["ALIAS/RELATED ITEM"].new_labels) == ("status_1", True)
    assert by_source["ORDER TYPE"].labels == ("PRODUCTION", "SAMPLE", "REPEAT", "CANCELLED")
    assert [line for line in TEXT.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if line.startswith("#")
    ]
    assert read.items.cancel == load_mapping().items.cancel


def test_a_file_without_columns_gets_them(columns: dict[str, list[Entry]], tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(with_columns('[[boards]]\nid = 7\ncustomers = "A"\n', columns, KEYS), encoding="utf-8")
    read = load_mapping(path)
    assert len(read.items.columns) == len(columns["items"])
    assert [rule.id for rule in read.boards] == [7]
