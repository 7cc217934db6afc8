"""One world: a story played on the stage, judged whenever a run ends, or after every step.

In: a story. Out: what went wrong, and a log of all that happened, the same for the same story, byte by byte.
Orders and people act as in faults/world.py; here time is virtual, and any number of workers take turns.
"""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy.exc import SQLAlchemyError

from order_sync.database.connection import WritableDatabase
from order_sync.demo.samples import SampleOrders
from order_sync.demo.words import Row
from order_sync.emulator import Fault, FaultKind
from order_sync.orders.errors import OrderSyncError
from order_sync_tests.faults import world as faults_world
from order_sync_tests.faults.cases import Sabotage, Way
from order_sync_tests.faults.drive import WAYS
from order_sync_tests.faults.ground import Ground
from order_sync_tests.faults.sabotage import sabotaged
from order_sync_tests.faults.steps import Where
from order_sync_tests.faults.strikes import error_at
from order_sync_tests.faults.verdict import Held, Verdict, judge, look
from order_sync_tests.model.checker import check
from order_sync_tests.model.events import Event, Kind
from order_sync_tests.model.recorder import recording
from order_sync_tests.simulation.stage import Stage
from order_sync_tests.simulation.story import Act, Mode, Story, shorter
from order_sync_tests.simulation.workers import Died, Worker, current, give_way

LAST_RUNS = 8  # after the faults have stopped
LAST_CALLS = 400  # that these may take
PAST_LEASES = 660.0  # seconds
LONGEST_RUN = 2_400.0  # seconds, with all that a run may have to wait for
TRACKING = ["sync_run_id", "sync_attempted_at", "sync_completed_at", "sync_error_message", "last_synced_at"]
TRACKING += ["monday_group_id", "monday_item_id", "monday_subitem_id", "parent_item_id"]


