"""A record_uuid has one holder: every order of events of three runs, where none sees what others have not committed.

A model of the tables under row versioning: a transaction sees what was committed when it began, a row is written by one
transaction at a time, and a run may die between any two of its steps. What a run decides is the code's own `verdict`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import pytest

from order_sync.database.claim_conflicts import Verdict, verdict

Rows = tuple[str | None, ...]  # who holds each header of one order
DONE = "synced"

# What a run is about to do, or has become.
BEGIN, COMMIT, LOOK, RELEASE, GOING = "begin", "commit", "look", "release", "going"
ENDED, DEAD = "ended", "dead"


@dataclass(frozen=True)
class Run:
    name: str
    wants: tuple[int, ...]
    next: str = BEGIN
    seen: Rows = ()  # what was committed when its transaction began
    looks_left: int = 2


@dataclass(frozen=True)
class World:
    rows: Rows
    runs: tuple[Run, ...]

    def with_run(self, run: Run, rows: Rows | None = None) -> World:
        runs = tuple(run if other.name == run.name else other for other in self.runs)
        return World(self.rows if rows is None else rows, runs)

    @property
    def going(self) -> list[str]:
        return [run.name for run in self.runs if run.next == GOING]


def others(rows: Rows, name: str) -> set[str]:
    return {holder for holder in rows if holder not in (None, DONE, name)}


def step(world: World, run: Run, *, looks: bool) -> World:
    """What becomes of the world when the run does the next thing. Without `looks` it goes on as soon as it has rows."""
    if run.next == BEGIN:
        return world.with_run(replace(run, next=COMMIT, seen=world.rows))
    if run.next == COMMIT:
        free = not others(run.seen, run.name)
        rows = tuple(run.name if free and n in run.wants and row is None else row for n, row in enumerate(world.rows))
        return world.with_run(replace(run, next=LOOK if looks else GOING if run.name in rows else ENDED), rows)
    if run.next == LOOK:
        if run.name not in world.rows:
            return world.with_run(replace(run, next=ENDED))
        found = verdict(run.name, others(world.rows, run.name), run.looks_left)
        becomes = {Verdict.KEEP: GOING, Verdict.LOOK_AGAIN: LOOK, Verdict.RELEASE: RELEASE}[found]
        return world.with_run(replace(run, next=becomes, looks_left=run.looks_left - (becomes == LOOK)))
    left = None if run.next == RELEASE else DONE
    return world.with_run(replace(run, next=ENDED), tuple(left if row == run.name else row for row in world.rows))


def worlds(start: World, *, dying: bool, looks: bool = True) -> Iterator[World]:
    """Every world that can come to be."""
    seen, todo = {start}, [start]
    while todo:
        world = todo.pop()
        yield world
        for run in world.runs:
            if run.next in (ENDED, DEAD):
                continue
            ways = [step(world, run, looks=looks)] + [world.with_run(replace(run, next=DEAD))] * dying
            for way in ways:
                if way not in seen:
                    seen.add(way)
                    todo.append(way)


def start(*wants: tuple[int, ...]) -> World:
    names = ("run-1", "run-2", "run-3")
    return World((None, None, None), tuple(Run(name, some) for name, some in zip(names, wants, strict=False)))


PARTS = [(0,), (1,), (0, 1), (0, 1, 2)]


@pytest.mark.parametrize("wants", list(product(PARTS, repeat=2)))
def test_two_runs_never_continue_one_order(wants: tuple[tuple[int, ...], ...]) -> None:
    assert max(len(world.going) for world in worlds(start(*wants, (2,)), dying=True)) == 1


@pytest.mark.parametrize("wants", list(product(PARTS, repeat=2)))
def test_abandoned_rows_are_released(wants: tuple[tuple[int, ...], ...]) -> None:
    ends = [w for w in worlds(start(*wants, (2,)), dying=False) if {run.next for run in w.runs} == {ENDED}]
    assert ends
    assert {row for world in ends for row in world.rows} <= {None, DONE}
    assert {row for world in ends for row in world.rows} != {None}


def test_of_two_rival_runs_the_lower_id_continues() -> None:
    """Nobody does only where it has used up its looks before the other one has released its rows."""
    ends = [w for w in worlds(start((0,), (1,)), dying=False) if {run.next for run in w.runs} == {ENDED}]
    nobody = [world for world in ends if DONE not in world.rows]
    assert nobody
    assert {world.runs[0].looks_left for world in nobody} == {0}


def test_the_model_sees_what_went_wrong_without_the_look() -> None:
    assert max(len(world.going) for world in worlds(start((0,), (1,)), dying=False, looks=False)) == 2


def test_the_lowest_waits_and_the_others_release() -> None:
    assert verdict("b", [], 0) is Verdict.KEEP
    assert verdict("b", ["c", "d"], 1) is Verdict.LOOK_AGAIN
    assert verdict("b", ["c"], 0) is Verdict.RELEASE
    assert verdict("b", ["a", "c"], 5) is Verdict.RELEASE
