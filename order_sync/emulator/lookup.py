"""In: a board, conditions on its items, a cursor.
Out: one page of items and the cursor of the next.
Never: a row younger than the look-up lag: monday promises nothing about rows just created."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from order_sync.emulator.bounds import read_json
from order_sync.emulator.clock import Clock
from order_sync.emulator.columns import Column, text
from order_sync.emulator.errors import MondayError, invalid_argument, invalid_column
from order_sync.emulator.settings import EmulatorSettings
from order_sync.emulator.state import Board, Item, State

PAGE_LIMIT = 500
VALUES_LIMIT = 100

Test: TypeAlias = Callable[[Item], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a cursor carries on: JSON in, JSON out."""

    board_id: int
    group_id: str | None = None
    #: items_page_by_column_values: pairs of column id and values.
    columns: Sequence[tuple[str, Sequence[str]]] = ()
    #: items_page: `ItemsQuery` as it was sent.
    query: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    cursor: str | None
    items: list[Item]


class Lookup:
    def __init__(self, state: State, clock: Clock, settings: Callable[[], EmulatorSettings]) -> None:
        self._state = state
        self._clock = clock
        self._settings = settings

    def first(self, search: Search, limit: int) -> Page:
        return self._page(search, limit, after=0, since=self._clock.now())

    def next(self, cursor: str, limit: int) -> Page:
        try:
            fields = read_json(base64.urlsafe_b64decode(cursor.encode("ascii")))
            search, after, since = Search(**fields["search"]), int(fields["after"]), float(fields["since"])
            if self._clock.now() - since > self._settings().cursor_life_s:
                raise MondayError("CursorExpiredError", "The cursor has expired: start again from the first page")
            return self._page(search, limit, after, since)
        except (ValueError, LookupError, TypeError, AttributeError, binascii.Error):
            raise invalid_argument("the cursor is not one of ours") from None

    def _page(self, search: Search, limit: int, after: int, since: float) -> Page:
        if not 1 <= limit <= PAGE_LIMIT:
            raise invalid_argument(f"limit is 1 to {PAGE_LIMIT}", limit=limit)
        found: list[Item] = []
        for item in self._matches(search, after):
            if len(found) == limit:
                return Page(self._cursor(search, found[-1].id, since), found)
            found.append(item)
        return Page(None, found)

    def _matches(self, search: Search, after: int) -> Iterator[Item]:
        board = self._state.boards[search.board_id]
        youngest = self._clock.now() - self._settings().lookup_lag_s
        tests = [*_column_tests(board, search.columns), *_query_tests(board, search.query)]
        return (
            item
            for item in board.items.values()
            if item.id > after
            and item.state == "active"
            and item.created <= youngest
            and (search.group_id is None or item.group.id == search.group_id)
            and all(test(item) for test in tests)
        )

    def _cursor(self, search: Search, after: int, since: float) -> str:
        plain = {
            "search": {
                "board_id": search.board_id,
                "group_id": search.group_id,
                "columns": search.columns,
                "query": search.query,
            },
            "after": after,
            "since": since,
        }
        return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode("ascii")


def _column_tests(board: Board, wanted: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Test]:
    for column_id, values in wanted:
        if not 1 <= len(values) <= VALUES_LIMIT:
            raise invalid_argument(f"a column takes 1 to {VALUES_LIMIT} values", column_id=column_id)
        yield _text_in(board, column_id, frozenset(value or "" for value in values))


def _query_tests(board: Board, query: Mapping[str, Any] | None) -> Iterator[Test]:
    if not query:
        return
    if query.get("ids") is not None:
        ids = {str(identity) for identity in query["ids"]}
        if len(ids) > VALUES_LIMIT:
            raise invalid_argument(f"query_params.ids takes at most {VALUES_LIMIT} ids")
        yield lambda item: str(item.id) in ids
    rules = [_rule_test(board, rule) for rule in query.get("rules") or ()]
    if rules and query.get("operator") == "or":
        yield lambda item: any(rule(item) for rule in rules)
    else:
        yield from rules


def _rule_test(board: Board, rule: Mapping[str, Any]) -> Test:
    column_id, operator = str(rule["column_id"]), rule.get("operator", "any_of")
    compare = rule["compare_value"]
    values = [str(value) for value in (compare if isinstance(compare, list) else [compare])]
    match operator:
        case "any_of" | "not_any_of":
            test = _any_of(board, column_id, values)
            return test if operator == "any_of" else lambda item: not test(item)
        case "contains_text":
            read = _reader(board, column_id)
            needle = " ".join(values).casefold()
            return lambda item: needle in read(item).casefold()
        case _:
            read = _reader(board, column_id)
            empty = operator == "is_empty"
            return lambda item: (read(item) == "") is empty


def _any_of(board: Board, column_id: str, values: list[str]) -> Test:
    """Groups are compared by id, labels by index (as monday does in query_params), all else by text."""
    wanted = frozenset(values)
    column = board.columns.get(column_id)
    if column_id == "group":
        return lambda item: item.group.id in wanted
    if column is not None and column.type == "status":
        return lambda item: str(item.values.get(column_id)) in wanted
    if column is not None and column.type == "dropdown":
        return lambda item: not wanted.isdisjoint(map(str, item.values.get(column_id) or ()))
    return _text_in(board, column_id, wanted)


def _text_in(board: Board, column_id: str, wanted: frozenset[str]) -> Test:
    column = board.columns.get(column_id)
    if column is not None and column.type == "text":
        # The way uuids are looked up: no call for each of 34,000 rows.
        return lambda item: item.values.get(column_id, "") in wanted
    read = _reader(board, column_id)
    return lambda item: read(item) in wanted


def _reader(board: Board, column_id: str) -> Callable[[Item], str]:
    if column_id == "name":
        return lambda item: item.name
    column = board.columns.get(column_id)
    if column is None or column.type == "subtasks":
        raise invalid_column(column_id)
    return lambda item: _text(column, item)


def _text(column: Column, item: Item) -> str:
    return text(column, item.values.get(column.id)) or ""
