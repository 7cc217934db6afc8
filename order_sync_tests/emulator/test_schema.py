"""The SDL is a true part of monday's public schema."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
)

from order_sync.emulator.resolvers import executable_schema

VARIABLE = "ORDER_SYNC_MONDAY_SCHEMA"


@pytest.fixture(scope="module")
def real() -> GraphQLSchema:
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip(f"{VARIABLE} does not name a file with monday's public schema")
    return build_schema(Path(path).read_text("utf-8"), assume_valid=True)


def differences(ours: GraphQLSchema, real: GraphQLSchema) -> list[str]:
    found: list[str] = []
    for name, mine in ours.type_map.items():
        if name.startswith("__"):
            continue
        theirs = real.type_map.get(name)
        if type(theirs) is not type(mine):
            found.append(f"{name}: {type(mine).__name__}, really {type(theirs).__name__}")
        elif isinstance(mine, GraphQLEnumType) and isinstance(theirs, GraphQLEnumType):
            found += [f"{name}.{value}" for value in mine.values if value not in theirs.values]
        elif isinstance(mine, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            found += field_differences(name, mine, theirs)
    return found


def field_differences(name: str, mine: object, theirs: object) -> list[str]:
    found: list[str] = []
    if isinstance(mine, GraphQLObjectType):
        wanted = {str(interface) for interface in mine.interfaces}
        found += [f"{name} implements {i}" for i in wanted - {str(i) for i in theirs.interfaces}]  # type: ignore[attr-defined]
    for field_name, field in mine.fields.items():  # type: ignore[attr-defined]
        where, real_field = f"{name}.{field_name}", theirs.fields.get(field_name)  # type: ignore[attr-defined]
        if real_field is None or str(real_field.type) != str(field.type):
            found.append(f"{where}: {field.type}, really {real_field and real_field.type}")
            continue
        if isinstance(mine, GraphQLInputObjectType):
            if field.default_value != real_field.default_value:
                found.append(f"{where} = {field.default_value}, really {real_field.default_value}")
            continue
        for argument_name, argument in field.args.items():
            real_argument = real_field.args.get(argument_name)
            if real_argument is None or str(real_argument.type) != str(argument.type):
                found.append(f"{where}({argument_name}): {argument.type}")
            elif real_argument.default_value != argument.default_value:
                found.append(f"{where}({argument_name}) = {argument.default_value}")
        # What we leave out may not be required: a document that is valid here must be valid there.
        found += [
            f"{where}({required}) is missing"
            for required, argument in real_field.args.items()
            if required not in field.args and str(argument.type).endswith("!") and not has_default(argument)
        ]
    return found


def has_default(argument: object) -> bool:
    node = getattr(argument, "ast_node", None)
    return node is not None and node.default_value is not None


def test_every_line_is_in_the_real_schema(real: GraphQLSchema) -> None:
    assert differences(executable_schema(), real) == []


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ("type Query { boards(ids: [ID!], limit: Int = 26): [Board] } type Board { id: ID! }", "limit"),
        ("type Query { me: User! } type User { id: ID! }", "Query.me"),
        ("type Query { version: Version! } type Version { kind: VersionKind! } enum VersionKind { x }", "x"),
        ("type Query { version: Version! } type Version { no_such: Int }", "no_such"),
        ("type Query { items_page_by_column_values(board_id: ID): Int }", "items_page_by_column_values"),
    ],
)
def test_the_comparison_sees_what_is_wrong(real: GraphQLSchema, wrong: str, expected: str) -> None:
    assert any(expected in line for line in differences(build_schema(wrong), real))
