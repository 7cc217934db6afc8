"""The emulator's board for the embedded deployment: the columns and labels that the mapping asks for."""

from __future__ import annotations

from order_sync.emulator import BoardSeed, ColumnSeed
from order_sync.orders.mapping import ColumnMap, Mapping
from order_sync.settings import EMBEDDED_BOARD, EMBEDDED_SUBITEM_BOARD


def board_seed(mapping: Mapping) -> BoardSeed:
    return BoardSeed(
        id=EMBEDDED_BOARD,
        name="Production planning",
        columns=(
            ColumnSeed(id="subitems", title="Subitems", type="subtasks"),
            *_columns(mapping.items.own_columns, mapping.items.columns),
        ),
        subitem_board_id=EMBEDDED_SUBITEM_BOARD,
        subitem_columns=_columns(mapping.subitems.own_columns, mapping.subitems.columns),
    )


def _columns(own: tuple[str, ...], mapped: tuple[ColumnMap, ...]) -> tuple[ColumnSeed, ...]:
    """Mapped columns first, as people read them; the keys last."""
    return (
        *(ColumnSeed(id=c.column, title=c.title or c.source, type=c.type, labels=c.labels) for c in mapped),
        *(ColumnSeed(id=column, title=column, type="text") for column in own),
    )
