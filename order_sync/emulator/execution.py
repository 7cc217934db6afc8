"""In: the text of a GraphQL document, its variables and a `RequestContext`.
Out: a prepared document (operations, cost, validity; kept by text), and its executed result.
Never: the same text parsed twice in a row: a client sends one document thousands of times."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    ExecutionContext,
    ExecutionResult,
    GraphQLError,
    GraphQLLeafType,
    GraphQLSyntaxError,
    execute,
    validate,
)
from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)
from graphql.utilities import get_operation_ast

from order_sync.emulator import bounds
from order_sync.emulator.resolvers import RequestContext, executable_schema
from order_sync.emulator.settings import Costs

_KEPT_DOCUMENTS = 64
#: Characters of a document that is worth keeping.
_KEPT_LENGTH = 250_000
#: Fields in one answer; a long text counts as one field for each 100 characters.
ANSWER_FIELDS = 250_000
_TEXT_OF_A_FIELD = 100
_PAGES = ("items_page", "items_page_by_column_values", "next_items_page")


@dataclass(frozen=True, slots=True, kw_only=True)
class RootField:
    name: str
    #: Its key in the answer.
    alias: str
    node: FieldNode


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed, valid document with one chosen operation."""

    node: DocumentNode
    kind: str
    fields: tuple[RootField, ...]
    #: Limits of the pages it asks for: a number, or the name of the variable that holds it.
    page_limits: tuple[int | str, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(field.name for field in self.fields)

    def cost(self, costs: Costs, variables: Mapping[str, Any]) -> int:
        mutation = self.kind == "mutation"
        points = sum(costs.of(field.name, mutation=mutation) for field in self.fields)
        for limit in self.page_limits:
            size = variables.get(limit, 25) if isinstance(limit, str) else limit
            points += costs.page_item * (size if isinstance(size, int) else 25)
        return points


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidDocument:
    """One that monday refuses before anything runs."""

    code: str
    errors: tuple[GraphQLError, ...]


class Documents:
    """The last documents by text and operation name."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str | None], Document | InvalidDocument] = OrderedDict()

    def prepare(self, text: str, operation_name: str | None) -> Document | InvalidDocument:
        key = (text, operation_name)
        document = self._kept.get(key)
        if document is None:
            document = _prepare(text, operation_name)
            if len(text) > _KEPT_LENGTH:
                return document
            self._kept[key] = document
            if len(self._kept) > _KEPT_DOCUMENTS:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return document


class AnswerTooLarge(BaseException):
    """More than ANSWER_FIELDS. Not an Exception: graphql-core would note it for a field and continue."""


class _Counted(ExecutionContext):
    """Executes as graphql-core does, and stops when the answer becomes too large."""

    spent = 0

    def execute_field(self, *given: Any) -> Any:
        self._spend(1)
        return super().execute_field(*given)

    def complete_leaf_value(self, return_type: GraphQLLeafType, result: Any) -> Any:  # type: ignore[override]
        value = super().complete_leaf_value(return_type, result)
        if isinstance(value, str) and len(value) > _TEXT_OF_A_FIELD:
            self._spend(len(value) // _TEXT_OF_A_FIELD)
        return value

    def _spend(self, fields: int) -> None:
        self.spent += fields
        if self.spent > ANSWER_FIELDS:
            raise AnswerTooLarge


async def run(
    document: Document, context: RequestContext, variables: Mapping[str, Any], operation_name: str | None
) -> ExecutionResult:
    """Raises AnswerTooLarge."""
    # Without a delay nothing is awaitable: telling graphql-core so spares it a question for every field.
    plain = context.settings.mutation_ms == 0
    result = execute(
        executable_schema(),
        document.node,
        context_value=context,
        variable_values=dict(variables),
        operation_name=operation_name,
        is_awaitable=_never if plain else None,
        execution_context_class=_Counted,
    )
    return result if isinstance(result, ExecutionResult) else await result


def _never(_value: Any) -> bool:
    return False


def _prepare(text: str, operation_name: str | None) -> Document | InvalidDocument:
    try:
        node = bounds.read_document(text)
        errors = validate(executable_schema(), node)
    except GraphQLError as error:
        code = "GRAPHQL_PARSE_FAILED" if isinstance(error, GraphQLSyntaxError) else "GRAPHQL_VALIDATION_FAILED"
        return InvalidDocument(code=code, errors=(error,))
    except RecursionError:
        return InvalidDocument(code="GRAPHQL_PARSE_FAILED", errors=(GraphQLError("The document is nested too deeply"),))
    if errors:
        return InvalidDocument(code="GRAPHQL_VALIDATION_FAILED", errors=tuple(errors))
    operation = get_operation_ast(node, operation_name)
    if operation is None:
        missing = GraphQLError("The document has no such operation, or several and no operationName")
        return InvalidDocument(code="OPERATION_RESOLUTION_FAILURE", errors=(missing,))
    fragments = {
        definition.name.value: definition.selection_set
        for definition in node.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    return Document(
        node=node,
        kind=operation.operation.value,
        fields=tuple(
            RootField(name=field.name.value, alias=(field.alias or field.name).value, node=field)
            for field in _fields(operation.selection_set, fragments)
        ),
        page_limits=tuple(_page_limits(operation, fragments)),
    )


def _fields(selections: SelectionSetNode | None, fragments: Mapping[str, SelectionSetNode]) -> Iterator[FieldNode]:
    for node in selections.selections if selections else ():
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield from _fields(node.selection_set, fragments)
        elif isinstance(node, FragmentSpreadNode):
            yield from _fields(fragments[node.name.value], fragments)


def _page_limits(operation: OperationDefinitionNode, fragments: Mapping[str, SelectionSetNode]) -> Iterator[int | str]:
    open_fields: list[FieldNode] = list(_fields(operation.selection_set, fragments))
    while open_fields:
        field = open_fields.pop()
        if field.name.value in _PAGES:
            yield _limit(field)
        open_fields.extend(_fields(field.selection_set, fragments))


def _limit(field: FieldNode) -> int | str:
    for argument in field.arguments:
        if argument.name.value == "limit":
            if isinstance(argument.value, VariableNode):
                return argument.value.name.value
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
    return 25


def error_entries(errors: Iterable[GraphQLError], code: str) -> list[dict[str, Any]]:
    """The `errors` array; what carries no code of its own (validation, coercion) gets this one.

    A field that failed without a code is a fault of the emulator, and says so.
    """
    entries = []
    for error in errors:
        entry: dict[str, Any] = dict(error.formatted)
        if not error.extensions:
            given = ("INTERNAL_SERVER_ERROR", 500) if error.path else (code, 200)
            entry["extensions"] = {"code": given[0], "status_code": given[1], "error_data": {}}
        entries.append(entry)
    return entries
