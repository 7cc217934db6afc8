"""The version of order_sync's own tables, and the way there from a database as the first version left it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from order_sync.database import catalog, upgrades
from order_sync.database.check import check_tables, create_all, inspect, missing
from order_sync.database.connection import Database, Row, WritableDatabase
from order_sync.database.own_tables import VERSION
from order_sync.database.tables import make_tables
from order_sync.orders.errors import ConfigurationError
from order_sync_tests.contract.conftest import schema_on_server
from order_sync_tests.contract.first_version import RUN, create, execute, fill
from order_sync_tests.contract.site import BOARD, MORNING, Site

T = TypeVar("T")


# ---- a database of the first version ----------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "mssql"])
def first_version(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Its tables with a SYNCED order, one that a run left half done, one that waits, and what the run left in ours."""
    with ExitStack() as stack:
        if request.param == "mssql":
            site = stack.enter_context(schema_on_server("first"))
        else:
            site = Site(database=WritableDatabase(f"sqlite:///{tmp_path / 'first.db'}"), tables=make_tables())
            stack.callback(site.database.dispose)
        create(site)
        fill(site)
        yield site


def newer(site: Site) -> tuple[sa.Table, ...]:
    """What an upgrade adds."""
    of = site.tables
    return (of.items, of.subitems, of.cancelled, of.looks, of.edits, of.schema_versions)


def rows(site: Site) -> dict[str, list[Row]]:
    """Of the tables that the first version had."""
    new = newer(site)
    return {table.name: site.rows(table) for table in (*site.tables.site, *site.tables.ours) if table not in new}


def definitions(site: Site) -> dict[str, Any]:
    """The site's tables as the database has them."""
    database = site.database
    found: dict[str, Any] = {
        t.name: (catalog.columns(database, t)[t], catalog.indexed(database, t)) for t in site.tables.site
    }
    if database.dialect == "sqlite":
        names = [table.name for table in site.tables.site]
        master = sa.table("sqlite_master", sa.column("tbl_name"), sa.column("sql"), sa.column("name"))
        query = sa.select(master.c.name, master.c.sql).where(master.c.tbl_name.in_(names)).order_by(master.c.name)
        found["sql"] = database.rows(query)
    return found


# ---- upgrading --------------------------------------------------------------------------------------------


def test_an_upgrade_adds_our_tables_and_touches_nothing_else(first_version: Site) -> None:
    site = first_version
    before, defined = rows(site), definitions(site)
    assert upgrades.version_of(site.database, site.tables) == 1
    assert [step.version for step in upgrades.upgrade(site.database, site.tables)] == list(range(2, VERSION + 1))
    assert upgrades.version_of(site.database, site.tables) == VERSION
    assert missing(site.database, site.tables) == []
    check_tables(site.database, site.tables)
    assert [finding for finding in inspect(site.database, site.tables) if "ORDER_SYNC" in finding.table] == []
    assert (rows(site), definitions(site)) == (before, defined)


def test_a_second_upgrade_does_nothing(first_version: Site) -> None:
    site = first_version
    upgrades.upgrade(site.database, site.tables)
    before = site.rows(site.tables.schema_versions)
    written: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        written.extend([statement] * (not statement.startswith(("SELECT", "PRAGMA", "BEGIN"))))

    event.listen(site.database.engine, "before_cursor_execute", note)
    assert upgrades.upgrade(site.database, site.tables) == []
    assert (written, site.rows(site.tables.schema_versions)) == ([], before)


def test_an_upgrade_touches_only_our_own_tables(first_version: Site) -> None:
    site = first_version
    for step in upgrades.pending(site.database, site.tables):
        for statement in upgrades.script(site.database, site.tables, step):
            assert "ORDER_SYNC_" in statement
            assert "ORDER_LIST" not in statement


def test_an_order_under_way_continues(first_version: Site) -> None:
    site = first_version
    upgrades.upgrade(site.database, site.tables)
    queue = site.queue()
    found = {row["AAG ORDER NUMBER"]: row["delta_uuid"] for row in site.rows(site.tables.header_queue)}
    assert [row["delta_uuid"] for row in queue.claimable_headers([RUN])] == [found["A-1"], found["A-2"]]
    records = [row["record_uuid"] for row in site.rows(site.tables.orders)]
    assert queue.item_boards(records) == {11: BOARD, 12: BOARD}


def crash_after(site: Site, statements: int) -> None:
    """As on a server without transactions for DDL: what came before the crash is there."""
    for statement in upgrade_of(site)[:statements]:
        with site.database.write() as connection:
            connection.execute(statement)


def upgrade_of(site: Site) -> list[sa.Executable]:
    """All the statements that are left to execute."""
    pending = upgrades.pending(site.database, site.tables)
    return [statement for step in pending for statement in step.statements(site.database, site.tables)]


