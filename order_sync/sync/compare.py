"""Do boards and tables agree? The one comparison of the two, for the checks after a run, `reconcile` and the demo.

In: what boards show and what the tables expect, page by page. Out: `Findings`, each a kind and a sentence that names
the row and the ids. Reads nothing and asks nobody: monday/placed.py and database/expected.py read the two sides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from order_sync.database.connection import Row
from order_sync.database.expected import Expected, Known
from order_sync.monday.board import Board
from order_sync.monday.placed import DELETED, BoardItem, Place
from order_sync.orders.naming import TextKey, text_key
from order_sync.orders.states import State
from order_sync.text.counted import counted


class Kind(StrEnum):
    """What may be found. Down to DRIFTED it is wrong; the rest is what people do, and is only reported."""

    ITEM_MISSING = "items missing"
    SUBITEM_MISSING = "subitems missing"
    ITEM_DOUBLED = "items doubled"
    SUBITEM_DOUBLED = "subitems doubled"
    WRONG_PARENT = "subitems under another item"
    WRONG_ID = "ids that differ"
    NOT_IN_MAIN = "SYNCED in the queue only"
    UNKNOWN = "on the board without an order"
    GROUP_MISSING = "groups missing"
    KEY_LOST = "keys lost"
    DRIFTED = "values that differ"
    EDITED = "values edited on the board"
    ARCHIVED = "archived"
    ELSEWHERE = "moved to another board"
    OTHER_GROUP = "in a group that order_sync does not know"
    GROUP_DOUBLED = "groups doubled"
    OWN_ROWS = "rows without a key"

    @property
    def is_wrong(self) -> bool:
        people_do = (Kind.EDITED, Kind.ARCHIVED, Kind.ELSEWHERE, Kind.OTHER_GROUP, Kind.GROUP_DOUBLED, Kind.OWN_ROWS)
        return self not in people_do

    def counted(self, number: int) -> str:
        """1 item missing, 2 items missing."""
        several = {Kind.WRONG_ID: "id that differs", Kind.DRIFTED: "value that differs"}
        one = several.get(self) or re.sub(r"^(item|subitem|row|group|value|key)s\b", r"\1", self)
        return counted(number, one, self)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One difference, as a sentence for people and with the ids that a program needs."""

    kind: Kind
    what: str
    record_uuid: str | None = None
    key: str | None = None
    monday_id: int | None = None
    board_id: int | None = None

    @property
    def is_of_item(self) -> bool:
        """Not of a subitem: an item's key is that of its order."""
        return self.key == self.record_uuid


@dataclass(kw_only=True)
class Findings:
    """Every finding counted, the first of each kind kept."""

    most: int | None = None  # of a kind that are kept; None: all
    counts: Counter[Kind] = field(default_factory=Counter)
    first: dict[Kind, list[Finding]] = field(default_factory=dict)

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.counts[finding.kind] += 1
            kept = self.first.setdefault(finding.kind, [])
            if self.most is None or len(kept) < self.most:
                kept.append(finding)

    @property
    def wrong(self) -> int:
        return sum(count for kind, count in self.counts.items() if kind.is_wrong)


@dataclass(frozen=True, kw_only=True)
class Level:
    """Items and subitems are compared alike."""

    noun: str
    owner: str  # what its key names
    missing: Kind
    doubled: Kind


ITEM = Level(noun="item", owner="order", missing=Kind.ITEM_MISSING, doubled=Kind.ITEM_DOUBLED)
SUBITEM = Level(noun="subitem", owner="line", missing=Kind.SUBITEM_MISSING, doubled=Kind.SUBITEM_DOUBLED)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shown:
    """An item or a subitem that a board shows."""

    id: int
    key: str
    record_uuid: str  # of its item
    board_id: int
    place: str | int  # an item's group, the item above a subitem

    def found(self, kind: Kind, what: str) -> Finding:
        return Finding(
            kind=kind,
            what=what,
            record_uuid=self.record_uuid,
            key=self.key,
            monday_id=self.id,
            board_id=self.board_id,
        )


