"""The plan of a dry run, held against the live run that follows it: every change, every call, every rejection."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from order_sync.cli import launch
from order_sync.cli.launch import Summary
from order_sync.definitions import build_definitions
from order_sync.demo.drafts import Size
from order_sync.demo.samples import SampleOrders, make_orders
from order_sync.emulator import EmulatorSettings, Fault, FaultKind, start_emulator
from order_sync.monday.client import MondayClient
from order_sync.monday.setup import LABEL_LIMITS
from order_sync.monday.transport import Reply
from order_sync.orders.errors import OrderSyncError
from order_sync.orders.mapping import DEFAULT_MAPPING
from order_sync.sync.decide import OLDER_VERSION, Happens
from order_sync.sync.plan import NEW_ID, Plan, PlannedRow
from order_sync_tests.contract.site import make_order, new_uuid
from order_sync_tests.graph.stage import OTHER_BOARD, Record, Stage, stage_in, two_boards
from order_sync_tests.graph.test_changes import (
    add,
    add_item,
    add_subitem,
    delete_group,
    delete_item,
    group_of,
    items,
    remove,
)
from order_sync_tests.graph.test_odd_orders import again, queued

# A forecast of calls is right within a tenth, or three calls where there are few.
TOLERANCE, FEW = 0.1, 3
CUSTOMERS = ("Weber & Co", "O'Malley & Daughters")


def planned_then_done(stage: Stage) -> tuple[Plan, Summary]:
    """A dry run and the live run after it, which must do exactly what was planned."""
    labels = labels_of(stage)
    plan = launch.plan(stage.settings)
    asked = stage.emulator.stats()["calls"]
    live = stage.sync()
    calls = stage.emulator.stats()["calls"] - asked
    assert live.calls == calls
    assert abs(plan.forecast.calls - calls) <= max(FEW, TOLERANCE * calls), (plan.forecast.calls, calls)
    total = plan.total
    assert (total["groups"], total["items"], total["subitems"]) == (
        live.groups_created,
        live.items_created,
        live.subitems_created,
    )
    # The live run counts an order as held back while some of its rows still wait.
    waiting = {row.record_uuid for row in plan.rows if row.held_back and row.happens is not Happens.REJECT}
    assert (total["orders synced"], len(waiting)) == (live.orders_synced, live.orders_held_back)
    reasons = {row["delta_uuid"]: row["reason"] for row in live.rejected}
    assert {row.delta_uuid: row.reason for row in plan.rejected} == reasons
    made = {column: found - labels[column] for column, found in labels_of(stage).items() if found - labels[column]}
    assert {(new.board_id, new.column): set(new.labels) for new in plan.labels} == made
    assert_changes_are_there(stage, plan)
    return plan, live


def labels_of(stage: Stage) -> dict[tuple[int, str], set[str]]:
    """By board and column."""
    boards = stage.emulator.state()["boards"]
    return {(int(board["id"]), column["id"]): set(column["labels"]) for board in boards for column in board["columns"]}


def assert_changes_are_there(stage: Stage, plan: Plan) -> None:
    """Each value of the site's tables is the planned one, and what the plan does not name is as it was before."""
    tables = stage.tables
    keys = {
        tables.header_queue.name: "delta_uuid",
        tables.line_queue.name: "delta_uuid",
        tables.orders.name: "record_uuid",
        tables.order_lines.name: "line_uuid",
    }
    now = {
        table.name: {str(row[keys[table.name]]): row for row in stage.rows(table)}
        for table in (tables.header_queue, tables.line_queue, tables.orders, tables.order_lines)
    }
    for row in plan.rows:
        named = {(change.table, change.column): change.after for change in row.changes}
        queue = tables.header_queue.name if row.kind == "header" else tables.line_queue.name
        for (table, column), after in named.items():
            found = now[table][str(getattr(row, keys[table]))][column]
            if after == NEW_ID:
                assert found is not None, (row, table, column)
            else:
                assert found == after, (row, table, column)
        there = now[queue][row.delta_uuid]
        if row.held_back:
            expected = "ERROR" if row.happens is Happens.REJECT else "NEW" if row.kind == "header" else "PENDING"
            assert there["sync_state"] == expected
        else:
            assert there["sync_state"] == "SYNCED"


def happens(plan: Plan) -> Counter[str]:
    return Counter(f"{row.kind} {row.happens}" for row in plan.rows)


def row_of(plan: Plan, delta_uuid: str) -> PlannedRow:
    return next(row for row in plan.rows if row.delta_uuid == delta_uuid)


