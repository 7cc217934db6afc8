"""The tests can fail: with a part of the protocol taken out, the sweep finds rows lost or doubled."""

from __future__ import annotations

import pytest

from order_sync_tests.faults.cases import Around, Case, Mode, Sabotage
from order_sync_tests.faults.crew import Crew
from order_sync_tests.faults.steps import Where


@pytest.mark.parametrize(
    ("part", "around", "mode"),
    [
        (Sabotage.JOURNAL, Around.PLAIN, Mode.KILL),
        (Sabotage.LOOK_UP, Around.NOT_KEPT, Mode.KILL),
        # Its own half of the protection: monday's search does not show yet what a lost answer told of.
        (Sabotage.KEY, Around.LAG, Mode.HICCUP),
    ],
)
def test_each_part_is_needed(team: Crew, part: Sabotage, around: Around, mode: Mode) -> None:
    steps = team.play_one(Case(around=around)).steps
    answer = next(s.number for s in steps if s.where is Where.AFTER_ANSWER and s.what == "create_item")
    without, whole = team.play(
        Case(step=answer, mode=mode, around=around, sabotage=sabotage) for sabotage in (part, Sabotage.NONE)
    )
    if without.case.sabotage is Sabotage.NONE:
        without, whole = whole, without
    assert without.verdict.doubled or without.verdict.lost, str(without)
    assert whole.verdict, str(whole)