class Comparison:
    """Takes pages of boards as they come, with what the tables know of each; then finds what no page has shown."""

    def __init__(self, *, most: int | None = None) -> None:
        """`most`: how many findings of each kind are kept; None for all."""
        self.found = Findings(most=most)
        self.items: dict[int, str] = {}  # record_uuid by item id
        self.subitems: set[int] = set()
        self.looked_for: Counter[Level] = Counter()  # rows of the tables
        self._by_key: dict[Level, dict[str, _Shown]] = {ITEM: {}, SUBITEM: {}}
        self._other_ids: list[tuple[Level, _Shown, Expected]] = []

    def show(self, board_id: int, items: Iterable[BoardItem], known: Known) -> None:
        """Compares one page of a board with the tables. An item that a second page shows again is the same one."""
        for item in items:
            if item.id in self.items:
                continue
            self.items[item.id] = of = known.item_owners.get(item.id, item.record_uuid)
            key = item.record_uuid
            shown = _Shown(id=item.id, key=key, record_uuid=of, board_id=board_id, place=item.group_id)
            self.found.add(self._compare(ITEM, shown, known.items, known.strangers, of if of != key else None))
            for subitem in item.subitems:
                self.subitems.add(subitem.id)
                shown = _Shown(id=subitem.id, key=subitem.key, record_uuid=of, board_id=board_id, place=item.id)
                owner = known.subitem_owners.get(subitem.id)
                self.found.add(self._compare(SUBITEM, shown, known.subitems, known.strangers, owner))

    def _compare(
        self,
        level: Level,
        shown: _Shown,
        known: Mapping[str, Expected],
        strangers: Collection[str],
        owner: str | None = None,
    ) -> Iterator[Finding]:
        """`owner` is the key that the row should have, by its id, as far as the tables say."""
        if owner is not None and owner != shown.key:
            what = f"has the key '{shown.key}'" if shown.key else "has no key"
            lost = replace(shown, key=owner)
            yield lost.found(Kind.KEY_LOST, f"{level.noun} {shown.id} of {level.owner} {owner} {what} on the board")
            return
        if not shown.key:
            yield shown.found(Kind.OWN_ROWS, f"{level.noun} {shown.id} has no key: somebody's own row")
            return
        if shown.key in strangers:
            yield shown.found(Kind.UNKNOWN, f"no table knows {level.owner} {shown.key} of {level.noun} {shown.id}")
        expected = known.get(shown.key)
        first = self._by_key[level].setdefault(shown.key, shown)
        if first is not shown:
            yield self._doubled(level, first, shown, expected)
        elif expected and expected.monday_id != shown.id:
            self._other_ids.append((level, shown, expected))
        elif expected:
            yield from _misplaced(level, shown, expected)

    def _doubled(self, level: Level, first: _Shown, second: _Shown, expected: Expected | None) -> Finding:
        """The copy is the one that the tables do not name, or else the later one."""
        own, copy = (second, first) if expected and expected.monday_id == second.id else (first, second)
        self._by_key[level][own.key] = own
        return copy.found(level.doubled, f"{level.owner} {own.key} has {level.noun} {own.id} and also {copy.id}")

    def missing(self, level: Level, expected: Iterable[Expected]) -> Iterator[Expected]:
        """Those that no page has shown, nor another row with their key; subitems only if their item is there."""
        keys = self._by_key[level]
        ids: Collection[int] = self.items if level is ITEM else self.subitems
        for row in expected:
            self.looked_for[level] += 1
            if row.monday_id not in ids and row.key not in keys and (level is ITEM or row.parent_id in self.items):
                yield row

    def finish(self, main: Iterable[Finding] = ()) -> Findings:
        """Adds what is known only once every page is in. `main`: where the tables themselves differ."""
        for level, shown, expected in self._other_ids:
            # If that one is on the board, too, the row is doubled, and reported as that.
            if expected.monday_id not in self.items and expected.monday_id not in self.subitems:
                what = f"{level.owner} {shown.key} has {level.noun} {shown.id} on the board and {expected.monday_id}"
                self.found.add([shown.found(Kind.WRONG_ID, f"{what} in the queue")])
        # An order whose first header is no longer queued has an item that only ORDER_LIST knows.
        self.found.add(row for row in main if row.key or self.items.get(row.monday_id or 0) != row.record_uuid)
        return self.found


def _misplaced(level: Level, shown: _Shown, expected: Expected) -> Iterator[Finding]:
    of = f"{level.noun} {shown.id} of {level.owner} {shown.key}"
    if level is SUBITEM:
        if expected.parent_id != shown.place:
            what = f"{of} is under item {shown.place}, not under item {expected.parent_id}"
            yield shown.found(Kind.WRONG_PARENT, what)
    elif expected.groups is not None and shown.place not in expected.groups:
        others = f"not in {next(iter(expected.groups))}" if len(expected.groups) == 1 else "which is none of ours"
        yield shown.found(Kind.OTHER_GROUP, f"{of} is in group {shown.place}, {others}")


