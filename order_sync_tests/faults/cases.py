"""What a case is: at which step what goes wrong, in which surroundings, with what taken out of the product.

In: nothing. Out: values that travel to a worker process and back as JSON.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

from order_sync.emulator import Fault, FaultKind
from order_sync_tests.faults.steps import Step, Where
from order_sync_tests.faults.verdict import Verdict


class Mode(StrEnum):
    """What happens at the step."""

    NOTHING = "nothing"  # counts the steps
    EXIT = "exit"  # os._exit
    KILL = "kill"  # SIGKILL
    HICCUP = "hiccup"  # one error, before the effect or after it; such as passes by itself
    OUTAGE = "outage"  # from here on the database, or monday, fails for the rest of the run
    DEAF = "deaf"  # from here on the answer to every mutation is lost; queries are answered
    STALL = "stall"  # stopped past its leases, while a second worker does everything; then it goes on
    SLEEP = "sleep"  # the same before a request, for half an hour: newer versions come, and monday forgets its key
    CUT_HEAD = "cut in the head"  # of the answer to this request only the first bytes arrive
    CUT_BODY = "cut in the body"  # its last bytes do not arrive
    ITEM_GONE = "item gone"  # stopped, while a person deletes an item; then it goes on
    GROUP_GONE = "group gone"
    DEAD_ITEM_GONE = "dead, item gone"  # it dies, and a person deletes an item before the next run
    DEAD_GROUP_GONE = "dead, group gone"
    EDIT = "edit"  # stopped, while a person fills in a cell whose edits are kept; then it goes on
    DEAD_EDIT = "dead, edit"
    ABANDONED = "abandoned"  # killed while monday is at its request; newer versions come, and the next run
    SOAK = "soak"  # many runs with random faults; `step` is the seed


class Way(StrEnum):
    """How rows get to the board."""

    REQUESTS = "requests"  # one after the other
    WRITERS = "writers"  # requests of several threads
    JOB = "job"  # items by import jobs where there are enough of them in a group, else by requests
    ARCHIVE = "archive"  # requests, but for cancelled items: those by a job
    BOARDS = "boards"  # a rule sends one customer's orders to a second board


class Around(StrEnum):
    """The surroundings."""

    PLAIN = "plain"
    NOT_KEPT = "not kept"  # monday keeps no answer for replay
    LAG = "lag"  # its search shows new items only after the case
    PARTIAL = "partial"  # every second batch fails in part, and every second job after its first row
    BROKEN = "broken"  # many an answer to a create is a 5xx after its effect; files fare no better
    LOCKED = "locked"  # monday locks the board for all other requests while it executes one
    SLOW = "slow"  # an import job goes on long after the run that started it
    HELD = "held"  # it writes its rows only once the next run waits for it, or has ended
    RULES = "rules"  # the next run knows no rule for boards any more
    LATER = "later"  # the next run comes after half an hour: answers are forgotten, leases have expired
    # Its search is late, and its servers lose their memory of keys between the runs.
    LATE_3 = "3 s late, and forgetful"
    LATE_75 = "75 s late, and forgetful"
    HOPELESS = "later than any wait, and forgetful"  # rows are created twice, and must be healed
    # The database's clock jumps between the runs, or under them where one is stopped; the search is 75 s late.
    AHEAD = "two hours ahead"
    BACK = "an hour back"
    TARDY = "late at work"  # monday executes a request long after it came


class Sabotage(StrEnum):
    """A part of the protocol, taken out: the tests must see it."""

    NONE = "none"
    JOURNAL = "no journal"
    LOOK_UP = "no look-up"
    KEY = "no idempotency key, and no watch"
    GONE = "no look for what is gone"
    ELSEWHERE = "no look at boards that the run does not go to"
    SECOND_LOOK = "no second look, and no watch"
    WATCH = "no watch"
    SETTLE = "no wait for a change that is in doubt"
    EDITS = "no look at what people have edited"
    VERSIONS = "no order of versions"
    AWAKE = "no look at the clock before a request leaves"
    LEASE = "no look at who holds the board"
    CLOCK = "no other clock than the database's"
    OLD_AGE = "an old request is dropped, and no watch"


STOPS = (Mode.STALL, Mode.SLEEP, Mode.ITEM_GONE, Mode.GROUP_GONE, Mode.EDIT, Mode.ABANDONED)
DELETES = {
    Mode.ITEM_GONE: "item",
    Mode.GROUP_GONE: "group",
    Mode.DEAD_ITEM_GONE: "item",
    Mode.DEAD_GROUP_GONE: "group",
}
CUTS = (Mode.CUT_HEAD, Mode.CUT_BODY)


def applies(mode: Mode, step: Step) -> bool:
    """Can this happen at this step?"""
    if mode is Mode.DEAF:
        return step.where is Where.AFTER_ANSWER and step.writes
    if mode in CUTS:
        return step.where is Where.BEFORE_REQUEST  # the cut is in its answer
    if mode is Mode.SLEEP:
        return step.where is Where.BEFORE_REQUEST and step.writes
    if mode is Mode.ABANDONED:
        return step.where is Where.BEFORE_REQUEST and step.alters
    # A run that is stopped in its COMMIT keeps SQLite's one lock: nobody else could do anything.
    return mode not in STOPS or step.where is not Where.BEFORE_COMMIT


LAG_SECONDS = 180_000.0  # ten minutes of this machine
SLOW_ROW_MS = 60_000.0  # a fifth of a second of this machine
HELD_SECONDS = 360_000.0  # twenty minutes of this machine: until the clock is moved on
JUMPS = {Around.AHEAD: timedelta(hours=2), Around.BACK: timedelta(hours=-1)}
# Here monday's time is that of this machine, so that a minute is not over before the next run begins. What a run waits
# for, as long as in production, passes on monday's clock at once.
SHARED_TIME = frozenset({Around.LATE_3, Around.LATE_75, Around.HOPELESS, Around.TARDY, *JUMPS})
TARDY = Fault(kind=FaultKind.SLOW, operation="mutation", delay_ms=55_000.0, times=1)  # from when a case says so
IN_SHARED_TIME: dict[str, float] = {"clock_speed": 1.0, "settle_seconds": 65.0, "search_seconds": 90.0}
_SLOWLY = {"clock_speed": 1.0, "latency_ms": 0.0, "bulk_row_ms": 0.0}
FORGETFUL = {"faults": [], "idempotency_retention_s": 0.001}
_DURING: dict[Around, dict[str, Any]] = {
    Around.NOT_KEPT: {"faults": [Fault(kind=FaultKind.NOT_KEPT, operation="mutation")]},
    Around.LAG: {"lookup_lag_s": LAG_SECONDS},
    Around.PARTIAL: {
        "faults": [
            Fault(kind=FaultKind.PARTIAL_BATCH, operation="mutation", every=2),
            Fault(kind=FaultKind.JOB_FAILED, operation="upload", every=2, rows=1),
        ]
    },
    Around.BROKEN: {
        "faults": [
            Fault(kind=FaultKind.HTTP_504_AFTER, operation="create_group", nth=2),
            Fault(kind=FaultKind.HTTP_500, operation="create_item", every=2, after=True),
            Fault(kind=FaultKind.HTTP_500, operation="create_subitem", every=3, after=True),
            Fault(kind=FaultKind.HTTP_500, operation="change_multiple_column_values", nth=1, after=True),
            Fault(kind=FaultKind.HTTP_504_AFTER, operation="archive_item", nth=1),
            Fault(kind=FaultKind.HTTP_502_HTML, operation="query", every=5),
            Fault(kind=FaultKind.HTTP_500, operation="upload", every=2, after=True),
            Fault(kind=FaultKind.REPORT_MISSING, operation="upload", every=3),
            Fault(kind=FaultKind.GARBAGE, operation="report", nth=1),
        ]
    },
    Around.LOCKED: {"lock_boards": True},
    Around.SLOW: {"bulk_row_ms": SLOW_ROW_MS},
    Around.HELD: {"bulk_row_ms": HELD_SECONDS * 1_000},
    Around.TARDY: _SLOWLY,
    Around.LATE_3: {"lookup_lag_s": 3.0, **_SLOWLY},
    Around.HOPELESS: {"lookup_lag_s": LAG_SECONDS, **_SLOWLY},
    **{around: {"lookup_lag_s": 75.0, **_SLOWLY} for around in (Around.LATE_75, *JUMPS)},
}


def during(around: Around) -> dict[str, Any]:
    """The emulator's settings for the run that goes wrong."""
    return _DURING.get(around, {})


