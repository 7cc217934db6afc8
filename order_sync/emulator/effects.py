"""In: what a mutation did.
Out: one frozen effect a change, and its JSON form for the state file and for those who count by it.
Never: an effect that depends on more than itself and those before it: a replay gives the same state."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from order_sync.emulator.columns import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    #: The class's name, as item_created of ItemCreated.
    kind: ClassVar[str]
    #: Virtual time, in epoch seconds; `State.record` sets it.
    at: float = 0.0

    def __init_subclass__(cls) -> None:
        cls.kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **{name: getattr(self, name) for name in _FIELDS[type(self)]}}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardCreated(Effect):
    board_id: int
    name: str
    board_kind: str
    description: str | None = None
    #: Of a sub_items_board: the board whose items it holds the subitems of.
    parent_board_id: int | None = None
    hierarchy_type: str = "classic"
    #: None: the main workspace.
    workspace_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardArchived(Effect):
    """With its board of subitems."""

    board_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCreated(Effect):
    board_id: int
    column_id: str
    title: str
    type: str
    description: str | None = None
    labels: list[list[Any]]
    subitem_board_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRenamed(Effect):
    board_id: int
    column_id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDeleted(Effect):
    board_id: int
    column_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRetyped(Effect):
    """A person chose another type for the column; what its cells held is lost."""

    board_id: int
    column_id: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCreated(Effect):
    board_id: int
    column_id: str
    label_id: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCreated(Effect):
    board_id: int
    group_id: str
    title: str
    color: str
    position: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRenamed(Effect):
    board_id: int
    group_id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRemoved(Effect):
    board_id: int
    group_id: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemCreated(Effect):
    board_id: int
    group_id: str
    item_id: int
    name: str
    values: Mapping[str, Value]
    #: Of a subitem.
    parent_id: int | None = None
    #: The user who created it.
    user_id: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChanged(Effect):
    board_id: int
    item_id: int
    #: None keeps the name; a None among the values clears its cell.
    name: str | None
    values: Mapping[str, Value | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemMoved(Effect):
    board_id: int
    item_id: int
    group_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTransferred(Effect):
    """To another board, with all its subitems; what is not among the values stayed behind."""

    board_id: int
    item_id: int
    to_board_id: int
    group_id: str
    values: Mapping[str, Value]
    subitem_board_id: int | None
    #: Pairs of an id and the values.
    subitems: list[list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRemoved(Effect):
    board_id: int
    item_id: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRestored(Effect):
    """An archived or deleted item is back, with the subitems that went with it."""

    board_id: int
    item_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateCreated(Effect):
    update_id: int
    item_id: int
    body: str
    user_id: int
    #: Of a reply: the update that it answers.
    parent_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatesDeleted(Effect):
    """With their replies."""

    update_ids: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCreated(Effect):
    tag_id: int
    name: str
    color: str
    #: None: a tag of the whole account.
    board_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceCreated(Effect):
    workspace_id: int
    name: str
    workspace_kind: str
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseKept(Effect):
    """The answer to a mutation with an Idempotency-Key, kept so that a restart still replays it."""

    key: str
    status: int
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted(Effect):
    """A bulk import that now waits for its file."""

    job_id: str
    #: What its URLs are signed with.
    secret: str
    board_id: int
    group_id: str
    match_column_id: str | None = None
    behaviour: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUploaded(Effect):
    job_id: str
    #: In bytes.
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobBegun(Effect):
    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinished(Effect):
    job_id: str
    state: str
    counts: Mapping[str, int | None]
    progress: int
    failure_reason: str | None = None
    failure_message: str | None = None
    report: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalStarted(Effect):
    """A job that archives or deletes items of one board, in this order."""

    job_id: str
    board_id: int
    item_ids: list[int]
    #: What becomes of them.
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalFinished(Effect):
    job_id: str
    status: str
    removed: list[int]
    failed: list[int]
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalUndone(Effect):
    """What the job removed comes back from now on."""

    job_id: str


_KINDS: dict[str, type[Effect]] = {
    effect.kind: effect
    for effect in (
        BoardCreated,
        BoardArchived,
        ColumnCreated,
        ColumnRenamed,
        ColumnDeleted,
        ColumnRetyped,
        LabelCreated,
        GroupCreated,
        GroupRenamed,
        GroupRemoved,
        ItemCreated,
        ItemChanged,
        ItemMoved,
        ItemTransferred,
        ItemRemoved,
        ItemRestored,
        UpdateCreated,
        UpdatesDeleted,
        TagCreated,
        WorkspaceCreated,
        ResponseKept,
        JobStarted,
        JobUploaded,
        JobBegun,
        JobFinished,
        RemovalStarted,
        RemovalFinished,
        RemovalUndone,
    )
}
_FIELDS = {effect: tuple(field.name for field in dataclasses.fields(effect)) for effect in _KINDS.values()}


def from_json(record: Mapping[str, Any]) -> Effect:
    fields = dict(record)
    return _KINDS[fields.pop("kind")](**fields)
