"""A soak: hundreds of orders, every kind of fault with a small probability, runs that die, until all is synced.

In: a seed. Out: how many rows were lost and doubled when everything was done.
The same seed gives the same orders and the same faults of monday.
"""

from __future__ import annotations

from datetime import datetime

from order_sync.demo.samples import arriving_orders
from order_sync.emulator import Fault, FaultKind
from order_sync.emulator.faults import JOB_KINDS
from order_sync_tests.faults.cases import Case, Result
from order_sync_tests.faults.ground import Ground, unforeseen
from order_sync_tests.faults.scenario import GOOD_LINK, LINK, Expected, make_database
from order_sync_tests.faults.strikes import at_random
from order_sync_tests.faults.verdict import Verdict, judge

FAULT = 0.012  # probability of each kind of fault, a request
STEP = 0.006  # probability that a step is a run's last, or fails
RUNS = 200  # at most
MORNING = datetime(2026, 11, 23, 8, 0)
# The version and the daily quota stop a run at once, so that they come seldom.
SELDOM = {FaultKind.WRONG_VERSION: 0.002, FaultKind.DAILY_LIMIT: 0.002}
SLOW, SLOW_MS = (FaultKind.SLOW, FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER), 2_000.0


FILE_FAULT = 0.25
FILE_FAULTS = (
    ("upload", FaultKind.RESET_BEFORE),
    ("upload", FaultKind.RESET_AFTER),
    ("upload", FaultKind.JOB_FAILED),
    ("upload", FaultKind.JOB_REJECTED),
    ("upload", FaultKind.REPORT_MISSING),
    ("report", FaultKind.RESET_AFTER),
    ("report", FaultKind.GARBAGE),
)


def faults(seed: int) -> list[Fault]:
    """Every kind that monday has."""
    return [
        Fault(
            kind=kind,
            probability=SELDOM.get(kind, FAULT),
            seed=seed * 100 + number,
            retry_in_seconds=1,
            delay_ms=SLOW_MS if kind in SLOW else None,
        )
        for number, kind in enumerate(kind for kind in FaultKind if kind not in JOB_KINDS)
    ] + [
        # Files and jobs are few: of each kind a quarter of them.
        Fault(kind=kind, operation=operation, probability=FILE_FAULT, seed=seed * 100 + number, rows=2)
        for number, (operation, kind) in enumerate(FILE_FAULTS)
    ]


def play(case: Case, ground: Ground) -> Result:
    """Runs until one of them ends well and nothing is left to do, then once more without faults."""
    sample = arriving_orders(case.orders, seed=case.step, created_at=MORNING)
    for row in sample.orders:
        row[LINK] = GOOD_LINK
    make_database(ground.settings, [sample])
    ground.emulator.configure(faults=faults(case.step))
    verdict, ends = Verdict(), []
    for number in range(RUNS):
        strike = at_random(case.step * 1_000 + number, STEP)
        run = ground.start(strike, way=case.way, sabotage=case.sabotage, first_batch=5, largest_batch=10)
        ends.append(run.end())
        verdict.wrong += unforeseen(ends[-1])
        held = ground.look()
        verdict.add(judge(held, Expected(), final=False))
        if ends[-1] == "done" and {row["sync_state"] for row in (*held.headers, *held.lines)} == {"SYNCED"}:
            break
    ground.emulator.configure(faults=[])
    ends.append(ground.start().end())
    verdict.wrong += unforeseen(ends[-1], must_finish=True)
    verdict.add(ground.judge(Expected(), final=True))
    rows = len(sample.headers) + len(sample.lines)
    return Result(case=case, struck=True, ends=ends, verdict=verdict, count=rows)
