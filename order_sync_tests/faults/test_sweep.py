"""The short form of the sweep; `make faults` plays every step in every mode."""

from __future__ import annotations

import pytest

from order_sync_tests.faults.cases import Around, Case, Mode
from order_sync_tests.faults.crew import Crew
from order_sync_tests.faults.plan import a_few
from order_sync_tests.faults.steps import Step, Where


@pytest.fixture(scope="module")
def steps(team: Crew) -> list[Step]:
    """Of a run in which nothing goes wrong."""
    return team.play_one(Case()).steps


def test_nothing_is_lost_or_doubled(team: Crew, steps: list[Step]) -> None:
    cases = a_few(steps)
    results = list(team.play(cases))
    assert [str(result) for result in results if not result.verdict] == []
    assert sum(result.struck for result in results) > 0.9 * len(cases)


def test_a_run_without_faults_in_all_surroundings(team: Crew) -> None:
    results = list(team.play(Case(around=around, mend=True) for around in Around))
    assert [str(result) for result in results if not result.verdict] == []


def test_the_steps_are_those_of_the_real_job(team: Crew, steps: list[Step]) -> None:
    """The sweep drives assets and IO managers without Dagster's executor: every step must be the same."""
    assert team.play_one(Case(driver="dagster")).steps == steps


def test_the_real_job_dies_and_is_taken_up(team: Crew, steps: list[Step]) -> None:
    answers = [step.number for step in steps if step.where is Where.AFTER_ANSWER and step.what.startswith("create_")]
    results = list(team.play(Case(step=number, mode=Mode.KILL, driver="dagster") for number in answers[1::3]))
    assert [str(result) for result in results if not result.verdict] == []
    assert {result.ends[0] for result in results} == {"killed"}


def test_a_soak(team: Crew) -> None:
    [result] = team.play([Case(step=1, mode=Mode.SOAK, orders=60)])
    assert result.verdict, str(result)
    assert len(result.ends) > 2
