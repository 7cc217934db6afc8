"""`order-sync db upgrade`, and what every other command says of tables that an earlier version created."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from order_sync.cli.commands import main
from order_sync.database.connection import WritableDatabase
from order_sync.database.own_tables import VERSION
from order_sync.database.upgrades import version_of
from order_sync.settings import PREFIX
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.cli.test_advice import DATABASE, PRODUCTION, advice, set_up
from order_sync_tests.contract.first_version import create, fill
from order_sync_tests.contract.site import MORNING, Site, new_uuid
from order_sync_tests.graph.stage import Row, Stage
from order_sync_tests.graph.test_changes import add_group, add_item, add_subitem, monday

RUN_IT = f"but this program needs version {VERSION}: run `order-sync db upgrade`."


@pytest.fixture
def old(stage: Stage) -> Iterator[Site]:
    """A database of the first version beside the stage's."""
    file = stage.folder / "first.db"
    site = Site(database=WritableDatabase(f"sqlite:///{file}"), tables=stage.tables)
    create(site)
    for column in stage.tables.orders.columns:  # those of the mapping, which the site has
        with site.database.write() as connection:
            there = {row[1] for row in connection.exec_driver_sql('PRAGMA table_info("ORDER_LIST")')}
            if column.name not in there:
                connection.exec_driver_sql(f'ALTER TABLE "ORDER_LIST" ADD COLUMN "{column.name}" NVARCHAR(255)')
    fill(site)
    yield site
    site.database.dispose()


def version(site: Site) -> int | None:
    return version_of(site.database, site.tables)


def test_the_upgrade_is_shown_and_asks_first(order_sync: OrderSync, old: Site) -> None:
    url = str(old.database.url)
    declined = CliRunner().invoke(main, ["db", "upgrade", "--url", url], input="n\n")
    assert (declined.exit_code, version(old)) == (1, 1)
    for text in ("Version 2: ", 'CREATE TABLE "ORDER_SYNC_ITEMS"', 'INSERT INTO "ORDER_SYNC_SCHEMA"', "Upgrade? [y/N]"):
        assert text in declined.output
    agreed = CliRunner().invoke(main, ["db", "upgrade", "--url", url], input="y\n")
    assert (agreed.exit_code, version(old)) == (0, VERSION), agreed.output
    again = order_sync("db", "upgrade", "--url", url)
    assert (again.exit_code, "nothing to do" in again.stdout) == (0, True)


def test_a_script_upgrades_without_a_question(order_sync: OrderSync, old: Site) -> None:
    done = order_sync("db", "upgrade", "--url", str(old.database.url), "--yes")
    assert (done.exit_code, version(old)) == (0, VERSION), done.output
    assert "Upgrade?" not in done.output
    checked = order_sync("db", "check", "--url", str(old.database.url))
    assert checked.exit_code == 0, checked.output


def test_the_check_names_the_command(order_sync: OrderSync, old: Site) -> None:
    checked = order_sync("db", "check", "--url", str(old.database.url))
    assert checked.exit_code == 1
    assert "run `order-sync db upgrade`" in " ".join(checked.stdout.split())


