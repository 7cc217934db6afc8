"""Column values as monday wants them written, by column type.

In: plain Python values by monday column id, and the labels that the board's columns have.
Out: the JSON text for `column_values`. A value that monday would refuse is Rejected before it is sent.
Source: developer.monday.com, column types reference (API 2026-10).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from order_sync.monday.labels import LabelSpelling, choices
from order_sync.orders.codes import Rule
from order_sync.orders.errors import Rejected
from order_sync.orders.mapping import LABELLED, Cancel, ColumnMap
from order_sync.orders.readable import date_of, is_yes, number_of, text_of

LONG_TEXT_LIMIT = 2_000  # characters
CHECKED = {"checked": "true"}  # monday has no value for a box without a tick: its column is empty
T = TypeVar("T")


def encode_row(columns: Iterable[ColumnMap], row: Mapping[str, Any], labels: LabelSpelling | None) -> dict[str, Any]:
    """The row's values by column id, ready for JSON; empty source values, and a no in a checkbox, are left out.

    Without `labels`, those of the board are not known, and every label is assumed to be one of them.
    Raises Rejected with the column, the value and the reason.
    """
    return {column: value for column, value in encode_changes(columns, row, labels).items() if value is not None}


def encode_changes(
    columns: Iterable[ColumnMap], row: Mapping[str, Any], labels: LabelSpelling | None
) -> dict[str, Any]:
    """The same with every column, to change an item: None for what is left out there, which clears the column."""
    return {column.column: _encode_or_clear(column, row.get(column.column), labels) for column in columns}


def cancel_values(cancel: Cancel, labels: LabelSpelling | None) -> dict[str, Any]:
    """The values that label an item or a subitem as cancelled; empty unless the rule is a label.

    Raises Rejected if the column lacks the label.
    """
    if cancel.by != "label" or cancel.column is None or cancel.label is None:
        return {}
    return {cancel.column: _encode(label_column(cancel.column), cancel.label, labels)}


def label_column(column: str) -> ColumnMap:
    """The column that cancelled orders are labelled in, which the mapping need not fill from a source."""
    return ColumnMap(source="label of cancelled orders", column=column, type="status")


def to_json(values: Mapping[str, Any]) -> str:
    """`column_values` is JSON inside a string, also when it travels as a variable."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _encode_or_clear(column: ColumnMap, value: Any, labels: LabelSpelling | None) -> Any:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return _encode(column, value, labels)


def _encode(column: ColumnMap, value: Any, labels: LabelSpelling | None) -> Any:
    if column.type in LABELLED:
        return _label(column, text_of(value).strip(), labels)
    if column.type == "numbers":
        return _read(column, value, number_of, Rule.NOT_A_NUMBER)
    if column.type == "date":
        return {
            "date": _read(column, value, lambda of: date_of(of, utc=column.zone == "utc"), Rule.NOT_A_DATE).isoformat()
        }
    if column.type == "checkbox":
        return CHECKED if _read(column, value, is_yes, Rule.NOT_YES_OR_NO) else None
    text = text_of(value)
    if column.type == "link":
        return {"url": text.strip(), "text": text.strip()}
    if column.type == "long_text":
        if len(text) > LONG_TEXT_LIMIT:
            raise _rejected(column, value, Rule.TEXT_TOO_LONG, f"long_text allows {LONG_TEXT_LIMIT} characters")
        return {"text": text}
    return text


def _read(column: ColumnMap, value: Any, read: Callable[[Any], T], rule: Rule) -> T:
    try:
        return read(value)
    except ValueError as error:
        raise _rejected(column, value, rule, str(error)) from None


def _label(column: ColumnMap, label: str, labels: LabelSpelling | None) -> dict[str, Any]:
    if labels is None:
        return _named(column, label)
    found = labels.find(column.column, label)
    if len(found) > 1:
        spellings = ", ".join(f"'{each}'" for each in found)
        reason = f"the board has several spellings of it, {spellings}: use one of them"
        raise _rejected(column, label, Rule.UNKNOWN_LABEL, reason)
    there = labels.there.get(column.column, {})
    if not found and not column.new_labels:
        reason = f"the column has no such label and allows no new ones ({choices(label, there)})"
        raise _rejected(column, label, Rule.UNKNOWN_LABEL, reason)
    spelled = found[0] if found else label
    if not spelled.isdigit():
        if not found:
            labels.add(column.column, spelled)
        return _named(column, spelled)
    # monday reads digits as an index, so a label of digits can only be named by its id.
    if spelled not in there:
        reason = "a new label that consists of digits must be added on the board first"
        raise _rejected(column, label, Rule.UNKNOWN_LABEL, reason)
    return {"index": there[spelled]} if column.type == "status" else {"ids": [there[spelled]]}


def _named(column: ColumnMap, label: str) -> dict[str, Any]:
    return {"label": label} if column.type == "status" else {"labels": [label]}


def _rejected(column: ColumnMap, value: Any, rule: Rule, reason: str) -> Rejected:
    shown = text_of(value)
    shown = shown if len(shown) <= 60 else shown[:60] + "..."
    return Rejected(f"column '{column.column}' ({column.source}) does not accept '{shown}': {reason}", code=rule)
