"""The state machine, with few examples; `make faults` plays more of them."""

from __future__ import annotations

from order_sync_tests.faults import machine
from order_sync_tests.faults.crew import Crew


def test_any_history_of_queue_and_board_keeps_the_invariants(team: Crew) -> None:
    machine.play(team, examples=3, acts=10, shrink=False)
