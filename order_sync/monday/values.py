"""Column values as monday wants them written, by column type.

In: plain Python values by monday column id, and the labels that the board's columns have.
Out: the JSON text for `column_values`. A value that monday would refuse is Rejected before it is sent.
Source: developer.monday.com, column types reference (API 2026-10).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from order_sync.errors import Rejected, Rule
from order_sync.orders.mapping import LABELLED, ColumnMap

LONG_TEXT_LIMIT = 2_000  # characters
Labels = Mapping[str, Mapping[str, int]]  # column id -> label -> label id


def encode_row(columns: Iterable[ColumnMap], row: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
    """The row's values by column id, ready for JSON; empty source values are left out.

    Raises Rejected with the column, the value and the reason.
    """
    encoded: dict[str, Any] = {}
    for column in columns:
        value = row.get(column.column)
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        encoded[column.column] = _encode(column, value, labels.get(column.column, {}))
    return encoded


def to_json(values: Mapping[str, Any]) -> str:
    """`column_values` is JSON inside a string, also when it travels as a variable."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _encode(column: ColumnMap, value: Any, labels: Mapping[str, int]) -> Any:
    if column.type in LABELLED:
        return _label(column, str(value).strip(), labels)
    if column.type == "numbers":
        return _number(column, value)
    if column.type == "date":
        return {"date": _date(column, value)}
    if column.type == "link":
        return {"url": str(value), "text": str(value)}
    if column.type == "long_text":
        if len(str(value)) > LONG_TEXT_LIMIT:
            raise _rejected(column, value, Rule.TEXT_TOO_LONG, f"long_text takes {LONG_TEXT_LIMIT} characters")
        return {"text": str(value)}
    return str(value)


def _label(column: ColumnMap, label: str, labels: Mapping[str, int]) -> dict[str, Any]:
    if label not in labels and not column.new_labels:
        known = ", ".join(sorted(labels)) or "none"
        reason = f"the column has no such label and takes no new ones (it has: {known})"
        raise _rejected(column, label, Rule.UNKNOWN_LABEL, reason)
    if label.isdigit():
        # monday reads digits as an index, so a label of digits can only be named by its id.
        if label not in labels:
            reason = "a new label of digits must be added on the board first"
            raise _rejected(column, label, Rule.UNKNOWN_LABEL, reason)
        return {"index": labels[label]} if column.type == "status" else {"ids": [labels[label]]}
    return {"label": label} if column.type == "status" else {"labels": [label]}


def _number(column: ColumnMap, value: Any) -> str:
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation:
        raise _rejected(column, value, Rule.NOT_A_NUMBER, "it is not a number") from None
    if not number.is_finite():
        raise _rejected(column, value, Rule.NOT_A_NUMBER, "it is not a number")
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _date(column: ColumnMap, value: Any) -> str:
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    try:
        return datetime.fromisoformat(str(value).strip()).date().isoformat()
    except ValueError:
        raise _rejected(column, value, Rule.NOT_A_DATE, "it is not a date") from None


def _rejected(column: ColumnMap, value: Any, rule: Rule, reason: str) -> Rejected:
    shown = str(value) if len(str(value)) <= 60 else str(value)[:60] + "..."
    return Rejected(f"column '{column.column}' ({column.source}) cannot take '{shown}': {reason}", code=rule)
