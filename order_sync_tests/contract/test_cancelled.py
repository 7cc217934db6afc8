"""Orders and lines that are changed and cancelled: on record as they are now, off the board, committed, not missed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from order_sync.database.commit import Readiness, commit
from order_sync.database.connection import Row
from order_sync.database.entries import Entry, Operation
from order_sync.database.journal import Journal
from order_sync.database.requeue import requeue
from order_sync.database.written import items_on_record, subitems_on_record
from order_sync.demo.samples import SampleOrders
from order_sync.orders.errors import Rejected, Transient
from order_sync.orders.states import Action, State
from order_sync.sync.compare import ITEM as ITEMS
from order_sync.sync.compare import SUBITEM as SUBITEMS
from order_sync_tests.contract.site import BOARD, MORNING, Site, make_order, new_uuid, put_off_the_board, record, uuids
from order_sync_tests.contract.test_reconcile import Look, board_items, compared, kinds, synced

RUN = "run-2"  # what was SYNCED before was another's
HOUR = timedelta(hours=1)
ITEM, SUBITEM = 11, 71


def version(row: Row, action: Action, *, later: timedelta = HOUR, **more: Any) -> Row:
    """The row queued again."""
    state = State.PENDING if "line_uuid" in row else State.NEW
    again = {"delta_uuid": new_uuid(), "action_type": action, "created_at": row["created_at"] + later}
    return row | again | {"sync_state": state} | more


def only(order: SampleOrders, *, headers: list[Row] | None = None, lines: list[Row] | None = None) -> SampleOrders:
    return replace(order, headers=headers or [], lines=lines or [])


def queue(site: Site, order: SampleOrders, *, headers: list[Row] | None = None, lines: list[Row] | None = None) -> None:
    """Queues the rows, and claims them."""
    if headers:
        site.insert(site.tables.header_queue, *headers)
    if lines:
        site.insert(site.tables.line_queue, *lines)
    site.claim(RUN, only(order, headers=headers, lines=lines))


def run_commit(site: Site) -> Readiness:
    return commit(site.database, site.queue(), RUN)


def done(site: Site) -> dict[str, bool]:
    return {
        row["delta_uuid"]: bool(row["done"]) for row in [*site.queue().run_headers(RUN), *site.queue().run_lines(RUN)]
    }


def marks(site: Site) -> dict[str, Row]:
    return {row["key_uuid"]: row for row in site.rows(site.tables.cancelled)}


# ---- when a row is done -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_version", "is_done"), [(-HOUR, False), (timedelta(seconds=-1), False), (timedelta(0), True), (HOUR, True)]
)
def test_a_cancel_of_equal_age_finishes_a_header(site: Site, of_version: timedelta, is_done: bool) -> None:
    """A newer one wants the order back."""
    order = make_order(lines=0)
    site.add(order)
    site.claim(RUN, order)
    put_off_the_board(site, record(order), of_version=MORNING + of_version)
    assert done(site) == dict.fromkeys(uuids([order], "headers"), is_done)


@pytest.mark.parametrize("of_version", [-HOUR, HOUR])
def test_a_cancelled_order_finishes_lines_of_any_age(site: Site, of_version: timedelta) -> None:
    order = make_order(lines=2)
    site.add(order)
    site.claim(RUN, order)
    put_off_the_board(site, record(order), of_version=MORNING + of_version)
    assert [done(site)[key] for key in uuids([order], "lines")] == [True, True]


@pytest.mark.parametrize(("of_version", "is_done"), [(-HOUR, False), (timedelta(0), True)])
def test_a_line_is_done_by_a_cancel_of_its_own(site: Site, of_version: timedelta, is_done: bool) -> None:
    order = make_order(lines=2)
    site.add(order)
    site.claim(RUN, order)
    put_off_the_board(site, order.lines[0]["line_uuid"], of_version=MORNING + of_version)
    assert [done(site)[key] for key in uuids([order], "lines")] == [is_done, False]


def test_only_a_row_with_an_id_is_done(site: Site) -> None:
    order = make_order(headers=2, lines=2)
    site.add(order)
    site.claim(RUN, order)
    with_id = [uuids([order], table)[0] for table in ("headers", "lines")]
    site.change(site.tables.header_queue, {"monday_item_id": ITEM}, delta_uuid=with_id[0])
    site.change(site.tables.line_queue, {"monday_subitem_id": SUBITEM}, delta_uuid=with_id[1])
    assert {key for key, is_done in done(site).items() if is_done} == set(with_id)


def test_a_cancel_holds_until_a_newer_version(site: Site) -> None:
    order = make_order(headers=3, lines=0)
    site.add(order)
    site.claim(RUN, order)
    put_off_the_board(site, record(order), of_version=order.headers[1]["created_at"])
    assert [row["is_off"] for row in site.queue().claimed_headers(RUN)] == [1, 1, 0]


# ---- the commit -------------------------------------------------------------------------------------------


def cancelled_order(site: Site) -> SampleOrders:
    """A SYNCED order whose DELETE the run has carried out on the board."""
    order = make_order(lines=2)
    synced(site, order)
    delete = version(order.headers[0], Action.DELETE)
    queue(site, order, headers=[delete])
    put_off_the_board(site, record(order), of_version=delete["created_at"])
    return order


def test_a_cancelled_order_has_no_ids_in_the_main_tables(site: Site) -> None:
    order, other = cancelled_order(site), make_order(minute=1)
    synced(site, other)
    found = run_commit(site)
    assert (found.ready, found.held) == ([record(order)], [])
    assert {row["sync_state"] for row in site.rows(site.tables.header_queue)} == {State.SYNCED}
    main = site.row(site.tables.orders, record_uuid=record(order))
    assert (main["sync_state"], main["monday_item_id"]) == (State.SYNCED, None)
    for line in site.rows(site.tables.order_lines, record_uuid=record(order)):
        assert (line["sync_state"], line["monday_subitem_id"], line["parent_item_id"]) == (State.SYNCED, None, None)
    assert site.row(site.tables.orders, record_uuid=record(other))["monday_item_id"] is not None
    assert all(line["monday_subitem_id"] for line in site.rows(site.tables.order_lines, record_uuid=record(other)))


def test_a_cancelled_order_may_have_left_the_main_tables(site: Site) -> None:
    order = cancelled_order(site)
    with site.database.write() as connection:
        connection.execute(sa.delete(site.tables.order_lines))
        connection.execute(sa.delete(site.tables.orders))
    found = run_commit(site)
    assert (found.ready, found.held) == ([record(order)], [])
    assert {row["sync_state"] for row in site.rows(site.tables.header_queue)} == {State.SYNCED}


@pytest.mark.parametrize("is_kept", [True, False])
def test_lines_that_wait_with_a_cancelled_order_become_synced(site: Site, is_kept: bool) -> None:
    """Whether or not the order system has removed its own rows of them."""
    order = make_order(lines=2)
    synced(site, order)
    delete = version(order.headers[0], Action.DELETE)
    late = version(order.lines[0], Action.UPDATE)
    queue(site, order, headers=[delete], lines=[late])
    put_off_the_board(site, record(order), of_version=delete["created_at"])
    if not is_kept:
        with site.database.write() as connection:
            connection.execute(sa.delete(site.tables.order_lines))
    assert run_commit(site).ready == [record(order)]
    assert {row["sync_state"] for row in site.rows(site.tables.line_queue)} == {State.SYNCED}
    main = site.rows(site.tables.order_lines)
    assert [(line["monday_subitem_id"], line["parent_item_id"]) for line in main] == [(None, None)] * 2 * is_kept


def test_a_cancelled_line_loses_its_ids_not_its_orders(site: Site) -> None:
    order = make_order(lines=2)
    synced(site, order)
    before = site.row(site.tables.orders)
    delete = version(order.lines[0], Action.DELETE)
    queue(site, order, lines=[delete])
    put_off_the_board(site, delete["line_uuid"], of_version=delete["created_at"])
    found = run_commit(site)
    assert (found.ready, found.held) == ([record(order)], [])
    cancelled, there = (site.row(site.tables.order_lines, line_uuid=line["line_uuid"]) for line in order.lines)
    assert (cancelled["sync_state"], cancelled["monday_subitem_id"], cancelled["parent_item_id"]) == (
        State.SYNCED,
        None,
        None,
    )
    assert there["monday_subitem_id"] is not None
    assert site.row(site.tables.orders)["monday_item_id"] == before["monday_item_id"]


def test_a_lone_line_to_go_away_leaves_its_order_alone(site: Site) -> None:
    """Its order was never synced, and nothing but the line waits."""
    order = make_order(lines=1)
    site.add(order)
    with site.database.write() as connection:
        connection.execute(sa.delete(site.tables.header_queue))
    site.change(site.tables.line_queue, {"action_type": Action.DELETE})
    before = site.row(site.tables.orders)
    site.claim(RUN, only(order, lines=order.lines))
    put_off_the_board(site, order.lines[0]["line_uuid"], of_version=MORNING)
    found = run_commit(site)
    assert (found.ready, found.held) == ([record(order)], [])
    assert site.row(site.tables.line_queue)["sync_state"] == State.SYNCED
    assert site.row(site.tables.orders) == before


def test_a_reinstated_order_needs_an_item_to_commit(site: Site) -> None:
    order = make_order(lines=2)
    synced(site, order)
    delete = version(order.headers[0], Action.DELETE)
    queue(site, order, headers=[delete, version(order.headers[0], Action.INSERT, later=2 * HOUR)])
    put_off_the_board(site, record(order), of_version=delete["created_at"])
    found = run_commit(site)
    assert (found.ready, [held.record_uuid for held in found.held]) == ([], [record(order)])


# ---- the journal ------------------------------------------------------------------------------------------


@pytest.fixture
def journal(site: Site) -> Journal:
    journal = site.journal(RUN)
    assert journal._try_board() is None
    return journal


def request(operation: Operation, keys: list[str], key: str, **says: Any) -> Entry:
    variables = {f"{name}{n}": value for n in range(len(keys)) for name, value in says.items()}
    body = json.dumps({"query": "...", "variables": {"board": "1", "labels": False} | variables})
    return Entry(idempotency_key=key, operation=operation, keys=tuple(keys), body=body)


def carried_out(journal: Journal, entry: Entry, ids: Mapping[str, int]) -> None:
    journal.open(entry)
    journal.close(entry, created={key: str(monday_id) for key, monday_id in ids.items()})


def created(site: Site, journal: Journal) -> SampleOrders:
    """A SYNCED order that is on record as it was created."""
    order = make_order(lines=1)
    site.add(order)
    site.claim(RUN, order)
    [header], [line] = uuids([order], "headers"), uuids([order], "lines")
    says = {"name": "Name", "values": '{"a":"1","b":"2"}'}
    carried_out(journal, request(Operation.ITEMS, [header], "new", group="topics", **says), {header: ITEM})
    site.queue().assign_parents(RUN, {line: ITEM})
    carried_out(journal, request(Operation.SUBITEMS, [line], "sub", parent=str(ITEM), **says), {line: SUBITEM})
    assert run_commit(site).ready == [record(order)]
    return order


def change(site: Site, order: SampleOrders, action: Action, *, lines: bool = False) -> str:
    row = version(order.lines[0] if lines else order.headers[0], action)
    queue(site, order, **{"lines" if lines else "headers": [row]})
    return str(row["delta_uuid"])


def test_the_record_of_a_change_includes_unchanged_columns(site: Site, journal: Journal) -> None:
    order = created(site, journal)
    key = change(site, order, Action.UPDATE)
    says = {"item": str(ITEM), "values": '{"b":"3","c":null,"name":"New"}'}
    carried_out(journal, request(Operation.CHANGE_ITEMS, [key], "change", **says), {key: ITEM})
    on_record = items_on_record(site.database, site.tables, [record(order)])[record(order)]
    assert (on_record.id, on_record.place, on_record.name) == (ITEM, "topics", "New")
    assert on_record.values == {"a": "1", "b": "3", "c": None}
    assert site.row(site.tables.header_queue, delta_uuid=key)["monday_item_id"] == ITEM


def test_a_changed_line_keeps_its_item_on_record(site: Site, journal: Journal) -> None:
    order = created(site, journal)
    key, line = change(site, order, Action.UPDATE, lines=True), order.lines[0]["line_uuid"]
    says = {"item": str(SUBITEM), "values": '{"b":"3"}'}
    site.queue().assign_parents(RUN, {key: ITEM})
    carried_out(journal, request(Operation.CHANGE_SUBITEMS, [key], "change", **says), {key: SUBITEM})
    on_record = subitems_on_record(site.database, site.tables, [line])[line]
    assert (on_record.id, on_record.place, on_record.name) == (SUBITEM, str(ITEM), "Name")
    assert on_record.values == {"a": "1", "b": "3"}


def test_a_move_is_recorded_before_its_row_has_an_id(site: Site, journal: Journal) -> None:
    """The row has one once all of it is done: what else it wants may fail."""
    order = created(site, journal)
    key = change(site, order, Action.UPDATE)
    carried_out(journal, request(Operation.MOVE_ITEMS, [key], "m", item=str(ITEM), group="there"), {key: ITEM})
    on_record = items_on_record(site.database, site.tables, [record(order)])[record(order)]
    assert (on_record.place, on_record.name, on_record.values) == ("there", "Name", {"a": "1", "b": "2"})
    assert site.row(site.tables.header_queue, delta_uuid=key)["monday_item_id"] is None
    assert not done(site)[key]


def test_what_did_not_take_effect_is_not_on_record(site: Site, journal: Journal) -> None:
    order = created(site, journal)
    before = site.rows(site.tables.items)
    errors: list[Rejected | Transient] = [Rejected("no"), Transient("not now")]
    for n, error in enumerate(errors):
        key = version(order.headers[0], Action.UPDATE, later=HOUR * (n + 1))
        queue(site, order, headers=[key])
        entry = request(Operation.CHANGE_ITEMS, [key["delta_uuid"]], f"c{n}", item=str(ITEM), values='{"a":"9"}')
        journal.open(entry)
        journal.close(entry, failed={key["delta_uuid"]: error})
    assert site.rows(site.tables.items) == before
    assert marks(site) == {}


def test_a_cancelled_item_leaves_the_record_and_is_marked(site: Site, journal: Journal) -> None:
    order = created(site, journal)
    key = change(site, order, Action.DELETE)
    carried_out(journal, request(Operation.CANCEL_ITEMS, [key], "cancel", item=str(ITEM)), {key: ITEM})
    assert items_on_record(site.database, site.tables, [record(order)]) == {}
    mark = marks(site)[record(order)]
    assert (mark["monday_id"], mark["board_id"], mark["run_id"]) == (ITEM, BOARD, RUN)
    assert mark["of_version"] == MORNING + HOUR
    assert done(site)[key]
    logged = [row for row in site.rows(site.tables.log) if row["delta_uuid"] == key]
    assert [(row["outcome"], row["monday_id"]) for row in logged] == [("cancelled", ITEM)]


def test_what_a_job_has_archived_is_marked_with_its_job(site: Site, journal: Journal) -> None:
    order = created(site, journal)
    key = change(site, order, Action.DELETE)
    body = {"request": "...", "items": [str(ITEM)]}
    entry = Entry(idempotency_key="job", operation=Operation.ARCHIVE, keys=(key,), body=json.dumps(body))
    journal.open(entry)
    entry = replace(entry, body=json.dumps(body | {"job": "j-7"}))
    journal.amend(entry)
    [kept] = journal.in_doubt()
    assert (kept.keys, kept.body) == ((key,), entry.body)
    journal.close(entry, created={key: str(ITEM)})
    assert items_on_record(site.database, site.tables, [record(order)]) == {}
    assert marks(site)[record(order)]["monday_id"] == ITEM
    [logged] = [row for row in site.rows(site.tables.log) if row["delta_uuid"] == key]
    assert (logged["operation"], logged["outcome"], logged["message"]) == (Operation.ARCHIVE, "cancelled", "by job j-7")


def test_a_cancelled_item_that_is_only_moved_stays_on_record(site: Site, journal: Journal) -> None:
    order = created(site, journal)
    key = change(site, order, Action.DELETE)
    entry = request(Operation.CANCEL_ITEMS, [key], "cancel", item=str(ITEM), group="cancelled")
    carried_out(journal, entry, {key: ITEM})
    on_record = items_on_record(site.database, site.tables, [record(order)])[record(order)]
    assert (on_record.place, on_record.values) == ("cancelled", {"a": "1", "b": "2"})
    assert record(order) in marks(site)


def test_a_cancelled_line_is_marked_by_its_own_key(site: Site, journal: Journal) -> None:
    order = created(site, journal)
    key, line = change(site, order, Action.DELETE, lines=True), order.lines[0]["line_uuid"]
    carried_out(journal, request(Operation.CANCEL_SUBITEMS, [key], "cancel", item=str(SUBITEM)), {key: SUBITEM})
    assert marks(site).keys() == {line}
    assert site.rows(site.tables.subitems) == []
    assert items_on_record(site.database, site.tables, [record(order)]).keys() == {record(order)}


def test_what_is_recreated_is_no_longer_marked(site: Site, journal: Journal) -> None:
    order = created(site, journal)
    other = record(make_order())
    put_off_the_board(site, record(order), other, of_version=MORNING)
    key = change(site, order, Action.INSERT)
    says = {"name": "Name", "values": "{}", "group": "topics"}
    carried_out(journal, request(Operation.ITEMS, [key], "again", **says), {key: 12})
    assert marks(site).keys() == {other}
    assert items_on_record(site.database, site.tables, [record(order)])[record(order)].id == 12


def test_what_is_on_no_board_is_marked_without_an_id(site: Site, journal: Journal) -> None:
    order = created(site, journal)
    for moment in (MORNING, MORNING + HOUR):
        journal.leave_off({record(order): moment})
        mark = marks(site)[record(order)]
        assert (mark["of_version"], mark["monday_id"]) == (moment, None)
    journal.bring_back([record(order)])
    assert marks(site) == {}


# ---- reconcile --------------------------------------------------------------------------------------------


def test_a_cancelled_order_is_missed_nowhere(site: Site) -> None:

    there, cancelled = make_order(minute=1), make_order(minute=2)
    ids = synced(site, there, cancelled)
    put_off_the_board(site, record(cancelled), of_version=MORNING + HOUR)
    look = Look(site)
    look.show(board_items([there], ids))
    assert (look.missing(ITEMS), look.missing(SUBITEMS)) == ([], [])
    assert kinds(look.finish()) == {}


def test_a_cancelled_line_is_missed_nowhere(site: Site) -> None:

    order = make_order(lines=2)
    ids = synced(site, order)
    put_off_the_board(site, order.lines[0]["line_uuid"], of_version=MORNING + HOUR)
    [item] = board_items([order], ids)
    look = Look(site)
    look.show([replace(item, subitems=item.subitems[1:])])
    assert look.missing(SUBITEMS) == []
    assert kinds(look.finish()) == {}


def test_main_tables_without_the_ids_of_a_cancelled_order_agree(site: Site) -> None:
    order = cancelled_order(site)
    assert run_commit(site).ready == [record(order)]
    _, found = compared(site, [])
    assert kinds(found) == {}


def test_an_order_with_updates_is_requeued_whole(site: Site) -> None:
    order = make_order(headers=2, lines=1)
    site.add(order)
    site.change(site.tables.header_queue, {"action_type": Action.UPDATE}, delta_uuid=uuids([order], "headers")[1])
    site.claim(RUN, order)
    site.change(site.tables.header_queue, {"monday_item_id": ITEM})
    site.change(site.tables.line_queue, {"monday_subitem_id": SUBITEM, "parent_item_id": ITEM})
    assert run_commit(site).ready == [record(order)]
    assert requeue(site.database, site.tables, {record(order): [ITEM]}).records == [record(order)]
    site.claim("run-3", order)
    rows = site.queue().claimed_headers("run-3")
    assert [(row["action"], row["monday_item_id"]) for row in rows] == [(Action.INSERT, None), (Action.UPDATE, None)]
    assert [row["outdated"] for row in rows] == [0, 0]
