"""One board's share of a step: creates the desired rows that the board lacks, and adopts those that it has.

In: desired groups, items or subitems of one board, held by the run. Out: ids in the queue rows, and an `Outcome`.
What people did on the board meanwhile is recorded first (outside_changes.py); every create goes through the journal.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence, Set
from dataclasses import replace

from order_sync.database.entries import Operation
from order_sync.database.journal import Journal
from order_sync.monday.board import Board
from order_sync.monday.board_fit import look_at_items, look_at_subitems, read_again
from order_sync.monday.client import MondayClient
from order_sync.monday.labels import Labels, LabelSpelling
from order_sync.orders.codes import Delay, Rule
from order_sync.orders.errors import Fatal, Rejected
from order_sync.orders.mapping import LABELLED, ColumnMapping
from order_sync.orders.monday_faults import MondayFault
from order_sync.orders.naming import text_key
from order_sync.orders.states import Action
from order_sync.sync.alterations import Alterations, Target
from order_sync.sync.decide import (
    Decision,
    Deleted,
    Happens,
    KnownSubitem,
    askable,
    hold_mass_cancels,
    refusal,
)
from order_sync.sync.delivery import Outcome
from order_sync.sync.facts import Facts, Group, ItemFacts, Site, SubitemFacts, groups_of
from order_sync.sync.known import Known, Lines, Orders
from order_sync.sync.outside_changes import OutsideChanges, log_not_created
from order_sync.sync.plan_file import hold_groups_to_plan, hold_to_existing_groups, hold_to_plan
from order_sync.sync.rows import NewRow, Repaired, Row
from order_sync.sync.writer import BoardWriter
from order_sync.text.counted import counted

log = logging.getLogger("order_sync.monday")

CONFIRM_SECONDS = (0.5, 1, 2, 4, 8)  # between looks for groups that were just created


class BoardWork:
    """The work of one run on one board, while it holds the board's lease."""

    def __init__(
        self,
        client: MondayClient,
        site: Site,
        *,
        journal: Journal,
        writer: BoardWriter,
        mapping: ColumnMapping,
        known: Known,
    ) -> None:
        self._client = client
        self._site = site
        self._journal = journal
        self._writer = writer
        self._mapping = mapping
        self._queue = known.queue
        self._known = known
        self._run_id = journal.run_id
        self._facts = Facts(client, site, mapping, journal.owners)
        self._changes = OutsideChanges(self._facts, journal, writer)
        self._alterations = Alterations(writer, journal, self._facts)

    # ---- the three steps --------------------------------------------------------------------------

    def create_groups(self, rows: Sequence[Row]) -> Outcome:
        """`rows` have title. The board is as the run has read it, unless it seems to lack a group.

        One that was deleted since is noticed by the next step, which reads the board in any case.
        """
        board, own = self._site.board, self._known.groups()
        here = groups_of(board, own)
        wanted = [row["title"] for row in rows]
        if any(text_key(title) not in here for title in wanted):
            board = self._read()
            here = groups_of(board, own)
        there = {title: here[text_key(title)].id for title in wanted if text_key(title) in here}
        self._changes.report_renamed(there, board)
        self._journal.adopt(Operation.GROUPS, there)
        new = [NewRow(key=title, variables={"name": title}) for title in hold_groups_to_plan(rows, there)]
        outcome = self._writer.write(Operation.GROUPS, new, {"board": str(board.id)})
        self._confirm_groups(outcome.created)
        made = {text_key(title): Group(id=group_id, title=title) for title, group_id in outcome.created.items()}
        self._site.groups = here | made
        log_not_created(outcome.rejected)
        return outcome

    def write_items(self, rows: Sequence[Row]) -> Outcome:
        """`rows` are as ITEMS in assets/monday.py: group, group_id, name, values, rejection, rule and the keys."""
        board = self._read()
        # As they are now: recovery may have adopted items, or another run have taken rows over while this one slept.
        orders = Orders.of_run(rows, self._known.headers())
        rows = _still_held(rows, {key for of_order in orders.versions.values() for key in of_order})
        outcome = self._write_items(rows, orders, board)
        if outcome.deleted:  # what was to be changed has been deleted: they are orders without an item now
            self._changes.forget(set(outcome.deleted.values()))
            lost = outcome.take_deleted(rows)
            outcome.add(self._write_items(lost, Orders.of_run(lost, self._known.headers()), board))
        _forget_values(rows)
        return outcome

    def _write_items(self, rows: Sequence[Row], orders: Orders, board: Board) -> Outcome:
        labels, versions = LabelSpelling(board.labels), orders.versions
        decided, found = self._decide_items(rows, orders, board, labels)
        outcome = altered = self._alterations.apply(decided, self._items_of(board, labels))
        created = self._create_items([of for of in decided if of.happens is Happens.CREATE], versions, board)
        finished = [of for of in decided if of.monday_id and _is_finished(of, altered)]
        self._assign_groups({of.row["record_uuid"]: of.group_id for of in finished}, versions)
        self._changes.adopt({of.row["record_uuid"]: of.key for of in finished if of.happens is Happens.ADOPT}, found)
        items = {of.row["record_uuid"]: str(of.monday_id) for of in finished}
        items |= {of.row["record_uuid"]: created.created[of.key] for of in decided if of.key in created.created}
        done = created.created.keys() | altered.changed.keys()
        self._share(items, versions, done | {of.key for of in finished if of.happens is Happens.ADOPT})
        rejected = _rejected(decided)
        self._journal.reject(Operation.ITEMS, rejected)
        outcome.add(created)
        outcome.rejected |= rejected
        outcome.waiting |= {of.key: str(of.reason) for of in decided if of.happens is Happens.WAIT}
        outcome.adopted = sum(of.happens is Happens.ADOPT for of in decided)
        return outcome

    def _create_items(
        self, created: Sequence[Decision], versions: Mapping[str, Mapping[str, int | None]], board: Board
    ) -> Outcome:
        """Creates items that are on no board, in a group that is there."""
        self._move_to_existing_group([of.row for of in created], board)
        rejected = {of.key: refusal(of.row) for of in created if of.row["rejection"]}
        waiting = _waiting(of.row for of in created)
        by_key = {of.key: of.row for of in created}
        new = {
            of.key: NewRow(
                key=of.key, variables={"group": of.row["group_id"], "name": of.row["name"], "values": of.values}
            )
            for of in created
            if of.key not in rejected and of.key not in waiting
        }
        self._journal.reject(Operation.ITEMS, rejected)
        # New ones get it with their item.
        others = {order: keys.keys() - new.keys() for order, keys in versions.items()}
        self._assign_groups({of.row["record_uuid"]: of.row["group_id"] for of in created}, others)

        def repair(refused: Mapping[str, Rejected]) -> Repaired:
            """Their group may have been deleted a moment ago."""
            moved = self._move_to_existing_group([by_key[key] for key in refused], self._read())
            self._assign_groups({row["record_uuid"]: row["group_id"] for row in moved}, others)
            groups = {row["delta_uuid"]: row["group_id"] for row in moved if row["group_id"]}
            again = {key: new[key].with_variables(group=group) for key, group in groups.items()}
            return Repaired(again=again, waiting=_waiting(moved))

        shared = {"board": str(board.id), "labels": self._mapping.items.adds_labels}
        look = self._look_at_items
        outcome = self._writer.write(Operation.ITEMS, list(new.values()), shared, repair=repair, look=look)
        self._site.new_items |= {int(item) for item in outcome.created.values()}
        outcome.rejected |= rejected
        outcome.waiting |= waiting
        outcome.recreated = sum(of.key in outcome.created for of in created if of.reason)
        return outcome

    def _decide_items(
        self, rows: Sequence[Row], orders: Orders, board: Board, labels: LabelSpelling
    ) -> tuple[list[Decision], ItemFacts]:
        """Decides on the orders, after recording in the tables what was deleted on the board."""
        found = self._facts.of_items(rows, orders.versions, orders.on_record, labels)
        self._changes.forget(found.facts.deleted)
        self._changes.report_foreign(found.facts)
        decided = hold_mass_cancels(
            found.decided, self._mapping.items, board=board.name, on_board=board.items_count or 0
        )
        hold_to_plan(decided)
        return decided, found.facts

    def _items_of(self, board: Board, labels: LabelSpelling) -> Target:
        def group_of_cancelled(count: int) -> str:
            title = self._mapping.items.cancel.group
            outcome = self._changes.groups_again({title: count}, board)
            if title not in outcome.created:
                raise no_group(f"Board {board.id} has no group '{title}' for cancelled orders, and it was not created.")
            return outcome.created[title]

        return Target(
            mapping=self._mapping.items,
            board_id=board.id,
            labels=labels,
            look=self._look_at_items,
            group_of_cancelled=group_of_cancelled,
        )

    def _look_at_items(self, refused: Collection[Rejected]) -> None:
        look_at_items(self._client, self._site.board.id, self._mapping, refused)

    def write_subitems(self, rows: Sequence[Row]) -> Outcome:
        """`rows` are as SUBITEMS in assets/monday.py: parent_item_id, name, values, rejection, rule and the keys."""
        board = self._site.subitems
        if board is None and any(row["action"] != Action.DELETE for row in rows):
            raise no_subitems(self._site.board.id)
        labels = LabelSpelling(self._subitem_labels(board) if board else {})
        lines = Lines.of_run(rows, self._known.lines())
        rows = _still_held(rows, {row["delta_uuid"] for row in lines.held})
        outcome = self._write_subitems(rows, lines, board.id if board else 0, labels)
        if outcome.deleted:
            missing = frozenset(outcome.deleted.values())
            self._changes.forget_removed(lines.held, Deleted(subitems=missing))
            lost = outcome.take_deleted(rows)
            held = Lines.of_run(lost, self._known.lines())
            outcome.add(self._write_subitems(lost, held, board.id if board else 0, labels, missing))
        _forget_values(rows)
        self._changes.forget_again()
        return outcome

    def _write_subitems(
        self, rows: Sequence[Row], of: Lines, board_id: int, labels: LabelSpelling, missing: Set[int] = frozenset()
    ) -> Outcome:
        asked = askable(rows)
        parents = {row["delta_uuid"]: int(row["parent_item_id"]) for row in asked if row["parent_item_id"] is not None}
        lines = {row["line_uuid"] for row in asked}
        there = [row for row in of.held if row["line_uuid"] in lines and row["monday_subitem_id"] is not None]
        known = {row["line_uuid"]: _known(row, parents.get(row["delta_uuid"])) for row in there}

        def record_deleted(found: SubitemFacts) -> Deleted:
            """What an earlier run left half done may have lost its item since; it waits with its order."""
            self._changes.forget_removed(there, found.deleted)
            self._changes.report_found({line: found.known[line] for line in found.known.keys() & lines - known.keys()})
            return replace(found.deleted, remade=self._changes.remade)

        decided = self._facts.of_subitems(rows, known, of.on_record, labels, record_deleted, missing)
        hold_to_plan(decided)
        new = [of for of in decided if of.happens is Happens.CREATE]
        created_now = {of.key for of in new}  # their lines get the parent with the subitem
        self._queue.assign_parents(self._run_id, {key: of for key, of in parents.items() if key not in created_now})
        target = Target(
            mapping=self._mapping.subitems,
            board_id=board_id,
            labels=labels,
            look=lambda refused: look_at_subitems(self._client, self._site.board.id, board_id, self._mapping, refused),
            group_of_cancelled=lambda _: "",  # a subitem is in no group
        )
        outcome = altered = self._alterations.apply(decided, target)
        rejected = _rejected(decided)
        self._journal.reject(Operation.SUBITEMS, rejected)

        def repair(refused: Mapping[str, Rejected]) -> Repaired:
            """Their item may have been deleted a moment ago."""
            return self._changes.orphans({key: parents[key] for key in refused})

        shared = {"labels": self._mapping.subitems.adds_labels}
        created = self._writer.write(
            Operation.SUBITEMS, [_new_subitem(of) for of in new], shared, repair=repair, look=target.look
        )
        ids = {of.row["line_uuid"]: str(of.monday_id) for of in decided if of.monday_id and _is_finished(of, altered)}
        ids |= {of.row["line_uuid"]: created.created[of.key] for of in new if of.key in created.created}
        # Older versions of a line, or one that was synced before: the row gets the subitem that is there.
        share = [of for of in decided if of.happens in (Happens.THERE, Happens.WAIT)]
        self._journal.adopt(
            Operation.SUBITEMS, {of.key: ids[line] for of in share if (line := of.row["line_uuid"]) in ids}
        )
        outcome.add(created)
        outcome.rejected |= rejected
        outcome.waiting |= {of.key: str(of.reason) for of in share if of.row["line_uuid"] not in ids}
        outcome.recreated = sum(of.key in outcome.created for of in new if of.reason)
        return outcome

    # ---- versions of an order ---------------------------------------------------------------------

    def _assign_groups(self, groups: Mapping[str, str | None], versions: Mapping[str, Collection[str]]) -> None:
        """Records the group of an order, by record_uuid, in all of its headers."""
        by_row = {key: group_id for order, group_id in groups.items() if group_id for key in versions[order]}
        self._queue.assign_groups(self._run_id, by_row)

    def _share(
        self, items: Mapping[str, str], versions: Mapping[str, Mapping[str, int | None]], written: Container[str]
    ) -> None:
        """Gives the item of an order to all its headers. `items` is by record_uuid; those `written` have theirs."""
        self._journal.adopt(
            Operation.ITEMS,
            {
                key: item
                for record_uuid, item in items.items()
                for key, known in versions[record_uuid].items()
                if str(known) != item and key not in written
            },
        )

    # ---- the board --------------------------------------------------------------------------------

    def _read(self) -> Board:
        """Reads the board again."""
        [self._site.board] = read_again(self._client, [self._site.board.id])
        return self._site.board

    def _subitem_labels(self, board: Board) -> Labels:
        """As they are now: another run, or a request that was in doubt, may have brought new ones."""
        if any(column.type in LABELLED for column in self._mapping.subitems.columns):
            [board] = read_again(self._client, [board.id])
            self._site.subitems = board
        return board.labels

    def _confirm_groups(self, created: Mapping[str, str]) -> None:
        """Waits until the board shows the groups: no item is created before."""
        if not created:
            return
        for pause in (0, *CONFIRM_SECONDS):
            self._client.wait(pause)
            board = self._read()
            missing = [title for title, group_id in created.items() if group_id not in board.group_ids]
            if not missing:
                return
        raise no_group(
            f"Board {board.id} does not show {counted(len(missing), 'created group')}, first '{missing[0]}'. "
            "Nothing is lost: start the run again."
        )

    def _move_to_existing_group(self, rows: Iterable[Row], board: Board) -> list[Row]:
        """Gives rows whose group is not on the board its successor; returns those rows.

        The group may have been deleted since the last step, or monday may have rejected it, and then it does so again.
        """
        homeless = [
            row for row in rows if row["group"] and not row["rejection"] and row["group_id"] not in board.group_ids
        ]
        hold_to_existing_groups(homeless, board.id)
        if homeless:
            outcome = self._changes.groups_again(Counter(row["group"] for row in homeless), board)
            self._confirm_groups(outcome.created)
            late = outcome.waiting | {title: str(error) for title, error in outcome.again.items()}
            for row in homeless:
                row["group_id"] = outcome.created.get(row["group"])
                if why := late.get(row["group"]):
                    row["waits"] = f"{Delay.NO_GROUP_YET}: its group '{row['group']}' could not be created yet: {why}"
                elif row["group_id"] is None:
                    row["rejection"] = f"its group '{row['group']}' could not be created; the log says why"
                    row["rule"] = Rule.NO_GROUP
        return homeless


