"""What the tables and one board have of a step's rows, for a live run and a dry one alike.

In: the rows that a step asks about, as the tables know them. Out: groups, items and subitems that are there or deleted.
Reads only: a live run records what it finds (outside_changes.py), a dry run plans with it (planner.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from order_sync.database.entries import Entry, Operation, payloads
from order_sync.database.written import OnRecord
from order_sync.monday.board import (
    Board,
    find_all_items,
    find_all_subitems,
    find_deleted,
    look_by_id,
    look_under,
    read_board,
    read_boards,
)
from order_sync.monday.client import MondayReader
from order_sync.monday.item_values import ItemValues, read_values, same_text, shows
from order_sync.monday.labels import LabelSpelling
from order_sync.monday.values import label_column
from order_sync.orders.mapping import BoardMap, ColumnMapping
from order_sync.orders.naming import TextKey, text_key
from order_sync.orders.states import Action
from order_sync.sync.decide import Decision, Deleted, KnownSubitem, Seen, askable, decide_items, decide_subitems
from order_sync.sync.known import item_of
from order_sync.sync.ownership import NAME
from order_sync.sync.rows import Row


@dataclass(kw_only=True)
class Site:
    """A board as it was last read, and the hidden one of its subitems as it was when the run began."""

    board: Board
    subitems: Board | None
    groups: dict[TextKey, Group] | None = None  # once this run has made those that it needs
    new_items: set[int] = field(default_factory=set)  # made by this run: nothing is under them but what it has made


def read_sites(reader: MondayReader, board_ids: Sequence[int]) -> dict[int, Site]:
    """The boards by id. Raises ConfigurationError if the token does not see them all."""
    boards = read_boards(reader, board_ids)
    hidden = read_boards(reader, [b.subitem_board_id for b in boards.values() if b.subitem_board_id])
    return {
        board_id: Site(board=boards[board_id], subitems=hidden.get(boards[board_id].subitem_board_id or 0))
        for board_id in board_ids
    }


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group of a board, under a title that it has, or that order_sync gave it."""

    id: str
    title: str


def groups_of(board: Board, own: Mapping[str, str]) -> dict[TextKey, Group]:
    """The board's groups by what their titles are compared by.

    A group that order_sync made is known by its id also where its title has changed; `own` has the titles of those as
    they were made, by id.
    """
    known = {text_key(title): Group(id=of, title=title) for of, title in own.items() if of in board.group_ids}
    titles = board.group_titles
    return known | {key: Group(id=group_id, title=titles[group_id]) for key, group_id in board.groups.items()}


# Whose items these are, or where asked so subitems, as far as it is on record: by monday's id.
OwnersOf = Callable[[Collection[int], bool], Mapping[int, str]]


def nobody(_ids: Collection[int], _of_lines: bool) -> Mapping[int, str]:
    """Nothing is on record."""
    return {}


def not_foreign(
    found: Mapping[str, Sequence[str]], owners_of: OwnersOf, *, of_lines: bool = False
) -> tuple[dict[str, list[str]], dict[str, dict[int, str]]]:
    """What was found by a key without what is on record of another one, whose key somebody has overwritten; and that.

    `found` has monday's ids by key, as the second result has them, with their owners.
    """
    owners = owners_of([int(monday_id) for ids in found.values() for monday_id in ids], of_lines) if found else {}
    foreign = {
        key: others
        for key, ids in found.items()
        if (others := {int(one): owners[int(one)] for one in ids if owners.get(int(one), key).lower() != key.lower()})
    }
    own = {key: [one for one in ids if int(one) not in foreign.get(key, {})] for key, ids in found.items()}
    return {key: ids for key, ids in own.items() if ids}, foreign


@dataclass(frozen=True, kw_only=True)
class ItemFacts:
    """The items of some orders. `on_board` has those found by their key, by record_uuid."""

    deleted: Set[int] = frozenset()  # of the items that the tables have
    on_board: Mapping[str, int] = field(default_factory=dict)  # of several the oldest
    doubled: Mapping[str, Sequence[str]] = field(default_factory=dict)  # the others
    keys: Mapping[int, str] = field(default_factory=dict)  # what items that the tables have show as their key
    foreign: Mapping[str, Mapping[int, str]] = field(default_factory=dict)  # items of other orders that have its key


