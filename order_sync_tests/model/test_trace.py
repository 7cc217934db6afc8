"""A trace of the product is accepted; with a part of the protocol taken out, the checker names the step.

In: a run that dies at a request, and the next one, on the emulator. Out: the violations in the trace of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from order_sync.database.entries import Operation
from order_sync.emulator import Fault, FaultKind
from order_sync.monday.values import to_json
from order_sync.orders.errors import OrderSyncError
from order_sync.sync.rows import NewRow
from order_sync_tests.faults.cases import Sabotage
from order_sync_tests.faults.sabotage import sabotaged
from order_sync_tests.model.checker import RULES, Violation, check
from order_sync_tests.model.events import Event, Kind
from order_sync_tests.model.recorder import recording
from order_sync_tests.sync.stage import SHARED, SharedClock, Stage

LATE = 75.0  # seconds that monday's search is late
TIMES: dict[str, Any] = {"settle": 65.0, "search": 90.0}
CREATES = [Operation.GROUPS, Operation.ITEMS, Operation.SUBITEMS]


@pytest.fixture(autouse=True)
def real_speed(stage: Stage) -> Iterator[None]:
    yield
    stage.emulator.configure(clock_speed=1.0, mutation_ms=0.0, faults=[])


def two_runs(stage: Stage, operation: Operation, part: Sabotage = Sabotage.NONE, *, after: bool) -> list[Event]:
    """The trace of a run that dies at its request, before or `after` monday has executed it, and of the next one."""
    at_work = ["run-1"]
    with recording(worker=lambda: at_work[-1]) as events:
        rows = stage.wanted(operation, 4)
        stage.faults(Fault(kind=FaultKind.NOT_KEPT, operation="mutation"), lookup_lag_s=LATE)
        at_work.append("run-0")
        stage.crash(operation, rows, after=after, first_batch=4)
        events.append(Event(kind=Kind.CRASH, worker="run-0"))
        at_work.append("run-2")
        next_run(stage, operation, rows, part)
    return events


def next_run(stage: Stage, operation: Operation, rows: list[NewRow], part: Sabotage) -> None:
    clock = SharedClock(stage.emulator)
    with sabotaged(part), stage.writer(run_id="run-2", clock=clock, **TIMES) as writer:
        writer.twins.look()
        writer.recover()
        known = {row["delta_uuid"] for row in stage.site.rows(stage.site.tables.header_queue) if row["monday_item_id"]}
        known |= {r["delta_uuid"] for r in stage.site.rows(stage.site.tables.line_queue) if r["monday_subitem_id"]}
        known |= stage.known_groups().keys()
        if missing := [row for row in rows if row.key not in known]:
            writer.write(operation, missing, SHARED[operation])


def rules(found: list[Violation]) -> set[str]:
    return {violation.rule for violation in found}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("operation", CREATES)
def test_a_death_at_a_request_is_taken_up(stage: Stage, operation: Operation, after: bool) -> None:
    events = two_runs(stage, operation, after=after)
    assert list(map(str, check(events))) == []
    kinds = {event.kind for event in events}
    assert {Kind.TAKE, Kind.OPEN, Kind.SEND, Kind.HEAL, Kind.LOOK, Kind.RELEASE} <= kinds
    assert (Kind.WATCH in kinds) is (operation is not Operation.GROUPS)
    assert (Kind.AGAIN in kinds) is not after


@pytest.mark.parametrize(
    ("part", "after", "rule"),
    [
        (Sabotage.JOURNAL, True, "one request for a row"),
        (Sabotage.LOOK_UP, True, "two looks"),
        (Sabotage.KEY, False, "written down first"),
        (Sabotage.SECOND_LOOK, True, "two looks"),
        (Sabotage.OLD_AGE, True, "sure of the rest"),
    ],
)
def test_a_broken_protocol_is_refused(stage: Stage, part: Sabotage, after: bool, rule: str) -> None:
    assert rule in rules(check(two_runs(stage, Operation.ITEMS, part, after=after)))


def change(stage: Stage, part: Sabotage) -> list[Event]:
    """The trace of a change whose answer is lost."""
    with recording() as events, ExitStack() as stack:
        rows = stage.wanted(Operation.ITEMS, 3)
        stage.create(Operation.ITEMS, rows)
        ids = {key: of_key[0] for key, of_key in stage.items().items()}
        stage.faults(Fault(kind=FaultKind.RESET_AFTER, operation="mutation", nth=1))
        values = to_json({"total_qty": "7"})
        changes = [NewRow(key=key, variables={"item": item, "values": values}) for key, item in ids.items()]
        stack.enter_context(sabotaged(part))
        stage.create(Operation.CHANGE_ITEMS, changes, clock=SharedClock(stage.emulator), first_batch=3, **TIMES)
    return events


def test_a_change_in_doubt_settles_first(stage: Stage) -> None:
    events = change(stage, Sabotage.NONE)
    assert list(map(str, check(events))) == []
    assert Kind.SETTLE in {event.kind for event in events}


def test_a_change_that_does_not_settle_is_refused(stage: Stage) -> None:
    assert rules(check(change(stage, Sabotage.SETTLE))) == {"settled first"}


def test_a_watch_that_is_left_out_is_refused(stage: Stage) -> None:
    events = two_runs(stage, Operation.ITEMS, after=True)
    with recording(worker=lambda: "run-3") as more:
        stage.create(Operation.ITEMS, stage.wanted(Operation.ITEMS, 1), run_id="run-3")
    assert rules(check([*events, *more])) == {"twins first"}


def test_an_event_survives_its_line(stage: Stage) -> None:
    for event in two_runs(stage, Operation.ITEMS, after=True):
        assert Event.from_json(event.to_json()) == event


def test_nothing_is_recorded_of_what_is_rolled_back(stage: Stage) -> None:
    journal = stage.journal()
    with recording() as events:
        with pytest.raises(OrderSyncError):
            journal.renew()
        assert [event.kind for event in events] == [Kind.LOSE]


def test_every_rule_has_a_reason() -> None:
    assert all(rule and reason for rule, reason in RULES.items())