@contextmanager
def dying_at(stage: Stage, operation: str, kind: FaultKind = FaultKind.DAILY_LIMIT) -> Iterator[None]:
    stage.emulator.configure(faults=[Fault(kind=kind, operation=operation)])
    with pytest.raises(OrderSyncError):
        yield
    stage.emulator.configure(faults=[])


@contextmanager
def losing_the_answer(stage: Stage, operation: str) -> Iterator[None]:
    """A run that dies once a request has taken effect."""
    mutate = MondayClient.mutate

    def dying(self: MondayClient, body: str, **more: Any) -> Reply:
        reply = mutate(self, body, **more)
        if more["operation"] == operation:
            raise OrderSyncError("the run dies here")
        return reply

    with mock.patch.object(MondayClient, "mutate", dying), pytest.raises(OrderSyncError):
        yield


# ---- plan and deed ----------------------------------------------------------------------------------------


def test_a_live_run_does_what_was_planned(stage: Stage) -> None:
    stage.add(make_orders(Size.SMALL))
    plan, live = planned_then_done(stage)
    assert len(live.rejected) == 4
    assert plan.labels != []
    assert happens(plan)["line wait"] > 0  # with their rejected headers
    assert plan.calls_made == 3  # version, board and the board of its subitems: an empty board has nothing to adopt
    # What would be sent is what is there.
    board = items(stage)
    for row in plan.of("header"):
        if row.happens is Happens.CREATE:
            item = next(i for i in board.values() if i["columns"].get("record_uuid") == row.record_uuid)
            assert item["name"] == row.name
            assert set(json.loads(row.values)) <= set(item["columns"])


def test_the_plan_knows_what_people_and_dead_runs_created(stage: Stage) -> None:
    sample = add(stage, 8)
    with dying_at(stage, "create_subitem"):
        stage.sync()
    first, second = sorted(items(stage), key=int)[:2]
    delete_item(stage, first)
    more = [make_order(number=f"B-{n}", lines=2, minute=50 + n, columns={"GroupMonday": "Two"}) for n in range(3)]
    for order in more:
        stage.add(order)
    theirs = add_item(stage, "typed by hand", record_uuid=more[1].headers[0]["record_uuid"].upper())
    add_subitem(stage, theirs, "theirs", line_uuid=more[1].lines[0]["line_uuid"])
    later = sample.lines[-1]["created_at"] + timedelta(minutes=1)
    again = sample.lines[-1] | {"delta_uuid": new_uuid(), "created_at": later}  # the same line queued twice
    stage.add(SampleOrders(headers=[], lines=[again], orders=[], order_lines=[]))
    plan, _ = planned_then_done(stage)
    assert happens(plan) == {
        "header already there": 7,
        "header create": 1 + 2,
        "header adopt": 1,
        "line create": 8 * 3 + 6 - 1,
        "line change": 1,
        "line already there": 1,
    }
    adopted = row_of(plan, more[1].headers[0]["delta_uuid"])
    assert (adopted.monday_id, "customer" in json.loads(adopted.values)) == (int(theirs), True)
    assert [row.delta_uuid for row in plan.of("line") if row.reason == OLDER_VERSION] == [
        sample.lines[-1]["delta_uuid"]
    ]
    assert second in items(stage)


def test_late_lines_under_a_deleted_item_are_planned_as_rejected(stage: Stage) -> None:
    """And a group that was deleted is planned to be recreated."""
    sample = add(stage, 2)
    stage.sync()
    item = next(i for i in items(stage).values() if i["columns"]["record_uuid"] == sample.headers[0]["record_uuid"])
    delete_item(stage, item["id"])
    late = [
        line | {"delta_uuid": new_uuid(), "line_uuid": new_uuid(), "size_code": "XXL"}
        for line in (sample.lines[0], sample.lines[-1])
    ]
    main = [{name: line[name] for name in ("line_uuid", "record_uuid", "size_code", "qty")} for line in late]
    stage.add(SampleOrders(headers=[], lines=late, orders=[], order_lines=main))
    with dying_at(stage, "create_item"):
        stage.add(make_order(number="G-1", lines=1, minute=90, columns={"GroupMonday": "Deleted soon"}))
        stage.sync()
    delete_group(stage, group_of(stage, "Deleted soon"))
    plan, _ = planned_then_done(stage)
    assert happens(plan) == {"line reject": 1, "line create": 1 + 1, "header create": 1}
    assert [group.title for group in plan.groups if group.group_id is None] == ["Deleted soon"]


