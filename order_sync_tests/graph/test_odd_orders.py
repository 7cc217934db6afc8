"""Orders that are not as the design has them, and runs that wake up late: each was once lost, doubled or stuck."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from order_sync.cli import launch
from order_sync.database.tables import make_tables
from order_sync.definitions import build_definitions
from order_sync.demo.drafts import Size
from order_sync.demo.samples import SampleOrders, make_orders
from order_sync.emulator import Fault, FaultKind
from order_sync.orders.errors import ConfigurationError, OrderSyncError
from order_sync.settings import load_settings
from order_sync_tests.graph.stage import Row, Stage
from order_sync_tests.graph.test_scope import late_line
from order_sync_tests.waiting import until


def again(row: Row, **changes: object) -> Row:
    """The same order or line, queued once more."""
    later = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=1)
    return row | {"delta_uuid": str(uuid.uuid4()), "created_at": later} | changes


def queued(*, headers: Sequence[Row] = (), lines: Sequence[Row] = ()) -> SampleOrders:
    """Queue rows of orders that the main tables have already."""
    return SampleOrders(headers=[*headers], lines=[*lines], orders=[], order_lines=[], expected_rejections={})


@pytest.mark.on_disk
@pytest.mark.skipif(os.name != "posix", reason="Windows cannot stop and continue a process")
@pytest.mark.parametrize("step", ["monday_groups", "monday_subitems"])
def test_a_suspended_run_that_lost_its_rows_doubles_nothing(stage: Stage, step: str) -> None:
    """It sleeps where it already knows what to create and waits for the board, in the first step that needs it."""
    boards = stage.tables.boards
    stage.add_orders(10)
    if step == "monday_subitems":
        assert stage.run("sync").returncode == 0
        late_line(stage, stage.rows(stage.tables.orders)[0], "9XL")
    stage.execute(sa.delete(boards))
    held = {"run_id": "nobody", "leased_until": datetime(2099, 1, 1)}
    stage.execute(sa.insert(boards).values(board_id=stage.settings.board_id, **held))
    short = {"ORDER_SYNC_LEASE_SECONDS": "1"}
    with stage.started("sync", **short) as sleeper:
        until(stage.runs_waiting, "the run to ask for the board, its rows computed")
        assert stage.steps_waiting() == {step}
        os.kill(sleeper.pid, signal.SIGSTOP)
        stage.execute(sa.update(boards).values(run_id=None, leased_until=None))
        until(lambda: stage.run("sync", **short).returncode == 0 and stage.unsynced() == 0, "another run to finish")
        created = stage.emulator.stats()["mutations"]
        os.kill(sleeper.pid, signal.SIGCONT)
        sleeper.wait(60)
    assert stage.emulator.stats()["mutations"] == created
    assert stage.agreement().agree


def test_a_row_that_always_fails_stops_no_other_order(stage: Stage) -> None:
    stage.add_orders(6)
    fault = Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_item", aliases=(0,), failure="retryable")
    stage.emulator.configure(faults=[fault])
    summary = launch.sync(stage.settings.model_copy(update={"settle_seconds": 0.05}))
    assert (summary.orders_synced, summary.orders_held_back) == (5, 1)
    assert not summary.complete
    stage.emulator.configure(faults=[])
    assert stage.sync().orders_synced == 1
    assert stage.unsynced() == 0
    assert stage.agreement().agree


def test_requeued_rows_keep_the_ids_of_their_order(stage: Stage) -> None:
    sample = stage.add_orders(1)
    stage.sync()
    (before,) = stage.rows(stage.tables.orders)
    lines_before = {row["line_uuid"]: row for row in stage.rows(stage.tables.order_lines)}
    stage.add(queued(headers=[again(sample.headers[0])], lines=[again(sample.lines[0])]))
    assert stage.sync().complete
    (after,) = stage.rows(stage.tables.orders)
    assert after["monday_item_id"] == before["monday_item_id"]
    for row in stage.rows(stage.tables.order_lines):
        was = lines_before[row["line_uuid"]]
        assert (row["monday_subitem_id"], row["parent_item_id"]) == (was["monday_subitem_id"], was["parent_item_id"])
    assert stage.emulator.stats()["subitems_created"] == len(sample.lines)
    assert stage.agreement().agree


def test_a_line_of_another_order_in_main_is_rejected(stage: Stage) -> None:
    sample = stage.add_orders(2)
    first, second = (row["record_uuid"] for row in sample.headers)
    foreign = next(row for row in sample.lines if row["record_uuid"] == first)
    stage.add(queued(lines=[again(foreign, record_uuid=second, created_at=foreign["created_at"])]))
    summary = stage.sync()
    assert [row["reason"] for row in summary.rejected] == ["OS-412: ORDER_LIST_LINES has no row with this line_uuid"]
    assert (summary.orders_synced, summary.orders_held_back) == (1, 1)
    assert all(r["monday_subitem_id"] for r in stage.rows(stage.tables.order_lines) if r["sync_state"] == "SYNCED")


@pytest.mark.on_disk
def test_rows_without_created_at_are_synced(stage: Stage) -> None:
    """A site may have added the column to a table that had rows: theirs is NULL."""
    stage.add_orders(3)
    with stage.database() as database, database.write() as connection:
        for table in (stage.tables.header_queue, stage.tables.line_queue):
            nullable = str(sa.schema.CreateTable(table).compile(connection.engine)).replace(
                "created_at DATETIME NOT NULL", "created_at DATETIME"
            )
            rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            connection.execute(sa.text(f'DROP TABLE "{table.name}"'))
            connection.execute(sa.text(nullable))
            connection.execute(sa.insert(table), [row | {"created_at": None} for row in rows])
    assert len(launch.dry_run(stage.settings)["customers"]) > 0
    assert stage.run("status").returncode == 0
    assert stage.sync().orders_synced == 3


@pytest.mark.on_disk
def test_the_database_url_may_come_from_the_environment(stage: Stage) -> None:
    stage.add_orders(2)
    done = stage.run("sync", ORDER_SYNC_DATABASE_URL=stage.settings.database)
    assert (done.returncode, done.stderr.strip().splitlines()[-1:]) == (0, done.stderr.strip().splitlines()[-1:])
    assert "2 orders SYNCED" in done.stdout


def test_a_dry_run_after_a_failure_counts_existing_items(stage: Stage) -> None:
    stage.add_orders(3)
    stage.emulator.configure(faults=[Fault(kind=FaultKind.DAILY_LIMIT, operation="create_subitem")])
    with pytest.raises(OrderSyncError, match="daily quota"):
        stage.sync()
    total = launch.dry_run(stage.settings)["total"]
    assert total["items"] == 0
    assert total["subitems"] == len(stage.inserts(stage.tables.line_queue))


@pytest.mark.on_disk
def test_no_command_that_writes_runs_in_a_dry_run(stage: Stage) -> None:
    stage.add(make_orders(Size.SMALL))
    stage.sync()
    before = stage.file_sum()
    for command in (["retry"], ["db", "init"], ["demo"], ["demo", "--arrive", "1"]):
        done = stage.run(*command, ORDER_SYNC_DRY_RUN="1")
        assert done.returncode == 2
        assert "ORDER_SYNC_DRY_RUN is set" in done.stderr
    assert stage.file_sum() == before


def test_the_embedded_deployment_takes_no_sql_server() -> None:
    url = URL.create("mssql+pyodbc", username="sync", password="hidden-pw", host="server", database="orders")
    with pytest.raises(ConfigurationError, match="ORDER_SYNC_DEPLOYMENT=production") as caught:
        load_settings(database_url=url.render_as_string(hide_password=False))
    assert "hidden-pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("last_synced_at", "order_sync's own column"),
        ("row_hash", "order_sync's own column"),
        ("customer name", r"must be spelled as in the tables \(did you mean 'CUSTOMER NAME'\?\)"),
    ],
)
def test_a_mapping_that_reads_nothing_is_refused(stage: Stage, source: str, reason: str) -> None:
    path = stage.folder / "mapping.toml"
    path.write_text(f'[[items.columns]]\nsource = "{source}"\ncolumn = "customer"\ntype = "text"\n', encoding="utf-8")
    assert make_tables(mapped_columns=[source]).orders is not None
    resource = build_definitions(stage.settings.model_copy(update={"mapping": path})).resources
    assert resource is not None
    with pytest.raises(ConfigurationError, match=rf"items\.columns names \[{source}\], which .*{reason}"):
        resource["sql_server"].check()
