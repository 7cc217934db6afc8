"""Which cases are played: all of them for the long form, a spread of them for the short one.

In: the steps of a run in each of its surroundings. Out: cases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from order_sync_tests.faults.cases import Around, Case, Mode, Way, applies
from order_sync_tests.faults.steps import Step

# Through Dagster's own executor a case costs five times as much: deaths and errors, where nothing else is odd.
DAGSTER_MODES = (Mode.KILL, Mode.OUTAGE)
DAGSTER_EVERY = 5
SOAKS = ((1, Way.REQUESTS), (2, Way.REQUESTS), (3, Way.WRITERS), (4, Way.WRITERS), (5, Way.JOB), (6, Way.JOB))
SOAK_ORDERS = 200
NEAR = 3  # steps, with the COMMITs before and after a request


@dataclass(frozen=True, kw_only=True)
class Part:
    """A run in its surroundings, and the modes in which it goes wrong at each n-th of its steps."""

    way: Way = Way.REQUESTS
    around: Around = Around.PLAIN
    modes: tuple[Mode, ...]
    every: int = 1
    near: str = ""  # only steps around requests of this operation


_DEATHS = (Mode.EXIT, Mode.KILL)
_CUTS = (Mode.CUT_HEAD, Mode.CUT_BODY)
_ERRORS = (Mode.HICCUP, Mode.OUTAGE, Mode.DEAF)
_PEOPLE = (Mode.ITEM_GONE, Mode.GROUP_GONE, Mode.DEAD_ITEM_GONE, Mode.DEAD_GROUP_GONE)
_EDITS = (Mode.EDIT, Mode.DEAD_EDIT)
_ALL = (*_DEATHS, *_ERRORS, Mode.STALL, *_CUTS)

# Where the surroundings do not matter for a mode, it is played in plain ones only.
PARTS = (
    Part(modes=_ALL, every=2),
    Part(modes=_PEOPLE, every=3),
    Part(modes=_EDITS, every=3),
    Part(around=Around.TARDY, modes=(Mode.ABANDONED,)),
    Part(modes=(Mode.SLEEP,)),
    Part(way=Way.WRITERS, modes=(Mode.SLEEP,), every=3),
    Part(way=Way.JOB, modes=(Mode.SLEEP,), every=2),
    Part(way=Way.ARCHIVE, near="bulk_archive_items", modes=(Mode.SLEEP,)),
    Part(around=Around.NOT_KEPT, modes=(Mode.EXIT, *_ERRORS, *_CUTS), every=5),
    Part(around=Around.LAG, modes=(Mode.EXIT, *_ERRORS, Mode.STALL), every=5),
    Part(around=Around.PARTIAL, modes=(Mode.EXIT, *_ERRORS, Mode.STALL), every=5),
    Part(around=Around.BROKEN, modes=(Mode.EXIT, *_ERRORS, Mode.STALL), every=5),
    Part(around=Around.LATER, modes=(Mode.KILL, Mode.OUTAGE, Mode.DEAF), every=5),
    Part(around=Around.LATE_3, modes=(Mode.KILL, Mode.OUTAGE, Mode.DEAF), every=8),
    Part(around=Around.LATE_75, modes=(Mode.EXIT, Mode.OUTAGE, Mode.DEAF, Mode.HICCUP), every=8),
    Part(around=Around.HOPELESS, modes=(Mode.KILL, Mode.OUTAGE), every=8),
    Part(around=Around.AHEAD, modes=(Mode.KILL, Mode.STALL, Mode.OUTAGE), every=8),
    Part(around=Around.BACK, modes=(Mode.KILL, Mode.STALL), every=8),
    Part(way=Way.WRITERS, around=Around.LATE_75, modes=(Mode.KILL, Mode.HICCUP), every=8),
    Part(way=Way.WRITERS, around=Around.AHEAD, modes=(Mode.STALL,), every=8),
    Part(way=Way.JOB, around=Around.AHEAD, modes=(Mode.KILL, Mode.STALL), every=8),
    Part(way=Way.WRITERS, modes=_ALL, every=3),
    Part(way=Way.WRITERS, modes=_PEOPLE, every=5),
    Part(way=Way.JOB, modes=_PEOPLE, every=5),
    Part(way=Way.WRITERS, around=Around.NOT_KEPT, modes=(Mode.EXIT, Mode.DEAF, *_CUTS), every=5),
    Part(way=Way.WRITERS, around=Around.LAG, modes=(Mode.HICCUP,), every=5),
    Part(way=Way.WRITERS, around=Around.PARTIAL, modes=(Mode.EXIT, Mode.OUTAGE), every=5),
    Part(way=Way.WRITERS, around=Around.BROKEN, modes=(Mode.KILL, Mode.DEAF), every=5),
    Part(way=Way.WRITERS, around=Around.LOCKED, modes=(Mode.EXIT, Mode.HICCUP, Mode.STALL), every=5),
    Part(way=Way.JOB, modes=_ALL, every=3),
    Part(way=Way.JOB, around=Around.NOT_KEPT, modes=(Mode.EXIT, Mode.DEAF), every=5),
    Part(way=Way.JOB, around=Around.LAG, modes=(Mode.HICCUP, *_CUTS), every=5),
    Part(way=Way.JOB, around=Around.PARTIAL, modes=(Mode.EXIT, Mode.OUTAGE, Mode.STALL), every=5),
    Part(way=Way.JOB, around=Around.BROKEN, modes=(Mode.KILL, Mode.HICCUP), every=5),
    Part(way=Way.JOB, around=Around.SLOW, modes=(Mode.EXIT, Mode.STALL), every=5),
    Part(way=Way.JOB, around=Around.LATER, modes=(Mode.KILL, Mode.DEAF), every=5),
    Part(way=Way.ARCHIVE, near="bulk_archive_items", modes=_ALL),
    Part(way=Way.ARCHIVE, near="job_status", modes=(Mode.KILL, Mode.STALL, Mode.DEAF), every=2),
    Part(way=Way.BOARDS, modes=_ALL, every=3),
    Part(way=Way.BOARDS, around=Around.RULES, modes=(Mode.EXIT, Mode.OUTAGE, Mode.DEAF), every=3),
)
AGAIN_EVERY = 17  # of the plain run's steps: where the run after it dies, too

Steps = Mapping[tuple[Way, Around], list[Step]]


def runs() -> list[Case]:
    """Runs without faults, to number their steps."""
    kinds = dict.fromkeys((part.way, part.around) for part in PARTS)
    return [Case(way=way, around=around) for way, around in kinds]


def every_case(steps: Steps) -> Iterator[Case]:
    """The sweep: each step of each run, in each mode; every third also repairs rejected rows."""
    for part in PARTS:
        for offset, mode in enumerate(part.modes):
            for step in _fitting(part, mode, steps[part.way, part.around])[offset % part.every :: part.every]:
                yield Case(step=step.number, mode=mode, way=part.way, around=part.around, repair=step.number % 3 == 0)
    plain = steps[Way.REQUESTS, Around.PLAIN]
    yield from _second_deaths(plain)
    for step in plain[::DAGSTER_EVERY]:
        yield Case(step=step.number, mode=DAGSTER_MODES[step.number // 2 % 2], driver="dagster")


def thinned() -> str:
    """What the sweep leaves out."""
    parts = Counter(part.every for part in PARTS if part.every > 1)
    return (
        ", ".join(f"{n} of {len(PARTS)} parts: every {every}. step of each mode" for every, n in parts.items())
        + f"; second deaths: every {AGAIN_EVERY}. step; through Dagster: every {DAGSTER_EVERY}. step"
    )


def _fitting(part: Part, mode: Mode, steps: list[Step]) -> list[Step]:
    """An error of the database is the same under any behaviour of monday."""
    elsewhere = part.around is not Around.PLAIN and mode in (Mode.HICCUP, Mode.OUTAGE)
    named = [step.number for step in steps if step.what == part.near]
    near = [step for step in steps if not part.near or any(abs(step.number - number) <= NEAR for number in named)]
    return [step for step in near if applies(mode, step) and not (elsewhere and step.where.is_sql)]


def _second_deaths(steps: list[Step]) -> Iterator[Case]:
    """The run that takes up the work dies as well: in the middle of its recovery, or later."""
    for step in steps[::AGAIN_EVERY]:
        for again in range(8, 40, 3):
            yield Case(step=step.number, mode=Mode.EXIT, again=again)


def a_few(steps: Steps) -> list[Case]:
    """The short form: every way to go wrong, and over all of them a spread of the steps.

    Few cases: what several odd things at once lead to is the simulation's.
    """
    cases = []
    # Of other ways to write every sixth mode of each part, and in odd surroundings one of every third part.
    kinds = [
        (part, mode)
        for number, part in enumerate(PARTS)
        for position, mode in enumerate(part.modes)
        if (position == number % len(part.modes) and (part.around is Around.PLAIN or number % 3 == 1))
        or (part.around is Around.PLAIN and (part.way is Way.REQUESTS or position % 6 == number % 6))
    ]
    for number, (part, mode) in enumerate(kinds):
        fitting = _fitting(part, mode, steps[part.way, part.around])
        # Most of what can go wrong goes wrong around a create.
        writing = [step for step in fitting if step.writes] or fitting
        chosen = writing[number % len(writing)] if number % 2 else fitting[number * 37 % len(fitting)]
        cases.append(Case(step=chosen.number, mode=mode, way=part.way, around=part.around, repair=number % 3 == 0))
    return cases


def soaks() -> list[Case]:
    return [Case(step=seed, mode=Mode.SOAK, way=way, orders=SOAK_ORDERS) for seed, way in SOAKS]
