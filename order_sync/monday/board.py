"""One board as it is now: its groups, columns and labels, and rows looked up by their key column.

In: a reader and a board id. Out: a `Board`, and ids by key. Reads only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from order_sync.monday import operations
from order_sync.monday.client import MondayReader
from order_sync.monday.columns import SUBTASKS, Column, read_column
from order_sync.monday.labels import LabelSpelling, choices
from order_sync.monday.lists import Listing, Row, ask, hundreds, is_active, items_by_id, rows_in, rows_of, text_of
from order_sync.monday.version import ApiVersion, read_version
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.mapping import LABELLED, BoardMap, Cancel, ColumnMap, ColumnMapping
from order_sync.orders.monday_faults import MondayFault
from order_sync.orders.naming import TextKey, text_key
from order_sync.orders.nearest import did_you_mean
from order_sync.text.sentence import as_sentence

BOARDS_A_CALL = 25  # as many as boards(ids:) gives without being asked for more
BOARD_LISTS = ("columns", "groups")
SUBITEM_PARTS = ("subitems",)


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board, or the hidden board of its subitems."""

    id: int
    name: str
    url: str
    items_count: int | None
    items_limit: int | None
    columns: Mapping[str, Column]
    groups: Mapping[TextKey, str]  # what a title is compared by -> group id, the first of those with one title
    group_ids: frozenset[str]
    group_titles: Mapping[str, str]  # group id -> title, those with equal titles too
    is_multi_level: bool = False  # it keeps items and subitems on one board

    @property
    def labels(self) -> dict[str, Mapping[str, int]]:
        return {column.id: column.labels for column in self.columns.values() if column.labels}

    @property
    def subitem_board_id(self) -> int | None:
        """The hidden board, named in the settings of the subtasks column."""
        return next((column.subitem_board_id for column in self.columns.values() if column.type == SUBTASKS), None)


def read_board(reader: MondayReader, board_id: int) -> Board:
    """Raises ConfigurationError if the token sees no such board."""
    return read_boards(reader, [board_id])[board_id]


def read_boards(reader: MondayReader, board_ids: Iterable[int]) -> dict[int, Board]:
    """Several boards by id, in few calls. Raises ConfigurationError if the token does not see them all."""
    wanted = list(dict.fromkeys(board_ids))
    found = visible_boards(reader, wanted)
    if missing := [board_id for board_id in wanted if board_id not in found]:
        raise ConfigurationError(
            f"This token cannot see board {missing[0]}. Check ORDER_SYNC_MONDAY_BOARD_ID, the board rules of the "
            "mapping, and the token.",
            MondayFault.INVISIBLE,
        )
    return found


def boards_and_version(reader: MondayReader, board_ids: Sequence[int]) -> tuple[dict[int, Board], ApiVersion | None]:
    """Those of the boards that the token sees, and what monday says of the API's version, in the same calls."""
    versions: list[ApiVersion] = []
    boards = visible_boards(
        reader,
        board_ids,
        text=operations.BOARD_AND_VERSIONS,
        hear=lambda data: versions.append(read_version(data, reader.wanted_version)),
    )
    return boards, versions[0] if versions else None


def visible_boards(
    reader: MondayReader,
    board_ids: Sequence[int],
    *,
    text: str = operations.BOARD,
    hear: Callable[[Row], None] = lambda data: None,
) -> dict[int, Board]:
    """Those of the boards that the token sees, by id. `hear` is called with each answer."""

    def boards_in(data: Row) -> list[Row] | None:
        hear(data)
        return _boards_in(data)

    found: dict[int, Board] = {}
    for start in range(0, len(board_ids), BOARDS_A_CALL):
        ids = [str(board_id) for board_id in board_ids[start : start + BOARDS_A_CALL]]
        what = f"the boards {', '.join(ids)}"
        found |= {int(raw["id"]): _board(raw) for raw in ask(reader, text, {"board": ids}, boards_in, what)}
    return found


def _boards_in(data: Row) -> list[Row] | None:
    boards = rows_of(data.get("boards"))
    known = boards is not None and all(rows_of(board.get(part)) is not None for board in boards for part in BOARD_LISTS)
    return boards if known else None


