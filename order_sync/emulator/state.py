"""In: effects, and questions about boards.
Out: the boards as these effects made them; `record` is the one way to change them, journal first.
Never: a change without an effect, and no rule of monday's API: those are in boards.py and items.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeAlias, TypeVar
from zlib import crc32

from order_sync.emulator.clock import Clock
from order_sync.emulator.columns import Column, Value
from order_sync.emulator.effects import (
    BoardArchived,
    BoardCreated,
    ColumnCreated,
    ColumnDeleted,
    ColumnRenamed,
    ColumnRetyped,
    Effect,
    GroupCreated,
    GroupRemoved,
    GroupRenamed,
    ItemChanged,
    ItemCreated,
    ItemMoved,
    ItemRemoved,
    ItemRestored,
    ItemTransferred,
    JobBegun,
    JobFinished,
    JobStarted,
    JobUploaded,
    LabelCreated,
    RemovalFinished,
    RemovalStarted,
    RemovalUndone,
    ResponseKept,
    TagCreated,
    UpdateCreated,
    UpdatesDeleted,
    WorkspaceCreated,
)
from order_sync.emulator.journal import EffectJournal

_FIRST_BOARD_ID = 9_000_000_001
_FIRST_ITEM_ID = 10_000_000_001
E = TypeVar("E", bound=Effect)
BoardShape: TypeAlias = (
    BoardCreated | BoardArchived | ColumnCreated | ColumnRenamed | ColumnDeleted | ColumnRetyped | LabelCreated
)
NOTHING: Mapping[str, Value] = MappingProxyType({})

#: Who sends the request that is executed, or has started the job.
user: ContextVar[int] = ContextVar("user", default=1)


def user_of(token: str) -> int:
    """Each token is a user's."""
    return crc32(token.encode()) + 1


@dataclass(slots=True, eq=False)
class Item:
    id: int
    name: str
    board: Board
    group: Group
    values: dict[str, Value]
    created: float
    parent: Item | None
    updated: float
    creator_id: int
    state: str = "active"
    #: Active ones, oldest first.
    subitems: list[Item] = field(default_factory=list)
    removed_subitems: list[Item] = field(default_factory=list)
    #: When it was archived or deleted: what went with it has the same moment.
    removed: float | None = None

    @property
    def main(self) -> Item:
        """The item that this one is shown under: its parent, or itself."""
        return self.parent or self


@dataclass(slots=True, eq=False)
class Group:
    id: str
    title: str
    color: str
    order: float
    board: Board
    state: str = "active"
    #: Active ones by id, in the order of arrival.
    items: dict[int, Item] = field(default_factory=dict)
    subitem_count: int = 0
    #: Goes up with every change to its items: the page asks for it to know what to reload.
    revision: int = 0

    @property
    def position(self) -> str:
        return str(self.order)

    @property
    def archived(self) -> bool:
        return self.state == "archived"

    @property
    def deleted(self) -> bool:
        return self.state == "deleted"


@dataclass(slots=True, eq=False)
class Board:
    id: int
    name: str
    board_kind: str
    description: str | None
    parent: Board | None
    created: float
    #: The last effect on it or its items.
    updated: float
    workspace_id: int | None = None
    state: str = "active"
    columns: dict[str, Column] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    #: All items by id, the archived and deleted ones too.
    items: dict[int, Item] = field(default_factory=dict)
    items_count: int = 0
    #: multi_level: subitems are on the same board, and theirs as well.
    hierarchy_type: str = "classic"

    @property
    def type(self) -> str:
        return "board" if self.parent is None else "sub_items_board"

    @property
    def main(self) -> Board:
        return self.parent or self

    @property
    def active_groups(self) -> list[Group]:
        return sorted((g for g in self.groups.values() if g.state == "active"), key=lambda group: group.order)

    @property
    def top_group(self) -> Group:
        return self.active_groups[0]

    @property
    def active_items(self) -> Iterator[Item]:
        return (item for item in self.items.values() if item.state == "active")

    @property
    def subitem_board_id(self) -> int | None:
        return next((c.subitem_board_id for c in self.columns.values() if c.type == "subtasks"), None)


