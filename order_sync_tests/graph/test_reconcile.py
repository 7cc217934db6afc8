"""Boards compared with tables, on a real board: what people did is reported, and what they deleted is recreated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from pydantic import SecretStr

from order_sync.cli.commands import main
from order_sync.definitions import build_definitions
from order_sync.emulator import Fault, FaultKind
from order_sync.monday import placed
from order_sync.monday.client import MondayReader
from order_sync.monday.transport import MondayTransport
from order_sync.orders.errors import Fatal
from order_sync.orders.mapping import load_mapping
from order_sync.settings import Settings
from order_sync.sync import reconcile as reading
from order_sync_tests.graph.stage import Stage
from order_sync_tests.graph.test_changes import add_item, add_subitem, before_mutation, delete_item, monday
from order_sync_tests.graph.test_recovery import assert_all_there
from order_sync_tests.graph.test_scope import late_line
from order_sync_tests.graph.test_sensor import stop


@pytest.fixture
def instance(stage: Stage) -> Iterator[dg.DagsterInstance]:
    with stage.instance() as instance:
        yield instance


def run_job(stage: Stage, instance: dg.DagsterInstance) -> tuple[bool, dict[str, Any]]:
    """Whether it went well, and what it says on the page of order_list."""
    job = build_definitions(stage.settings).resolve_job_def("reconcile")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    [record] = instance.fetch_observations(dg.AssetKey("order_list"), limit=1).records
    observed = record.asset_observation
    assert observed is not None
    return result.success, {name: value.value for name, value in observed.metadata.items()}


def found(metadata: dict[str, Any]) -> dict[str, int]:
    table = metadata["found"]
    return {} if table == "none" else {record.data["what"]: record.data["rows"] for record in table.records}


def test_the_job_is_green_where_all_is_well(
    stage: Stage, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placed, "FIRST_PAGE", 7)
    monkeypatch.setattr(placed, "LARGEST_PAGE", 10)
    sample = stage.add_orders(30)
    stage.sync()
    before = stage.dump(), stage.emulator.checksum(), len(stage.emulator.requests())
    went_well, metadata = run_job(stage, instance)
    assert went_well
    assert (metadata["items"], metadata["subitems"]) == (30, len(sample.lines))
    assert (metadata["SYNCED headers"], metadata["SYNCED lines"], found(metadata)) == (30, len(sample.lines), {})
    looks = stage.tables.looks
    assert (stage.dump() | {looks.name: []}, stage.emulator.checksum()) == before[:2]
    asked = [request["operations"] for request in stage.emulator.requests()[before[2] :]]
    # The version, the board, that of the subitems, and pages of 7, 10, 10 and 3.
    assert metadata["calls"] == len(asked) == 7, asked
    went_well, metadata = run_job(stage, instance)
    assert (went_well, "changed since (UTC)" in metadata, metadata["SYNCED headers"]) == (True, True, 0)


def test_differences_made_by_people_are_reported_and_fail(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(6)
    stage.sync()
    first, second, third, fourth, *_ = stage.rows(stage.tables.header_queue)
    lines = stage.tables.line_queue
    [line, *_] = stage.rows(lines, lines.c.record_uuid == second["record_uuid"])
    [other_line, *_] = stage.rows(lines, lines.c.record_uuid == third["record_uuid"])
    delete_item(stage, first["monday_item_id"])
    delete_item(stage, line["monday_subitem_id"])
    archive = "mutation ($item: ID) { archive_item(item_id: $item) { id } }"
    monday(stage, archive, item=str(fourth["monday_item_id"]))
    copy = add_item(stage, "copied", record_uuid=second["record_uuid"])
    add_item(stage, "by hand")
    [title] = {row["title"] for row in stage.rows(stage.tables.groups)[:1]}
    make = "mutation ($board: ID!, $name: String!) { create_group(board_id: $board, group_name: $name) { id } }"
    monday(stage, make, board=str(stage.settings.board_id), name=title)
    add_item(stage, "another tool's", record_uuid="4711")
    add_subitem(stage, str(second["monday_item_id"]), "copied", line_uuid=other_line["line_uuid"])
    went_well, metadata = run_job(stage, instance)
    assert not went_well
    assert found(metadata) == {
        "items missing": 1,
        "subitems missing": 1,
        "items doubled": 1,
        "subitems doubled": 1,
        "on the board without an order": 1,
        "archived": 1,
        "groups doubled": 1,
        "rows without a key": 1,
    }
    [row] = [record.data for record in metadata["items doubled"].records]
    assert row["link"].endswith(f"/boards/{stage.settings.board_id}/pulses/{copy}")
    [failure] = [
        entry.dagster_event.step_failure_data.user_failure_data
        for entry in instance.all_logs(instance.get_runs(limit=1)[0].run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        if entry.dagster_event
    ]
    assert failure is not None
    assert failure.description == (
        "OS-610: Tables and boards differ: 1 item missing, 1 subitem missing, 1 item doubled, 1 subitem doubled, "
        "1 on the board without an order."
    )


def test_a_running_run_is_not_a_difference(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(2, seed=1)
    stage.sync()
    stage.add_orders(30, seed=2)
    seen: list[tuple[bool, dict[str, Any]]] = []

    def look() -> None:
        """In the middle of the subitems: items that are not SYNCED yet, and lines that are not there yet."""
        report = compare(stage)
        seen.append((report.agrees, report.counts))
        stop()

    with before_mutation("create_subitem", 2, look), pytest.raises(Fatal):
        stage.sync()
    assert seen == [(True, {})]
    assert run_job(stage, instance)[0]  # nor is what it has left behind
    stage.sync()
    assert run_job(stage, instance)[0]


def compare(stage: Stage) -> reading.Report:
    settings = stage.settings
    with MondayReader(MondayTransport(settings.api_url, "reader")) as reader, stage.database() as database:
        return reading.reconcile(
            reader, settings.board_ids, load_mapping(settings.mapping), database, stage.tables, days=90
        )


def test_large_pages_are_asked_for_only_where_they_are_cheap(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placed, "FIRST_PAGE", 10)
    stage.add_orders(45)
    stage.sync()
    # An item of a page costs 1,000 points and a page may cost 20,000: pages of 10, 20 and 15.
    stage.emulator.configure(costs={"page_item": 1_000, "query": 0})
    monkeypatch.setattr(placed, "PAGE_COMPLEXITY", 20_000)
    report = compare(stage)
    assert (report.agrees, report.items) == (True, 45)
    assert report.calls == 1 + 3
    assert report.complexity >= 45_000


def test_an_item_missing_for_a_late_line_is_recreated(stage: Stage) -> None:
    stage.add_orders(3)
    stage.sync()
    order = stage.rows(stage.tables.orders)[0]
    delete_item(stage, order["monday_item_id"])
    late_line(stage, order, "9XL")
    assert not stage.sync().complete  # the line has no item to go under
    result = CliRunner().invoke(main, ["reconcile", "--requeue", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["requeued"] == [order["record_uuid"]]
    assert stage.sync().complete
    assert_all_there(stage)
    assert CliRunner().invoke(main, ["reconcile"]).exit_code == 0


def test_the_next_run_or_reconcile_archives_a_twin(stage: Stage) -> None:
    """As if monday had executed a request twice whose answer was lost; also where nothing waits any more."""
    stage.add_orders(1)
    stage.emulator.configure(faults=[Fault(kind=FaultKind.RESET_AFTER, operation="create_item", nth=1)])
    assert stage.sync().complete
    journal, order = stage.tables.journal, stage.rows(stage.tables.orders)[0]

    def twin() -> None:
        add_item(stage, "twin", who=stage.settings.token, record_uuid=order["record_uuid"])
        assert compare(stage).counts["items doubled"] == 1

    twin()
    stage.sync()
    assert compare(stage).agrees
    stage.execute(sa.update(journal).where(journal.c.state == "WATCHED").values(state="LISTED"))
    twin()
    stage.sync()
    assert not compare(stage).agrees, "an hour later a run looks no more"
    assert CliRunner().invoke(main, ["reconcile", "--requeue"]).exit_code == 0
    assert {row["state"] for row in stage.rows(journal)} == {"CLOSED"}


def test_an_invisible_board_reports_no_deleted_items(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(1)
    stage.sync()
    settings: Settings = stage.settings.model_copy(update={"monday_board_id": 4_711})
    job = build_definitions(settings).resolve_job_def("reconcile")
    with pytest.raises(Exception, match="This token cannot see board 4711"):
        job.execute_in_process(instance=instance)


def test_the_schedule_is_off_until_it_is_turned_on(stage: Stage) -> None:
    def schedule(**settings: Any) -> dg.ScheduleDefinition:
        changed = stage.settings.model_copy(update=settings)
        found = build_definitions(changed).resolve_schedule_def("reconcile")
        assert isinstance(found, dg.ScheduleDefinition)
        return found

    assert schedule().default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule(dry_run=True).default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule(reconcile_cron="0 4 * * 1").cron_schedule == "0 4 * * 1"
    sql = SecretStr(f"sqlite:///{stage.database_file}")
    production = schedule(deployment="production", database_url=sql, monday_token=SecretStr("t"), monday_board_id=1)
    assert production.default_status is dg.DefaultScheduleStatus.STOPPED
    with pytest.raises(Fatal, match="ORDER_SYNC_RECONCILE_CRON is not a cron schedule"):
        schedule(reconcile_cron="every night")
