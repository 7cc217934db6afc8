"""In: the arguments of one mutation of an update, a tag or a workspace.
Out: what the account has beside its boards, as the effects made it.
Never: notifications or files: an update is only text that is kept with its item."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from order_sync.emulator.boards import GROUP_COLORS, Boards, number
from order_sync.emulator.effects import Effect, TagCreated, UpdateCreated, UpdatesDeleted, WorkspaceCreated
from order_sync.emulator.errors import invalid_argument, not_found
from order_sync.emulator.items import Items
from order_sync.emulator.state import Board, Item, State, user

_FIRST_UPDATE_ID = 3_000_000_001
_FIRST_TAG_ID = 20_000_001
_MAIN_WORKSPACE_ID = 5_000_001
#: Ends at the next tag, too: a text of nothing but `<` takes no longer than another.
_MARKUP = re.compile(r"<[^<>]*>")


@dataclass(slots=True, eq=False)
class Update:
    id: int
    item: Item
    body: str
    creator_id: int
    created: float
    #: Of a reply.
    parent: Update | None
    replies: list[Update] = field(default_factory=list)

    @property
    def text_body(self) -> str:
        return html.unescape(_MARKUP.sub("", self.body))


@dataclass(frozen=True, slots=True)
class Tag:
    id: int
    name: str
    color: str
    board_id: int | None


@dataclass(frozen=True, slots=True)
class Workspace:
    id: int
    name: str
    kind: str
    description: str | None
    created: float
    state: str = "active"

    @property
    def is_default_workspace(self) -> bool:
        return self.id == _MAIN_WORKSPACE_ID


class Directory:
    def __init__(self, state: State, boards: Boards, items: Items) -> None:
        self._state, self._boards, self._items = state, boards, items
        self._updates: dict[int, Update] = {}
        #: By item, oldest first, without replies.
        self._of_items: dict[int, list[Update]] = {}
        self.tags: dict[int, Tag] = {}
        main = Workspace(_MAIN_WORKSPACE_ID, "Main workspace", "open", None, 0.0)
        self.workspaces: dict[int, Workspace] = {main.id: main}
        self._next_update_id = _FIRST_UPDATE_ID
        for effect in state.effects:
            self._apply(effect)

    def updates(self) -> Iterator[Update]:
        """Of all items that are not deleted, newest first; replies are with theirs."""
        return (
            update
            for update in reversed(self._updates.values())
            if update.parent is None and update.item.state != "deleted"
        )

    def updates_of(self, item: Item) -> list[Update]:
        return self._of_items.get(item.id, [])[::-1]

    def users(self) -> Iterable[int]:
        """The caller, and everyone who has made something."""
        created = (item.creator_id for item in self._state.items.values())
        wrote = (update.creator_id for update in self._updates.values())
        return dict.fromkeys([user.get(), *created, *wrote])

    def workspace_of(self, board: Board) -> Workspace:
        return self.workspaces[board.workspace_id or _MAIN_WORKSPACE_ID]

    def create_update(self, body: str, item_id: str | None = None, parent_id: str | None = None) -> Update:
        if not body.strip():
            raise invalid_argument("body is empty")
        parent = None if parent_id is None else self._update(parent_id)
        item = self._items.item(item_id) if parent is None else parent.item
        if parent is not None and parent.parent is not None:
            raise invalid_argument("a reply has no replies", parent_id=str(parent.id))
        self._boards.opened(item.board)
        update_id = self._next_update_id
        above = None if parent is None else parent.id
        self._record(
            UpdateCreated(update_id=update_id, item_id=item.id, body=body, user_id=user.get(), parent_id=above)
        )
        return self._updates[update_id]

    def delete_update(self, id: str) -> Update:
        update = self._update(id)
        self._boards.opened(update.item.board)
        self._record(UpdatesDeleted(update_ids=[update.id]))
        return update

    def clear_item_updates(self, item_id: str) -> Item:
        item = self._items.item(item_id)
        self._boards.opened(item.board)
        mine = [update.id for update in self.updates_of(item)]
        if mine:
            self._record(UpdatesDeleted(update_ids=mine))
        return item

    def create_or_get_tag(self, tag_name: str | None = None, board_id: str | None = None) -> Tag:
        name = (tag_name or "").strip()
        if not name:
            raise invalid_argument("tag_name is empty")
        board = None if board_id is None else self._boards.open_board(board_id).id
        for tag in self.tags.values():
            if (tag.name, tag.board_id) == (name, board):
                return tag
        tag_id = _FIRST_TAG_ID + len(self.tags)
        color = GROUP_COLORS[len(self.tags) % len(GROUP_COLORS)]
        self._record(TagCreated(tag_id=tag_id, name=name, color=color, board_id=board))
        return self.tags[tag_id]

    def create_workspace(self, name: str, kind: str, description: str | None = None) -> Workspace:
        if not name.strip():
            raise invalid_argument("name is empty")
        workspace_id = _MAIN_WORKSPACE_ID + len(self.workspaces)
        self._record(
            WorkspaceCreated(workspace_id=workspace_id, name=name, workspace_kind=kind, description=description)
        )
        return self.workspaces[workspace_id]

    def home_of_boards(self, workspace_id: str | None) -> int | None:
        """What a new board notes of its workspace: nothing for the main one."""
        if workspace_id is None or number(workspace_id) == _MAIN_WORKSPACE_ID:
            return None
        if number(workspace_id) not in self.workspaces:
            raise not_found("Workspace", workspace_id)
        return number(workspace_id)

    def _update(self, update_id: str) -> Update:
        update = self._updates.get(number(update_id))
        if update is None:
            raise not_found("Update", update_id)
        return update

    def _record(self, effect: Effect) -> None:
        self._apply(self._state.record(effect))

    def _apply(self, effect: Effect) -> None:
        match effect:
            case UpdateCreated():
                parent = None if effect.parent_id is None else self._updates[effect.parent_id]
                item = self._state.items[effect.item_id]
                update = Update(effect.update_id, item, effect.body, effect.user_id, effect.at, parent)
                self._updates[update.id] = update
                siblings = self._of_items.setdefault(item.id, []) if parent is None else parent.replies
                siblings.append(update)
                self._next_update_id = max(self._next_update_id, update.id + 1)
            case UpdatesDeleted():
                for update_id in effect.update_ids:
                    self._forget(self._updates[update_id])
            case TagCreated():
                self.tags[effect.tag_id] = Tag(effect.tag_id, effect.name, effect.color, effect.board_id)
            case WorkspaceCreated():
                self.workspaces[effect.workspace_id] = Workspace(
                    effect.workspace_id, effect.name, effect.workspace_kind, effect.description, effect.at
                )

    def _forget(self, update: Update) -> None:
        for reply in list(update.replies):
            self._forget(reply)
        siblings = self._of_items[update.item.id] if update.parent is None else update.parent.replies
        siblings.remove(update)
        del self._updates[update.id]
