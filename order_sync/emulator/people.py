"""In: what a person does on a board, through its page or in the name of one through the controls.
Out: the effects that monday's own pages would have.
Never: the rights of the token's user asked about: these are others, who may do all this."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from order_sync.emulator.boards import active_group
from order_sync.emulator.columns import Column
from order_sync.emulator.duplicates import Duplicates
from order_sync.emulator.errors import MondayError, invalid_argument, invalid_column
from order_sync.emulator.items import Items
from order_sync.emulator.state import Item, user, user_of


class People:
    def __init__(self, items: Items, duplicates: Duplicates) -> None:
        self._items = items
        self._duplicates = duplicates

    def do(self, sent: Mapping[str, Any]) -> Item:
        """`{"do": "rename", "item_id": 1, "name": "Two"}`: a verb and what it takes. ValueError says why not."""
        given = dict(sent)
        verb = _VERBS.get(str(given.pop("do", "")))
        if verb is None:
            raise ValueError(f"do is one of {', '.join(_VERBS)}")
        known = inspect.signature(verb).parameters
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"{name} is not known here")
            if not isinstance(value, str | list if name == "text" else str | int):
                raise ValueError(f"{name} is not a text")
        for name, parameter in known.items():
            if name not in ("self", *given) and parameter.default is parameter.empty:
                raise ValueError(f"{name} is missing")
        user.set(user_of("somebody"))
        try:
            return verb(self, **given)
        except MondayError as error:
            raise ValueError(str(error)) from None

    def edit(self, item_id: str, column_id: str, text: str | list[str] = "") -> Item:
        """A cell as it is typed, or the labels that are chosen; empty clears it."""
        item = self._active(item_id)
        column = item.board.columns.get(column_id)
        if column is None or column.type in ("name", "subtasks"):
            raise invalid_column(column_id)
        return self._items.change(item, {column_id: _typed(column, text)})

    def rename(self, item_id: str, name: str) -> Item:
        return self._items.change(self._active(item_id), {"name": name})

    def move(self, item_id: str, group_id: str) -> Item:
        return self._items.move(self._active(item_id), group_id)

    def move_to_board(self, item_id: str, board_id: str, group_id: str) -> Item:
        """With the values of columns that the other board has, too."""
        return self._items.transfer(self._active(item_id), board_id, group_id)

    def archive(self, item_id: str) -> Item:
        return self._items.remove(self._items.item(item_id), "archived")

    def delete(self, item_id: str) -> Item:
        return self._items.remove(self._items.item(item_id), "deleted")

    def restore(self, item_id: str) -> Item:
        """From the archive or the bin."""
        return self._items.restore(self._items.any_item(item_id))

    def duplicate(self, item_id: str, with_subitems: bool = True) -> Item:
        """With all values: those of key columns, too."""
        return self._duplicates.item(self._active(item_id), with_subitems=with_subitems)

    def add_item(self, board_id: str, group_id: str, name: str) -> Item:
        group = active_group(self._items.boards.board(board_id), group_id)
        return self._items.create(group, None, name)

    def add_subitem(self, item_id: str, name: str) -> Item:
        parent = self._active(item_id)
        return self._items.create(self._items.subitem_group(parent), parent, name)

    def _active(self, item_id: str) -> Item:
        item = self._items.item(item_id)
        if item.state != "active":
            raise invalid_argument(f"The item is {item.state}: restore it first", item_id=str(item.id))
        return item


_VERBS: Final[Mapping[str, Callable[..., Item]]] = {
    verb.__name__: verb
    for verb in (
        People.edit,
        People.rename,
        People.move,
        People.move_to_board,
        People.archive,
        People.delete,
        People.restore,
        People.duplicate,
        People.add_item,
        People.add_subitem,
    )
}


def _typed(column: Column, text: str | list[str]) -> Any:
    """What the API would be sent for it: labels by their ids, as a label of digits would be read as an index."""
    if column.type == "dropdown":
        labels = [text] if isinstance(text, str) else text
        chosen = [_label_id(column, label) for label in labels if label]
        return {"ids": chosen} if chosen else None
    if not isinstance(text, str):
        raise invalid_argument("text is a text, for a dropdown a list of labels", column_id=column.id)
    if not text.strip():
        return None
    if column.type == "status":
        return {"index": _label_id(column, text)}
    return {"text": text} if column.type == "long_text" else text


def _label_id(column: Column, label: object) -> int:
    found = column.label_ids.get(str(label))
    if found is None:
        raise invalid_argument(f"{column.title} has no label '{label}'", column_id=column.id)
    return found
