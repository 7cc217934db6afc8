"""The client: one clear message where monday cannot be used, and waits as monday asks."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from order_sync.cli.output.progress import progress
from order_sync.emulator import Fault, FaultKind
from order_sync.monday import operations
from order_sync.monday.budget import Budget
from order_sync.monday.client import BUDGET_SLICE_SECONDS, MondayReader
from order_sync.monday.pacing import Pacer
from order_sync.monday.transport import MondayTransport
from order_sync.orders.errors import Fatal, NotFound, NotMonday, QuotaExhausted, Transient
from order_sync_tests.sync.stage import OddTransport, QuickClock, Stage

NOWHERE = "http://127.0.0.1:9/v2"  # the discard port: nobody listens


def test_the_version_is_checked_once_and_teaches_the_budget(stage: Stage) -> None:
    with stage.client() as client:
        client.check_version()
        assert client.usage.calls == 1
        assert client.pacer.batch_size("create_item") == 10
    [request] = stage.emulator.requests()
    assert request["operations"] == ["complexity", "me", "version", "versions"]


def test_another_version_is_named_before_anything_is_written(stage: Stage) -> None:
    stage.faults(Fault(kind=FaultKind.WRONG_VERSION))
    with (
        stage.client() as client,
        pytest.raises(Fatal, match=r"serves API version \S+ instead of 2026-10.*Nothing was written"),
    ):
        client.check_version()


@pytest.mark.parametrize(
    ("settings", "warning"),
    [
        ({}, None),
        ({"api_version": "2027-01"}, "2026-10 is in maintenance: .*Try ORDER_SYNC_MONDAY_VERSION=2027-01 in a dry run"),
        ({"api_kinds": {"2026-10": "old_previous_maintenance"}}, "2026-10 is in old previous maintenance"),
        ({"api_kinds": {"2026-10": "deprecated", "2027-01": "current"}}, "is deprecated: .*MONDAY_VERSION=2027-01"),
        ({"api_kinds": {"2026-10": "release_candidate", "2026-07": "current"}}, "monday may still change it.*2026-07"),
        ({"api_kinds": {"2026-10": "dev"}}, "2026-10 is dev: monday may still change it"),
    ],
)
def test_a_version_that_will_not_last_is_warned_of(stage: Stage, settings: dict[str, Any], warning: str | None) -> None:
    stage.emulator.configure(**settings)
    with stage.client() as client:
        version = client.check_version()
        assert client.usage.calls == 1
    assert version.value == "2026-10"
    if warning is None:
        assert version.warning is None
    else:
        assert re.search(warning, version.warning or "")


def test_a_retired_api_version_stops_and_names_the_current_ones(stage: Stage) -> None:
    stage.emulator.configure(api_version="2027-04", api_versions=("2027-01", "2027-04"))
    with stage.client() as client, pytest.raises(Fatal) as caught:
        client.check_version()
    assert caught.value.message == (
        "monday serves API version 2027-04 instead of 2026-10, which is retired or never existed; it has 2027-01 "
        "(maintenance), 2027-04 (current). Nothing was written. Try ORDER_SYNC_MONDAY_VERSION=2027-04 in a dry run, "
        "then set it; or update order_sync."
    )
    with stage.client(MondayTransport(stage.emulator.url, "a-token", version="2027-01")) as client:
        assert client.check_version().kind == "maintenance"


@pytest.mark.parametrize("odd", [None, [], [None], [{}], "versions", [{"value": "2026-10"}]])
def test_a_list_of_versions_that_cannot_be_read_decides_nothing(stage: Stage, odd: Any) -> None:
    def change(data: dict[str, Any]) -> bool:
        data["versions"] = odd
        return True

    with stage.client(OddTransport(stage.emulator.url, change, times=1)) as client:
        version = client.check_version()
    assert (version.value, version.kind, version.warning) == ("2026-10", "current", None)


def test_a_version_that_is_served_but_not_listed_stops(stage: Stage) -> None:
    def change(data: dict[str, Any]) -> bool:
        data["versions"] = [{"value": "2027-01", "kind": "current"}]
        return True

    with (
        stage.client(OddTransport(stage.emulator.url, change, times=1)) as client,
        pytest.raises(Fatal, match=r"no longer lists API version 2026-10.*it has 2027-01 \(current\)"),
    ):
        client.check_version()


def test_a_bad_token_is_named_and_not_shown(stage: Stage) -> None:
    transport = MondayTransport(stage.emulator.url, "Bearer hunter2")
    with stage.client(transport) as client, pytest.raises(Fatal, match="Check ORDER_SYNC_MONDAY_TOKEN") as caught:
        client.check_version()
    assert "hunter2" not in str(caught.value)
    assert len(stage.emulator.requests()) == 1


def test_a_refused_connection_is_one_message_with_the_next_step(stage: Stage) -> None:
    with (
        stage.client(MondayTransport(NOWHERE, "hunter2")) as client,
        pytest.raises(Fatal, match=r"cannot be reached at .*:9/v2.*order-sync emulator.*Nothing was written") as caught,
    ):
        client.check_version()
    assert "hunter2" not in str(caught.value)
    assert len(stage.clock.sleeps) == 2


def test_a_query_is_repeated_as_monday_asks(stage: Stage) -> None:
    stage.faults(Fault(kind=FaultKind.COMPLEXITY, retry_in_seconds=23, times=2))
    with stage.client() as client:
        assert client.query(operations.VERSION)["version"]["value"] == "2026-10"
        assert stage.clock.sleeps == [23, 23]
        assert (client.usage.calls, client.usage.waited_seconds) == (3, 46)


def test_without_a_hint_the_waits_grow(stage: Stage) -> None:
    stage.faults(Fault(kind=FaultKind.HTTP_503_EMPTY))
    with stage.client() as client, pytest.raises(Transient, match="HTTP 503"):
        client.query(operations.VERSION)
    waits = stage.clock.sleeps
    assert len(waits) == 7
    assert all(2**n <= wait <= 2**n + 1 for n, wait in enumerate(waits[:5]))
    assert max(waits) <= 31


@pytest.mark.parametrize("kind", ["reset_before", "garbage", "board_lock_423", "http_500"])
def test_a_query_outlives_a_fault(stage: Stage, kind: str) -> None:
    stage.faults(Fault(kind=FaultKind(kind), nth=1, retry_in_seconds=1))
    with stage.client() as client:
        assert client.query(operations.VERSION)["me"]["id"]


def test_a_query_waits_for_the_budget_except_the_budget_query(stage: Stage) -> None:
    stage.emulator.configure(enforce_limits=True)
    budget = Budget(stage.clock.now)
    variables = {"board": ["4700000001"]}
    with stage.client(budget=budget) as client:
        client.query(operations.BOARD, variables)
        assert client.pacer.cost("Board") == 10
        taken = budget.reserve(1, 10_000_000 - 15, 10_000_000)
        assert taken.rows == 10_000_000 - 15
        client.ask_budget()
        assert stage.clock.sleeps == []
        client.query(operations.BOARD, variables)
        assert 55 < sum(stage.clock.sleeps) <= 60
        assert max(stage.clock.sleeps) <= BUDGET_SLICE_SECONDS
        assert client.usage.calls == 3


def test_a_query_does_not_wait_for_midnight(stage: Stage) -> None:
    stage.faults(Fault(kind=FaultKind.DAILY_LIMIT))
    with stage.client() as client, pytest.raises(QuotaExhausted):
        client.query(operations.VERSION)
    assert stage.clock.sleeps == []


def test_a_refused_query_stops_the_run(stage: Stage) -> None:
    with stage.client() as client, pytest.raises(Fatal, match="Its API has changed: update order_sync"):
        client.query("query { no_such_field }")
    with stage.client() as client, pytest.raises(NotFound, match="in a query: nothing was written"):
        client.query(operations.JOB_STATUS, {"job": "00000000-0000-0000-0000-000000000000"})


def test_a_mutation_is_sent_once_per_call(stage: Stage) -> None:
    stage.faults(Fault(kind=FaultKind.RESET_AFTER))
    body = operations.body_of_many(operations.CREATE_GROUP, [{"name": "G"}], {"board": "4700000001"})
    with stage.client() as client, pytest.raises(Transient, match="no answer from monday") as caught:
        client.mutate(body, idempotency_key="k", operation="create_group", rows=1)
    assert (caught.value.no_effect, caught.value.code) == (False, "no_answer")
    assert len(stage.emulator.requests()) == 1


def test_what_a_mutation_costs_is_counted_and_learnt(stage: Stage) -> None:
    body = operations.body_of_many(operations.CREATE_GROUP, [{"name": "G"}, {"name": "H"}], {"board": "4700000001"})
    stage.emulator.configure(costs={"create": 11_000})
    with stage.client() as client:
        reply = client.mutate(body, idempotency_key="k", operation="create_group", rows=2)
        assert (client.usage.complexity, client.pacer.cost("create_group")) == (22_000, 11_000)
        assert not reply.replayed
        assert client.mutate(body, idempotency_key="k", operation="create_group", rows=2).replayed


def test_a_reader_has_no_way_to_write() -> None:
    reader = MondayReader(MondayTransport(NOWHERE, "t"), pacer=Pacer(clock=QuickClock()))
    assert not hasattr(reader, "mutate")


@pytest.mark.parametrize(
    ("asked", "slept"), [(100_000.0, 900.0), (float("inf"), 900.0), (-5.0, 0.0), (float("nan"), 0.0), (70.0, 70.0)]
)
def test_waits_stay_between_0_and_15_minutes(stage: Stage, asked: float, slept: float) -> None:
    with stage.client() as client:
        client.wait(asked)
        assert sum(stage.clock.sleeps) == slept
        assert min(stage.clock.sleeps) >= 0
        assert client.usage.waited_seconds == slept


def test_the_command_line_says_what_a_long_wait_is_for(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    with stage.client() as client, progress(quiet=False):
        client.wait(130, "monday's limit of calls")
        client.wait(1, "a moment")
    shown = capfd.readouterr().err
    for left in (130, 70, 10):
        assert f"waiting {left} s for monday's limit of calls" in shown
    assert "a moment" not in shown


def test_the_command_line_says_that_it_waits_for_the_budget(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    stage.emulator.configure(enforce_limits=True)
    budget = Budget(stage.clock.now)
    variables = {"board": ["4700000001"]}
    with stage.client(budget=budget) as client, progress(quiet=False):
        client.query(operations.BOARD, variables)
        budget.reserve(1, 10_000_000 - 15, 10_000_000)
        client.query(operations.BOARD, variables)
    reported = re.findall(r"waiting \d+ s for monday's complexity budget", capfd.readouterr().err)
    assert 1 <= len(reported) <= 3


@pytest.mark.parametrize("status", [403, 407, 404, 200])
def test_a_firewall_s_page_is_one_clear_message_within_seconds(stage: Stage, status: int) -> None:
    page = b"<html><head><title>Blocked by policy</title></head><body>No.</body></html>"
    with served(status, page, "text/html") as url, stage.client(MondayTransport(url, "a-token")) as client:
        for ask in (client.check_version, lambda: client.query(operations.BOARD, {"board": ["1"]})):
            with pytest.raises(NotMonday, match=rf"HTTP {status} with a page \('Blocked by policy'\).*proxy"):
                ask()
    assert stage.clock.sleeps == []


@pytest.mark.parametrize("status", [407, 403, 502])
def test_a_proxy_that_lets_nothing_through_is_named(stage: Stage, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(status, b"no", "text/plain") as url:
        monkeypatch.setenv("HTTPS_PROXY", url.removesuffix("/v2"))
        monkeypatch.setenv("NO_PROXY", "")
        transport = MondayTransport("https://monday.invalid/v2", "a-token")
        with stage.client(transport) as client, pytest.raises(Fatal, match="the proxy on the way") as caught:
            client.check_version()
    assert isinstance(caught.value, NotMonday) is (status < 500)
    assert len(stage.clock.sleeps) == (0 if status < 500 else 2)


@contextmanager
def served(status: int, content: bytes, kind: str) -> Iterator[str]:
    """A server in monday's place, or a proxy on the way, that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

        do_CONNECT = do_POST

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v2"
        finally:
            server.shutdown()
            thread.join()
