"""The forecast of calls, complexity and time, by the live run's own pacing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from order_sync.database.entries import Operation
from order_sync.monday.pacing import FIRST_COST, MINUTE_COMPLEXITY, Clock
from order_sync.sync.forecast import PLANS, Forecast, Pace, Work, forecast, shares
from order_sync_tests.sync.stage import Stage

PACE = Pace(first_batch=10, largest_batch=100, batch_seconds=15)


def of(*work: Work, pace: Pace = PACE) -> Forecast:
    return forecast(work, pace, boards=1, subitem_boards=1)


def test_nothing_to_do_costs_nothing() -> None:
    none = of()
    assert (none.calls, none.complexity, none.seconds) == (0, 0, 0)


def test_requests_grow_as_those_of_a_live_run() -> None:
    message = of(Work(items=250, reads=1), pace=replace(PACE, minute_points=1e9))
    assert message.calls - message.reads == 5  # of 10, 20, 40, 80 and 100 items
    assert message.reads == 3 + 1  # version, the two boards; the board again
    assert message.complexity == 250 * FIRST_COST


def test_the_budget_of_a_minute_is_waited_for() -> None:
    many = Work(items=MINUTE_COMPLEXITY // FIRST_COST * 3, reads=1)
    assert 120 < of(many).seconds < 240
    assert of(many, pace=replace(PACE, minute_points=1e9)).seconds < of(many).seconds


def test_several_writers_take_less_time() -> None:
    rich = replace(PACE, minute_points=1e9)
    work = Work(subitems=1_000)
    assert of(work, pace=replace(rich, writers=4)).seconds < of(work, pace=rich).seconds / 2


def test_an_import_is_few_calls() -> None:
    rich = replace(PACE, minute_points=1e9)
    imported = of(Work(jobs=(5_000,), reads=1), pace=rich)
    assert imported.calls < of(Work(items=5_000, reads=1), pace=rich).calls
    assert imported.complexity == FIRST_COST


def test_a_job_that_archives_is_two_calls() -> None:
    rich = replace(PACE, minute_points=1e9)
    one_by_one = of(Work(altered=[(Operation.CANCEL_ITEMS, 412)], reads=1), pace=rich)
    by_job = of(Work(altered=[(Operation.ARCHIVE, 412)], reads=1), pace=rich)
    assert (one_by_one.calls - by_job.calls, by_job.complexity) == (7 - 2, FIRST_COST)


def test_the_share_of_a_day_is_reported_per_plan() -> None:
    assert [share.plan for share in shares(500, None)] == [name for name, _, _ in PLANS]
    assert [(share.plan, share.share) for share in shares(500, 2_500)] == [("Pro", 0.05)]
    assert [share.share for share in shares(500, 1_000)] == [2.5, 0.5]  # more than a day of a free account
    assert len(shares(500, 7)) == len(PLANS)  # no plan that we know


@pytest.mark.parametrize("writers", [1, 3])
def test_the_forecast_matches_a_writer_short_of_budget(stage: Stage, writers: int) -> None:
    """Twenty creates a minute of the emulator's clock, each of which takes as long as the forecast assumes."""
    speed, points = 50, 20 * FIRST_COST
    stage.emulator.configure(
        enforce_limits=True, limits={"complexity_per_minute": points}, clock_speed=speed, mutation_ms=150
    )
    rows = stage.wanted(Operation.GROUPS, 70)
    stage.create(Operation.GROUPS, rows, clock=Clock(speed), writers=writers)
    requests = [request for request in stage.emulator.requests() if request["kind"] == "mutation"]
    pace = replace(PACE, minute_points=points, writers=writers)
    message = of(Work(groups=70, reads=1), pace=pace)
    assert abs(message.calls - message.reads - len(requests)) <= 2, (message, len(requests))
    assert message.complexity == sum(request["cost"] for request in requests)
    took = max(request["at"] for request in requests) - min(request["at"] for request in requests)
    assert 0.7 < message.seconds / took < 1.4, (message.seconds, took)
