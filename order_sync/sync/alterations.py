"""Changes, moves and cancels of what one board has already: the counterpart of creating.

In: decisions on the orders, or lines, of one step. Out: an `Outcome` of those that are changed, moved or cancelled.
All of it is absolute, so that sending it twice does no harm; what is in doubt settles before anything newer is sent.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from order_sync.database.edits import Edit, Edited
from order_sync.database.entries import Operation
from order_sync.database.journal import Journal
from order_sync.monday.labels import LabelSpelling
from order_sync.monday.values import cancel_values, to_json
from order_sync.orders.errors import Missing, Rejected
from order_sync.orders.mapping import BoardMap, SubitemMap
from order_sync.sync.decide import AWAITED, Decision, Happens
from order_sync.sync.delivery import Outcome
from order_sync.sync.facts import Facts
from order_sync.sync.rows import Look, NewRow, Repaired, Row
from order_sync.sync.writer import BoardWriter
from order_sync.text.excerpt import IN_TRACE, ON_BOARD, log_first

log = logging.getLogger("order_sync.monday")


UNFINISHED = (Happens.CHANGE, Happens.CANCEL, Happens.WAIT)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is altered: the items of a board, or its subitems, which are on a board of their own."""

    mapping: BoardMap
    board_id: int
    labels: LabelSpelling
    look: Look
    group_of_cancelled: Callable[[int], str]  # the id of their group, for a number of items

    def own(self, row: Row) -> str:
        """What the row is a version of."""
        return str(row["line_uuid" if self._of_lines else "record_uuid"])

    def with_key(self, of: Decision) -> Mapping[str, Any]:
        """What a change says. The key goes along: a person may have deleted it, and no look shows that for nothing."""
        return {"values": to_json({self.mapping.key_column: self.own(of.row), **json.loads(of.values)})}

    @property
    def _of_lines(self) -> bool:
        return isinstance(self.mapping, SubitemMap)

    @property
    def change(self) -> Operation:
        return Operation.CHANGE_SUBITEMS if self._of_lines else Operation.CHANGE_ITEMS

    @property
    def cancel(self) -> Operation:
        return Operation.CANCEL_SUBITEMS if self._of_lines else Operation.CANCEL_ITEMS


def alterations(decided: Sequence[Decision], change: Operation, cancel: Operation) -> list[tuple[Operation, int]]:
    """How much of what is decided is sent, in the order of sending."""
    counts = (
        (cancel, sum(of.happens is Happens.CANCEL for of in decided)),
        (Operation.MOVE_ITEMS, sum(of.move_to is not None for of in decided)),
        (change, sum(bool(of.values) and of.monday_id is not None for of in decided)),
    )
    return [(operation, count) for operation, count in counts if count]


