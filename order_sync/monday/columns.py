"""The columns of a board: type, labels, and the board of the subitems, in every form that monday gives the settings.

In: a column as an answer has it. Out: a `Column`.
Never fails on settings that it cannot read: they are a problem of the columns that need them, and said as that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SUBTASKS = "subtasks"


@dataclass(frozen=True, kw_only=True)
class Column:
    id: str
    title: str
    type: str
    labels: Mapping[str, int]  # label -> label id; empty for columns without labels
    subitem_board_id: int | None = None  # of the column of the subitems
    is_readable: bool = True  # False: monday's settings have an unknown format


def read_column(raw: Mapping[str, Any]) -> Column:
    settings = _settings(raw.get("settings"))
    return Column(
        id=str(raw["id"]),
        title=str(raw.get("title") or raw["id"]),
        type=str(raw.get("type")),
        labels=dict(_labels(settings or {})),
        subitem_board_id=_board_id(settings or {}) if raw.get("type") == SUBTASKS else None,
        is_readable=settings is not None,
    )


def _settings(found: Any) -> Mapping[str, Any] | None:
    """The settings as an object, also where they come as the JSON text of one; None if they are neither."""
    if isinstance(found, str) and found.strip():
        try:
            found = json.loads(found)
        except ValueError:
            return None
    if not found:
        return {}
    return found if isinstance(found, dict) else None


def _labels(settings: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The labels that a row may have, with their ids: from a list of objects, or by id as in the older form."""
    found = settings.get("labels")
    deactivated = {str(label_id) for label_id in _list(settings.get("deactivated_labels"))}
    if isinstance(found, dict):
        entries = list(found.items())
    else:
        entries = [(_first(label, "id", "index"), label) for label in _list(found) if isinstance(label, dict)]
    for label_id, label in entries:
        text = label
        if isinstance(label, dict):
            text = None if label.get("is_deactivated") else _first(label, "label", "name")
        # A label without a text is the empty cell.
        if text is not None and str(text).strip() and str(label_id) not in deactivated and _is_id(label_id):
            yield str(text), int(label_id)


def _board_id(settings: Mapping[str, Any]) -> int | None:
    boards = [board for name in ("boardIds", "board_ids") for board in _list(settings.get(name)) if _is_id(board)]
    return int(boards[0]) if boards else None


def _first(found: Mapping[str, Any], *names: str) -> Any:
    return next((found[name] for name in names if found.get(name) is not None), None)


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _is_id(found: Any) -> bool:
    return not isinstance(found, bool) and str(found).isdecimal()
