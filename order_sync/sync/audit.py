"""Is the board as the tables say? Items, their groups and their subitems, looked up a hundred items a call.

In: a reader and what the tables say of each item. Out: what is missing, elsewhere or doubled. Reads only.
One search by the items' key column answers all of it; what the search leaves out is asked for by id before it counts
as missing, for a search may come late.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from order_sync.monday import operations
from order_sync.monday.client import MondayReader
from order_sync.monday.lists import LOOK_UP, Listing, is_active, items_by_id, rows_in, text_of
from order_sync.text.counted import counted

PARTS = ("column_values", "group", "subitems")


@dataclass(frozen=True, kw_only=True)
class Expected:
    """An item as the tables have it."""

    item_id: str
    key: str | None  # the text of its key column; None: it was made by an earlier run, only its subitems are asked for
    group_id: str | None = None
    subitems: Mapping[str, str] = field(default_factory=dict)  # subitem id by the text of its key column


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What is not as the tables say, each as a sentence that names the row and the ids."""

    items: int = 0
    subitems: int = 0
    missing: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    subitems_missing: list[str] = field(default_factory=list)
    subitems_doubled: list[str] = field(default_factory=list)

    def __add__(self, other: Findings) -> Findings:
        return Findings(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})


def audit_items(
    reader: MondayReader, board_id: int, expected: Sequence[Expected], *, key_column: str, subitem_key_column: str
) -> Findings:
    """Holds the items against a board; one call for a hundred of them, more only where something is odd."""
    found = Findings()
    for start in range(0, len(expected), LOOK_UP):
        batch = expected[start : start + LOOK_UP]
        columns = {"ids": [key_column], "subitem_ids": [subitem_key_column]}
        by_key = {item.key: item for item in batch if item.key is not None}
        there = {raw["id"]: raw for raw in _search(reader, board_id, key_column, list(by_key), columns)}
        found += _doubled(by_key, there.values(), key_column)
        missing = [item.item_id for item in batch if item.item_id not in there]
        there |= items_by_id(reader, operations.PLACED_BY_ID, missing, columns, parts=PARTS)
        for item in batch:
            found += _held_against(item, there.get(item.item_id), subitem_key_column)
    return found


def _search(
    reader: MondayReader, board_id: int, key_column: str, keys: list[str], columns: dict[str, list[str]]
) -> Iterator[dict[str, Any]]:
    """The active items with one of these keys."""
    if not keys:
        return
    wanted = [{"column_id": key_column, "column_values": keys}]
    listing = Listing(
        what=f"the items of board {board_id} that are checked",
        first=operations.PLACED_BY_KEY,
        variables={"board": str(board_id), "columns": wanted, **columns},
        following=operations.NEXT_PLACED,
        more=columns,
        parts=PARTS,
    )
    yield from (item for item in rows_in(reader, listing) if is_active(item))


def _doubled(by_key: Mapping[str, Expected], raws: Iterable[dict[str, Any]], key_column: str) -> Findings:
    others: dict[str, list[str]] = {}
    for raw in raws:
        item = by_key.get(text_of(raw, key_column) or "")
        if item is not None and raw["id"] != item.item_id:
            others.setdefault(item.key or "", []).append(raw["id"])
    return Findings(
        doubled=[
            f"order {key} has item {by_key[key].item_id} and also {', '.join(sorted(ids, key=int))}"
            for key, ids in sorted(others.items())
        ]
    )


def _held_against(item: Expected, raw: dict[str, Any] | None, subitem_key_column: str) -> Findings:
    of = f" of order {item.key}" if item.key else ""
    if raw is None or not is_active(raw):
        return Findings(items=1, missing=[f"item {item.item_id}{of} is not on the board"])
    moved = []
    group = (raw.get("group") or {}).get("id")
    if item.group_id and group != item.group_id:
        moved = [f"item {item.item_id}{of} is in group {group}, not in {item.group_id}"]
    subitems = [sub for sub in raw.get("subitems") or [] if is_active(sub)]
    ids = {sub["id"] for sub in subitems}
    keys = Counter(text_of(sub, subitem_key_column) for sub in subitems)
    return Findings(
        items=1,
        subitems=len(item.subitems),
        moved=moved,
        subitems_missing=[
            f"subitem {subitem} of line {line} is not under item {item.item_id}"
            for line, subitem in item.subitems.items()
            if subitem not in ids
        ],
        subitems_doubled=[
            f"line {line} has {counted(keys[line], 'subitem')} under item {item.item_id}"
            for line in item.subitems
            if keys[line] > 1
        ],
    )