def test_deleted_subitems_are_planned_to_be_recreated(stage: Stage) -> None:
    sample = add(stage, 6)
    stage.emulator.configure(faults=[Fault(kind=FaultKind.DAILY_LIMIT, operation="create_subitem", nth=2)])
    with pytest.raises(OrderSyncError):
        stage.sync()
    stage.emulator.configure(faults=[])
    first, second = [item for item in items(stage).values() if item["subitems"]][:2]
    remove(stage, first["subitems"][0]["id"])
    remove(stage, second["id"])
    subitem = first["subitems"][0]
    plan, _ = planned_then_done(stage)
    [line] = [row for row in plan.of("line") if row.line_uuid == subitem["columns"]["line_uuid"]]
    assert (line.happens, line.reason) == (Happens.CREATE, f"its subitem {subitem['id']} was deleted on the board")
    [header] = [row for row in plan.of("header") if row.record_uuid == second["columns"]["record_uuid"]]
    assert (header.happens, header.reason) == (Happens.CREATE, f"its item {second['id']} was deleted on the board")
    # After it is SYNCED: a line that is queued again finds its subitem deleted.
    [row] = [row for row in sample.lines if row["line_uuid"] == line.line_uuid]
    [synced] = stage.rows(stage.tables.line_queue, stage.tables.line_queue.c.delta_uuid == row["delta_uuid"])
    remove(stage, synced["monday_subitem_id"])
    stage.add(SampleOrders(headers=[], lines=[row | {"delta_uuid": new_uuid()}], orders=[], order_lines=[]))
    plan, _ = planned_then_done(stage)
    assert happens(plan) == {"line create": 1}


@pytest.mark.parametrize("operation", ["create_item", "create_subitem"])
def test_a_request_in_doubt_is_looked_up(stage: Stage, operation: str) -> None:
    """The rows were made and the answer never came: the plan must not count them as new."""
    add(stage, 3)
    with losing_the_answer(stage, operation):
        stage.sync()
    plan, live = planned_then_done(stage)
    assert any("an earlier run got no answer" in note for note in plan.notes)
    assert (live.items_created, live.orders_synced) == (0, 3)
    assert plan.total["already there"] == (3 if operation == "create_item" else 3 + 9)


