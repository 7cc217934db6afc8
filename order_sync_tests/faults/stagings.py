"""How each kind of case is played on the ground.

In: a case. Out: its result: how the runs ended, and the verdict on tables and board after each of them.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

from order_sync_tests.faults import soak, traces
from order_sync_tests.faults.cases import (
    DELETES,
    FORGETFUL,
    IN_SHARED_TIME,
    JUMPS,
    SHARED_TIME,
    Around,
    Case,
    Mode,
    Result,
    Way,
    afterwards,
    during,
)
from order_sync_tests.faults.children import Child
from order_sync_tests.faults.ground import PAST_LEASES, PAST_REPLAY, Ground, make_instance, no_strike, unforeseen
from order_sync_tests.faults.person import MOST_RUNS, Person
from order_sync_tests.faults.scenario import (
    SECOND_BOARD,
    Expected,
    add_orders,
    make_database,
    newer_still,
    the_scenario,
)
from order_sync_tests.faults.steps import DATABASE_FILE, Step, Where
from order_sync_tests.faults.strikes import Strike, strike_at
from order_sync_tests.faults.verdict import Verdict


class Stagings:
    """Plays cases one after the other, each on a copy of the same database and on the same board."""

    def __init__(self, folder: Path, ground: Ground) -> None:
        self._ground = ground
        self._whole = folder / "template"  # with a Dagster instance, for the real job
        self._database = self._whole / DATABASE_FILE
        scenario = self._scenario = the_scenario()
        with ground.opened():
            make_database(ground.settings, scenario.earlier)
            self._written = ground.warm_up("the run before")
            self._edit()
            self._before = ground.emulator.checksum()
            add_orders(ground.settings, scenario.later)
            make_instance(ground.home)
            shutil.copytree(ground.home, self._whole)
            ground.warm_up("warm")
        self._expected = scenario.expected

    def _edit(self) -> Person:
        """A person has edited one of the orders before the run."""
        person = Person(self._ground)
        person.fill_in(self._scenario.edited)
        return person

    def play(self, case: Case) -> Result:
        started = time.perf_counter()
        if case.mode is Mode.SOAK:
            with self._ground.opened():
                result = soak.play(case, self._ground)
                result.verdict.wrong += traces.broken(self._ground.home)
        else:
            with self._ground.opened(self._whole if case.driver == "dagster" else self._database):
                self._ground.write_again(self._written)
                person = self._edit()
                if self._ground.emulator.checksum() != self._before:
                    raise RuntimeError("the board is not as it was before the run")
                result = self._play(case, person)
                jumps = traces.OF_A_JUMP if case.around in JUMPS else ()
                result.verdict.wrong += traces.broken(self._ground.home, but=jumps)
        return replace(result, seconds=round(time.perf_counter() - started, 3))

    def _play(self, case: Case, person: Person) -> Result:
        ground, verdict, ends, played = self._ground, Verdict(), [], case
        ground.emulator.configure(**during(case.around))
        run = self._start(case, strike_at(case.step, case.mode))
        if case.mode in (Mode.ITEM_GONE, Mode.GROUP_GONE) and run.stops():
            person.delete(DELETES[case.mode], case.step, in_a_run=True)
            run.go_on()
        elif case.mode is Mode.EDIT and run.stops():
            person.fill_in(self._scenario.editable)
            at = len(run.steps()) - 1  # before the request at which it stopped, if it did at one
            run.go_on()
            run.end()
            if is_raced(run.steps()[at:]):
                person.was_raced()
        elif case.mode is Mode.ABANDONED and run.stops():
            ground.abandon(run)
            add_orders(ground.settings, [newer_still()])
        elif case.mode is Mode.SLEEP and run.stops():
            add_orders(ground.settings, [newer_still()])
            ground.emulator.configure(**FORGETFUL)
            ground.pass_time(PAST_REPLAY)
            ends.append(self._start(replace(case, driver="bare")).end())
            verdict.wrong += unforeseen(ends[-1], must_finish=True)
            run.go_on()
        elif case.mode is Mode.STALL and run.stops():
            if case.around in JUMPS:
                ground.jump(JUMPS[case.around])
            else:
                ground.pass_time(PAST_LEASES)
            ends.append(self._start(replace(case, driver="bare")).end())
            verdict.wrong += unforeseen(ends[-1], must_finish=True)
            run.go_on()
        ends.append(run.end())
        verdict.wrong += unforeseen(ends[-1])
        if case.mode in (Mode.DEAD_ITEM_GONE, Mode.DEAD_GROUP_GONE):
            person.delete(DELETES[case.mode], case.step)
        if case.mode is Mode.DEAD_EDIT:
            person.fill_in(self._scenario.editable)
        if case.around is Around.HELD:
            ground.hold_job()
        expected = replace(self._expected, people=person.has_done)
        verdict.add(ground.judge(expected, final=False))
        ground.emulator.configure(**afterwards(case.around))
        if case.around is Around.LATER:
            ground.pass_time(PAST_REPLAY)
        if case.around in JUMPS:
            ground.jump(JUMPS[case.around])
        if case.around is Around.RULES:
            case, expected = replace(case, way=Way.REQUESTS), replace(expected, unused=frozenset({SECOND_BOARD}))
        if case.again is not None:
            ends.append(self._start(case, strike_at(case.again, Mode.EXIT)).end())
            verdict.wrong += unforeseen(ends[-1])
            verdict.add(ground.judge(expected, final=False))
        self._finish(case, expected, verdict, ends)
        if case.repair:
            ground.repair()
            self._finish(case, replace(expected, rejected=frozenset()), verdict, ends)
        healed = len(ground.emulator.effects(kind="item_removed")) if case.mode not in DELETES else 0
        steps = run.steps()
        struck = case.step < len(steps)
        return Result(case=played, struck=struck, steps=steps, ends=ends, verdict=verdict, healed=healed)

    def _start(self, case: Case, strike: Strike = no_strike) -> Child:
        shared = case.around in SHARED_TIME
        changes = IN_SHARED_TIME if shared else {}
        return self._ground.start(
            strike, driver=case.driver, way=case.way, sabotage=case.sabotage, shared_time=shared, **changes
        )

    def _finish(self, case: Case, expected: Expected, verdict: Verdict, ends: list[str]) -> None:
        """A run without faults does the rest; where something was deleted, up to three."""
        for _ in range(MOST_RUNS if expected.people.removed | expected.people.forfeited else 1):
            already = len(self._ground.emulator.requests())
            run = self._start(case)
            if case.around is Around.HELD:
                self._ground.let_job_go(run, already)
            ends.append(run.end())
            verdict.wrong += unforeseen(ends[-1], must_finish=True)
            if case.mode is Mode.ABANDONED:
                self._ground.let_it_work()
            if last := self._ground.judge(expected, final=True):
                break
        if last.doubled and case.around is Around.HOPELESS:
            last = self._heal(case, expected, verdict, ends)
        verdict.add(last)

    def _heal(self, case: Case, expected: Expected, verdict: Verdict, ends: list[str]) -> Verdict:
        """A further run, once monday's search shows everything: it has nothing to do but to archive the twins."""
        self._ground.emulator.configure(lookup_lag_s=0.0)
        ends.append(self._start(case).end())
        verdict.wrong += unforeseen(ends[-1], must_finish=True)
        return self._ground.judge(expected, final=True)


def is_raced(steps: list[Step]) -> bool:
    """Something was altered before the run looked at items again: it could not know what happened meanwhile."""
    for step in steps:
        if step.where is Where.BEFORE_REQUEST and (step.alters or step.what == "items"):
            return step.alters
    return False
