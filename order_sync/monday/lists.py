"""Lists in monday's answers: items page by page, items by their ids. What an answer lacks is asked for again.

In: a reader, a query, and which parts of a row must be there. Out: every row, once, with all of these parts.
Never takes a list that an answer lacks for an empty one, nor the pages before an expired cursor for the whole.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from order_sync.monday.client import MondayReader
from order_sync.orders.errors import CursorExpired, Transient
from order_sync.orders.monday_faults import MondayFault

log = logging.getLogger("order_sync.monday")

SEARCH_LAG_SECONDS = 5.0  # monday promises no bound; what it leaves open is looked up twice
BARREN_PAGES = 3  # one after the other without a new row
LOOK_UP = 100  # values of one ANY_OF column, and ids of items(ids:), a call
PAUSES = (0.0, 1.0, SEARCH_LAG_SECONDS)  # before each time that a query is asked

T = TypeVar("T")
Row = dict[str, Any]  # an item, a subitem, a board or a group, as an answer has it


def ask(reader: MondayReader, text: str, variables: Mapping[str, Any], read: Callable[[Row], T | None], what: str) -> T:
    """What `read` finds in the answer, asked again while that is None. Raises Transient that names `what`."""
    for pause in PAUSES:
        if pause:
            log.info("monday's answer lacks %s: asking again in %.0f s", what, pause)
            reader.wait(pause)
        found = read(reader.query(text, variables))
        if found is not None:
            return found
    raise Transient(
        f"monday does not return {what}: {len(PAUSES)} answers lacked it, the last one to request "
        f"{reader.request_id or '-'}. A missing list is not an empty list, so nothing was decided from it. "
        "Start the run again; if the problem persists, contact monday's support.",
        MondayFault.ODD_ANSWER,
    )


def rows_of(found: Any, parts: Collection[str] = ()) -> list[Row] | None:
    """The rows of a list, None where it is not known: it is missing, or a row of it, or a part of an active row."""
    if not isinstance(found, list):
        return None
    for row in found:
        if not isinstance(row, dict) or row.get("id") is None:
            return None
        if is_active(row) and not all(_is_known(row, part) for part in parts):
            return None
    return found


def _is_known(row: Row, part: str) -> bool:
    value = row.get(part)
    if part == "subitems":
        return rows_of(value, ("column_values",)) is not None
    if part == "column_values":
        return isinstance(value, list) and all(
            isinstance(cell, dict) and {"id", "text"} <= cell.keys() for cell in value
        )
    return isinstance(value, dict) and value.get("id") is not None  # a group or a board


def is_active(raw: Mapping[str, Any]) -> bool:
    """Whether an item or subitem, as an answer has it, is neither deleted nor archived."""
    return raw.get("state") in (None, "active")


def text_of(raw: Mapping[str, Any], column: str) -> str | None:
    """The text in a column of an item or subitem, as an answer has it: of one that was deleted perhaps only a part."""
    cells = (cell for cell in raw.get("column_values") or [] if cell is not None)
    return next((cell.get("text") for cell in cells if cell.get("id") == column), None)


def hundreds(ids: Iterable[str]) -> Iterator[list[str]]:
    """The distinct ids, as many at a time as one call takes."""
    distinct = list(dict.fromkeys(ids))
    for start in range(0, len(distinct), LOOK_UP):
        yield distinct[start : start + LOOK_UP]


def items_by_id(
    reader: MondayReader,
    text: str,
    ids: Iterable[str],
    variables: Mapping[str, Any] | None = None,
    *,
    parts: Collection[str] = (),
) -> dict[str, Row]:
    """The items that monday shows, by id, deleted and archived ones too.

    One that an answer leaves out is asked about again: it may have been made a moment ago. What is left out twice was
    deleted long ago, or never was.
    """
    wanted = list(dict.fromkeys(ids))
    found: dict[str, Row] = {}
    for pause in (0.0, SEARCH_LAG_SECONDS):
        missing = [item for item in wanted if item not in found]
        if missing and pause:
            reader.wait(pause)
        for some in hundreds(missing):
            what = f"item {some[0]}" + (f" and {len(some) - 1} others" if some[1:] else "")
            rows = ask(
                reader,
                text,
                {"items": some, **(variables or {})},
                lambda data: rows_of(data.get("items"), parts),
                what,
            )
            found |= {str(row["id"]): row for row in rows}
    return found


# ---- pages --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Items that come in pages: the query for the first one, and that for all others, which has a $cursor."""

    what: str  # the listed objects, for messages
    first: str
    variables: Mapping[str, Any]
    following: str
    more: Mapping[str, Any]  # variables of the following pages, beside the cursor
    parts: tuple[str, ...] = ("column_values",)


