"""In: the arguments of one mutation.
Out: the effects monday would have, recorded in the state, and the row they made or changed.
Never: half a mutation: everything is checked before the first effect is recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any
from zlib import crc32

from order_sync.emulator import columns
from order_sync.emulator.bounds import read_json, whole
from order_sync.emulator.clock import Clock
from order_sync.emulator.columns import Column, NewLabels, Value
from order_sync.emulator.effects import (
    BoardCreated,
    ColumnCreated,
    ColumnDeleted,
    ColumnRetyped,
    GroupCreated,
    GroupRemoved,
    GroupRenamed,
    ItemChanged,
    ItemCreated,
    ItemMoved,
    ItemRemoved,
    LabelCreated,
)
from order_sync.emulator.errors import (
    MondayError,
    invalid_argument,
    invalid_board,
    invalid_column,
    not_found,
    unauthorized,
)
from order_sync.emulator.settings import BoardSeed, EmulatorSettings
from order_sync.emulator.state import Board, Group, Item, State

GROUP_COLORS = (
    "#037f4c",
    "#00c875",
    "#9cd326",
    "#cab641",
    "#ffcb00",
    "#784bd1",
    "#a25ddc",
    "#0086c0",
    "#579bfc",
    "#66ccff",
    "#bb3354",
    "#df2f4a",
    "#ff007f",
    "#ff5ac4",
    "#ff642e",
    "#fdab3d",
    "#7f5347",
    "#c4c4c4",
    "#757575",
)
_POSITION_STEP = 65_536.0
_COLUMN_ID = re.compile(r"[a-z_]{1,20}")
_SAMPLE_LABELS = {0: "Working on it", 1: "Done", 2: "Stuck"}


#: Who sends the request that is executed, or has started the job.
user: ContextVar[int] = ContextVar("user", default=1)


def user_of(token: str) -> int:
    """Each token is a user's."""
    return crc32(token.encode()) + 1


