"""The short form of the sweep; `make faults` plays every step in every mode."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from order_sync.database.connection import WritableDatabase
from order_sync_tests.faults.cases import CUTS, Around, Case, Mode, Result, Way
from order_sync_tests.faults.crew import Crew
from order_sync_tests.faults.plan import a_few, runs, soaks
from order_sync_tests.faults.steps import DATABASE_FILE, Step, Steps, Where, watching


@pytest.fixture(scope="module")
def whole(team: Crew) -> list[Result]:
    """Runs in which nothing else goes wrong, in all surroundings."""
    return list(team.play(replace(case, repair=True) for case in runs()))


@pytest.fixture(scope="module")
def steps(whole: list[Result]) -> list[Step]:
    return next(result.steps for result in whole if result.case == Case(repair=True))


def test_commits_of_a_shared_engine_are_steps_of_each_run(tmp_path: Path) -> None:
    """Engines are shared by all that a process does."""
    database = WritableDatabase(f"sqlite:///{tmp_path / DATABASE_FILE}")
    for _ in range(2):
        with watching(Steps()) as steps, database.write() as connection:
            connection.execute(sa.text("CREATE TABLE IF NOT EXISTS orders (n INTEGER)"))
        assert [step.where for step in steps.seen] == [Where.BEFORE_COMMIT, Where.AFTER_COMMIT]
    database.dispose()


def test_nothing_is_lost_or_doubled(team: Crew, whole: list[Result]) -> None:
    cases = a_few({(result.case.way, result.case.around): result.steps for result in whole})
    results = list(team.play(cases))
    assert [str(result) for result in results if not result.verdict] == []
    assert sum(result.struck for result in results) > 0.9 * len(cases)


def test_a_run_without_faults_in_all_surroundings(whole: list[Result]) -> None:
    assert [str(result) for result in whole if not result.verdict] == []
    # A job that is held in the middle ends only when a test lets it go on.
    assert {result.case.around for result in whole} == set(Around) - {Around.HELD}


def test_items_go_the_way_that_they_are_meant_to(whole: list[Result]) -> None:
    for result in whole:
        jobs = sum(step.what == "upload" and step.where is Where.AFTER_ANSWER for step in result.steps)
        assert (jobs > 1) is (result.case.way is Way.JOB), str(result)
        archives = any(step.what == "bulk_archive_items" for step in result.steps)
        assert archives is (result.case.way is Way.ARCHIVE), str(result)
    at_a_time = [result for result in whole if result.case.way is Way.WRITERS and _overlap(result)]
    assert at_a_time, "in no run were two requests on their way at a time"


def _overlap(result: Result) -> bool:
    creates = [step.where for step in result.steps if step.what.startswith("create_")]
    return creates != [Where.BEFORE_REQUEST, Where.AFTER_ANSWER] * (len(creates) // 2)


@pytest.mark.parametrize("mode", CUTS)
def test_a_cut_answer_does_not_arrive(team: Crew, whole: list[Result], mode: Mode) -> None:
    request = next(s for s in _of(whole, Way.JOB) if s.where is Where.BEFORE_REQUEST and s.what == "upload")
    result = team.play_one(Case(step=request.number, mode=mode, way=Way.JOB))
    assert result.verdict, str(result)
    after = [step.where for step in result.steps[request.number :] if step.what == "upload"]
    assert after[:3] == [Where.BEFORE_REQUEST, Where.BEFORE_REQUEST, Where.AFTER_ANSWER], "it is sent again"


def _of(whole: list[Result], way: Way) -> list[Step]:
    return next(result.steps for result in whole if result.case == Case(way=way, repair=True))


def test_the_steps_are_those_of_the_real_job(team: Crew, steps: list[Step]) -> None:
    """The sweep drives assets and IO managers without Dagster's executor: every step must be the same."""
    assert team.play_one(Case(driver="dagster")).steps == steps


def test_the_real_job_dies_and_is_taken_up(team: Crew, steps: list[Step]) -> None:
    answers = [step.number for step in steps if step.where is Where.AFTER_ANSWER and step.what.startswith("create_")]
    results = list(team.play(Case(step=number, mode=Mode.KILL, driver="dagster") for number in answers[1::3]))
    assert [str(result) for result in results if not result.verdict] == []
    assert {result.ends[0] for result in results} == {"killed"}


def test_a_soak(team: Crew) -> None:
    results = list(team.play(replace(case, orders=40) for case in soaks()[::4]))
    assert [str(result) for result in results if not result.verdict] == []
    assert any(len(result.ends) > 2 for result in results), "hardly anything went wrong"
