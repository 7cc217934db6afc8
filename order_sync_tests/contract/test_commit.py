"""The commit: whole record_uuids, queue and main tables together, and nothing that somebody else has changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from order_sync.database import commit as commit_module
from order_sync.database.claims import OrderQueue
from order_sync.database.commit import Readiness, commit, readiness
from order_sync.demo.samples import SampleOrders
from order_sync.orders.states import State
from order_sync_tests.contract.site import Site, make_order, new_uuid, put_off_the_board, record, uuids

RUN = "run-1"


def on_board(site: Site, *orders: SampleOrders, first_id: int = 1_000) -> dict[str, int]:
    """Claims the orders and writes ids as if monday had created all; returns them by delta_uuid."""
    site.claim(RUN, *orders)
    ids: dict[str, int] = {}
    for order in orders:
        item = first_id + len(ids)
        for row in order.headers:  # versions of one order
            ids[row["delta_uuid"]] = item
            site.change(
                site.tables.header_queue, {"monday_item_id": ids[row["delta_uuid"]]}, delta_uuid=row["delta_uuid"]
            )
        parent = ids[order.headers[0]["delta_uuid"]]
        for row in order.lines:
            ids[row["delta_uuid"]] = first_id + len(ids)
            values = {"monday_subitem_id": ids[row["delta_uuid"]], "parent_item_id": parent}
            site.change(site.tables.line_queue, values, delta_uuid=row["delta_uuid"])
    return ids


def run_commit(site: Site) -> Readiness:
    return commit(site.database, site.queue(), RUN)


def reasons(found: Readiness) -> dict[str, str]:
    return {held.record_uuid: held.reason for held in found.held}


def is_synced(site: Site, order: SampleOrders) -> bool:
    """True if all rows of all four tables are SYNCED, False if none is; a mixture is a failure."""
    found = {
        row["sync_state"] == State.SYNCED
        for table in site.tables.site
        for row in site.rows(table, record_uuid=record(order))
    }
    assert len(found) == 1, f"the tables differ on {record(order)}"
    return found == {True}


def test_all_four_tables_get_state_and_ids(site: Site) -> None:
    order = make_order(headers=2, lines=2)
    site.add(order)
    ids = on_board(site, order)
    for table in (site.tables.orders, site.tables.header_queue, site.tables.line_queue):
        site.change(table, {"sync_error_message": "as before"})
    before = site.now()
    found = run_commit(site)

    assert (found.ready, found.held) == ([record(order)], [])
    assert (found.headers, found.lines) == ({record(order): 2}, {record(order): 2})
    assert is_synced(site, order)
    for row in [*site.rows(site.tables.header_queue), *site.rows(site.tables.line_queue)]:
        assert row["sync_completed_at"] >= before
        assert (row["sync_error_message"], row["sync_run_id"]) == (None, RUN)
    main = site.row(site.tables.orders)
    oldest = min(order.headers, key=lambda row: row["delta_uuid"])
    assert main["monday_item_id"] in {ids[row["delta_uuid"]] for row in order.headers}
    if site.database.dialect == "sqlite":  # a server sorts equal times by its own order of uniqueidentifiers
        assert main["monday_item_id"] == ids[oldest["delta_uuid"]]
    assert main["last_synced_at"] >= before
    assert main["sync_error_message"] is None
    for row in order.lines:
        line = site.row(site.tables.order_lines, line_uuid=row["line_uuid"])
        assert line["monday_subitem_id"] == ids[row["delta_uuid"]]
        assert line["parent_item_id"] == ids[order.headers[0]["delta_uuid"]]
        assert line["last_synced_at"] >= before


def test_the_item_of_an_order_is_its_oldest_header(site: Site) -> None:
    order = make_order(headers=1, lines=0, minute=1)
    later = make_order(lines=0, minute=2)
    order.headers.append(later.headers[0] | {"record_uuid": record(order)})
    site.add(order)
    ids = on_board(site, order)
    run_commit(site)
    assert site.row(site.tables.orders)["monday_item_id"] == ids[order.headers[0]["delta_uuid"]]


def test_versions_with_several_items_give_the_oldest_ones(site: Site) -> None:
    """In any order of their keys; a header that an earlier run has synced does not count."""
    names = {
        ("header", 0): "ffffffff-0000-4000-8000-000000000000",
        ("header", 1): "00000000-0000-4000-8000-000000000000",
    }
    order = make_order(headers=2, lines=0, name=lambda *of: names.get(of) or new_uuid())
    before = order.headers[0] | {"delta_uuid": new_uuid(), "sync_state": State.SYNCED, "sync_run_id": "run-0"}
    before |= {"created_at": order.headers[0]["created_at"] - timedelta(hours=1), "monday_item_id": 4}
    site.add(order)
    site.insert(site.tables.header_queue, before)
    on_board(site, order)
    for item, row in enumerate(order.headers, start=5):
        site.change(site.tables.header_queue, {"monday_item_id": item}, delta_uuid=row["delta_uuid"])
    assert run_commit(site).ready == [record(order)]
    assert site.row(site.tables.orders)["monday_item_id"] == 5


def test_of_headers_of_one_moment_the_first_key_counts(site: Site) -> None:
    """In any order of their rows; the keys are ones that a server sorts as text does."""
    names = {("header", n): f"00000000-0000-4000-8000-00000000000{9 - n}" for n in range(2)}
    order = make_order(headers=2, lines=0, name=lambda *of: names.get(of) or new_uuid())
    order.headers[1]["created_at"] = order.headers[0]["created_at"]
    site.add(order)
    on_board(site, order)
    for item, row in enumerate(order.headers, start=5):
        site.change(site.tables.header_queue, {"monday_item_id": item}, delta_uuid=row["delta_uuid"])
    assert run_commit(site).ready == [record(order)]
    assert site.row(site.tables.orders)["monday_item_id"] == 6


def test_a_header_that_was_set_to_new_names_no_item(site: Site) -> None:
    """It is to be done again, and still names the run that had it."""
    order = make_order(headers=2, lines=0)
    site.add(order)
    on_board(site, order)
    values = {"sync_state": State.NEW, "monday_item_id": 4}
    site.change(site.tables.header_queue, values, delta_uuid=order.headers[0]["delta_uuid"])
    assert run_commit(site).ready == [record(order)]
    assert site.row(site.tables.orders)["monday_item_id"] == 1_000


def test_each_order_of_a_transaction_gets_its_own_item(site: Site) -> None:
    orders = [make_order(minute=minute, lines=1) for minute in range(3)]
    site.add(*orders)
    ids = on_board(site, *orders)
    assert len(run_commit(site).ready) == 3
    for order in orders:
        assert (
            site.row(site.tables.orders, record_uuid=record(order))["monday_item_id"]
            == ids[order.headers[0]["delta_uuid"]]
        )
        line = site.row(site.tables.order_lines, record_uuid=record(order))
        assert line["monday_subitem_id"] == ids[order.lines[0]["delta_uuid"]]
        assert line["parent_item_id"] == ids[order.headers[0]["delta_uuid"]]


def test_a_line_under_another_order_in_main_is_held(site: Site) -> None:
    order, other = make_order(lines=1), make_order(minute=1, lines=0)
    site.add(order, other)
    on_board(site, order, other)
    site.change(site.tables.order_lines, {"record_uuid": record(other)}, line_uuid=order.lines[0]["line_uuid"])
    found = run_commit(site)
    assert found.ready == [record(other)]
    assert (
        f"{site.tables.order_lines.name} has 0 rows to commit for {record(order)}, but 1"
        in reasons(found)[record(order)]
    )


UNDONE = [
    ("orders", "sync_state", "NULL"),
    ("orders", "monday_item_id", "NULL"),
    ("order_lines", "sync_state", "NULL"),
    ("order_lines", "monday_subitem_id", "1"),
    ("header_queue", "sync_run_id", "'run-9'"),
    ("line_queue", "sync_run_id", "'run-9'"),
]


@pytest.mark.parametrize(("table", "column", "value"), UNDONE)
def test_a_write_that_a_trigger_undoes_is_noticed(site: Site, table: str, column: str, value: str) -> None:
    if site.database.dialect == "mssql":
        pytest.skip("the trigger is written for SQLite")
    order, good = make_order(lines=1), make_order(minute=1, lines=1)
    site.add(order, good)
    on_board(site, order, good)
    of = getattr(site.tables, table)
    with site.database.write() as connection:
        connection.exec_driver_sql(
            f'CREATE TRIGGER undo AFTER UPDATE OF sync_state ON "{of.name}" WHEN NEW.record_uuid = '  # noqa: S608 - a test's
            f"'{record(order)}' BEGIN UPDATE \"{of.name}\" SET {column} = {value} "
            "WHERE record_uuid = NEW.record_uuid; END"
        )
    found = run_commit(site)
    assert found.ready == [record(good)]
    assert f"{of.name} has 0 rows to commit for {record(order)}, but 1 were expected" in reasons(found)[record(order)]
    assert is_synced(site, good)


def test_an_order_without_lines_is_complete(site: Site) -> None:
    order = make_order(lines=0)
    site.add(order)
    on_board(site, order)
    assert run_commit(site).ready == [record(order)]
    assert is_synced(site, order)


def test_what_is_not_on_the_board_is_held_back_whole(site: Site) -> None:
    good, no_item, no_subitem = (make_order(minute=minute) for minute in (1, 2, 3))
    site.add(good, no_item, no_subitem)
    on_board(site, good, no_item, no_subitem)
    site.change(site.tables.header_queue, {"monday_item_id": None}, record_uuid=record(no_item))
    line = no_subitem.lines[0]
    site.change(site.tables.line_queue, {"monday_subitem_id": None}, delta_uuid=line["delta_uuid"])
    found = run_commit(site)
    assert found.ready == [record(good)]
    assert reasons(found) == {
        record(no_item): f"OS-526: its header {no_item.headers[0]['delta_uuid']} has not reached the board yet",
        record(no_subitem): f"OS-526: its line {line['line_uuid']} has not reached the board yet",
    }
    assert [is_synced(site, order) for order in (good, no_item, no_subitem)] == [True, False, False]


@pytest.mark.parametrize("table", ["header_queue", "line_queue"])
def test_a_rejected_row_keeps_its_record_out_and_no_other(site: Site, table: str) -> None:
    bad, good = make_order(headers=2), make_order(minute=1)
    site.add(bad, good)
    on_board(site, bad, good)
    rejected = (bad.headers if table == "header_queue" else bad.lines)[-1]["delta_uuid"]
    values = {"sync_state": State.ERROR, "sync_error_message": "no such label"}
    site.change(getattr(site.tables, table), values, delta_uuid=rejected)
    found = run_commit(site)
    assert found.ready == [record(good)]
    assert "was rejected: no such label" in reasons(found)[record(bad)]
    assert rejected in reasons(found)[record(bad)]
    assert not is_synced(site, bad)
    assert is_synced(site, good)


def test_a_header_that_another_run_holds_keeps_the_record_out(site: Site) -> None:
    order = make_order(headers=2)
    site.add(order)
    on_board(site, order)
    site.change(site.tables.header_queue, {"sync_run_id": "run-2"}, delta_uuid=order.headers[0]["delta_uuid"])
    found = run_commit(site)
    assert reasons(found) == {record(order): "OS-509: one of its headers is held by run run-2"}
    assert not is_synced(site, order)


class Meddling(OrderQueue):
    """A queue of which something changes right after it was read."""

    def __init__(self, site: Site, meddle: Callable[[], object]) -> None:
        super().__init__(site.database, site.tables, lease_seconds=600)
        self._meddle = meddle

    def run_lines(self, run_id: str) -> list[dict[str, Any]]:
        rows = super().run_lines(run_id)
        self._meddle()
        return rows


CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "claimed by another run": ("header_queue", {"sync_run_id": "run-2"}),
    "given back": ("header_queue", {"sync_state": State.NEW}),
    "rejected": ("line_queue", {"sync_state": State.ERROR}),
    "id taken away": ("line_queue", {"monday_subitem_id": None}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_under_the_commit_is_held_and_nothing_else(site: Site, change: str) -> None:
    orders = [make_order(minute=minute) for minute in range(5)]
    site.add(*orders)
    on_board(site, *orders)
    table, values = CHANGES[change]
    victim = (orders[2].headers if table == "header_queue" else orders[2].lines)[0]["delta_uuid"]
    queue = Meddling(site, lambda: site.change(getattr(site.tables, table), values, delta_uuid=victim))
    # What `readiness` sees of rejected and held rows is read later: leave that to the transaction.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commit_module, "held_at_commit", lambda *_, **__: ([], []))
        found = commit(site.database, queue, RUN)
    assert found.ready == [record(order) for order in orders if order is not orders[2]]
    assert "another run or a person changed them" in reasons(found)[record(orders[2])]
    assert [is_synced(site, order) for order in orders] == [True, True, False, True, True]


def test_a_line_that_was_cancelled_since_holds_its_order(site: Site) -> None:
    """Its ids, which this run has read before, are those of a subitem that is deleted."""
    order = make_order(lines=2)
    site.add(order)
    on_board(site, order)
    plan = readiness(site.queue(), RUN)
    put_off_the_board(site, order.lines[0]["line_uuid"], of_version=order.lines[0]["created_at"])
    found = commit(site.database, site.queue(), RUN, plan)
    assert found.ready == []
    lines = site.tables.order_lines.name
    assert f"{lines} has 1 row to commit for {record(order)}, but 2 were" in reasons(found)[record(order)]
    assert not is_synced(site, order)


def queued_again(site: Site, order: SampleOrders, run_id: str, **values: Any) -> dict[str, Any]:
    """A newer version of the order's header, claimed by the run."""
    row = order.headers[0] | {
        "delta_uuid": new_uuid(),
        "created_at": order.headers[0]["created_at"] + timedelta(hours=1),
    }
    site.insert(site.tables.header_queue, row | {"sync_state": State.PENDING, "sync_run_id": run_id} | values)
    return row


