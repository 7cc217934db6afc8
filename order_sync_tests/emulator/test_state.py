"""After anything that happens to items, counts fit what is there, and a replay of the effects gives the same boards."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from order_sync.emulator import EmulatorSettings
from order_sync.emulator.boards import Boards
from order_sync.emulator.clock import Clock
from order_sync.emulator.directory import Directory
from order_sync.emulator.duplicates import Duplicates
from order_sync.emulator.items import Items
from order_sync.emulator.journal import EffectJournal
from order_sync.emulator.people import People
from order_sync.emulator.snapshot import checksum
from order_sync.emulator.state import State
from order_sync_tests.emulator.conftest import PLANNING
from order_sync_tests.emulator.test_transfers import OTHER

VERBS = ("archive", "delete", "restore", "duplicate", "add_subitem", "move", "move_to_board", "rename", "edit", "group")


class Account:
    def __init__(self) -> None:
        self.settings = EmulatorSettings()
        self.journal = EffectJournal(None)
        self.state = State(self.journal, Clock())
        self.boards = Boards(self.state, lambda: self.settings)
        for seed in (PLANNING, OTHER):
            self.boards.seed(seed)
        self.boards.create_group("101", "Further")
        items = Items(self.state, self.boards, lambda: self.settings)
        directory = Directory(self.state, self.boards, items)
        self.people = People(items, Duplicates(self.state, items, directory))

    def do(self, verb: str, number: int, other: int) -> None:
        """To one of the items; what is refused has no effect."""
        items = [*self.state.items]
        item_id = items[number % len(items)]
        board = self.state.boards[(101, 201)[other % 2]]
        groups = board.active_groups
        group = groups[other % len(groups)]
        if verb == "group":
            if len(groups) > 1:
                (self.boards.archive_group if number % 2 else self.boards.delete_group)(str(board.id), group.id)
            return
        extra: dict[str, dict[str, Any]] = {
            "move": {"group_id": group.id},
            "move_to_board": {"board_id": board.id, "group_id": group.id},
            "rename": {"name": f"N{other}"},
            "add_subitem": {"name": f"S{other}"},
            "edit": {"column_id": "note", "text": f"{other}"},
        }
        before = len(self.journal.effects)
        try:
            self.people.do({"do": verb, "item_id": item_id, **extra.get(verb, {})})
        except ValueError:
            assert len(self.journal.effects) == before


def check(state: State) -> None:
    for board in state.boards.values():
        active = [item for item in board.items.values() if item.state == "active"]
        assert board.items_count == len(active)
        assert [*board.items] == sorted(board.items)
        assert {item.id for group in board.groups.values() for item in group.items.values()} == {i.id for i in active}
        for item in board.items.values():
            assert item.board is board
            assert item.group is board.groups[item.group.id]
            assert item.parent is None or item.board.parent is item.parent.board
            assert all(subitem.state == "active" for subitem in item.subitems)
            assert all(subitem.state != "active" for subitem in item.removed_subitems)
            assert item.state == "active" or not item.subitems
            if item.state == "active":
                assert item.group.state == "active"
                assert item.parent is None or item in item.parent.subitems
        for group in board.groups.values():
            assert group.subitem_count == sum(len(item.subitems) for item in group.items.values())


steps = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 9), st.integers(0, 5)), max_size=25)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_counts_fit_and_a_replay_gives_the_same_boards(taken: list[tuple[str, int, int]]) -> None:
    account = Account()
    first = account.people.add_item("101", "topics", "One")
    account.people.add_subitem(str(first.id), "Size M")
    for step in taken:
        account.do(*step)
        check(account.state)
    replayed = EffectJournal(None)
    replayed.effects = list(account.journal.effects)
    again = State(replayed, Clock())
    check(again)
    assert checksum(again) == checksum(account.state)
