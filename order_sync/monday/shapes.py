"""What an answer holds, read without trust in its types: a number, a text, an id, or what a document asked for.

In: decoded JSON of any shape. Out: the value in the type that was wanted, or None; never a KeyError or TypeError.
`conforming` holds a whole answer against its document, so that nothing behind the client needs to doubt it again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from graphql import FieldNode, InlineFragmentNode, OperationDefinitionNode, SelectionSetNode, parse

LONGEST_WAIT = 900.0  # seconds; only the daily quota lasts longer, and that is not waited for
LARGEST_NUMBER = 1e12  # of points or calls: larger values are invalid, and too large for a database column
TEXT_LENGTH = 1_000  # characters of a message that are shown
LARGEST_ID = 2**63 - 1  # as the database keeps it


def number(value: Any) -> float | None:
    """A finite number that is not below 0, also as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return min(found, LARGEST_NUMBER) if math.isfinite(found) and found >= 0 else None


def seconds(value: Any) -> float | None:
    """A wait, of a quarter of an hour at most. 0 is none to go by: the next refusal would come at once."""
    found = number(value)
    return min(found, LONGEST_WAIT) if found else None


def wait(asked: float) -> float:
    """The time to sleep for a requested number of seconds."""
    return min(asked, LONGEST_WAIT) if asked > 0 else 0.0


def mapping(value: Any) -> Mapping[str, Any]:
    """An object, empty where there is none."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """A value as one line of readable length; empty for None."""
    return "" if value is None else " ".join(str(value).split())[:TEXT_LENGTH]


def name(value: Any) -> str:
    """A short text such as a code; empty where there is none."""
    return text(value) if isinstance(value, str) else ""


def numeric_id(value: Any) -> str | None:
    """The id of a board or an item, as digits."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    digits = str(value) if isinstance(value, str) or abs(value) <= LARGEST_ID else ""
    fits = digits.isascii() and digits.isdecimal() and len(digits) <= len(str(LARGEST_ID)) and int(digits) <= LARGEST_ID
    return digits if fits and int(digits) > 0 else None


def text_id(value: Any) -> str | None:
    """The id of a group, a column or a job."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return text(value) or None


# ---- whole answers ----------------------------------------------------------------------------------------

# Fields whose objects have the id of a board or an item; those of all others are texts.
_NUMBERED = frozenset(
    {
        *("boards", "board", "items", "subitems", "parent_item"),
        *("create_board", "create_item", "create_subitem"),
        *("change_multiple_column_values", "move_item_to_group", "archive_item", "delete_item"),
    }
)
_LISTS = frozenset({"boards", "columns", "groups", "items", "subitems", "column_values", "updates"})
# What is never null; a list or a row that is missing is for lists.py to ask for again.
_ALWAYS = frozenset(
    {
        *("name", "url", "title", "type", "value", "status", "job_id", "upload_url", "version", "me", "account"),
        *("create_board", "create_column", "create_group", "ingest_items", "fetch_job_status"),
        *("bulk_archive_items", "job_status", "undo_action"),
    }
)
_NUMBERS = frozenset({"items_count", "items_limit", "progress_percentage", "failed"})
_FLAGS = frozenset({"archived", "deleted", "report_created", "success"})
# Read without trust where they are asked for (columns.py, version.py, fit.py, sync/twins.py).
_FREE = frozenset({"settings", "versions", "required_column_ids", "creator_id", "created_at", "updated_at", "details"})
_TEXTS = frozenset(
    {
        *("name", "url", "title", "type", "text", "cursor", "state", "value", "kind", "status", "hierarchy_type"),
        *("failure_reason", "failure_message", "report_url", "job_id", "upload_url", "message", "slug", "access_level"),
    }
)
KNOWN_FIELDS = _LISTS | _NUMBERED | _ALWAYS | _NUMBERS | _FLAGS | _FREE | _TEXTS | {"id"}


def misfit(document: str, data: dict[str, Any]) -> str | None:
    """What of the data is not what the document asked for, such as `boards[0].id is a list`; None if nothing is.

    Ids that came as numbers are texts afterwards, and fields that the document did not ask for are removed: nothing
    has checked them. `complexity` is left out: no order depends on it, and it is read by `number`.
    """
    return next(_misfits(_selections(document), data, "", ""), None)


@cache
def _selections(document: str) -> SelectionSetNode:
    [operation] = parse(document).definitions
    assert isinstance(operation, OperationDefinitionNode)  # noqa: S101 - our own documents
    return operation.selection_set


def fields_of(selections: SelectionSetNode) -> Iterator[FieldNode]:
    for node in selections.selections:
        if isinstance(node, InlineFragmentNode):
            yield from fields_of(node.selection_set)
        elif isinstance(node, FieldNode) and node.name.value != "complexity":
            yield node


def _misfits(selections: SelectionSetNode, found: dict[str, Any], parent: str, path: str) -> Iterator[str]:
    fields = {field.alias.value if field.alias else field.name.value: field for field in fields_of(selections)}
    for unasked in found.keys() - fields.keys() - {"complexity"}:
        del found[unasked]
    for key, field in fields.items():
        place = f"{path}.{key}" if path else key
        if key not in found and not path:
            yield f"{place} is missing"
        yield from _misfits_of(field, found.get(key), parent, place)
        if field.name.value == "id" and isinstance(found.get(key), int):
            found[key] = str(found[key])


def _misfits_of(field: FieldNode, value: Any, parent: str, place: str) -> Iterator[str]:
    name = field.name.value
    if value is None:
        if name in _ALWAYS or (name == "id" and parent in _ALWAYS):
            yield f"{place} is missing"
    elif name in _FREE:
        return
    elif field.selection_set is None:
        if not _leaf(name, parent)(value):
            yield f"{place} is {_kind(value)}"
    elif name in _LISTS:
        if not isinstance(value, list):
            yield f"{place} is {_kind(value)}"
            return
        for number, entry in enumerate(value):
            if entry is not None:
                yield from _of_object(field.selection_set, entry, name, f"{place}[{number}]")
    else:
        yield from _of_object(field.selection_set, value, name, place)


def _of_object(selections: SelectionSetNode, value: Any, name: str, place: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _misfits(selections, value, name, place)
    else:
        yield f"{place} is {_kind(value)}"


def _leaf(name: str, parent: str) -> Callable[[Any], bool]:
    if name == "id":
        reader = numeric_id if parent in _NUMBERED else text_id
        return lambda value: reader(value) is not None
    if name in _NUMBERS:
        return lambda value: isinstance(value, int) and number(value) is not None
    if name in _FLAGS:
        return lambda value: isinstance(value, bool)
    return lambda value: isinstance(value, str)


def _kind(value: Any) -> str:
    """What a value is, in JSON's words."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