def test_a_version_that_another_run_has_claimed_stays_pending(site: Site) -> None:
    """It came after this run had looked, and has not reached the board."""
    order = make_order()
    site.add(order)
    on_board(site, order)
    plan = readiness(site.queue(), RUN)
    newer = queued_again(site, order, "run-2", monday_item_id=1_000)
    assert commit(site.database, site.queue(), RUN, plan).ready == [record(order)]
    assert site.row(site.tables.header_queue, delta_uuid=newer["delta_uuid"])["sync_state"] == State.PENDING


def test_a_header_that_lost_its_item_since_is_held(site: Site) -> None:
    """Although the main table has the item of the version before it."""
    order = make_order(lines=0)
    site.add(order)
    on_board(site, order)
    run_commit(site)
    newer = queued_again(site, order, "run-2", monday_item_id=1_000)
    plan = readiness(site.queue(), "run-2")
    site.change(site.tables.header_queue, {"monday_item_id": None}, delta_uuid=newer["delta_uuid"])
    found = commit(site.database, site.queue(), "run-2", plan)
    assert (found.ready, list(reasons(found))) == ([], [record(order)])
    assert site.row(site.tables.header_queue, delta_uuid=newer["delta_uuid"])["sync_state"] == State.PENDING


def test_a_recreated_item_takes_the_place_of_the_old_one(site: Site) -> None:
    order = make_order(lines=0)
    site.add(order)
    on_board(site, order)
    run_commit(site)
    queued_again(site, order, "run-2", monday_item_id=2_000)
    assert commit(site.database, site.queue(), "run-2").ready == [record(order)]
    assert site.row(site.tables.orders)["monday_item_id"] == 2_000


