"""Changes by people and other tools on the board: deleted groups and items, and items that already exist.

In: what order_sync knows, and what facts.py has found. Out: corrected tables, with a message for each change.
The caller holds the board's lease.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence, Set
from typing import Any

from order_sync.database.entries import Operation
from order_sync.database.journal import Journal
from order_sync.monday.board import Board
from order_sync.orders.errors import Rejected
from order_sync.orders.naming import text_key
from order_sync.sync.decide import AWAITED, Deleted, KnownSubitem, item_deleted
from order_sync.sync.delivery import Outcome
from order_sync.sync.facts import Facts, ItemFacts
from order_sync.sync.rows import NewRow, Repaired
from order_sync.sync.writer import BoardWriter
from order_sync.text.counted import counted
from order_sync.text.excerpt import IN_REPORT, IN_TRACE, ON_BOARD, log_first

log = logging.getLogger("order_sync.monday")


class OutsideChanges:
    """Puts right what was changed on one board."""

    def __init__(self, facts: Facts, journal: Journal, writer: BoardWriter) -> None:
        self._facts = facts
        self._journal = journal
        self._writer = writer
        self._deleted: set[int] = set()  # items that were missed so far
        self._awaited: set[int] = set()  # those of them that the next run creates again

    def report_renamed(self, groups: Mapping[str, str], board: Board) -> None:
        """Logs groups that were renamed on the board: they stay the same groups."""
        renamed = [
            f"group '{title}' was renamed to '{board.group_titles.get(group_id)}' on the board: its items go there"
            for title, group_id in groups.items()
            if text_key(title) not in board.groups
        ]
        log_first(log.info, renamed, ON_BOARD)

    def groups_again(self, titles: Mapping[str, int], board: Board) -> Outcome:
        """Recreates groups that were deleted on the board. `titles` counts the items for each."""
        there = {title: board.groups[text_key(title)] for title in titles if text_key(title) in board.groups}
        missing = [title for title in titles if title not in there]
        created = [
            f"group '{title}' is missing on board '{board.name}': creating it for {counted(titles[title], 'item')}"
            for title in missing
        ]
        log_first(log.warning, created, ON_BOARD)
        self._journal.adopt(Operation.GROUPS, there)
        rows = [NewRow(key=title, variables={"name": title}) for title in missing]
        outcome = self._writer.write(Operation.GROUPS, rows, {"board": str(board.id)})
        log_not_created(outcome.rejected)
        outcome.created |= there
        return outcome

    def forget(self, deleted: Set[int]) -> None:
        """Removes the ids of deleted items, and of their subitems, from the waiting rows."""
        forgotten = self._journal.forget_items(deleted) if deleted else {}
        self._awaited |= forgotten.keys()
        created = [
            f"item {item} of order {record_uuid} was deleted on the board: recreating it"
            for item, record_uuid in forgotten.items()
        ]
        log_first(log.warning, created, IN_TRACE)
        self._deleted |= deleted

    def forget_removed(self, lines: Sequence[Mapping[str, Any]], deleted: Deleted) -> None:
        """The same for these lines, as QueueReader.held_lines gives them, and for the subitems themselves."""
        self.forget(deleted.items)
        lost = [line for line in lines if line["monday_subitem_id"] in deleted.subitems]
        if not lost:
            return
        self._journal.forget_subitems({line["delta_uuid"]: str(line["monday_subitem_id"]) for line in lost})
        recreated = [
            f"subitem {line['monday_subitem_id']} of order {line['record_uuid']} (line {line['line_uuid']}) was "
            "deleted on the board: recreating it"
            for line in lost
        ]
        log_first(log.warning, recreated, IN_TRACE)

    def report_found(self, subitems: Mapping[str, KnownSubitem]) -> None:
        """Subitems that the tables did not know, by line_uuid: their lines get them."""
        found = [f"subitem {of.id} was already on the board: adopted for line {line}" for line, of in subitems.items()]
        log_first(log.warning, found, IN_TRACE)

    def report_foreign(self, found: ItemFacts) -> None:
        """Logs items that a person has given the key of another order: they stay those of their own."""
        foreign = [
            f"item {item} of order {owner} has the record_uuid of order {record_uuid} on the board: not adopted"
            for record_uuid, items in found.foreign.items()
            for item, owner in items.items()
        ]
        log_first(log.warning, foreign, ON_BOARD)

    @property
    def remade(self) -> set[int]:
        """Logs deleted items that the next run recreates."""
        return self._awaited

    def orphans(self, parents: Mapping[str, int]) -> Repaired:
        """Lines that monday rejects, with their items: those whose item was deleted need not be rejected.

        They wait with their order, whose item is created again by the next run.
        """
        self.forget(self._facts.deleted(set(parents.values()) - self._deleted))
        lines = {key: item for key, item in parents.items() if item in self._deleted}
        return Repaired(
            waiting={key: AWAITED.format(item) for key, item in lines.items() if item in self._awaited},
            rejected={key: item_deleted(item) for key, item in lines.items() if item not in self._awaited},
        )

    def forget_again(self) -> None:
        """Removes subitems created before their item was deleted, and recorded after that was noticed."""
        if self._deleted:
            self._journal.forget_items(self._deleted)

    def adopt(self, keys: Mapping[str, str], found: ItemFacts) -> None:
        """Gives orders the items that the board has under their record_uuid, by any author.

        `keys` has the delta_uuid of the order's header by record_uuid. Such an item keeps what is in it.
        """
        adopted = {record_uuid: item for record_uuid, item in found.on_board.items() if record_uuid in keys}
        self._journal.adopt(Operation.ITEMS, {keys[record_uuid]: str(item) for record_uuid, item in adopted.items()})
        messages = [f"item {item} was already on the board: adopted for order {of}" for of, item in adopted.items()]
        log_first(log.warning, messages, IN_TRACE)
        doubled = [
            f"item {item} also has the record_uuid of order {record_uuid}: ignored"
            for record_uuid, items in found.doubled.items()
            for item in items
            if record_uuid in keys
        ]
        log_first(log.warning, doubled, ON_BOARD)


def log_not_created(rejected: Mapping[str, Rejected]) -> None:
    """Groups that monday refused; the reason is also with each of their items."""
    messages = [f"group '{title}' was not created: {reason}" for title, reason in rejected.items()]
    log_first(log.error, messages, IN_REPORT)
