"""What was ever written on the board, in order: never something older after something newer.

In: every effect that monday had, and the rows of the queue. Out: what was stale, which edits were overwritten, and
what was sent although nobody had changed anything. Knows nothing of how the product decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from order_sync.demo.words import COLOUR, PO, TOTAL
from order_sync_tests.faults.scenario import Edit

Row = dict[str, Any]
Cell = tuple[str, str]  # item's id, column
GROUP = "group"
ALTERED = ("item_changed", "item_moved", "item_removed")
OF_ORDERS = {"total_qty": TOTAL, "po_number": PO, "colour": COLOUR, GROUP: "GroupMonday"}
OF_LINES = {"qty": "qty"}

# By order or line, and column: the version by what it says; None where versions that do not follow each other say it.
Ranks = Mapping[tuple[str, str], Mapping[str, int | None]]


def oldest_first(rows: Iterable[Row]) -> list[Row]:
    """The last one of an order, or a line, says what it should be."""
    return sorted(rows, key=lambda row: (row["created_at"], row["delta_uuid"]))


def ranks(rows: Iterable[Row], own: str, columns: Mapping[str, str]) -> dict[tuple[str, str], dict[str, int | None]]:
    found: dict[tuple[str, str], dict[str, int | None]] = {}
    last: dict[tuple[str, str], str] = {}
    for number, row in enumerate(oldest_first(rows)):
        for column, source in columns.items():
            if row["action_type"] == "DELETE":
                continue
            key, text = (row[own], column), str(row[source])
            if last.get(key) != text:
                said = found.setdefault(key, {})
                said[text] = None if text in said else number
            last[key] = text
    return found


def keys(effects: Iterable[Row]) -> dict[int, str]:
    """The record_uuid, or line_uuid, of each item, or subitem, that ever was."""
    found = {}
    for effect in effects:
        if effect["kind"] == "item_created":
            key = effect["values"].get("record_uuid") or effect["values"].get("line_uuid")
            found[effect["item_id"]] = str(key or "").lower()
    return found


def stale(effects: list[Row], versions: Ranks, titles: Mapping[str, str], emptied: Set[Cell]) -> Iterator[str]:
    """Values of an older version that were written after those of a newer one. `titles` of groups are by their ids.

    People `emptied` some cells, which an older version may have left empty.
    """
    own, last = keys(effects), dict[tuple[int, str], int]()
    for effect in effects:
        if effect["kind"] not in ("item_created", "item_changed", "item_moved"):
            continue
        item = effect["item_id"]
        written = dict(effect.get("values", {}))
        if group := effect.get("group_id"):
            written[GROUP] = titles.get(group)
        for column, value in written.items():
            rank = versions.get((own.get(item, ""), column), {}).get(str(value))
            if rank is None or (not value and (str(item), column) in emptied):
                continue
            if rank < last.get((item, column), rank):
                yield f"{column} of item {item} ({own[item]}) became '{value}' after something newer"
            last[item, column] = rank


def overwritten(effects: list[Row], edits: Iterable[Edit]) -> Iterator[str]:
    for edit in edits:
        for effect in effects[edit.after :] if not edit.raced else ():
            if effect["kind"] != "item_changed" or str(effect["item_id"]) != edit.item:
                continue
            if effect["values"].get(edit.column, edit.text) != edit.text:
                became = effect["values"][edit.column]
                yield f"{edit.column} of item {edit.item} was '{edit.text}', and became {became!r}"


def needless(effects: list[Row], untouched: Iterable[str]) -> Iterator[str]:
    """Alterations of what nobody has changed."""
    own, spared = keys(effects), set(untouched)
    for effect in effects:
        if effect["kind"] in ALTERED and own.get(effect["item_id"]) in spared:
            yield f"{effect['kind']} of item {effect['item_id']} ({own[effect['item_id']]}), which nobody had changed"
