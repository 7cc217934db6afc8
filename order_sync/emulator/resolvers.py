"""In: the SDL and, for each request, its `RequestContext`.
Out: one executable schema whose fields read the state and whose mutations call `Boards` and `Items`.
Never: a change to the state from here, and nothing slow: a batch resolves fifty mutations in a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, GraphQLSchema, build_schema
from graphql.language import StringValueNode, ValueNode
from graphql.utilities import value_from_ast_untyped

from order_sync.emulator import account_fields, cells
from order_sync.emulator.account_fields import sliced
from order_sync.emulator.boards import Boards
from order_sync.emulator.bounds import whole
from order_sync.emulator.bulk import Bulk
from order_sync.emulator.cells import Cell
from order_sync.emulator.clock import Clock, iso_moment
from order_sync.emulator.columns import Column
from order_sync.emulator.directory import Directory
from order_sync.emulator.duplicates import Duplicates
from order_sync.emulator.errors import MondayError, invalid_argument, unauthorized
from order_sync.emulator.faults import Fault
from order_sync.emulator.items import Items
from order_sync.emulator.limits import Left
from order_sync.emulator.lookup import Lookup, Page, Search
from order_sync.emulator.removals import Removals
from order_sync.emulator.settings import EmulatorSettings
from order_sync.emulator.state import Board, Group, Item, State

IDS_LIMIT = 100


@dataclass(slots=True)
class RequestContext:
    """What the fields of one request may use."""

    state: State
    boards: Boards
    items: Items
    directory: Directory
    duplicates: Duplicates
    lookup: Lookup
    bulk: Bulk
    removals: Removals
    settings: EmulatorSettings
    clock: Clock
    left: Left
    api_version: str
    page_url: str
    #: As the caller knows the emulator: it may stand behind a proxy.
    base_url: str
    #: Response keys of mutations that must fail: a partial_batch fault.
    failures: Mapping[str, MondayError] = field(default_factory=dict)
    #: How the bulk imports that the request starts will continue.
    job_faults: tuple[Fault, ...] = ()


@lru_cache(maxsize=1)
def executable_schema() -> GraphQLSchema:
    sdl = (Path(__file__).parent / "schema.graphql").read_text(encoding="utf-8")
    schema = build_schema(sdl)
    for path, resolve in _RESOLVERS.items():
        type_name, field_name = path.split(".")
        schema.type_map[type_name].fields[field_name].resolve = resolve  # type: ignore[attr-defined]
    schema.type_map["ColumnValue"].resolve_type = lambda cell, *_: cells.TYPE_NAMES[cell.column.type]  # type: ignore[attr-defined]
    schema.type_map["JobStatus"].resolve_type = lambda *_: "ItemsJobStatus"  # type: ignore[attr-defined]
    json_scalar = schema.type_map["JSON"]
    json_scalar.parse_value = _json_text  # type: ignore[attr-defined]
    json_scalar.parse_literal = _json_literal  # type: ignore[attr-defined]
    schema.type_map["CompareValue"].parse_literal = value_from_ast_untyped  # type: ignore[attr-defined]
    return schema


def _json_text(value: Any) -> str:
    if not isinstance(value, str):
        raise GraphQLError("JSON must be sent as a JSON-encoded string")
    return value


def _json_literal(node: ValueNode, _variables: Mapping[str, Any] | None = None) -> str:
    if not isinstance(node, StringValueNode):
        raise GraphQLError("JSON must be sent as a JSON-encoded string", node)
    return node.value


def _operation(part: str, name: str) -> Callable[..., Any]:
    """Runs `Boards.<name>`, `Items.<name>` and so on."""
    return _mutation(lambda context, arguments: getattr(getattr(context, part), name)(**arguments))


def _create_board(context: RequestContext, given: dict[str, Any]) -> Board:
    workspace = context.directory.home_of_boards(given.pop("workspace_id", None))
    return context.boards.create_board(**given, workspace_id=workspace)


def _ingest_items(context: RequestContext, arguments: dict[str, Any]) -> SimpleNamespace:
    job = context.bulk.start(**arguments, faults=context.job_faults)
    return SimpleNamespace(job_id=job.id, upload_url=f"{context.base_url}_uploads/{job.start.secret}")


def _bulk_removal(state: str) -> Callable[..., Any]:
    """An `archived` or `deleted` for many items, in the background."""

    def start(context: RequestContext, given: dict[str, Any]) -> SimpleNamespace:
        return SimpleNamespace(job_id=context.removals.start(state, **given, faults=context.job_faults).id)

    return _mutation(start)


def _mutation(do: Callable[[RequestContext, dict[str, Any]], Any]) -> Callable[..., Any]:
    """After the time a mutation takes and unless a fault wants it to fail."""

    def resolve(_root: None, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        context: RequestContext = info.context
        if context.settings.mutation_ms:
            return _later(context, str(info.path.key), arguments)
        return run(context, str(info.path.key), arguments)

    def run(context: RequestContext, alias: str, arguments: dict[str, Any]) -> Any:
        if context.failures and alias in context.failures:
            raise context.failures[alias]
        return do(context, arguments)

    async def _later(context: RequestContext, alias: str, arguments: dict[str, Any]) -> Any:
        await context.clock.sleep(context.settings.mutation_ms / 1_000)
        return run(context, alias, arguments)

    return resolve


def _boards(
    _root: None,
    info: GraphQLResolveInfo,
    limit: int,
    page: int,
    state: str,
    **given: Any,
) -> list[Board]:
    """The main workspace is null among the `workspace_ids`, as it is on its boards."""
    ids, spaces, kind, order = (given.get(name) for name in ("ids", "workspace_ids", "board_kind", "order_by"))
    wanted = None if ids is None else set(ids)
    for board_id in info.context.settings.unreadable_boards:
        if str(board_id) in (wanted or ()):
            raise unauthorized(board_id)
    found = [
        board
        for board in info.context.state.boards.values()
        if (wanted is None or str(board.id) in wanted)
        and state in ("all", board.state)
        and kind in (None, board.board_kind)
        and (spaces is None or (board.workspace_id and str(board.workspace_id)) in spaces)
    ]
    if order is not None:
        found.sort(key=lambda board: board.created if order == "created_at" else board.updated, reverse=True)
    return sliced(found, limit, page)


def _items(
    _root: None,
    info: GraphQLResolveInfo,
    limit: int,
    page: int,
    ids: list[str] | None = None,
    exclude_nonactive: bool | None = None,
) -> list[Item]:
    """As monday does: 25 unless `limit` says more, archived and deleted ones too, unknown ids left out."""
    items: dict[int, Item] = info.context.state.items
    if ids is None:
        found = [item for item in items.values() if item.state == "active"]
    elif len(ids) > IDS_LIMIT:
        raise invalid_argument(f"items takes at most {IDS_LIMIT} ids", ids=len(ids))
    else:
        wanted = dict.fromkeys(whole(identity) for identity in ids)
        found = [items[identity] for identity in wanted if identity is not None and identity in items]
    if exclude_nonactive:
        found = [item for item in found if item.state == "active"]
    return sliced(found, limit, page)


def _by_column_values(
    _root: None,
    info: GraphQLResolveInfo,
    board_id: str,
    limit: int,
    columns: list[dict[str, Any]] | None = None,
    cursor: str | None = None,
) -> Page:
    context: RequestContext = info.context
    if (columns is None) == (cursor is None):
        raise invalid_argument("send either columns or a cursor")
    if cursor is not None:
        return context.lookup.next(cursor, limit)
    board = context.boards.board(board_id)
    pairs = [(column["column_id"], column["column_values"]) for column in columns or ()]
    return context.lookup.first(Search(board_id=board.id, columns=pairs), limit)


def _next_page(_root: None, info: GraphQLResolveInfo, cursor: str, limit: int) -> Page:
    page: Page = info.context.lookup.next(cursor, limit)
    return page


def _items_page(
    source: Board | Group,
    info: GraphQLResolveInfo,
    limit: int,
    cursor: str | None = None,
    query_params: dict[str, Any] | None = None,
) -> Page:
    lookup: Lookup = info.context.lookup
    if cursor is not None:
        if query_params is not None:
            raise invalid_argument("send either query_params or a cursor")
        return lookup.next(cursor, limit)
    if isinstance(source, Group):
        search = Search(board_id=source.board.id, group_id=source.id, query=query_params)
    else:
        search = Search(board_id=source.id, query=query_params)
    return lookup.first(search, limit)


def _board_columns(
    board: Board, _info: GraphQLResolveInfo, ids: list[str] | None = None, types: list[str] | None = None
) -> list[Column]:
    return [
        column
        for column in board.columns.values()
        if (ids is None or column.id in ids) and (types is None or column.type in types)
    ]


def _board_groups(board: Board, _info: GraphQLResolveInfo, ids: list[str] | None = None) -> list[Group]:
    return [group for group in board.active_groups if ids is None or group.id in ids]


def _column_settings(column: Column, info: GraphQLResolveInfo) -> dict[str, Any] | str:
    match info.context.settings.column_settings:
        case "by_index":
            return column.older_settings
        case "text":
            return column.settings_str
        case _:
            return column.settings


def _items_limit(board: Board, info: GraphQLResolveInfo) -> int:
    settings: EmulatorSettings = info.context.settings
    return settings.items_limit if board.parent is None else settings.subitems_limit


def _column_values(
    item: Item, info: GraphQLResolveInfo, ids: list[str] | None = None, types: list[str] | None = None
) -> list[Cell]:
    return [Cell(item, column) for column in _board_columns(item.board, info, ids, types) if column.type != "name"]


def _fetch_job_status(_root: None, info: GraphQLResolveInfo, job_id: str) -> SimpleNamespace:
    context: RequestContext = info.context
    return context.bulk.status(job_id, context.base_url)


def _job_status(_root: None, info: GraphQLResolveInfo, job_id: str) -> SimpleNamespace:
    removals: Removals = info.context.removals
    return removals.status(job_id)


def _validations(_root: None, info: GraphQLResolveInfo, id: str, type: str) -> SimpleNamespace:
    return SimpleNamespace(required_column_ids=info.context.boards.required_columns(id), rules=[])


def _access_level(board: Board, info: GraphQLResolveInfo) -> str:
    return "view" if board.main.id in info.context.settings.closed_boards else "edit"


def _version(_root: None, info: GraphQLResolveInfo) -> SimpleNamespace:
    return _named_version(info.context.settings, info.context.api_version)


def _versions(_root: None, info: GraphQLResolveInfo) -> list[SimpleNamespace]:
    settings: EmulatorSettings = info.context.settings
    return [_named_version(settings, value) for value in settings.api_versions]


def _named_version(settings: EmulatorSettings, value: str) -> SimpleNamespace:
    return SimpleNamespace(value=value, kind=settings.kind_of(value), display_name=value)


def _complexity(_root: None, info: GraphQLResolveInfo) -> SimpleNamespace:
    left: Left = info.context.left
    return SimpleNamespace(
        before=left.complexity_before,
        query=left.complexity_query,
        after=left.complexity_after,
        reset_in_x_seconds=left.reset_in_x_seconds,
    )


_RESOLVERS: dict[str, Callable[..., Any]] = {
    "Query.boards": _boards,
    "Query.items": _items,
    "Query.items_page_by_column_values": _by_column_values,
    "Query.next_items_page": _next_page,
    "Query.validations": _validations,
    "Query.complexity": _complexity,
    "Query.fetch_job_status": _fetch_job_status,
    "Query.job_status": _job_status,
    "Query.version": _version,
    "Query.versions": _versions,
    "Mutation.complexity": _complexity,
    **{
        f"Mutation.{name}": _operation(part, name)
        for part, names in {
            "boards": (
                *("archive_board", "create_column", "change_column_title", "delete_column"),
                *("create_group", "update_group", "archive_group", "delete_group"),
            ),
            "directory": (
                *("create_update", "delete_update", "clear_item_updates"),
                *("create_or_get_tag", "create_workspace"),
            ),
            "duplicates": ("duplicate_item", "duplicate_group"),
            "items": (
                *("create_item", "create_subitem", "change_multiple_column_values", "change_column_value"),
                *(
                    "change_simple_column_value",
                    "move_item_to_group",
                    "move_item_to_board",
                    "archive_item",
                    "delete_item",
                ),
            ),
        }.items()
        for name in names
    },
    "Mutation.create_board": _mutation(_create_board),
    "Mutation.ingest_items": _mutation(_ingest_items),
    "Mutation.bulk_archive_items": _bulk_removal("archived"),
    "Mutation.bulk_delete_items": _bulk_removal("deleted"),
    "Mutation.undo_action": _mutation(lambda context, given: context.removals.undo(**given)),
    "Board.access_level": _access_level,
    "Board.columns": _board_columns,
    "Column.settings": _column_settings,
    "Board.groups": _board_groups,
    "Board.items_limit": _items_limit,
    "Board.items_page": _items_page,
    "Board.url": lambda board, info: f"{info.context.page_url}boards/{board.id}",
    "Group.items_page": _items_page,
    "Item.url": lambda item, info: f"{info.context.page_url}boards/{item.board.id}/pulses/{item.id}",
    "Item.column_values": _column_values,
    # monday says nothing of subitems on such a board.
    "Item.subitems": lambda item, _info: item.subitems if item.board.hierarchy_type == "classic" else None,
    "Item.parent_item": lambda item, _info: item.parent,
    "Item.created_at": lambda item, _info: iso_moment(item.created),
    "Item.updated_at": lambda item, _info: iso_moment(item.updated),
    "Item.creator_id": lambda item, _info: str(item.creator_id),
    **cells.RESOLVERS,
    **account_fields.RESOLVERS,
}