class SimulatedGround:
    """What orders and people need of the ground that they act on: see faults/ground.py."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._database = WritableDatabase(stage.settings.database)
        self.tables = stage.tables
        self.settings = stage.settings
        self.emulator = stage.monday
        self.http = SimpleNamespace(post=self._post)

    def _post(self, _url: str, *, json: dict[str, str], headers: Any) -> Any:
        data = self._stage.monday.by_somebody(json["query"])
        return SimpleNamespace(json=lambda: {"data": data})

    @contextmanager
    def database(self) -> Iterator[WritableDatabase]:
        yield self._database

    def look(self) -> Held:
        return look(self._database, self.tables, self.emulator.state(), self.emulator.effects())

    repair = Ground.repair


@dataclass
class _Fate:
    """What goes wrong in a run, and when."""

    mode: Mode
    at: int  # the number of a step
    seconds: float = 0.0  # of sleep
    steps: int = 0  # so far
    slept: float = 0.0
    is_sql_out: bool | None = None  # the side that an outage is on, once it has begun


@dataclass(frozen=True, kw_only=True)
class Outcome:
    story: Story
    verdict: Verdict
    log: list[str]
    runs: int
    deaths: int
    calls: int

    @property
    def checksum(self) -> str:
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()

    @property
    def kinds(self) -> set[str]:
        """In which ways it went wrong."""
        return {name for name, found in vars(self.verdict).items() if found}


class World(faults_world.World):
    def __init__(self, stage: Stage, story: Story) -> None:
        self.ground = SimulatedGround(stage)
        super().__init__(cast(Ground, self.ground))
        self.stage = stage
        self.story = story
        self.verdict = Verdict()
        self.log: list[str] = []
        self._turns = random.Random(f"turns {story.seed}")
        self._all: list[Worker] = []
        self._workers: list[Worker] = []  # those that have not ended, and those that have just ended
        self._fates: dict[str, _Fate] = {}
        self._backup: sqlite3.Connection | None = None
        self._watched: tuple[int, int] | None = None  # what had changed when the judge looked last
        self._trace: list[Event] = []
        self._is_traced = True
        self._is_repaired = False
        self._is_restored = False
        self._was_ruleless = False  # a run since the backup

    # ---- playing

    def play(self) -> Outcome:
        stage, story = self.stage, self.story
        stage.reset(story.seed, story.latency)
        stage.on_step = self._step
        stage.monday.configure(
            lookup_lag_s=story.lag,
            idempotency_retention_s=story.retention,
            lock_boards=story.locks,
            faults=self._faults(),
        )
        with recording(worker=_name) as self._trace:
            try:
                for act in story.acts:
                    self._pass_time(act.gap)
                    self._do(act)
                self._finish_runs()
                self._calm_down()
                deaths = sum(worker.end == "died" for worker in self._all)
            finally:
                for worker in self._all:
                    worker.die()
        self._check_trace()
        return Outcome(
            story=story,
            verdict=self.verdict,
            log=self.log,
            runs=len(self._all),
            deaths=deaths,
            calls=stage.monday.calls,
        )

    def _faults(self) -> list[Fault]:
        story = self.story
        made = [
            Fault(kind=kind, probability=story.fault_rate, seed=story.seed * 100 + number, retry_in_seconds=1)
            for number, kind in enumerate(story.kinds if story.fault_rate else ())
        ]
        if story.slow:
            slow = Fault(kind=FaultKind.SLOW, operation="mutation", probability=story.slow, delay_ms=55_000.0)
            made.append(slow.model_copy(update={"seed": story.seed}))
        return made

    def _pass_time(self, seconds: float) -> None:
        """Workers go on meanwhile."""
        clock = self.stage.clock
        until = clock.now + seconds
        while self._turn(until):
            pass
        clock.now = max(clock.now, until)
        self.stage.loop.pump()

    def _finish_runs(self) -> None:
        while self._is_anybody_at_work and self._turn(float("inf")):
            pass

    def _turn(self, until: float) -> bool:
        """One worker takes a step, or time goes on to the next thing that is due; False if none is until then."""
        clock, loop = self.stage.clock, self.stage.loop
        living = [thread for worker in self._workers for thread in worker.threads if not thread.has_ended]
        if ready := [thread for thread in living if thread.is_ready(clock.now)]:
            thread = ready[self._turns.randrange(len(ready))] if len(ready) > 1 else ready[0]
            thread.resume()
            if thread.is_dead:
                thread.process.die()
            if thread.process.has_ended:
                self._ended(thread.process)
            elif self.story.is_watched and self._watched != (changes := self._changes):
                self._watched = changes
                self._judge(final=False)
            return True
        due = [moment for moment in (loop.due, *(thread.due for thread in living)) if moment is not None]
        if not due or min(due) > until:
            return False
        clock.now = max(clock.now, min(due))
        loop.pump()
        return True

    def _ended(self, worker: Worker) -> None:
        self._note(f"{worker.name} ends: {worker.end}")
        if worker.end == "died":
            self._trace.append(Event(kind=Kind.CRASH, worker=worker.name))
        error = worker.error
        if error is not None and not (isinstance(error, OrderSyncError | SQLAlchemyError) and str(error).strip()):
            self.verdict.wrong.append(f"{worker.name} ended in an unforeseen way: {worker.end}")
        took = self.stage.clock.now - worker.started - self._fates[worker.name].slept
        if took > LONGEST_RUN:
            self.verdict.wrong.append(f"{worker.name} took {took:,.0f} s")
        self._judge(final=False)

    def _note(self, text: str) -> None:
        self.log.append(f"{self.stage.clock.now:.3f} {text}")

    def _step(self, worker: Worker, where: Where | None, what: str) -> None:
        """A worker is about to begin a transaction (None), or is at a step that may go wrong; others may go first."""
        fate = self._fates[worker.name]
        if where is not None:
            number, fate.steps = fate.steps, fate.steps + 1
            self._note(f"{worker.name} {number} {where} {what}")
            self._strike(worker, fate, number, where, what)
        others = len(self._workers) > 1 or len(worker.process.threads) > 1
        may_pause = self.story.is_watched or (others and self._turns.random() < 0.5)
        if where is not Where.BEFORE_COMMIT and may_pause:
            worker.wakes_at = self.stage.clock.now
            give_way()

    def _strike(self, worker: Worker, fate: _Fate, number: int, where: Where, what: str) -> None:
        is_now = number == fate.at
        match fate.mode:
            case Mode.DIES if is_now:
                worker.is_dead = True
                raise Died
            case Mode.SLEEPS if is_now and where is not Where.BEFORE_COMMIT:
                fate.slept = fate.seconds
                worker.process.suspended_until = self.stage.clock.now + fate.seconds
                self.stage.clock.sleep(fate.seconds)
            case Mode.HICCUP if is_now:
                raise error_at(where, lasting=False)
            case Mode.OUTAGE if is_now or fate.is_sql_out is where.is_sql:
                fate.is_sql_out = where.is_sql
                raise error_at(where, lasting=True)
            case Mode.DEAF if number >= fate.at and where is Where.AFTER_ANSWER and is_mutation(what):
                raise error_at(where, lasting=True)

    # ---- acts

    def _do(self, act: Act) -> None:
        self._note(str(act))
        self._watched = None  # what is expected changes, too
        getattr(self, act.what)(**act.arguments)

    @property
    def _is_anybody_at_work(self) -> bool:
        return any(not worker.has_ended for worker in self._workers)

    def run(  # type: ignore[override]
        self, machine: str, mode: str, at: int, seconds: float, way: str, ruleless: bool = False
    ) -> faults_world.Answer:
        """A run begins, and goes on while time passes."""
        if self._backup is None and not self._is_anybody_at_work and self._turns.random() < 0.5:
            self._backup, self._was_ruleless = self.stage.database.image(), False
        self._was_ruleless |= ruleless
        name = f"run-{len(self._fates) + 1}"
        self._fates[name] = _Fate(Mode(mode), at, seconds)
        self._workers = [worker for worker in self._workers if not worker.has_ended]
        changes = dict(WAYS.get(Way(way), {}))
        # After a restore no table knows the other board any more: the rules have to lead there.
        if self.story.boards and (not ruleless or self._is_restored):
            changes["mapping"] = self.stage.rules
        self._workers.append(self.stage.start(name, machine, changes))
        self._all.append(self._workers[-1])
        return {}

    def delete(self, kind: str, number: int) -> faults_world.Answer:
        self._person.delete(kind, number, in_a_run=self._is_anybody_at_work)
        return {}

    def fill_in(self, number: int) -> faults_world.Answer:
        super().fill_in(number)
        if self._is_anybody_at_work:
            self._person.was_raced()  # perhaps: a run may have looked already
        return {}

    def adopt(self, number: int, line: bool) -> faults_world.Answer:
        """What a person adds is only promised to be found where a run looks, and where the search shows it by then."""
        is_unseen = self._is_anybody_at_work or self.story.lag or self.story.boards
        return {} if is_unseen else super().adopt(number, line)

    def repair(self) -> faults_world.Answer:
        """Not while a run holds the rejected values, which would reject them once more."""
        if self._is_anybody_at_work:
            return {}
        self._is_repaired = True
        for row in (row for made in self._orders for row in made.lines if row["size_code"] == " "):
            row["size_code"] = "XL"  # in versions to come, too
        return super().repair()

    def forget(self) -> None:
        """monday's servers crash: they remember no key, and never execute what they were at."""
        self.stage.monday.forget()

    def jump(self, seconds: int) -> None:
        """The database's clock is set."""
        self.stage.database.wrong_by += timedelta(seconds=seconds)

    def restore(self) -> None:
        """A backup of the database from before a run is restored; what came since then comes again.

        That takes as long as monday's search is late, while no run is at work: of what it does not show nobody would
        know any more. Nor of what a run has put on a board that the rules do not lead to.
        """
        if self._backup is None or self._is_anybody_at_work or self._was_ruleless:
            return
        self._pass_time(self.story.lag)
        database, tables = self.stage.database, self.ground.tables
        came = {table: database.rows(table) for table in (*tables.site[2:], *tables.site[:2])}
        database.restore(self._backup)
        self._is_restored = True
        self._settled = self._synced()
        for table, rows in came.items():
            database.insert_missing(table, map(_as_it_came, rows))
        if self._is_repaired:
            super().repair()
        # Nobody knows any more that order_sync put them there, rather than a person.
        self._person.is_forgotten(self.stage.monday.items())
        self._check_trace()
        self._is_traced = False  # the journal has requests again that a trace from here on does not know

    def _insert(self, made: SampleOrders) -> None:
        settled = self._settled
        super()._insert(made)
        if self._is_anybody_at_work:  # it may commit what it has read, and leave what comes now to the next
            held = self.ground.look()
            new = {row["delta_uuid"] for row in (*made.headers, *made.lines)}
            settled |= {row["delta_uuid"] for row in (*held.headers, *held.lines)} - new
        self._settled |= settled

    def _answer(self, ends: list[str], *, final: bool = False) -> faults_world.Answer:
        """An act says nothing here: runs are judged when they end."""
        return {}

    # ---- judging

    @property
    def _changes(self) -> tuple[int, int]:
        """How many there have been of all that the judge looks at: most steps change nothing."""
        return self.stage.database.changes, self.stage.monday.changes

    def _judge(self, *, final: bool) -> Verdict:
        held = self.ground.look()
        # A run that could not release it may keep a board that no later run needs: its lease expires by itself.
        cut_off = {name for name, fate in self._fates.items() if fate.is_sql_out}
        dead = {worker.name for worker in self._all if worker.end == "died"} | cut_off
        unused = frozenset(row["board_id"] for row in held.boards if row["run_id"] in dead)
        verdict = judge(held, replace(self._expected(), unused=unused), final=final)
        if not final:
            if not self.story.is_foreseen:  # twins come, and are healed once the search shows them
                verdict.doubled.clear()
                verdict.wrong = [found for found in verdict.wrong if " on the board, " not in found]
            self.verdict.add(verdict)
        return verdict

    def _check_trace(self) -> None:
        """By a clock that was set a board may change hands although its holder's own clock says that it has time."""
        excused = {"still under the lease"} if self.stage.database.wrong_by else set[str]()
        if self._is_traced:
            self.verdict.wrong += [str(found) for found in check(self._trace) if found.rule not in excused]

    def _calm_down(self) -> None:
        """Without faults, all that is good is SYNCED within a bounded number of runs and calls."""
        self._note("all is calm")
        monday = self.stage.monday
        monday.configure(faults=[], lookup_lag_s=0.0, lock_boards=False)
        calls = monday.calls
        for _ in range(LAST_RUNS):
            self.run("north", Mode.NONE, 0, 0.0, Way.REQUESTS)
            self._finish_runs()
            if found := self._judge(final=True):
                break
            self._pass_time(PAST_LEASES)
        self.verdict.add(found)
        if (calls := monday.calls - calls) > LAST_CALLS:
            self.verdict.wrong.append(f"{calls} calls were needed once all was calm")


def is_mutation(what: str) -> bool:
    return what.startswith(("create_", "change_", "move_", "archive_", "bulk_archive_", "ingest_"))


def _name() -> str:
    worker = current()
    return worker.name if worker else "nobody"


def _as_it_came(row: Row) -> Row:
    fresh = {name: None for name in TRACKING if name in row}
    is_queued = "delta_uuid" in row
    return row | fresh | {"sync_state": "NEW" if is_queued else None} | ({"retry_count": 0} if is_queued else {})


def play(stage: Stage, story: Story, part: Sabotage = Sabotage.NONE) -> Outcome:
    with ExitStack() as stack:
        if part is not Sabotage.NONE:
            stack.enter_context(sabotaged(part))
        return World(stage, story).play()


def smallest(story: Story, is_wrong: Callable[[Story], bool]) -> Story:
    """Leaves out one thing after the other as long as it stays wrong."""
    for candidate in shorter(story):
        if is_wrong(candidate):
            return smallest(candidate, is_wrong)
    return story
