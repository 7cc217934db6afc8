"""Many rows at once: in bounded transactions, right if stopped between two of them, and never in a run's way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from order_sync.database import housekeeping
from order_sync.database.counts import Lease
from order_sync.database.housekeeping import expired, remove_expired
from order_sync.orders.states import State
from order_sync_tests.contract.site import Site, make_order, new_uuid

ROWS = 2_500
AGE = timedelta(days=90)


class Stopped(Exception):
    """As when the process is killed."""


@contextmanager
def writes(site: Site, *, stop_after: int | None = None) -> Iterator[list[str]]:
    """The statements that write, one a transaction; the process stops before the one after `stop_after`."""
    seen: list[str] = []

    def look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("UPDATE", "DELETE")):
            return
        if len(seen) == stop_after:
            raise Stopped
        seen.append(statement)

    event.listen(site.database.engine, "before_cursor_execute", look)
    try:
        yield seen
    finally:
        event.remove(site.database.engine, "before_cursor_execute", look)


@pytest.fixture
def claimed(site: Site) -> Site:
    """Orders that run-1 has claimed: 1,250 headers and as many lines."""
    orders = [make_order(lines=1) for _ in range(ROWS // 2)]
    site.add(*orders)
    site.claim("run-1", *orders)
    site.age_claims("run-1", 300)
    return site


def test_no_statement_locks_more_than_a_thousand_rows(claimed: Site) -> None:
    queue = claimed.queue()
    deeds: list[Callable[[], int]] = [
        lambda: queue.renew("run-1"),
        lambda: queue.take_over("run-2", "run-1"),
        lambda: queue.release("run-2"),
    ]
    for deed in deeds:
        with writes(claimed) as seen:
            assert deed() == ROWS
        assert len(seen) == 4
        assert max(statement.count("?") for statement in seen) < 1_010


def test_a_release_that_was_stopped_frees_lines_before_headers(claimed: Site) -> None:
    with writes(claimed, stop_after=3), pytest.raises(Stopped):
        claimed.queue().release("run-1")
    assert {row["sync_run_id"] for row in claimed.rows(claimed.tables.line_queue)} == {None}
    headers = claimed.rows(claimed.tables.header_queue)
    assert sorted(state for state in {row["sync_state"] for row in headers}) == [State.NEW, State.PENDING]
    assert claimed.queue().release("run-1") == 250
    assert claimed.queue().leases() == []


def test_a_partial_takeover_can_be_finished(claimed: Site) -> None:
    with writes(claimed, stop_after=1), pytest.raises(Stopped):
        claimed.queue().take_over("run-2", "run-1")
    assert [lease.run_id for lease in claimed.queue().leases()] == ["run-1", "run-2"]
    over = ["run-1", "run-2"]
    assert sum(claimed.queue().take_over("run-3", run_id, over) for run_id in over) == ROWS
    assert claimed.queue().leases() == [Lease(run_id="run-3", rows=ROWS)]


@pytest.fixture
def old(site: Site) -> Site:
    """A log and a journal of which all but one row of each have expired."""
    now = site.now()
    site.insert(
        site.tables.log,
        *(
            {
                "logged_at": now - AGE * (0.5 if n == 0 else 2),
                "run_id": "run-1",
                "delta_uuid": new_uuid(),
                "operation": "create_item",
                "outcome": "created",
            }
            for n in range(ROWS)
        ),
    )
    common = {"board_id": 1, "operation": "create_item", "keys": "[]", "run_id": "run-1"}
    times = dict.fromkeys(("opened_at", "sent_at", "closed_at"), now - AGE * 2)
    site.insert(
        site.tables.journal,
        *(
            common | times | {"idempotency_key": f"key-{n}", "state": "OPEN" if n == 0 else "CLOSED"}
            for n in range(ROWS)
        ),
    )
    return site


def expire(old: Site) -> int:
    return remove_expired(old.database, expired(old.database, old.tables, AGE))


def test_the_log_expires_a_thousand_rows_at_a_time(old: Site) -> None:
    with writes(old) as seen:
        assert expire(old) == 2 * (ROWS - 1)
    assert len(seen) == 6
    assert len(old.rows(old.tables.log)) == 1
    assert [row["state"] for row in old.rows(old.tables.journal)] == ["OPEN"]
    assert expire(old) == 0


def test_more_than_a_run_may_remove_waits_for_the_next(old: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "MOST", 1_500)
    assert expire(old) == 3_000
    assert expire(old) == 2 * (ROWS - 1) - 3_000


def test_a_slow_expiry_continues_in_the_next_run(old: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "SECONDS", 0)
    assert expire(old) == 2_000  # one thousand of each table
    assert len(old.rows(old.tables.log)) == ROWS - 1_000


def test_an_interrupted_expiry_continues_later(old: Site) -> None:
    with writes(old, stop_after=1), pytest.raises(Stopped):
        expire(old)
    assert len(old.rows(old.tables.log)) == ROWS - 1_000
    assert expire(old) == 2 * (ROWS - 1) - 1_000
