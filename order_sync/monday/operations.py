"""Every GraphQL operation that order_sync sends. Values travel as variables only, never in the text.

In: a template and how many aliases. Out: the document's text, the same for the same number of aliases.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from gql import gql
from graphql import (
    DocumentNode,
    FieldNode,
    NameNode,
    OperationDefinitionNode,
    VariableDefinitionNode,
    VariableNode,
    print_ast,
)
from graphql.language import Visitor, visit
from graphql.language.visitor import VisitorAction

COMPLEXITY = "complexity { before query after reset_in_x_seconds }"


def _operation(signature: str, *fields: str) -> str:
    """The document of one operation: `query Name($variable: Type)`, its fields, and what they cost."""
    return f"{signature} {{\n  {' '.join((*fields, COMPLEXITY))}\n}}"


def _template(signature: str, field: str) -> DocumentNode:
    return gql(_operation(f"mutation {signature}", field)).document


# Templates: `many` repeats their first field under the aliases a0, a1, ... The variables named in `SHARED` keep
# their name and value for all aliases; every other variable gets the alias's number.
CREATE_GROUP = _template(
    "CreateGroups($board: ID!, $name: String!)", "create_group(board_id: $board, group_name: $name) { id }"
)
CREATE_ITEM = _template(
    "CreateItems($board: ID!, $labels: Boolean!, $group: String!, $name: String!, $values: JSON!)",
    "create_item(board_id: $board, group_id: $group, item_name: $name, column_values: $values, "
    "create_labels_if_missing: $labels) { id }",
)
CREATE_SUBITEM = _template(
    "CreateSubitems($labels: Boolean!, $parent: ID!, $name: String!, $values: JSON!)",
    "create_subitem(parent_item_id: $parent, item_name: $name, column_values: $values, "
    "create_labels_if_missing: $labels) { id }",
)
# The title is the key "name" in the values. A subitem is changed on the board of the subitems.
CHANGE_ITEM = _template(
    "ChangeItems($board: ID!, $labels: Boolean!, $item: ID!, $values: JSON!)",
    "change_multiple_column_values(board_id: $board, item_id: $item, column_values: $values, "
    "create_labels_if_missing: $labels) { id state }",
)
MOVE_ITEM = _template(
    "MoveItems($item: ID!, $group: String!)", "move_item_to_group(item_id: $item, group_id: $group) { id state }"
)
ARCHIVE_ITEM = _template("ArchiveItems($item: ID!)", "archive_item(item_id: $item) { id }")
DELETE_ITEM = _template("DeleteItems($item: ID!)", "delete_item(item_id: $item) { id }")
SHARED = frozenset({"board", "labels"})

_VERSIONS = "version { value kind } versions { value kind }"
VERSION = f"query Version {{ {_VERSIONS} me {{ id }} complexity {{ before reset_in_x_seconds }} }}"
BUDGET = "query Budget { complexity { before after reset_in_x_seconds } }"
_BOARD = (
    "boards(ids: $board) { id name url hierarchy_type items_count items_limit "
    "columns { id title type settings } groups { id title archived deleted } }"
)
BOARD = _operation("query Board($board: [ID!])", _BOARD)
BOARD_AND_VERSIONS = _operation("query BoardAndVersions($board: [ID!])", _BOARD, _VERSIONS)
_TEXTS = "column_values(ids: $ids) { id text }"
_FOUND = f"{{ cursor items {{ id state {_TEXTS} }} }}"
ITEMS_BY_COLUMN = _operation(
    "query ItemsByColumn($board: ID!, $columns: [ItemsPageByColumnValuesQuery!], "
    "$capitals: [ItemsPageByColumnValuesQuery!], $ids: [String!])",
    f"items_page_by_column_values(board_id: $board, columns: $columns, limit: 500) {_FOUND}",
    f"capitals: items_page_by_column_values(board_id: $board, columns: $capitals, limit: 500) {_FOUND}",
)
NEXT_ITEMS = _operation(
    "query NextItems($cursor: String!, $ids: [String!])", f"next_items_page(cursor: $cursor, limit: 500) {_FOUND}"
)
_ITEMS = "items(ids: $items, limit: 100)"
ITEM_STATES = _operation("query ItemStates($items: [ID!])", _ITEMS + " { id state }")
ITEM_PLACES = _operation("query ItemPlaces($items: [ID!])", _ITEMS + " { id state board { id } }")
# An item with its key, its place and its subitems.
_PLACED = (
    f"id state name group {{ id }} {_TEXTS} subitems {{ id state name column_values(ids: $subitem_ids) {{ id text }} }}"
)
_PLACED_PAGE = f"{{ cursor items {{ {_PLACED} }} }}"
BOARD_ITEMS = _operation(
    "query BoardItems($board: [ID!], $limit: Int!, $ids: [String!], $subitem_ids: [String!])",
    f"boards(ids: $board) {{ items_page(limit: $limit) {_PLACED_PAGE} }}",
)
NEXT_PLACED = _operation(
    "query NextPlaced($cursor: String!, $limit: Int!, $ids: [String!], $subitem_ids: [String!])",
    f"next_items_page(cursor: $cursor, limit: $limit) {_PLACED_PAGE}",
)
# What was updated last comes first: an item or a subitem without its contents, and what boards are asked for with it.
_TOUCHED_LAST = "cursor items { id state created_at updated_at parent_item { id } }"
LAST_UPDATED = _operation(
    "query LastUpdated($boards: [ID!], $limit: Int!, $latest: ItemsQuery!)",
    "boards(ids: $boards) { id items_count columns { id title type settings } "
    f"items_page(limit: $limit, query_params: $latest) {{ {_TOUCHED_LAST} }} }}",
)
NEXT_UPDATED = _operation(
    "query NextUpdated($cursor: String!, $limit: Int!)",
    f"next_items_page(cursor: $cursor, limit: $limit) {{ {_TOUCHED_LAST} }}",
)
ITEM_TEXTS = _operation("query ItemTexts($items: [ID!], $ids: [String!])", f"{_ITEMS} {{ id state {_TEXTS} }}")
# What is written on an item or a subitem, and where it is.
ITEM_VALUES = _operation(
    "query ItemValues($items: [ID!], $ids: [String!])",
    f"{_ITEMS} {{ id state name board {{ id }} group {{ id }} {_TEXTS} }}",
)
SUBITEMS = _operation(
    "query Subitems($items: [ID!], $ids: [String!])", f"{_ITEMS} {{ id state subitems {{ id state {_TEXTS} }} }}"
)
ME = _operation("query Me", "me { id }")
WHO = _operation("query Who", "me { id name kind account { id name slug } }")
# The boards that the token sees, the newest first.
BOARDS = _operation(
    "query Boards($page: Int!)", "boards(limit: 100, page: $page) { id name url type access_level items_count }"
)
ACCESS = _operation("query Access($board: [ID!])", "boards(ids: $board) { id access_level }")
_TOUCHED = "id state creator_id created_at updated_at updates(limit: 1) { id }"
# The data that shows whether an item was changed, and its subitems.
TWINS = _operation(
    "query Twins($items: [ID!], $ids: [String!], $own: [String!])",
    f"{_ITEMS} {{ {_TOUCHED} parent_item {{ id }} {_TEXTS}",
    f"subitems {{ {_TOUCHED} column_values(ids: $own) {{ id text }} }} }}",
)
PLACED_BY_KEY = _operation(
    "query PlacedByKey($board: ID!, $columns: [ItemsPageByColumnValuesQuery!], $ids: [String!], "
    "$subitem_ids: [String!])",
    f"items_page_by_column_values(board_id: $board, columns: $columns, limit: 100) {_PLACED_PAGE}",
)
PLACED_BY_ID = _operation(
    "query PlacedById($items: [ID!], $ids: [String!], $subitem_ids: [String!])",
    f"{_ITEMS} {{ {_PLACED} board {{ id }} }}",
)
INGEST_ITEMS = _operation(
    "mutation IngestItems($board: ID!, $group: ID!, $match: OnMatchInput)",
    "ingest_items(board_id: $board, group_id: $group, on_match: $match) { job_id upload_url }",
)
BULK_ARCHIVE_ITEMS = _operation(
    "mutation BulkArchiveItems($board: ID!, $ids: [ID!]!)",
    "bulk_archive_items(board_id: $board, item_ids: $ids) { job_id }",
)
REMOVAL_STATUS = _operation(
    "query RemovalStatus($job: ID!)", "job_status(job_id: $job) { status result { failed details } }"
)
UNDO_ACTION = _operation("mutation UndoAction($job: ID!)", "undo_action(job_id: $job) { success message }")
CREATE_BOARD = """
mutation CreateBoard($name: String!) {
  create_board(board_name: $name, board_kind: public, empty: true) { id }
}
"""
CREATE_COLUMN = """
mutation CreateColumn($board: ID!, $id: String, $title: String!, $type: ColumnType!, $defaults: JSON) {
  create_column(board_id: $board, id: $id, title: $title, column_type: $type, defaults: $defaults) { id }
}
"""
VALIDATIONS = _operation("query Validations($board: ID!)", "validations(id: $board) { required_column_ids }")
JOB_STATUS = _operation(
    "query JobStatus($job: ID!)",
    "fetch_job_status(job_id: $job) { ... on ItemsJobStatus { status progress_percentage failure_reason "
    "failure_message report_created report_url } }",
)


@cache
def many(template: DocumentNode, count: int) -> str:
    """The template with its first field repeated `count` times."""
    operation = template.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)  # noqa: S101 - our own templates
    field, *others = operation.selection_set.selections
    assert isinstance(field, FieldNode)  # noqa: S101 - the same
    definitions = operation.variable_definitions
    shared = [d for d in definitions if d.variable.name.value in SHARED]
    own = [d for d in definitions if d.variable.name.value not in SHARED]
    repeated: list[FieldNode] = []
    variables: list[VariableDefinitionNode] = []
    for number in range(count):
        rename = _Rename(number)
        copy = visit(field, rename)
        copy.alias = NameNode(value=alias(number))
        repeated.append(copy)
        variables += [visit(definition, rename) for definition in own]
    document = DocumentNode(
        definitions=(
            OperationDefinitionNode(
                operation=operation.operation,
                name=operation.name,
                directives=(),
                variable_definitions=(*shared, *variables),
                selection_set=type(operation.selection_set)(selections=(*repeated, *others)),
            ),
        )
    )
    return print_ast(document)


def alias(number: int) -> str:
    return f"a{number}"


def body_of_many(template: DocumentNode, rows: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]) -> str:
    """The exact JSON body that creates `rows`, each row's own variables by name."""
    variables: dict[str, Any] = dict(shared)
    for number, row in enumerate(rows):
        for name, value in row.items():
            variables[f"{name}{number}"] = value
    return body(many(template, len(rows)), variables)


@cache
def name(document: str) -> str:
    """What a document calls its operation, by which its cost is known."""
    return document.split(maxsplit=2)[1].partition("(")[0]


def body(query: str, variables: Mapping[str, Any] | None = None) -> str:
    payload: dict[str, Any] = {"query": query}
    if variables:
        payload["variables"] = dict(variables)
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


class _Rename(Visitor):
    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def enter_variable(self, node: VariableNode, *_: Any) -> VisitorAction | VariableNode:
        if node.name.value in SHARED:
            return None
        return VariableNode(name=NameNode(value=f"{node.name.value}{self._number}"))
