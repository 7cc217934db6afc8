"""One order is one item: after anything that happens to its queue rows, the tables' ids, or the item itself.

In: orders that were on the board once. Out: what a second run makes of them when they come again.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from sqlite3 import connect

import pytest
import sqlalchemy as sa

from order_sync.database.held import held_orders
from order_sync.database.queue import QueueReader
from order_sync.orders.codes import Cause
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER
from order_sync.orders.states import State
from order_sync_tests.contract.site import make_order
from order_sync_tests.graph.stage import Stage
from order_sync_tests.graph.test_changes import GROUP, add, delete_item, dies_at_subitems, items
from order_sync_tests.graph.test_odd_orders import again, queued
from order_sync_tests.graph.test_plan import planned_then_done


def once_on_the_board(stage: Stage, orders: int) -> bool:
    """Everything is SYNCED, and every order and line is once on the board, where the tables say."""
    board = stage.board()["items"]
    keys = Counter(item["columns"]["record_uuid"] for item in board)
    lines = Counter(subitem["columns"]["line_uuid"] for item in board for subitem in item["subitems"])
    assert keys.total() == orders
    assert {*keys.values(), *lines.values()} == {1}
    assert stage.unsynced() == 0
    assert {i["columns"]["record_uuid"]: int(i["id"]) for i in board} == {
        row["record_uuid"]: row["monday_item_id"] for row in stage.rows(stage.tables.orders)
    }
    parents = {s["columns"]["line_uuid"]: (int(s["id"]), int(i["id"])) for i in board for s in i["subitems"]}
    main = stage.rows(stage.tables.order_lines)
    assert parents == {row["line_uuid"]: (row["monday_subitem_id"], row["parent_item_id"]) for row in main}
    return True


# ---- the queue and the tables forget --------------------------------------------------------------------


def forget_all_ids(stage: Stage) -> None:
    t = stage.tables
    waits = {t.header_queue: State.NEW, t.line_queue: State.PENDING}
    for table in t.site:
        ids = [name for name in ("monday_item_id", "monday_subitem_id", "parent_item_id") if name in table.c]
        values = dict.fromkeys(ids) | {"sync_state": waits.get(table)}
        stage.execute(sa.update(table).values(values | ({"sync_run_id": None} if table in waits else {})))
    for table in t.ours:
        stage.execute(sa.delete(table))


def queue_anew(stage: Stage) -> None:
    """Deletes the queue and fills it with the same orders under new keys, as a site's own import may do."""
    t = stage.tables
    rows = {table: stage.rows(table) for table in (t.header_queue, t.line_queue)}
    for table, state in ((t.header_queue, State.NEW), (t.line_queue, State.PENDING)):
        stage.execute(sa.delete(table))
        empty = dict.fromkeys(("sync_run_id", "monday_item_id", "monday_subitem_id", "parent_item_id"))
        new = {name: value for name, value in empty.items() if name in table.c} | {"sync_state": state}
        for row in rows[table]:
            stage.execute(sa.insert(table).values(again(row, **new)))


def restore(stage: Stage) -> None:
    shutil.copy(stage.folder / "backup.db", stage.database_file)


@pytest.mark.parametrize("forget", [forget_all_ids, queue_anew, restore])
@pytest.mark.parametrize("committed", [True, False], ids=["synced", "died before the commit"])
def test_what_the_tables_have_forgotten_is_found_on_the_board(
    stage: Stage, forget: Callable[[Stage], None], committed: bool
) -> None:
    add(stage, 4)
    with closing(connect(stage.database_file)) as source, closing(connect(stage.folder / "backup.db")) as copy:
        source.backup(copy)
    if committed:
        stage.sync()
    else:
        dies_at_subitems(stage, 2)
    made = set(items(stage))
    forget(stage)
    summary = stage.sync()
    assert summary.items_created == 0
    assert set(items(stage)) == made
    assert once_on_the_board(stage, 4)


# ---- orders come again -----------------------------------------------------------------------------------


