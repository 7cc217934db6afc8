"""A record_uuid has one holder: two runs that claim parts of it at once, in every order of their steps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from time import sleep
from typing import Any

import pytest

from order_sync.database import claims
from order_sync.database.claims import OrderQueue
from order_sync.database.connection import Row, WritableDatabase
from order_sync.demo.samples import SampleOrders
from order_sync.orders.states import State
from order_sync_tests.contract.site import Site, make_order, uuids

# The most steps that each of the two has: it claims, looks, looks again or not, and releases or not.
ORDERS = sorted(set(permutations("aaaabbb")))


class Gate:
    """Lets one of several threads do one step at a time."""

    def __init__(self) -> None:
        self._turn = threading.Semaphore(0)
        self._waits = threading.Semaphore(0)

    def wait(self) -> None:
        self._waits.release()
        assert self._turn.acquire(timeout=60)

    def step(self, future: Any) -> None:
        """Lets it do what it waits for, until it waits again or has ended."""
        if future.done():
            return
        self._turn.release()
        while not self._waits.acquire(timeout=0.01):
            if future.done():
                return


class SteppedQueue(OrderQueue):
    """Each transaction, and each look for others, waits at the gate."""

    def __init__(self, site: Site, gate: Gate) -> None:
        super().__init__(site.database, site.tables, lease_seconds=600)
        self._gate = gate

    def _take(self, *args: Any, **kwargs: Any) -> Any:
        self._gate.wait()
        return super()._take(*args, **kwargs)

    def _others(self, *args: Any) -> Any:
        self._gate.wait()
        return super()._others(*args)

    def _release_orders(self, *args: Any) -> Any:
        self._gate.wait()
        return super()._release_orders(*args)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two looks, one after the other."""
    monkeypatch.setattr(claims, "LOOKS", 1)
    monkeypatch.setattr(claims, "sleep", lambda seconds: sleep(0 * seconds))


@pytest.fixture
def order(site: Site) -> SampleOrders:
    order = make_order(headers=2, lines=2)
    site.add(order)
    return order


def everybodys(site: Site) -> None:
    """Nobody holds anything."""
    for table, state in ((site.tables.header_queue, State.NEW), (site.tables.line_queue, State.PENDING)):
        site.change(table, {"sync_state": state, "sync_run_id": None})


def holders_of(site: Site) -> set[str]:
    tables = (site.tables.header_queue, site.tables.line_queue)
    return {row["sync_run_id"] for table in tables for row in site.rows(table)} - {None}


def nth(turns: tuple[str, ...], name: str, number: int) -> int:
    """When somebody has this turn."""
    return [n for n, turn in enumerate(turns) if turn == name][number - 1]


Claim = Callable[[OrderQueue, str, SampleOrders], list[Row]]


def header(number: int) -> Claim:
    return lambda queue, run_id, order: queue.claim_headers(run_id, [uuids([order], "headers")[number]])


def line(number: int) -> Claim:
    return lambda queue, run_id, order: queue.claim_lines(run_id, [uuids([order], "lines")[number]])


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as workers:
        yield workers


@pytest.mark.parametrize(
    ("first", "second"),
    [(header(0), header(1)), (header(0), line(0)), (line(0), header(0)), (line(0), line(1))],
    ids=["two headers", "a header and a line", "a line and a header", "two lines"],
)
def test_parts_of_an_order_claimed_at_once_have_one_holder(
    site: Site, order: SampleOrders, workers: ThreadPoolExecutor, first: Claim, second: Claim
) -> None:
    for turns in ORDERS:
        everybodys(site)
        gates = {"a": Gate(), "b": Gate()}
        futures = {
            "a": workers.submit(first, SteppedQueue(site, gates["a"]), "run-a", order),
            "b": workers.submit(second, SteppedQueue(site, gates["b"]), "run-b", order),
        }
        for gate in gates.values():
            assert gate._waits.acquire(timeout=60)
        for turn in (*turns, *"abababab"):
            gates[turn].step(futures[turn])
        going = {f"run-{name}" for name, future in futures.items() if future.result(timeout=60)}
        assert len(going) <= 1, turns
        assert holders_of(site) == going, turns
        if nth(turns, "b", 3) < nth(turns, "a", 3):
            assert len(going) == 1, turns  # run-b has released its part before run-a has looked for the last time


