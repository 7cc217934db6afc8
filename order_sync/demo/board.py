"""The emulator's boards for the embedded deployment, with the columns and labels of the mapping."""

from __future__ import annotations

from itertools import count

from order_sync.emulator import BoardSeed, ColumnSeed
from order_sync.orders.mapping import BoardMap, ColumnMapping
from order_sync.settings import EMBEDDED_BOARD, EMBEDDED_SUBITEM_BOARD


def board_seeds(mapping: ColumnMapping) -> tuple[BoardSeed, ...]:
    """The board for all orders, and one for each board that a rule of the mapping names."""
    ruled = [board_id for board_id in mapping.board_ids(EMBEDDED_BOARD) if board_id != EMBEDDED_BOARD]
    free = (number for number in count(EMBEDDED_SUBITEM_BOARD + 1) if number not in ruled)
    return (board_seed(mapping), *(_seed(mapping, board_id, f"Board {board_id}", next(free)) for board_id in ruled))


def board_seed(mapping: ColumnMapping) -> BoardSeed:
    return _seed(mapping, EMBEDDED_BOARD, "Production planning", EMBEDDED_SUBITEM_BOARD)


def _seed(mapping: ColumnMapping, board_id: int, name: str, subitem_board_id: int) -> BoardSeed:
    return BoardSeed(
        id=board_id,
        name=name,
        columns=(ColumnSeed(id="subitems", title="Subitems", type="subtasks"), *_columns(mapping.items)),
        subitem_board_id=subitem_board_id,
        subitem_columns=_columns(mapping.subitems),
    )


def _columns(of: BoardMap) -> tuple[ColumnSeed, ...]:
    """Mapped columns first, then the key columns."""
    return (
        *(ColumnSeed(id=c.column, title=c.title or c.source, type=c.type, labels=c.labels) for c in of.new_columns),
        *(ColumnSeed(id=column, title=column, type="text") for column in of.own_columns),
    )
