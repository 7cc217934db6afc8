"""A server that rolls back without saying so and goes on with what follows: noticed, tried again, or reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from order_sync.database import connection as database_module
from order_sync.database.commit import commit
from order_sync.database.entries import Entry, Operation
from order_sync.database.requeue import requeue
from order_sync.demo.samples import SampleOrders
from order_sync.orders.errors import LeaseLost, Rejected, WriteLost
from order_sync.orders.states import State
from order_sync.sync.account_budget import AccountBudget
from order_sync_tests.contract.site import Site, make_order, record, uuids


@contextmanager
def rolling_back(site: Site, *, times: int, write: int = 1) -> Iterator[None]:
    """Undoes the nth write of this many transactions, and everything before it, while nobody is looking."""
    left, written = times, 0

    def undo(_connection: sa.Connection, cursor: Any, statement: str, *_: object) -> None:
        nonlocal left, written
        written += statement.startswith(("UPDATE", "INSERT", "DELETE"))
        if left == 0 or written != write:
            return
        left -= 1
        written += 1  # once in a transaction
        cursor.connection.rollback()
        if site.database.dialect == "sqlite":
            cursor.connection.execute("BEGIN IMMEDIATE")

    def forget(_connection: sa.Connection) -> None:
        nonlocal written
        written = 0

    event.listen(site.database.engine, "after_cursor_execute", undo)
    event.listen(site.database.engine, "begin", forget)
    try:
        yield
    finally:
        event.remove(site.database.engine, "after_cursor_execute", undo)
        event.remove(site.database.engine, "begin", forget)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "sleep", lambda seconds: None)


@pytest.fixture
def order(site: Site) -> SampleOrders:
    """An order that run-1 has claimed, with a request under way on the board that it holds."""
    order = make_order(headers=2)
    site.add(order)
    site.claim("run-1", order)
    site.age_claims("run-1", 300)
    journal = site.journal()
    assert journal._try_board() is None
    journal.open(entry(order))
    return order


def entry(order: SampleOrders, *, key: str = "key-1", body: str = "{}") -> Entry:
    return Entry(idempotency_key=key, operation=Operation.ITEMS, keys=tuple(uuids([order], "headers")), body=body)


def ids(order: SampleOrders, table: str) -> dict[str, str]:
    return {key: str(number) for number, key in enumerate(uuids([order], table), start=1)}


@dataclass(frozen=True)
class Deed:
    """A transaction, and what a column holds once it has taken effect."""

    do: Callable[[Site, SampleOrders], object]
    table: str
    column: str
    after: set[Any]
    write: int = 1  # which of its writes is undone, with those before it


DEEDS = {
    "claim_headers": Deed(
        lambda site, order: site.queue().claim_headers("run-2", uuids([order], "headers"), ["run-1"]),
        *("header_queue", "sync_run_id", {"run-2"}),
    ),
    "claim_lines": Deed(
        lambda site, order: site.queue().claim_lines("run-2", uuids([order], "lines"), ["run-1"]),
        *("line_queue", "sync_run_id", {"run-2"}),
    ),
    "take_over": Deed(
        lambda site, order: site.queue().take_over("run-2", "run-1"), "line_queue", "sync_run_id", {"run-2"}
    ),
    "release": Deed(lambda site, order: site.queue().release("run-1"), "header_queue", "sync_state", {State.NEW}),
    "assign_groups": Deed(
        lambda site, order: site.queue().assign_groups("run-1", dict.fromkeys(uuids([order], "headers"), "g")),
        *("header_queue", "monday_group_id", {"g"}),
    ),
    "assign_parents": Deed(
        lambda site, order: site.queue().assign_parents("run-1", dict.fromkeys(uuids([order], "lines"), 7)),
        *("line_queue", "parent_item_id", {7}),
    ),
    "open": Deed(
        lambda site, order: site.journal().open(entry(order, key="key-2")),
        *("journal", "idempotency_key", {"key-1", "key-2"}),
        write=2,
    ),
    "amend": Deed(
        lambda site, order: site.journal().amend(entry(order, body='{"job": 1}')),
        "journal",
        "body",
        {'{"job": 1}'},
        write=2,
    ),
    "close": Deed(
        lambda site, order: site.journal().close(entry(order), created=ids(order, "headers")),
        *("journal", "state", {"CLOSED"}),
        write=2,
    ),
    "adopt": Deed(
        lambda site, order: site.journal().adopt(Operation.ITEMS, ids(order, "headers")),
        *("header_queue", "monday_item_id", {1, 2}),
        write=2,
    ),
    "reject": Deed(
        lambda site, order: site.journal().reject(
            Operation.SUBITEMS,
            dict.fromkeys(uuids([order], "lines"), Rejected("no")),
        ),
        *("line_queue", "sync_state", {State.ERROR}),
        write=2,
    ),
    "adopt_lines": Deed(
        lambda site, order: site.journal().adopt(Operation.SUBITEMS, dict.fromkeys(uuids([order], "lines"), "21")),
        *("line_queue", "monday_subitem_id", {21}),
        write=2,
    ),
}


@pytest.mark.parametrize("name", DEEDS)
def test_what_a_server_undid_is_done_again(site: Site, order: SampleOrders, name: str) -> None:
    deed = DEEDS[name]
    with rolling_back(site, times=1, write=deed.write):
        deed.do(site, order)
    assert {row[deed.column] for row in site.rows(getattr(site.tables, deed.table))} == deed.after


@pytest.mark.parametrize("name", DEEDS)
def test_what_a_server_undoes_each_time_is_reported(site: Site, order: SampleOrders, name: str) -> None:
    deed = DEEDS[name]
    with rolling_back(site, times=1_000, write=deed.write), pytest.raises((WriteLost, LeaseLost)):
        deed.do(site, order)


def test_a_board_lease_that_was_undone_is_taken_again(site: Site, order: SampleOrders) -> None:
    journal = site.journal("run-2", is_over=lambda run_id: True)
    second = 2  # write: the first takes no board of a run that has ended
    with rolling_back(site, times=1_000, write=second), pytest.raises(WriteLost):
        journal._try_board()
    with rolling_back(site, times=1, write=second):
        assert journal._try_board() is None
    assert {row["run_id"] for row in site.rows(site.tables.boards)} == {"run-2"}


def test_a_claim_of_free_rows_that_is_undone_is_reported(site: Site, order: SampleOrders) -> None:
    site.queue().release("run-1")
    with rolling_back(site, times=1_000), pytest.raises(WriteLost, match="2 rows could still be claimed"):
        site.queue().claim_headers("run-2", uuids([order], "headers"))


def test_a_lease_that_was_not_renewed_is_renewed_again(site: Site, order: SampleOrders) -> None:
    with rolling_back(site, times=1):
        assert site.queue().renew("run-1") == 4
    now = site.now()
    for table in (site.tables.header_queue, site.tables.line_queue):
        assert {now - row["sync_attempted_at"] < timedelta(seconds=60) for row in site.rows(table)} == {True}


def test_a_retry_that_was_undone_is_done_again(site: Site, order: SampleOrders) -> None:
    site.change(site.tables.header_queue, {"sync_state": State.ERROR})
    with rolling_back(site, times=1):
        assert site.queue().retry() == 2
    assert {row["sync_state"] for row in site.rows(site.tables.header_queue)} == {State.NEW}


def test_a_commit_that_was_undone_is_done_again(site: Site, order: SampleOrders) -> None:
    site.change(site.tables.header_queue, {"monday_item_id": 1})
    site.change(site.tables.line_queue, {"monday_subitem_id": 2, "parent_item_id": 1})
    with rolling_back(site, times=1):
        assert commit(site.database, site.queue(), "run-1").ready == [record(order)]
    for table in site.tables.site:
        assert {row["sync_state"] for row in site.rows(table)} == {State.SYNCED}


def test_a_commit_that_is_undone_each_time_holds_the_order(site: Site, order: SampleOrders) -> None:
    site.change(site.tables.header_queue, {"monday_item_id": 1})
    site.change(site.tables.line_queue, {"monday_subitem_id": 2, "parent_item_id": 1})
    with rolling_back(site, times=1_000):
        [held] = commit(site.database, site.queue(), "run-1").held
    assert held.record_uuid == record(order)
    for table in site.tables.site:
        assert State.SYNCED not in {row["sync_state"] for row in site.rows(table)}


def test_points_that_were_not_recorded_are_taken_again(site: Site) -> None:
    budget = AccountBudget(site.database, site.tables, account="a" * 32)
    budget.share()
    budget.reserve(30_000, 100, 1e7)
    with rolling_back(site, times=1):
        budget.reserve(30_000, 200, 1e7)  # too many to take any ahead
    assert site.row(site.tables.budgets)["points_taken"] == 9_000_000


def test_an_unfinished_rollback_is_repeated(site: Site, order: SampleOrders) -> None:
    site.change(site.tables.header_queue, {"monday_item_id": 1, "sync_state": State.SYNCED})
    site.change(site.tables.line_queue, {"monday_subitem_id": 2, "parent_item_id": 1, "sync_state": State.SYNCED})
    with rolling_back(site, times=1):
        assert requeue(site.database, site.tables, {record(order): [1]}).records == [record(order)]
    assert {row["sync_state"] for row in site.rows(site.tables.header_queue)} == {State.NEW}