def _board(raw: Mapping[str, Any]) -> Board:
    groups: dict[TextKey, str] = {}
    active = [g for g in raw["groups"] if not g.get("archived") and not g.get("deleted")]
    for group in active:
        groups.setdefault(text_key(group["title"]), group["id"])
    return Board(
        id=int(raw["id"]),
        name=raw["name"],
        url=raw["url"],
        is_multi_level=raw.get("hierarchy_type") == "multi_level",
        items_count=raw.get("items_count"),
        items_limit=raw.get("items_limit"),
        columns={column["id"]: read_column(column) for column in raw["columns"]},
        groups=groups,
        group_ids=frozenset(group["id"] for group in active),
        group_titles={group["id"]: group["title"] for group in active},
    )


def check_mapping(board: Board, subitems: Board | None, mapping: ColumnMapping) -> None:
    """Raises ConfigurationError that names every mapped column the boards lack or have as another type.

    And where the board is of a kind that order_sync does not write to.
    """
    check_supported(board)
    problems = problems_of(board, mapping.items)
    if subitems is None:
        problems.append(f"board {board.id} has no subitems column, so it has no board for subitems")
    else:
        problems += problems_of(subitems, mapping.subitems)
    if problems:
        raise ConfigurationError(
            "The mapping does not fit the board: " + "; ".join(problems) + ".", MondayFault.MAPPING
        )


def check_supported(board: Board) -> None:
    """Raises ConfigurationError if order_sync cannot write to the board at all."""
    if problem := unsupported(board):
        raise ConfigurationError(as_sentence(problem), MondayFault.UNSUPPORTED)


def unsupported(board: Board) -> str | None:
    """Why order_sync cannot write to the board at all, None if it can."""
    if not board.is_multi_level:
        return None
    return (
        f"board {board.id} ('{board.name}') is a multi-level board, which stores items and subitems together. "
        "order_sync needs a classic board, with a separate board for subitems. Create one with `order-sync board init`"
    )


def check_items_mapping(board: Board, mapping: ColumnMapping) -> list[str]:
    """What of the items' columns does not fit the board."""
    if problem := unsupported(board):
        return [problem]
    return problems_of(board, mapping.items)


def find_all_items(reader: MondayReader, board_id: int, column: str, keys: Iterable[str]) -> dict[str, list[str]]:
    """The ids of all items with one of these texts in `column`, by that text, the oldest first; 100 keys a call.

    A key is a uuid, which people and other tools may have written in capitals, as SQL Server shows it. monday compares
    text as it is, so both are searched for, in one call.
    """
    wanted = {key.lower(): key for key in keys}
    found: dict[str, list[str]] = {}
    for values in hundreds(wanted.values()):
        columns = [{"column_id": column, "column_values": values}]
        capitals = [{"column_id": column, "column_values": [value.upper() for value in values]}]
        listing = Listing(
            what=f"the items of board {board_id} that were looked up",
            first=operations.ITEMS_BY_COLUMN,
            variables={"board": str(board_id), "columns": columns, "capitals": capitals, "ids": [column]},
            following=operations.NEXT_ITEMS,
            more={"ids": [column]},
        )
        for item in rows_in(reader, listing):
            text = (text_of(item, column) or "").strip().lower()
            if is_active(item) and text in wanted:
                found.setdefault(wanted[text], []).append(item["id"])
    return {key: sorted(ids, key=int) for key, ids in found.items()}


def find_all_subitems(reader: MondayReader, parents: Iterable[str], column: str) -> dict[str, list[str]]:
    """The ids of all active subitems under these items, by the text in `column`, the oldest first.

    Read through the parents, not searched for: a search may come late. A parent that was deleted has none.
    """
    found: dict[str, list[str]] = {}
    for item in items_by_id(reader, operations.SUBITEMS, parents, {"ids": [column]}, parts=SUBITEM_PARTS).values():
        for subitem in item.get("subitems") or [] if is_active(item) else []:
            if is_active(subitem) and (text := text_of(subitem, column)):
                found.setdefault(text.strip().lower(), []).append(str(subitem["id"]))
    return {key: sorted(ids, key=int) for key, ids in found.items()}


def find_deleted(reader: MondayReader, items: Iterable[str]) -> set[str]:
    """Those of the items that were deleted or archived."""
    wanted = set(items)
    there = items_by_id(reader, operations.ITEM_STATES, sorted(wanted))
    return wanted - {item_id for item_id, item in there.items() if is_active(item)}


