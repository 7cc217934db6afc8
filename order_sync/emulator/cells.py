"""In: an item and a column.
Out: what a column value of monday's API says of them: its id, type, text and value, and what its type adds.
Never: a type that the schema does not name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from graphql import GraphQLResolveInfo

from order_sync.emulator import columns
from order_sync.emulator.columns import Column, Value
from order_sync.emulator.state import Item

#: By column type, as monday names them: LongTextValue for long_text.
TYPE_NAMES: Final = {kind: kind.title().replace("_", "") + "Value" for kind in columns.TYPES}


@dataclass(frozen=True, slots=True)
class Cell:
    item: Item
    column: Column

    @property
    def value(self) -> Value | None:
        return self.item.values.get(self.column.id)


def _cell_text(cell: Cell, _info: GraphQLResolveInfo) -> str | None:
    if cell.column.type == "subtasks":
        return ", ".join(subitem.name for subitem in cell.item.subitems)
    return columns.text(cell.column, cell.value)


def _date_part(part: int) -> Callable[[Cell, GraphQLResolveInfo], str | None]:
    def resolve(cell: Cell, _info: GraphQLResolveInfo) -> str | None:
        return None if cell.value is None else [*str(cell.value).split(" "), None][part]

    return resolve


def _link_part(part: int) -> Callable[[Cell, GraphQLResolveInfo], Any]:
    return lambda cell, _info: None if cell.value is None else cell.value[part]


def _dropdown_values(cell: Cell, _info: GraphQLResolveInfo) -> list[dict[str, Any]]:
    return [{"id": key, "label": cell.column.labels[key]} for key in cell.value or ()]


_EVERY: Final[dict[str, Callable[..., Any]]] = {
    "id": lambda cell, _info: cell.column.id,
    "type": lambda cell, _info: cell.column.type,
    "text": _cell_text,
    "value": lambda cell, _info: columns.value_json(cell.column, cell.value),
}
#: By type and field.
RESOLVERS: Final[dict[str, Callable[..., Any]]] = {
    **{f"{name}.{field}": resolve for name in TYPE_NAMES.values() for field, resolve in _EVERY.items()},
    "NumbersValue.number": lambda cell, _info: None if cell.value is None else float(cell.value),
    "StatusValue.index": lambda cell, _info: cell.value,
    "StatusValue.label": _cell_text,
    "DropdownValue.values": _dropdown_values,
    "DateValue.date": _date_part(0),
    "DateValue.time": _date_part(1),
    "LinkValue.url": _link_part(0),
    "LinkValue.url_text": _link_part(1),
    "CheckboxValue.checked": lambda cell, _info: cell.value is not None,
    "SubtasksValue.display_value": _cell_text,
    "SubtasksValue.subitems": lambda cell, _info: cell.item.subitems,
    "SubtasksValue.subitems_ids": lambda cell, _info: [item.id for item in cell.item.subitems],
}
