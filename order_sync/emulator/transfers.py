"""In: an item, the group of another board that it moves to, and which columns take its values.
Out: the one effect of that move, its subitems included.
Never: half a move, and no value in a column of another type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from order_sync.emulator.columns import Column, Value
from order_sync.emulator.effects import ItemTransferred
from order_sync.emulator.errors import invalid_argument, invalid_column
from order_sync.emulator.state import Board, Group, Item

#: `ColumnMappingInput`s as they are sent: all columns of the board, or None for those that the target has, too.
Sent = Sequence[Mapping[str, Any]] | None


def transfer(
    item: Item, group: Group, subitem_board: Board | None, columns: Sent = None, subitem_columns: Sent = None
) -> ItemTransferred:
    """Subitems go along, the archived and deleted ones too: to the target's board of subitems."""
    if item.parent is not None:
        raise invalid_argument("a subitem moves with its item only", item_id=str(item.id))
    subitems = [*item.subitems, *item.removed_subitems]
    if subitems and subitem_board is None:
        raise invalid_argument("the board has no subitems column: create it first", board_id=str(group.board.id))
    mapping = _mapping(item.board, group.board, columns)
    below = _mapping(subitems[0].board, subitem_board, subitem_columns) if subitem_board and subitems else {}
    return ItemTransferred(
        board_id=item.board.id,
        item_id=item.id,
        to_board_id=group.board.id,
        group_id=group.id,
        values=_carried(item, group.board, mapping),
        subitem_board_id=subitem_board.id if subitem_board else None,
        subitems=[[sub.id, _carried(sub, subitem_board, below)] for sub in subitems if subitem_board],
    )


def _mapping(source: Board, target: Board, sent: Sent) -> dict[str, str]:
    if sent is None:
        columns = source.columns.values()
        return {c.id: c.id for c in columns if c.id in target.columns and target.columns[c.id].type == c.type}
    wanted = {str(pair["source"]): pair.get("target") for pair in sent}
    for column_id, target_id in wanted.items():
        for board, named in ((source, column_id), (target, target_id)):
            if named is not None and named not in board.columns:
                raise invalid_column(str(named))
        if target_id is not None and source.columns[column_id].type != target.columns[target_id].type:
            raise invalid_argument("columns of two types cannot be mapped", source=column_id, target=target_id)
    missing = [c.id for c in source.columns.values() if c.type not in ("name", "subtasks") and c.id not in wanted]
    if missing:
        raise invalid_argument(f"the mapping lacks the columns {', '.join(missing)}", column_ids=missing)
    return {column_id: target_id for column_id, target_id in wanted.items() if target_id is not None}


def _carried(item: Item, target: Board, mapping: Mapping[str, str]) -> dict[str, Value]:
    carried = {
        target_id: _translated(item.board.columns[column_id], target.columns[target_id], item.values[column_id])
        for column_id, target_id in mapping.items()
        if column_id in item.values
    }
    return {column_id: value for column_id, value in carried.items() if value not in (None, [])}


def _translated(source: Column, target: Column, value: Value) -> Value | None:
    """Each column has label ids of its own; a label that the target lacks stays behind."""
    if source.type == "status":
        return target.label_ids.get(source.labels.get(value, ""))
    if source.type == "dropdown":
        there = [target.label_ids.get(source.labels[key]) for key in value]
        return [key for key in there if key is not None]
    return value