def test_an_upgrade_resumes_after_a_crash_between_statements(first_version: Site) -> None:
    site = first_version
    steps = upgrades.pending(site.database, site.tables)
    whole = len(upgrade_of(site))
    assert whole > 5
    for statements in range(whole + 1):
        crash_after(site, statements)
        assert upgrades.version_of(site.database, site.tables) == 1
        assert len(upgrade_of(site)) == whole - statements
        upgrades.upgrade(site.database, site.tables)
        assert upgrades.pending(site.database, site.tables) == []
        assert [step.statements(site.database, site.tables) for step in steps] == [[]] * len(steps)
        with site.database.write() as connection:
            for table in newer(site):
                table.drop(connection)


def test_an_upgrade_that_fails_leaves_nothing_behind(first_version: Site) -> None:
    site = first_version

    def fail(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().startswith("INSERT"):
            raise ZeroDivisionError

    event.listen(site.database.engine, "before_cursor_execute", fail)
    with pytest.raises(ZeroDivisionError):
        upgrades.upgrade(site.database, site.tables)
    event.remove(site.database.engine, "before_cursor_execute", fail)
    assert catalog.columns(site.database, site.tables.items) == {site.tables.items: {}}
    upgrades.upgrade(site.database, site.tables)


def test_two_that_upgrade_at_once_are_no_error(first_version: Site) -> None:
    site = first_version

    class Late(WritableDatabase):
        def transaction(self, work: Callable[[sa.Connection], T]) -> T:
            upgrades.upgrade(site.database, site.tables)
            return super().transaction(work)

    late = Late(site.database.url)
    upgrades.upgrade(late, site.tables)
    late.dispose()
    assert len(site.rows(site.tables.schema_versions)) == VERSION - 1


# ---- another version than the program's ---------------------------------------------------------------------


def test_an_outdated_database_is_refused_with_the_command_to_run(first_version: Site) -> None:
    site = first_version
    reader = Database(site.database.url)
    for deed in (
        lambda: check_tables(site.database, site.tables),
        lambda: check_tables(reader, site.tables),
        lambda: create_all(site.database, site.tables),
    ):
        with pytest.raises(ConfigurationError) as caught:
            deed()
        assert str(caught.value).endswith(f"this program needs version {VERSION}: run `order-sync db upgrade`.")
        assert "version 1" in str(caught.value)
        assert "\n" not in str(caught.value)
    reader.dispose()


def test_the_check_of_an_outdated_database_has_the_whole_upgrade(first_version: Site) -> None:
    site = first_version
    [finding] = [of for of in inspect(site.database, site.tables) if "ORDER_SYNC" in of.table]
    assert (finding.blocks, "run `order-sync db upgrade`" in finding.problem) == (True, True)
    execute(site, finding.remedy)  # by hand
    assert upgrades.version_of(site.database, site.tables) == VERSION
    check_tables(site.database, site.tables)
    assert len(site.rows(site.tables.schema_versions)) == VERSION - 1  # with a time that can be read


def test_a_newer_database_is_refused(site: Site) -> None:
    newer = {"version": VERSION + 1, "upgraded_at": MORNING}
    site.insert(site.tables.schema_versions, newer)
    try:
        for deed in (check_tables, create_all, upgrades.check_upgradable):
            with pytest.raises(
                ConfigurationError, match=f"version {VERSION + 1}, but this program supports only up to"
            ):
                deed(site.database, site.tables)
        assert upgrades.upgrade(site.database, site.tables) == []
        [finding] = inspect(site.database, site.tables)
        assert finding.blocks
    finally:
        with site.database.write() as connection:
            connection.execute(site.tables.schema_versions.delete().filter_by(version=VERSION + 1))


def test_new_tables_are_of_the_programs_version(site: Site) -> None:
    assert [row["version"] for row in site.rows(site.tables.schema_versions)] == [VERSION]
    assert [step.version for step in upgrades.STEPS] == list(range(2, VERSION + 1))
    assert upgrades.upgrade(site.database, site.tables) == []


def test_an_empty_version_table_means_version_one(site: Site) -> None:
    """As after a crash between its creation and the end of the upgrade."""
    with site.database.write() as connection:
        connection.execute(site.tables.schema_versions.delete())
    assert upgrades.version_of(site.database, site.tables) == 1
    assert [step.version for step in upgrades.upgrade(site.database, site.tables)] == [2, 3, 4]
    check_tables(site.database, site.tables)


def test_an_unreadable_version_is_reported_as_missing_rights(site: Site) -> None:
    error = site.database.engine.dialect.dbapi.ProgrammingError  # type: ignore[union-attr]

    def refuse(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT") and "ORDER_SYNC_SCHEMA" in statement and "version" in statement:
            raise error("42000", "The SELECT permission was denied on the object 'ORDER_SYNC_SCHEMA'. (229)")

    event.listen(site.database.engine, "before_cursor_execute", refuse)
    try:
        assert upgrades.version_of(site.database, site.tables) == VERSION
    finally:
        event.remove(site.database.engine, "before_cursor_execute", refuse)
