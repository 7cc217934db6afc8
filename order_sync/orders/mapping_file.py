"""The mapping as a file: its text with other columns, and everything else as it was, comments too.

In: the text of a mapping, and the columns that boards are to have. Out: the new text. Writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit

from order_sync.orders.mapping import LABELLED

_OF_TYPE = {"labels": LABELLED, "new_labels": LABELLED, "zone": ("date",)}  # the types that a key is for


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A source and the column of the board that it fills."""

    source: str
    column: str
    title: str
    type: str
    new_labels: bool = False


def with_columns(text: str, columns: Mapping[str, Sequence[Entry]], keys: Mapping[str, str]) -> str:
    """The text with these columns and key columns, by "items" and "subitems".

    What it says of a source beside these (its labels, who owns an edit) stays, as far as the type allows.
    """
    file = tomlkit.parse(text)
    for board, entries in columns.items():
        table: Any = file.setdefault(board, tomlkit.table())
        _set(table, "key_column", keys[board])
        if "columns" not in table:
            table["columns"] = tomlkit.aot()
        _update(table["columns"], {entry.source: entry for entry in entries})
    return tomlkit.dumps(file)


def _update(rows: Any, wanted: Mapping[str, Entry]) -> None:
    """Corrects the rows of these sources, removes the others, and adds those that are missing."""
    for number in reversed(range(len(rows))):
        if str(rows[number].get("source")) not in wanted:
            del rows[number]
    there = {str(row["source"]): row for row in rows}
    for source, entry in wanted.items():
        row = there.get(source)
        if row is None:
            row = tomlkit.table()
            rows.append(_filled(row, entry, "source", "column", "title", "type"))
        elif (str(row.get("column")), str(row.get("type"))) != (entry.column, entry.type):
            _filled(row, entry, "column", "title", "type")
            for key in [key for key in row if entry.type not in _OF_TYPE.get(key, (entry.type,))]:
                del row[key]
        if entry.new_labels:
            _set(row, "new_labels", True)


def _filled(row: Any, entry: Entry, *keys: str) -> Any:
    for key in keys:
        _set(row, key, getattr(entry, key))
    return row


def _set(table: Any, key: str, value: Any) -> None:
    """Without a touch to a value that is right already: its comment would move."""
    if table.get(key) != value:
        table[key] = value