class State:
    def __init__(self, journal: EffectJournal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self.boards: dict[int, Board] = {}
        self.items: dict[int, Item] = {}
        self._serial = 0
        self._next_item_id = _FIRST_ITEM_ID
        for effect in journal.effects:
            self._apply(effect)

    @property
    def began(self) -> float:
        """The account is as old as its first effect."""
        return self.effects[0].at if self.effects else self._clock.now()

    @property
    def effects(self) -> list[Effect]:
        return self._journal.effects

    def record(self, effect: E) -> E:
        """The effect as it is kept, at this time."""
        effect = replace(effect, at=self._clock.now())
        self._journal.append(effect)
        self._apply(effect)
        return effect

    def add_item(
        self, group: Group, name: str, values: Mapping[str, Value | None] = NOTHING, parent: Item | None = None
    ) -> Item:
        """The next item of the group's board; a subitem where there is a `parent`."""
        item_id = self._next_item_id
        self.record(
            ItemCreated(
                board_id=group.board.id,
                group_id=group.id,
                item_id=item_id,
                name=name,
                values={key: value for key, value in values.items() if value is not None},
                parent_id=parent.id if parent else None,
                user_id=user.get(),
            )
        )
        return self.items[item_id]

    def next_board_id(self) -> int:
        return max(_FIRST_BOARD_ID - 1, *self.boards) + 1 if self.boards else _FIRST_BOARD_ID

    def next_name(self, prefix: str) -> str:
        """An id such as group_mkxzaab: unique, as every created group and column moves the serial on."""
        digits, serial = "", self._serial
        for _ in range(5):
            serial, digit = divmod(serial, 26)
            digits = chr(ord("a") + digit) + digits
        return f"{prefix}_mk{digits}"

    def _apply(self, effect: Effect) -> None:
        match effect:
            case ItemCreated():
                self._create_item(effect)
            case ItemChanged():
                item = self.items[effect.item_id]
                item.name = effect.name or item.name
                item.updated = effect.at
                for column_id, value in effect.values.items():
                    if value is None:
                        item.values.pop(column_id, None)
                    else:
                        item.values[column_id] = value
                item.main.group.revision += 1
            case ItemMoved():
                self._move_item(self.items[effect.item_id], effect.group_id)
                self.items[effect.item_id].updated = effect.at
            case ItemTransferred():
                self._transfer_item(self.items[effect.item_id], effect)
            case ItemRemoved():
                self._remove_item(self.items[effect.item_id], effect)
            case ItemRestored():
                self._restore_item(self.items[effect.item_id])
            case (
                BoardCreated()
                | BoardArchived()
                | ColumnCreated()
                | ColumnRenamed()
                | ColumnDeleted()
                | ColumnRetyped()
                | LabelCreated()
            ):
                self._shape_board(effect)
            case GroupCreated() | GroupRenamed() | GroupRemoved():
                self._shape_group(effect)
            case UpdateCreated() | UpdatesDeleted() | TagCreated() | WorkspaceCreated():
                pass  # The directory's: what an account has beside its boards.
            case ResponseKept() | JobStarted() | JobUploaded() | JobBegun() | JobFinished():
                pass  # Not a board's affair: the idempotency store and the bulk imports read these.
            case RemovalStarted() | RemovalFinished() | RemovalUndone():
                pass  # The removals' own, beside the effects on their items.
            case _:
                raise TypeError(f"no rule for {effect.kind}")
        board = self.boards.get(getattr(effect, "board_id", 0) or 0)
        if board is not None:
            board.updated = effect.at

    def _shape_group(self, effect: GroupCreated | GroupRenamed | GroupRemoved) -> None:
        board = self.boards[effect.board_id]
        match effect:
            case GroupCreated():
                board.groups[effect.group_id] = Group(
                    effect.group_id, effect.title, effect.color, effect.position, board
                )
                self._serial += 1
            case GroupRenamed():
                board.groups[effect.group_id].title = effect.title
            case GroupRemoved():
                group = board.groups[effect.group_id]
                group.state = effect.state
                for item in list(group.items.values()):
                    self._remove_item(item, effect)

    def _shape_board(self, effect: BoardShape) -> None:
        match effect:
            case BoardCreated():
                parent = self.boards[effect.parent_board_id] if effect.parent_board_id else None
                self.boards[effect.board_id] = Board(
                    effect.board_id,
                    effect.name,
                    effect.board_kind,
                    effect.description,
                    parent,
                    created=effect.at,
                    updated=effect.at,
                    workspace_id=effect.workspace_id,
                    hierarchy_type=effect.hierarchy_type,
                )
            case BoardArchived():
                for board in self.boards.values():
                    if board.main.id == effect.board_id:
                        board.state = "archived"
            case ColumnCreated():
                column = Column(effect.column_id, effect.title, effect.type, effect.description)
                column.subitem_board_id = effect.subitem_board_id
                for label_id, label in effect.labels:
                    column.add_label(label_id, label)
                self.boards[effect.board_id].columns[column.id] = column
                self._serial += 1
            case ColumnRenamed():
                self.boards[effect.board_id].columns[effect.column_id].title = effect.title
            case ColumnDeleted() | ColumnRetyped():
                self._replace_column(self.boards[effect.board_id], effect)
            case LabelCreated():
                column = self.boards[effect.board_id].columns[effect.column_id]
                column.add_label(effect.label_id, effect.label)

    def _replace_column(self, board: Board, effect: ColumnDeleted | ColumnRetyped) -> None:
        old = board.columns[effect.column_id]
        if isinstance(effect, ColumnDeleted):
            del board.columns[old.id]
        else:
            board.columns[old.id] = Column(old.id, old.title, effect.type, old.description)
        for item in board.items.values():
            item.values.pop(old.id, None)

    def _create_item(self, effect: ItemCreated) -> None:
        board = self.boards[effect.board_id]
        group = board.groups[effect.group_id]
        parent = self.items[effect.parent_id] if effect.parent_id else None
        # The effect stays as it was; the cells change.
        at, values = effect.at, dict(effect.values)
        item = Item(effect.item_id, effect.name, board, group, values, at, parent, at, effect.user_id)
        board.items[item.id] = self.items[item.id] = group.items[item.id] = item
        board.items_count += 1
        if parent is not None:
            parent.subitems.append(item)
            parent.group.subitem_count += 1
        item.main.group.revision += 1
        self._next_item_id = max(self._next_item_id, item.id + 1)

    def _move_item(self, item: Item, group_id: str) -> None:
        for group, sign in ((item.group, -1), (item.board.groups[group_id], 1)):
            group.subitem_count += sign * len(item.subitems)
            group.revision += 1
        del item.group.items[item.id]
        item.group = item.board.groups[group_id]
        item.group.items[item.id] = item

    def _transfer_item(self, item: Item, effect: ItemTransferred) -> None:
        subitems = list(item.subitems)
        item.group.subitem_count -= len(subitems)
        item.group.revision += 1
        self._put(item, self.boards[effect.to_board_id].groups[effect.group_id], effect.values)
        item.updated = effect.at
        item.group.subitem_count += len(subitems)
        item.group.revision += 1
        for item_id, values in effect.subitems:
            self._put(self.items[item_id], self.boards[effect.subitem_board_id or 0].active_groups[0], values)

    @staticmethod
    def _put(item: Item, group: Group, values: Mapping[str, Value]) -> None:
        """Into a group of another board; only an active item counts in its group and on its board."""
        if item.state == "active":
            item.board.items_count -= 1
            group.board.items_count += 1
            del item.group.items[item.id]
            group.items[item.id] = item
        del item.board.items[item.id]
        item.board, item.group, item.values = group.board, group, dict(values)
        # Pages and cursors go by id.
        group.board.items = dict(sorted([*group.board.items.items(), (item.id, item)]))

    def _remove_item(self, item: Item, effect: ItemRemoved | GroupRemoved) -> None:
        archived = item.removed_subitems if effect.state == "deleted" else ()
        for subitem in [*item.subitems, *(subitem for subitem in archived if subitem.state == "archived")]:
            self._remove_item(subitem, effect)
        if item.state == "active":
            item.board.items_count -= 1
            item.group.items.pop(item.id, None)
            if item.parent is not None:
                item.parent.subitems.remove(item)
                item.parent.removed_subitems.append(item)
                item.parent.group.subitem_count -= 1
        item.state, item.removed = effect.state, effect.at
        item.main.group.revision += 1

    def _restore_item(self, item: Item) -> None:
        went_with_it = [subitem for subitem in item.removed_subitems if subitem.removed == item.removed]
        item.state, item.removed = "active", None
        if item.group.state != "active":
            item.group = item.board.active_groups[0]
        item.group.items[item.id] = item
        item.board.items_count += 1
        if item.parent is not None:
            item.parent.removed_subitems.remove(item)
            item.parent.subitems.append(item)
            item.parent.subitems.sort(key=lambda subitem: subitem.id)
            item.parent.group.subitem_count += 1
        for subitem in went_with_it:
            self._restore_item(subitem)
        item.main.group.revision += 1
