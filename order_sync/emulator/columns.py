"""In: a column and the JSON value a caller wrote for it.
Out: the value in the emulator's own plain form, and back again monday's `text` and `value`.
Never: a value that monday would refuse, and never a label that the mutation did not allow."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

from order_sync.emulator.bounds import whole
from order_sync.emulator.errors import MondayError, column_value

#: Any, as the plain form depends on the column's type. Text, numbers, long_text and date ("2026-11-23" or
#: "2026-11-23 08:00:00"): str; status: label id; dropdown: list of label ids; link: [url, text]; checkbox: TICK.
Value: TypeAlias = Any

STATUS_LABELS = 40
DROPDOWN_LABELS = 500
LONG_TEXT = 2_000
NUMBER_LENGTH = 100
#: monday keeps index 5 of a status column for the empty label.
STATUS_EMPTY = 5
#: What monday shows of a checkbox with a tick; one without is empty.
TICK = "v"

STATUS_COLORS: Final = (
    "#fdab3d",
    "#00c875",
    "#df2f4a",
    "#0086c0",
    "#a25ddc",
    "#c4c4c4",
    "#037f4c",
    "#579bfc",
    "#cab641",
    "#ffcb00",
    "#bb3354",
    "#ff007f",
    "#ff5ac4",
    "#784bd1",
    "#9cd326",
    "#66ccff",
    "#7f5347",
    "#ff642e",
    "#225091",
    "#175a63",
)

_ADDRESS = re.compile(r"(https?://|mailto:|tel:)\S+", re.IGNORECASE)


@dataclass(slots=True)
class Column:
    id: str
    title: str
    type: str
    description: str | None = None
    #: Label id to label text, of status and dropdown columns.
    labels: dict[int, str] = field(default_factory=dict)
    subitem_board_id: int | None = None
    #: The same labels the other way round, so that a write need not search them.
    label_ids: dict[str, int] = field(default_factory=dict)

    archived = False

    def add_label(self, label_id: int, label: str) -> None:
        self.labels[label_id] = label
        self.label_ids.setdefault(label, label_id)

    @property
    def settings(self) -> dict[str, Any]:
        if self.type == "status":
            return {
                "labels": [
                    {"id": key, "index": key, "label": label, "color": status_color(key)}
                    for key, label in self.labels.items()
                ]
            }
        if self.type == "dropdown":
            return {"labels": [{"id": key, "label": label} for key, label in self.labels.items()]}
        if self.type == "subtasks":
            return {"boardIds": [self.subitem_board_id]}
        return {}

    @property
    def older_settings(self) -> dict[str, Any]:
        """The same in the older form."""
        if self.type == "status":
            return {
                "labels": {str(key): label for key, label in self.labels.items()},
                "labels_positions_v2": {str(key): position for position, key in enumerate(self.labels)},
                "labels_colors": {str(key): {"color": status_color(key)} for key in self.labels},
            }
        if self.type == "dropdown":
            return {"labels": [{"id": key, "name": label} for key, label in self.labels.items()]}
        return self.settings

    @property
    def settings_str(self) -> str:
        return json.dumps(self.older_settings)


def status_color(label_id: int) -> str:
    return STATUS_COLORS[label_id % len(STATUS_COLORS)]


class NewLabels:
    """Labels that one mutation would create; they become effects only when the whole mutation is valid."""

    def __init__(self, *, allowed: bool) -> None:
        self._allowed = allowed
        self._wanted: dict[str, dict[str, int]] = {}

    def id_of(self, column: Column, label: str) -> int:
        found = column.label_ids.get(label)
        if found is not None:
            return found
        wanted = self._wanted.setdefault(column.id, {})
        if label in wanted:
            return wanted[label]
        if not self._allowed:
            raise _invalid(
                column,
                f"The label '{label}' does not exist; set create_labels_if_missing to create it",
                label=label,
            )
        cap = STATUS_LABELS if column.type == "status" else DROPDOWN_LABELS
        if len(column.labels) + len(wanted) >= cap:
            raise _invalid(column, f"A {column.type} column holds at most {cap} labels", label=label)
        taken = {*column.labels, *wanted.values()}
        first = 0 if column.type == "status" else 1
        new = next(n for n in range(first, len(taken) + 3) if n not in taken and not _kept_empty(column, n))
        wanted[label] = new
        return new

    def __iter__(self) -> Iterator[tuple[str, int, str]]:
        for column_id, labels in self._wanted.items():
            for label, label_id in labels.items():
                yield column_id, label_id, label


def first_labels(column_type: str, labels: tuple[str, ...] | list[str]) -> dict[int, str]:
    """Ids as monday gives them: from 0 and around the empty label in a status, from 1 in a dropdown."""
    if column_type == "status":
        ids = [n for n in range(len(labels) + 1) if n != STATUS_EMPTY]
        return dict(zip(ids, labels, strict=False))
    return dict(enumerate(labels, start=1))


def read(column: Column, raw: Any, new_labels: NewLabels) -> Value | None:
    """The plain form of what a caller wrote, None when it clears the cell; raises ColumnValueException."""
    reader = _READERS.get(column.type)
    if reader is None:
        raise _invalid(column, f"Columns of type {column.type} cannot be written")
    return None if raw is None else reader(column, raw, new_labels)


def text(column: Column, value: Value | None) -> str | None:
    """What monday shows. Cells of labels are null when empty, the others an empty string."""
    if column.type == "status":
        return None if value is None else column.labels.get(value, "")
    if column.type == "dropdown":
        return ", ".join(column.labels[key] for key in value) if value else None
    if value is None:
        return ""
    if column.type == "link":
        url, label = value
        return f"{label} - {url}" if label and label != url else str(url)
    return str(value)


def value_json(column: Column, value: Value | None) -> str | None:
    """monday's raw `value`: JSON in a string."""
    if value is None:
        return None
    match column.type:
        case "status":
            plain: Any = {"index": value, "post_id": None}
        case "dropdown":
            plain = {"ids": value}
        case "date":
            day, _, clock = str(value).partition(" ")
            plain = {"date": day, "time": clock or None}
        case "long_text":
            plain = {"text": value}
        case "link":
            url, label = value
            plain = {"url": url, "text": label}
        case "checkbox":
            plain = {"checked": True}
        case _:
            plain = value
    return json.dumps(plain)


