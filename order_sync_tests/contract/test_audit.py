"""What the checks ask of the tables, on each database: nothing is wrong after a commit, and what is broken is named."""

from __future__ import annotations

from typing import Any

import pytest

from order_sync.database import audit
from order_sync.database.connection import Row
from order_sync.database.entries import known_groups
from order_sync.database.expected import differing_lines, differing_orders, items_of, of_run, subitems_of
from order_sync.orders.naming import CUSTOMER
from order_sync.orders.states import State
from order_sync_tests.contract.site import BOARD, Site, make_order, new_uuid, record
from order_sync_tests.contract.test_commit import RUN, on_board, run_commit


def differing(site: Site) -> dict[str, list[Row]]:
    given = (site.database, site.tables, of_run(RUN, State.SYNCED))
    return {"orders": differing_orders(*given), "order_lines": differing_lines(*given)}


def test_after_a_commit_everything_agrees(site: Site) -> None:
    order = make_order(headers=2, lines=3)
    site.add(order)
    ids = on_board(site, order)
    queue = site.queue()
    assert len(items_of(queue.run_headers(RUN))) == 2
    assert run_commit(site).ready == [record(order)]
    assert list(differing(site).values()) == [[], []]
    found = items_of(queue.run_headers(RUN, [CUSTOMER, "CUSTOMER SEASON"]))
    assert {item.monday_id for item, _ in found} == {ids[row["delta_uuid"]] for row in order.headers}
    assert {item.key for item, _ in found} == {record(order)}
    assert {(row[CUSTOMER], row["CUSTOMER SEASON"]) for _, row in found} == {("Weber & Co", None)}
    lines = subitems_of(queue.run_lines(RUN))
    assert not queue.run_lines("another run")
    assert {line.parent_id for line in lines} <= {item.monday_id for item, _ in found}
    assert {line.key: line.monday_id for line in lines} == {
        row["line_uuid"]: ids[row["delta_uuid"]] for row in order.lines
    }


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("orders", {"sync_state": None}),
        ("orders", {"sync_state": "NEW"}),
        ("orders", {"monday_item_id": None}),
        ("orders", {"monday_item_id": 7}),
        ("order_lines", {"sync_state": None}),
        ("order_lines", {"monday_subitem_id": None}),
        ("order_lines", {"parent_item_id": 7}),
        ("order_lines", {"record_uuid": new_uuid()}),
    ],
)
def test_a_main_row_that_was_changed_is_named(site: Site, table: str, change: dict[str, Any]) -> None:
    sound, broken = make_order(lines=1), make_order(lines=1)
    site.add(sound, broken)
    on_board(site, sound, broken)
    assert len(run_commit(site).ready) == 2
    site.change(getattr(site.tables, table), change, record_uuid=record(broken))
    found = differing(site)
    assert [row["record_uuid"] for row in found.pop(table)] == [record(broken)]
    assert list(found.values()) == [[]]


def test_an_order_that_the_main_table_lost_is_named(site: Site) -> None:
    order = make_order()
    site.add(order)
    on_board(site, order)
    run_commit(site)
    site.change(site.tables.orders, {"record_uuid": new_uuid()}, record_uuid=record(order))
    (row,) = differing(site)["orders"]
    assert (row["record_uuid"], row["order_state"], row["order_item_id"]) == (record(order), None, None)


def test_only_rows_held_beyond_their_lease_are_past_it(site: Site) -> None:
    old, young = make_order(number="old", lines=1), make_order(number="young", lines=1)
    site.add(old, young)
    site.claim("run-0", old)
    site.age_claims("run-0", 700)
    site.claim(RUN, young)
    queue = site.queue(lease_seconds=600)
    found = audit.past_lease(queue)
    assert sorted(row["row"] for row in found) == ["header", "line"]
    assert {(row["record_uuid"], row["run_id"]) for row in found} == {(record(old), "run-0")}
    site.change(site.tables.header_queue, {"sync_run_id": None}, sync_run_id="run-0")  # released: nobody holds it
    assert [row["row"] for row in audit.past_lease(queue)] == ["line"]


def test_what_waits_is_what_a_run_has_still_to_do(site: Site) -> None:
    queue = site.queue()
    assert audit.waiting(queue) == 0
    order = make_order(lines=2)
    site.add(order)
    assert audit.waiting(queue) == 1  # the header; its lines wait with it
    on_board(site, order)
    assert audit.waiting(queue) == 1  # a run holds the header, and has not said that it is done
    for table in (site.tables.header_queue, site.tables.line_queue):
        site.change(table, {"sync_state": State.ERROR}, record_uuid=record(order))
        assert audit.waiting(queue) == 0  # a person has to correct it first
        site.change(table, {"sync_state": State.PENDING}, record_uuid=record(order))
    run_commit(site)
    assert audit.waiting(queue) == 0
    site.change(site.tables.line_queue, {"sync_state": State.PENDING}, delta_uuid=order.lines[0]["delta_uuid"])
    assert audit.waiting(queue) == 1  # a late line


def test_own_groups_include_equal_titles_of_the_board(site: Site) -> None:
    for board, group in ((BOARD, "g1"), (BOARD, "g2"), (BOARD + 1, "g3")):
        row = {"board_id": board, "group_id": group, "title": "Elm", "created_at": site.now()}
        site.insert(site.tables.groups, row)
    assert known_groups(site.database, site.tables, BOARD) == {"g1": "Elm", "g2": "Elm"}
