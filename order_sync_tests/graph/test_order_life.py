"""An order's whole life on the board: created, changed, moved, cancelled, brought back.

In: orders that are on the board, and what the order system queues of them later. Out: board, tables and requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from order_sync.cli import launch
from order_sync.cli.access import compared
from order_sync.cli.commands import main
from order_sync.database.resync import resync, synced_orders
from order_sync.demo.samples import SampleOrders
from order_sync.demo.words import COLOUR, PO, TOTAL
from order_sync.emulator import Emulator, Fault, FaultKind
from order_sync.orders.mapping import DEFAULT_MAPPING
from order_sync.orders.states import Action, State
from order_sync.sync.decide import Happens
from order_sync_tests.contract.site import make_order
from order_sync_tests.graph.stage import Record, Row, Stage, stage_in
from order_sync_tests.graph.test_changes import GROUP, add, monday
from order_sync_tests.graph.test_odd_orders import again, queued
from order_sync_tests.graph.test_plan import planned_then_done
from order_sync_tests.waiting import until


def board(stage: Stage) -> dict[str, Row]:
    """The board's active items by record_uuid."""
    return {item["columns"]["record_uuid"]: item for item in stage.board()["items"]}


def update(row: Row, **changes: Any) -> Row:
    return again(row, action_type=Action.UPDATE, **changes)


def cancel(row: Row, **changes: Any) -> Row:
    return again(row, action_type=Action.DELETE, **changes)


def queue(stage: Stage, *, headers: Sequence[Row] = (), lines: Sequence[Row] = ()) -> None:
    stage.add(queued(headers=headers, lines=lines))


def all_synced(stage: Stage) -> bool:
    queues = (stage.tables.header_queue, stage.tables.line_queue)
    return all(row["sync_state"] == State.SYNCED for table in queues for row in stage.rows(table))


def sent(stage: Stage, since: int) -> list[str]:
    """The mutations since then, each as its first field's name and the number of rows."""
    return [f"{request['fields'][0]} x{len(request['fields'])}" for request in stage.mutations()[since:]]


@pytest.fixture
def on_board(stage: Stage) -> SampleOrders:
    """Three orders with three lines each, on the board."""
    sample = add(stage, 3)
    stage.sync()
    return sample


# ---- changed -------------------------------------------------------------------------------------------


def test_an_update_sends_the_columns_that_differ(stage: Stage, on_board: SampleOrders) -> None:
    before, asked = board(stage), len(stage.mutations())
    first = on_board.headers[0]
    queue(stage, headers=[update(first, **{TOTAL: 99, PO: "PO 7"})])
    plan, _ = planned_then_done(stage)
    after = board(stage)
    record = first["record_uuid"]
    changed = {key for key, value in after[record]["columns"].items() if value != before[record]["columns"].get(key)}
    assert changed == {"total_qty", "po_number"}
    assert {key: item for key, item in after.items() if key != record} == {
        key: item for key, item in before.items() if key != record
    }
    assert len(stage.mutations()) == asked + 1
    [row] = plan.rows
    assert row.happens is Happens.CHANGE
    assert all_synced(stage)


def test_an_update_that_changes_nothing_causes_no_mutation(stage: Stage, on_board: SampleOrders) -> None:
    asked = len(stage.mutations())
    queue(stage, headers=[update(row) for row in on_board.headers], lines=[update(row) for row in on_board.lines])
    _, summary = planned_then_done(stage)
    assert len(stage.mutations()) == asked
    # The version, the board and that of its subitems; the check of the board; the board again; the check of its items.
    assert summary.calls == 6
    assert all_synced(stage)


def test_an_emptied_source_clears_its_column(stage: Stage, on_board: SampleOrders) -> None:
    first = on_board.headers[0]
    queue(stage, headers=[update(first, **{TOTAL: None, PO: None})])
    planned_then_done(stage)
    columns = board(stage)[first["record_uuid"]]["columns"]
    assert (columns.get("total_qty") or "", columns.get("po_number") or "") == ("", "")