def test_who_held_a_part_first_keeps_it(site: Site, order: SampleOrders) -> None:
    one, two = uuids([order], "headers")
    queue = site.queue()
    assert len(queue.claim_headers("run-2", [one])) == 1
    assert len(queue.claim_headers("run-1", [two])) == 0  # it waits for run-2, in vain
    assert len(queue.claim_headers("run-3", [two])) == 0
    assert len(queue.claim_lines("run-1", uuids([order], "lines"))) == 0
    assert len(queue.claim_lines("run-2", uuids([order], "lines"))) == 2
    assert holders_of(site) == {"run-2"}


def test_an_order_whose_lines_another_run_holds_is_not_claimed(site: Site, order: SampleOrders) -> None:
    assert len(site.queue().claim_lines("run-2", uuids([order], "lines")[:1])) == 1
    assert site.queue().claimable_headers() == []
    assert len(site.queue().claim_headers("run-1", uuids([order], "headers"))) == 0
    assert holders_of(site) == {"run-2"}
    assert len(site.queue().claimable_headers(["run-2"])) == 2
    assert len(site.queue().claim_headers("run-1", uuids([order], "headers"), over=["run-2"])) == 2


def test_a_lease_that_was_renewed_too_late_gives_way(site: Site, order: SampleOrders) -> None:
    """run-1 slept past its lease, and run-2 has a part of the order since."""
    one, two = uuids([order], "headers")
    queue = site.queue()
    assert len(queue.claim_headers("run-1", [one])) == 1
    site.age_claims("run-1", 601)
    assert len(queue.claim_headers("run-2", [two])) == 1
    assert queue.renew("run-1") == 0
    assert holders_of(site) == {"run-2"}
    assert queue.renew("run-2") == 1


def test_what_is_taken_over_has_one_holder_too(site: Site, order: SampleOrders) -> None:
    """run-1 died before it looked for others."""
    one, two = uuids([order], "headers")
    site.change(site.tables.header_queue, claimed(site, "run-1"), delta_uuid=one)
    site.change(site.tables.header_queue, claimed(site, "run-2"), delta_uuid=two)
    assert site.queue().take_over("run-3", "run-1") == 1
    assert holders_of(site) == {"run-2"}


def claimed(site: Site, run_id: str) -> dict[str, Any]:
    return {"sync_state": State.PENDING, "sync_run_id": run_id, "sync_attempted_at": site.now()}


def test_orders_claimed_at_once_get_one_owner_each(site: Site) -> None:
    """Threads instead of turns, as servers have it: each claims one header of every order."""
    orders = [make_order(headers=2, lines=0) for _ in range(50)]
    site.add(*orders)
    together = threading.Barrier(2)

    def claim(run_id: str, number: int) -> int:
        queue = OrderQueue(WritableDatabase(site.database.url), site.tables, lease_seconds=600)
        together.wait(30)
        try:
            return len(queue.claim_headers(run_id, [order.headers[number]["delta_uuid"] for order in orders]))
        finally:
            queue.database.dispose()

    with ThreadPoolExecutor(2) as workers:
        counts = list(workers.map(claim, ("run-a", "run-b"), (0, 1)))
    held: dict[str, set[str]] = {}
    for row in site.rows(site.tables.header_queue):
        if row["sync_run_id"]:
            held.setdefault(row["record_uuid"], set()).add(row["sync_run_id"])
    assert {len(runs) for runs in held.values()} <= {1}
    assert sum(counts) == len(held)