@pytest.mark.parametrize("table", ["orders", "order_lines"])
def test_a_row_missing_from_main_blocks_its_record(site: Site, table: str) -> None:
    """The queue is never ahead of the main tables, nor they of it."""
    order, other = make_order(lines=1), make_order(minute=1)
    lacking = SampleOrders(
        headers=order.headers,
        lines=order.lines,
        orders=[] if table == "orders" else order.orders,
        order_lines=[] if table == "order_lines" else order.order_lines,
    )
    site.add(other)
    for rows, where in (
        (lacking.orders, site.tables.orders),
        (lacking.order_lines, site.tables.order_lines),
        (lacking.headers, site.tables.header_queue),
        (lacking.lines, site.tables.line_queue),
    ):
        if rows:
            site.insert(where, *rows)
    on_board(site, order, other)
    found = run_commit(site)
    assert found.ready == [record(other)]
    assert getattr(site.tables, table).name in reasons(found)[record(order)]
    assert not is_synced(site, order)
    assert is_synced(site, other)


def test_a_late_line_keeps_the_item_of_its_order(site: Site) -> None:
    order = make_order(lines=1)
    site.add(order)
    on_board(site, order)
    run_commit(site)
    item_id, synced_at = (site.row(site.tables.orders)[name] for name in ("monday_item_id", "last_synced_at"))
    late = order.lines[0] | {"delta_uuid": new_uuid(), "line_uuid": new_uuid(), "size_code": "XXL"}
    site.insert(site.tables.line_queue, late)
    site.insert(site.tables.order_lines, {k: late[k] for k in ("line_uuid", "record_uuid", "size_code", "qty")})
    queue = site.queue()
    assert [row["late"] for row in queue.claimable_lines()] == [True]
    with site.database.read() as connection:
        rows = connection.execute(queue.claimable().late_lines()).all()
    assert [row.delta_uuid for row in rows] == [late["delta_uuid"]]
    assert len(queue.claim_lines("run-2", [late["delta_uuid"]])) == 1
    site.change(site.tables.line_queue, {"monday_subitem_id": 9, "parent_item_id": item_id}, sync_run_id="run-2")
    found = commit(site.database, queue, "run-2")
    assert (found.ready, found.headers, found.lines) == ([record(order)], {}, {record(order): 1})
    main = site.row(site.tables.orders)
    assert (main["monday_item_id"], main["last_synced_at"] > synced_at) == (item_id, True)
    assert site.row(site.tables.order_lines, line_uuid=late["line_uuid"])["monday_subitem_id"] == 9
    assert is_synced(site, order)


