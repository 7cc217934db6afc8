"""Does a board still fit the mapping? Asked when monday refuses rows for what may be the board's doing.

In: refusals that may have their reason in the board. Out: nothing, or BoardRefused that says what no longer fits.
Reads only: a column may have been deleted, have another type or be required since the run began.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from order_sync.monday import operations
from order_sync.monday.board import Board, problems_of, read_boards
from order_sync.monday.client import MondayReader
from order_sync.monday.errors import breaks_a_rule
from order_sync.orders.errors import BoardRefused, ConfigurationError, Fatal, QuotaExhausted, Rejected, Transient
from order_sync.orders.mapping import BoardMap, ColumnMapping


def read_again(reader: MondayReader, board_ids: Sequence[int]) -> list[Board]:
    """Boards that a run works on, as they are now. Raises BoardRefused if one is no longer to be seen."""
    try:
        boards = read_boards(reader, board_ids)
    except ConfigurationError as error:
        raise BoardRefused(f"{error} It existed when the run began; orders of other boards continue.") from error
    return [boards[board_id] for board_id in board_ids]


def look_at_items(reader: MondayReader, board_id: int, mapping: ColumnMapping, refused: Collection[Rejected]) -> None:
    """Raises BoardRefused if the board of these refused items no longer fits the mapping."""
    [board] = read_again(reader, [board_id])
    _look(reader, board, mapping.items, refused)


def look_at_subitems(
    reader: MondayReader, board_id: int, subitem_board_id: int, mapping: ColumnMapping, refused: Collection[Rejected]
) -> None:
    """The same for subitems, which live on a board of their own."""
    [board] = read_again(reader, [board_id])
    if board.subitem_board_id != subitem_board_id:
        raise _refused(board, ["its subitems column was deleted, and with it the subitem board"], refused)
    [board] = read_again(reader, [subitem_board_id])
    _look(reader, board, mapping.subitems, refused)


def _look(reader: MondayReader, board: Board, mapping: BoardMap, refused: Collection[Rejected]) -> None:
    problems = problems_of(board, mapping)
    if any(breaks_a_rule(error) for error in refused):
        filled = {"name", *mapping.own_columns, *(column.column for column in mapping.columns)}
        problems += [
            f"column '{board.columns[column].title}' ({column}) of board {board.id} is required, but the mapping "
            "does not fill it: map a source to it, or make it optional"
            for column in required_columns(reader, board.id)
            if column in board.columns and column not in filled
        ]
    if problems:
        raise _refused(board, problems, refused)


def required_columns(reader: MondayReader, board_id: int) -> list[str]:
    """Columns that must have a value; none where monday does not say."""
    try:
        found = reader.query(operations.VALIDATIONS, {"board": str(board_id)})["validations"] or {}
    except (BoardRefused, QuotaExhausted):
        raise
    except (Fatal, Transient):
        return []
    columns = found.get("required_column_ids")
    return [column for column in columns if isinstance(column, str)] if isinstance(columns, list) else []


def _refused(board: Board, problems: Sequence[str], refused: Collection[Rejected]) -> BoardRefused:
    said = next((str(error) for error in refused), "")
    return BoardRefused(
        f"Board {board.id} ('{board.name}') no longer fits the mapping: {'; '.join(problems)}. {said}. No row was "
        "rejected: correct the board or the mapping (`order-sync board check` compares them), then start the run "
        "again; orders of other boards continue"
    )
