"""A board against the mapping: what fits, what does not, how much room is left; a new board, or columns that it lacks.

In: a client, a board id and the mapping. Out: a `BoardReport`, or the ids of the columns that were made.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from order_sync.monday import operations
from order_sync.monday.account import view_only
from order_sync.monday.board import Board, cancel_problem, check_supported, problem_of, read_board, unsupported
from order_sync.monday.client import MondayClient, MondayReader, read_data
from order_sync.orders.errors import ConfigurationError, Fatal, OrderSyncError
from order_sync.orders.mapping import LABELLED, BoardMap, ColumnMap, ColumnMapping, UnknownSource
from order_sync.orders.monday_faults import MondayFault
from order_sync.orders.naming import one_in_several_spellings
from order_sync.text.counted import counted

LABEL_LIMITS = {"status": 40, "dropdown": 500}
CUSTOM_ID = re.compile(r"[a-z_]{1,20}")  # monday's rule for an id of one's own choice
KEY_TITLES = {"record_uuid": "Order key", "line_uuid": "Line key"}


@dataclass(frozen=True, kw_only=True)
class ColumnReport:
    """One mapped column: its type in the mapping and on the board, and the problem, if any."""

    board: str
    column: str
    source: str
    wanted: str
    found: str | None
    labels: int | None
    problem: str | None


@dataclass(frozen=True, kw_only=True)
class BoardReport:
    """What `order-sync board check` says. `problems` stop a sync; `notes` are worth knowing."""

    id: int
    name: str
    url: str
    subitem_board_id: int | None
    items: int
    items_limit: int | None
    groups: int
    columns: list[ColumnReport] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def inspect_board(
    reader: MondayReader, board_id: int, mapping: ColumnMapping, unknown: Sequence[UnknownSource] = ()
) -> BoardReport:
    """Reads the board and the board of its subitems. Raises ConfigurationError if the token sees no such board.

    `unknown` are the mapping's sources that no table has; those of other boards' rules are theirs to report.
    """
    board = read_board(reader, board_id)
    subitem_id = board.subitem_board_id
    subitems = read_board(reader, subitem_id) if subitem_id else None
    columns = _columns(board, mapping.items, unknown)
    problems, notes = [str(source) for source in unknown if source.board == board_id], []
    if problem := unsupported(board):
        problems.append(problem)
    elif subitems is None:
        problems.append("the board has no subitems column, so it has no board for subitems")
    else:
        columns += _columns(subitems, mapping.subitems, ())
    problems += [column.problem for column in columns if column.problem]
    if problem := view_only(reader, board):
        problems.append(problem)
    if board.items_limit is not None and board.items_count is not None:
        left = board.items_limit - board.items_count
        if left <= 0:
            problems.append(f"the board is full: {board.items_count:,} of {counted(board.items_limit, 'item')}")
        elif left < board.items_limit / 10:
            notes.append(
                f"only {counted(left, 'more item fits', 'more items fit')}: archive some, or start another board"
            )
    notes += [*_label_notes(columns), *_spelling_notes(board, mapping.items.columns)]
    if subitems is not None:
        notes += _spelling_notes(subitems, mapping.subitems.columns)
    for same in one_in_several_spellings(board.group_titles.values()):
        notes.append(f"{counted(len(same), 'group')} have the same title: new items go into '{same[0]}', so merge them")
    return BoardReport(
        id=board.id,
        name=board.name,
        url=board.url,
        subitem_board_id=subitem_id,
        items=board.items_count or 0,
        items_limit=board.items_limit,
        groups=len(board.group_ids),
        columns=columns,
        problems=problems,
        notes=notes,
    )


def _label_notes(columns: Iterable[ColumnReport]) -> Iterator[str]:
    for column in columns:
        most = LABEL_LIMITS.get(column.wanted)
        if column.labels and most and column.labels > most * 0.9:
            yield f"column '{column.column}' has {counted(column.labels, 'label')} of about {most} allowed by monday"


def _spelling_notes(board: Board, columns: Iterable[ColumnMap]) -> Iterator[str]:
    """Labels that people read as one."""
    for column in columns:
        labels = board.labels.get(column.column, {}) if column.type in LABELLED else {}
        for same in one_in_several_spellings(labels):
            listed = ", ".join(f"'{label}'" for label in same)
            yield f"column '{column.column}' has one label in several spellings, {listed}: merge them"


def _columns(board: Board, of: BoardMap, unknown: Sequence[UnknownSource]) -> list[ColumnReport]:
    no_source = {each.source: str(each) for each in unknown if each.board is None}
    mapped = {column.column: column for column in of.columns}
    wanted = [*((column, "(key)", "text") for column in of.own_columns)]
    wanted += ((column.column, column.source, column.type) for column in of.new_columns)
    reports = []
    for column_id, source, kind in wanted:
        found = board.columns.get(column_id)
        problems = [no_source.get(source), problem_of(board, column_id, kind, mapped.get(column_id))]
        if column_id == of.cancel.column:
            problems.append(cancel_problem(board, of.cancel))
        reports.append(
            ColumnReport(
                board=board.name,
                column=column_id,
                source=source,
                wanted=kind,
                found=found.type if found else None,
                labels=len(found.labels) if found and kind in LABELLED else None,
                problem="; ".join(dict.fromkeys(filter(None, problems))) or None,
            )
        )
    return reports


# ---- a new board, or new columns --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class NewBoard:
    """A board that was made. `ids` are the ids that its columns got, by the mapping's."""

    id: int
    subitem_board_id: int
    ids: Mapping[str, str]


