"""Budgets: what is reported, what is refused, and when it is there again."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from order_sync.emulator import Emulator
from order_sync_tests.emulator.monday import MINUTE_MS, Monday, asleep, batch
from order_sync_tests.waiting import until

ONE_ITEM = 'mutation { create_item(board_id: 101, item_name: "One") { id } complexity { before query after } }'


def left(header: str) -> dict[str, int]:
    return {name: int(figure) for name, figure in re.findall(r'"(\w+)";r=(\d+)', header)}


def test_every_answer_reports_what_is_left(monday: Monday) -> None:
    answer = monday.post("{ me { id } }")
    assert answer.headers["RateLimit-Policy"] == (
        '"minuteRate";q=5000;w=60, "concurrency";q=250;qu="concurrent-requests", "complexityMinute";q=10000000;w=60'
    )
    assert left(answer.headers["RateLimit"])["minuteRate"] == 4_999
    assert left(answer.headers["RateLimit"])["concurrency"] == 249


def test_unless_enforced_nothing_is_refused_or_runs_low(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(limits={"minute_calls": 1, "complexity_per_minute": 40_000})
    for _ in range(3):
        answer = monday.post(ONE_ITEM)
        assert answer.status_code == 200
        assert left(answer.headers["RateLimit"])["complexityMinute"] == 10_000


def test_complexity_reports_the_budget(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(enforce_limits=True)
    seen = [monday.data(ONE_ITEM)["complexity"] for _ in range(2)]
    assert seen == [
        {"before": 10_000_000, "query": 30_000, "after": 9_970_000},
        {"before": 9_970_000, "query": 30_000, "after": 9_940_000},
    ]
    data = monday.data("{ complexity { before query after reset_in_x_seconds } }")["complexity"]
    assert data["before"] == data["after"] == 9_940_000
    assert 0 < data["reset_in_x_seconds"] <= 60


def test_costs_are_settings(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(costs={"create": 7, "operations": {"create_group": 11}})
    query = """mutation { a: create_item(board_id: 101, item_name: "One") { id }
        create_group(board_id: 101, group_name: "G") { id } complexity { query } }"""
    assert monday.data(query)["complexity"]["query"] == 18


@pytest.mark.parametrize("page", ["limit: 400", "limit: $n"])
def test_a_page_costs_by_its_limit(emulator: Emulator, monday: Monday, page: str) -> None:
    emulator.configure(costs={"query": 1, "page_item": 2})
    query = f"""query ($n: Int!) {{ boards(ids: [101]) {{ items_page({page}) {{ cursor }} }}
        version {{ value }} items(ids: [$n]) {{ id }} complexity {{ query }} }}"""
    query = query.replace("items(ids: [$n])", "items(limit: $n)")
    assert monday.data(query, {"n": 400})["complexity"]["query"] == 3 + 800


def test_a_spent_complexity_budget(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(enforce_limits=True, limits={"complexity_per_minute": 70_000})
    for _ in range(2):
        monday.data(ONE_ITEM)
    answer = monday.post(ONE_ITEM, key="k")
    assert answer.status_code == 429
    extensions = answer.json()["errors"][0]["extensions"]
    assert extensions["code"] == "COMPLEXITY_BUDGET_EXHAUSTED"
    assert 0 < extensions["retry_in_seconds"] <= 60
    assert answer.headers["Retry-After"] == str(extensions["retry_in_seconds"])
    assert left(answer.headers["RateLimit"])["complexityMinute"] == 10_000
    assert len(emulator.effects(kind="item_created")) == 2
    emulator.configure(limits={"complexity_status": 200})
    assert monday.post(ONE_ITEM).status_code == 200
    assert monday.code(ONE_ITEM) == "COMPLEXITY_BUDGET_EXHAUSTED"


def test_the_window_ends_60_virtual_seconds_after_its_first_call(emulator: Emulator, monday: Monday) -> None:
    limits = {"complexity_per_minute": 30_000, "minute_calls": 10_000}
    emulator.configure(enforce_limits=True, limits=limits)
    monday.data(ONE_ITEM)
    statuses = []
    for seconds in (0, 30, 30):
        emulator.advance(seconds)
        statuses.append(monday.post(ONE_ITEM).status_code)
    assert statuses == [429, 429, 200]


def test_app_tokens_have_separate_read_and_write_budgets(emulator: Emulator, monday: Monday) -> None:
    limits = {"complexity_per_minute": 30_000, "complexity_shared": False}
    emulator.configure(enforce_limits=True, limits=limits, costs={"query": 30_000})
    assert monday.post(ONE_ITEM).status_code == 200
    assert monday.post("{ me { id } }").status_code == 200
    assert monday.post("{ me { id } }").status_code == 429
    emulator.reset()
    emulator.configure(enforce_limits=True, limits={"complexity_per_minute": 30_000}, costs={"query": 30_000})
    assert monday.post(ONE_ITEM).status_code == 200
    assert monday.post("{ me { id } }").status_code == 429


def test_one_query_has_a_limit_of_its_own(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(enforce_limits=True)
    query, variables = batch(167)  # 5,010,000 points.
    assert monday.code(query, variables) == "maxComplexityExceeded"
    assert emulator.effects(kind="item_created") == []


def test_calls_a_minute(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(enforce_limits=True, limits={"minute_calls": 2})
    assert [monday.post("{ me { id } }").status_code for _ in range(3)] == [200, 200, 429]
    answer = monday.post(ONE_ITEM)
    assert answer.json()["errors"][0]["extensions"]["code"] == "Rate Limit Exceeded"
    assert 0 < int(answer.headers["Retry-After"]) <= 60


@pytest.mark.parametrize("status", [200, 429])
def test_calls_a_day(emulator: Emulator, monday: Monday, status: int) -> None:
    emulator.configure(enforce_limits=True, limits={"daily_calls": 1, "daily_status": status})
    monday.data("{ me { id } }")
    answer = monday.post(ONE_ITEM)
    assert answer.status_code == status
    error = answer.json()["errors"][0]
    assert error["extensions"]["code"] == "DAILY_LIMIT_EXCEEDED"
    assert "00:00 UTC" in error["message"]
    assert emulator.effects(kind="item_created") == []


def test_calls_at_once(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(enforce_limits=True, latency_ms=MINUTE_MS, timeout_s=0, limits={"concurrency": 2})
    with ThreadPoolExecutor(4) as pool:
        waiting = pool.map(lambda _: monday.post(ONE_ITEM), range(4))
        until(lambda: emulator.stats()["refused"] == 2, "two refusals")
        asleep(emulator, 2)
        emulator.advance(60)
        answers = list(waiting)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["errors"][0]["extensions"]["code"] == "maxConcurrencyExceeded"
    assert emulator.stats()["in_flight_peak"] >= 3


def test_boards_a_minute(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(enforce_limits=True, limits={"boards_per_minute": 1})
    query = 'mutation { create_board(board_kind: public, board_name: "B", empty: true) { id } }'
    monday.data(query)
    extensions = monday.error(query)["extensions"]
    assert extensions["code"] == "FIELD_LIMIT_EXCEEDED"
    assert 0 < extensions["error_data"]["retry_in_seconds"] <= 60


def test_one_writer_a_board(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One")
    emulator.configure(lock_boards=True, latency_ms=MINUTE_MS, timeout_s=0)
    subitem = f'mutation {{ create_subitem(parent_item_id: {item}, item_name: "Size M") {{ id }} }}'
    # Subitems live on another board than their item: these two do not meet.
    assert meet(emulator, monday, [ONE_ITEM, subitem], refused=0) == [200, 200]
    assert meet(emulator, monday, [subitem] * 3, refused=2) == [200, 423, 423]
    assert meet(emulator, monday, ["{ boards(ids: [101]) { id } }", ONE_ITEM], refused=0) == [200, 200]


def meet(emulator: Emulator, monday: Monday, queries: list[str], *, refused: int) -> list[int]:
    """The statuses of requests of which each waits, or is refused, before the first one goes on."""
    already = emulator.stats()["refused"]
    with ThreadPoolExecutor(len(queries)) as pool:
        waiting = pool.map(monday.post, queries)
        until(lambda: emulator.stats()["refused"] - already == refused, f"{refused} refusals")
        asleep(emulator, len(queries) - refused)
        emulator.advance(60)
        return sorted(answer.status_code for answer in waiting)


def test_time_a_request_and_a_mutation_take(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(latency_ms=100, mutation_ms=20)
    query, variables = batch(5)
    monday.data(query, variables)
    times = [effect["at"] for effect in emulator.effects(kind="item_created")]
    assert times == sorted(times)
    assert times[-1] - times[0] >= 0.07
    assert emulator.requests()[0]["seconds"] >= 0.19


SLOW_BATCH = 6


def test_execution_continues_after_the_gateway_gives_up(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(timeout_s=30, mutation_ms=MINUTE_MS)
    query, variables = batch(SLOW_BATCH)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(monday.post, query, variables, key="k")
        asleep(emulator, 2)  # the request, and the gateway's patience
        emulator.advance(30)
        answer = waiting.result()
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (504, "text/html")
    assert len(emulator.effects(kind="item_created")) < SLOW_BATCH
    assert monday.post(query, variables, key="k").status_code == 409
    for created in range(SLOW_BATCH):
        until(lambda created=created: len(emulator.effects(kind="item_created")) == created, f"item {created}")  # type: ignore[misc]
        emulator.advance(60)
    until(lambda: emulator.effects(kind="response_kept"), "the execution to end")
    assert len(emulator.effects(kind="item_created")) == SLOW_BATCH
    kept = monday.post(query, variables, key="k")
    assert (kept.status_code, kept.headers["Idempotency-Replayed"]) == (200, "true")
    assert len(kept.json()["data"]) == SLOW_BATCH
    assert len(emulator.effects(kind="item_created")) == SLOW_BATCH
    assert [record["status"] for record in emulator.requests()] == [504, 409, 200]


@pytest.mark.parametrize("timeout_s", [None, 0, 60])
def test_a_request_that_is_in_time(emulator: Emulator, monday: Monday, timeout_s: float | None) -> None:
    emulator.configure(timeout_s=timeout_s, mutation_ms=50)
    query, variables = batch(SLOW_BATCH)
    assert monday.post(query, variables).status_code == 200


def test_the_time_out_is_a_minute_of_virtual_time(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(mutation_ms=2 * MINUTE_MS)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(monday.post, *batch(1))
        asleep(emulator, 2)  # the request, and the gateway's patience
        emulator.advance(30)
        assert not waiting.done()
        emulator.advance(30)
        assert waiting.result().status_code == 504


def test_the_clock_moves_only_on_request(emulator: Emulator, monday: Monday) -> None:
    """Then nobody has to wait for it; a machine that is busy changes nothing."""
    emulator.configure(latency_ms=MINUTE_MS, timeout_s=0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(monday.post, ONE_ITEM)
        asleep(emulator, 1)
        emulator.advance(20)
        asleep(emulator, 1)
        emulator.advance(40)
        assert waiting.result().status_code == 200
    assert emulator.requests()[0]["seconds"] >= 60
    for seconds in (-1, "soon", 1e300):
        with pytest.raises(ValueError, match="seconds is a number"):
            emulator.advance(seconds)  # type: ignore[arg-type]


def test_a_reset_ends_what_still_runs(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(mutation_ms=2 * MINUTE_MS)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(monday.post, ONE_ITEM)
        asleep(emulator, 2)
        emulator.advance(60)
        assert waiting.result().status_code == 504
        asleep(emulator, 1)
        emulator.configure(timeout_s=0)
        in_time = pool.submit(monday.post, ONE_ITEM)
        asleep(emulator, 2)
        emulator.reset()
        asleep(emulator, 0)
        assert in_time.result().status_code == 502