def test_a_line_queued_twice_is_one_line(site: Site) -> None:
    order = make_order(lines=1)
    order.lines.append(order.lines[0] | {"delta_uuid": new_uuid()})
    site.add(order)
    on_board(site, order)
    site.change(site.tables.line_queue, {"monday_subitem_id": 31})
    assert run_commit(site).ready == [record(order)]
    assert site.row(site.tables.order_lines)["monday_subitem_id"] == 31
    assert is_synced(site, order)


def test_committing_again_does_nothing(site: Site) -> None:
    order = make_order()
    site.add(order)
    on_board(site, order)
    run_commit(site)
    rows = [site.rows(table) for table in site.tables.site]
    found = run_commit(site)
    assert (found.ready, found.held) == ([], [])
    assert [site.rows(table) for table in site.tables.site] == rows


def test_readiness_only_reads(site: Site) -> None:
    order = make_order()
    site.add(order)
    on_board(site, order)
    rows = [site.rows(table) for table in site.tables.site]
    assert readiness(site.queue(), RUN).ready == [record(order)]
    assert [site.rows(table) for table in site.tables.site] == rows


@pytest.mark.parametrize("count", [999, 1_001])
def test_more_records_than_one_transaction_holds(site: Site, count: int) -> None:
    orders = [make_order(lines=1, minute=n) for n in range(count)]
    site.add(*orders)
    site.claim(RUN, *orders)
    site.change(site.tables.header_queue, {"monday_item_id": 5})
    site.change(site.tables.line_queue, {"monday_subitem_id": 6, "parent_item_id": 5})
    found = run_commit(site)
    assert (len(found.ready), found.held) == (count, [])
    for table in site.tables.site:
        assert {row["sync_state"] for row in site.rows(table)} == {State.SYNCED}
    assert site.queue().claimable_headers() == []
    assert uuids(orders, "headers")[0] in {row["delta_uuid"] for row in site.queue().run_headers(RUN)}


