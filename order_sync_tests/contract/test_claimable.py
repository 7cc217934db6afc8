"""Which headers and lines a run may claim at a given moment, and which of them no run may claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from order_sync.database.counts import Lease
from order_sync.orders.states import Action, State
from order_sync_tests.contract.site import Site, make_order, new_uuid, record, set_clock, uuids

HOUR = timedelta(hours=1)


def claimable(site: Site, *, over: tuple[str, ...] = ()) -> list[str]:
    return [row["delta_uuid"] for row in site.queue().claimable_headers(over)]


def claimable_lines(site: Site, *, over: tuple[str, ...] = ()) -> set[str]:
    return {row["delta_uuid"] for row in site.queue().claimable_lines(over)}


def test_the_oldest_come_first(site: Site) -> None:
    young, old, middle = (make_order(minute=minute) for minute in (30, 1, 10))
    site.add(young, old, middle)
    assert claimable(site) == uuids([old, middle, young], "headers")


def test_a_claimable_header_says_whose_it_is(site: Site) -> None:
    order = make_order(number="B-7", customer="O'Malley & Daughters", lines=0)
    site.add(order)
    [row] = site.queue().claimable_headers()
    assert row == {
        "delta_uuid": order.headers[0]["delta_uuid"],
        "record_uuid": record(order),
        "customer": "O'Malley & Daughters",
        "order_number": "B-7",
        "created_at": order.headers[0]["created_at"],
    }


@pytest.mark.parametrize("table", ["header_queue", "line_queue"])
def test_one_row_in_error_blocks_its_whole_record(site: Site, table: str) -> None:
    blocked, other = make_order(headers=2, minute=1), make_order(minute=2)
    site.add(blocked, other)
    rows = blocked.headers if table == "header_queue" else blocked.lines
    site.change(getattr(site.tables, table), {"sync_state": State.ERROR}, delta_uuid=rows[-1]["delta_uuid"])
    assert claimable(site) == uuids([other], "headers")
    assert claimable_lines(site) == set(uuids([other], "lines"))


def test_a_newer_header_supersedes_one_in_error(site: Site) -> None:
    order = make_order(headers=3)
    site.add(order)
    for header in order.headers[:2]:
        site.change(site.tables.header_queue, {"sync_state": State.ERROR}, delta_uuid=header["delta_uuid"])
    assert sorted(claimable(site)) == sorted(uuids([order], "headers"))
    assert claimable_lines(site) == set(uuids([order], "lines"))
    site.claim("run-1", order)
    assert {row["sync_state"] for row in site.rows(site.tables.header_queue)} == {State.PENDING}


def test_a_newer_line_supersedes_only_its_own_error(site: Site) -> None:
    order, other = make_order(lines=1), make_order(lines=2, minute=1)
    corrected = order.lines[0] | {"delta_uuid": new_uuid(), "created_at": order.lines[0]["created_at"] + HOUR}
    site.add(order, replace(order, headers=[], lines=[corrected], orders=[], order_lines=[]), other)
    for line in (order.lines[0], other.lines[0]):
        site.change(site.tables.line_queue, {"sync_state": State.ERROR}, delta_uuid=line["delta_uuid"])
    assert claimable(site) == uuids([order], "headers")
    assert claimable_lines(site) == {order.lines[0]["delta_uuid"], corrected["delta_uuid"]}


@pytest.mark.parametrize("action", [Action.UPDATE, Action.DELETE])
def test_updates_and_deletes_are_claimed_like_inserts(site: Site, action: Action) -> None:
    order, changed = make_order(minute=1), make_order(minute=2)
    site.add(order, changed)
    for table in (site.tables.header_queue, site.tables.line_queue):
        site.change(table, {"action_type": action}, record_uuid=record(changed))
    assert claimable(site) == uuids([order, changed], "headers")
    assert claimable_lines(site) == set(uuids([order, changed], "lines"))
    site.claim("run-1", changed)
    found = [*site.queue().claimed_headers("run-1"), *site.queue().claimed_lines("run-1")]
    assert [(row["action"], row["outdated"], row["is_off"]) for row in found] == [(action, 0, 0)] * 3


@pytest.mark.parametrize("action", [Action.UPDATE, Action.DELETE])
def test_an_update_or_delete_in_error_blocks_its_order(site: Site, action: Action) -> None:
    order, other = make_order(), make_order(minute=1)
    site.add(order, other)
    newer = order.headers[0] | {"delta_uuid": new_uuid(), "created_at": order.headers[0]["created_at"] + HOUR}
    site.insert(site.tables.header_queue, newer | {"action_type": action, "sync_state": State.ERROR})
    assert claimable(site) == uuids([other], "headers")
    assert claimable_lines(site) == set(uuids([other], "lines"))


@pytest.mark.parametrize("action", [Action.UPDATE, Action.DELETE])
def test_an_update_or_delete_supersedes_an_insert_in_error(site: Site, action: Action) -> None:
    order = make_order(headers=2)
    site.add(order)
    older, newer = uuids([order], "headers")
    site.change(site.tables.header_queue, {"sync_state": State.ERROR}, delta_uuid=older)
    site.change(site.tables.header_queue, {"action_type": action}, delta_uuid=newer)
    assert claimable(site) == [older, newer]
    site.claim("run-1", order)
    assert {row["sync_state"] for row in site.rows(site.tables.header_queue)} == {State.PENDING}


def test_a_line_that_says_new_is_as_good_as_pending(site: Site) -> None:
    order = make_order(lines=1)
    site.add(order)
    site.change(site.tables.line_queue, {"sync_state": State.NEW}, record_uuid=record(order))
    assert claimable_lines(site) == set(uuids([order], "lines"))
    assert len(site.queue().claim_lines("run-1", uuids([order], "lines"))) == 1


def test_only_a_deleted_line_needs_neither_header_nor_item(site: Site) -> None:
    order = make_order(lines=2)
    site.add(replace(order, headers=[]))
    deleted, _ = uuids([order], "lines")
    assert claimable_lines(site) == set()
    site.change(site.tables.line_queue, {"action_type": Action.DELETE}, delta_uuid=deleted)
    assert claimable_lines(site) == {deleted}


def test_a_held_row_in_another_spelling_is_held(site: Site) -> None:
    order, other = make_order(), make_order(minute=1)
    site.add(order, other)
    held = {"sync_state": " pending", "sync_run_id": "run-1", "sync_attempted_at": site.now()}
    for table in (site.tables.header_queue, site.tables.line_queue):
        site.change(table, held, record_uuid=record(order))
    assert claimable(site) == uuids([other], "headers")
    assert claimable_lines(site) == set(uuids([other], "lines"))
    site.age_claims("run-1", 601)
    assert claimable(site) == uuids([order, other], "headers")
    assert claimable_lines(site) == set(uuids([order, other], "lines"))


def test_a_deleted_line_of_no_order_cannot_be_claimed(loose_site: Site) -> None:
    site, order = loose_site, make_order(lines=2)
    site.add(order)
    of_none, of_order = uuids([order], "lines")
    lost = {"record_uuid": sa.null(), "action_type": Action.DELETE}
    site.change(site.tables.line_queue, lost, delta_uuid=of_none)
    assert claimable_lines(site) == {of_order}


@pytest.mark.parametrize("lacks", ["sync_run_id", "sync_attempted_at"])
def test_a_claim_needs_a_run_and_a_time(site: Site, lacks: str) -> None:
    order = make_order()
    site.add(order)
    site.claim("run-1", order)
    for table in (site.tables.header_queue, site.tables.line_queue):
        site.change(table, {lacks: None})
    assert claimable(site) == uuids([order], "headers")
    assert claimable_lines(site) == set(uuids([order], "lines"))


@pytest.mark.parametrize("now", [{"sync_state": State.ERROR}, {"sync_state": State.SYNCED}, {"action_type": "REPLACE"}])
def test_a_row_that_no_longer_waits_cannot_be_claimed(site: Site, now: dict[str, str]) -> None:
    """Even if it was free when the run looked."""
    order = make_order()
    site.add(order)
    headers, lines = uuids([order], "headers"), uuids([order], "lines")
    for table in (site.tables.header_queue, site.tables.line_queue):
        site.change(table, now, record_uuid=record(order))
    assert site.queue().claim_headers("run-1", headers) == []
    assert site.queue().claim_lines("run-1", lines) == []
    assert {row["sync_run_id"] for table in site.tables.site[:2] for row in site.rows(table)} == {None}


def test_a_synced_row_is_not_free_and_holds_nothing(site: Site) -> None:
    """It keeps the run's id, and the time of a lease that would still be good."""
    order = make_order(headers=2, lines=2)
    site.add(order)
    [_, header], [_, line] = uuids([order], "headers"), uuids([order], "lines")
    synced = {"sync_state": State.SYNCED, "sync_run_id": "run-1", "sync_attempted_at": site.now()}
    for table, delta_uuid in zip(site.tables.site, (header, line), strict=False):
        site.change(table, synced, delta_uuid=delta_uuid)
    assert claimable(site) == uuids([order], "headers")[:1]
    assert claimable_lines(site) == set(uuids([order], "lines")[:1])