def test_a_line_is_changed_on_its_own_board(stage: Stage, on_board: SampleOrders) -> None:
    line = on_board.lines[0]
    queue(stage, lines=[update(line, qty=77)])
    planned_then_done(stage)
    subitems = {subitem["columns"]["line_uuid"]: subitem for subitem in board(stage)[line["record_uuid"]]["subitems"]}
    assert subitems[line["line_uuid"]]["columns"]["qty"] == "77"
    assert len(subitems) == 3
    assert all_synced(stage)


def test_an_update_before_its_insert_creates_the_order(stage: Stage) -> None:
    order = make_order(lines=2, columns={"GroupMonday": GROUP})
    insert = order.headers[0]
    later = update(insert, **{TOTAL: 50})
    stage.add(SampleOrders(headers=[later], lines=order.lines, orders=order.orders, order_lines=order.order_lines))
    planned_then_done(stage)
    asked = len(stage.mutations())
    queue(stage, headers=[insert])
    planned_then_done(stage)
    assert board(stage)[insert["record_uuid"]]["columns"]["total_qty"] == "50"
    assert len(stage.mutations()) == asked
    assert all_synced(stage)


def test_the_newest_update_counts_in_any_order_of_arrival(stage: Stage, on_board: SampleOrders) -> None:
    first = on_board.headers[0]
    newer = update(first, **{TOTAL: 3})
    older = update(first, **{TOTAL: 2}) | {"created_at": newer["created_at"] - timedelta(seconds=30)}
    queue(stage, headers=[newer, older])
    planned_then_done(stage)
    assert board(stage)[first["record_uuid"]]["columns"]["total_qty"] == "3"
    queue(stage, headers=[update(first, **{TOTAL: 1}) | {"created_at": older["created_at"]}])
    planned_then_done(stage)
    assert board(stage)[first["record_uuid"]]["columns"]["total_qty"] == "3"
    assert all_synced(stage)


def test_an_update_that_changes_the_group_moves_the_item(stage: Stage, on_board: SampleOrders) -> None:
    first = on_board.headers[0]
    queue(stage, headers=[update(first, GroupMonday="Oak AW27")])
    planned_then_done(stage)
    titles = {group["id"]: group["title"] for group in stage.board()["groups"]}
    assert titles[board(stage)[first["record_uuid"]]["group_id"]] == "Oak AW27"
    assert all_synced(stage)


def test_an_update_recreates_a_deleted_item(stage: Stage, on_board: SampleOrders) -> None:
    first = on_board.headers[0]
    item = board(stage)[first["record_uuid"]]["id"]
    monday(stage, "mutation ($item: ID) { delete_item(item_id: $item) { id } }", item=item)
    queue(stage, headers=[update(first, **{TOTAL: 5})])
    stage.sync()
    assert board(stage)[first["record_uuid"]]["id"] != item
    assert all_synced(stage)


def test_an_update_recreates_a_deleted_subitem(stage: Stage, on_board: SampleOrders) -> None:
    line = on_board.lines[0]
    subitems = board(stage)[line["record_uuid"]]["subitems"]
    [old] = [subitem["id"] for subitem in subitems if subitem["columns"]["line_uuid"] == line["line_uuid"]]
    monday(stage, "mutation ($item: ID) { delete_item(item_id: $item) { id } }", item=old)
    queue(stage, lines=[update(line, qty=5)])
    stage.sync()
    after = board(stage)[line["record_uuid"]]["subitems"]
    [new] = [subitem for subitem in after if subitem["columns"]["line_uuid"] == line["line_uuid"]]
    assert (new["id"] != old, new["columns"]["qty"]) == (True, "5")
    assert all_synced(stage)


# ---- cancelled -----------------------------------------------------------------------------------------