class Operations:
    """monday's rules for every mutation of the subset."""

    def __init__(self, state: State, clock: Clock, settings: Callable[[], EmulatorSettings]) -> None:
        self._state = state
        self._clock = clock
        self._settings = settings

    def board(self, board_id: str | int) -> Board:
        board = self._state.boards.get(_number(board_id))
        if board is None or board.state != "active":
            raise invalid_board(board_id)
        return board

    def open_board(self, board_id: str | int) -> Board:
        """The board, if the token's user may write on it."""
        return self._open(self.board(board_id))

    def _open(self, board: Board) -> Board:
        """The board of subitems is as open as that of their items."""
        if board.main.id in self._settings().closed_boards:
            raise unauthorized(board.id)
        return board

    def item(self, item_id: str | int | None) -> Item:
        if item_id is None:
            raise invalid_argument("item_id is missing")
        item = self._state.items.get(_number(item_id))
        if item is None or item.state == "deleted":
            raise not_found("Item", item_id)
        return item

    def seed(self, seed: BoardSeed) -> None:
        """A board of the settings, with the very ids they name."""
        self._create_board(seed.id, seed.name, "public", None, seed.groups, seed.hierarchy)
        for column in seed.columns:
            labels = columns.first_labels(column.type, column.labels)
            subitem_board_id = seed.subitem_board_id if column.type == "subtasks" else None
            self._create_column(seed.id, column.id, column.title, column.type, labels, subitem_board_id)
        if seed.subitem_board_id is None:
            return
        if all(column.type != "subtasks" for column in seed.columns):
            self._create_column(seed.id, "subitems", "Subitems", "subtasks", {}, seed.subitem_board_id)
        self._create_subitem_board(seed.subitem_board_id, self._state.boards[seed.id])
        for column in seed.subitem_columns:
            labels = columns.first_labels(column.type, column.labels)
            self._create_column(seed.subitem_board_id, column.id, column.title, column.type, labels)

    def create_board(
        self, board_kind: str, board_name: str, empty: bool = False, description: str | None = None
    ) -> Board:
        if not board_name.strip():
            raise invalid_argument("board_name is empty")
        board_id = self._state.next_board_id()
        board = self._create_board(board_id, board_name, board_kind, description, ("Group Title",))
        if not empty:
            self._create_column(board_id, "status", "Status", "status", _SAMPLE_LABELS)
            self._create_column(board_id, "date", "Date", "date", {})
            for number in range(1, 4):
                self.create_item(board_id, f"Item {number}")
        return board

    def create_column(
        self,
        board_id: str,
        title: str,
        column_type: str,
        id: str | None = None,
        description: str | None = None,
        defaults: str | None = None,
    ) -> Column:
        board = self.board(board_id)
        if id is not None and not _COLUMN_ID.fullmatch(id):
            raise invalid_argument("a column id has 1 to 20 characters of a-z and _", id=id)
        if id in board.columns:
            raise invalid_argument("this column id exists already", id=id)
        if column_type == "name":
            raise invalid_argument("a board has one name column")
        labels = _labels_of_defaults(column_type, defaults)
        if column_type != "subtasks":
            column_id = id or self._state.next_name(column_type)
            return self._create_column(board.id, column_id, title, column_type, labels, None, description)
        if board.parent is not None or board.subitem_board_id is not None:
            raise invalid_argument("this board cannot take a subitems column (or another one)")
        subitem_board_id = self._state.next_board_id()
        column = self._create_column(
            board.id,
            id or self._state.next_name("subtasks"),
            title,
            column_type,
            {},
            subitem_board_id,
            description,
        )
        self._create_subitem_board(subitem_board_id, board)
        self._create_column(subitem_board_id, self._state.next_name("status"), "Status", "status", _SAMPLE_LABELS)
        self._create_column(subitem_board_id, self._state.next_name("date"), "Date", "date", {})
        return column

    def delete_column(self, board_id: str, column_id: str) -> Column:
        column = self._column(board_id, column_id)
        self._state.record(ColumnDeleted(at=self._clock.now(), board_id=_number(board_id), column_id=column.id))
        return column

    def retype_column(self, board_id: str, column_id: str, column_type: str) -> None:
        """What a person can do on monday's pages, and its API cannot."""
        column = self._column(board_id, column_id)
        self._state.record(
            ColumnRetyped(at=self._clock.now(), board_id=_number(board_id), column_id=column.id, type=column_type)
        )

    def required_columns(self, board_id: str | int) -> list[str]:
        board = self.board(board_id)
        return [rule.column_id for rule in self._settings().rules if rule.board_id == board.id and rule.required]

    def _column(self, board_id: str, column_id: str) -> Column:
        column = self.board(board_id).columns.get(column_id)
        if column is None:
            raise invalid_column(column_id)
        if column.type == "name":
            raise invalid_argument("a board keeps its name column", column_id=column_id)
        return column

    def create_group(
        self,
        board_id: str,
        group_name: str,
        group_color: str | None = None,
        relative_to: str | None = None,
        position_relative_method: str | None = None,
    ) -> Group:
        """monday puts a new group on top, and lets many groups share one title."""
        board = self.open_board(board_id)
        title = _group_title(group_name)
        color = group_color or GROUP_COLORS[len(board.groups) % len(GROUP_COLORS)]
        if color not in GROUP_COLORS:
            raise invalid_argument("group_color is not one of monday's group colors", group_color=color)
        position = _group_position(board, relative_to, position_relative_method)
        return self._create_group(board.id, self._state.next_name("group"), title, color, position)

    def update_group(self, board_id: str, group_id: str, group_attribute: str, new_value: str) -> Group:
        board = self.board(board_id)
        group = active_group(board, group_id)
        if group_attribute != "title":
            raise invalid_argument(f"The emulator changes a group's title only, not its {group_attribute}")
        self._state.record(
            GroupRenamed(at=self._clock.now(), board_id=board.id, group_id=group.id, title=_group_title(new_value))
        )
        return group

    def archive_group(self, board_id: str, group_id: str) -> Group:
        return self._remove_group(board_id, group_id, "archived")

    def delete_group(self, board_id: str, group_id: str) -> Group:
        return self._remove_group(board_id, group_id, "deleted")

    def create_item(
        self,
        board_id: str | int,
        item_name: str,
        group_id: str | None = None,
        column_values: str | None = None,
        create_labels_if_missing: bool | None = None,
    ) -> Item:
        board = self.board(board_id)
        if board.parent is not None:
            raise invalid_board(board_id)
        group = active_group(board, group_id) if group_id is not None else board.active_groups[0]
        return self._create_item(board, group, None, item_name, column_values, bool(create_labels_if_missing))

    def create_subitem(
        self,
        parent_item_id: str,
        item_name: str,
        column_values: str | None = None,
        create_labels_if_missing: bool | None = None,
    ) -> Item:
        parent = self.item(parent_item_id)
        if parent.state != "active":
            raise not_found("Item", parent_item_id)
        if parent.board.hierarchy_type == "multi_level":
            labels = bool(create_labels_if_missing)
            return self._create_item(parent.board, parent.group, parent, item_name, column_values, labels)
        if parent.parent is not None:
            raise invalid_argument("a subitem cannot have subitems", parent_item_id=parent_item_id)
        subitem_board_id = parent.board.subitem_board_id
        if subitem_board_id is None:
            raise invalid_argument("the board has no subitems column: create it first")
        board = self._state.boards[subitem_board_id]
        group = board.active_groups[0]
        return self._create_item(board, group, parent, item_name, column_values, bool(create_labels_if_missing))

    def change_multiple_column_values(
        self,
        board_id: str,
        column_values: str,
        item_id: str | None = None,
        create_labels_if_missing: bool | None = None,
    ) -> Item:
        board, item = self.open_board(board_id), self.item(item_id)
        if item.board is not board:
            raise not_found("Item", item_id)
        raw = _column_values(column_values)
        name = raw.pop("name", None)
        if name is not None:
            _check_name(name)
        new_labels = NewLabels(allowed=bool(create_labels_if_missing))
        values = _read_values(board, raw, new_labels)
        self._create_labels(board, new_labels)
        self._state.record(
            ItemChanged(at=self._clock.now(), board_id=board.id, item_id=item.id, name=name, values=values)
        )
        return item

    def move_item_to_group(self, group_id: str, item_id: str | None = None) -> Item:
        item = self.item(item_id)
        if item.state != "active":
            raise not_found("Item", item_id)
        group = active_group(item.board, group_id)
        self._state.record(ItemMoved(at=self._clock.now(), board_id=item.board.id, item_id=item.id, group_id=group.id))
        return item

    def add_row(self, board: Board, group_id: str, name: str, values: Mapping[str, Value]) -> Item:
        """A row of a bulk import, whose name and values are checked already."""
        group = active_group(board, group_id)
        self._check_room(board)
        self._check_rules(board, values)
        return self._record_item(board, group, None, name, values)

    def change_row(self, item: Item, name: str, values: Mapping[str, Value]) -> None:
        if item.state != "active":
            raise not_found("Item", item.id)
        self._state.record(
            ItemChanged(at=self._clock.now(), board_id=item.board.id, item_id=item.id, name=name, values=values)
        )

    def archive_item(self, item_id: str | None = None) -> Item:
        return self._remove_item(item_id, "archived")

    def delete_item(self, item_id: str | None = None) -> Item:
        return self._remove_item(item_id, "deleted")

    def _create_board(
        self,
        board_id: int,
        name: str,
        kind: str,
        description: str | None,
        groups: tuple[str, ...],
        hierarchy: str = "classic",
    ) -> Board:
        self._state.record(
            BoardCreated(
                at=self._clock.now(),
                board_id=board_id,
                name=name,
                board_kind=kind,
                description=description,
                hierarchy_type=hierarchy,
            )
        )
        self._create_column(board_id, "name", "Name", "name", {})
        for number, title in enumerate(groups):
            group_id = self._state.next_name("group") if number else "topics"
            color = GROUP_COLORS[number % len(GROUP_COLORS)]
            self._create_group(board_id, group_id, title, color, _POSITION_STEP * (number + 1))
        return self._state.boards[board_id]

    def _create_subitem_board(self, board_id: int, parent: Board) -> None:
        self._state.record(
            BoardCreated(
                at=self._clock.now(),
                board_id=board_id,
                name=f"Subitems of {parent.name}",
                board_kind=parent.board_kind,
                parent_board_id=parent.id,
            )
        )
        self._create_column(board_id, "name", "Name", "name", {})
        self._create_group(board_id, "topics", "Subitems", GROUP_COLORS[0], _POSITION_STEP)

    def _create_column(
        self,
        board_id: int,
        column_id: str,
        title: str,
        column_type: str,
        labels: dict[int, str],
        subitem_board_id: int | None = None,
        description: str | None = None,
    ) -> Column:
        self._state.record(
            ColumnCreated(
                at=self._clock.now(),
                board_id=board_id,
                column_id=column_id,
                title=title,
                type=column_type,
                description=description,
                labels=[[label_id, label] for label_id, label in labels.items()],
                subitem_board_id=subitem_board_id,
            )
        )
        return self._state.boards[board_id].columns[column_id]

    def _create_group(self, board_id: int, group_id: str, title: str, color: str, position: float) -> Group:
        self._state.record(
            GroupCreated(
                at=self._clock.now(),
                board_id=board_id,
                group_id=group_id,
                title=title,
                color=color,
                position=position,
            )
        )
        return self._state.boards[board_id].groups[group_id]

    def _create_item(
        self,
        board: Board,
        group: Group,
        parent: Item | None,
        name: str,
        column_values: str | None,
        new_labels_allowed: bool,
    ) -> Item:
        _check_name(name)
        self._check_room(self._open(board))
        new_labels = NewLabels(allowed=new_labels_allowed)
        values = _read_values(board, _column_values(column_values), new_labels) if column_values else {}
        self._check_rules(board, values)
        self._create_labels(board, new_labels)
        return self._record_item(board, group, parent, name, values)

    def _check_room(self, board: Board) -> None:
        settings = self._settings()
        limit = settings.items_limit if board.parent is None else settings.subitems_limit
        if board.items_count >= limit:
            raise MondayError(
                "ItemsLimitationException",
                f"The board has reached its limit of {limit} items",
                data={"board_id": str(board.id), "items_limit": limit},
            )

    def _check_rules(self, board: Board, values: Mapping[str, Value | None]) -> None:
        """monday names every rule that is broken, as one text for each."""
        broken = []
        for rule in self._settings().rules:
            column = board.columns.get(rule.column_id)
            if rule.board_id != board.id or column is None:
                continue
            text = columns.text(column, values.get(column.id)) or ""
            if (rule.required and not text) or (rule.pattern and text and not re.fullmatch(rule.pattern, text)):
                broken.append(f"{column.title}: {rule.text}")
        if broken:
            raise MondayError("DATA_VALIDATIONS_ERROR", "Some values break the board's rules", status=422, data=broken)

    def _record_item(
        self, board: Board, group: Group, parent: Item | None, name: str, values: Mapping[str, Value | None]
    ) -> Item:
        item_id = self._state.next_item_id()
        self._state.record(
            ItemCreated(
                at=self._clock.now(),
                board_id=board.id,
                group_id=group.id,
                item_id=item_id,
                name=name,
                values={key: value for key, value in values.items() if value is not None},
                parent_id=parent.id if parent else None,
                user_id=user.get(),
            )
        )
        return self._state.items[item_id]

    def _create_labels(self, board: Board, new_labels: NewLabels) -> None:
        for column_id, label_id, label in new_labels:
            self._state.record(
                LabelCreated(
                    at=self._clock.now(),
                    board_id=board.id,
                    column_id=column_id,
                    label_id=label_id,
                    label=label,
                )
            )

    def _remove_item(self, item_id: str | None, state: str) -> Item:
        item = self.item(item_id)
        self._state.record(ItemRemoved(at=self._clock.now(), board_id=item.board.id, item_id=item.id, state=state))
        return item

    def _remove_group(self, board_id: str, group_id: str, state: str) -> Group:
        board = self.board(board_id)
        group = active_group(board, group_id)
        if len(board.active_groups) == 1:
            raise MondayError(
                "DeleteLastGroupException",
                "Cannot remove the last group of a board",
                status=409,
                data={"board_id": str(board.id)},
            )
        self._state.record(GroupRemoved(at=self._clock.now(), board_id=board.id, group_id=group.id, state=state))
        return group