def missed(level: Level, row: Expected, place: Place, boards: Collection[int]) -> Iterator[Finding]:
    """What it means that no page has shown a row, by what monday says of it."""
    of = f"{level.noun} {row.monday_id} of {level.owner} {row.key}"
    if place.state == DELETED.state:
        where = "on the board" if level is ITEM else f"under item {row.parent_id}"
        kind, what = level.missing, f"{of} is not {where}"
    elif place.state == "archived":  # what people do with orders that are done
        kind, what = Kind.ARCHIVED, f"{of} is archived on monday"
    elif level is ITEM and place.board_id not in boards:
        kind, what = Kind.ELSEWHERE, f"{of} is on board {place.board_id}"
    else:  # its page was read before it came
        return
    yield Finding(kind=kind, what=what, record_uuid=row.record_uuid, key=row.key, monday_id=row.monday_id)


def of_main_tables(orders: Iterable[Row], lines: Iterable[Row], names: tuple[str, str]) -> list[Finding]:
    """What it means that queue and main tables differ, by the rows on which they do; `names` are the main tables'."""
    return list(dict.fromkeys([*_of_orders(orders, names[0]), *_of_lines(lines, names[1])]))


def _of_orders(rows: Iterable[Row], main: str) -> Iterator[Finding]:
    for row in rows:
        of, item = row["record_uuid"], row["order_item_id"]
        if row["order_state"] == State.SYNCED:
            what = f"{main} names item {item} for order {of}, which none of its headers has"
            yield Finding(kind=Kind.WRONG_ID, what=what, record_uuid=of, monday_id=item)
        else:
            what, item = f"order {of} is SYNCED in the queue and not in {main}", row["monday_item_id"]
            yield Finding(kind=Kind.NOT_IN_MAIN, what=what, record_uuid=of, key=row["delta_uuid"], monday_id=item)


def _of_lines(rows: Iterable[Row], main: str) -> Iterator[Finding]:
    for row in rows:
        line, subitem = row["line_uuid"], row["monday_subitem_id"]
        kind, what = Kind.NOT_IN_MAIN, f"line {line} is SYNCED in the queue and not in {main}"
        if row["line_state"] == State.SYNCED:
            kind = Kind.WRONG_ID
            what = (
                f"line {line} has subitem {subitem} under item {row['parent_item_id']} in the queue, and "
                f"{row['line_subitem_id']} under item {row['line_parent_id']} in {main}"
            )
        yield Finding(kind=kind, what=what, record_uuid=row["record_uuid"], key=line, monday_id=subitem)


# ---- groups -------------------------------------------------------------------------------------------------


def missing_groups(board: Board, own: Mapping[str, str], wanted: Iterable[str]) -> Iterator[Finding]:
    """The wanted titles that the board lacks; `own` has the titles of our groups by id, as they were created."""
    renamed = {text_key(title) for group_id, title in own.items() if group_id in board.group_ids}
    for key, title in _by_text(wanted):
        if key not in board.groups and key not in renamed:
            what = f"group '{title}' is not on board {board.id}"
            yield Finding(kind=Kind.GROUP_MISSING, what=what, board_id=board.id)


def doubled_groups(board: Board, own: Collection[str], titles: Iterable[str]) -> Iterator[Finding]:
    """Those of the titles that more than one group of the board has; `own` are the ids of ours."""
    ids: dict[TextKey, list[str]] = {}
    for group_id, title in board.group_titles.items():
        ids.setdefault(text_key(title), []).append(group_id)
    for key, title in _by_text(titles):
        same = ids.get(key, [])
        if len(same) > 1:
            ours = sum(group_id in own for group_id in same)
            what = f"{counted(len(same), 'group')} '{title}' ({', '.join(same)}), {ours} of them ours"
            yield Finding(kind=Kind.GROUP_DOUBLED, what=f"board {board.id} has {what}", board_id=board.id)


def _by_text(titles: Iterable[str]) -> list[tuple[TextKey, str]]:
    """Each title once, by what it is compared by."""
    return sorted({text_key(title): title for title in sorted(titles)}.items())