@dataclass(frozen=True, kw_only=True)
class SubitemFacts:
    """The subitems of some lines in the tables and on the board, by line_uuid, and those that were deleted."""

    known: Mapping[str, KnownSubitem]
    deleted: Deleted = field(default_factory=Deleted)
    keys: Mapping[int, str] = field(default_factory=dict)  # as of items


def to_look_up(rows: Iterable[Row], known: Container[str], key: str, halfway: Container[str] = ()) -> list[Row]:
    """The rows that the board is asked for.

    Not those that cannot be synced, and not what is known and only to be changed or cancelled: that shows by itself.
    A change that an earlier run has made, and not committed, does not: what is `halfway` may have been deleted since.
    """

    def is_new(row: Row) -> bool:
        return row["action"] == Action.INSERT or (row["action"] == Action.UPDATE and row[key] in halfway)

    return [
        row
        for row in askable(rows)
        if (row[key] not in known and not (row["is_off"] and (row["outdated"] or row["action"] == Action.DELETE)))
        or (row[key] in known and is_new(row) and not row["outdated"])
    ]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The decisions on some orders, and what they rest on."""

    decided: list[Decision]
    facts: ItemFacts


class Facts:
    """What the tables and one board have, and what is decided from it. A reader is enough to ask.

    Without one, the tables alone have to do.
    """

    def __init__(
        self, reader: MondayReader | None, site: Site | None, mapping: ColumnMapping, owners_of: OwnersOf = nobody
    ) -> None:
        self._reader = reader
        self._site = site
        self._mapping = mapping
        self._owners_of = owners_of

    # ---- deciding ---------------------------------------------------------------------------------

    def of_items(
        self,
        rows: Sequence[Row],
        versions: Mapping[str, Mapping[str, int | None]],
        on_record: Mapping[str, OnRecord],
        labels: LabelSpelling | None,
    ) -> Judged:
        """What becomes of the orders. `rows` are their newest headers, `versions` has the items of all of them.

        `on_record` has those that were last written, by record_uuid.
        """
        mapping = self._mapping.items
        known = {record_uuid: item.id for record_uuid, item in on_record.items()}
        queued = {record_uuid: item for record_uuid, of in versions.items() if (item := item_of(of))}
        known |= queued
        asked = to_look_up(rows, known, "record_uuid", queued)
        found = self.items({row["record_uuid"]: known.get(row["record_uuid"]) for row in asked})

        def decide(shown: Mapping[int, ItemValues]) -> list[Decision]:
            keys = {**found.keys, **_keys_in(shown, mapping.key_column)}
            seen = Seen(on_record=on_record, shown=shown, labels=labels, keys=keys)
            return decide_items(rows, mapping, seen, known=known, deleted=found.deleted, on_board=found.on_board)

        decided, lost = self._with_edits(decide, mapping)
        if lost:
            later = self.items({record_uuid: item for record_uuid, item in known.items() if item in lost})
            found = ItemFacts(
                deleted=found.deleted | later.deleted,
                on_board={**found.on_board, **later.on_board},
                doubled={**found.doubled, **later.doubled},
                keys=found.keys,
                foreign={**found.foreign, **later.foreign},
            )
            decided, _ = self._with_edits(decide, mapping)
        return Judged(decided=decided, facts=found)

    def of_subitems(
        self,
        rows: Sequence[Row],
        known: Mapping[str, KnownSubitem],
        on_record: Mapping[str, OnRecord],
        labels: LabelSpelling | None,
        record_deleted: Callable[[SubitemFacts], Deleted],
        missing: Set[int] = frozenset(),
    ) -> list[Decision]:
        """What becomes of the lines. `known` are the subitems that the tables have; some of them may be `missing`.

        `on_record` has those that were last written, by line_uuid.
        `record_deleted` is asked which subitems are deleted once it has seen what the board has.
        """
        mapping = self._mapping.subitems
        known = {line: KnownSubitem(id=of.id, item=int(of.place or 0)) for line, of in on_record.items()} | dict(known)
        there = {line: of for line, of in known.items() if of.id not in missing}
        asked = to_look_up(rows, there, "line_uuid", {line for line, of in there.items() if of.halfway})
        named = {row["line_uuid"] for row in asked}
        found = self.subitems(asked, {line: of for line, of in there.items() if line in named})
        found = SubitemFacts(known={**known, **found.known}, deleted=found.deleted, keys=found.keys)
        deleted = record_deleted(found)
        deleted = replace(deleted, subitems=deleted.subitems | missing)

        def decide(shown: Mapping[int, ItemValues]) -> list[Decision]:
            keys = {**found.keys, **_keys_in(shown, mapping.key_column)}
            seen = Seen(on_record=on_record, shown=shown, labels=labels, keys=keys)
            return decide_subitems(rows, mapping, seen, known=found.known, deleted=deleted)

        decided, lost = self._with_edits(decide, mapping)
        if lost:
            deleted = replace(deleted, subitems=deleted.subitems | lost)
            decided, _ = self._with_edits(decide, mapping)
        return decided

    def _with_edits(
        self, decide: Callable[[Mapping[int, ItemValues]], list[Decision]], mapping: BoardMap
    ) -> tuple[list[Decision], set[int]]:
        """What is decided with what the board shows, as far as that is at stake; and what turns out to be deleted."""
        decided = decide({})
        asked = [of.monday_id for of in decided if of.asks and of.monday_id is not None]
        if not asked or self._reader is None:
            return decided, set()
        columns = [mapping.key_column, *(column.column for column in mapping.columns)]
        shown = {key: of for key, of in read_values(self._reader, asked, columns).items() if of.is_active}
        return decide(shown), set(asked) - shown.keys()

    def made(self, entry: Entry) -> dict[str, str]:
        """The rows of a request in doubt that are on the board: monday's id by their key in the request."""
        if self._reader is None or self._site is None:
            return {}
        return made_by(entry, self._reader, self._site.board.id, self._mapping, owners_of=self._owners_of)

    # ---- asking -----------------------------------------------------------------------------------

    def items(self, known: Mapping[str, int | None]) -> ItemFacts:
        """`known` are the orders to ask about by record_uuid, with the item that the tables have.

        An order whose item is deleted, or that has none, is looked up by its key.
        """
        if self._reader is None or self._site is None:
            return ItemFacts()
        column = self._mapping.items.key_column
        gone, texts = look_by_id(self._reader, {str(item) for item in known.values() if item is not None}, column)
        deleted, keys = set(map(int, gone)), {int(item): text for item, text in texts.items()}
        missing = [record_uuid for record_uuid, item in known.items() if item is None or item in deleted]
        board = self._site.board
        if not missing or board.items_count == 0:
            return ItemFacts(deleted=deleted, keys=keys)
        there, foreign = not_foreign(find_all_items(self._reader, board.id, column, missing), self._owners_of)
        return ItemFacts(
            deleted=deleted,
            keys=keys,
            foreign=foreign,
            on_board={record_uuid: int(ids[0]) for record_uuid, ids in there.items()},
            doubled={record_uuid: ids[1:] for record_uuid, ids in there.items() if ids[1:]},
        )

    def deleted(self, items: Collection[int]) -> set[int]:
        """Those of the items that were deleted or archived."""
        if self._reader is None:
            return set()
        return {int(item) for item in find_deleted(self._reader, [str(item) for item in items])}

    def subitems(self, asked: Iterable[Row], known: Mapping[str, KnownSubitem]) -> SubitemFacts:
        """`known` are the subitems that the tables have of the lines that are `asked` about, by line_uuid.

        The subitem of another line is looked for under its item, unless this run has just made that.
        """
        if self._reader is None or self._site is None:
            return SubitemFacts(known=known)
        under: dict[int, set[str]] = {}
        for row in asked:
            if row["parent_item_id"] is None:
                continue  # a line that is to go away, of an order that is nowhere
            item = int(row["parent_item_id"])
            if row["line_uuid"] not in known and item not in self._site.new_items:
                under.setdefault(item, set())
        for subitem in known.values():
            under.setdefault(subitem.item, set()).add(str(subitem.id))
        there = {str(item): subitems for item, subitems in under.items() if item > 0}  # a dry run's new ones are below
        found = look_under(self._reader, there, self._mapping.subitems.key_column)
        parents = {subitem: item for of_key in found.subitems.values() for subitem, item in of_key}
        unknown = {
            line: [subitem for subitem, _ in of_key] for line, of_key in found.subitems.items() if line not in known
        }
        own, _ = not_foreign(unknown, self._owners_of, of_lines=True)
        others = {line: KnownSubitem(id=int(ids[0]), item=int(parents[ids[0]])) for line, ids in own.items()}
        deleted = Deleted(
            items=frozenset(int(item) for item in found.gone_items),
            subitems=frozenset(int(subitem) for subitem in found.deleted_subitems),
        )
        keys = {int(subitem): text for subitem, text in found.texts.items()}
        return SubitemFacts(known={**others, **known}, deleted=deleted, keys=keys)


