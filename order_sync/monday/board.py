"""One board as it is now: its groups, columns and labels, and rows looked up by their key column.

In: a reader and a board id. Out: a `Board`, and ids by key. Reads only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from order_sync.errors import ConfigurationError, Transient
from order_sync.monday import operations
from order_sync.monday.client import MondayReader
from order_sync.orders.mapping import LABELLED, ColumnMap
from order_sync.orders.mapping import Mapping as ColumnMapping

SEARCH_LAG_SECONDS = 5.0  # monday promises no bound; what it leaves open is looked up twice
LOOK_UP = 100  # values of one ANY_OF column, and ids of items(ids:), a call
BOARDS_A_CALL = 25  # as many as boards(ids:) gives without being asked for more
SUBTASKS = "subtasks"


@dataclass(frozen=True, kw_only=True)
class Column:
    id: str
    title: str
    type: str
    labels: Mapping[str, int]  # label -> label id; empty for columns without labels
    settings: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board, or the hidden board of its subitems."""

    id: int
    name: str
    url: str
    items_count: int | None
    items_limit: int | None
    columns: Mapping[str, Column]
    groups: Mapping[str, str]  # title -> group id, the first of equal titles
    group_ids: frozenset[str]
    group_titles: Mapping[str, str]  # group id -> title, those with equal titles too

    @property
    def labels(self) -> dict[str, Mapping[str, int]]:
        return {column.id: column.labels for column in self.columns.values() if column.labels}

    @property
    def subitem_board_id(self) -> int | None:
        """The hidden board, named in the settings of the subtasks column."""
        for column in self.columns.values():
            if column.type == SUBTASKS:
                ids = column.settings.get("boardIds") or column.settings.get("board_ids") or []
                return int(ids[0]) if ids else None
        return None


def read_board(reader: MondayReader, board_id: int) -> Board:
    """Raises ConfigurationError if the token sees no such board."""
    return read_boards(reader, [board_id])[board_id]


def read_boards(reader: MondayReader, board_ids: Iterable[int]) -> dict[int, Board]:
    """Several boards by id, in few calls. Raises ConfigurationError if the token does not see them all."""
    wanted = list(dict.fromkeys(board_ids))
    found = visible_boards(reader, wanted)
    if missing := [board_id for board_id in wanted if board_id not in found]:
        raise ConfigurationError(
            f"monday shows no board {missing[0]} to this token. Check ORDER_SYNC_MONDAY_BOARD_ID, the rules for boards "
            "in the mapping, and the token."
        )
    return found


def visible_boards(reader: MondayReader, board_ids: Sequence[int]) -> dict[int, Board]:
    """Those of the boards that the token sees, by id."""
    found: dict[int, Board] = {}
    for start in range(0, len(board_ids), BOARDS_A_CALL):
        ids = [str(board_id) for board_id in board_ids[start : start + BOARDS_A_CALL]]
        answer = reader.query(operations.BOARD, {"board": ids}).get("boards") or []
        found |= {int(raw["id"]): _board(raw) for raw in answer}
    return found


def _board(raw: Mapping[str, Any]) -> Board:
    groups: dict[str, str] = {}
    active = [g for g in raw.get("groups") or [] if not g.get("archived") and not g.get("deleted")]
    for group in active:
        groups.setdefault(group["title"], group["id"])
    return Board(
        id=int(raw["id"]),
        name=raw["name"],
        url=raw["url"],
        items_count=raw.get("items_count"),
        items_limit=raw.get("items_limit"),
        columns={column["id"]: _column(column) for column in raw.get("columns") or []},
        groups=groups,
        group_ids=frozenset(group["id"] for group in active),
        group_titles={group["id"]: group["title"] for group in active},
    )


def check_mapping(board: Board, subitems: Board | None, mapping: ColumnMapping) -> None:
    """Raises ConfigurationError that names every mapped column the boards lack or have as another type."""
    problems = _problems(board, mapping.items.own_columns, mapping.items.columns)
    if subitems is None:
        problems.append(f"board {board.id} has no subitems column, so it has no board for subitems")
    else:
        problems += _problems(subitems, mapping.subitems.own_columns, mapping.subitems.columns)
    if problems:
        raise ConfigurationError("The mapping does not fit the board: " + "; ".join(problems) + ".")


def check_items_mapping(board: Board, mapping: ColumnMapping) -> list[str]:
    """What of the items' columns does not fit the board."""
    return _problems(board, mapping.items.own_columns, mapping.items.columns)


def find_items(reader: MondayReader, board_id: int, column: str, keys: Iterable[str]) -> dict[str, str]:
    """Item ids by the text in `column`, for those of `keys` that are on the board."""
    found: dict[str, str] = {}
    wanted = list(keys)
    for values in _hundreds(wanted):
        page = reader.query(
            operations.ITEMS_BY_COLUMN,
            {
                "board": str(board_id),
                "columns": [{"column_id": column, "column_values": values}],
                "ids": [column],
            },
        )["items_page_by_column_values"]
        _collect(found, page["items"], column)
        while page.get("cursor"):
            variables = {"cursor": page["cursor"], "ids": [column]}
            page = reader.query(operations.NEXT_ITEMS, variables)["next_items_page"]
            _collect(found, page["items"], column)
    return {key: found[key] for key in wanted if key in found}