def _kept_empty(column: Column, label_id: int) -> bool:
    return column.type == "status" and label_id == STATUS_EMPTY


def _invalid(column: Column, message: str, **data: Any) -> MondayError:
    return column_value(column.id, column.type, f"{message} (column {column.id})", **data)


def _read_text(column: Column, raw: Any, _: NewLabels) -> Value | None:
    if not isinstance(raw, str):
        raise _invalid(column, "invalid value: a text column takes a string")
    return raw or None


def _read_numbers(column: Column, raw: Any, _: NewLabels) -> Value | None:
    if raw == "":
        # monday writes zero here; only null clears a number.
        return "0"
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise _invalid(column, "invalid value: a numbers column takes a number in a string")
    digits = str(raw).strip()
    if len(digits) > NUMBER_LENGTH:
        raise _invalid(column, f"invalid value: a number has at most {NUMBER_LENGTH} characters")
    try:
        number = Decimal(digits)
    except InvalidOperation:
        raise _invalid(column, "invalid value: not a number") from None
    if not number.is_finite():
        raise _invalid(column, "invalid value: not a finite number")
    if abs(number.adjusted()) > NUMBER_LENGTH:  # as plain digits it would be as long as its exponent says
        raise _invalid(column, f"invalid value: a number has at most {NUMBER_LENGTH} digits")
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _read_status(column: Column, raw: Any, new_labels: NewLabels) -> Value | None:
    if isinstance(raw, Mapping):
        if raw.keys() == {"index"}:
            raw = str(raw["index"])
        elif raw.keys() == {"label"} and isinstance(raw["label"], str):
            raw = raw["label"]
        else:
            raise _invalid(column, 'invalid value: a status column takes {"label": ...} or {"index": ...}')
    if not isinstance(raw, str):
        raise _invalid(column, 'invalid value: a status column takes {"label": ...} or {"index": ...}')
    if not raw:
        return None
    if raw.isdecimal():
        return _known_label(column, raw)
    return new_labels.id_of(column, raw)


