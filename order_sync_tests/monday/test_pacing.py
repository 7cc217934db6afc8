"""How much to send and when: from monday's headers and costs, by a clock that stands still."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.monday.pacing import Clock, Limit, Pacer, parse_quotas, parse_rate_limit
from order_sync.monday.transport import Reply


class FakeClock(Clock):
    def __init__(self) -> None:
        super().__init__()
        self.time = 1_000.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def pacer(clock: FakeClock) -> Pacer:
    return Pacer(clock=clock, first_batch=10, largest_batch=80, target_seconds=10)


def answer(
    *,
    left: int | None = None,
    reset: int = 60,
    calls: int = 4_999,
    query: int | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Reply:
    sent = {"ratelimit": f'"minuteRate";r={calls}, "complexityMinute";r={left};t={reset}'} if left is not None else {}
    complexity = {"query": query, "after": left, "reset_in_x_seconds": reset} if query is not None else None
    body: dict[str, Any] = {"data": {"a0": {"id": "1"}, "complexity": complexity}}
    return Reply(status=200, headers={**sent, **headers}, body=body)


def wait_seconds(pacer: Pacer) -> float:
    """How long one row has to wait; one that need not is paid for."""
    return pacer.admit("create_item", 1).wait_seconds


# ---- headers --------------------------------------------------------------------------------------------


def test_the_header_names_each_limit() -> None:
    header = '"minuteRate";r=4999, "concurrency";r=249, "complexityMinute";r=4950000;t=45'
    assert parse_rate_limit(header) == {
        "minuteRate": Limit(left=4_999),
        "concurrency": Limit(left=249),
        "complexityMinute": Limit(left=4_950_000, reset_seconds=45),
    }
    policy = '"minuteRate";q=5000;w=60, "concurrency";q=250;qu="concurrent-requests", "complexityMinute";q=5000000;w=60'
    assert parse_quotas(policy) == {"minuteRate": 5_000, "concurrency": 250, "complexityMinute": 5_000_000}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", {}),
        ("nonsense", {}),
        ('"a";r=x, "b";r=2', {"b": Limit(left=2)}),
        ('"a" ; t=1.5 ; r=0', {"a": Limit(left=0, reset_seconds=1.5)}),
        ('"a";q=5', {}),
    ],
)
def test_what_is_unreadable_is_skipped(header: str, expected: dict[str, Limit]) -> None:
    assert parse_rate_limit(header) == expected


@given(st.text())
def test_no_header_is_a_crash(header: str) -> None:
    assert isinstance(parse_rate_limit(header), dict)
    assert isinstance(parse_quotas(header), dict)


# ---- batches --------------------------------------------------------------------------------------------


def test_before_anything_is_known(pacer: Pacer) -> None:
    assert (pacer.batch_size("create_item"), wait_seconds(pacer)) == (10, 0)
    assert pacer.cost("create_item") == 30_000


def test_full_and_quick_batches_double_up_to_the_largest(pacer: Pacer) -> None:
    sizes = []
    for _ in range(5):
        sizes.append(pacer.batch_size("create_item"))
        pacer.learn(answer(), operation="create_item", rows=sizes[-1], seconds=0.1)
    assert sizes == [10, 20, 40, 80, 80]


def test_a_batch_that_was_not_full_proves_nothing(pacer: Pacer) -> None:
    pacer.learn(answer(), operation="create_item", rows=4, seconds=0.01)
    assert pacer.batch_size("create_item") == 10


def test_slow_rows_make_small_batches(pacer: Pacer) -> None:
    pacer.learn(answer(), operation="create_item", rows=10, seconds=20)  # 2 s a row, 10 s wanted
    assert pacer.batch_size("create_item") == 5
    pacer.learn(answer(), operation="create_item", rows=5, seconds=1)
    assert pacer.batch_size("create_item") == 10
    pacer.learn(answer(), operation="create_item", rows=10, seconds=900)
    assert pacer.batch_size("create_item") == 1


def test_each_operation_has_its_own_size_and_cost(pacer: Pacer) -> None:
    pacer.learn(answer(left=9_000_000, query=200_000), operation="create_item", rows=20, seconds=1)
    assert pacer.cost("create_item") == 10_000
    assert pacer.cost("create_subitem") == 30_000
    assert (pacer.batch_size("create_item"), pacer.batch_size("create_subitem")) == (20, 10)


def test_changes_of_subitems_start_with_the_batches_of_items(pacer: Pacer) -> None:
    """They are the same mutation."""
    pacer.learn(answer(left=9_000_000, query=200_000), operation="change_item", rows=20, seconds=1)
    assert pacer.cost("change_subitem") == pacer.cost("change_item") == 10_000
    assert pacer.batch_size("change_subitem") == pacer.batch_size("change_item") == 20
    pacer.shrink("change_subitem")
    assert pacer.batch_size("change_item") == 10


def test_a_refusal_is_no_evidence_for_larger_batches(pacer: Pacer) -> None:
    refused = Reply(status=200, headers={}, body={"errors": [{"message": "API_TEMPORARILY_BLOCKED"}]})
    pacer.learn(refused, operation="create_item", rows=10, seconds=0.01)
    assert pacer.batch_size("create_item") == 10


def test_a_replayed_answer_is_no_evidence_of_speed_or_budget(pacer: Pacer) -> None:
    pacer.learn(answer(left=900_000))
    replayed = answer(left=60_000, query=600_000, headers={"idempotency-replayed": "true"})
    now = '"complexityMinute";r=800000;t=30'
    pacer.learn(
        Reply(status=200, headers={**replayed.headers, "ratelimit": now}, body=replayed.body),
        operation="create_item",
        rows=10,
        seconds=0.01,
    )
    assert pacer.cost("create_item") == 30_000
    assert pacer.admit("create_item", 10).rows == 10  # 60,000 left would be 2


def test_no_answer_halves_the_batch(pacer: Pacer) -> None:
    sizes = []
    for _ in range(5):
        pacer.shrink("create_item")
        sizes.append(pacer.batch_size("create_item"))
    assert sizes == [5, 2, 1, 1, 1]


# ---- budgets --------------------------------------------------------------------------------------------


def test_a_batch_is_no_larger_than_what_is_left(pacer: Pacer, clock: FakeClock) -> None:
    pacer.learn(answer(left=100_000, reset=40))
    assert pacer.admit("create_item", 10).rows == 3
    pacer.learn(answer(left=29_999, reset=40))
    assert wait_seconds(pacer) == 40
    clock.sleep(15)
    assert wait_seconds(pacer) == 25
    clock.sleep(25)
    assert (pacer.batch_size("create_item"), wait_seconds(pacer)) == (10, 0)


def test_after_the_window_the_whole_quota_is_there(pacer: Pacer, clock: FakeClock) -> None:
    policy = {"ratelimit-policy": '"minuteRate";q=1000;w=60, "complexityMinute";q=150000;w=60'}
    pacer.learn(answer(left=0, reset=10, headers=policy))
    clock.sleep(10)
    assert pacer.batch_size("create_item") == 5


def test_a_request_costs_five_million_at_most() -> None:
    pacer = Pacer(clock=FakeClock(), first_batch=100, largest_batch=100)
    pacer.learn(answer(left=10_000_000, query=100_000), operation="create_item", rows=1, seconds=0.1)
    assert pacer.batch_size("create_item") == 50


def test_a_row_dearer_than_everything_is_still_sent_alone(pacer: Pacer) -> None:
    pacer.learn(answer(left=10_000_000, query=6_000_000), operation="create_item", rows=1, seconds=0.1)
    assert pacer.batch_size("create_item") == 1


def test_it_waits_for_calls_only_if_monday_names_the_time(pacer: Pacer) -> None:
    pacer.learn(answer(left=9_000_000, calls=0))
    assert wait_seconds(pacer) == 0
    pacer.learn(Reply(status=200, headers={"ratelimit": '"minuteRate";r=0;t=12'}, body={"data": {}}))
    assert wait_seconds(pacer) == 12


def test_the_body_is_newer_than_the_header(pacer: Pacer) -> None:
    reply = answer(left=100_000, query=30_000)
    pacer.learn(
        Reply(status=200, headers={"ratelimit": '"complexityMinute";r=900000;t=60'}, body=reply.body),
        operation="create_item",
        rows=1,
    )
    assert pacer.admit("create_item", 10).rows == 3


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**7), st.integers(0, 60), st.integers(0, 5 * 10**6), st.integers(1, 100), st.floats(0, 60)
        ),
        max_size=8,
    ),
    st.floats(0, 120),
)
def test_batch_size_and_wait_stay_bounded(replies: list[tuple[int, int, int, int, float]], later: float) -> None:
    clock = FakeClock()
    pacer = Pacer(clock=clock)
    for left, reset, query, rows, seconds in replies:
        pacer.learn(answer(left=left, reset=reset, query=query), operation="create_item", rows=rows, seconds=seconds)
        clock.sleep(later)
        assert 1 <= pacer.batch_size("create_item") <= 100
        assert 0 <= wait_seconds(pacer) <= 60


ODD_HEADERS = [
    '"minuteRate";r=0;t=100000, "complexityMinute";r=0;t=99999999999',
    f'"minuteRate";r={"9" * 5_000}, "complexityMinute";r={"9" * 5_000};t={"9" * 5_000}',
    '"complexityMinute";r=-5;t=-5',
    '"complexityMinute";r=nan;t=inf',
    '"minuteRate";r=1.5;t=1e9',
]


@pytest.mark.parametrize("header", ODD_HEADERS)
@pytest.mark.parametrize("policy", ["", '"complexityMinute";q=0;w=60', f'"complexityMinute";q={"9" * 5_000};w=60'])
def test_an_odd_retry_header_waits_at_most_fifteen_minutes(
    pacer: Pacer, clock: FakeClock, header: str, policy: str
) -> None:
    for _ in range(3):
        reply = Reply(status=200, headers={"ratelimit": header, "ratelimit-policy": policy}, body={"data": {}})
        pacer.learn(reply, operation="create_item", rows=2, seconds=0.1)
        assert 0 <= wait_seconds(pacer) <= 900
        assert 1 <= pacer.batch_size("create_item") <= 80
        assert 0 <= pacer.seconds("create_item", 100) < float("inf")
        clock.sleep(900)
    assert wait_seconds(pacer) == 0


@pytest.mark.parametrize("odd", ["9000000", "much", [], {}, float("nan"), float("inf"), -1, 10**400, True, None])
def test_an_odd_complexity_is_read_or_ignored(pacer: Pacer, odd: Any) -> None:
    for name in ("query", "after", "reset_in_x_seconds"):
        complexity = {"query": 30_000, "after": 9_000_000, "reset_in_x_seconds": 30, name: odd}
        reply = Reply(status=200, headers={}, body={"data": {"a0": {"id": "1"}, "complexity": complexity}})
        pacer.learn(reply, operation="create_item", rows=1, seconds=0.1)
        assert 0 <= wait_seconds(pacer) <= 900
        assert 1 <= pacer.batch_size("create_item") <= 80