def find_subitems(reader: MondayReader, parents: Sequence[str], column: str) -> dict[str, str]:
    """Subitem ids by the text in `column`, for all subitems of these items.

    Read through the parents, not searched for: a search may come late.
    """
    found: dict[str, str] = {}
    for subitems in subitems_of(reader, parents, column).values():
        for key, subitem in subitems.items():
            found.setdefault(key, subitem)
    return found


def subitems_of(reader: MondayReader, parents: Iterable[str], column: str) -> dict[str, dict[str, str]]:
    """Subitem ids by the text in `column`, by parent item."""
    found: dict[str, dict[str, str]] = {}
    for ids in _hundreds(parents):
        for item in reader.query(operations.SUBITEMS, {"items": ids, "ids": [column]}).get("items") or []:
            _collect(found.setdefault(item["id"], {}), item.get("subitems") or [], column)
    return found


def find_gone(reader: MondayReader, items: Iterable[str]) -> set[str]:
    """Those of the items that somebody has deleted or archived.

    One that an answer leaves out is asked about again: it may have been made a moment ago.
    """
    gone, missing = _gone_and_missing(reader, items)
    if missing:
        reader.wait(SEARCH_LAG_SECONDS)
        again, still_missing = _gone_and_missing(reader, sorted(missing))
        gone |= again | still_missing
    return gone


def _gone_and_missing(reader: MondayReader, items: Iterable[str]) -> tuple[set[str], set[str]]:
    gone: set[str] = set()
    missing: set[str] = set()
    for ids in _hundreds(items):
        there = reader.query(operations.ITEM_STATES, {"items": ids}).get("items")
        if there is None:
            raise Transient("monday does not say which of these items there are")
        gone |= {str(item["id"]) for item in there if not is_active(item)}
        missing |= set(ids) - {str(item["id"]) for item in there}
    return gone, missing


def item_texts(reader: MondayReader, items: Iterable[str], column: str) -> dict[str, str]:
    """The text in `column` of each item that monday shows."""
    texts: dict[str, str] = {}
    for ids in _hundreds(items):
        for item in reader.query(operations.ITEM_TEXTS, {"items": ids, "ids": [column]}).get("items") or []:
            texts[str(item["id"])] = text_of(item, column) or ""
    return texts


def find_unkeyed(reader: MondayReader, board_id: int, *, key_column: str, record_column: str) -> dict[str, list[str]]:
    """Items that have a text in `record_column` and none in `key_column`: their ids by that text, lowest first."""
    rules = {
        "rules": [
            {"column_id": key_column, "compare_value": [], "operator": "is_empty"},
            {"column_id": record_column, "compare_value": [], "operator": "is_not_empty"},
        ]
    }
    variables = {"board": [str(board_id)], "rules": rules, "ids": [record_column]}
    page = reader.query(operations.ITEMS_BY_RULES, variables)["boards"][0]["items_page"]
    found: dict[str, list[str]] = {}
    while True:
        for item in page["items"]:
            text = text_of(item, record_column)
            if text and is_active(item):
                found.setdefault(text.strip().lower(), []).append(item["id"])
        if not page.get("cursor"):
            return {text: sorted(ids, key=int) for text, ids in found.items()}
        variables = {"cursor": page["cursor"], "ids": [record_column]}
        page = reader.query(operations.NEXT_ITEMS, variables)["next_items_page"]


def is_active(raw: Mapping[str, Any]) -> bool:
    """Whether an item or subitem, as an answer has it, is neither deleted nor archived."""
    return raw.get("state") in (None, "active")


def text_of(raw: Mapping[str, Any], column: str) -> str | None:
    """The text in a column of an item or subitem, as an answer has it."""
    return next((value["text"] for value in raw.get("column_values") or [] if value["id"] == column), None)


def _hundreds(ids: Iterable[str]) -> Iterator[list[str]]:
    distinct = list(dict.fromkeys(ids))
    for start in range(0, len(distinct), LOOK_UP):
        yield distinct[start : start + LOOK_UP]


def _collect(found: dict[str, str], items: Iterable[Mapping[str, Any]], column: str) -> None:
    """Adds the active items by the text in `column`; of two with the same text the first stays."""
    for item in items:
        if is_active(item) and (text := text_of(item, column)):
            found.setdefault(text, item["id"])


def _column(raw: Mapping[str, Any]) -> Column:
    settings = raw.get("settings") or {}
    if isinstance(settings, str):
        settings = json.loads(settings)
    labels = {}
    for label in settings.get("labels") or []:
        if not label.get("is_deactivated"):
            labels[str(label.get("label", label.get("name")))] = int(label["id"])
    return Column(id=raw["id"], title=raw["title"], type=raw["type"], labels=labels, settings=settings)


def _problems(board: Board, own: Iterable[str], mapped: Iterable[ColumnMap]) -> list[str]:
    found = [problem_of(board, column_id, "text") for column_id in own]
    found += [problem_of(board, column.column, column.type, column) for column in mapped]
    return [problem for problem in found if problem]


def problem_of(board: Board, column_id: str, kind: str, column: ColumnMap | None = None) -> str | None:
    """What is wrong with one column of the board for the mapping, None if nothing is."""
    found = board.columns.get(column_id)
    if found is None:
        return f"board {board.id} ('{board.name}') has no column '{column_id}' ({kind})"
    if found.type != kind:
        return f"column '{column_id}' of board {board.id} is {found.type}, the mapping says {kind}"
    if column and column.type in LABELLED and not column.new_labels and not found.labels:
        return f"column '{column_id}' of board {board.id} has no labels to choose from"
    return None
