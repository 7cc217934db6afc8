"""One key, one execution - as long as the answer is kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from order_sync.emulator import Emulator, Fault, FaultKind
from order_sync_tests.emulator.monday import MINUTE_MS, Monday, asleep, batch
from order_sync_tests.waiting import until

ONE_ITEM = 'mutation { create_item(board_id: 101, item_name: "One") { id } }'


def created(emulator: Emulator) -> int:
    return len(emulator.effects(kind="item_created"))


def test_a_repeated_key_gets_the_first_answer(emulator: Emulator, monday: Monday) -> None:
    first, second = monday.post(ONE_ITEM, key="k"), monday.post(ONE_ITEM, key="k")
    assert second.content == first.content
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert created(emulator) == 1
    assert [request["replayed"] for request in emulator.requests()] == [False, True]


def test_another_key_or_none_is_another_execution(emulator: Emulator, monday: Monday) -> None:
    for key in ("k", "l", None, None):
        monday.post(ONE_ITEM, key=key)
    assert created(emulator) == 4


def test_a_partial_failure_is_replayed_as_it_was(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind.PARTIAL_BATCH, nth=1)])
    query, variables = batch(4)
    first, second = monday.post(query, variables, key="k"), monday.post(query, variables, key="k")
    assert second.json() == first.json()
    assert [error["path"] for error in second.json()["errors"]] == [["a1"], ["a3"]]
    assert created(emulator) == 2


def test_a_concurrent_duplicate_is_refused(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(latency_ms=MINUTE_MS, timeout_s=0)
    with ThreadPoolExecutor(4) as pool:
        waiting = pool.map(lambda _: monday.post(ONE_ITEM, key="k"), range(4))
        until(lambda: emulator.stats()["refused"] == 3, "three refusals")
        asleep(emulator, 1)
        emulator.advance(60)
        answers = list(waiting)
    emulator.configure(latency_ms=0)
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_CONFLICT"
    assert int(refused.headers["Retry-After"]) > 0
    assert created(emulator) == 1
    assert monday.post(ONE_ITEM, key="k").headers["Idempotency-Replayed"] == "true"


def test_queries_have_no_use_for_a_key(monday: Monday) -> None:
    for _ in range(2):
        assert "Idempotency-Replayed" not in monday.post("{ me { id } }", key="k").headers


@pytest.mark.parametrize(
    "why",
    [
        {"idempotency_max_response": 10},
        {"idempotency_memory": 10},
        {"faults": [Fault(kind=FaultKind.NOT_KEPT, nth=1)]},
    ],
)
def test_an_answer_that_is_not_kept_is_executed_again(
    emulator: Emulator, monday: Monday, why: dict[str, object]
) -> None:
    emulator.configure(**why)
    for _ in range(2):
        assert monday.post(ONE_ITEM, key="k").status_code == 200
    assert created(emulator) == 2


def test_an_answer_over_a_megabyte_is_executed_but_not_kept(emulator: Emulator, monday: Monday) -> None:
    fields = " ".join(f"n{i}: name" for i in range(900))
    query = " ".join(f'a{i}: create_item(board_id: 101, item_name: "{"x" * 255}") {{ {fields} }}' for i in range(5))
    for _ in range(2):
        answer = monday.post(f"mutation {{ {query} }}", key="k")
        assert len(answer.content) > 1_000_000
    assert created(emulator) == 10


def test_after_30_minutes_the_key_is_forgotten(emulator: Emulator, monday: Monday) -> None:
    monday.post(ONE_ITEM, key="k")
    emulator.advance(1_700)
    assert "Idempotency-Replayed" in monday.post(ONE_ITEM, key="k").headers
    emulator.advance(101)
    monday.post(ONE_ITEM, key="k")
    assert created(emulator) == 2


def test_a_refused_request_leaves_its_key_free(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind.RATE_LIMIT_MINUTE, nth=1)])
    assert monday.post(ONE_ITEM, key="k").status_code == 429
    answer = monday.post(ONE_ITEM, key="k")
    assert answer.status_code == 200
    assert "Idempotency-Replayed" not in answer.headers
