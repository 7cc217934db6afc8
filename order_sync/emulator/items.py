"""In: the arguments of one mutation of an item or a subitem, or a row of a bulk import.
Out: the effects monday would have, recorded in the state, and the item they made or changed.
Never: half a mutation: everything is checked before the first effect is recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partialmethod
from typing import Any

from order_sync.emulator import columns
from order_sync.emulator.boards import Boards, active_group, number
from order_sync.emulator.bounds import read_json
from order_sync.emulator.columns import NewLabels, Value
from order_sync.emulator.effects import ItemChanged, ItemMoved, ItemRemoved, ItemRestored, LabelCreated
from order_sync.emulator.errors import MondayError, invalid_argument, invalid_board, invalid_column, not_found
from order_sync.emulator.settings import EmulatorSettings
from order_sync.emulator.state import Board, Group, Item, State
from order_sync.emulator.transfers import Sent, transfer


class Items:
    """monday's rules for items and subitems."""

    def __init__(self, state: State, boards: Boards, settings: Callable[[], EmulatorSettings]) -> None:
        self._state = state
        self.boards = boards
        self._settings = settings

    def any_item(self, item_id: str | int) -> Item:
        item = self._state.items.get(number(item_id))
        if item is None:
            raise not_found("Item", item_id)
        return item

    def item(self, item_id: str | int | None) -> Item:
        """One that is not deleted."""
        if item_id is None:
            raise invalid_argument("item_id is missing")
        item = self.any_item(item_id)
        if item.state == "deleted":
            raise not_found("Item", item_id)
        return item

    def create_item(
        self,
        board_id: str | int,
        item_name: str,
        group_id: str | None = None,
        column_values: str | None = None,
        create_labels_if_missing: bool | None = None,
    ) -> Item:
        board = self.boards.open_board(board_id)
        if board.parent is not None:
            raise invalid_board(board_id)
        group = active_group(board, group_id) if group_id is not None else board.active_groups[0]
        return self.create(group, None, item_name, column_values, labels_allowed=bool(create_labels_if_missing))

    def create_subitem(
        self,
        parent_item_id: str,
        item_name: str,
        column_values: str | None = None,
        create_labels_if_missing: bool | None = None,
    ) -> Item:
        parent = self._open(parent_item_id)
        if parent.state != "active":
            raise not_found("Item", parent_item_id)
        group, allowed = self.subitem_group(parent), bool(create_labels_if_missing)
        return self.create(group, parent, item_name, column_values, labels_allowed=allowed)

    def subitem_group(self, parent: Item) -> Group:
        """Where the item's subitems are: on the same board, or on one of their own."""
        if parent.board.hierarchy_type == "multi_level":
            return parent.group
        if parent.parent is not None:
            raise invalid_argument("a subitem cannot have subitems", parent_item_id=str(parent.id))
        if parent.board.subitem_board_id is None:
            raise invalid_argument("the board has no subitems column: create it first")
        return self._state.boards[parent.board.subitem_board_id].active_groups[0]

    def change_multiple_column_values(
        self,
        board_id: str,
        column_values: str,
        item_id: str | None = None,
        create_labels_if_missing: bool | None = None,
    ) -> Item:
        item = self._changeable(board_id, item_id)
        return self.change(item, _column_values(column_values), labels_allowed=bool(create_labels_if_missing))

    def change_column_value(
        self,
        board_id: str,
        column_id: str,
        value: str,
        item_id: str | None = None,
        create_labels_if_missing: bool | None = None,
    ) -> Item:
        item = self._changeable(board_id, item_id)
        try:
            raw = read_json(value)
        except ValueError:
            raise invalid_argument("value is not JSON") from None
        return self.change(item, {column_id: raw}, labels_allowed=bool(create_labels_if_missing))

    def change_simple_column_value(
        self,
        board_id: str,
        column_id: str,
        value: str | None = None,
        item_id: str | None = None,
        create_labels_if_missing: bool | None = None,
    ) -> Item:
        item = self._changeable(board_id, item_id)
        return self.change(item, {column_id: value}, labels_allowed=bool(create_labels_if_missing))

    def move_item_to_group(self, group_id: str, item_id: str | None = None) -> Item:
        return self.move(self._open(item_id), group_id)

    def move_item_to_board(
        self,
        board_id: str,
        group_id: str,
        item_id: str,
        columns_mapping: Sent = None,
        subitems_columns_mapping: Sent = None,
    ) -> Item:
        item = self._open(item_id)
        self.boards.open_board(board_id)
        return self.transfer(item, board_id, group_id, columns_mapping, subitems_columns_mapping)

    def _remove_item(self, item_id: str | None = None, *, state: str) -> Item:
        return self.remove(self._open(item_id), state)

    archive_item = partialmethod(_remove_item, state="archived")
    delete_item = partialmethod(_remove_item, state="deleted")

    def change(self, item: Item, raw: Mapping[str, Any], *, labels_allowed: bool = False) -> Item:
        """What `column_values` holds, the name among it; all of it or, where anything is refused, nothing."""
        board, raw = item.board, dict(raw)
        name = _checked_name(raw.pop("name")) if "name" in raw else None
        new_labels = NewLabels(allowed=labels_allowed)
        values = _read_values(board, raw, new_labels)
        self._check_rules(board, values, written_only=True)
        self._create_labels(board, new_labels)
        self._state.record(ItemChanged(board_id=board.id, item_id=item.id, name=name, values=values))
        return item

    def move(self, item: Item, group_id: str) -> Item:
        if item.state != "active":
            raise not_found("Item", item.id)
        group = active_group(item.board, group_id)
        if group is not item.group:
            self._state.record(ItemMoved(board_id=item.board.id, item_id=item.id, group_id=group.id))
        return item

    def transfer(self, item: Item, board_id: str, group_id: str, columns: Sent = None, below: Sent = None) -> Item:
        """To a group of another board, with what the columns there take."""
        if item.state != "active":
            raise not_found("Item", item.id)
        board = self.boards.board(board_id)
        if board.parent is not None:
            raise invalid_board(board_id)
        group = active_group(board, group_id)
        if board is item.board:
            return self.move(item, group_id)
        subitem_board = self._state.boards.get(board.subitem_board_id or 0)
        effect = transfer(item, group, subitem_board, columns, below)
        self.check_room(board)
        self._state.record(effect)
        return item

    def remove(self, item: Item, state: str) -> Item:
        """Archived twice is archived once."""
        if item.state != state:
            self._state.record(ItemRemoved(board_id=item.board.id, item_id=item.id, state=state))
        return item

    def restore(self, item: Item) -> Item:
        """Brings an archived or deleted item back with the subitems that went with it; no mutation does that."""
        if item.state == "active":
            return item
        if item.parent is not None and item.parent.state != "active":
            raise invalid_argument("its item is archived or deleted: restore that", item_id=str(item.id))
        self.check_room(item.board)
        self._state.record(ItemRestored(board_id=item.board.id, item_id=item.id))
        return item

    def _open(self, item_id: str | None) -> Item:
        """The item, if the token's user may write on its board."""
        item = self.item(item_id)
        self.boards.opened(item.board)
        return item

    def _changeable(self, board_id: str, item_id: str | None) -> Item:
        """A subitem is on a board of its own, whose id must be given."""
        board, item = self.boards.open_board(board_id), self.item(item_id)
        writable = item.state == "active" or self._settings().archived_items == "writable"
        if item.board is not board or not writable:
            raise not_found("Item", item_id)
        return item

    def add_row(self, board: Board, group_id: str, name: str, values: Mapping[str, Value]) -> Item:
        """A row of a bulk import, whose name and values are checked already."""
        group = active_group(board, group_id)
        self.check_room(board)
        self._check_rules(board, values)
        return self._state.add_item(group, name, values)

    def change_row(self, item: Item, name: str, values: Mapping[str, Value]) -> None:
        if item.state != "active":
            raise not_found("Item", item.id)
        self._state.record(ItemChanged(board_id=item.board.id, item_id=item.id, name=name, values=values))

    def create(
        self,
        group: Group,
        parent: Item | None,
        name: str,
        column_values: str | None = None,
        *,
        labels_allowed: bool = False,
    ) -> Item:
        _checked_name(name)
        board = group.board
        self.check_room(board)
        new_labels = NewLabels(allowed=labels_allowed)
        values = _read_values(board, _column_values(column_values), new_labels) if column_values else {}
        self._check_rules(board, values)
        self._create_labels(board, new_labels)
        return self._state.add_item(group, name, values, parent)

    def check_room(self, board: Board, more: int = 1) -> None:
        settings = self._settings()
        limit = settings.items_limit if board.parent is None else settings.subitems_limit
        if board.items_count + more > limit:
            raise MondayError(
                "ItemsLimitationException",
                f"The board has reached its limit of {limit} items",
                data={"board_id": str(board.id), "items_limit": limit},
            )

    def _check_rules(self, board: Board, values: Mapping[str, Value | None], *, written_only: bool = False) -> None:
        """monday names every rule that is broken, as one text for each; a change is held to those it writes to."""
        broken = []
        for rule in self._settings().rules:
            column = board.columns.get(rule.column_id)
            if rule.board_id != board.id or column is None or (written_only and column.id not in values):
                continue
            text = columns.text(column, values.get(column.id)) or ""
            if (rule.required and not text) or (rule.pattern and text and not re.fullmatch(rule.pattern, text)):
                broken.append(f"{column.title}: {rule.text}")
        if broken:
            raise MondayError("DATA_VALIDATIONS_ERROR", "Some values break the board's rules", status=422, data=broken)

    def _create_labels(self, board: Board, new_labels: NewLabels) -> None:
        for column_id, label_id, label in new_labels:
            self._state.record(
                LabelCreated(
                    board_id=board.id,
                    column_id=column_id,
                    label_id=label_id,
                    label=label,
                )
            )


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or len(name) > 255:
        raise MondayError("ItemNameTooLongException", "Item name must have 1 to 255 characters")
    return name


def _column_values(text: str) -> dict[str, Any]:
    try:
        values = read_json(text)
    except ValueError:
        raise invalid_argument("column_values is not JSON") from None
    if not isinstance(values, dict):
        raise invalid_argument("column_values is not a JSON object")
    return values


def _read_values(board: Board, raw: dict[str, Any], new_labels: NewLabels) -> dict[str, Value | None]:
    values = {}
    for column_id, value in raw.items():
        column = board.columns.get(column_id)
        if column is None:
            raise invalid_column(column_id)
        values[column_id] = columns.read(column, value, new_labels)
    return values