@dataclass(frozen=True, kw_only=True)
class Page:
    rows: list[Row]
    cursor: str | None
    cost: int  # complexity


def pages(
    reader: MondayReader, listing: Listing, resize: Callable[[int], Mapping[str, Any]] = lambda cost: {}
) -> Iterator[Page]:
    """Every page, no row twice. `resize` gives variables of the next page by what the last one cost.

    A cursor lives 60 minutes from the first page on. Where that is not enough the list is read again from its
    beginning, once; raises CursorExpired if it is not enough then, either.
    """
    seen: set[str] = set()
    try:
        yield from _unseen(_read(reader, listing, resize), seen)
    except CursorExpired as error:
        log.warning("%s: reading %s again from the beginning (%d rows so far)", error, listing.what, len(seen))
    else:
        return
    try:
        yield from _unseen(_read(reader, listing, resize), seen)
    except CursorExpired as error:
        raise CursorExpired(
            f"monday's cursor expired twice while reading {listing.what}: it is valid for 60 minutes, and the read "
            f"takes longer ({error}). Nothing is lost. Start again when other programs use less of the account's budget"
        ) from error


def rows_in(reader: MondayReader, listing: Listing) -> Iterator[Row]:
    """The rows of all pages."""
    for page in pages(reader, listing):
        yield from page.rows


def _unseen(found: Iterator[Page], seen: set[str]) -> Iterator[Page]:
    for page in found:
        rows = [row for row in page.rows if row["id"] not in seen]
        seen.update(row["id"] for row in rows)
        yield Page(rows=rows, cursor=page.cursor, cost=page.cost)


class Endless:
    """Notices a list that goes on without showing anything new: calls are not to be spent on it for ever."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._seen: set[str] = set()
        self._barren = 0

    def check(self, rows: Iterable[Row]) -> None:
        """The rows of a page after which there is another one. Raises Transient after several without a new row."""
        new = {str(row["id"]) for row in rows} - self._seen
        self._seen |= new
        self._barren = 0 if new else self._barren + 1
        if self._barren >= BARREN_PAGES:
            raise Transient(
                f"monday keeps returning pages of {self._what} without a new row. Nothing was decided from them. "
                "Start the run again.",
                MondayFault.ODD_ANSWER,
            )


def _read(reader: MondayReader, listing: Listing, resize: Callable[[int], Mapping[str, Any]]) -> Iterator[Page]:
    text, variables, endless = listing.first, dict(listing.variables), Endless(listing.what)
    while True:
        page = ask(reader, text, variables, lambda data: _page_in(data, listing.parts), listing.what)
        yield page
        if not page.cursor:
            return
        endless.check(page.rows)
        text, variables = listing.following, {"cursor": page.cursor, **listing.more, **resize(page.cost)}


def _page_in(data: Row, parts: Collection[str]) -> Page | None:
    found = data.get("next_items_page", data.get("items_page_by_column_values"))
    if "capitals" in data:  # the same items as they are found under another spelling
        found = _merged(found, data["capitals"], parts)
    if (boards := data.get("boards")) is not None:
        found = boards[0].get("items_page") if isinstance(boards, list) and boards and boards[0] else None
    rows = rows_of(found.get("items"), parts) if isinstance(found, dict) else None
    if rows is None or found is None:
        return None
    complexity = data.get("complexity")
    cost = complexity.get("query") if isinstance(complexity, dict) else None
    return Page(rows=rows, cursor=found.get("cursor"), cost=cost if isinstance(cost, int) else 0)


def _merged(one: Any, other: Any, parts: Collection[str]) -> Row | None:
    """Two first pages as one, None where one of them is not known, or both have a page after them."""
    if not isinstance(one, dict) or not isinstance(other, dict) or (one.get("cursor") and other.get("cursor")):
        return None
    rows, others = rows_of(one.get("items"), parts), rows_of(other.get("items"), parts)
    if rows is None or others is None:
        return None
    items = {row["id"]: row for row in (*rows, *others)}
    return {"items": list(items.values()), "cursor": one.get("cursor") or other.get("cursor")}
