"""In: the directory of an account, and a request's context.
Out: the fields of updates, tags, users, teams and workspaces, and what boards and items say of these.
Never: a person behind a user: a token is one, and everyone but the page's person has the same name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final, TypeVar

from graphql import GraphQLResolveInfo

from order_sync.emulator.clock import iso_moment
from order_sync.emulator.directory import Directory, Tag, Update, Workspace
from order_sync.emulator.errors import invalid_argument
from order_sync.emulator.state import Board, Item, user, user_of

T = TypeVar("T")


def sliced(rows: list[T], limit: int, page: int) -> list[T]:
    if limit < 1 or page < 1:
        raise invalid_argument("limit and page start from 1")
    return rows[(page - 1) * limit : page * limit]


def _directory(info: GraphQLResolveInfo) -> Directory:
    directory: Directory = info.context.directory
    return directory


def _user(info: GraphQLResolveInfo, user_id: int) -> SimpleNamespace:
    name, email = ("Order Sync", "order.sync@example.com")
    if user_id == user_of("somebody"):
        name, email = ("Somebody", "somebody@example.com")
    return SimpleNamespace(
        id=user_id,
        name=name,
        email=email,
        created_at=iso_moment(info.context.state.began),
        kind=info.context.settings.user_kind,
        title="",
        url=f"{info.context.page_url}users/{user_id}",
        time_zone_identifier="Etc/UTC",
        utc_hours_diff=0.0,
        teams=[],
        account=SimpleNamespace(id=info.context.settings.account_id, name="Emulator", slug="emulator"),
    )


def _users(
    _root: None,
    info: GraphQLResolveInfo,
    limit: int,
    page: int,
    **given: Any,
) -> list[SimpleNamespace]:
    ids, emails, name = (given.get(key) for key in ("ids", "emails", "name"))
    users = [_user(info, user_id) for user_id in _directory(info).users()]
    found = [
        found
        for found in users
        if (ids is None or str(found.id) in ids)
        and (emails is None or found.email in emails)
        and (name is None or name.casefold() in found.name.casefold())
        and given.get("kind") != "guests"
    ]
    return sliced(found, limit, page)


def _workspaces(
    _root: None,
    info: GraphQLResolveInfo,
    limit: int,
    page: int,
    **given: Any,
) -> list[Workspace]:
    ids, kind, state = (given.get(key) for key in ("ids", "kind", "state"))
    found = [
        workspace
        for workspace in _directory(info).workspaces.values()
        if (ids is None or str(workspace.id) in ids)
        and (kind is None or workspace.kind == kind)
        and state in ("all", workspace.state)
    ]
    return sliced(found, limit, page)


def _tags(_root: None, info: GraphQLResolveInfo, ids: list[str] | None = None) -> list[Tag]:
    """monday lists those of the account without `ids`, and a board's own on the board; an empty list is no `ids`."""
    tags = _directory(info).tags.values()
    return [tag for tag in tags if (str(tag.id) in ids if ids else tag.board_id is None)]


def _updates(
    source: Board | Item | None,
    info: GraphQLResolveInfo,
    limit: int,
    page: int,
    **given: Any,
) -> list[Update]:
    ids = given.get("ids")
    earliest, latest = _moment(given.get("from_date"), float("-inf")), _moment(given.get("to_date"), float("inf"))
    directory = _directory(info)
    found = [
        update
        for update in (directory.updates_of(source) if isinstance(source, Item) else directory.updates())
        if (source is None or source in (update.item, update.item.board))
        and (ids is None or str(update.id) in ids)
        and earliest <= update.created <= latest
    ]
    return sliced(found, limit, page)


def _moment(text: str | None, otherwise: float) -> float:
    if text is None:
        return otherwise
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid_argument("a date is written as in 2026-11-23T08:00:00Z", date=text[:100]) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _created(kind: str, fields: Iterable[str]) -> dict[str, Callable[..., Any]]:
    return {f"{kind}.{field}": lambda made, _info: iso_moment(made.created) for field in fields}


_EVERY_UPDATE: Final[dict[str, Callable[..., Any]]] = {
    "creator": lambda update, info: _user(info, update.creator_id),
    "creator_id": lambda update, _info: str(update.creator_id),
    "assets": lambda _update, _info: [],
}
#: By type and field.
RESOLVERS: Final[dict[str, Callable[..., Any]]] = {
    "Query.me": lambda _root, info: _user(info, user.get()),
    "Query.users": _users,
    "Query.teams": lambda _root, _info, **_: [],
    "Query.workspaces": _workspaces,
    "Query.tags": _tags,
    "Query.updates": _updates,
    "Board.updates": _updates,
    "Board.tags": lambda board, info: [tag for tag in _directory(info).tags.values() if tag.board_id == board.id],
    "Board.workspace": lambda board, info: _directory(info).workspace_of(board),
    "Board.permissions": lambda _board, _info: "everyone",
    "Board.created_at": lambda board, _info: iso_moment(board.created),
    "Board.updated_at": lambda board, _info: iso_moment(board.updated),
    "Item.updates": _updates,
    "Item.creator": lambda item, info: _user(info, item.creator_id),
    "Update.item_id": lambda update, _info: str(update.item.id),
    **{f"{kind}.{field}": resolve for kind in ("Update", "Reply") for field, resolve in _EVERY_UPDATE.items()},
    **_created("Update", ("created_at", "edited_at", "updated_at")),
    **_created("Reply", ("created_at", "edited_at", "updated_at")),
    **_created("Workspace", ("created_at",)),
}
