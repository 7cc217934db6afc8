"""Requests in doubt while monday's search is late, its memory is lost or the database's clock jumps.

In: a run that lost an answer, and a clock that moves monday's with it. Out: every row is there once.
No test waits for real: what a run sleeps passes on monday's clock at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from order_sync.database.entries import Operation
from order_sync.emulator import Fault, FaultKind
from order_sync.monday.transport import MondayTransport, Reply
from order_sync.orders.errors import LeaseLost
from order_sync.settings import EMBEDDED_BOARD
from order_sync.sync.rows import NewRow
from order_sync_tests.contract.site import set_clock
from order_sync_tests.sync.stage import Crash, DyingTransport, SharedClock, Stage
from order_sync_tests.waiting import until

SETTLE, SEARCH = 65.0, 90.0  # as in production
LONGEST = SETTLE + SEARCH + 60  # of one doubt, with what is waited between attempts
AHEAD, BACK = timedelta(hours=2), timedelta(hours=-1)


@pytest.fixture(autouse=True)
def real_speed(stage: Stage) -> Iterator[None]:
    yield
    stage.emulator.configure(clock_speed=1.0, mutation_ms=0.0)


def next_run(stage: Stage, rows: list[NewRow], run_id: str = "run-2") -> SharedClock:
    """Another run: it resolves what is in doubt, and creates what has no id yet. Returns its clock."""
    clock = SharedClock(stage.emulator)
    with stage.writer(run_id=run_id, settle=SETTLE, search=SEARCH, clock=clock) as writer:
        writer.recover()
        operation = Operation.ITEMS
        known = {row["delta_uuid"] for row in stage.site.rows(stage.site.tables.header_queue) if row["monday_item_id"]}
        missing = [row for row in rows if row.key not in known]
        writer.write(operation, missing, {"board": str(EMBEDDED_BOARD), "labels": False})
    return clock


def lose_memory(stage: Stage) -> None:
    """monday's servers have crashed, and with them the answers that they kept."""
    stage.emulator.configure(idempotency_retention_s=0.000_001)


@pytest.mark.parametrize("late", [0, 3, 75])
def test_a_partial_search_result_proves_nothing_of_the_rest(stage: Stage, late: float) -> None:
    """Scenario (a): killed in mid-batch, while monday finishes; the next run comes when five of the items show."""
    rows = stage.wanted(Operation.ITEMS, 20)
    stage.emulator.configure(clock_speed=200, mutation_ms=1_000)
    key = stage.crash(Operation.ITEMS, rows, after=True, first_batch=20)
    # On a busy machine it is still at them: it has answered 504 then.
    until(lambda: len(stage.emulator.effects(kind="item_created")) == 20, "monday to have made them")
    stage.emulator.configure(clock_speed=1, mutation_ms=0, lookup_lag_s=late)
    created = [effect["at"] for effect in stage.emulator.effects(kind="item_created")]
    stage.emulator.advance(max(0.0, created[4] + late + 0.1 - stage.emulator.advance(0)))
    stage.site.age_entry(key, opened=timedelta(seconds=79))
    next_run(stage, rows)
    stage.check_once(Operation.ITEMS, rows)