def look_by_id(reader: MondayReader, items: Iterable[str], column: str) -> tuple[set[str], dict[str, str]]:
    """Those of the items that were deleted or archived, and the text in `column` of each of the others."""
    wanted = set(items)
    there = items_by_id(reader, operations.ITEM_TEXTS, sorted(wanted), {"ids": [column]}, parts=("column_values",))
    texts = {item_id: text_of(item, column) or "" for item_id, item in there.items() if is_active(item)}
    return wanted - texts.keys(), texts


@dataclass(frozen=True, kw_only=True)
class Under:
    """What is under some items, and what of it, or of the items themselves, somebody has deleted or archived."""

    subitems: dict[str, list[tuple[str, str]]]  # the ids of each subitem and of its item, by the text in a column
    gone_items: set[str]
    deleted_subitems: set[str]
    texts: Mapping[str, str]  # in that column, by the subitem's id


def look_under(reader: MondayReader, known: Mapping[str, Collection[str]], column: str) -> Under:
    """Looks for these items, each with the subitems that it is known to have, and for others.

    One call for a hundred items: their subitems come with them. What an item does not show is asked about by its id:
    it may have been made a moment ago, or be somewhere else.
    """
    there = items_by_id(reader, operations.SUBITEMS, sorted(known), {"ids": [column]}, parts=SUBITEM_PARTS)
    shown = {
        item_id: [subitem for subitem in item["subitems"] if is_active(subitem)]
        for item_id, item in there.items()
        if is_active(item)
    }
    found: dict[str, list[tuple[str, str]]] = {}
    unseen: set[str] = set()
    texts: dict[str, str] = {}
    for item, subitems in shown.items():
        unseen |= set(known[item]) - {str(subitem["id"]) for subitem in subitems}
        for subitem in subitems:
            texts[str(subitem["id"])] = text = text_of(subitem, column) or ""
            if text:
                found.setdefault(text.strip().lower(), []).append((str(subitem["id"]), item))
    deleted = find_deleted(reader, unseen)
    return Under(subitems=found, gone_items=known.keys() - shown.keys(), deleted_subitems=deleted, texts=texts)


def item_texts(reader: MondayReader, items: Iterable[str], column: str) -> dict[str, str]:
    """The text in `column` of each item that monday shows."""
    there = items_by_id(reader, operations.ITEM_TEXTS, items, {"ids": [column]}, parts=("column_values",))
    return {item_id: text_of(item, column) or "" for item_id, item in there.items()}


def problems_of(board: Board, of: BoardMap) -> list[str]:
    """What of the mapped columns does not fit the board."""
    found = [problem_of(board, column_id, "text") for column_id in of.own_columns]
    found += [problem_of(board, column.column, column.type, column) for column in of.columns]
    found.append(cancel_problem(board, of.cancel))
    return list(dict.fromkeys(problem for problem in found if problem))


def cancel_problem(board: Board, cancel: Cancel) -> str | None:
    """Why the board cannot label what is cancelled; None if it can, or need not."""
    if cancel.by != "label" or cancel.column is None or cancel.label is None:
        return None
    if problem := problem_of(board, cancel.column, "status"):
        return problem
    found = LabelSpelling(board.labels).find(cancel.column, cancel.label)
    if len(found) == 1:
        return None
    what = f"label '{cancel.label}', which the mapping's cancel rule uses"
    if found:
        spellings = ", ".join(f"'{each}'" for each in found)
        return f"column '{cancel.column}' of board {board.id} has several spellings of the {what}: {spellings}"
    known = choices(cancel.label, board.labels.get(cancel.column, {}))
    return f"column '{cancel.column}' of board {board.id} has no {what} ({known})"


def problem_of(board: Board, column_id: str, kind: str, column: ColumnMap | None = None) -> str | None:
    """How one column of the board differs from the mapping; None if it does not."""
    found = board.columns.get(column_id)
    if found is None:
        meant = did_you_mean(column_id, board.columns)
        return f"board {board.id} ('{board.name}') has no column '{column_id}' ({kind}){meant}"
    if found.type != kind:
        return f"column '{column_id}' of board {board.id} is {found.type}, but the mapping says {kind}"
    if column and column.type in LABELLED and not column.new_labels and not found.labels:
        lacks = "no labels" if found.is_readable else "settings in an unknown format"
        return f"column '{column_id}' of board {board.id} has {lacks}"
    return None