def test_an_order_that_is_queued_again_is_the_same_item(stage: Stage) -> None:
    sample = add(stage, 3)
    stage.sync()
    made = items(stage).keys()
    whole, header = sample.headers[:2]
    lines = [line for line in sample.lines if line["record_uuid"] == whole["record_uuid"]]
    stage.add(queued(headers=[again(whole), again(header)], lines=[again(line) for line in lines]))
    _, summary = planned_then_done(stage)
    assert (summary.headers_claimed, summary.items_created, summary.subitems_created) == (2, 0, 0)
    assert items(stage).keys() == made
    assert once_on_the_board(stage, 3)


def test_a_requeued_order_recreates_its_deleted_item(stage: Stage) -> None:
    """The lines of a new item go under it, and a line whose subitem was deleted is not SYNCED without one."""
    sample = add(stage, 2)
    stage.sync()
    deleted, kept = (
        next(i for i in items(stage).values() if i["columns"]["record_uuid"] == row["record_uuid"])
        for row in sample.headers
    )
    lost = kept["subitems"][0]
    delete_item(stage, deleted["id"])
    delete_item(stage, lost["id"])
    lines = [line for line in sample.lines if line["record_uuid"] == deleted["columns"]["record_uuid"]]
    lines += [line for line in sample.lines if line["line_uuid"] == lost["columns"]["line_uuid"]]
    stage.add(queued(headers=[again(sample.headers[0])], lines=[again(line) for line in lines]))
    _, summary = planned_then_done(stage)
    assert (summary.items_created, summary.subitems_created) == (1, 3 + 1)
    assert deleted["id"] not in items(stage)
    assert once_on_the_board(stage, 2)


def test_the_newest_of_several_waiting_versions_counts(stage: Stage) -> None:
    """For the header and for a line, one of which monday rejected before."""
    sample = add(stage, 1)
    header, line = sample.headers[0], sample.lines[0]
    stage.add(queued(headers=[again(header, **{CUSTOMER: header[CUSTOMER].upper(), "TOTAL QTY": 77})]))
    stage.add(queued(lines=[again(line, qty=55)]))
    t = stage.tables
    rejected = {"sync_state": State.ERROR, "sync_error_message": "no such label"}
    for table, row in ((t.header_queue, header), (t.line_queue, line)):
        stage.execute(sa.update(table).where(table.c.delta_uuid == row["delta_uuid"]).values(rejected))
    _, summary = planned_then_done(stage)
    assert (summary.headers_claimed, summary.lines_claimed) == (2, 4)
    assert (summary.items_created, summary.subitems_created) == (1, 3)
    assert once_on_the_board(stage, 1)
    [item] = items(stage).values()
    assert item["columns"]["total_qty"] == "77"
    assert {s["columns"]["qty"] for s in item["subitems"] if s["columns"]["line_uuid"] == line["line_uuid"]} == {"55"}
    assert {row["sync_error_message"] for row in stage.rows(t.header_queue)} == {None}


@pytest.mark.parametrize(("what", "other"), [(CUSTOMER, "O'Malley & Daughters"), (ORDER_NUMBER, "B-9")])
def test_an_order_whose_headers_contradict_each_other_is_held_whole(stage: Stage, what: str, other: str) -> None:
    order, good = make_order(number="A-1"), make_order(number="A-2", minute=1, columns={"GroupMonday": GROUP})
    stage.add(order)
    stage.add(good)
    stage.add(queued(headers=[again(order.headers[0], **{what: other})]))
    _, summary = planned_then_done(stage)
    assert summary.headers_claimed == 1
    assert stage.sync(customers=[order.headers[0][CUSTOMER]]).headers_claimed == 0
    with stage.database() as database:
        [held] = held_orders(QueueReader(database, stage.tables, lease_seconds=60))
    assert (held.cause, held.record_uuid) == (Cause.CONTRADICTION, order.headers[0]["record_uuid"])
    assert f"'{other}'" in held.reason or other in held.reason
    states = {
        row["sync_state"] for row in stage.rows(stage.tables.header_queue) if row["record_uuid"] == held.record_uuid
    }
    assert states == {State.NEW}
