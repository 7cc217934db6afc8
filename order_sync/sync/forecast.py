"""What a run would cost: calls, complexity and time, of the live run's own pacing on a clock that costs no time.

In: how much there is to read and to create on each board. Out: a `Forecast`. Sends nothing.
Source of the plans' limits: developer.monday.com, rate limits page (API 2026-10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import ceil
from typing import Any

from order_sync.database.entries import Operation
from order_sync.monday.board import BOARDS_A_CALL
from order_sync.monday.budget import WINDOW_SECONDS
from order_sync.monday.lists import LOOK_UP
from order_sync.monday.pacing import FIRST_COST, FIRST_ROW_SECONDS, MINUTE_COMPLEXITY, Clock, Pacer
from order_sync.monday.transport import Reply
from order_sync.sync.batches import SMALLEST_SHARE
from order_sync.sync.bulk_archive import JOB_CALLS, ROW_SECONDS
from order_sync.sync.bulk_import import POLL_SECONDS, SAMPLES, job_seconds

READ_SECONDS = 0.3  # that a query takes; only the forecast uses it
# Calls a day by plan, and those a minute, by which an account shows its plan.
PLANS = (
    ("Free", 200, 1_000),
    ("Basic, Standard", 1_000, 1_000),
    ("Pro", 10_000, 2_500),
    ("Enterprise", 25_000, 5_000),
)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The settings that say how a live run sends."""

    first_batch: int
    largest_batch: int
    batch_seconds: float
    writers: int = 1
    bulk_rows: int = 0  # the least items of a bulk import; 0: there is none
    bulk_cancels: int = 0  # the least items of a job that archives; 0: there is none
    board_checks: int = 0  # items that the checks look up after the run; 0: they ask nothing
    minute_points: float | None = None  # complexity, as reported by monday; None: not asked
    minute_calls: int | None = None  # the same of calls

    def pacer(self, clock: Clock | None = None) -> Pacer:
        return Pacer(
            clock=clock,
            first_batch=self.first_batch,
            largest_batch=self.largest_batch,
            target_seconds=self.batch_seconds,
        )

    def item_seconds(self, rows: int) -> float:
        """The time that this many items take one by one: that of the requests, or of the budget if it is longer."""
        pacer = self.pacer()
        waits = (rows * pacer.cost(Operation.ITEMS) / self.minute_points - 1) * 60 if self.minute_points else 0.0
        return max(pacer.seconds(Operation.ITEMS, rows), waits) / self.writers


@dataclass(kw_only=True)
class Work:
    """The work of a live run on one board, in rows; `reads` are the calls that read its current state."""

    groups: int = 0
    items: int = 0  # created by request
    jobs: tuple[int, ...] = ()  # items of each bulk import
    there: int = 0  # items that need not be created
    subitems: int = 0
    altered: list[tuple[Operation, int]] = field(
        default_factory=list
    )  # changes, moves and cancels; a job counts as one entry
    reads: int = 0


@dataclass(frozen=True, kw_only=True)
class Share:
    """The calls as a part of what a plan allows a day; 1.0 is all of it."""

    plan: str
    daily_calls: int
    share: float


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the live run is expected to take."""

    calls: int
    reads: int  # those of the calls that create nothing
    complexity: int  # of what is created
    seconds: float
    cost: int  # complexity of one create, as assumed
    minute_points: int  # complexity that the account has a minute
    budget_known: bool  # reported by monday, else assumed
    shares: tuple[Share, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def forecast(work: Sequence[Work], pace: Pace, *, boards: int, subitem_boards: int) -> Forecast:
    """`work` is that of each board that has rows; the live run reads all `boards` of the mapping first."""
    run = _Run(pace)
    if work:
        run.read(1 + ceil(boards / BOARDS_A_CALL) + ceil(subitem_boards / BOARDS_A_CALL))
    for of in work:
        run.read(of.reads)
        run.create(Operation.GROUPS, of.groups)
        run.read(1 if of.groups else 0)
    for of in work:
        for rows in of.jobs:
            run.bulk(rows)
        run.create(Operation.ITEMS, of.items)
        for operation, rows in of.altered:
            if operation is Operation.ARCHIVE:
                run.archive(rows)
            else:
                run.create(operation, rows)
    for of in work:
        run.create(Operation.SUBITEMS, of.subitems)
    if work and pace.board_checks:
        run.read(ceil(boards / BOARDS_A_CALL))
        made = [of.items + sum(of.jobs) + of.there for of in work]
        looked_up = min(1.0, pace.board_checks / max(1, sum(made)))
        run.read(sum(ceil(items * looked_up / LOOK_UP) for items in made))
    return Forecast(
        calls=run.reads + run.writes,
        reads=run.reads,
        complexity=run.complexity,
        seconds=round(run.clock.now(), 1),
        cost=FIRST_COST,
        minute_points=int(pace.minute_points or MINUTE_COMPLEXITY),
        budget_known=pace.minute_points is not None,
        shares=shares(run.reads + run.writes, pace.minute_calls),
    )


def shares(calls: int, minute_calls: int | None) -> tuple[Share, ...]:
    """For each monday plan, or for those whose calls per minute match the reported limit."""
    fitting = [plan for plan in PLANS if plan[2] == minute_calls] or PLANS
    return tuple(Share(plan=name, daily_calls=daily, share=round(calls / daily, 4)) for name, daily, _ in fitting)


class _Time(Clock):
    """A clock that advances only by `sleep`."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


