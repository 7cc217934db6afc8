"""A dry run goes through every step, says what the live run will do, and writes nothing anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from order_sync.cli import launch
from order_sync.definitions import build_definitions
from order_sync.demo.drafts import Size
from order_sync.demo.samples import make_orders
from order_sync.deployments import resources
from order_sync.monday.client import MondayReader
from order_sync.orders.errors import Fatal
from order_sync.settings import Settings
from order_sync_tests.graph.stage import Stage, free_port

KINDS = ("groups", "items", "subitems", "rejected")
WRITERS = ("queue", "journal", "commit", "client", "write", "mutate", "settle_seconds", "board_lease_seconds")


def seen(stage: Stage) -> tuple[Any, ...]:
    """Everything that a run could change."""
    files = sorted(str(path) for path in stage.folder.rglob("*") if not path.name.endswith(("-shm", "-wal")))
    return stage.file_sum(), stage.dump(), stage.emulator.checksum(), files


def created(stage: Stage, live: launch.Summary) -> dict[str, int]:
    return {
        "groups": live.groups_created,
        "items": live.items_created,
        "subitems": live.subitems_created,
        "rejected": len(live.rejected),
    }


def test_it_writes_nothing_and_forecasts_the_live_run(stage: Stage) -> None:
    stage.add(make_orders(Size.SMALL))
    stage.add_orders(20)
    before = seen(stage)
    report = launch.dry_run(stage.settings)
    assert seen(stage) == before
    assert stage.emulator.requests() != []  # it did ask the board
    assert stage.mutations() == []
    assert report["note"] == ""

    live = stage.sync()
    assert {kind: report["total"][kind] for kind in KINDS} == created(stage, live)
    foreseen = {line["customer"]: line for line in report["customers"]}
    assert set(foreseen) == {line["customer"] for line in live.customers}
    for line in live.customers:
        kinds = ("items", "subitems", "rejected")
        assert {k: foreseen[line["customer"]][k] for k in kinds} == {k: line[k] for k in kinds}
    assert {row["record_uuid"] for row in report["rejected"]} == {row["record_uuid"] for row in live.rejected}
    reasons = {row["record_uuid"]: row["reason"] for row in live.rejected}
    for row in report["rejected"]:
        assert row["reason"] == reasons[row["record_uuid"]]
    for kind in KINDS:
        assert sum(line[kind] for line in report["customers"]) == report["total"][kind]


def test_after_the_live_run_nothing_is_left_to_do(stage: Stage) -> None:
    stage.add_orders(5)
    stage.sync()
    before = seen(stage)
    report = launch.dry_run(stage.settings)
    assert seen(stage) == before
    assert [report["total"][kind] for kind in KINDS] == [0, 0, 0, 0]
    assert report["customers"] == []


def test_it_has_the_same_scope(stage: Stage) -> None:
    sample = stage.add_orders(15)
    name = sample.headers[0]["CUSTOMER NAME"]
    report = launch.dry_run(stage.settings, customers=[name], limit=1)
    assert [line["customer"] for line in report["customers"]] == [name]
    assert report["total"]["items"] == 1
    live = stage.sync(customers=[name], limit=1)
    assert {kind: report["total"][kind] for kind in KINDS} == created(stage, live)


def test_it_needs_no_token(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.add_orders(5)
    before = seen(stage)
    monkeypatch.setenv("ORDER_SYNC_DEPLOYMENT", "production")
    monkeypatch.setenv("ORDER_SYNC_DRY_RUN", "1")
    monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", stage.settings.database)
    monkeypatch.delenv("ORDER_SYNC_MONDAY_URL")
    settings = Settings()
    settings.check()
    assert (settings.token, settings.board_id) == ("", 0)
    report = launch.dry_run(settings)
    assert report["total"]["items"] == 5
    assert report["note"].startswith("No token or board is set")
    assert seen(stage) == before
    assert stage.emulator.requests() == []


def test_it_needs_monday_only_if_orders_wait(stage: Stage) -> None:
    nowhere = stage.settings.model_copy(update={"monday_url": f"http://127.0.0.1:{free_port()}/v2"})
    report = launch.dry_run(nowhere)
    assert (report["total"]["items"], report["note"]) == (0, "")
    stage.add_orders(5)
    before = seen(stage)
    with pytest.raises(Fatal, match="OS-301: monday cannot be reached"):
        launch.dry_run(nowhere)
    assert seen(stage) == before


def test_its_resources_cannot_write(stage: Stage) -> None:
    stage.add_orders(1)
    before = seen(stage)
    made = resources(stage.settings.model_copy(update={"dry_run": True}))
    for key, resource in made.items():
        for name in WRITERS:
            assert not hasattr(resource, name), f"{key}.{name}"
    for key in ("queue_io", "monday_io"):
        assert made[key].sql_server is made["sql_server"]
    assert made["monday_io"].monday is made["monday"]
    database = made["sql_server"].database
    assert not hasattr(database, "write")
    header = stage.tables.header_queue
    statements = (
        sa.insert(header).values(delta_uuid="x", record_uuid="x", action_type="INSERT", sync_state="NEW"),
        sa.update(header).values(sync_state="SYNCED"),
        sa.delete(header),
        sa.text("CREATE TABLE t (n int)"),
    )
    try:
        for statement in statements:
            with database.engine.connect() as connection, pytest.raises(OperationalError, match="readonly database"):
                connection.execute(statement)
    finally:
        database.dispose()
    reader = made["monday"].reader()
    assert type(reader) is MondayReader
    assert seen(stage) == before


def test_the_live_set_has_what_the_dry_one_lacks(stage: Stage) -> None:
    made = resources(stage.settings)
    assert hasattr(made["sql_server"], "commit")
    assert hasattr(made["monday"], "client")


def test_the_dry_deployment_of_the_ui(stage: Stage) -> None:
    """ORDER_SYNC_DRY_RUN=1 chooses the whole set: the same graph, and a job in which nothing can write."""
    stage.add_orders(5)
    before = stage.dump(), stage.file_sum(), stage.emulator.checksum()
    settings = stage.settings.model_copy(update={"dry_run": True})
    defs = build_definitions(settings)
    graph = defs.resolve_asset_graph()
    live = build_definitions(stage.settings).resolve_asset_graph()
    assert {key: graph.get(key).parent_keys for key in graph.get_all_asset_keys()} == {
        key: live.get(key).parent_keys for key in live.get_all_asset_keys()
    }
    sensor = defs.resolve_sensor_def("new_orders")
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("sync_orders").execute_in_process(
            instance=instance, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        )
    assert result.success
    message = result.asset_materializations_for_node("monday_items")[0].metadata
    assert message["dry_run"].value is True
    assert message["would create"].value == 5
    [totals] = [
        of for of in result.asset_materializations_for_node("main_tables") if of.asset_key.path == ["order_list"]
    ]
    shown = list(totals.metadata)
    assert shown.index("share of the daily calls") < shown.index("orders")  # the costs before the long table
    assert (stage.dump(), stage.file_sum(), stage.emulator.checksum()) == before


def test_a_live_run_after_it_reads_the_same_file(stage: Stage, tmp_path: Path) -> None:
    """The dry run leaves no lock behind that the live run would have to wait for."""
    stage.add_orders(2)
    launch.dry_run(stage.settings)
    assert list(tmp_path.rglob("runs/*.lock")) == []
    assert stage.sync().orders_synced == 2
