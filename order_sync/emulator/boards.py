"""In: settings with boards, and the arguments of one mutation of a board, a column or a group.
Out: the effects monday would have, recorded in the state, and what they made or changed.
Never: half a mutation: everything is checked before the first effect is recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partialmethod

from order_sync.emulator import columns
from order_sync.emulator.bounds import read_json, whole
from order_sync.emulator.columns import Column
from order_sync.emulator.effects import (
    BoardArchived,
    BoardCreated,
    ColumnCreated,
    ColumnDeleted,
    ColumnRenamed,
    ColumnRetyped,
    GroupCreated,
    GroupRemoved,
    GroupRenamed,
)
from order_sync.emulator.errors import (
    MondayError,
    invalid_argument,
    invalid_board,
    invalid_column,
    not_found,
    unauthorized,
)
from order_sync.emulator.settings import BoardSeed, ColumnSeed, EmulatorSettings
from order_sync.emulator.state import Board, Group, State

GROUP_COLORS = (
    *("#037f4c", "#00c875", "#9cd326", "#cab641", "#ffcb00", "#784bd1", "#a25ddc", "#0086c0", "#579bfc", "#66ccff"),
    *("#bb3354", "#df2f4a", "#ff007f", "#ff5ac4", "#ff642e", "#fdab3d", "#7f5347", "#c4c4c4", "#757575"),
)
_POSITION_STEP = 65_536.0
_COLUMN_ID = re.compile(r"[a-z_]{1,20}")
_SAMPLE_LABELS = {0: "Working on it", 1: "Done", 2: "Stuck"}


class Boards:
    """monday's rules for boards, their columns and their groups."""

    def __init__(self, state: State, settings: Callable[[], EmulatorSettings]) -> None:
        self._state = state
        self._settings = settings

    def board(self, board_id: str | int) -> Board:
        board = self._state.boards.get(number(board_id))
        if board is None or board.state != "active":
            raise invalid_board(board_id)
        return board

    def open_board(self, board_id: str | int) -> Board:
        """The board, if the token's user may write on it."""
        return self.opened(self.board(board_id))

    def opened(self, board: Board) -> Board:
        """The board of subitems is as open as that of their items."""
        if board.main.id in self._settings().closed_boards:
            raise unauthorized(board.id)
        return board

    def seed(self, seed: BoardSeed) -> None:
        """A board of the settings, with the very ids they name."""
        effect = BoardCreated(board_id=seed.id, name=seed.name, board_kind="public", hierarchy_type=seed.hierarchy)
        board = self._add_board(effect, seed.groups)
        self._seed_columns(seed.id, seed.columns, seed.subitem_board_id)
        if seed.subitem_board_id is None:
            return
        if all(column.type != "subtasks" for column in seed.columns):
            subitems = Column("subitems", "Subitems", "subtasks", subitem_board_id=seed.subitem_board_id)
            self._add_column(seed.id, subitems)
        self._add_subitem_board(seed.subitem_board_id, board)
        self._seed_columns(seed.subitem_board_id, seed.subitem_columns)

    def _seed_columns(self, board_id: int, seeds: Iterable[ColumnSeed], subitem_board_id: int | None = None) -> None:
        for seed in seeds:
            column = Column(seed.id, seed.title, seed.type, labels=columns.first_labels(seed.type, seed.labels))
            column.subitem_board_id = subitem_board_id if seed.type == "subtasks" else None
            self._add_column(board_id, column)

    def create_board(
        self,
        board_kind: str,
        board_name: str,
        empty: bool = False,
        description: str | None = None,
        workspace_id: int | None = None,
    ) -> Board:
        if not board_name.strip():
            raise invalid_argument("board_name is empty")
        board_id = self._state.next_board_id()
        effect = BoardCreated(
            board_id=board_id,
            name=board_name,
            board_kind=board_kind,
            description=description,
            workspace_id=workspace_id,
        )
        board = self._add_board(effect, ("Group Title",))
        if not empty:
            self._add_column(board_id, Column("status", "Status", "status", labels=_SAMPLE_LABELS))
            self._add_column(board_id, Column("date", "Date", "date"))
            for n in range(1, 4):
                self._state.add_item(board.active_groups[0], f"Item {n}")
        return board

    def archive_board(self, board_id: str) -> Board:
        board = self.open_board(board_id)
        if board.parent is not None:
            raise invalid_argument("a board of subitems goes with the board of their items", board_id=str(board.id))
        self._state.record(BoardArchived(board_id=board.id))
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
        column = Column(id or self._state.next_name(column_type), title, column_type, description, labels)
        if column_type != "subtasks":
            return self._add_column(board.id, column)
        if board.parent is not None or board.subitem_board_id is not None:
            raise invalid_argument("this board cannot take a subitems column (or another one)")
        column.subitem_board_id = subitem_board_id = self._state.next_board_id()
        column = self._add_column(board.id, column)
        self._add_subitem_board(subitem_board_id, board)
        status_id = self._state.next_name("status")
        self._add_column(subitem_board_id, Column(status_id, "Status", "status", labels=_SAMPLE_LABELS))
        self._add_column(subitem_board_id, Column(self._state.next_name("date"), "Date", "date"))
        return column

    def change_column_title(self, board_id: str, column_id: str, title: str) -> Column:
        board = self.board(board_id)
        column = board.columns.get(column_id)
        if column is None:
            raise invalid_column(column_id)
        if not title.strip():
            raise invalid_argument("title is empty", column_id=column_id)
        self._state.record(ColumnRenamed(board_id=board.id, column_id=column.id, title=title))
        return column

    def delete_column(self, board_id: str, column_id: str) -> Column:
        board, column = self._column(board_id, column_id)
        self._state.record(ColumnDeleted(board_id=board.id, column_id=column.id))
        return column

    def retype_column(self, board_id: str, column_id: str, column_type: str) -> None:
        """What a person can do on monday's pages, and its API cannot."""
        board, column = self._column(board_id, column_id)
        self._state.record(ColumnRetyped(board_id=board.id, column_id=column.id, type=column_type))

    def required_columns(self, board_id: str | int) -> list[str]:
        board = self.board(board_id)
        return [rule.column_id for rule in self._settings().rules if rule.board_id == board.id and rule.required]

    def _column(self, board_id: str, column_id: str) -> tuple[Board, Column]:
        board = self.board(board_id)
        column = board.columns.get(column_id)
        if column is None:
            raise invalid_column(column_id)
        if column.type == "name":
            raise invalid_argument("a board keeps its name column", column_id=column_id)
        return board, column

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
        return self._add_group(board.id, self._state.next_name("group"), title, color, position)

    def add_group_like(self, group: Group, title: str | None, *, on_top: bool) -> Group:
        """An empty group of the same color below that one, or on top of the board."""
        position = _group_position(group.board, None if on_top else group.id, "after_at")
        title = _group_title(title if title is not None else f"Duplicate of {group.title}"[:255])
        return self._add_group(group.board.id, self._state.next_name("group"), title, group.color, position)

    def update_group(self, board_id: str, group_id: str, group_attribute: str, new_value: str) -> Group:
        board = self.board(board_id)
        group = active_group(board, group_id)
        if group_attribute != "title":
            raise invalid_argument(f"The emulator changes a group's title only, not its {group_attribute}")
        self._state.record(GroupRenamed(board_id=board.id, group_id=group.id, title=_group_title(new_value)))
        return group

    def _remove_group(self, board_id: str, group_id: str, *, state: str) -> Group:
        board = self.board(board_id)
        group = active_group(board, group_id)
        if len(board.active_groups) == 1:
            raise MondayError(
                "DeleteLastGroupException",
                "Cannot remove the last group of a board",
                status=409,
                data={"board_id": str(board.id)},
            )
        self._state.record(GroupRemoved(board_id=board.id, group_id=group.id, state=state))
        return group

    archive_group = partialmethod(_remove_group, state="archived")
    delete_group = partialmethod(_remove_group, state="deleted")

    def _add_board(self, effect: BoardCreated, groups: Iterable[str]) -> Board:
        self._state.record(effect)
        self._add_column(effect.board_id, Column("name", "Name", "name"))
        for n, title in enumerate(groups):
            group_id = self._state.next_name("group") if n else "topics"
            color = GROUP_COLORS[n % len(GROUP_COLORS)]
            self._add_group(effect.board_id, group_id, title, color, _POSITION_STEP * (n + 1))
        return self._state.boards[effect.board_id]

    def _add_subitem_board(self, board_id: int, parent: Board) -> None:
        name = f"Subitems of {parent.name}"
        effect = BoardCreated(board_id=board_id, name=name, board_kind=parent.board_kind, parent_board_id=parent.id)
        self._add_board(effect, ("Subitems",))

    def _add_column(self, board_id: int, column: Column) -> Column:
        self._state.record(
            ColumnCreated(
                board_id=board_id,
                column_id=column.id,
                title=column.title,
                type=column.type,
                description=column.description,
                labels=[[label_id, label] for label_id, label in column.labels.items()],
                subitem_board_id=column.subitem_board_id,
            )
        )
        return self._state.boards[board_id].columns[column.id]

    def _add_group(self, board_id: int, group_id: str, title: str, color: str, position: float) -> Group:
        self._state.record(
            GroupCreated(board_id=board_id, group_id=group_id, title=title, color=color, position=position)
        )
        return self._state.boards[board_id].groups[group_id]


def _group_title(name: str) -> str:
    if not 1 <= len(name.strip()) <= 255:
        raise invalid_argument("a group name has 1 to 255 characters")
    return name.strip()


def number(identity: str | int) -> int:
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