class _Run:
    """A run that sends nothing: it asks the pacer for grant, and answers itself as monday would."""

    def __init__(self, pace: Pace) -> None:
        self.clock = _Time()
        self.reads = self.writes = self.complexity = 0
        self._pacer = pace.pacer(self.clock)
        self._quota = pace.minute_points or MINUTE_COMPLEXITY
        self._writers = pace.writers
        self._window_began, self._used = 0.0, 0.0
        self._pacer.learn(self._answer(0))  # the first answer of a run, which reports the quota

    def read(self, calls: int) -> None:
        self.reads += calls
        self.clock.sleep(calls * READ_SECONDS)

    def create(self, operation: str, rows: int) -> None:
        writers = min(self._writers, ceil(rows / SMALLEST_SHARE))
        while rows:
            share = rows if writers <= 1 else max(SMALLEST_SHARE, ceil(rows / writers))
            rows -= self._send(operation, min(rows, share), writers)

    def bulk(self, rows: int) -> None:
        seconds = job_seconds(rows) - POLL_SECONDS
        self._send(Operation.IMPORT, 1, 1)
        self.reads += ceil(seconds / POLL_SECONDS) + ceil(min(SAMPLES, rows) / LOOK_UP)
        self.clock.sleep(seconds)

    def archive(self, rows: int) -> None:
        """A job that archives items; its end is looked at once."""
        self._send(Operation.ARCHIVE, 1, 1)
        self.reads += JOB_CALLS - 1
        self.clock.sleep(rows * ROW_SECONDS)

    def _send(self, operation: str, most: int, writers: int) -> int:
        """One request, and its waiting before; returns how many rows it held."""
        reported = False
        while not (grant := self._pacer.admit(operation, most)).rows:
            if self._pacer.is_vague and not reported:
                self.read(1)  # the live run asks for the points left, since the report was late
                reported = True
            self.clock.sleep(max(grant.wait_seconds, 0.1))
        cost = grant.rows * FIRST_COST
        seconds = grant.rows * FIRST_ROW_SECONDS
        answer = self._answer(cost)
        self.clock.sleep(seconds / max(1, writers))
        self._pacer.learn(answer, operation=operation, rows=grant.rows, seconds=seconds, grant=grant)
        self.writes += 1
        self.complexity += cost
        return grant.rows

    def _answer(self, cost: float) -> Reply:
        """What monday says of its minute, which began with the first call after the last one had ended."""
        now = self.clock.now()
        if now - self._window_began >= WINDOW_SECONDS:
            self._window_began, self._used = now, 0.0
        self._used += cost
        ends_in = ceil(WINDOW_SECONDS - (now - self._window_began))
        report = {"query": cost, "after": max(0.0, self._quota - self._used), "reset_in_x_seconds": ends_in}
        headers = {"ratelimit-policy": f'"complexityMinute";q={int(self._quota)};w=60'}
        return Reply(status=200, headers=headers, body={"data": {"complexity": report}})
