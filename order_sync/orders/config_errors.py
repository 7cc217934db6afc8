"""Turns validation errors into sentences for the person who wrote the file or the setting.

In: pydantic's ValidationError. Out: `Problem`s, each with its place and one sentence; a misspelt key is one problem.
Never includes the given value: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from order_sync.orders.nearest import did_you_mean, nearest

Place = tuple[int | str, ...]

_NUMBER, _WHOLE, _TEXT = "must be a number", "must be a whole number", "must be a string in quotes"
_TABLE, NOT_A_LIST = "must be a table (name = value)", "must be a list"
# Sentences by pydantic's error type; {...} are filled from the error's context.
_SENTENCES: Mapping[str, str] = {
    "missing": "is missing",
    "bool_parsing": "must be 1 or 0 (true or false, yes or no, on or off)",
    "bool_type": "must be true or false",
    "int_parsing": _WHOLE,
    "int_parsing_size": "has too many digits",
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "finite_number": _NUMBER,
    "string_type": _TEXT,
    "path_type": _TEXT,
    "string_too_short": "must not be empty",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "tuple_type": NOT_A_LIST,
    "list_type": NOT_A_LIST,
    "too_short": "must not be empty",
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
    "value_error": "{error}",
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """`place` is the path to the problem: key names, and list positions counted from 0."""

    place: Place
    what: str


def problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Every problem. A required key that is misspelt is reported once, as misspelt."""
    details = error.errors(include_url=False)
    misspelt = {detail["loc"]: _meant(detail, model) for detail in details if detail["type"] == "extra_forbidden"}
    meant = {(*place[:-1], key) for place, key in misspelt.items()}
    return [
        _unknown_key(detail["loc"], _keys(model, detail["loc"][:-1]))
        if detail["loc"] in misspelt
        else Problem(place=detail["loc"], what=_sentence(detail))
        for detail in details
        if not (detail["type"] == "missing" and detail["loc"] in meant)
    ]


def _unknown_key(place: Place, known: Sequence[str]) -> Problem:
    name = str(place[-1])
    return Problem(place=place[:-1], what=f"unknown key '{name}'{did_you_mean(name, known)}")


def _sentence(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    form = _SENTENCES.get(detail["type"])
    sentence = form.format(**context) if form else detail["msg"].replace("Input should", "must")
    if detail["type"] == "literal_error" and isinstance(detail["input"], str):
        sentence += did_you_mean(detail["input"], re.findall(r"'([^']*)'", context["expected"]))
    return sentence


def _meant(detail: ErrorDetails, model: type[BaseModel]) -> str:
    return nearest(str(detail["loc"][-1]), _keys(model, detail["loc"][:-1])) or ""


def _keys(model: type[BaseModel], place: Place) -> Sequence[str]:
    """The keys that are allowed at this place."""
    for name in (part for part in place if isinstance(part, str)):
        field = model.model_fields.get(name)
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            return ()
        model = inner
    return tuple(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as `tuple[ColumnMap, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