def afterwards(around: Around) -> dict[str, Any]:
    """The emulator's settings for the runs after it: no faults, but monday is still what it is."""
    if around is Around.NOT_KEPT:
        return _DURING[around]
    if around is Around.HELD:
        return {"bulk_row_ms": 0.0}
    if around in (Around.LATER, Around.LATE_3, Around.LATE_75, Around.HOPELESS):
        return FORGETFUL
    return {"faults": []}


@dataclass(frozen=True, kw_only=True)
class Case:
    step: int = 0
    mode: Mode = Mode.NOTHING
    around: Around = Around.PLAIN
    way: Way = Way.REQUESTS
    driver: str = "bare"
    again: int | None = None  # the run after it dies, too, at this step of its own
    repair: bool = False  # at the end the rejected rows are corrected and tried again
    sabotage: Sabotage = Sabotage.NONE
    orders: int = 0  # of a soak

    def __str__(self) -> str:
        more = [f"then step {self.again}"] if self.again is not None else []
        more += [str(self.sabotage)] if self.sabotage is not Sabotage.NONE else []
        return " / ".join([self.driver, self.way, self.mode, self.around, f"step {self.step}", *more])

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        raw = json.loads(text)
        kinds = {"mode": Mode, "around": Around, "way": Way, "sabotage": Sabotage}
        return cls(**raw | {name: kind(raw[name]) for name, kind in kinds.items()})


@dataclass(frozen=True, kw_only=True)
class Result:
    case: Case
    struck: bool  # the run got as far as the step
    steps: list[Step] = field(default_factory=list)  # of the run that went wrong
    ends: list[str] = field(default_factory=list)  # how each run ended
    verdict: Verdict = field(default_factory=Verdict)
    count: int = 0  # of rows, in a soak
    healed: int = 0  # twins that were there, and are archived
    seconds: float = 0.0

    def __str__(self) -> str:
        at = self.steps[self.case.step] if self.case.step < len(self.steps) else ""
        return f"{self.case} {at}: {str(self.verdict) or 'all there'} (runs: {', '.join(self.ends)})"

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        raw = json.loads(text)
        steps = [Step(number=s["number"], where=Where(s["where"]), what=s["what"]) for s in raw["steps"]]
        case = Case.from_json(json.dumps(raw["case"]))
        return cls(**raw | {"case": case, "steps": steps, "verdict": Verdict(**raw["verdict"])})
