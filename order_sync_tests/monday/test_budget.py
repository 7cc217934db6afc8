"""The complexity budget of an account: nothing is spent twice, for any number of runs and any delay of answers."""

from __future__ import annotations

import threading
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from order_sync.monday.budget import NOTHING, Budget, Grant, Reported, Window, account_name, reserve, settle

QUOTA = 10_000.0


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rows_are_granted_until_the_points_are_spent() -> None:
    budget = Budget(Time())
    assert budget.reserve(30, 300, QUOTA).rows == 300
    assert budget.reserve(30, 300, QUOTA).rows == 33
    refused = budget.reserve(30, 300, QUOTA)
    assert (refused.rows, refused.wait_seconds) == (0, 120)  # monday has not yet reported when its minute ends


def test_a_whole_is_granted_or_waits() -> None:
    budget = Budget(Time())
    budget.reserve(30, 300, QUOTA)
    assert budget.reserve(30, 34, QUOTA, whole=True).rows == 0
    assert budget.reserve(30, 33, QUOTA, whole=True).rows == 33


def test_what_is_dearer_than_the_quota_goes_alone() -> None:
    assert Budget(Time()).reserve(20_000, 5, QUOTA).rows == 1
    assert Budget(Time()).reserve(3_000, 5, QUOTA, whole=True).rows == 5


def test_a_window_that_has_ended_is_whole_again() -> None:
    time = Time()
    budget = Budget(time)
    budget.settle(budget.reserve(30, 333, QUOTA), 9_990, Reported(left=10, ends_in=60))
    time.now += 59.9
    assert budget.reserve(30, 1, QUOTA).rows == 0
    time.now += 0.1
    assert (budget.left(QUOTA), budget.reserve(30, 333, QUOTA).rows) == (QUOTA, 333)


def test_what_was_reserved_in_vain_comes_back_with_the_answer() -> None:
    budget = Budget(Time())
    grant = budget.reserve(30, 100, QUOTA)
    budget.settle(grant, 1_000, None)
    assert budget.left(QUOTA) == 9_000


def test_a_stale_answer_does_not_hide_later_reservations() -> None:
    time = Time()
    budget = Budget(time)
    slow = budget.reserve(30, 100, QUOTA)
    quick = budget.reserve(30, 50, QUOTA)
    time.now += 5
    budget.settle(quick, 1_500, Reported(left=5_500, ends_in=55, sent_ago=5))
    time.now += 10
    budget.settle(slow, 3_000, Reported(left=7_000, ends_in=60, sent_ago=15))
    assert budget.left(QUOTA) == 5_500


def test_another_program_with_the_same_token_is_seen() -> None:
    budget = Budget(Time())
    grant = budget.reserve(30, 100, QUOTA)
    budget.settle(grant, 3_000, Reported(left=100, ends_in=30))
    assert budget.reserve(30, 100, QUOTA).rows == 3


def test_an_answer_from_the_previous_window_is_ignored() -> None:
    time = Time()
    budget = Budget(time)
    late = budget.reserve(30, 333, QUOTA)
    time.now += 121
    budget.reserve(30, 100, QUOTA)
    budget.settle(late, 9_990, Reported(left=10, ends_in=60, sent_ago=121))
    assert budget.left(QUOTA) == 7_000


def test_answers_out_of_order_never_overstate_the_budget() -> None:
    """Reserved first, admitted last: the other's answer knows nothing of it."""
    budget = Budget(Time())
    first, second = budget.reserve(30, 100, QUOTA), budget.reserve(30, 100, QUOTA)
    budget.settle(second, 3_000, Reported(left=7_000, ends_in=60))
    assert budget.left(QUOTA) == 4_000
    budget.settle(first, 3_000, Reported(left=4_000, ends_in=60))
    assert budget.left(QUOTA) == 4_000


def test_overestimated_costs_are_released_once() -> None:
    budget = Budget(Time())
    first, second = budget.reserve(30, 100, QUOTA), budget.reserve(30, 100, QUOTA)
    budget.settle(first, 1_000, Reported(left=9_000, ends_in=60))
    budget.settle(second, 1_000, Reported(left=8_000, ends_in=60))
    assert budget.left(QUOTA) == 8_000


def test_what_monday_never_saw_comes_back() -> None:
    budget = Budget(Time())
    lost = budget.reserve(30, 100, QUOTA)
    budget.settle(lost, lost.points, None)
    grant = budget.reserve(30, 10, QUOTA)
    budget.settle(grant, 300, Reported(left=9_700, ends_in=60))
    assert budget.left(QUOTA) == 9_700


def test_the_shortest_reported_wait_counts() -> None:
    """monday may count from the beginning of a slow request: its window then ends before its answer says."""
    window = Window(left=7_000, ends_in=40, in_flight=3_000, taken=3_000)
    grant = Grant(rows=100, points=3_000, taken=3_000)
    after = settle(window, grant, 3_000, Reported(left=7_000, ends_in=55, sent_ago=20))
    assert after == Window(left=7_000, ends_in=40, taken=3_000)


def test_monday_may_start_a_window_before_we_notice() -> None:
    window = Window(left=10, ends_in=30, in_flight=30, taken=3_000)
    grant = Grant(rows=1, points=30, taken=3_000)
    assert settle(window, grant, 30, Reported(left=9_970, ends_in=59)) == Window(left=9_970, ends_in=59, taken=3_000)


def test_an_answer_releases_no_points_in_flight() -> None:
    window = Window(left=100, ends_in=30, in_flight=3_000, taken=3_000)
    assert settle(window, NOTHING, 0, Reported(left=3_100, ends_in=30)) == window


@given(
    st.lists(
        st.tuples(st.sampled_from(["reserve", "settle", "wait"]), st.integers(1, 400), st.floats(0, 30)), max_size=40
    )
)
def test_no_window_grants_more_than_its_budget(acts: list[tuple[str, int, float]]) -> None:
    window: Window | None = None
    out: list[Grant] = []
    spent = 0.0
    for act, rows, seconds in acts:
        if act == "wait" and window:
            window = replace(window, ends_in=window.ends_in - seconds)
        elif act == "reserve":
            spent = spent if window and window.ends_in > 0 else 0.0
            window, grant = reserve(window, 30, rows, QUOTA)
            spent += grant.points
            out += [grant] if grant.rows else []
        elif act == "settle" and out:
            grant = out.pop(0)
            window = settle(window, grant, grant.points, None)
        assert spent <= QUOTA


def test_threads_do_not_spend_the_same_points() -> None:
    budget = Budget(Time())
    granted: list[int] = []

    def spend() -> None:
        while rows := budget.reserve(30, 7, QUOTA).rows:
            granted.append(rows)

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 333


def test_an_account_is_known_by_a_digest() -> None:
    name = account_name("https://api.monday.com/v2", "secret-token")
    assert len(name) == 32
    assert "secret" not in name
    assert name != account_name("https://api.monday.com/v2", "another")
