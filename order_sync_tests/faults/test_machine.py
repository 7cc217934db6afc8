"""The state machine, with few examples; `make faults` plays more of them."""

from __future__ import annotations

from order_sync_tests.faults import machine
from order_sync_tests.faults.crew import Crew


def test_whatever_happens_to_the_queue_and_the_board(team: Crew) -> None:
    machine.play(team, examples=5, acts=10, shrink=False)