def test_a_transaction_commits_whole_orders_within_a_row_limit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The most that other writers may have to wait for; only an order that has more rows itself exceeds it."""
    monkeypatch.setattr(commit_module, "ROWS_PER_TRANSACTION", 10)
    orders = [make_order(lines=lines, minute=n) for n, lines in enumerate((3, 4, 2, 30, 1, 1))]
    site.add(*orders)
    on_board(site, *orders)
    synced: list[int] = []

    def count(connection: sa.Connection) -> None:
        queues = (site.tables.header_queue, site.tables.line_queue)
        rows = [sa.select(sa.func.count()).select_from(q).where(q.c.sync_state == State.SYNCED) for q in queues]
        synced.append(sum(connection.execute(query).scalar_one() for query in rows))

    event.listen(site.database.engine, "commit", count)
    found = run_commit(site)
    event.remove(site.database.engine, "commit", count)
    assert (len(found.ready), found.held) == (6, [])
    assert [after - before for before, after in pairwise([0, *synced])] == [9, 3, 31, 4]


@pytest.mark.parametrize("records", [1, 500], ids=["after_several_transactions", "in_the_only_one"])
def test_how_it_ended_is_read_once_all_is_synced(site: Site, monkeypatch: pytest.MonkeyPatch, records: int) -> None:
    orders = [make_order(number=f"AO-{n}", minute=n) for n in range(2)]
    site.add(*orders)
    on_board(site, *orders)
    seen: list[set[str]] = []
    queue = OrderQueue(site.database, site.tables, lease_seconds=60)
    monkeypatch.setattr(commit_module, "RECORDS_PER_TRANSACTION", records)

    def look() -> None:
        seen.append({row["sync_state"] for row in queue.run_headers(RUN)})

    assert len(commit(site.database, queue, RUN, then=look).ready) == 2
    assert seen == [{State.SYNCED}]


def test_what_changed_under_the_commit_is_seen_at_its_end(site: Site) -> None:
    order = make_order()
    site.add(order)
    on_board(site, order)
    queue, found, seen = site.queue(), readiness(site.queue(), RUN), list[str]()
    site.change(site.tables.header_queue, {"sync_run_id": "run-2"})
    held = commit(site.database, queue, RUN, found, lambda: seen.append(site.row(site.tables.orders)["sync_state"]))
    assert len(held.held) == 1
    assert seen
    assert State.SYNCED not in seen