@pytest.mark.parametrize("late", [0, 3, 75])
def test_a_crash_of_monday_in_mid_batch_doubles_nothing(stage: Stage, late: float) -> None:
    """Scenario (b): eight of twenty are made, the key is forgotten, and the search does not show them yet."""
    rows = stage.wanted(Operation.ITEMS, 20)
    stage.faults(Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_item", aliases=tuple(range(8, 20))))
    stage.crash(Operation.ITEMS, rows, after=True, first_batch=20)
    stage.faults(lookup_lag_s=late)
    lose_memory(stage)
    next_run(stage, rows)
    stage.check_once(Operation.ITEMS, rows)


@pytest.mark.parametrize("by", [AHEAD, BACK])
@pytest.mark.parametrize("late", [0, 3, 75])
@pytest.mark.parametrize("forgets", [False, True])
def test_a_clock_that_jumps_between_two_runs(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, by: timedelta, late: float, forgets: bool
) -> None:
    """Scenarios (c) and (e): the request seems to be hours old, or to be sent in an hour."""
    rows = stage.wanted(Operation.ITEMS, 6)
    stage.crash(Operation.ITEMS, rows, after=True)
    set_clock(monkeypatch, by)
    stage.emulator.configure(lookup_lag_s=late)
    if forgets:
        lose_memory(stage)
    clock = next_run(stage, rows)
    stage.check_once(Operation.ITEMS, rows)
    assert sum(clock.sleeps) <= LONGEST


@pytest.mark.parametrize("by", [AHEAD, BACK])
@pytest.mark.parametrize("after", [True, False])
def test_a_clock_that_jumps_under_two_live_runs(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, by: timedelta, after: bool
) -> None:
    """Scenario (d): the other run takes the board while the first one's request is on its way."""
    rows = stage.wanted(Operation.ITEMS, 6)
    stage.emulator.configure(lookup_lag_s=75)

    class Overtaken(MondayTransport):
        """Once a request is about to leave, or has been executed, another run does everything."""

        met = False

        def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
            if not idempotency_key or self.met:
                return super().send(body, idempotency_key=idempotency_key, **how)
            self.met = True
            answer = super().send(body, idempotency_key=idempotency_key, **how) if after else None
            set_clock(monkeypatch, by)
            next_run(stage, rows)
            return answer or super().send(body, idempotency_key=idempotency_key, **how)

    with pytest.raises(LeaseLost):
        stage.create(Operation.ITEMS, rows, transport=Overtaken(stage.emulator.url, "a-token", timeout_seconds=5))
    stage.check_once(Operation.ITEMS, rows)


@pytest.mark.parametrize("late", [0, 3, 75])
def test_a_live_run_looks_twice_before_it_sends_again(stage: Stage, late: float) -> None:
    """The answer does not come, monday keeps none, and its search is late: the second look shows the items."""
    rows = stage.wanted(Operation.ITEMS, 6)
    stage.faults(
        Fault(kind=FaultKind.RESET_AFTER, operation="create_item", nth=1),
        Fault(kind=FaultKind.NOT_KEPT, operation="create_item", nth=1),
        lookup_lag_s=late,
    )
    clock = SharedClock(stage.emulator)
    stage.create(Operation.ITEMS, rows, clock=clock, settle=SETTLE, search=SEARCH, first_batch=6)
    stage.check_once(Operation.ITEMS, rows)
    assert len(stage.mutations()) == 1
    assert sum(clock.sleeps) <= LONGEST


def test_a_long_look_counts_from_when_it_began(stage: Stage) -> None:
    """Its answer is from before the search showed the items, but it comes when all must have shown long since."""
    rows = stage.wanted(Operation.ITEMS, 6)
    stage.crash(Operation.ITEMS, rows, after=True)
    stage.emulator.configure(lookup_lag_s=75)
    lose_memory(stage)
    clock = SharedClock(stage.emulator)

    class Slow(MondayTransport):
        looks = 0

        def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
            reply = super().send(body, idempotency_key=idempotency_key, **how)
            if "items_page_by_column_values" in body:
                self.looks += 1
                clock.sleep(LONGEST if self.looks == 1 else 0.0)
            return reply

    transport = Slow(stage.emulator.url, "a-token", timeout_seconds=5)
    with stage.writer(transport, run_id="run-2", settle=SETTLE, search=SEARCH, clock=clock) as writer:
        writer.recover()
    stage.check_once(Operation.ITEMS, rows)
    assert transport.looks == 2


def test_the_wait_for_several_requests_is_one(stage: Stage) -> None:
    """They are in doubt at the same time: what is waited for the first need not be waited for the second."""
    rows = stage.wanted(Operation.ITEMS, 4)
    for half, run_id in ((rows[:2], "run-0"), (rows[2:], "run-1")):
        with pytest.raises(Crash):
            stage.create(
                Operation.ITEMS, half, run_id=run_id, transport=DyingTransport(stage.emulator.url, after=False)
            )
    clock = next_run(stage, rows)
    stage.check_once(Operation.ITEMS, rows)
    assert sum(clock.sleeps) <= LONGEST


@pytest.mark.parametrize("by", [AHEAD, BACK])
def test_a_part_is_waited_for_as_long_as_ever(stage: Stage, monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Scenario (e): under any clock of the database, not shorter than monday may need, and no longer."""
    rows = stage.wanted(Operation.ITEMS, 6)
    stage.faults(Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_item", aliases=(3, 4, 5)))
    stage.crash(Operation.ITEMS, rows, after=True)
    stage.faults()
    set_clock(monkeypatch, by)
    clock = next_run(stage, rows)
    stage.check_once(Operation.ITEMS, rows)
    assert SETTLE + SEARCH - 1 <= sum(clock.sleeps) <= LONGEST
