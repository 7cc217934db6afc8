"""In: an item or a group.
Out: a second one with the same values, those of key columns too, as monday makes it.
Never: a copy on a board that has no room for all of it."""

from __future__ import annotations

from order_sync.emulator.boards import active_group
from order_sync.emulator.directory import Directory
from order_sync.emulator.errors import invalid_argument, not_found
from order_sync.emulator.items import Items
from order_sync.emulator.state import Group, Item, State

_NAME_LENGTH = 255


class Duplicates:
    def __init__(self, state: State, items: Items, directory: Directory) -> None:
        self._state, self._items, self._directory = state, items, directory

    def duplicate_item(self, board_id: str, item_id: str | None = None, with_updates: bool | None = None) -> Item:
        board, item = self._items.boards.open_board(board_id), self._items.item(item_id)
        if item.board is not board or item.state != "active":
            raise not_found("Item", item_id)
        copy = self.item(item)
        for update in reversed(self._directory.updates_of(item) if with_updates else []):
            self._directory.create_update(update.body, str(copy.id))
        return copy

    def duplicate_group(
        self, board_id: str, group_id: str, add_to_top: bool | None = None, group_title: str | None = None
    ) -> Group:
        boards = self._items.boards
        group = active_group(boards.open_board(board_id), group_id)
        if group.board.parent is not None:
            raise invalid_argument("the group of subitems cannot be duplicated", group_id=group.id)
        self._items.check_room(group.board, len(group.items))
        copy = boards.add_group_like(group, group_title, on_top=bool(add_to_top))
        for item in list(group.items.values()):
            self._copy(item, copy, item.name, with_subitems=True)
        return copy

    def item(self, item: Item, *, with_subitems: bool = True) -> Item:
        return self._copy(item, item.group, f"{item.name[: _NAME_LENGTH - 7]} (copy)", with_subitems=with_subitems)

    def _copy(self, item: Item, group: Group, name: str, *, with_subitems: bool) -> Item:
        self._items.check_room(item.board)
        copy = self._state.add_item(group, name, item.values, item.parent)
        for subitem in list(item.subitems) if with_subitems else ():
            self._items.check_room(subitem.board)
            below = group if subitem.board is group.board else subitem.group
            self._state.add_item(below, subitem.name, subitem.values, copy)
        return copy
