"""Every kind of fault: what the caller sees, and whether the effect happened."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from order_sync.emulator import Emulator, Fault, FaultKind
from order_sync.emulator.faults import FaultEngine
from order_sync_tests.emulator.monday import Monday, batch

ONE_ITEM = 'mutation { create_item(board_id: 101, item_name: "One") { id } }'


def created(emulator: Emulator) -> int:
    return len(emulator.effects(kind="item_created"))


@pytest.mark.parametrize(
    ("kind", "effects"),
    [("reset_before", 0), ("reset_after", 1), ("timeout_before", 0), ("timeout_after", 1)],
)
def test_a_lost_answer(emulator: Emulator, monday: Monday, kind: str, effects: int) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind(kind), nth=1, delay_ms=50)])
    with pytest.raises(httpx.TransportError):
        monday.post(ONE_ITEM, key="k")
    assert created(emulator) == effects
    assert emulator.requests()[0]["status"] == 0
    assert emulator.stats()["cut"] == 1
    again = monday.post(ONE_ITEM, key="k")
    assert ("Idempotency-Replayed" in again.headers) is (effects == 1)
    assert created(emulator) == 1


def test_a_reset_is_a_reset(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind.RESET_AFTER)])
    with pytest.raises(httpx.ReadError, match=r"(?i)reset|forcibly"):
        monday.post(ONE_ITEM)


def test_a_caller_that_gives_up_first_does_no_harm(emulator: Emulator) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind.TIMEOUT_AFTER, nth=1)])
    with Monday(emulator.url, timeout=0.3) as impatient:
        with pytest.raises(httpx.ReadTimeout):
            impatient.post(ONE_ITEM, key="k")
        assert impatient.post(ONE_ITEM, key="k").headers["Idempotency-Replayed"] == "true"
    assert created(emulator) == 1


def test_lost_and_not_kept_is_the_worst_case(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind.RESET_AFTER, nth=1), Fault(kind=FaultKind.NOT_KEPT, nth=1)])
    with pytest.raises(httpx.TransportError):
        monday.post(ONE_ITEM, key="k")
    monday.post(ONE_ITEM, key="k")
    assert created(emulator) == 2
    assert emulator.requests()[0]["faults"] == ["not_kept", "reset_after"]


@pytest.mark.parametrize(
    ("kind", "after", "status", "content_type", "effects"),
    [
        ("http_500", False, 500, "application/json", 0),
        ("http_500", True, 500, "application/json", 1),
        ("http_502_html", False, 502, "text/html", 0),
        ("http_503_empty", False, 503, "text/plain", 0),
        ("http_503_empty", True, 503, "text/plain", 1),
        ("http_504_before", False, 504, "text/html", 0),
        ("http_504_after", False, 504, "text/html", 1),
        ("garbage", False, 200, "application/json", 0),
        ("garbage", True, 200, "application/json", 1),
    ],
)
def test_answers_of_a_broken_server(
    emulator: Emulator,
    monday: Monday,
    kind: str,
    after: bool,
    status: int,
    content_type: str,
    effects: int,
) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind(kind), after=after)])
    answer = monday.post(ONE_ITEM)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(content_type)
    assert created(emulator) == effects
    if kind == "http_500":
        assert answer.json()["extensions"]["request_id"]
    elif kind == "http_503_empty":
        assert answer.content == b""
    else:
        with pytest.raises(ValueError, match=r"(?i)expecting|unterminated"):
            answer.json()


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("rate_limit_minute", 429, "Rate Limit Exceeded"),
        ("complexity", 429, "COMPLEXITY_BUDGET_EXHAUSTED"),
        ("concurrency_429", 429, "maxConcurrencyExceeded"),
        ("ip_rate_limit", 429, "IP_RATE_LIMIT_EXCEEDED"),
        ("board_lock_423", 423, "RESOURCE_LOCKED"),
        ("idempotency_409", 409, "IDEMPOTENCY_CONFLICT"),
        ("api_blocked", 200, "API_TEMPORARILY_BLOCKED"),
    ],
)
def test_refusals_with_a_wait(emulator: Emulator, monday: Monday, kind: str, status: int, code: str) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind(kind), retry_in_seconds=3)])
    answer = monday.post(ONE_ITEM)
    assert answer.status_code == status
    extensions = answer.json()["errors"][0]["extensions"]
    assert (extensions["code"], extensions["retry_in_seconds"]) == (code, 3)
    assert answer.headers["Retry-After"] == "3"
    assert "RateLimit" in answer.headers
    assert created(emulator) == 0


def test_refusals_of_other_shapes(emulator: Emulator, monday: Monday) -> None:
    def answer(**fault: Any) -> httpx.Response:
        emulator.configure(faults=[Fault(**fault)])
        return monday.post(ONE_ITEM)

    legacy = answer(kind="complexity_legacy", retry_in_seconds=3)
    assert legacy.status_code == 200
    assert legacy.json()["error_code"] == "ComplexityException"
    assert legacy.json()["status_code"] == 429
    assert legacy.json()["error_message"].endswith("reset in 3 seconds")
    assert legacy.json()["errors"] == [legacy.json()["error_message"]]
    assert answer(kind="complexity_legacy", status=429).status_code == 429
    assert answer(kind="complexity", status=200).status_code == 200
    assert answer(kind="daily_limit", status=200).status_code == 200
    assert answer(kind="daily_limit").status_code == 429
    field = answer(kind="field_limit", retry_in_seconds=4).json()["errors"][0]["extensions"]
    assert field["error_data"]["retry_in_seconds"] == 4
    field = answer(kind="field_limit_legacy", retry_in_seconds=4).json()
    assert (field["error_code"], field["error_data"]["retry_in_seconds"]) == ("FIELD_LIMIT_EXCEEDED", 4)
    assert created(emulator) == 0


@pytest.mark.parametrize(
    ("fault", "failed", "code"),
    [
        ({}, [1, 3], "INTERNAL_SERVER_ERROR"),
        ({"aliases": (0, 4)}, [0, 4], "INTERNAL_SERVER_ERROR"),
        ({"aliases": (2,), "failure": "final"}, [2], "ColumnValueException"),
        ({"aliases": (2,), "code": "CorrectedValueException"}, [2], "CorrectedValueException"),
    ],
)
def test_some_aliases_fail(
    emulator: Emulator, monday: Monday, fault: dict[str, Any], failed: list[int], code: str
) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_item", **fault)])
    query, variables = batch(5)
    answer = monday.post(query, variables)
    assert answer.status_code == 200
    assert [error["path"] for error in answer.json()["errors"]] == [[f"a{i}"] for i in failed]
    assert {error["extensions"]["code"] for error in answer.json()["errors"]} == {code}
    assert [i for i in range(5) if answer.json()["data"][f"a{i}"] is None] == failed
    assert created(emulator) == 5 - len(failed)


def test_slow_answers_all_the_same(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind.SLOW, delay_ms=150, nth=1)])
    assert monday.data(ONE_ITEM)
    assert emulator.requests()[0]["seconds"] >= 0.14


def test_a_fault_strikes_its_operation_only(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind.HTTP_500, operation="create_subitem")])
    item = monday.item("One")
    query = 'mutation ($p: ID!) { create_subitem(parent_item_id: $p, item_name: "x") { id } }'
    assert monday.post(query, {"p": item}).status_code == 500
    emulator.configure(faults=[Fault(kind=FaultKind.HTTP_500, operation="query")])
    assert monday.post(query, {"p": item}).status_code == 200
    assert monday.post("{ me { id } }").status_code == 500


def struck(count: int, **fault: Any) -> list[int]:
    engine = FaultEngine([Fault(kind=FaultKind.HTTP_500, operation="create_item", **fault)])
    return [n for n in range(1, count + 1) if engine.strike(frozenset({"create_item", "mutation"})).ending]


def test_when_a_fault_strikes() -> None:
    assert struck(6, nth=3) == [3]
    assert struck(6, every=2) == [2, 4, 6]
    assert struck(6, every=2, times=2) == [2, 4]
    assert struck(3) == [1, 2, 3]
    assert struck(5, times=1) == [1]
    by_chance = struck(1_000, probability=0.2, seed=7)
    assert by_chance == struck(1_000, probability=0.2, seed=7) != struck(1_000, probability=0.2, seed=8)
    assert 150 < len(by_chance) < 250


def test_the_first_ending_rule_wins_and_the_other_waits() -> None:
    engine = FaultEngine([Fault(kind=FaultKind.HTTP_500, nth=1), Fault(kind=FaultKind.HTTP_502_HTML, times=1)])
    kinds = [engine.strike(frozenset({"me"})).kinds for _ in range(3)]
    assert kinds == [("http_500",), ("http_502_html",), ()]


def test_rules_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="one of nth, every, probability"):
        Fault(kind=FaultKind.HTTP_500, nth=1, every=2)
    with pytest.raises(ValueError, match="after does not apply"):
        Fault(kind=FaultKind.RESET_BEFORE, after=True)