def test_a_cancelled_order_leaves_the_board_with_its_lines(stage: Stage, on_board: SampleOrders) -> None:
    first = on_board.headers[0]
    record = first["record_uuid"]
    lines = [row for row in on_board.lines if row["record_uuid"] == record]
    queue(stage, headers=[cancel(first)], lines=[cancel(row) for row in lines])
    _, summary = planned_then_done(stage)
    assert (summary.cancelled, [of["waiting"] for of in summary.customers]) == (1, [0])
    assert record not in board(stage)
    assert len(board(stage)) == 2
    assert all_synced(stage)
    t = stage.tables
    [order] = stage.rows(t.orders, t.orders.c.record_uuid == record)
    assert (order["sync_state"], order["monday_item_id"]) == (State.SYNCED, None)
    assert {row["monday_subitem_id"] for row in stage.rows(t.order_lines, t.order_lines.c.record_uuid == record)} == {
        None
    }


def test_many_cancels_are_one_job_that_a_person_can_undo(board_process: Emulator, tmp_path: Path) -> None:
    batches = {"ORDER_SYNC_FIRST_BATCH": "1", "ORDER_SYNC_LARGEST_BATCH": "1"}
    with stage_in(tmp_path, board_process, Record.IN_MEMORY, ORDER_SYNC_BULK_CANCELS="3", **batches) as stage:
        board_process.configure(bulk_start_ms=0, bulk_row_ms=0)
        sample = add(stage, 4)
        stage.sync()
        before, asked = board(stage), len(stage.mutations())
        queue(stage, headers=[cancel(row) for row in sample.headers])
        _, summary = planned_then_done(stage)
        assert [request["operations"] for request in stage.mutations()[asked:]] == [
            ["bulk_archive_items", "complexity"]
        ]
        assert (summary.cancelled, board(stage), all_synced(stage)) == (4, {}, True)
        [job] = summary.archive_jobs
        record = sample.headers[0]["record_uuid"]
        order_sync = CliRunner().invoke
        assert f": by job {job}" in order_sync(main, ["trace", record]).stdout
        undone = order_sync(main, ["undo", job])
        assert (undone.exit_code, "monday: The undo has begun" in undone.stdout) == (0, True), undone.output
        until(lambda: board(stage).keys() == before.keys(), "the items back")
        assert order_sync(main, ["undo", job]).exit_code == 1
        # Queued again, the orders have the items that are there.
        later = {"created_at": again(sample.headers[0])["created_at"] + timedelta(minutes=1)}
        queue(stage, headers=[again(row, **later) for row in sample.headers])
        assert stage.sync().complete
        assert {record: item["id"] for record, item in board(stage).items()} == {
            record: item["id"] for record, item in before.items()
        }


def test_a_cancelled_line_leaves_the_board_and_its_order_stays(stage: Stage, on_board: SampleOrders) -> None:
    line = on_board.lines[0]
    queue(stage, lines=[cancel(line)])
    planned_then_done(stage)
    subitems = board(stage)[line["record_uuid"]]["subitems"]
    assert line["line_uuid"] not in {subitem["columns"]["line_uuid"] for subitem in subitems}
    assert len(subitems) == 2
    assert all_synced(stage)


def test_an_order_with_a_rejected_line_can_be_cancelled(stage: Stage) -> None:
    order = make_order(lines=["S", " "], columns={"GroupMonday": GROUP})
    stage.add(order)
    assert len(stage.sync().rejected) == 1
    queue(stage, headers=[cancel(order.headers[0])])
    planned_then_done(stage)
    assert board(stage) == {}
    assert all_synced(stage)


def test_an_order_cancelled_before_sending_is_never_sent(stage: Stage) -> None:
    order = make_order(lines=2, columns={"GroupMonday": GROUP})
    stage.add(order)
    queue(stage, headers=[cancel(order.headers[0])])
    planned_then_done(stage)
    assert board(stage) == {}
    assert stage.mutations() == []
    assert all_synced(stage)