def _group_title(name: str) -> str:
    if not 1 <= len(name.strip()) <= 255:
        raise invalid_argument("a group name has 1 to 255 characters")
    return name.strip()


def _number(identity: str | int) -> int:
    number = whole(identity)
    if number is None:
        raise invalid_argument("an id is a number", id=str(identity)[:100])
    return number


def active_group(board: Board, group_id: str) -> Group:
    group = board.groups.get(group_id)
    if group is None or group.state != "active":
        raise not_found("Group", group_id)
    return group


def _group_position(board: Board, relative_to: str | None, method: str | None) -> float:
    groups = board.active_groups
    if relative_to is None:
        return groups[0].order - _POSITION_STEP
    anchor = groups.index(active_group(board, relative_to))
    neighbours = groups[anchor - 1 : anchor] if method == "before_at" else groups[anchor + 1 : anchor + 2]
    order = groups[anchor].order
    if neighbours:
        return (order + neighbours[0].order) / 2
    return order - _POSITION_STEP if method == "before_at" else order + _POSITION_STEP


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip() or len(name) > 255:
        raise MondayError("ItemNameTooLongException", "Item name must have 1 to 255 characters")


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


def _labels_of_defaults(column_type: str, defaults: str | None) -> dict[int, str]:
    """Both forms: {"labels": {"1": "Done"}} and {"settings": {"labels": [{"id": 1, "name": "A"}]}}."""
    if column_type not in ("status", "dropdown"):
        return {}
    if defaults is None:
        return dict(_SAMPLE_LABELS) if column_type == "status" else {}
    try:
        plain = read_json(defaults)
        labels = plain.get("settings", plain)["labels"]
        if isinstance(labels, dict):
            return {int(key): str(label) for key, label in labels.items()}
        return {
            int(label.get("id", number)): str(label.get("name", label.get("label")))
            for number, label in enumerate(labels, start=1)
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        raise invalid_argument("defaults hold no labels that could be read") from None