def make_board(client: MondayClient, name: str, mapping: ColumnMapping) -> NewBoard:
    """Makes an empty board with every column of the mapping, and the board of its subitems.

    Raises OrderSyncError where monday refuses; what was made until then stays, and its message says what it is.
    """
    board = int(_send(client, operations.CREATE_BOARD, {"name": name})["create_board"]["id"])
    try:
        return _make_columns(client, board, mapping)
    except OrderSyncError as error:
        said = error.message.rstrip(".")
        raise Fatal(
            f"{said[:1].upper()}{said[1:]}. Delete board {board} on monday, then try again.", MondayFault.NOT_MADE
        ) from error


def add_subitems(client: MondayClient, board: int) -> int:
    """Adds the column of the subitems to a board that has none; returns the board of the subitems."""
    _make_column(client, board, "subitems", "Subitems", "subtasks", ())
    made = read_board(client, board)
    if made.subitem_board_id is None:
        raise Fatal(
            unsupported(made) or f"monday made board {board} without a board for its subitems", MondayFault.NOT_MADE
        )
    return made.subitem_board_id


def add_columns(client: MondayClient, board_id: int, mapping: ColumnMapping) -> list[str]:
    """Adds the mapped columns that a board and the board of its subitems lack; returns their ids.

    Raises ConfigurationError, before anything is added, where monday would give a column another id than the mapping.
    """
    board = read_board(client, board_id)
    check_supported(board)
    if board.subitem_board_id is None:
        raise ConfigurationError(
            f"Board {board_id} has no subitems column: add one subitem on monday first.", MondayFault.NO_SUBITEMS
        )
    boards = ((board, mapping.items), (read_board(client, board.subitem_board_id), mapping.subitems))
    new = [
        (of.id, column) for of, columns in boards for column in columns.new_columns if column.column not in of.columns
    ]
    keys = [(of.id, key) for of, columns in boards for key in columns.own_columns if key not in of.columns]
    ids = [*(key for _, key in keys), *(column.column for _, column in new)]
    if other := [f"'{column_id}'" for column_id in ids if not CUSTOM_ID.fullmatch(column_id)]:
        raise ConfigurationError(
            f"The mapping has {', '.join(other)}, which board {board_id} lacks, and monday would choose another id: an "
            "id of one's own has at most 20 letters a-z and _. Change it in the mapping, or correct it if the column "
            "is there under another id.",
            MondayFault.MAPPING,
        )
    for where, key in keys:
        add_key_column(client, where, key)
    for where, column in new:
        _make_mapped(client, where, column)
    return ids


def add_key_column(client: MondayClient, board: int, key: str) -> str:
    """Adds the text column for keys to a board, and returns its id."""
    return _make_column(client, board, key, KEY_TITLES.get(key, key), "text", ())


def _make_columns(client: MondayClient, board: int, mapping: ColumnMapping) -> NewBoard:
    subitem_board = add_subitems(client, board)
    ids = {}
    for where, of in ((board, mapping.items), (subitem_board, mapping.subitems)):
        for column in of.new_columns:
            ids[column.column] = _make_mapped(client, where, column)
        for key in of.own_columns:
            ids[key] = add_key_column(client, where, key)
    return NewBoard(id=board, subitem_board_id=subitem_board, ids=ids)


def renamed(text: str, ids: Mapping[str, str]) -> str:
    """The mapping file's text with the ids that the columns really got."""

    def new(match: re.Match[str]) -> str:
        return f"{match[1]}{ids.get(match[2], match[2])}{match[3]}"

    return re.sub(r'^([^#\n]*?\b(?:column|key_column)\s*=\s*")([^"]+)(")', new, text, flags=re.MULTILINE)


def _make_mapped(client: MondayClient, board: int, column: ColumnMap) -> str:
    title = column.title or column.source
    return _make_column(client, board, column.column, title, column.type, column.labels)


def _make_column(client: MondayClient, board: int, column_id: str, title: str, kind: str, labels: Sequence[str]) -> str:
    variables: dict[str, Any] = {"board": str(board), "title": title, "type": kind}
    if CUSTOM_ID.fullmatch(column_id):
        variables["id"] = column_id
    if labels or kind in LABELLED:
        variables["defaults"] = json.dumps(_defaults(kind, labels), ensure_ascii=False)
    return str(_send(client, operations.CREATE_COLUMN, variables)["create_column"]["id"])


def _defaults(kind: str, labels: Sequence[str]) -> dict[str, Any]:
    numbered = list(enumerate(labels, start=1))
    if kind == "status":
        return {"labels": {str(number): label for number, label in numbered}}
    return {"settings": {"labels": [{"id": number, "name": label} for number, label in numbered]}}


def _send(client: MondayClient, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The same body under the same key until monday answers: it takes effect once."""
    body, key = operations.body(text, variables), str(uuid.uuid4())

    def once() -> dict[str, Any]:
        return read_data(client.mutate(body, idempotency_key=key, operation="setup", rows=1), text)

    return client.retrying()(once)