def test_a_delete_of_an_order_without_item_is_synced(stage: Stage) -> None:
    order = make_order(lines=1)
    queue(stage, headers=[cancel(order.headers[0])], lines=[cancel(row) for row in order.lines])
    planned_then_done(stage)
    assert stage.mutations() == []
    assert all_synced(stage)


def test_an_insert_after_a_cancel_creates_a_new_item(stage: Stage, on_board: SampleOrders) -> None:
    first = on_board.headers[0]
    record = first["record_uuid"]
    old = board(stage)[record]["id"]
    queue(stage, headers=[cancel(first)])
    stage.sync()
    lines = [row for row in on_board.lines if row["record_uuid"] == record]
    later = {"created_at": again(first)["created_at"] + timedelta(minutes=1)}
    queue(stage, headers=[again(first, **later)], lines=[again(row, **later) for row in lines])
    planned_then_done(stage)
    new = board(stage)[record]
    assert new["id"] != old
    assert len(new["subitems"]) == 3
    assert all_synced(stage)


def test_an_insert_older_than_the_cancel_creates_nothing(stage: Stage) -> None:
    order = make_order(lines=1, columns={"GroupMonday": GROUP})
    stage.add(SampleOrders(headers=[cancel(order.headers[0])], orders=order.orders, order_lines=order.order_lines))
    stage.sync()
    queue(stage, headers=order.headers, lines=order.lines)
    planned_then_done(stage)
    assert board(stage) == {}
    assert all_synced(stage)


def test_a_run_that_would_cancel_too_many_orders_cancels_none(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = add(stage, 4)
    stage.sync()
    queue(stage, headers=[cancel(row) for row in sample.headers[:3]] + [update(sample.headers[3], **{TOTAL: 8})])
    with monkeypatch.context() as patch:
        patch.setattr("order_sync.orders.mapping.Cancel.allowed", lambda *_: 2)
        planned_then_done(stage)
    assert len(board(stage)) == 4
    assert board(stage)[sample.headers[3]["record_uuid"]]["columns"]["total_qty"] == "8"
    waiting = {row["record_uuid"] for row in stage.rows(stage.tables.header_queue) if row["sync_state"] != "SYNCED"}
    assert waiting == {row["record_uuid"] for row in sample.headers[:3]}
    stage.sync()
    assert len(board(stage)) == 1


# ---- edited --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edits", "edited", "then"),
    [
        ("overwrite", "7", "13"),
        ("keep", "7", "7"),
        ("keep", None, "13"),
        ("fill", "7", "7"),
        ("fill", "", "13"),
    ],
)
def test_the_mapping_says_whether_an_edit_stays(
    board_process: Emulator, tmp_path: Path, edits: str, edited: str | None, then: str
) -> None:
    mapping = tmp_path / "mapping.toml"
    text = DEFAULT_MAPPING.read_text(encoding="utf-8")
    column = 'column = "total_qty"\n'
    assert column in text
    mapping.write_text(text.replace(column, f'{column}edits = "{edits}"\n'), encoding="utf-8")
    with stage_in(tmp_path, board_process, Record.IN_MEMORY, ORDER_SYNC_MAPPING=str(mapping)) as stage:
        sample = add(stage, 1)
        stage.sync()
        [record] = board(stage)
        if edited is not None:
            board_process.person.edit(board(stage)[record]["id"], "total_qty", edited)
        queue(stage, headers=[update(sample.headers[0], **{TOTAL: 13, PO: "PO 13"})])
        _, summary = planned_then_done(stage)
        columns = board(stage)[record]["columns"]
        assert (columns["total_qty"], columns["po_number"]) == (then, "PO 13")
        assert summary.kept == (edits == "keep" and edited is not None)
        assert all_synced(stage)


