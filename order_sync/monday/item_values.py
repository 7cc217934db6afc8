"""What is written on items and subitems, and whether that is what was sent or a person's edit.

In: ids and column ids, a hundred ids a call; or a value as it was sent, and the text that monday shows for it.
Out: `ItemValues` by id; True or False. Reads only, and never fails on a text: one that it cannot read is an edit.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from order_sync.monday import operations
from order_sync.monday.client import MondayReader
from order_sync.monday.labels import Labels
from order_sync.monday.lists import is_active, items_by_id, text_of
from order_sync.monday.values import CHECKED
from order_sync.orders.mapping import LABELLED, ColumnMap
from order_sync.orders.naming import text_key
from order_sync.orders.readable import number_of

PARTS = ("column_values", "board")
TICK = "v"  # what monday shows of a checkbox with a tick


@dataclass(frozen=True, kw_only=True)
class ItemValues:
    """An item or a subitem that monday knows, in any state."""

    id: int
    state: str
    board_id: int  # of a subitem: the board of the subitems
    group_id: str  # "" for none
    name: str
    texts: Mapping[str, str]  # by column id, one for each column that was asked for; "" for an empty one

    @property
    def is_active(self) -> bool:
        return is_active({"state": self.state})


def read_values(reader: MondayReader, ids: Iterable[int], columns: Collection[str]) -> dict[int, ItemValues]:
    """What monday knows of the items and subitems, in the order of `ids`; unknown ones are left out."""
    wanted = list(dict.fromkeys(ids))
    texts = (str(item_id) for item_id in wanted)
    found = items_by_id(reader, operations.ITEM_VALUES, texts, {"ids": list(columns)}, parts=PARTS)
    return {item_id: _read(found[str(item_id)], columns) for item_id in wanted if str(item_id) in found}


def _read(raw: Mapping[str, Any], columns: Collection[str]) -> ItemValues:
    return ItemValues(
        id=int(raw["id"]),
        state=raw.get("state") or "active",
        board_id=int((raw.get("board") or {}).get("id") or 0),
        group_id=str((raw.get("group") or {}).get("id") or ""),
        name=str(raw["name"]),
        texts={column: text_of(raw, column) or "" for column in columns},
    )


# ---- comparing ----------------------------------------------------------------------------------------------


def shows(column: ColumnMap, sent: Any, text: str, labels: Labels) -> bool:
    """Whether a board that shows `text` in a column shows what was sent, None for a cleared column.

    `labels` are the board's, by column. Anything that cannot be decided is taken as an edit: False.
    """
    if sent is None:
        return not text.strip()
    if column.type == "numbers":
        return _same_number(sent, text)
    if column.type in LABELLED:
        return _same_labels(_sent_labels(sent, labels.get(column.column, {})), text, labels.get(column.column, {}))
    return same_text(text, *_sent_texts(column, sent))


def comparable(column: ColumnMap | None, text: str) -> str:
    """The same for texts that show the same value of a column, or for None of a name; "" for an empty one.

    For finding an item by a value among thousands, where `shows` would have to ask each.
    """
    text = _plain(text)
    if column is None or not text:
        return text
    if column.type == "numbers":
        try:
            return repr(float(number_of(text)) + 0.0)  # 0.0 for -0.0, too
        except ValueError:
            return text
    if column.type in LABELLED:
        return ",".join(sorted(text_key(part) for part in text.split(",")))
    if column.type == "date":
        return text[: len("2026-12-31")]  # another tool may have set a time of day
    return text.rpartition(" - ")[2] if column.type == "link" else text


def shown_as(column: ColumnMap, sent: Any, labels: Labels) -> str:
    """How a board shows a value that is sent to a column; "" for a cleared one."""
    if sent is None:
        return ""
    if column.type == "numbers":
        return str(sent)
    if column.type in LABELLED:
        return ", ".join(_sent_labels(sent, labels.get(column.column, {})) or [])
    return next(iter(_sent_texts(column, sent)), "")


def same_text(text: str, *sent: str) -> bool:
    """Whether a text reads like one of those that were sent: composed alike, without blanks around it."""
    return _plain(text) in {_plain(one) for one in sent}


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()


def _same_number(sent: Any, text: str) -> bool:
    try:
        one, other = number_of(sent), number_of(text)
    except ValueError:
        return False
    return one == other or float(one) == float(other)  # monday may keep a number as a float


def _sent_texts(column: ColumnMap, sent: Any) -> list[str]:
    """How monday may show a value of a text, long_text, date, link or checkbox column."""
    if isinstance(sent, str):
        return [sent]
    if not isinstance(sent, dict):
        return []
    if column.type == "link":
        url, shown = str(sent.get("url") or ""), str(sent.get("text") or "")
        return [f"{shown} - {url}", *([url] if shown in ("", url) else [])]
    if column.type == "checkbox":
        return [TICK] if sent == CHECKED else []
    value = sent.get("date" if column.type == "date" else "text")
    return [value] if isinstance(value, str) else []


def _sent_labels(sent: Any, known: Mapping[str, int]) -> list[str] | None:
    """The labels in a value of a status or dropdown column; None if one of them is unknown."""
    if not isinstance(sent, dict):
        return [sent] if isinstance(sent, str) else None
    names = {label_id: label for label, label_id in known.items()}
    for one, many, by_id in (("label", "labels", False), ("index", "ids", True)):
        values = sent.get(many, [sent[one]] if one in sent else None)
        if not isinstance(values, list):
            continue
        read = [names.get(value) if by_id and isinstance(value, int) else value for value in values]
        return [each for each in read if isinstance(each, str)] if all(isinstance(each, str) for each in read) else None
    return None


def _same_labels(sent: list[str] | None, text: str, known: Mapping[str, int]) -> bool:
    if sent is None:
        return False
    joined = ", ".join(sent)
    if _parts(joined) == _parts(text):
        return True
    # A label that has been respelled on the board is still the one that was sent.
    return all(label not in known for label in sent) and text_key(joined) == text_key(text)


def _parts(text: str) -> list[str]:
    """The labels in a text in any order; a label with a comma is several, in both of the texts that are compared."""
    return sorted(_plain(part) for part in text.split(","))