@pytest.mark.on_disk
@pytest.mark.parametrize("command", [*DATABASE, ["db", "init"]], ids=" ".join)
def test_commands_on_an_outdated_database_name_the_upgrade(
    order_sync: OrderSync, old: Site, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    set_up(monkeypatch, **PRODUCTION, DATABASE_URL=str(old.database.url))
    message = advice(order_sync(*command))
    assert message.endswith(RUN_IT)
    assert version(old) == 1


def test_a_newer_database_is_refused_in_one_line(order_sync: OrderSync, old: Site) -> None:
    url = str(old.database.url)
    order_sync("db", "upgrade", "--url", url, "--yes")
    old.insert(old.tables.schema_versions, {"version": VERSION + 1, "upgraded_at": MORNING})
    message = advice(order_sync("db", "upgrade", "--url", url, "--yes"))
    assert f"have version {VERSION + 1}, but this program supports only up to {VERSION}" in message


def test_an_upgrade_of_nothing_names_db_init(order_sync: OrderSync, tmp_path: Path) -> None:
    file = tmp_path / "empty.db"
    file.touch()
    assert "`order-sync db init` creates them" in advice(order_sync("db", "upgrade", "--url", f"sqlite:///{file}"))
    assert sa.inspect(sa.create_engine(f"sqlite:///{file}")).get_table_names() == []


def test_a_dry_run_upgrades_nothing(order_sync: OrderSync, old: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "DRY_RUN", "1")
    assert "ORDER_SYNC_DRY_RUN is set" in advice(order_sync("db", "upgrade", "--url", str(old.database.url), "--yes"))
    assert version(old) == 1


# ---- the embedded deployment's own database -----------------------------------------------------------------


def test_the_embedded_database_upgrades_by_itself(
    order_sync: OrderSync, old: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, DATABASE_URL=str(old.database.url))
    assert order_sync("status").exit_code == 0
    assert version(old) == VERSION


def test_a_run_upgrades_the_embedded_database_and_carries_its_orders(
    stage: Stage, order_sync: OrderSync, old: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, DATABASE_URL=str(old.database.url))
    message = advice(order_sync("sync", "--dry-run"))
    assert (message.endswith(RUN_IT), version(old)) == (True, 1)
    done = order_sync("sync")
    assert done.exit_code == 0, done.output
    assert {row["sync_state"] for row in old.rows(old.tables.header_queue)} == {"SYNCED"}
    on_record = {row["record_uuid"]: row["item_id"] for row in old.rows(old.tables.items)}
    carried = [row for row in old.rows(old.tables.header_queue) if row["monday_item_id"] != 11]
    assert on_record == {row["record_uuid"]: row["monday_item_id"] for row in carried}


# ---- a board that the first version filled ----------------------------------------------------------------------


def fill_board(stage: Stage, site: Site) -> list[Row]:
    """The orders' items as the first version made them, keyed by delta_uuid; returns their headers, oldest first.

    The ids of the last one were lost before they were on record, and so was one of its subitems.
    """
    text = (
        'mutation ($b: ID!) { create_column(board_id: $b, title: "Key", column_type: text, id: "delta_uuid") { id } }'
    )
    monday(stage, text, b=str(stage.settings.board_id))
    add_group(stage, "Weber & Co")
    t = site.tables
    headers = sorted(site.rows(t.header_queue), key=lambda row: row["created_at"])
    for header in headers:
        key = {name: header[name] for name in ("delta_uuid", "record_uuid")}
        item = int(add_item(stage, f"Order {header['delta_uuid']}", **key))
        lines = site.rows(t.line_queue, record_uuid=header["record_uuid"])
        is_known = header is not headers[-1]
        for line in lines if is_known else lines[:1]:
            subitem = int(add_subitem(stage, str(item), "Size", line_uuid=line["line_uuid"]))
            ids = {"monday_subitem_id": subitem, "parent_item_id": item}
            if is_known:
                site.change(t.line_queue, ids, delta_uuid=line["delta_uuid"])
            if header is headers[0]:
                site.change(t.order_lines, ids | {"sync_state": "SYNCED"}, line_uuid=line["line_uuid"])
        if is_known:
            site.change(t.header_queue, {"monday_item_id": item}, delta_uuid=header["delta_uuid"])
        if header is headers[0]:
            site.change(t.orders, {"monday_item_id": item, "sync_state": "SYNCED"}, record_uuid=header["record_uuid"])
    return headers


def test_orders_of_version_one_keep_their_items(
    stage: Stage, order_sync: OrderSync, old: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, _, _ = fill_board(stage, old)
    again = {"delta_uuid": new_uuid(), "sync_state": "NEW", "sync_run_id": None, "monday_item_id": None}
    old.insert(old.tables.header_queue, synced | again | {"created_at": MORNING})
    before = {item["id"]: item | {"subitems": len(item["subitems"])} for item in stage.board()["items"]}
    sent = len(stage.mutations())
    set_up(monkeypatch, DATABASE_URL=str(old.database.url))
    done = order_sync("sync")
    assert done.exit_code == 0, done.output
    assert {row["sync_state"] for row in old.rows(old.tables.header_queue)} == {"SYNCED"}
    assert {row["sync_state"] for row in old.rows(old.tables.line_queue)} == {"SYNCED"}
    # Of all of it the one subitem that was lost is new.
    asked = [name for request in stage.mutations()[sent:] for name in request["operations"]]
    assert [name for name in asked if name.startswith("create")] == ["create_subitem"]
    after = {item["id"]: item | {"subitems": len(item["subitems"])} for item in stage.board()["items"]}
    assert before.keys() == after.keys()
    assert {item["subitems"] for item in after.values()} == {2}
    assert {int(item["id"]): item["columns"]["record_uuid"] for item in after.values()} == {
        row["monday_item_id"]: row["record_uuid"] for row in old.rows(old.tables.orders)
    }
