"""Changes, moves and cancels whose answer is lost: read from the board once they have settled, and never sent again.

In: items on the emulator's board, a fault, and a clock that moves monday's with it. Out: what is on record of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from order_sync.database.entries import Operation
from order_sync.emulator import Fault, FaultKind
from order_sync.monday.labels import LabelSpelling
from order_sync.monday.values import to_json
from order_sync.orders.mapping import BoardMap, load_mapping
from order_sync.orders.states import Action
from order_sync.settings import EMBEDDED_BOARD
from order_sync.sync.alterations import Alterations, Target
from order_sync.sync.decide import Decision, Happens, KnownSubitem, Seen, decide_items, decide_subitems
from order_sync.sync.delivery import Outcome
from order_sync.sync.facts import Facts
from order_sync.sync.ownership import Kept
from order_sync.sync.rows import NewRow
from order_sync_tests.contract.site import make_order, new_uuid
from order_sync_tests.sync.stage import SharedClock, Stage

SETTLE, SEARCH = 65.0, 90.0  # as in production
FIELDS = {
    Operation.CHANGE_ITEMS: "change_multiple_column_values",
    Operation.MOVE_ITEMS: "move_item_to_group",
    Operation.CANCEL_ITEMS: "archive_item",
}
OPERATIONS = list(FIELDS)
Rows = list[NewRow]


@pytest.fixture(autouse=True)
def real_speed(stage: Stage) -> Iterator[None]:
    yield
    stage.emulator.configure(clock_speed=1.0, mutation_ms=0.0, faults=[])


@pytest.fixture
def ids(stage: Stage) -> dict[str, str]:
    """Three items on the board, by the keys of their rows."""
    rows = stage.wanted(Operation.ITEMS, 3)
    stage.create(Operation.ITEMS, rows)
    stage.create(Operation.GROUPS, [NewRow(key="There", variables={"name": "There"})])
    stage.faults()  # begin to count anew
    return {key: ids[0] for key, ids in stage.items().items()}


def altering(stage: Stage, operation: Operation, ids: dict[str, str]) -> Rows:
    says: dict[Operation, dict[str, Any]] = {
        Operation.CHANGE_ITEMS: {"values": to_json({"total_qty": "7", "name": "Renamed"})},
        Operation.MOVE_ITEMS: {"group": stage.known_groups()["There"]},
        Operation.CANCEL_ITEMS: {},
    }
    return [NewRow(key=key, variables={"item": item, **says[operation]}) for key, item in ids.items()]


def shown(stage: Stage, operation: Operation, ids: dict[str, str]) -> set[str]:
    """The rows whose items are on the board as the request would have them."""
    items = {item["id"]: item for item in stage.board()["items"]}
    is_done: Callable[[dict[str, Any] | None], bool] = {
        Operation.CHANGE_ITEMS: lambda of: (
            bool(of) and (of["name"], of["columns"].get("total_qty")) == ("Renamed", "7")
        ),
        Operation.MOVE_ITEMS: lambda of: bool(of) and of["group_id"] == stage.known_groups()["There"],
        Operation.CANCEL_ITEMS: lambda of: of is None,
    }[operation]
    return {key for key, item in ids.items() if is_done(items.get(item))}


def on_record(stage: Stage, operation: Operation) -> set[str]:
    """The same by the tables."""
    site = stage.site
    items = {row["record_uuid"]: row for row in site.rows(site.tables.items)}
    off = {row["key_uuid"] for row in site.rows(site.tables.cancelled)}
    found = set()
    for row in site.rows(site.tables.header_queue):
        item = items.get(row["record_uuid"])
        if operation is Operation.CANCEL_ITEMS:
            assert (item is None) == (row["record_uuid"] in off)
            is_done = item is None
        elif operation is Operation.MOVE_ITEMS:
            is_done = item is not None and item["group_id"] == stage.known_groups()["There"]
        else:
            assert item is not None
            is_done = (item["name"], json.loads(item["written"]).get("total_qty")) == ("Renamed", "7")
        found |= {row["delta_uuid"]} if is_done else set()
    return found


def run(stage: Stage, operation: Operation, rows: Rows, clock: SharedClock) -> Outcome:
    return stage.create(operation, rows, clock=clock, settle=SETTLE, search=SEARCH, first_batch=len(rows))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_alteration_is_done_and_on_record(stage: Stage, ids: dict[str, str], operation: Operation) -> None:
    outcome = run(stage, operation, altering(stage, operation, ids), SharedClock(stage.emulator))
    assert (outcome.created, outcome.waiting) == (ids, {})
    assert shown(stage, operation, ids) == on_record(stage, operation) == set(ids)
    assert stage.journal().in_doubt() == []


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("fault", "applied"), [(FaultKind.RESET_AFTER, 3), (FaultKind.RESET_BEFORE, 0)])
def test_a_lost_answer_is_read_back_and_never_resent(
    stage: Stage, ids: dict[str, str], operation: Operation, fault: FaultKind, applied: int
) -> None:
    stage.faults(Fault(kind=fault, operation=FIELDS[operation], nth=1))
    before, clock = len(stage.emulator.requests()), SharedClock(stage.emulator)
    outcome = run(stage, operation, altering(stage, operation, ids), clock)
    assert len(stage.mutations(before)) <= 1  # what was reset before monday saw it is in no list
    assert SETTLE - 1 <= sum(clock.sleeps) <= SETTLE + 60
    assert len(shown(stage, operation, ids)) == applied
    assert outcome.created.keys() == on_record(stage, operation) == shown(stage, operation, ids)
    assert outcome.waiting.keys() == ids.keys() - outcome.created.keys()
    assert all("the next run decides" in reason for reason in outcome.waiting.values())
    assert stage.journal().in_doubt() == []
    assert (outcome.rejected, outcome.again) == ({}, {})


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("after", [True, False])
def test_the_next_run_reads_what_a_dead_run_has_altered(
    stage: Stage, ids: dict[str, str], operation: Operation, after: bool
) -> None:
    stage.crash(operation, altering(stage, operation, ids), after=after, first_batch=3)
    before, clock = len(stage.emulator.requests()), SharedClock(stage.emulator)
    with stage.writer(run_id="run-2", settle=SETTLE, search=SEARCH, clock=clock) as writer:
        assert writer.recover() == 1
    assert stage.mutations(before) == []
    assert SETTLE - 1 <= sum(clock.sleeps) <= SETTLE + 60
    assert shown(stage, operation, ids) == on_record(stage, operation) == (set(ids) if after else set())
    assert stage.journal().in_doubt() == []


def test_a_request_that_arrives_late_is_waited_for(stage: Stage, ids: dict[str, str]) -> None:
    """The answer does not come while monday still works: only what it has done in the end is on record."""
    stage.emulator.configure(mutation_ms=8_000)
    clock = SharedClock(stage.emulator, step=4)
    operation = Operation.CHANGE_ITEMS
    outcome = stage.create(
        operation,
        altering(stage, operation, ids),
        clock=clock,
        timeout=0.3,
        settle=SETTLE,
        search=SEARCH,
        first_batch=3,
    )
    assert outcome.created.keys() == on_record(stage, operation) == shown(stage, operation, ids) == set(ids)


def test_a_persons_edit_after_a_lost_answer_stays(stage: Stage, ids: dict[str, str]) -> None:
    """By then the request can no longer be under way, so nothing of it may be sent again."""
    operation = Operation.CHANGE_ITEMS
    edited = next(iter(ids))
    stage.crash(operation, altering(stage, operation, ids), after=True, first_batch=3)
    stage.create(
        operation, [NewRow(key=edited, variables={"item": ids[edited], "values": to_json({"total_qty": "99"})})]
    )
    with stage.writer(run_id="run-2", settle=SETTLE, search=SEARCH, clock=SharedClock(stage.emulator)) as writer:
        writer.recover()
    items = {item["id"]: item["columns"]["total_qty"] for item in stage.board()["items"]}
    assert items[ids[edited]] == "99"


# ---- what is decided, carried out -------------------------------------------------------------------------


def of_board(mapping: BoardMap, board_id: int = 1) -> Target:
    return Target(
        mapping=mapping,
        board_id=board_id,
        labels=LabelSpelling({}),
        look=lambda _: None,
        group_of_cancelled=lambda _: "",
    )


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_cancelled_line_is_marked_by_its_newest_version(stage: Stage, is_refused: bool) -> None:
    """Not by an older one that waits with it; and if monday does not cancel it, by none."""
    [row] = stage.wanted(Operation.SUBITEMS, 1)
    stage.create(Operation.SUBITEMS, [row])
    line = stage.site.row(stage.site.tables.line_queue)
    versions = {
        action: line | {"delta_uuid": new_uuid(), "action_type": action, "created_at": line["created_at"] + age}
        for action, age in ((Action.UPDATE, timedelta(hours=1)), (Action.DELETE, timedelta(hours=2)))
    }
    stage.site.insert(stage.site.tables.line_queue, *(of | {"monday_subitem_id": None} for of in versions.values()))
    if is_refused:
        stage.faults(Fault(kind=FaultKind.RESET_BEFORE, operation="archive_item", nth=1))
    wanted: dict[str, Any] = {
        "rejection": None,
        "rule": None,
        "outdated": False,
        "is_off": False,
        "name": "Size",
        "values": {},
    }
    rows = [of | wanted | {"action": action, "board_id": 1} for action, of in versions.items()]
    known = {line["line_uuid"]: KnownSubitem(id=line["monday_subitem_id"], item=line["parent_item_id"] or 1)}
    mapping = load_mapping()
    decided = decide_subitems(rows, mapping.subitems, Seen(), known=known)
    assert [of.happens for of in decided] == [Happens.OFF, Happens.CANCEL]
    with stage.writer(clock=SharedClock(stage.emulator), settle=SETTLE) as writer:
        target = of_board(mapping.subitems)
        outcome = Alterations(writer, writer._journal, Facts(None, None, mapping)).apply(decided, target)
    marks = stage.site.rows(stage.site.tables.cancelled)
    if is_refused:
        assert (outcome.cancelled, marks) == ({}, [])
        return
    [mark] = marks
    assert (mark["key_uuid"], mark["of_version"]) == (line["line_uuid"], versions[Action.DELETE]["created_at"])
    assert mark["monday_id"] == line["monday_subitem_id"]


def test_a_reinstated_order_is_done_only_once_created(stage: Stage) -> None:
    """It was queued at the very time of its cancel."""
    order = make_order(lines=0)
    stage.claim(order)
    header, mapping = order.headers[0], load_mapping()
    wanted = {
        "rejection": None,
        "rule": None,
        "outdated": False,
        "is_off": True,
        "action": Action.INSERT,
        "board_id": 1,
    }
    decided = decide_items([header | wanted | {"name": "T", "values": {}, "group_id": "g"}], mapping.items, Seen())
    assert [of.happens for of in decided] == [Happens.CREATE]
    with stage.writer() as writer:
        target = of_board(mapping.items)
        writer._journal.leave_off({header["record_uuid"]: header["created_at"]})
        Alterations(writer, writer._journal, Facts(None, None, mapping)).apply(decided, target)
    [held] = stage.site.queue().run_headers("run-1")
    assert not held["done"]


def test_an_edit_stays_on_record_until_its_order_agrees(stage: Stage) -> None:
    order, mapping = make_order(lines=0), load_mapping()
    stage.claim(order)
    row = order.headers[0] | {"outdated": False, "is_off": False}
    kept = Kept("eta", "2027-03-20", {"date": "2027-03-08"})

    def decide(happens: Happens, *edits: Kept, **more: Any) -> list[tuple[str, str, str]]:
        """The edits on record once this is decided on the order."""
        of = Decision(row=row | more, happens=happens, monday_id=11, kept=edits)
        with stage.writer() as writer:
            Alterations(writer, writer._journal, Facts(None, None, mapping)).apply([of], of_board(mapping.items))
        rows = stage.site.rows(stage.site.tables.edits)
        return [(row["column_id"], row["on_board"], row["not_written"]) for row in rows]

    there = [("eta", "2027-03-20", '{"date": "2027-03-08"}')]
    assert decide(Happens.THERE, kept) == there
    assert decide(Happens.WAIT) == there  # held: nothing is known of it
    assert decide(Happens.THERE, outdated=True) == there
    assert decide(Happens.THERE, kept._replace(board="2027-04-01")) == [("eta", "2027-04-01", there[0][2])]
    assert decide(Happens.THERE) == []


@pytest.mark.parametrize("operation", [Operation.ITEMS, Operation.SUBITEMS])
def test_every_change_takes_the_key_along(stage: Stage, operation: Operation) -> None:
    """A person has deleted it, and nobody has looked: the change says what it is, and the record keeps it."""
    [new] = stage.wanted(operation, 1)
    monday_id = stage.create(operation, [new]).created[new.key]
    of_line, mapping = operation is Operation.SUBITEMS, load_mapping()
    of_kind = mapping.subitems if of_line else mapping.items
    stage.emulator.person.edit(monday_id, of_kind.key_column, "")
    tables = stage.site.tables
    row = stage.site.row(tables.line_queue if of_line else tables.header_queue, delta_uuid=new.key)
    of = Decision(
        row=row | {"outdated": False, "is_off": False},
        happens=Happens.CHANGE,
        monday_id=int(monday_id),
        values='{"qty":"7"}' if of_line else '{"po_number":"7"}',
    )
    [item] = stage.board()["items"]
    target = of_board(of_kind, int(stage.emulator.state()["boards"][-1]["id"]) if of_line else EMBEDDED_BOARD)
    with stage.writer() as writer:
        Alterations(writer, writer._journal, Facts(None, None, mapping)).apply([of], target)
    [item] = stage.board()["items"]
    shown = item["subitems"][0] if of_line else item
    own = row["line_uuid" if of_line else "record_uuid"]
    assert shown["columns"][of_kind.key_column] == own
    [on_record] = stage.site.rows(tables.subitems if of_line else tables.items)
    assert json.loads(on_record["written"])[of_kind.key_column] == own