class Alterations:
    """Alters what is on one board. The caller holds the board's lease."""

    def __init__(self, writer: BoardWriter, journal: Journal, facts: Facts) -> None:
        self._writer = writer
        self._journal = journal
        self._facts = facts

    def apply(self, decided: Sequence[Decision], target: Target) -> Outcome:
        """Cancels, moves and changes what is decided.

        In the outcome, `changed` and the others are monday's ids by the queue row's key. What is `deleted` on the board
        is nobody's fault: the caller has to decide on it again.
        """
        outcome = Outcome()
        self._journal.unfinish(target.change, [of.key for of in decided if of.happens in UNFINISHED])
        self._keep(decided, target, outcome)
        cancels = [of for of in decided if of.happens is Happens.CANCEL]
        if cancels:
            outcome.cancelled = self._send(target.cancel, cancels, self._cancel(target, len(cancels)), target, outcome)
        # One that was queued at the very time of its cancel would else be done before it is made.
        self._journal.bring_back({target.own(of.row) for of in decided if _is_wanted_back(of)})
        off = {target.own(of.row): of.row["created_at"] for of in decided if _goes_off(of)}
        for of in cancels:  # an older version that waits with it is off once it is
            off.pop(target.own(of.row), None)
        self._journal.leave_off(off)
        moves = [of for of in decided if of.move_to]
        outcome.moved = self._send(Operation.MOVE_ITEMS, moves, lambda of: {"group": of.move_to}, target, outcome)
        moved = [of for of in decided if not of.move_to or of.key in outcome.moved]
        changes = [of for of in moved if of.values and of.monday_id is not None]
        outcome.changed = self._send(target.change, changes, target.with_key, target, outcome)
        self._report_keys([of for of in changes if of.key in outcome.changed], target, outcome)
        return outcome

    def _report_keys(self, changed: Sequence[Decision], target: Target, outcome: Outcome) -> None:
        """Reports the items and subitems whose key somebody had deleted or overwritten."""
        lost = {of.key: of for of in changed if of.lost_key is not None}
        if not lost:
            return
        outcome.keys_restored += len(lost)
        column = target.mapping.key_column
        said = {key: f"{column} was '{of.lost_key}' on the board: its key is written back" for key, of in lost.items()}
        self._journal.note(target.change, "key restored", {k: (str(of.monday_id), said[k]) for k, of in lost.items()})
        messages = [f"{of.monday_id} of order {of.row['record_uuid']}: {said[key]}" for key, of in lost.items()]
        log_first(log.warning, messages, ON_BOARD)

    def _cancel(self, target: Target, count: int) -> Callable[[Decision], Mapping[str, Any]]:
        """What a cancel says of an item besides its id."""
        rule = target.mapping.cancel
        if rule.by == "move":
            group_id = target.group_of_cancelled(count)
            return lambda _: {"group": group_id}
        if rule.by == "label":
            values = to_json(cancel_values(rule, target.labels))
            return lambda _: {"values": values}
        return lambda _: {}

    def _send(
        self,
        operation: Operation,
        decided: Sequence[Decision],
        says: Callable[[Decision], Mapping[str, Any]],
        target: Target,
        outcome: Outcome,
    ) -> dict[str, str]:
        """Sends one kind of alteration; returns the ids of the rows for which it was done."""
        if not decided:
            return {}
        ids = {of.key: of.monday_id or 0 for of in decided}
        rows = [NewRow(key=of.key, variables={"item": str(ids[of.key]), **says(of)}) for of in decided]

        def repair(refused: Mapping[str, Rejected]) -> Repaired:
            """What is to be altered may have been deleted, or the group that it is to go to."""
            deleted = self._facts.deleted({ids[key] for key in refused})
            lost = {key: ids[key] for key in refused if ids[key] in deleted}
            outcome.deleted |= lost
            no_group = {key: str(error) for key, error in refused.items() if error.missing is Missing.GROUP}
            return Repaired(waiting=no_group | {key: AWAITED.format(item) for key, item in lost.items()})

        shared = {"board": str(target.board_id), "labels": target.mapping.adds_labels}
        sent = self._writer.write(operation, rows, shared, repair=repair, look=target.look)
        outcome.rejected |= sent.rejected
        outcome.waiting |= sent.waiting
        outcome.jobs += sent.jobs
        return sent.created

    def _keep(self, decided: Sequence[Decision], target: Target, outcome: Outcome) -> None:
        """Reports what people have edited on the board and keep."""
        kept = {of.key: of for of in decided if of.kept}
        outcome.kept = [
            {
                "item": of.monday_id,
                "record_uuid": of.row["record_uuid"],
                "value": edit.what,
                "on the board": edit.board,
                "not written": None if edit.ours is None else to_json(edit.ours),
            }
            for of in kept.values()
            for edit in of.kept
        ]
        logged = {key: (str(of.monday_id), "; ".join(map(str, of.kept))) for key, of in kept.items()}
        edited = {target.own(of.row): _edited(of) for of in kept.values()}
        settled = {target.own(of.row) for of in decided if _is_settled(of)}
        resolved = (self._journal.edited() if settled else set()) & settled - edited.keys()
        if edited or resolved:
            self._journal.keep_edits(target.change, logged, edited, resolved)
        messages = [
            f"{of.monday_id} of order {of.row['record_uuid']}: {edit}" for of in kept.values() for edit in of.kept
        ]
        log_first(log.info, messages, IN_TRACE)


def _edited(of: Decision) -> Edited:
    edits = tuple(
        Edit(
            column=edit.what,
            on_board=edit.board,
            not_written=None if edit.ours is None else json.dumps(edit.ours, ensure_ascii=False),
        )
        for edit in of.kept
    )
    return Edited(record_uuid=str(of.row["record_uuid"]), monday_id=of.monday_id, edits=edits)


def _is_settled(of: Decision) -> bool:
    """It says what becomes of what was on a board: no edit but those it keeps is in its way any more."""
    is_new = of.happens is Happens.CREATE and not of.reason
    return not is_new and of.happens not in (Happens.WAIT, Happens.REJECT) and not of.row["outdated"]


def _is_wanted_back(of: Decision) -> bool:
    """It was cancelled, and is to be on a board again."""
    return bool(of.row["is_off"]) and of.happens not in (Happens.OFF, Happens.CANCEL)


def _goes_off(of: Decision) -> bool:
    """It is cancelled and on no board, which is not on record yet."""
    return of.happens is Happens.OFF and not of.row["is_off"]