def test_an_item_that_somebody_has_renamed_or_moved_stays_so(stage: Stage, on_board: SampleOrders) -> None:
    first = on_board.headers[0]
    record = first["record_uuid"]
    item = board(stage)[record]["id"]
    stage.emulator.person.rename(item, "URGENT")
    other = next(group["id"] for group in stage.board()["groups"] if group["title"] != GROUP)
    stage.emulator.person.move(item, other)
    queue(stage, headers=[update(first, GroupMonday="Oak AW27", **{COLOUR: "Teal"})])
    _, summary = planned_then_done(stage)
    after = board(stage)[record]
    assert (after["name"], after["group_id"], after["columns"]["colour"]) == ("URGENT", other, "Teal")
    assert summary.kept == 2
    assert all_synced(stage)
    edits = {row["column_id"]: (row["on_board"], row["monday_id"]) for row in stage.rows(stage.tables.edits)}
    assert edits == {"name": ("URGENT", int(item)), "group": (other, int(item))}
    shown = CliRunner().invoke(main, ["trace", record]).stdout
    assert f"Edited on the board and kept: name of {item} is 'URGENT', and \"" in shown


def test_an_update_renames_an_item_that_nobody_has_touched(stage: Stage, on_board: SampleOrders) -> None:
    first = on_board.headers[0]
    queue(stage, headers=[update(first, **{COLOUR: "Teal"})])
    planned_then_done(stage)
    assert "Teal" in board(stage)[first["record_uuid"]]["name"]


# ---- written again ---------------------------------------------------------------------------------------


def test_a_resync_writes_every_value_again(stage: Stage, on_board: SampleOrders) -> None:
    first = on_board.headers[0]
    record = first["record_uuid"]
    before = board(stage)[record]
    stage.emulator.person.edit(before["id"], "total_qty", "1")
    stage.emulator.person.edit(before["subitems"][0]["id"], "qty", "1000")
    with stage.database() as database:
        done = resync(database, stage.tables, synced_orders(database, stage.tables, orders=[record]))
    assert done.records == [record]
    asked = len(stage.mutations())
    planned_then_done(stage)
    assert board(stage)[record] == before
    assert len(stage.mutations()) == asked + 2  # one of items, one of subitems
    assert all_synced(stage)


def test_reconcile_distinguishes_an_edit_from_drift(stage: Stage, on_board: SampleOrders) -> None:
    first, second, _ = (row["record_uuid"] for row in on_board.headers)
    stage.emulator.person.edit(board(stage)[first]["id"], "total_qty", "1")
    stage.emulator.person.edit(board(stage)[first]["subitems"][0]["id"], "qty", "1000")
    stage.emulator.person.rename(board(stage)[second]["id"], "URGENT")
    report = compared(stage.settings, days=0)
    assert report.counts == {"values that differ": 2, "values edited on the board": 1}
    assert report.repairable == [first]
    assert not report.agrees
    with stage.database() as database:
        resync(database, stage.tables, report.repairable)
    stage.sync()
    assert compared(stage.settings, days=0).counts == {"values edited on the board": 1}


def test_a_row_requeued_with_its_id_waits_for_its_change(stage: Stage, on_board: SampleOrders) -> None:
    table, (first, second, *_) = stage.tables.header_queue, on_board.headers
    values = {"sync_state": State.NEW, "sync_run_id": None, TOTAL: 4_711}
    ours = table.c.record_uuid == first["record_uuid"]
    stage.execute(table.update().where(ours).values(values))
    queue(stage, headers=[update(second, **{TOTAL: 99})])
    operation = "change_multiple_column_values"
    stage.emulator.configure(faults=[Fault(kind=FaultKind.PARTIAL_BATCH, operation=operation, aliases=(0,))])
    launch.sync(stage.settings.model_copy(update={"settle_seconds": 0.05}))
    assert {row["sync_state"] for row in stage.rows(table, ours)} != {State.SYNCED}
    stage.emulator.configure(faults=[])
    assert stage.sync().complete
    assert all_synced(stage)
    assert {item["columns"]["total_qty"] for item in board(stage).values()} >= {"4711", "99"}