def _waiting(rows: Iterable[Row]) -> dict[str, str]:
    """The rows whose group does not exist yet, with the reason."""
    return {row["delta_uuid"]: row["waits"] for row in rows if row.get("waits")}


def _rejected(decided: Iterable[Decision]) -> dict[str, Rejected]:
    return {of.key: of.rejected for of in decided if of.rejected}


def _is_finished(of: Decision, altered: Outcome) -> bool:
    """It is on the board as it should be: everything that was to be altered has been."""
    if of.happens not in (Happens.THERE, Happens.ADOPT, Happens.CHANGE):
        return False
    return (not of.values or of.key in altered.changed) and (not of.move_to or of.key in altered.moved)


def _new_subitem(of: Decision) -> NewRow:
    variables = {"parent": str(of.row["parent_item_id"]), "name": of.row["name"], "values": of.values}
    return NewRow(key=of.key, variables=variables)


def _known(line: Row, parent: int | None) -> KnownSubitem:
    halfway = line["queued_subitem_id"] is not None
    return KnownSubitem(id=line["monday_subitem_id"], item=parent or line["parent_item_id"], halfway=halfway)


def _forget_values(rows: Iterable[Row]) -> None:
    """Drops the values: the JSON to send is enough, and a large order has many rows."""
    for row in rows:
        del row["values"]


def _still_held(rows: Sequence[Row], held: Container[str]) -> list[Row]:
    """The rows without those that another run has taken over."""
    lost = [row["delta_uuid"] for row in rows if row["delta_uuid"] not in held]
    if lost:
        log.warning(
            "another run has taken over %d rows, first %s; this run skips them",
            len(lost),
            lost[0],
        )
    return [row for row in rows if row["delta_uuid"] in held]


# What a step does with its rows on one board.
Step = Callable[[BoardWork, Sequence[Row]], Outcome]


def no_group(message: str) -> Fatal:
    return Fatal(message, MondayFault.GROUP_NOT_SHOWN)


def no_subitems(board_id: int) -> Fatal:
    said = f"Board {board_id} has no subitem board. Add a subitem on monday, then start the run again."
    return Fatal(said, MondayFault.NO_SUBITEMS)
