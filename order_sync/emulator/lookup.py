"""In: a board, conditions on its items, a cursor.
Out: one page of items and the cursor of the next.
Never: a row younger than the look-up lag: monday promises nothing about rows just created."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from order_sync.emulator.bounds import read_json
from order_sync.emulator.clock import Clock
from order_sync.emulator.conditions import column_tests, query_tests
from order_sync.emulator.errors import MondayError, invalid_argument
from order_sync.emulator.settings import EmulatorSettings
from order_sync.emulator.sorting import Order, Place
from order_sync.emulator.state import Item, State

PAGE_LIMIT = 500


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
        return self._page(search, limit, after=None, since=self._clock.now())

    def next(self, cursor: str, limit: int) -> Page:
        try:
            fields = read_json(base64.urlsafe_b64decode(cursor.encode("ascii")))
            search, after, since = Search(**fields["search"]), fields["after"], float(fields["since"])
            if self._clock.now() - since > self._settings().cursor_life_s:
                raise MondayError("CursorExpiredError", "The cursor has expired: start again from the first page")
            return self._page(search, limit, after, since)
        except (ValueError, LookupError, TypeError, AttributeError, binascii.Error):
            raise invalid_argument("the cursor is not one of ours") from None

    def _page(self, search: Search, limit: int, after: Place | None, since: float) -> Page:
        if not 1 <= limit <= PAGE_LIMIT:
            raise invalid_argument(f"limit is 1 to {PAGE_LIMIT}", limit=limit)
        order = Order(self._state.boards[search.board_id], (search.query or {}).get("order_by") or ())
        found: list[Item] = []
        for item in order.following(self._matches(search), after):
            if len(found) == limit:
                return Page(self._cursor(search, order.place(found[-1]), since), found)
            found.append(item)
        return Page(None, found)

    def _matches(self, search: Search) -> Iterator[Item]:
        board, settings, now = self._state.boards[search.board_id], self._settings(), self._clock.now()
        youngest, forgotten = now - settings.lookup_lag_s, now - settings.removal_lag_s
        tests = [*column_tests(board, search.columns), *query_tests(board, search.query, now)]
        return (
            item
            for item in board.items.values()
            if (item.state == "active" or (item.removed or 0) > forgotten)
            and item.created <= youngest
            and (search.group_id is None or item.group.id == search.group_id)
            and all(test(item) for test in tests)
        )

    def _cursor(self, search: Search, after: Place, since: float) -> str:
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
