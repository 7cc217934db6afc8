"""Which cases are played: all of them for the long form, a spread of them for the short one.

In: the steps of a run in each of its surroundings. Out: cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from order_sync_tests.faults.cases import Around, Case, Mode, applies
from order_sync_tests.faults.steps import Step

# Through Dagster's own executor a case costs five times as much: deaths and errors, where nothing else is odd.
DAGSTER_MODES = (Mode.KILL, Mode.OUTAGE)
SOAK_SEEDS = (1, 2, 3, 4)
SOAK_ORDERS = 300

# Where the surroundings do not matter for a mode, it is played in plain ones only.
MODES: Mapping[Around, tuple[Mode, ...]] = {
    Around.PLAIN: (Mode.EXIT, Mode.KILL, Mode.HICCUP, Mode.OUTAGE, Mode.DEAF, Mode.STALL),
    Around.NOT_KEPT: (Mode.EXIT, Mode.HICCUP, Mode.OUTAGE, Mode.DEAF),
    Around.LAG: (Mode.EXIT, Mode.HICCUP, Mode.OUTAGE, Mode.DEAF, Mode.STALL),
    Around.PARTIAL: (Mode.EXIT, Mode.HICCUP, Mode.OUTAGE, Mode.DEAF, Mode.STALL),
    Around.BROKEN: (Mode.EXIT, Mode.HICCUP, Mode.OUTAGE, Mode.DEAF, Mode.STALL),
    Around.LATER: (Mode.KILL, Mode.OUTAGE, Mode.DEAF),
}


def every_case(steps: Mapping[Around, list[Step]]) -> Iterator[Case]:
    """The sweep: each step of each run, in each mode; every third also mends what was rejected."""
    for around, modes in MODES.items():
        for mode in modes:
            for step in steps[around]:
                if applies(mode, step) and not _is_played_elsewhere(around, mode, step):
                    yield Case(step=step.number, mode=mode, around=around, mend=step.number % 3 == 0)
    yield from _second_deaths(steps[Around.PLAIN])
    for step in steps[Around.PLAIN]:
        yield Case(step=step.number, mode=DAGSTER_MODES[step.number // 2 % 2], driver="dagster")


def _is_played_elsewhere(around: Around, mode: Mode, step: Step) -> bool:
    """An error of the database is the same whatever monday is like."""
    return around is not Around.PLAIN and mode in (Mode.HICCUP, Mode.OUTAGE) and step.where.is_sql


def _second_deaths(steps: list[Step]) -> Iterator[Case]:
    """The run that takes up the work dies as well: in the middle of its recovery, or later."""
    for step in steps[::4]:
        for again in range(8, 40, 3):
            yield Case(step=step.number, mode=Mode.EXIT, again=again)


def a_few(steps: list[Step]) -> list[Case]:
    """The short form: every way to go wrong, and over all of them a spread of the steps."""
    cases = []
    ways = [(around, mode) for around, modes in MODES.items() for mode in modes]
    for number, (around, mode) in enumerate(ways):
        fitting = [step for step in steps if applies(mode, step)]
        # Most of what can go wrong goes wrong around a create.
        creates = [step for step in fitting if step.what.startswith("create_")]
        chosen = creates[number % len(creates)] if number % 2 else fitting[number * 37 % len(fitting)]
        cases.append(Case(step=chosen.number, mode=mode, around=around, mend=number % 3 == 0))
    return cases


def soaks() -> list[Case]:
    return [Case(step=seed, mode=Mode.SOAK, orders=SOAK_ORDERS) for seed in SOAK_SEEDS]
