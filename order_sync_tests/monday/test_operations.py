"""The documents that order_sync sends: valid against monday's schema, one alias a row, values in variables only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, build_schema, parse, validate
from graphql.language import FieldNode, StringValueNode, Visitor, visit
from hypothesis import given
from hypothesis import strategies as st

from order_sync.monday import operations

SCHEMA = "ORDER_SYNC_MONDAY_SCHEMA"


def documents() -> Iterator[tuple[str, str]]:
    """Everything in the module that is a document; templates alone and with many aliases."""
    for name, value in vars(operations).items():
        if not name.isupper():
            continue
        if isinstance(value, DocumentNode):
            yield f"{name}-1", operations.many(value, 1)
            yield f"{name}-100", operations.many(value, 100)
        elif isinstance(value, str) and value.lstrip().startswith(("query ", "mutation ")):
            yield name, value


DOCUMENTS = dict(documents())


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    path = os.environ.get(SCHEMA)
    if not path:
        pytest.skip(f"no schema of monday: {SCHEMA} is not set")
    return build_schema(Path(path).read_text(encoding="utf-8"), assume_valid_sdl=True)


def test_no_document_is_forgotten() -> None:
    names = {name.partition("-")[0] for name in DOCUMENTS}
    queries = {
        "VERSION",
        "BUDGET",
        "BOARD",
        "BOARD_AND_VERSIONS",
        "ITEMS_BY_COLUMN",
        "NEXT_ITEMS",
        "SUBITEMS",
        "JOB_STATUS",
        "VALIDATIONS",
    }
    queries |= {"ITEM_STATES", "ITEM_TEXTS", "LAST_UPDATED", "NEXT_UPDATED", "REMOVAL_STATUS"}
    queries |= {"PLACED_BY_KEY", "PLACED_BY_ID", "NEXT_PLACED"}
    queries |= {"BOARD_ITEMS", "ITEM_PLACES", "ITEM_VALUES", "ME", "TWINS", "WHO", "BOARDS", "ACCESS"}
    assert names == queries | {
        "ARCHIVE_ITEM",
        "BULK_ARCHIVE_ITEMS",
        "UNDO_ACTION",
        "CHANGE_ITEM",
        "DELETE_ITEM",
        "MOVE_ITEM",
        "INGEST_ITEMS",
        "CREATE_BOARD",
        "CREATE_COLUMN",
        "CREATE_GROUP",
        "CREATE_ITEM",
        "CREATE_SUBITEM",
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_monday_s_own_schema_allows_it(schema: GraphQLSchema, name: str) -> None:
    assert validate(schema, parse(DOCUMENTS[name])) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_text_of_anybody_is_in_a_document(name: str) -> None:
    class Strings(Visitor):
        def enter_string_value(self, node: StringValueNode, *_: object) -> None:
            raise AssertionError(f"a literal in {name}: {node.value}")

    visit(parse(DOCUMENTS[name]), Strings())


def test_each_row_has_its_alias_and_its_variables() -> None:
    document = parse(operations.many(operations.CREATE_ITEM, 3))
    [operation] = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    fields = [field for field in operation.selection_set.selections if isinstance(field, FieldNode)]
    assert [(field.alias.value if field.alias else None, field.name.value) for field in fields] == [
        ("a0", "create_item"),
        ("a1", "create_item"),
        ("a2", "create_item"),
        (None, "complexity"),
    ]
    variables = [definition.variable.name.value for definition in operation.variable_definitions]
    own = [f"{name}{number}" for number in range(3) for name in ("group", "name", "values")]
    assert variables == ["board", "labels", *own]


@pytest.mark.parametrize(
    ("template", "field", "own", "shared"),
    [
        (operations.CHANGE_ITEM, "change_multiple_column_values", ("item", "values"), ("board", "labels")),
        (operations.MOVE_ITEM, "move_item_to_group", ("item", "group"), ()),
        (operations.ARCHIVE_ITEM, "archive_item", ("item",), ()),
        (operations.DELETE_ITEM, "delete_item", ("item",), ()),
    ],
)
def test_a_change_has_its_item_in_its_own_variable(
    template: DocumentNode, field: str, own: tuple[str, ...], shared: tuple[str, ...]
) -> None:
    [operation] = parse(operations.many(template, 2)).definitions
    assert isinstance(operation, OperationDefinitionNode)
    fields = [each for each in operation.selection_set.selections if isinstance(each, FieldNode)]
    assert [each.name.value for each in fields] == [field, field, "complexity"]
    variables = {definition.variable.name.value for definition in operation.variable_definitions}
    assert variables == {*shared, *(f"{name}{number}" for number in range(2) for name in own)}


def test_the_same_number_of_rows_is_the_same_text() -> None:
    assert operations.many(operations.CREATE_GROUP, 7) is operations.many(operations.CREATE_GROUP, 7)
    assert operations.many(operations.CREATE_GROUP, 7) != operations.many(operations.CREATE_GROUP, 8)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_any_text_travels_as_a_variable(names: list[str]) -> None:
    rows = [{"name": name} for name in names]
    body = json.loads(operations.body_of_many(operations.CREATE_GROUP, rows, {"board": "1"}))
    assert body["variables"] == {"board": "1"} | {f"name{number}": name for number, name in enumerate(names)}
    assert body["query"] == operations.many(operations.CREATE_GROUP, len(names))


def test_a_query_without_variables_has_none() -> None:
    assert json.loads(operations.body("query { me { id } }")) == {"query": "query { me { id } }"}
