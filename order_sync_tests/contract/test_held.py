"""Rows that are not understood: none is lost, none waits unseen, and none stops the orders of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from order_sync.database.commit import commit
from order_sync.database.held import HeldOrder, held_at_commit, held_orders, of_customers
from order_sync.demo.samples import SampleOrders
from order_sync.orders.codes import Cause, Rule
from order_sync.orders.naming import CUSTOMER
from order_sync.orders.states import Action, State
from order_sync_tests.contract.site import Site, make_order, new_uuid, put_off_the_board, record, uuids

RUN = "run-1"


def claimable(site: Site) -> list[str]:
    return [row["delta_uuid"] for row in site.queue().claimable_headers()]


def claimable_lines(site: Site) -> set[str]:
    return {row["delta_uuid"] for row in site.queue().claimable_lines()}


def held(site: Site, **of: Any) -> dict[str | None, HeldOrder]:
    return {order.record_uuid: order for order in held_orders(site.queue(), **of)}


def only_held(site: Site) -> HeldOrder:
    [order] = held_orders(site.queue())
    return order


def put_on_board(site: Site, *orders: SampleOrders, run_id: str = RUN) -> None:
    """As if the run had created an item for each of its headers, and a subitem for each of its lines."""
    for order in orders:
        site.change(site.tables.header_queue, {"monday_item_id": 7}, record_uuid=record(order))
        values = {"monday_subitem_id": 8, "parent_item_id": 7}
        site.change(site.tables.line_queue, values, record_uuid=record(order))


# ---- rows that name no order --------------------------------------------------------------------------------


@pytest.fixture
def nameless(loose_site: Site) -> SampleOrders:
    """Beside one good order a header and a line whose record_uuid is NULL."""
    order, lost = make_order(), make_order(lines=1)
    loose_site.add(order)
    loose_site.insert(
        loose_site.tables.header_queue, *(row | {"record_uuid": None, "retry_count": 0} for row in lost.headers)
    )
    loose_site.insert(
        loose_site.tables.line_queue, *(row | {"record_uuid": None, "retry_count": 0} for row in lost.lines)
    )
    return order


def test_a_row_without_record_uuid_stops_no_other_order(loose_site: Site, nameless: SampleOrders) -> None:
    assert claimable(loose_site) == uuids([nameless], "headers")
    assert claimable_lines(loose_site) == set(uuids([nameless], "lines"))
    for table in (loose_site.tables.header_queue, loose_site.tables.line_queue):
        loose_site.change(table, {"sync_state": State.ERROR}, record_uuid=None)
    assert claimable(loose_site) == uuids([nameless], "headers")
    assert claimable_lines(loose_site) == set(uuids([nameless], "lines"))
    assert len(loose_site.queue().claimable_headers()) == 1


def test_a_row_without_record_uuid_is_rejected_for_good(loose_site: Site, nameless: SampleOrders) -> None:
    queue = loose_site.queue()
    assert [order.cause for order in held_orders(queue)] == [Cause.NO_RECORD_UUID] * 2
    assert queue.reject_without_order(RUN) == 2
    errors = queue.errors(RUN)
    assert {row["reason"] for row in errors} == {"OS-409: record_uuid is NULL: the row belongs to no order"}
    assert {row["row"] for row in errors} == {"header", "line"}
    for table in (loose_site.tables.header_queue, loose_site.tables.line_queue):
        assert [row["retry_count"] for row in loose_site.rows(table, record_uuid=None)] == [1]
    logged = {(row["code"], row["outcome"], row["message"]) for row in loose_site.rows(loose_site.tables.log)}
    assert logged == {(Rule.NO_RECORD_UUID, "rejected", errors[0]["reason"])}
    assert queue.reject_without_order("run-2") == 0
    assert (queue.retry(), queue.retry([nameless.headers[0][CUSTOMER]])) == (0, 0)
    assert len(queue.errors(RUN)) == 2
    assert claimable(loose_site) == uuids([nameless], "headers")


def test_a_row_with_neither_key_nor_order_is_rejected(loose_site: Site, nameless: SampleOrders) -> None:
    loose_site.change(loose_site.tables.header_queue, {"delta_uuid": None}, record_uuid=None)
    assert loose_site.queue().reject_without_order(RUN) == 2
    reasons = [row["reason"] for row in loose_site.queue().errors(RUN)]
    assert reasons == ["OS-409: record_uuid is NULL: the row belongs to no order"] * 2
    assert claimable(loose_site) == uuids([nameless], "headers")


def test_a_line_without_record_uuid_is_rejected_by_itself(loose_site: Site, nameless: SampleOrders) -> None:
    queue = loose_site.tables.header_queue
    with loose_site.database.write() as connection:
        connection.execute(sa.delete(queue).where(queue.c.record_uuid.is_(None)))
    assert loose_site.queue().reject_without_order(RUN) == 1


# ---- states and actions -------------------------------------------------------------------------------------

TABLES = ("header_queue", "line_queue")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(("state", "action"), [("new", "insert"), (" Pending ", "Insert "), ("pending", " INSERT")])
def test_case_and_blanks_do_not_matter(site: Site, table: str, state: str, action: str) -> None:
    order = make_order()
    site.add(order)
    site.change(getattr(site.tables, table), {"sync_state": state, "action_type": action})
    assert held(site) == {}
    assert claimable(site) == uuids([order], "headers")
    assert claimable_lines(site) == set(uuids([order], "lines"))
    site.claim(RUN, order)
    put_on_board(site, order)
    assert commit(site.database, site.queue(), RUN).ready == [record(order)]
    for queue in (site.tables.header_queue, site.tables.line_queue):
        assert {row["sync_state"] for row in site.rows(queue)} == {State.SYNCED}


@pytest.mark.parametrize("spelling", ["error", " Error"])
def test_a_rejected_row_holds_its_order_in_any_spelling(site: Site, spelling: str) -> None:
    order = make_order()
    site.add(order)
    site.change(site.tables.line_queue, {"sync_state": spelling}, delta_uuid=order.lines[0]["delta_uuid"])
    assert claimable(site) == []
    assert claimable_lines(site) == set()
    assert only_held(site).cause is Cause.REJECTED
    assert site.queue().retry() == 1
    assert claimable(site) == uuids([order], "headers")


def test_synced_in_another_spelling_is_done(site: Site) -> None:
    order = make_order()
    site.add(order)
    for table in (site.tables.header_queue, site.tables.line_queue):
        site.change(table, {"sync_state": " synced"})
    assert claimable(site) == []
    assert claimable_lines(site) == set()
    assert held(site) == {}


ODD: dict[str, tuple[dict[str, Any], Cause, str]] = {
    "an unknown state": ({"sync_state": "HOLD\t"}, Cause.UNKNOWN_STATE, r"sync_state 'HOLD\t'"),
    "an empty state": ({"sync_state": " "}, Cause.UNKNOWN_STATE, "sync_state ' '"),
    "no state": ({"sync_state": None}, Cause.UNKNOWN_STATE, "sync_state NULL"),
    "an unknown action": ({"action_type": "UPSERT"}, Cause.UNKNOWN_ACTION, "action_type 'UPSERT'"),
    "no action": ({"action_type": None}, Cause.UNKNOWN_ACTION, "action_type NULL"),
    "an update with an unknown state": (
        {"action_type": "UPDATE", "sync_state": "DONE"},
        Cause.UNKNOWN_STATE,
        "sync_state 'DONE'",
    ),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("odd", ODD)
def test_what_is_unknown_holds_its_whole_order_and_is_named(loose_site: Site, table: str, odd: str) -> None:
    site, (values, cause, named) = loose_site, ODD[odd]
    order, other = make_order(number="A-1", customer="Ada", headers=2), make_order(minute=1)
    site.add(order, other)
    rows = order.headers if table == "header_queue" else order.lines
    site.change(getattr(site.tables, table), values, delta_uuid=rows[0]["delta_uuid"])
    assert claimable(site) == uuids([other], "headers")
    assert claimable_lines(site) == set(uuids([other], "lines"))
    found = only_held(site)
    assert (found.record_uuid, found.cause, found.customer, found.order_number) == (record(order), cause, "Ada", "A-1")
    assert named in found.reason
    assert rows[0]["delta_uuid"] in found.reason


@pytest.mark.parametrize("odd", ODD)
def test_an_unknown_row_after_the_claim_blocks_the_commit(loose_site: Site, odd: str) -> None:
    site, (values, _, named) = loose_site, ODD[odd]
    order, other = make_order(), make_order(minute=1)
    site.add(order, other)
    site.claim(RUN, order, other)
    put_on_board(site, order, other)
    late = order.lines[0] | {"delta_uuid": new_uuid(), "line_uuid": new_uuid()} | values
    site.insert(site.tables.line_queue, late)
    found = commit(site.database, site.queue(), RUN)
    assert found.ready == [record(other)]
    assert [(of.record_uuid, named in of.reason) for of in found.held] == [(record(order), True)]


@pytest.mark.parametrize("action", [Action.UPDATE, Action.DELETE])
def test_an_action_counts_in_any_spelling(site: Site, action: Action) -> None:
    order = make_order(headers=2)
    site.add(order)
    newest = order.headers[1]["delta_uuid"]
    site.change(site.tables.header_queue, {"action_type": f" {action.lower()} "}, delta_uuid=newest)
    assert held(site) == {}
    site.claim(RUN, order)
    assert [row["action"] for row in site.queue().claimed_headers(RUN)] == [Action.INSERT, action]


# ---- keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "column"),
    [("header_queue", "delta_uuid"), ("line_queue", "delta_uuid"), ("line_queue", "line_uuid")],
)
def test_a_row_without_its_key_holds_its_order(loose_site: Site, table: str, column: str) -> None:
    site = loose_site
    order, other = make_order(), make_order(minute=1)
    site.add(order, other)
    rows = order.headers if table == "header_queue" else order.lines
    site.change(getattr(site.tables, table), {column: None}, delta_uuid=rows[0]["delta_uuid"])
    assert claimable(site) == uuids([other], "headers")
    assert claimable_lines(site) == set(uuids([other], "lines"))
    found = only_held(site)
    assert (found.record_uuid, found.cause) == (record(order), Cause.NO_KEY)
    assert f"{column} of one of its" in found.reason
    assert "is NULL" in found.reason


@pytest.mark.parametrize("table", TABLES)
def test_rows_that_share_their_key_hold_their_orders(loose_site: Site, table: str) -> None:
    site = loose_site
    first, second, other = make_order(), make_order(minute=1), make_order(minute=2)
    site.add(first, second, other)
    kind = "headers" if table == "header_queue" else "lines"
    shared, theirs = uuids([first], kind)[0], uuids([second], kind)[0]
    site.change(getattr(site.tables, table), {"delta_uuid": shared}, delta_uuid=theirs)
    assert claimable(site) == uuids([other], "headers")
    assert claimable_lines(site) == set(uuids([other], "lines"))
    found = held(site)
    assert {record_uuid: of.cause for record_uuid, of in found.items()} == {
        record(first): Cause.NO_KEY,
        record(second): Cause.NO_KEY,
    }
    assert all(shared in of.reason for of in found.values())
    assert set(held(site, records=[record(first)])) == {record(first)}


# ---- orders and headers that are missing --------------------------------------------------------------------


def test_lines_whose_header_is_nowhere_are_held(site: Site) -> None:
    order, late = make_order(number="A-1", customer="Ada", lines=2), make_order(minute=1, lines=1)
    site.add(order, late)
    with site.database.write() as connection:
        connection.execute(sa.delete(site.tables.header_queue))
    site.change(site.tables.orders, {"monday_item_id": 55}, record_uuid=record(late))
    assert claimable_lines(site) == set(uuids([late], "lines"))
    found = only_held(site)
    assert (found.record_uuid, found.cause, found.customer) == (record(order), Cause.NO_HEADER, "Ada")
    assert "ORDER_LIST_DELTA has no header for them" in found.reason


def test_lines_whose_order_lacks_its_item_are_held(site: Site) -> None:
    order = make_order()
    site.add(order)
    site.change(site.tables.header_queue, {"sync_state": State.SYNCED})
    assert claimable_lines(site) == set()
    found = only_held(site)
    assert (found.record_uuid, found.cause) == (record(order), Cause.NO_HEADER)
    assert "ORDER_LIST lacks its monday_item_id" in found.reason


def test_lines_of_a_cancelled_order_are_held(site: Site) -> None:
    order = make_order()
    site.add(order)
    site.change(site.tables.header_queue, {"sync_state": State.SYNCED, "action_type": Action.DELETE})
    put_off_the_board(site, record(order), of_version=order.headers[0]["created_at"])
    assert claimable_lines(site) == set()
    found = only_held(site)
    assert (found.record_uuid, found.cause) == (record(order), Cause.NO_HEADER)
    assert "it was cancelled" in found.reason


def test_lines_to_cancel_need_no_item_or_header(site: Site) -> None:
    order = make_order()
    site.add(order)
    site.change(site.tables.line_queue, {"action_type": Action.DELETE})
    with site.database.write() as connection:
        connection.execute(sa.delete(site.tables.header_queue))
    assert held(site) == {}
    assert claimable_lines(site) == set(uuids([order], "lines"))
    assert len(site.queue().claim_lines(RUN, uuids([order], "lines"))) == 2


@pytest.mark.parametrize(("action", "is_held"), [(Action.INSERT, True), (Action.UPDATE, False), (Action.DELETE, False)])
def test_only_inserts_contradict_each_other(site: Site, action: Action, is_held: bool) -> None:
    order = make_order(headers=2, lines=0)
    site.add(order)
    other = {"action_type": action, "AAG ORDER NUMBER": "B-2", CUSTOMER: "Bea"}
    site.change(site.tables.header_queue, other, delta_uuid=order.headers[1]["delta_uuid"])
    assert [of.cause for of in held(site).values()] == [Cause.CONTRADICTION] * is_held
    assert claimable(site) == ([] if is_held else uuids([order], "headers"))


@pytest.mark.parametrize("action", list(Action))
def test_an_order_to_cancel_needs_no_main_row(site: Site, action: Action) -> None:
    order = make_order(lines=0)
    site.add(order)
    site.change(site.tables.header_queue, {"action_type": action})
    with site.database.write() as connection:
        connection.execute(sa.delete(site.tables.orders))
    assert [of.cause for of in held(site).values()] == [Cause.NO_ORDER] * (action is not Action.DELETE)


@pytest.mark.parametrize("state", [State.NEW, State.SYNCED])
def test_an_order_that_order_list_lacks_is_held(site: Site, state: State) -> None:
    order = make_order()
    site.add(order)
    site.change(site.tables.header_queue, {"sync_state": state, "monday_item_id": 7})
    with site.database.write() as connection:
        connection.execute(sa.delete(site.tables.orders))
    found = only_held(site)
    assert (found.record_uuid, found.cause) == (record(order), Cause.NO_ORDER)
    assert found.reason == "ORDER_LIST has no row with this record_uuid"


def test_an_order_deleted_from_main_midrun_is_held(site: Site) -> None:
    order = make_order()
    site.add(order)
    site.claim(RUN, order)
    put_on_board(site, order)
    with site.database.write() as connection:
        connection.execute(sa.delete(site.tables.orders))
    [found] = commit(site.database, site.queue(), RUN).held
    assert found.reason == "OS-507: ORDER_LIST has no row with this record_uuid"


# ---- what else holds an order -------------------------------------------------------------------------------


def test_an_order_that_another_run_holds_is_held_by_it(site: Site) -> None:
    order, free = make_order(customer="Ada"), make_order(customer="Bea", minute=1)
    site.add(order, free)
    site.claim("run-2", order)
    found = held_orders(site.queue())
    assert [(of.record_uuid, of.cause) for of in found] == [(record(order), Cause.HELD_BY_RUN)]
    assert "run-2" in found[0].reason
    assert held_orders(site.queue(), over=["run-2"]) == []
    assert held_at_commit(site.queue(), "run-2", []) == ([], [])
    # A header of another run is a reason whether its lease is good or not; a line is only while it is.
    assert held_at_commit(site.queue(), "run-1", []) == (found, found)
    site.age_claims("run-2", 10_000)
    assert [of.record_uuid for of in held_at_commit(site.queue(), "run-1", [])[1]] == [record(order)]
    site.queue().take_over("run-1", "run-2")
    site.change(
        site.tables.line_queue, {"sync_run_id": "run-2", "sync_attempted_at": site.now()}, record_uuid=record(order)
    )
    waits, stays = held_at_commit(site.queue(), "run-1", [])
    assert ([of.record_uuid for of in waits], stays) == ([record(order)], [])
    assert of_customers(found, []) == of_customers(found, [" ADA"]) == found
    assert of_customers(found, ["Bea"]) == []


def test_each_order_is_held_by_one_reason_the_gravest(site: Site) -> None:
    order = make_order()
    site.add(order)
    site.change(site.tables.header_queue, {"sync_state": State.ERROR, "sync_error_message": "no such label"})
    assert only_held(site).reason.endswith("was rejected: no such label")
    site.change(site.tables.line_queue, {"sync_state": "ODD"}, delta_uuid=order.lines[0]["delta_uuid"])
    assert only_held(site).cause is Cause.UNKNOWN_STATE


# ---- spellings of a uuid (SQLite keeps text) ----------------------------------------------------------------

SPELLINGS: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "braces": lambda key: "{" + key + "}",
    "no dashes": lambda key: key.replace("-", ""),
    "all of it": lambda key: " {" + key.replace("-", "").title() + "} ",
}


def respell(site: Site, *names: str, spelling: str) -> None:
    """Writes the uuids of some tables as another program might have."""
    with site.database.write() as connection:
        for name in names:
            table = getattr(site.tables, name)
            for column in (c.name for c in table.columns if c.name.endswith("_uuid")):
                for (key,) in connection.exec_driver_sql(f'SELECT {column} FROM "{table.name}"').all():  # noqa: S608 - names of ours
                    statement = f'UPDATE "{table.name}" SET {column} = ? WHERE {column} = ?'  # noqa: S608 - names of ours
                    connection.exec_driver_sql(statement, (SPELLINGS[spelling](key), key))


@pytest.mark.parametrize("tables", [("header_queue",), ("line_queue",), ("orders", "order_lines"), TABLES])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_uuid_is_one_in_any_spelling(site: Site, tables: tuple[str, ...], spelling: str) -> None:
    if site.database.dialect == "mssql":
        pytest.skip("a uniqueidentifier has one spelling")
    order, rejected = make_order(headers=2), make_order(minute=1)
    site.add(order, rejected)
    respell(site, *tables, spelling=spelling)
    line = rejected.lines[0]["delta_uuid"]
    assert site.change(site.tables.line_queue, {"sync_state": State.ERROR}, delta_uuid=line) == 1
    assert sorted(claimable(site)) == sorted(uuids([order], "headers"))
    assert claimable_lines(site) == set(uuids([order], "lines"))
    assert set(held(site)) == {record(rejected)}
    assert site.queue().retry(["weber & co"]) == 1
    site.claim(RUN, order, rejected)
    put_on_board(site, order, rejected)
    assert set(commit(site.database, site.queue(), RUN).ready) == {record(order), record(rejected)}
    for table in site.tables.site:
        assert {row["sync_state"] for row in site.rows(table)} == {State.SYNCED}


@pytest.mark.parametrize("value", ["order 5", "12345", b"\x00\xff"])
def test_text_other_than_a_uuid_names_no_order(site: Site, value: Any) -> None:
    if site.database.dialect == "mssql":
        pytest.skip("a uniqueidentifier takes nothing else")
    order, lost = make_order(), make_order(minute=1, lines=0)
    site.add(order, lost)
    with site.database.write() as connection:
        statement = 'UPDATE "ORDER_LIST_DELTA" SET record_uuid = ? WHERE record_uuid = ?'
        connection.exec_driver_sql(statement, (value, record(lost)))
    assert claimable(site) == uuids([order], "headers")
    assert only_held(site).cause is Cause.NO_RECORD_UUID
    assert site.queue().reject_without_order(RUN) == 1
    [error] = site.queue().errors(RUN)
    assert "which is not a uuid: the row belongs to no order" in error["reason"]
    assert site.queue().retry() == 0
