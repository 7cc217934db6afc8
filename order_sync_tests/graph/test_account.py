"""Two runs of one account at the same time, on two boards: one budget for both, one writer for each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from order_sync.demo.samples import SampleOrders
from order_sync.emulator import Emulator, EmulatorSettings, Limits, start_emulator
from order_sync.settings import EMBEDDED_BOARD
from order_sync_tests.contract.site import make_order, together
from order_sync_tests.graph.stage import OTHER_BOARD, Stage, stage_in, two_boards
from order_sync_tests.waiting import DUE, until

SPEED = 30  # of the clock: a minute is two seconds
CREATES = 40  # a minute
CUSTOMERS = ("Weber & Co", "O'Malley & Daughters")


@pytest.fixture
def strict_monday() -> Iterator[Emulator]:
    settings = EmulatorSettings(
        boards=two_boards(),
        clock_speed=SPEED,
        mutation_ms=100,
        enforce_limits=True,
        limits=Limits(complexity_per_minute=30_000 * CREATES),
    )
    with start_emulator(settings) as emulator:
        yield emulator


@pytest.fixture
def stage(strict_monday: Emulator, tmp_path: Path) -> Iterator[Stage]:
    with stage_in(tmp_path, strict_monday, ORDER_SYNC_CLOCK_SPEED=str(SPEED)) as stage:
        yield stage


def orders(customer: str, count: int) -> SampleOrders:
    return together(make_order(number=f"A-{n}", customer=customer, lines=3, minute=n) for n in range(count))


def test_they_share_the_budget_and_each_board_has_one_run(stage: Stage) -> None:
    for customer in CUSTOMERS:
        stage.add(orders(customer, 15))
    boards = (EMBEDDED_BOARD, OTHER_BOARD)
    many = {"ORDER_SYNC_WRITERS": "3"}
    held = [{"board_id": board, "run_id": "nobody", "leased_until": datetime(2099, 1, 1)} for board in boards]
    stage.execute(sa.insert(stage.tables.boards).values(held))
    with (
        stage.started("sync", "--customer", CUSTOMERS[0], ORDER_SYNC_MONDAY_BOARD_ID=str(boards[0]), **many) as one,
        stage.started("sync", "--customer", CUSTOMERS[1], ORDER_SYNC_MONDAY_BOARD_ID=str(boards[1]), **many) as other,
    ):
        # Both wait for their board, so that neither has ended before the other begins.
        until(lambda: stage.runs_waiting() == len(boards), "both runs to ask for their board")
        stage.execute(sa.update(stage.tables.boards).values(run_id=None, leased_until=None))
        ends = [process.communicate(timeout=DUE) for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), ends
    assert stage.unsynced() == 0
    there = {int(board["id"]): board["items_count"] for board in stage.emulator.state()["boards"]}
    assert [there[board] for board in boards] == [15, 15]
    # Each create is reserved by its price in the one row of the account, whichever run sends it.
    (budget,) = stage.rows(stage.tables.budgets)
    creates = len(boards) * (15 + 15 * 3)
    assert budget["points_taken"] >= 30_000 * creates