def test_an_expired_lease_is_free_for_another_run(site: Site) -> None:
    order = make_order(headers=2)
    site.add(order)
    site.claim("run-1", order)
    site.age_claims("run-1", 599)
    assert claimable(site) == []
    site.age_claims("run-1", 601)
    assert sorted(claimable(site)) == sorted(uuids([order], "headers"))
    assert claimable_lines(site) == set(uuids([order], "lines"))
    site.claim("run-2", order)
    assert site.queue().claimed_headers("run-1") == []
    assert site.queue().leases() == [Lease(run_id="run-2", rows=4)]


@pytest.mark.parametrize(("by", "is_free"), [(-60, True), (-5, False), (120, True)])
def test_a_clock_that_jumps_costs_one_lease_of_rows(
    site: Site, monkeypatch: pytest.MonkeyPatch, by: float, is_free: bool
) -> None:
    """A lease of ten minutes that seems to end in seventy was taken by another clock."""
    order = make_order()
    site.add(order)
    site.claim("run-1", order)
    set_clock(monkeypatch, timedelta(minutes=by))
    assert (claimable(site) != []) is is_free
    assert site.queue().renew("run-1") == 3
    assert claimable(site) == []


def test_rows_of_a_finished_run_are_free_at_once(site: Site) -> None:
    order, running = make_order(), make_order(minute=1)
    site.add(order, running)
    site.claim("run-1", order)
    site.claim("run-2", running)
    assert claimable(site, over=("run-1",)) == uuids([order], "headers")
    assert claimable_lines(site, over=("run-1",)) == set(uuids([order], "lines"))
    queue = site.queue()
    both = uuids([order, running], "headers")
    assert len(queue.claim_headers("run-3", both, ["run-1"])) == 1
    assert len(queue.claim_lines("run-3", uuids([order, running], "lines"), ["run-1"])) == 2
    assert queue.leases() == [Lease(run_id="run-2", rows=3), Lease(run_id="run-3", rows=3)]


def test_a_line_is_late_when_no_header_waits(site: Site) -> None:
    waiting, synced, nowhere = (make_order(lines=1, minute=minute) for minute in (1, 2, 3))
    site.add(waiting, synced, nowhere)
    site.change(site.tables.header_queue, {"sync_state": State.SYNCED}, record_uuid=record(synced))
    site.change(site.tables.orders, {"monday_item_id": 55}, record_uuid=record(synced))
    site.change(site.tables.header_queue, {"sync_state": State.SYNCED}, record_uuid=record(nowhere))
    rows = site.queue().claimable_lines()
    assert [(row["record_uuid"], row["late"]) for row in rows] == [(record(waiting), False), (record(synced), True)]
    assert rows[1]["customer"] == "Weber & Co"
    assert rows[1]["line_uuid"] == synced.lines[0]["line_uuid"]


def test_a_line_with_a_waiting_header_is_not_late(site: Site) -> None:
    order = make_order(headers=2, lines=1)
    site.add(order)
    site.change(site.tables.header_queue, {"sync_state": State.SYNCED}, delta_uuid=order.headers[0]["delta_uuid"])
    site.change(site.tables.orders, {"monday_item_id": 55})
    assert [row["late"] for row in site.queue().claimable_lines()] == [False]