def _keys_in(shown: Mapping[int, ItemValues], column: str) -> dict[int, str]:
    return {item_id: of.texts[column] for item_id, of in shown.items()}


def made_by(
    entry: Entry,
    reader: MondayReader,
    board_id: int,
    mapping: ColumnMapping,
    among: Collection[str] | None = None,
    owners_of: OwnersOf = nobody,
) -> dict[str, str]:
    """The rows of a request that are on the board, or those `among` them: monday's id by their key in the request."""
    if entry.operation is Operation.GROUPS:
        groups = read_board(reader, board_id).groups
        return {title: groups[text_key(title)] for title in entry.keys if text_key(title) in groups}
    if entry.operation.is_absolute:
        return altered_by(entry, reader, mapping)
    of_subitems = entry.operation is Operation.SUBITEMS
    column = mapping.subitems.key_column if of_subitems else mapping.items.key_column
    sent = {key: json.loads(row) for key, row in payloads(entry).items() if among is None or key in among}
    on_board = {key: own.lower() for key, own in keys_on_board(entry, column).items()}
    if of_subitems:
        found = find_all_subitems(reader, [row["parent"] for row in sent.values()], column)
    else:
        found = find_all_items(reader, board_id, column, [on_board[key] for key in sent])
    wanted = {on_board[key]: found[on_board[key]] for key in sent if on_board[key] in found}
    own, _ = not_foreign(wanted, owners_of, of_lines=of_subitems)
    return {key: own[on_board[key]][0] for key in sent if on_board[key] in own}


