"""In: the body of a request, the text of a document, numbers as somebody wrote them.
Out: bytes, plain JSON, a parsed document, a number; or an error that says which bound is passed.
Never: work or memory that grows faster than the request: nothing is expanded before it has been counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from graphql import GraphQLError, GraphQLSyntaxError, parse
from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)
from starlette.requests import Request

#: A document of 150 aliased mutations, each with ten variables, has a tenth of these.
TOKENS = 50_000
SELECTIONS = 20_000
DEPTH = 40
FRAGMENTS = 50
#: Of fields with one path: validation compares each with each.
SAME_PATH = 50
#: An id has 11 digits today.
DIGITS = 18


class BodyTooLarge(Exception):
    """A body of more than `most` bytes."""

    def __init__(self, most: int) -> None:
        super().__init__(f"The body is larger than {most:,} bytes")


async def read_body(request: Request, most: int) -> bytes:
    """Raises BodyTooLarge as soon as it is known, before the rest is read."""
    declared = whole(request.headers.get("content-length", ""))
    if declared is not None and declared > most:
        raise BodyTooLarge(most)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise BodyTooLarge(most)
        parts.append(part)
    return b"".join(parts)


async def read_start(request: Request, most: int) -> bytes:
    """The first bytes of a body, at most this many; the others are dropped as they come."""
    start = bytearray()
    async for part in request.stream():
        start += part[: most - len(start)]
    return bytes(start)


def read_json(text: str | bytes) -> Any:
    """ValueError for all that is no plain JSON: too deep, digits without end, NaN, half a letter."""
    try:
        plain = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(plain, parse_constant=_no_number, parse_float=_finite)
        if "\\ud" in plain or "\\uD" in plain:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
    return value


def read_payload(body: bytes, content_type: str) -> Any:
    """A request's JSON, or the form that older clients post: its texts by name. ValueError for anything else."""
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return read_json(body)
    form: dict[str, Any] = dict(parse_qsl(body.decode("utf-8"), max_num_fields=10))
    if "variables" in form:
        form["variables"] = read_json(form["variables"])
    return form


def whole(text: object) -> int | None:
    """What the text says in at most 18 digits; None for anything else."""
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= DIGITS else None


def read_document(text: str) -> DocumentNode:
    """Raises GraphQLSyntaxError, or GraphQLError for a document that is too large for validation."""
    node = parse(text, max_tokens=TOKENS)
    _check_nesting(node)
    fragments = {
        definition.name.value: definition.selection_set
        for definition in node.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    if len(fragments) > FRAGMENTS:
        raise GraphQLError(f"The document has more than {FRAGMENTS} fragments")
    visited = 0
    for definition in node.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            for _ in _expanded(definition.selection_set, fragments):
                visited += 1
                if visited > SELECTIONS:
                    raise GraphQLError(f"The document selects more than {SELECTIONS:,} fields")
    return node


def _expanded(root: SelectionSetNode, fragments: dict[str, SelectionSetNode]) -> Iterator[SelectionNode]:
    """Every selection as often as it is reached; raises GraphQLError for a path too long or too frequent."""
    paths: Counter[tuple[int, str]] = Counter()
    numbers: dict[tuple[int, str], int] = {}
    waiting: list[tuple[SelectionNode, int, int]] = [(node, 0, 1) for node in root.selections]
    while waiting:
        node, parent, depth = waiting.pop()
        yield node
        if depth > DEPTH:
            raise GraphQLError(f"The document is nested deeper than {DEPTH} levels")
        inner: SelectionSetNode | None
        if isinstance(node, FieldNode):
            path = (parent, (node.alias or node.name).value)
            paths[path] += 1
            if paths[path] > SAME_PATH:
                raise GraphQLError(f"The document selects one field more than {SAME_PATH} times")
            parent, inner = numbers.setdefault(path, len(numbers) + 1), node.selection_set
        elif isinstance(node, FragmentSpreadNode):
            inner = fragments.get(node.name.value)  # an unknown one is refused by validation
        else:
            inner = getattr(node, "selection_set", None)
        waiting += [(child, parent, depth + 1) for child in (inner.selections if inner else ())]


def _check_nesting(node: DocumentNode) -> None:
    """Of values and types, too; a text counts as one token, with any content."""
    depth, token = 0, node.loc.start_token if node.loc else None
    while token is not None:
        depth += (token.value is None and token.kind.value in ("(", "[", "{")) - (token.kind.value in (")", "]", "}"))
        if depth > DEPTH:
            raise GraphQLSyntaxError(node.loc.source, token.start, f"nested deeper than {DEPTH} levels")  # type: ignore[union-attr]
        token = token.next


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("A number is too large")
    return number
