"""What happens in a world, drawn from its seed: orders, people, faults, clocks, and when each run starts and dies.

In: a seed. Out: the surroundings, and the acts in order, each a sentence that a person can read.
Drawn as a whole before anything is played: an act that is left out changes none of the others.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

from order_sync.emulator import FaultKind
from order_sync_tests.faults.cases import Way

# Seconds between two acts: within one request, within a run, past a search, a lease, a replay, the watch.
GAPS = (0.05, 0.5, 2.0, 5.0, 15.0, 40.0, 80.0, 120.0, 660.0, 1_900.0, 7_500.0)
GAP_WEIGHTS = (6, 8, 8, 6, 4, 3, 3, 3, 3, 2, 1)
LAGS = (0.0, 3.0, 30.0, 75.0, 89.0, 200.0, 600.0)  # seconds that monday's search is late
LAG_WEIGHTS = (9, 3, 3, 5, 2, 3, 3)
LONGEST_FORESEEN = 90.0  # seconds of lateness that the product waits for; beyond that rows are doubled, and healed
PLAIN: Mapping[str, Any] = {
    "fault_rate": 0.0,
    "slow": 0.0,
    "locks": False,
    "boards": False,
    "lag": 0.0,
    "latency": 0.05,
}
WATCHED_EVERY = 5  # worlds
FORGETFUL, REMEMBERS = 0.001, 1_800.0  # seconds that monday keeps an answer


@dataclass(frozen=True, kw_only=True)
class Act:
    """`what` is a method of the world; `gap` are the seconds since the act before."""

    what: str
    gap: float
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self._shown().items())
        return f"{self.gap:g} s later: {self.what.replace('_', ' ')}" + (f" ({said})" if said else "")

    def _shown(self) -> dict[str, Any]:
        """Without what makes no difference."""
        mode, unused = self.arguments.get("mode"), set[str]()
        if mode == Mode.NONE:
            unused = {"mode", "at", "seconds"}
        elif mode is not None and mode != Mode.SLEEPS:
            unused = {"seconds"}
        return {name: of for name, of in self.arguments.items() if name not in unused and of is not False}


@dataclass(frozen=True, kw_only=True)
class Story:
    seed: int
    lag: float
    retention: float
    latency: float  # seconds that a request takes, on the average
    fault_rate: float  # the probability of each kind of fault, a request
    kinds: tuple[FaultKind, ...]
    locks: bool
    slow: float  # the probability that monday executes a request 55 s late
    acts: tuple[Act, ...]
    boards: bool = False  # some customers have a board of their own

    @property
    def is_foreseen(self) -> bool:
        """Nothing is ever doubled, not even for a while."""
        return self.lag <= LONGEST_FORESEEN

    @property
    def is_watched(self) -> bool:
        """The judge looks after every step: it takes as long as the steps themselves, several times over."""
        return self.seed % WATCHED_EVERY == 0

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        raw = json.loads(text)
        acts = tuple(Act(**act) for act in raw["acts"])
        return cls(**raw | {"acts": acts, "kinds": tuple(map(FaultKind, raw["kinds"]))})

    def __str__(self) -> str:
        kept = "remembers" if self.retention == REMEMBERS else "forgets"
        head = (
            f"seed {self.seed}: monday's search is {self.lag:g} s late, it {kept} its answers, a request takes about "
        )
        head += f"{self.latency:g} s, {self.fault_rate:.0%} of them fail in each of {len(self.kinds)} ways"
        head += f", {self.slow:.0%} are executed 55 s late" if self.slow else ""
        head += ", a board is locked while it is written" if self.locks else ""
        head += ", some customers have a board of their own" if self.boards else ""
        return "\n".join([head, *(f"  {number:2d}. {act}" for number, act in enumerate(self.acts, 1))])


FAULTS = tuple(
    kind
    for kind in FaultKind
    if kind
    not in (
        FaultKind.SLOW,  # drawn by itself
        FaultKind.NOT_KEPT,
        FaultKind.WRONG_VERSION,  # stops a run at once
        FaultKind.DAILY_LIMIT,
        FaultKind.API_BLOCKED,
        FaultKind.JOB_FAILED,  # of jobs
        FaultKind.JOB_REJECTED,
        FaultKind.JOB_STUCK,
        FaultKind.REPORT_MISSING,
    )
)

MACHINES = ("north", "south")
WAYS = (Way.REQUESTS, Way.WRITERS, Way.JOB, Way.ARCHIVE)


class Mode(StrEnum):
    """What goes wrong in a run."""

    NONE = ""
    DIES = "dies"
    HICCUP = "hiccup"  # one error of the database or of the network, before the effect or after it
    OUTAGE = "outage"  # the database, or monday, fails for the rest of the run
    SLEEPS = "sleeps"  # its machine is suspended, and goes on later
    DEAF = "deaf"  # from here on no answer to a mutation arrives


def _run(rng: random.Random) -> dict[str, Any]:
    return {
        "machine": rng.choice(MACHINES),
        "mode": rng.choices(tuple(Mode), (9, 10, 2, 1, 3, 1))[0],
        "at": rng.choice((rng.randrange(10, 48), rng.randrange(10, 48), rng.randrange(80))),
        "seconds": rng.choice((100.0, 300.0, 1_000.0, 2_500.0)),
        "way": rng.choices(WAYS, (6, 2, 1, 1))[0],
    }


def _arrive(rng: random.Random) -> dict[str, Any]:
    lines = rng.choice((0, 1, 1, 2, 3))
    bad = rng.choices(("", "header", "line"), (12, 1, 1))[0]
    return {
        "headers": rng.choice((1, 1, 2)),
        "lines": lines,
        "group": rng.randrange(4),
        "bad_header": bad == "header",
        "bad_line": bad == "line",
    }


def _number(rng: random.Random) -> dict[str, Any]:
    return {"number": rng.randrange(8)}


KINDS: Mapping[str, tuple[float, Callable[[random.Random], dict[str, Any]]]] = {
    "run": (9, _run),
    "arrive": (3, _arrive),
    "late": (1, _number),
    "update": (
        3,
        lambda rng: {
            **_number(rng),
            "group": rng.randrange(4),
            "line": rng.random() < 0.4,
            "outdated": rng.random() < 0.25,
        },
    ),
    "cancel": (1.5, lambda rng: {**_number(rng), "line": rng.random() < 0.4}),
    "repair": (0.5, lambda rng: {}),
    "delete": (1, lambda rng: {"kind": rng.choice(("item", "subitem", "group")), **_number(rng)}),
    "rename": (0.5, _number),
    "edit": (0.7, _number),
    "fill_in": (0.8, _number),
    "adopt": (0.5, lambda rng: {**_number(rng), "line": rng.random() < 0.5}),
    "forget": (0.8, lambda rng: {}),
    "jump": (1.0, lambda rng: {"seconds": rng.choice((7_200, -3_600, 600, -90, -28_800))}),
    "restore": (0.4, lambda rng: {}),
}


def story_of(seed: int) -> Story:
    """The story of a seed."""
    rng = random.Random(f"world {seed}")
    acts = [Act(what="arrive", gap=0.0, arguments=_arrive(rng))]
    names, weights = list(KINDS), [weight for weight, _ in KINDS.values()]
    for _ in range(rng.choice((2, 3, 4, 5, 6, 9))):
        what = rng.choices(names, weights)[0]
        gap = rng.choices(GAPS, GAP_WEIGHTS)[0]
        acts.append(Act(what=what, gap=gap, arguments=KINDS[what][1](rng)))
    made = Story(
        seed=seed,
        lag=rng.choices(LAGS, LAG_WEIGHTS)[0],
        retention=rng.choices((REMEMBERS, FORGETFUL), (3, 2))[0],
        latency=rng.choice((0.05, 0.3, 2.0)),
        fault_rate=rng.choice((0.0, 0.0, 0.01, 0.05)),
        kinds=tuple(sorted(rng.sample(FAULTS, 4))),
        locks=rng.random() < 0.1,
        slow=rng.choices((0.0, 0.1), (5, 1))[0],
        acts=tuple(acts),
    )
    if rng.random() >= 0.2:
        return made
    return replace(made, boards=True, acts=tuple(_without_rule(act) if rng.random() < 0.3 else act for act in acts))


def _without_rule(act: Act) -> Act:
    """A run whose mapping has lost the rule for the second board."""
    return replace(act, arguments={**act.arguments, "ruleless": True}) if act.what == "run" else act


def shorter(story: Story) -> Iterator[Story]:
    """The same with one thing less: an act, or something odd about monday."""
    for number in reversed(range(len(story.acts))):
        yield replace(story, acts=(*story.acts[:number], *story.acts[number + 1 :]))
    for name, plain in PLAIN.items():
        if getattr(story, name) != plain:
            yield replace(story, **{name: plain})