def altered_by(entry: Entry, reader: MondayReader, mapping: ColumnMapping) -> dict[str, str]:
    """The rows of a request that the board shows as it would have them: monday's id by their key in the request."""
    of_kind = mapping.subitems if entry.operation.of_lines else mapping.items
    columns = {column.column: column for column in of_kind.columns}
    sent = {key: json.loads(row) for key, row in payloads(entry).items()}
    values = {key: json.loads(row.get("values", "{}")) for key, row in sent.items()}
    asked = sorted({column for of_row in values.values() for column in of_row} - {NAME})
    shown = read_values(reader, [int(row["item"]) for row in sent.values()], asked)

    def is_shown(key: str) -> bool:
        item = shown.get(int(sent[key]["item"]))
        if not {"group", "values"} & sent[key].keys():  # it was to be archived or deleted
            return item is None or not item.is_active
        if item is None or not item.is_active or sent[key].get("group", item.group_id) != item.group_id:
            return False
        name = values[key].pop(NAME, item.name)
        return same_text(item.name, name) and all(
            shows(columns.get(column) or label_column(column), value, item.texts[column], {})
            for column, value in values[key].items()
        )

    return {key: row["item"] for key, row in sent.items() if is_shown(key)}


def keys_on_board(entry: Entry, column: str) -> dict[str, str]:
    """What the rows of an entry are known by on the board, by their key in the queue, which is a delta_uuid."""
    sent = {key: json.loads(row) for key, row in payloads(entry).items()}
    if entry.operation is Operation.IMPORT:
        return {key: row[column] for key, row in sent.items()}
    return {key: json.loads(row["values"])[column] for key, row in sent.items()}
