"""Claims and leases: who gets which rows, whole record_uuids only, and when somebody else may have them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from order_sync.database import claims
from order_sync.database.connection import CHUNK
from order_sync.database.counts import Lease
from order_sync.database.run_log import UNFINISHED
from order_sync.demo.samples import SampleOrders
from order_sync.demo.words import Row
from order_sync.orders.errors import WriteLost
from order_sync.orders.naming import CUSTOMER
from order_sync.orders.states import Action, State
from order_sync_tests.contract.site import Site, make_order, new_uuid, record, uuids

HOUR = timedelta(hours=1)


def claimable(site: Site) -> list[str]:
    return [row["delta_uuid"] for row in site.queue().claimable_headers()]


def claimable_lines(site: Site) -> set[str]:
    return {row["delta_uuid"] for row in site.queue().claimable_lines()}


def states(site: Site, run_id: str | None) -> set[str]:
    return {row["sync_state"] for row in site.rows(site.tables.header_queue, sync_run_id=run_id)}


# ---- what the log keeps of a claim -----------------------------------------------------------------------


def expired(site: Site) -> list[str]:
    site.age_claims("run-1", 601)
    return []


def ended(site: Site) -> list[str]:
    return ["run-1"]


@pytest.mark.parametrize("over", [expired, ended])
def test_a_silent_run_stays_in_the_log(site: Site, over: Callable[[Site], list[str]]) -> None:
    order = make_order(lines=2)
    site.add(order)
    site.claim("run-1", order)
    said = {"logged_at": site.now(), "run_id": "run-1", "operation": "create_subitem", "outcome": "unsettled"}
    site.insert(site.tables.log, said | {"delta_uuid": order.lines[0]["delta_uuid"]})
    site.queue().log_unfinished([])
    assert len(site.rows(site.tables.log)) == 1, "its lease is good"
    for run_ids in [over(site)] * 2:  # once, however often it is asked for
        site.queue().log_unfinished(run_ids)
    left = [row for row in site.rows(site.tables.log) if row["outcome"] == "unfinished"]
    silent = {order.headers[0]["delta_uuid"], order.lines[1]["delta_uuid"]}
    assert {row["delta_uuid"] for row in left} == silent
    assert {(row["run_id"], row["operation"], row["message"]) for row in left} == {("run-1", "claim", UNFINISHED)}
    assert all(row["logged_at"] <= site.now() for row in left)


def test_a_free_row_has_no_unfinished_claim(site: Site) -> None:
    order = make_order()
    site.add(order)
    site.claim("run-1", order)
    site.claim("run-1", order)
    site.queue().release("run-1")
    site.queue().log_unfinished(["run-1"])
    assert site.rows(site.tables.log) == []


# ---- versions that came too late ------------------------------------------------------------------------


@pytest.mark.parametrize(("later", "outdated"), [(-HOUR, True), (timedelta(0), False), (HOUR, False)])
@pytest.mark.parametrize("action", list(Action))
def test_a_row_older_than_a_synced_one_is_outdated(
    site: Site, action: Action, later: timedelta, outdated: bool
) -> None:
    """Of two that were created at the same time the one that comes later counts."""
    order, other = make_order(lines=1), make_order(lines=1, minute=1)
    site.add(order, other)
    for table in (site.tables.header_queue, site.tables.line_queue):
        site.change(table, {"sync_state": State.SYNCED, "action_type": Action.UPDATE}, record_uuid=record(order))
    header, line = (
        rows[0] | {"delta_uuid": new_uuid(), "action_type": action, "created_at": rows[0]["created_at"] + later}
        for rows in (order.headers, order.lines)
    )
    site.insert(site.tables.header_queue, header)
    site.insert(site.tables.line_queue, line)
    late = replace(order, headers=[header], lines=[line])
    site.change(site.tables.orders, {"monday_item_id": 55}, record_uuid=record(order))
    site.claim("run-1", late, other)
    for rows in (site.queue().claimed_headers("run-1"), site.queue().claimed_lines("run-1")):
        assert {row["record_uuid"]: bool(row["outdated"]) for row in rows} == {
            record(order): outdated,
            record(other): False,
        }


def test_only_its_own_versions_outdate_a_line(site: Site) -> None:
    order = make_order(lines=2)
    site.add(order)
    newer = {"sync_state": State.SYNCED, "created_at": order.lines[0]["created_at"] + HOUR}
    site.change(site.tables.line_queue, newer, delta_uuid=order.lines[0]["delta_uuid"])
    site.claim("run-1", replace(order, lines=order.lines[1:]))
    [line] = site.queue().claimed_lines("run-1")
    assert not line["outdated"]


def test_a_synced_version_without_a_time_outdates_nothing(loose_site: Site) -> None:
    site, order = loose_site, make_order(headers=2, lines=0)
    site.add(order)
    first, second = uuids([order], "headers")
    site.change(site.tables.header_queue, {"sync_state": State.SYNCED, "created_at": None}, delta_uuid=first)
    assert len(site.queue().claim_headers("run-1", [second])) == 1
    [header] = site.queue().claimed_headers("run-1")
    assert not header["outdated"]


# ---- claiming -------------------------------------------------------------------------------------------


def test_a_claim_is_a_lease(site: Site) -> None:
    order = make_order(headers=2)
    site.add(order)
    site.change(site.tables.header_queue, {"sync_error_message": "as before"})
    before = site.now()
    site.claim("run-1", order)
    for table in (site.tables.header_queue, site.tables.line_queue):
        for row in site.rows(table):
            assert (row["sync_state"], row["sync_run_id"]) == (State.PENDING, "run-1")
            assert timedelta(0) <= row["sync_attempted_at"] - before < timedelta(seconds=60)
            assert row["sync_error_message"] is None
    assert site.queue().leases() == [Lease(run_id="run-1", rows=4)]
    assert claimable(site) == []
    assert claimable_lines(site) == set()


def test_what_another_run_holds_cannot_be_claimed(site: Site) -> None:
    order = make_order()
    site.add(order)
    site.claim("run-1", order)
    queue = site.queue()
    assert len(queue.claim_headers("run-2", uuids([order], "headers"))) == 0
    assert len(queue.claim_lines("run-2", uuids([order], "lines"))) == 0
    assert {row["sync_run_id"] for row in site.rows(site.tables.header_queue)} == {"run-1"}


def test_a_record_is_claimed_whole_or_not_at_all(site: Site) -> None:
    shared, other = make_order(headers=3), make_order(minute=1)
    site.add(shared, other)
    first, *rest = uuids([shared], "headers")
    queue = site.queue()
    assert len(queue.claim_headers("run-1", [first])) == 1
    assert claimable(site) == uuids([other], "headers")
    # As when run-2 had read all as claimable before run-1 claimed the first.
    assert len(queue.claim_headers("run-2", [first, *rest, *uuids([other], "headers")])) == 1
    assert [row["delta_uuid"] for row in queue.claimed_headers("run-2")] == uuids([other], "headers")
    for delta_uuid in rest:
        row = site.row(site.tables.header_queue, delta_uuid=delta_uuid)
        assert (row["sync_state"], row["sync_run_id"]) == (State.NEW, None)


def test_claiming_again_changes_nothing(site: Site) -> None:
    order = make_order()
    site.add(order)
    site.claim("run-1", order)
    assert len(site.queue().claim_headers("run-1", uuids([order], "headers"))) == 1
    assert len(site.queue().claim_lines("run-1", uuids([order], "lines"))) == 2
    assert site.queue().leases() == [Lease(run_id="run-1", rows=3)]
    assert len(site.queue().claim_headers("run-1", [])) == 1  # what it holds


@pytest.mark.parametrize("count", [999, 1_000, 1_001, 2_001])
def test_as_many_as_there_are(site: Site, count: int) -> None:
    """Chunks of statements have no seams."""
    site.add(*(make_order(lines=1, minute=n) for n in range(count)))
    queue = site.queue()
    headers, lines = queue.claimable_headers(), queue.claimable_lines()
    assert len(headers) == len(lines) == count
    assert len(queue.claim_headers("run-1", [row["delta_uuid"] for row in headers])) == count
    assert len(queue.claim_lines("run-1", [row["delta_uuid"] for row in lines])) == count
    assert len(queue.headers([row["delta_uuid"] for row in headers])) == count
    assert len(queue.lines([row["delta_uuid"] for row in lines])) == count
    assert queue.leases() == [Lease(run_id="run-1", rows=2 * count)]
    assert queue.release("run-1") == 2 * count


# ---- the end of a lease ---------------------------------------------------------------------------------


def test_renewing_keeps_the_lease(site: Site) -> None:
    order = make_order()
    site.add(order)
    site.claim("run-1", order)
    site.age_claims("run-1", 601)
    assert site.queue().renew("run-1") == 3
    assert claimable(site) == []
    site.age_claims("run-1", 601)
    site.claim("run-2", order)
    assert site.queue().renew("run-1") == 0


def test_a_run_with_many_rows_counts_each_once(site: Site) -> None:
    """They are renewed, taken over and released a thousand at a time."""
    order = make_order(lines=CHUNK + 1)
    site.add(order)
    site.claim("run-1", order)
    rows = 1 + CHUNK + 1
    assert site.queue().renew("run-1") == rows
    site.age_claims("run-1", 601)
    assert site.queue().renew("run-1") == rows
    assert site.queue().take_over("run-2", "run-1") == rows
    assert site.queue().release("run-2") == rows


def test_a_lease_that_a_trigger_takes_away_is_noticed(site: Site) -> None:
    if site.database.dialect == "mssql":
        pytest.skip("this trigger is SQLite's")
    order = make_order(lines=0)
    site.add(order)
    site.claim("run-1", order)
    with site.database.write() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER no_lease AFTER UPDATE OF sync_attempted_at ON ORDER_LIST_DELTA BEGIN "
            "UPDATE ORDER_LIST_DELTA SET sync_attempted_at = NULL WHERE delta_uuid = NEW.delta_uuid; END"
        )
    with pytest.raises(WriteLost, match="1 row had no new lease"):
        site.queue().renew("run-1")


def test_a_rerun_takes_over_the_existing_ids(site: Site) -> None:
    order, other = make_order(), make_order(minute=1)
    site.add(order, other)
    site.claim("run-1", order)
    site.claim("run-9", other)
    site.change(site.tables.header_queue, {"monday_item_id": 77}, record_uuid=record(order))
    site.age_claims("run-1", 5_000)
    assert site.queue().take_over("run-2", "run-1") == 3
    [row] = site.queue().claimed_headers("run-2")
    assert (row["delta_uuid"], row["monday_item_id"]) == (order.headers[0]["delta_uuid"], 77)
    assert claimable(site) == []
    assert site.queue().take_over("run-2", "run-1") == 0


def test_a_run_releases_what_it_could_not_finish(site: Site) -> None:
    order, done = make_order(), make_order(minute=1)
    site.add(order, done)
    site.claim("run-1", order, done)
    for table in (site.tables.header_queue, site.tables.line_queue):
        site.change(table, {"sync_state": State.SYNCED}, record_uuid=record(done))
    assert site.queue().release("run-1") == 3
    assert claimable(site) == uuids([order], "headers")
    assert claimable_lines(site) == set(uuids([order], "lines"))
    assert states(site, None) == {State.NEW}
    assert states(site, "run-1") == {State.SYNCED}


# ---- errors and retry -----------------------------------------------------------------------------------


def in_error(site: Site, order: SampleOrders, *, header: bool = True) -> None:
    table, rows = (site.tables.header_queue, order.headers) if header else (site.tables.line_queue, order.lines)
    values = {
        "sync_state": State.ERROR,
        "sync_run_id": "run-1",
        "sync_error_message": "no such label",
        "retry_count": 1,
    }
    site.change(table, values, delta_uuid=rows[0]["delta_uuid"])


def test_errors_name_customer_order_and_reason(site: Site) -> None:
    first, second = make_order(number="A-1", customer="Ada"), make_order(number="B-2", customer="Bea")
    site.add(first, second)
    in_error(site, second)
    in_error(site, first, header=False)
    rows = site.queue().errors()
    shown = [(r["row"], r["customer"], r["order_number"], r["record_uuid"], r["size"], r["reason"]) for r in rows]
    assert shown == [
        ("line", "Ada", "A-1", record(first), "S0", "no such label"),
        ("header", "Bea", "B-2", record(second), None, "no such label"),
    ]
    assert site.queue().errors("run-1") == rows
    assert site.queue().errors("run-2") == []


def test_retry_of_one_customer_leaves_the_others(site: Site) -> None:
    ada, bea = make_order(customer="Ada"), make_order(customer='Bea\'s "[Shop]"', minute=1)
    site.add(ada, bea)
    for order in (ada, bea):
        in_error(site, order)
        in_error(site, order, header=False)
    assert site.queue().retry(['Bea\'s "[Shop]"']) == 2
    assert claimable(site) == uuids([bea], "headers")
    assert claimable_lines(site) == set(uuids([bea], "lines"))
    header = site.row(site.tables.header_queue, record_uuid=record(bea))
    assert (header["sync_error_message"], header["sync_run_id"], header["retry_count"]) == (None, None, 1)
    assert site.queue().retry() == 2
    assert len(claimable(site)) == 2
    assert site.queue().retry() == 0


def test_retry_finds_the_customer_of_a_header_without_an_order(site: Site) -> None:
    order = make_order(customer="Ada", lines=0)
    order.orders.clear()
    site.insert(site.tables.header_queue, *order.headers)
    in_error(site, order)
    assert site.queue().retry(["Bea"]) == 0
    assert site.queue().retry(["Ada"]) == 1


def test_retry_finds_the_customer_of_a_line_without_a_header(site: Site) -> None:
    """Sites tidy up SYNCED headers, and a late line may come after that."""
    order = make_order(customer="Ada", lines=1)
    order.headers.clear()
    site.add(order)
    in_error(site, order, header=False)
    assert site.queue().retry(["Bea"]) == 0
    assert site.queue().retry(["Ada"]) == 1


@pytest.mark.parametrize("action", list(Action))
def test_retry_frees_rows_of_any_action(site: Site, action: Action) -> None:
    order = make_order(lines=0)
    site.add(order)
    in_error(site, order)
    site.change(site.tables.header_queue, {"action_type": action})
    assert site.queue().retry() == 1
    assert claimable(site) == uuids([order], "headers")


# ---- what a run reads -----------------------------------------------------------------------------------


def test_headers_are_sorted_by_customer_then_age(site: Site) -> None:
    zoe = make_order(customer="Zoe", minute=1)
    ada_young = make_order(customer="Ada", minute=9, columns={"CUSTOMER SEASON": "SS27", "CUSTOMER ALT PO": "ALT-1"})
    ada_old = make_order(customer="Ada", minute=2)
    site.add(zoe, ada_young, ada_old)
    site.claim("run-1", zoe, ada_young, ada_old)
    rows = site.queue().claimed_headers("run-1")
    assert [row["delta_uuid"] for row in rows] == uuids([ada_old, ada_young, zoe], "headers")
    assert (rows[1]["CUSTOMER SEASON"], rows[1]["CUSTOMER ALT PO"], rows[1]["AAG SEASON"]) == ("SS27", "ALT-1", None)
    assert {row["has_order"] for row in rows} == {1}
    named = site.queue().headers(uuids([ada_young, ada_old, zoe], "headers"))
    assert rows == [{name: row[name] for name in rows[0]} for row in named]
    assert {row["delta_uuid"] for row in site.queue().run_headers("run-1")} == {row["delta_uuid"] for row in rows}


def test_a_header_without_an_order_says_so(site: Site) -> None:
    order = make_order(lines=0)
    site.insert(site.tables.header_queue, *order.headers)
    assert len(site.queue().claim_headers("run-1", uuids([order], "headers"))) == 1
    [row] = site.queue().claimed_headers("run-1")
    assert (row["has_order"], row[CUSTOMER], row["CUSTOMER SEASON"]) == (0, "Weber & Co", None)


def test_lines_carry_their_order_and_what_is_known_of_them(site: Site) -> None:
    order = make_order(lines=2)
    site.add(order)
    site.claim("run-1", order)
    site.change(site.tables.orders, {"monday_item_id": 55})
    known = order.lines[0]
    site.change(site.tables.order_lines, {"monday_subitem_id": 66}, line_uuid=known["line_uuid"])
    rows = {row["delta_uuid"]: row for row in site.queue().claimed_lines("run-1")}
    row = rows[known["delta_uuid"]]
    assert (row["size_code"], row["qty"], row["customer"]) == ("S0", 1, "Weber & Co")
    assert (row["monday_subitem_id"], row["order_item_id"], row["has_line"]) == (66, 55, 1)
    assert rows[order.lines[1]["delta_uuid"]]["monday_subitem_id"] is None
    assert {row["delta_uuid"] for row in site.queue().run_lines("run-1")} == set(rows)


def test_groups_and_parents_are_written_for_the_own_run_only(site: Site) -> None:
    mine, theirs = make_order(lines=1), make_order(lines=1, minute=1)
    site.add(mine, theirs)
    site.claim("run-1", mine)
    site.claim("run-2", theirs)
    queue = site.queue()
    queue.assign_groups("run-1", dict.fromkeys(uuids([mine, theirs], "headers"), "group_ü1"))
    queue.assign_parents("run-1", dict.fromkeys(uuids([mine, theirs], "lines"), 12_345_678_901))
    queue.assign_groups("run-1", {})
    queue.assign_parents("run-1", {})
    groups = {row["record_uuid"]: row["monday_group_id"] for row in site.rows(site.tables.header_queue)}
    parents = {row["record_uuid"]: row["parent_item_id"] for row in site.rows(site.tables.line_queue)}
    assert groups == {record(mine): "group_ü1", record(theirs): None}
    assert parents == {record(mine): 12_345_678_901, record(theirs): None}


def test_counts_by_customer_and_state(site: Site) -> None:
    ada, bea = make_order(customer="Ada", minute=5), make_order(customer="Bea", minute=1, headers=2, lines=3)
    update = make_order(customer="Ada", lines=0)
    site.add(ada, bea, update)
    site.change(site.tables.header_queue, {"action_type": Action.UPDATE}, record_uuid=record(update))
    site.claim("run-1", ada)
    counted = {(r["row"], r["customer"], r["state"]): (r["rows"], r["oldest"]) for r in site.queue().counts()}
    assert counted == {
        ("header", "Ada", "PENDING"): (1, ada.headers[0]["created_at"]),
        ("header", "Ada", "NEW"): (1, update.headers[0]["created_at"]),
        ("header", "Bea", "NEW"): (2, bea.headers[0]["created_at"]),
        ("line", "Ada", "PENDING"): (2, ada.headers[0]["created_at"]),
        ("line", "Bea", "PENDING"): (3, bea.headers[0]["created_at"]),
    }


def test_rows_come_with_the_columns_of_the_board_rules(site: Site) -> None:
    order = make_order(headers=2)
    site.add(order)
    site.claim("run-1", order)
    site.change(site.tables.header_queue, {"ORDER TYPE": "Ä 'x'"}, record_uuid=record(order))
    site.change(site.tables.orders, {"ORDER TYPE": "Ö", "AAG SEASON": "SS27"}, record_uuid=record(order))
    sources = ["ORDER TYPE", "AAG SEASON"]
    headers = site.queue().run_headers("run-1", sources)
    assert [(row["ORDER TYPE"], row["AAG SEASON"]) for row in headers] == [("Ä 'x'", "SS27")] * 2
    lines = site.queue().claimed_lines("run-1", sources=sources)
    assert {(row["ORDER TYPE"], row["AAG SEASON"]) for row in lines} == {("Ö", "SS27")}
    assert len(lines) == len(order.lines)
    assert site.queue().claim_lines("run-1", uuids([order], "lines"), sources=sources) == lines


def test_a_claim_collects_its_keys_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not once for each of them: a claim of 34,000 lines would take minutes."""
    site.add(make_order(lines=9))
    site.queue().claim_headers("run-1", claimable(site))
    looks, keys = 0, claims._keys

    def counted(rows: Iterable[Row]) -> set[str]:
        nonlocal looks
        looks += 1
        return keys(rows)

    monkeypatch.setattr(claims, "_keys", counted)
    monkeypatch.setattr(claims, "CHUNK", 4)  # fewer are claimed and read in one transaction
    assert len(site.queue().claim_lines("run-1", sorted(claimable_lines(site)))) == 9
    assert looks <= 2