def _read_dropdown(column: Column, raw: Any, new_labels: NewLabels) -> Value | None:
    if isinstance(raw, str):
        raw = {"labels": [part.strip() for part in raw.split(",") if part.strip()]}
    if not isinstance(raw, Mapping) or len(raw) != 1 or raw.keys() - {"labels", "ids"}:
        raise _invalid(column, 'invalid value: a dropdown takes {"labels": [...]} or {"ids": [...]}')
    [(kind, entries)] = raw.items()
    if not isinstance(entries, list) or not all(isinstance(entry, str | int) for entry in entries):
        raise _invalid(column, f"invalid value: {kind} must be a list")
    chosen: list[int] = []
    for entry in entries:
        # A label whose text is digits is read as an index: that is monday's rule, and a trap.
        if kind == "ids" or str(entry).isdecimal():
            if not str(entry).isdecimal():
                raise _invalid(column, "invalid value: ids must be numbers")
            key = _known_label(column, str(entry))
        else:
            key = new_labels.id_of(column, str(entry))
        if key not in chosen:
            chosen.append(key)
    return chosen or None


def _known_label(column: Column, written: str) -> int:
    label_id = whole(written)
    if label_id is None or (label_id not in column.labels and not _kept_empty(column, label_id)):
        shown = written[:NUMBER_LENGTH]
        raise _invalid(column, f"The label index {shown} does not exist", label_index=label_id)
    return label_id


def _read_date(column: Column, raw: Any, _: NewLabels) -> Value | None:
    if isinstance(raw, str):
        day, _sep, clock = raw.partition(" ")
        raw = {"date": day, "time": clock or None}
    if not isinstance(raw, Mapping) or raw.keys() - {"date", "time"} or not isinstance(raw.get("date"), str):
        raise _invalid(column, 'invalid value: a date column takes {"date": "YYYY-MM-DD"}')
    if not raw["date"]:
        return None
    clock = str(raw.get("time") or "")
    try:
        if len(raw["date"]) != 10 or (clock and len(clock) != 8):
            raise ValueError
        date.fromisoformat(raw["date"])
        if clock:
            time.fromisoformat(clock)
    except (TypeError, ValueError):
        raise _invalid(column, "invalid value: a date is YYYY-MM-DD, its time HH:MM:SS, both in UTC") from None
    return f"{raw['date']} {clock}" if clock else str(raw["date"])


def _read_long_text(column: Column, raw: Any, _: NewLabels) -> Value | None:
    if isinstance(raw, Mapping) and raw.keys() == {"text"}:
        raw = raw["text"]
    if not isinstance(raw, str):
        raise _invalid(column, 'invalid value: a long_text column takes {"text": "..."}')
    if len(raw) > LONG_TEXT:
        raise _invalid(column, f"invalid value: a long text holds at most {LONG_TEXT} characters")
    return raw or None


def _read_link(column: Column, raw: Any, _: NewLabels) -> Value | None:
    if isinstance(raw, str):
        url, _sep, label = raw.partition(" ")
        raw = {"url": url, "text": label} if raw else None
    if raw is None:
        return None
    if not isinstance(raw, Mapping) or raw.keys() - {"url", "text"} or not isinstance(raw.get("url"), str):
        raise _invalid(column, 'invalid value: a link column takes {"url": "https://...", "text": "..."}')
    label = raw.get("text") or raw["url"]
    if not _ADDRESS.fullmatch(raw["url"]) or not isinstance(label, str):
        raise _invalid(column, "invalid value: a link needs a full address")
    return [raw["url"], label]


def _read_checkbox(column: Column, raw: Any, _: NewLabels) -> Value | None:
    if raw in ("", {}):
        return None
    if raw not in (TICK, {"checked": "true"}):
        raise _invalid(column, 'invalid value: a checkbox column takes {"checked": "true"}, or {} for no tick')
    return TICK


_READERS: Final[dict[str, Callable[[Column, Any, NewLabels], Value | None]]] = {
    "text": _read_text,
    "numbers": _read_numbers,
    "status": _read_status,
    "dropdown": _read_dropdown,
    "date": _read_date,
    "long_text": _read_long_text,
    "link": _read_link,
    "checkbox": _read_checkbox,
}
#: The types that a board may have beside its name.
TYPES: Final = (*_READERS, "subtasks")