@pytest.mark.parametrize("operation", ["create_item", "create_subitem"])
def test_what_is_in_doubt_is_found_for_rows_queued_anew(
    stage: Stage, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The lines of a request without an answer were deleted, and came once more; so did headers that have no item."""
    sample = add(stage, 3)
    with losing_the_answer(stage, operation):
        stage.sync()
    stage.execute(sa.delete(stage.tables.line_queue))
    stage.add(queued(lines=[again(row) for row in sample.lines]))
    if operation == "create_item":
        stage.execute(sa.delete(stage.tables.header_queue))
        stage.add(queued(headers=[again(row) for row in sample.headers]))
    plan, live = planned_then_done(stage)
    assert (live.items_created, live.orders_synced) == (0, 3)
    assert plan.total["adopted" if operation == "create_item" else "already there"] >= 3
    assert [len(item["subitems"]) for item in items(stage).values()] == [3, 3, 3]
    what = "item" if operation == "create_item" else "subitem"
    assert re.search(rf"\b{what} \d+ was already on the board: adopted for", caplog.text)


def test_a_board_or_column_that_would_overflow_is_reported(stage: Stage) -> None:
    add(stage, 3)
    orders = [make_order(number=f"C-{n}", columns={"CUSTOMER SEASON": f"S{n}"}) for n in range(4)]
    for order in orders:
        stage.add(order)
    stage.emulator.configure(items_limit=5)
    limits = dict(LABEL_LIMITS)
    LABEL_LIMITS["dropdown"] = 3
    try:
        plan = launch.plan(stage.settings)
    finally:
        LABEL_LIMITS.update(limits)
        stage.emulator.configure(items_limit=10_000)
    assert [(board.of, board.overflow) for board in plan.boards] == [("items", 2), ("subitems", 0)]
    assert any("2 of the 7 new ones would be rejected" in note for note in plan.notes)
    assert any("would have 4 labels; monday allows about 3" in note for note in plan.notes)


def test_large_groups_are_imported_as_planned(stage: Stage) -> None:
    orders = [make_order(number=f"D-{n}", lines=0, minute=n, columns={"GroupMonday": "Many"}) for n in range(30)]
    for order in orders:
        stage.add(order)
    stage.emulator.configure(limits={"complexity_per_minute": 300_000}, clock_speed=60)
    settings = stage.settings.model_copy(update={"bulk_rows": 20, "clock_speed": 60})
    try:
        plan = launch.plan(settings)
        asked = stage.emulator.stats()["calls"]
        live = launch.sync(settings)
        assert live.calls == stage.emulator.stats()["calls"] - asked  # its files are no calls
    finally:
        stage.emulator.configure(limits={"complexity_per_minute": 10_000_000}, clock_speed=1)
    assert [job.items for job in plan.jobs] == [30]
    imports = [r for r in stage.mutations() if "ingest_items" in str(r["operations"])]
    assert (len(imports), live.items_created, plan.total["items"]) == (1, 30, 30)


# ---- where it is to be seen ---------------------------------------------------------------------------------


@pytest.mark.on_disk
def test_a_dagster_run_keeps_its_plan_in_metadata_and_file(stage: Stage) -> None:
    stage.add(make_orders(Size.SMALL))
    before = stage.dump(), stage.file_sum(), stage.emulator.checksum()
    defs = build_definitions(stage.settings.model_copy(update={"dry_run": True}))
    with stage.instance() as instance:
        result = defs.resolve_job_def("sync_orders").execute_in_process(
            instance=instance, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        )
    assert (stage.dump(), stage.file_sum(), stage.emulator.checksum()) == before
    message: dict[str, dict[str, Any]] = {
        event.materialization.asset_key.path[-1]: dict(event.materialization.metadata)
        for event in result.get_asset_materialization_events()
    }
    assert all(metadata["dry_run"].value is True for metadata in message.values())
    path = Path(str(message["order_list"]["plan"].value))
    assert path == (stage.settings.home / "dry_runs" / f"{result.run_id}.json").resolve()
    plan = json.loads(path.read_text(encoding="utf-8"))
    assert len(plan["rows"]) == 71 + 318
    assert plan["total"]["rejected"] == 4
    groups = message["monday_groups"]["groups"].value
    assert Counter(record.data["happens"] for record in groups.records) == {"create": 5}
    rows = message["monday_items"]["rows"].value.records
    assert any("ORDER TYPE" in str(record.data["why"]) for record in rows)
    assert "record_uuid" in rows[0].data["sent"]
    changes = [record.data["changes"] for record in message["order_list"]["orders"].value.records]
    assert any("ORDER_LIST_DELTA.sync_state NEW -> SYNCED" in change for change in changes)
    assert len(message["monday_subitems"]["rows"].value.records) == 200


def test_a_step_without_those_before_it_says_what_to_do(stage: Stage) -> None:
    add(stage, 1)
    defs = build_definitions(stage.settings.model_copy(update={"dry_run": True}))
    with stage.instance() as instance:
        result = defs.resolve_job_def("sync_orders").execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey("monday_items")],
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    assert not result.success
    assert "A dry run keeps nothing from an earlier run" in str(
        [event.event_specific_data for event in result.filter_events(lambda e: e.is_step_failure)]
    )


# ---- several boards -----------------------------------------------------------------------------------------


@pytest.fixture
def by_customer(tmp_path: Path) -> Iterator[Stage]:
    """The orders of one customer go to a board of their own."""
    mapping = tmp_path / "mapping.toml"
    rule = f'\n[[boards]]\nid = {OTHER_BOARD}\ncustomers = ["{CUSTOMERS[1]}"]\n'
    mapping.write_text(DEFAULT_MAPPING.read_text(encoding="utf-8") + rule, encoding="utf-8")
    with (
        start_emulator(EmulatorSettings(boards=two_boards())) as emulator,
        stage_in(tmp_path, emulator, Record.IN_MEMORY, ORDER_SYNC_MAPPING=str(mapping)) as stage,
    ):
        yield stage


def test_several_boards_are_planned_each(by_customer: Stage) -> None:
    stage = by_customer
    for number, customer in enumerate(CUSTOMERS * 2):
        season = {"CUSTOMER SEASON": f"S{number}"}
        stage.add(make_order(number=f"F-{number}", customer=customer, minute=number, columns=season))
    plan, _ = planned_then_done(stage)
    boards = Counter(row.board_id for row in plan.of("header"))
    assert boards == {stage.settings.board_id: 2, OTHER_BOARD: 2}
    assert {board.new for board in plan.boards if board.of == "items"} == {2}
    assert len(plan.labels) == 2

    # Without a board to ask, the rules are followed all the same.
    stage.add(make_order(number="F-9", customer=CUSTOMERS[1]))
    without = {"deployment": "production", "database_url": SecretStr(stage.settings.database), "monday_token": None}
    plan = launch.plan(stage.settings.model_copy(update=without))
    assert [row.board_id for row in plan.of("header")] == [OTHER_BOARD]
    assert plan.notes[0].startswith("No token or board is set")
