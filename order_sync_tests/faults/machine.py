"""A state machine over everything that may happen to a queue and a board, in any order.

In: a crew's first worker process, which holds the world. Out: a failure with the shortest story that shows one.
"""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from order_sync_tests.faults.cases import Around, Mode, Way
from order_sync_tests.faults.crew import Crew
from order_sync_tests.faults.verdict import Verdict

FAULTS = (Mode.EXIT, Mode.KILL, Mode.HICCUP, Mode.OUTAGE)
SURROUNDINGS = (Around.PLAIN, Around.PARTIAL, Around.BROKEN, Around.LOCKED)
STEPS = st.integers(0, 50) | st.integers(50, 150)
WAYS = st.sampled_from([way for way in Way if way is not Way.BOARDS])  # people know the main board only


class Orders(RuleBasedStateMachine):
    """In any history: nothing is lost, nothing is doubled, and in the end everything good is SYNCED."""

    team: ClassVar[Crew]

    def act(self, name: str, **arguments: Any) -> None:
        answer = self.team.act(name, **arguments)
        verdict = Verdict(**answer["verdict"])
        assert verdict, f"after {name} {arguments}, runs {answer['ends']}: {verdict}"

    @initialize()
    def begin(self) -> None:
        self.orders = 0
        self.act("begin")
        self.arrive(headers=2, lines=2, group=0, bad="")

    @precondition(lambda self: self.orders < 8)
    @rule(
        headers=st.integers(1, 2),
        lines=st.integers(0, 3),
        group=st.integers(0, 3),
        bad=st.sampled_from(("", "", "", "header", "line")),
    )
    def arrive(self, headers: int, lines: int, group: int, bad: str) -> None:
        self.orders += 1
        self.act(
            "arrive", headers=headers, lines=lines, group=group, bad_header=bad == "header", bad_line=bad == "line"
        )

    @precondition(lambda self: self.orders)
    @rule(number=st.integers(0, 7))
    def late_line(self, number: int) -> None:
        self.act("late", number=number)

    @precondition(lambda self: self.orders)
    @rule(
        number=st.integers(0, 7),
        group=st.integers(0, 3),
        line=st.booleans(),
        outdated=st.sampled_from((False, False, True)),
    )
    def an_order_changes(self, number: int, group: int, line: bool, outdated: bool) -> None:
        self.act("update", number=number, group=group, line=line, outdated=outdated)

    @precondition(lambda self: self.orders > 1)
    @rule(number=st.integers(0, 7), line=st.booleans())
    def an_order_is_cancelled(self, number: int, line: bool) -> None:
        self.act("cancel", number=number, line=line)

    @precondition(lambda self: self.orders)
    @rule(number=st.integers(0, 7))
    def a_person_fills_in_a_cell(self, number: int) -> None:
        self.act("fill_in", number=number)

    @rule(way=WAYS)
    def sync(self, way: Way) -> None:
        self.act("finish", way=way)

    @precondition(lambda self: self.orders)
    @rule(step=STEPS, mode=st.sampled_from(FAULTS), around=st.sampled_from(SURROUNDINGS), way=WAYS)
    def run_with_a_fault(self, step: int, mode: Mode, around: Around, way: Way) -> None:
        self.act("run", step=step, mode=mode, around=around, way=way)

    @precondition(lambda self: self.orders)
    @rule(step=STEPS, around=st.sampled_from(SURROUNDINGS), way=WAYS)
    def two_workers(self, step: int, around: Around, way: Way) -> None:
        self.act("run", step=step, mode=Mode.STALL, around=around, way=way)

    @rule(long=st.booleans())
    def time_passes(self, long: bool) -> None:
        self.act("wait", long=long)

    @rule()
    def rejected_rows_are_corrected(self) -> None:
        self.act("repair")

    @precondition(lambda self: self.orders > 2)
    @rule(kind=st.sampled_from(("item", "subitem", "group")), number=st.integers(0, 20))
    def a_person_deletes(self, kind: str, number: int) -> None:
        self.act("delete", kind=kind, number=number)

    @precondition(lambda self: self.orders < 8)
    @rule(
        step=st.integers(30, 90),
        kind=st.sampled_from(("item", "group")),
        group=st.integers(0, 3),
        number=st.integers(0, 3),
        way=WAYS,
    )
    def a_run_dies_and_a_person_deletes(self, step: int, kind: str, group: int, number: int, way: Way) -> None:
        self.arrive(headers=2, lines=3, group=group, bad="")
        self.act("run", step=step, mode=Mode.EXIT, around=Around.PLAIN, way=way)
        self.act("delete", kind=kind, number=number)

    @precondition(lambda self: self.orders)
    @rule(number=st.integers(0, 20))
    def a_person_renames_a_group(self, number: int) -> None:
        self.act("rename", number=number)

    @precondition(lambda self: self.orders)
    @rule(number=st.integers(0, 20))
    def a_person_edits_an_item(self, number: int) -> None:
        self.act("edit", number=number)

    @precondition(lambda self: self.orders)
    @rule(number=st.integers(0, 7), line=st.booleans())
    def a_person_adds_an_item(self, number: int, line: bool) -> None:
        self.act("adopt", number=number, line=line)

    def teardown(self) -> None:
        try:
            self.act("finish", way=Way.REQUESTS)
        finally:
            self.act("close")


def play(team: Crew, *, examples: int, acts: int, shrink: bool = True) -> None:
    """Raises AssertionError with the story of what went wrong; the same stories every time.

    To `shrink` a story takes minutes.
    """

    class OrdersOfTheTeam(Orders):
        pass

    OrdersOfTheTeam.team = team
    run_state_machine_as_test(
        OrdersOfTheTeam,
        settings=settings(
            max_examples=examples,
            stateful_step_count=acts,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[phase for phase in Phase if shrink or phase not in (Phase.shrink, Phase.explain)],
            suppress_health_check=list(HealthCheck),
        ),
    )
