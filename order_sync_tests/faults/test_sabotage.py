"""The tests can fail: with a part of the protocol taken out, the sweep finds rows lost, doubled or stale.

Those parts that real processes, sockets or threads show; worlds show the absence of every part (simulation/caught).
"""

from __future__ import annotations

import pytest

from order_sync_tests.faults.cases import Around, Case, Mode, Sabotage, Way
from order_sync_tests.faults.crew import Crew
from order_sync_tests.faults.steps import Where
from order_sync_tests.faults.verdict import Verdict

# No trace of the protocol shows what people do and what is never looked for, nor what a job does.
NOT_IN_A_TRACE = (Sabotage.GONE, Sabotage.ELSEWHERE)


@pytest.mark.parametrize(
    ("way", "part", "around", "mode", "what"),
    [
        # The look before each create does not show yet what the dead run has made.
        (Way.REQUESTS, Sabotage.JOURNAL, Around.LAG, Mode.KILL, "create_item"),
        (Way.REQUESTS, Sabotage.LOOK_UP, Around.NOT_KEPT, Mode.KILL, "create_item"),
        # Its own half of the protection: monday's search does not show yet what a lost answer reported.
        (Way.REQUESTS, Sabotage.KEY, Around.LAG, Mode.HICCUP, "create_item"),
        (Way.WRITERS, Sabotage.KEY, Around.LAG, Mode.DEAF, "create_item"),
        # It writes under an item that is no more, or takes it to be there.
        (Way.REQUESTS, Sabotage.GONE, Around.PLAIN, Mode.ITEM_GONE, "create_subitem"),
        # The job goes on, and the next run, which knows nothing of it, starts another one.
        (Way.JOB, Sabotage.JOURNAL, Around.HELD, Mode.KILL, "upload"),
        # The job breaks off after its first row, and has no report.
        (Way.JOB, Sabotage.LOOK_UP, Around.PARTIAL, Mode.NOTHING, "upload"),
        # The rule for the second board is removed, and the next run does not look there.
        (Way.BOARDS, Sabotage.ELSEWHERE, Around.RULES, Mode.KILL, "create_item"),
        # monday's servers have forgotten the key, and its search is late.
        (Way.REQUESTS, Sabotage.SECOND_LOOK, Around.LATE_75, Mode.KILL, "create_item"),
        # The run wakes when another one has done its work, and monday has forgotten its key.
        (Way.REQUESTS, Sabotage.AWAKE, Around.PLAIN, Mode.SLEEP, "create_item"),
        # What monday executes late overwrites what the next run wrote meanwhile.
        (Way.REQUESTS, Sabotage.SETTLE, Around.TARDY, Mode.ABANDONED, "change_multiple_column_values"),
    ],
)
def test_each_part_is_needed(team: Crew, way: Way, part: Sabotage, around: Around, mode: Mode, what: str) -> None:
    # A run that only counts its steps has nobody to let its job go.
    counted = Around.SLOW if around is Around.HELD else around
    steps = team.play_one(Case(way=way, around=counted)).steps
    where = Where.BEFORE_REQUEST if mode in (Mode.ABANDONED, Mode.SLEEP) else Where.AFTER_ANSWER
    answers = [s.number for s in steps if s.where is where and s.what == what]
    # Threads do not come to their steps in the same order every time, and not every item is missed.
    chosen = answers[:3] if way is Way.WRITERS or part is Sabotage.GONE else answers[:1]
    if way is Way.BOARDS:
        chosen = answers[1:2]  # the first one on the second board, of which no order is on record yet
    cases = [
        Case(step=step, mode=mode, way=way, around=around, sabotage=sabotage)
        for step in chosen
        for sabotage in (part, Sabotage.NONE)
    ]
    results = list(team.play(cases))
    without = [result for result in results if result.case.sabotage is part]
    # What cannot be taken out would fail every run, and seem to do harm.
    assert not any("does not have the attribute" in end for result in without for end in result.ends)
    assert any(_shows_harm(result.verdict) for result in without), str(without[0])
    if part not in NOT_IN_A_TRACE and (part, way) != (Sabotage.LOOK_UP, Way.JOB):
        assert any(" breaks '" in line for result in without for line in result.verdict.wrong), str(without[0])
    assert [str(result) for result in results if result.case.sabotage is Sabotage.NONE and not result.verdict] == []


def _shows_harm(verdict: Verdict) -> bool:
    return bool(verdict.lost or verdict.doubled or verdict.stale or verdict.overwritten)
