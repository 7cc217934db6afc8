"""Each asset check: passes after a run, and fails once what it asks of is broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from order_sync.assets.checks import build_checks
from order_sync.definitions import build_definitions
from order_sync.deployments import resources
from order_sync.emulator import Emulator, Fault, FaultKind
from order_sync.orders.mapping import DEFAULT_MAPPING
from order_sync.orders.states import State
from order_sync_tests.contract.site import make_order
from order_sync_tests.graph.stage import Row, Stage, stage_in
from order_sync_tests.graph.test_changes import add_item, add_subitem, delete_group, delete_item, group_of, monday
from order_sync_tests.graph.test_end_to_end import records, reported_by
from order_sync_tests.graph.test_scope import late_line

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
CHECKS = {
    "no_header_past_its_lease": "pending_headers",
    "no_line_past_its_lease": "pending_lines",
    "mapping_fits_board": "monday_groups",
    "api_version_lasts": "monday_groups",
    "every_group_once": "monday_groups",
    "labels_known": "monday_groups",
    "every_header_has_its_item": "monday_items",
    "no_item_twice": "monday_items",
    "every_line_has_its_subitem": "monday_subitems",
    "no_subitem_twice": "monday_subitems",
    "nothing_rejected": "order_list",
    "nothing_left_pending": "order_list",
    "no_order_held": "order_list",
    "queue_and_orders_agree": "order_list",
    "queue_and_lines_agree": "order_list_lines",
}
GROUPS = ["Elm", "Ash", "Oak"]
OF_GROUP = 4


@dataclass(frozen=True, kw_only=True)
class World:
    """A site after a run: 12 orders on the board in three groups, a late line, and one order with a wrong label."""

    stage: Stage
    run_id: str
    message: dict[str, Any]  # by the run itself
    late_parent: str  # the item of an earlier run that the late line went to

    def ask(self, name: str, **settings: object) -> dg.AssetCheckEvaluation:
        """What the check says now, started by itself."""
        with self.stage.instance() as instance:
            return ask(self.stage, instance, name, **settings)

    def headers(self, group: str) -> list[Row]:
        queue = self.stage.tables.header_queue
        return self.stage.inserts(queue, queue.c.GroupMonday == group, queue.c.sync_state == State.SYNCED)

    def lines(self, group: str) -> list[Row]:
        queue = self.stage.tables.line_queue
        return self.stage.inserts(queue, queue.c.record_uuid.in_([row["record_uuid"] for row in self.headers(group)]))


def ask(stage: Stage, instance: dg.DagsterInstance, name: str, **settings: object) -> dg.AssetCheckEvaluation:
    made = stage.settings.model_copy(update=settings)
    key = dg.AssetCheckKey(dg.AssetKey(CHECKS[name]), name)
    job = build_definitions(made).resolve_implicit_global_asset_job_def()
    result = job.get_subset(asset_selection=set(), asset_check_selection={key}).execute_in_process(instance=instance)
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def found(evaluation: Any) -> list[str]:
    """The texts of what a check found."""
    assert not evaluation.passed
    return [str(next(iter(row.values()))) for row in records(evaluation.metadata["rows"].value)]


@pytest.fixture(scope="module")
def world(board_process: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with stage_in(tmp_path_factory.mktemp("world"), board_process) as stage:
        stage.add(make_order(number="first", columns={"GroupMonday": "Old"}))
        stage.sync()
        (first,) = stage.rows(stage.tables.orders)
        late_line(stage, first, "9XL")
        for group in GROUPS:
            for n in range(OF_GROUP):
                stage.add(make_order(number=f"{group}-{n}", lines=3, minute=n, columns={"GroupMonday": group}))
        stage.add(make_order(number="wrong", columns={"GroupMonday": "Old", "ORDER TYPE": "no such type"}))
        summary = stage.sync()
        assert (summary.orders_synced, len(summary.rejected)) == (13, 1)
        _, message = reported_by(stage, summary.run_id)
        yield World(stage=stage, run_id=summary.run_id, message=message, late_parent=str(first["monday_item_id"]))


# ---- a run reports ----------------------------------------------------------------------------------------


def test_only_the_wrong_order_fails_the_checks_of_a_run(world: World) -> None:
    assert {name: message.asset_key.to_user_string() for name, message in world.message.items()} == CHECKS
    assert {name for name, message in world.message.items() if not message.passed} == {
        "labels_known",
        "nothing_rejected",
    }
    assert {world.message[name].severity for name in ("labels_known", "nothing_rejected")} == {WARN}
    (row,) = records(world.message["labels_known"].metadata["rows"].value)
    assert "no such label" in row["reason"]


def test_checks_cost_one_call_and_one_per_hundred_items(world: World) -> None:
    assert world.message["mapping_fits_board"].metadata["calls"].value == 1
    after = world.message["every_line_has_its_subitem"].metadata
    # 12 items of the run, and the item of the late line, whose order is its key.
    assert (after["items looked up"].value, after["items of the run"].value, after["calls"].value) == (13, 13, 1)


def test_the_setting_limits_the_items_that_are_looked_up(world: World) -> None:
    message = world.ask("no_item_twice", board_checks=5)
    assert message.passed
    assert (message.metadata["items looked up"].value, message.metadata["items of the run"].value) == (5, 13)


def test_without_board_checks_only_the_tables_are_read() -> None:
    asked = {key.name for check in build_checks(board_checks=0) for key in check.check_keys}
    assert asked == {
        *("no_header_past_its_lease", "no_line_past_its_lease", "nothing_rejected", "nothing_left_pending"),
        *("no_order_held", "queue_and_orders_agree", "queue_and_lines_agree"),
    }


def test_checks_report_a_silent_monday_and_stop_nothing(world: World) -> None:
    # The third time that boards are asked for: the first two are those of every run's start.
    before = Fault(kind=FaultKind.DAILY_LIMIT, operation="boards", nth=3)
    after = Fault(kind=FaultKind.DAILY_LIMIT, operation="items_page_by_column_values", nth=1)
    world.stage.emulator.configure(faults=[before, after])
    try:
        for name in ("mapping_fits_board", "every_header_has_its_item"):
            message = world.ask(name)
            assert (message.passed, message.severity) == (False, WARN)
            assert "could not be asked" in (message.description or "")
    finally:
        world.stage.emulator.configure(faults=[])


# ---- the queue tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["no_header_past_its_lease", "no_line_past_its_lease"])
def test_a_row_that_a_dead_run_holds_is_found(world: World, name: str) -> None:
    stage = world.stage
    queue = stage.tables.header_queue if "header" in name else stage.tables.line_queue
    (row, *_) = world.headers("Elm") if "header" in name else world.lines("Elm")
    this = queue.c.delta_uuid == row["delta_uuid"]
    lost = {"sync_state": State.PENDING, "sync_run_id": "run-0", "sync_attempted_at": datetime(2026, 1, 1)}
    stage.execute(sa.update(queue).where(this).values(**lost))
    message = world.ask(name)
    assert found(message) == [row["record_uuid"]]
    assert message.severity is WARN
    stage.execute(sa.update(queue).where(this).values({key: row[key] for key in lost}))


def test_a_row_that_the_run_left_pending_is_found(world: World) -> None:
    stage, queue = world.stage, world.stage.tables.line_queue
    (row, *_) = world.lines("Elm")
    this = queue.c.delta_uuid == row["delta_uuid"]
    stage.execute(sa.update(queue).where(this).values(sync_state=State.PENDING))
    message = world.ask("nothing_left_pending")
    assert (found(message), message.severity) == ([row["record_uuid"]], ERROR)
    stage.execute(sa.update(queue).where(this).values(sync_state=State.SYNCED))


# ---- the main tables --------------------------------------------------------------------------------------


def test_an_order_that_differs_from_its_header_is_found(world: World) -> None:
    stage, orders = world.stage, world.stage.tables.orders
    headers = [row["record_uuid"] for row in world.headers("Oak")]
    changes: list[Row] = [{"sync_state": None}, {"monday_item_id": 4711}, {"monday_item_id": None}]
    for record_uuid, change in zip(headers, changes, strict=False):
        stage.execute(sa.update(orders).where(orders.c.record_uuid == record_uuid).values(**change))
    message = world.ask("queue_and_orders_agree")
    assert (sorted(found(message)), message.severity) == (sorted(headers[: len(changes)]), ERROR)


def test_a_main_line_that_differs_from_the_queue_is_found(world: World) -> None:
    stage, lines = world.stage, world.stage.tables.order_lines
    changes: list[Row] = [{"sync_state": None}, {"monday_subitem_id": 4711}, {"parent_item_id": None}]
    changed = world.lines("Oak")[: len(changes)]
    for line, change in zip(changed, changes, strict=True):
        stage.execute(sa.update(lines).where(lines.c.line_uuid == line["line_uuid"]).values(**change))
    message = world.ask("queue_and_lines_agree")
    assert (sorted(found(message)), message.severity) == (sorted(line["record_uuid"] for line in changed), ERROR)


# ---- the board, each test in a corner of its own ------------------------------------------------------------


def test_a_moved_item_warns_and_a_deleted_one_fails(world: World) -> None:
    moved, deleted, *_ = world.headers("Ash")
    move = "mutation ($item: ID, $to: String!) { move_item_to_group(item_id: $item, group_id: $to) { id } }"
    monday(world.stage, move, item=str(moved["monday_item_id"]), to=group_of(world.stage, "Elm"))
    message = world.ask("every_header_has_its_item")
    assert message.severity is WARN
    (text,) = found(message)
    assert f"item {moved['monday_item_id']} of order {moved['record_uuid']} is in group" in text
    delete_item(world.stage, deleted["monday_item_id"])
    message = world.ask("every_header_has_its_item")
    assert message.severity is ERROR
    assert f"item {deleted['monday_item_id']} of order {deleted['record_uuid']} is not on the board" in found(message)


def test_an_item_that_somebody_archived_is_a_warning(world: World) -> None:
    *_, header = world.headers("Oak")
    archive = "mutation ($item: ID) { archive_item(item_id: $item) { id } }"
    monday(world.stage, archive, item=str(header["monday_item_id"]))
    message = world.ask("every_header_has_its_item")
    of = f"item {header['monday_item_id']} of order {header['record_uuid']}"
    assert f"{of} is archived on monday" in found(message)
    assert f"{of} is not on the board" not in found(message)
    assert re.search(r"\b1 (item )?archived", str(message.description))


def test_a_second_item_of_an_order_is_found(world: World) -> None:
    header = world.headers("Elm")[0]
    second = add_item(world.stage, "again", record_uuid=header["record_uuid"])
    message = world.ask("no_item_twice")
    assert message.severity is ERROR
    assert found(message) == [f"order {header['record_uuid']} has item {header['monday_item_id']} and also {second}"]


def test_a_duplicate_and_a_deleted_subitem_are_found(world: World) -> None:
    twice, deleted, *_ = world.lines("Elm")
    parent = str(twice["parent_item_id"])
    add_subitem(world.stage, parent, "again", line_uuid=twice["line_uuid"])
    message = world.ask("no_subitem_twice")
    assert message.severity is ERROR
    (text,) = found(message)
    assert text.startswith(f"line {twice['line_uuid']} has subitem {twice['monday_subitem_id']} and also ")
    delete_item(world.stage, deleted["monday_subitem_id"])
    message = world.ask("every_line_has_its_subitem")
    assert message.severity is ERROR
    subitem, item = deleted["monday_subitem_id"], deleted["parent_item_id"]
    assert f"subitem {subitem} of line {deleted['line_uuid']} is not under item {item}" in found(message)


def test_subitems_under_items_of_earlier_runs_are_checked(world: World) -> None:
    line = world.stage.tables.line_queue
    (late,) = world.stage.inserts(
        line, line.c.parent_item_id == int(world.late_parent), line.c.sync_run_id == world.run_id
    )
    delete_item(world.stage, late["monday_subitem_id"])
    assert (
        f"subitem {late['monday_subitem_id']} of line {late['line_uuid']} is not under item {world.late_parent}"
        in found(world.ask("every_line_has_its_subitem"))
    )


def test_a_duplicate_group_warns_and_a_deleted_one_fails(world: World) -> None:
    make = "mutation ($board: ID!, $name: String!) { create_group(board_id: $board, group_name: $name) { id } }"
    monday(world.stage, make, board=str(world.stage.settings.board_id), name="Elm")
    message = world.ask("every_group_once")
    assert message.severity is WARN
    (text,) = found(message)
    assert re.search(r"has 2 groups 'Elm' \(.*\), 1 of them ours", text)
    delete_group(world.stage, group_of(world.stage, "Oak"))
    message = world.ask("every_group_once")
    assert message.severity is ERROR
    assert f"group 'Oak' is not on board {world.stage.settings.board_id}" in found(message)


# ---- blocking ---------------------------------------------------------------------------------------------


def test_a_board_without_a_mapped_column_gets_no_item(stage: Stage, tmp_path: Path) -> None:
    """As if somebody had taken the column away after the run's start, which has looked at the same board."""
    stage.add_orders(1)
    other = tmp_path / "other.toml"
    text = DEFAULT_MAPPING.read_text(encoding="utf-8")
    column = '[[items.columns]]\nsource = "PO NUMBER"\ncolumn = "not_there"\ntype = "text"\n\n[[items.columns]]'
    other.write_text(text.replace("[[items.columns]]", column, 1), encoding="utf-8")
    sql_server = resources(stage.settings.model_copy(update={"mapping": other}))["sql_server"]
    job = build_definitions(stage.settings).resolve_job_def("sync_orders")
    with stage.instance() as instance:
        result = job.execute_in_process(instance=instance, resources={"sql_server": sql_server}, raise_on_error=False)
        failed = [message for message in result.get_asset_check_evaluations() if not message.passed]
    assert not result.success
    assert [(message.check_name, message.severity) for message in failed] == [("mapping_fits_board", ERROR)]
    assert "has no column 'not_there' (text)" in (failed[0].description or "")
    assert stage.board()["items"] == []
    assert stage.sync().complete  # nothing was rejected for it
