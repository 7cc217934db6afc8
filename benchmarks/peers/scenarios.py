"""The scenarios for every tool: the emulator's settings and the number of records.

`peer_records` is smaller where one record per call would take all day; figures are compared per record and per call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.peers.updates import Update
from order_sync.emulator import Fault, FaultKind, Limits

CREATE_COST = 30_000
CHANGE_COST = 30_000  # not published; as much as a create, so that one ceiling holds for both
MINUTE_COMPLEXITY = 10_000_000
CREATES_A_MINUTE = MINUTE_COMPLEXITY // CREATE_COST
LATENCY_MS = 50
MUTATION_MS = 150
DAILY_CALLS = 1_000
UNLIMITED = Limits(minute_calls=1_000_000, complexity_per_minute=2_000_000_000)

# Positions that a tool with a hundred records a call reaches as well as one with one.
FAULTS = (
    Fault(kind=FaultKind.HTTP_503_EMPTY, operation="create_group", nth=1),
    Fault(kind=FaultKind.RESET_AFTER, operation="create_group", nth=3),
    Fault(kind=FaultKind.HTTP_503_EMPTY, operation="create_item", nth=2),
    Fault(kind=FaultKind.RESET_AFTER, operation="create_item", nth=3),
    Fault(kind=FaultKind.HTTP_504_AFTER, operation="create_item", nth=5),
    Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_item", nth=6, aliases=(0,)),
    Fault(kind=FaultKind.COMPLEXITY, operation="create_item", nth=7),
    Fault(kind=FaultKind.HTTP_502_HTML, operation="create_subitem", nth=2, after=True),
    Fault(kind=FaultKind.HTTP_504_BEFORE, operation="create_subitem", nth=4),
    Fault(kind=FaultKind.RESET_AFTER, operation="create_subitem", nth=6),
    Fault(kind=FaultKind.RATE_LIMIT_MINUTE, operation="create_subitem", nth=8),
    Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_subitem", nth=9, aliases=(0,)),
    Fault(kind=FaultKind.TIMEOUT_AFTER, operation="create_subitem", nth=10),
)

ONE_PERCENT = Update(name="1%", share=0.01)
ALL = Update(name="100%", share=1)
NO_DIFFERENCE = Update(name="nothing differs", share=1, differs=False)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    name: str
    title: str
    records: int  # of order_sync
    peer_records: int
    emulator: Mapping[str, Any] = field(default_factory=dict)  # of its settings
    waits: float = 1  # how many times faster a tool's waits run
    starts: int = 1  # at most; a tool that stopped is started again
    pause_seconds: float = 0  # before it is, on the emulator's clock
    writers: tuple[int, ...] = (1,)  # order_sync is measured with each
    updates: tuple[Update, ...] = ()  # measured one after another, on a board that the tool has filled before

    @property
    def clock_speed(self) -> float:
        return float(self.emulator.get("clock_speed", 1))


def scenarios(*, quick: bool) -> tuple[Scenario, ...]:
    # A faster clock saves time, and makes what a request really takes, and the rest of the machine, as much longer.
    speed, minutes_speed = 10, 2
    return (
        Scenario(
            name="latency",
            title=f"Latency: {LATENCY_MS} ms a request and {MUTATION_MS} ms a mutation, no limits",
            records=100 if quick else 800,
            peer_records=25 if quick else 120,
            # The budget is reported even where it is not enforced, and order_sync keeps to what monday reports.
            emulator={"latency_ms": LATENCY_MS, "mutation_ms": MUTATION_MS, "limits": UNLIMITED},
            writers=(1, 4),
        ),
        Scenario(
            name="complexity",
            title=f"Complexity: {CREATES_A_MINUTE} creates a minute, on a clock {minutes_speed} times as fast",
            records=700 if quick else 1_670,
            peer_records=400 if quick else 700,
            emulator={
                "clock_speed": minutes_speed,
                "enforce_limits": True,
                "limits": Limits(complexity_per_minute=MINUTE_COMPLEXITY),
                "costs": {"create": CREATE_COST},
            },
            waits=minutes_speed,
            starts=4,
            pause_seconds=60,
        ),
        Scenario(
            name="daily",
            title=f"A day of {DAILY_CALLS:,} calls, and no other limit",
            records=2_000 if quick else 20_000,
            peer_records=1_100,
            emulator={
                "enforce_limits": True,
                "limits": UNLIMITED.model_copy(update={"daily_calls": DAILY_CALLS}),
            },
            # The day's limit does not pass while a tool waits for it: its waits are cut short.
            waits=600,
        ),
        Scenario(
            name="faults",
            title=f"{len(FAULTS)} faults at fixed places; a tool that stops is started again, three times at most",
            records=300 if quick else 1_150,
            peer_records=300 if quick else 1_150,
            emulator={"clock_speed": speed, "faults": FAULTS},
            waits=speed,
            starts=4,
        ),
        Scenario(
            name="changes",
            title=f"Changes to orders on the board, {LATENCY_MS} ms a request and {MUTATION_MS} ms a mutation",
            records=100 if quick else 1_200,
            peer_records=30 if quick else 120,
            emulator={"latency_ms": LATENCY_MS, "mutation_ms": MUTATION_MS, "limits": UNLIMITED},
            updates=(ONE_PERCENT, ALL, NO_DIFFERENCE),
        ),
        Scenario(
            name="changes-complexity",
            title=f"Changes on the board: {CREATES_A_MINUTE} a minute, on a clock {minutes_speed} times as fast",
            records=700 if quick else 1_670,
            peer_records=400 if quick else 700,
            emulator={
                "clock_speed": minutes_speed,
                "enforce_limits": True,
                "limits": Limits(complexity_per_minute=MINUTE_COMPLEXITY),
                "costs": {"create": CREATE_COST, "mutation": CHANGE_COST},
            },
            waits=minutes_speed,
            updates=(ALL,),
        ),
        Scenario(
            name="changes-size",
            title="Changes to 7,400 orders with 34,000 lines on the board, no latency and no limits",
            records=500 if quick else 41_500,
            peer_records=100 if quick else 1_000,
            emulator={"limits": UNLIMITED},
            updates=(ONE_PERCENT, ALL, NO_DIFFERENCE),
        ),
    )
