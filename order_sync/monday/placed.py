"""Items as boards show them: their keys, where they are, and the subitems under them. The boards' side of a comparison.

In: a reader, the mapping's key columns, and a board, keys or ids. Out: `BoardItem`s, and the `Place` of what is asked
for by its id. Reads only, a hundred items a call or more; what is archived or deleted is never shown as an item.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from order_sync.monday import operations
from order_sync.monday.client import MondayReader
from order_sync.monday.lists import LOOK_UP, Listing, is_active, items_by_id, pages, rows_in, text_of
from order_sync.orders.mapping import BoardMap, ColumnMapping

FIRST_PAGE = 100
LARGEST_PAGE = 500  # monday's own limit
PAGE_COMPLEXITY = 1_000_000  # of one page: a fifth of what a query may cost, and a tenth of a minute's budget
PARTS = ("column_values", "group", "subitems")


@dataclass(frozen=True, kw_only=True)
class BoardSubitem:
    id: int
    key: str  # line_uuid, "" for none
    name: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)  # of the mapped columns, where they were asked for


@dataclass(frozen=True, kw_only=True)
class BoardItem:
    """An active item as a board shows it."""

    id: int
    group_id: str
    record_uuid: str  # its key; "" for none
    subitems: tuple[BoardSubitem, ...] = ()
    name: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Place:
    """What monday says of an item or a subitem that is asked for by its id."""

    state: str = "deleted"
    board_id: int = 0


DELETED = Place()


def whole_board(reader: MondayReader, board_id: int, mapping: ColumnMapping) -> Iterator[tuple[list[BoardItem], int]]:
    """Every active item of a board, with the values of the mapped columns, page by page, and what each page cost.

    The first page is small: its cost decides how large the next ones may be.
    """
    size = FIRST_PAGE

    def resize(cost: int) -> dict[str, int]:
        nonlocal size
        size = min(LARGEST_PAGE, max(1, PAGE_COMPLEXITY * size // cost)) if cost else LARGEST_PAGE
        return {"limit": size}

    columns = _columns(mapping, values=True)
    listing = Listing(
        what=f"board {board_id}",
        first=operations.BOARD_ITEMS,
        variables={"board": [str(board_id)], "limit": size, **columns},
        following=operations.NEXT_PLACED,
        more=columns,
        parts=PARTS,
    )
    for page in pages(reader, listing, resize):
        yield [_item(raw, mapping, values=True) for raw in page.rows if is_active(raw)], page.cost


def with_keys(reader: MondayReader, board_id: int, mapping: ColumnMapping, keys: Collection[str]) -> list[BoardItem]:
    """The active items of a board with one of these keys, at most a hundred. A search may come late."""
    columns = _columns(mapping)
    wanted = [{"column_id": mapping.items.key_column, "column_values": list(keys)}]
    listing = Listing(
        what=f"the items of board {board_id} that are checked",
        first=operations.PLACED_BY_KEY,
        variables={"board": str(board_id), "columns": wanted, **columns},
        following=operations.NEXT_PLACED,
        more={"limit": LOOK_UP, **columns},
        parts=PARTS,
    )
    return [_item(raw, mapping) for raw in rows_in(reader, listing) if is_active(raw)]


def with_ids(
    reader: MondayReader, mapping: ColumnMapping, ids: Iterable[int], *, values: bool = False
) -> tuple[list[BoardItem], dict[int, Place]]:
    """Those of the items that are active, and where each one that monday knows is, in any state.

    With their `values` in the mapped columns where these are asked for.
    """
    texts, columns = (str(item_id) for item_id in ids), _columns(mapping, values=values)
    found = items_by_id(reader, operations.PLACED_BY_ID, texts, columns, parts=(*PARTS, "board"))
    return [_item(raw, mapping, values=values) for raw in found.values() if is_active(raw)], _places(found)


def places(reader: MondayReader, ids: Iterable[int]) -> dict[int, Place]:
    """The same for items and subitems, without their contents."""
    return _places(items_by_id(reader, operations.ITEM_PLACES, (str(each) for each in ids), parts=("board",)))


def _columns(mapping: ColumnMapping, *, values: bool = False) -> dict[str, list[str]]:
    """The keys, or all that the mapping fills."""
    return {
        name: [of.key_column, *([column.column for column in of.columns] if values else [])]
        for name, of in (("ids", mapping.items), ("subitem_ids", mapping.subitems))
    }


def _places(found: Mapping[str, Mapping[str, Any]]) -> dict[int, Place]:
    return {
        int(item_id): Place(state=raw.get("state") or "active", board_id=int((raw.get("board") or {}).get("id") or 0))
        for item_id, raw in found.items()
    }


def _item(raw: Mapping[str, Any], mapping: ColumnMapping, *, values: bool = False) -> BoardItem:
    subitems = (
        BoardSubitem(
            id=int(subitem["id"]),
            key=_key(subitem, mapping.subitems.key_column),
            name=str(subitem.get("name") or ""),
            texts=_texts(subitem, mapping.subitems) if values else {},
        )
        for subitem in raw["subitems"]
        if is_active(subitem)
    )
    return BoardItem(
        id=int(raw["id"]),
        group_id=str(raw["group"]["id"]),
        record_uuid=_key(raw, mapping.items.key_column),
        subitems=tuple(subitems),
        name=str(raw.get("name") or ""),
        texts=_texts(raw, mapping.items) if values else {},
    )


def _texts(raw: Mapping[str, Any], mapping: BoardMap) -> dict[str, str]:
    return {column.column: text_of(raw, column.column) or "" for column in mapping.columns}


def _key(raw: Mapping[str, Any], column: str) -> str:
    """A key as the tables spell it: people may have written it in capitals, or with blanks around it."""
    return (text_of(raw, column) or "").strip().lower()
