"""What `db check` finds in tables that a site has made in its own way, and what its statements do to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql

from order_sync.database.check import Finding, create_all, inspect
from order_sync.database.connection import WritableDatabase
from order_sync.database.tables import TableNames, Tables, make_tables
from order_sync_tests.contract.site import Site

NAMES = TableNames(header_queue="ODD_DELTA", line_queue="ODD_LINES_DELTA", orders="ODD", order_lines="ODD_LINES")
Twist = Callable[[Tables], None]
Made = Callable[[Twist], Tables]
T = TypeVar("T")


@pytest.fixture
def made(site: Site) -> Iterator[Made]:
    """The site's four tables under other names, as a site would have made them by hand; dropped at the end."""
    schema = site.tables.orders.schema
    created: list[Tables] = []

    def make(twist: Twist) -> Tables:
        odd = make_tables(NAMES, schema=schema)
        twist(odd)
        created.append(odd)
        create_all(site.database, odd)
        return make_tables(NAMES, schema=schema)

    yield make
    with site.database.write() as connection:
        for odd in created:
            odd.metadata.drop_all(connection, tables=odd.site)


def test_tables_that_another_creates_meanwhile_are_no_error(site: Site) -> None:
    """Two that begin at once both find them missing."""
    tables = make_tables(NAMES, schema=site.tables.orders.schema)

    class Late(WritableDatabase):
        def transaction(self, work: Callable[[sa.Connection], T]) -> T:
            if not others:
                others.extend(create_all(site.database, tables))
            return super().transaction(work)

    others: list[str] = []
    late = Late(site.database.url)
    try:
        assert create_all(late, tables) == []
        assert sorted(others) == sorted(table.fullname for table in tables.site)
    finally:
        late.dispose()
        with site.database.write() as connection:
            tables.metadata.drop_all(connection, tables=tables.site)


def found(site: Site, tables: Tables) -> list[Finding]:
    """Without what a compatible server does not say of itself."""
    return [
        finding
        for finding in inspect(site.database, tables)
        if not any(word in finding.problem for word in ("cannot be read", "not visible on this server", "collation"))
    ]


def run(site: Site, findings: list[Finding]) -> None:
    """Each remedy as a person would run it: line by line, without the comments."""
    with site.database.write() as connection:
        for finding in findings:
            for statement in finding.remedy.split(";\n"):
                lines = [line for line in statement.splitlines() if not line.startswith("--")]
                connection.exec_driver_sql("\n".join(lines))


def needs_sql_server(site: Site) -> None:
    if site.database.dialect != "mssql":
        pytest.skip("SQLite keeps a column's declared type to itself, and alters no column")


def test_tables_as_designed_have_no_finding(site: Site, made: Made) -> None:
    assert found(site, made(lambda odd: None)) == []


# ---- NULL -----------------------------------------------------------------------------------------------


def test_a_column_that_allows_null_is_named(site: Site, made: Made) -> None:
    def loosen(odd: Tables) -> None:
        for column in (odd.header_queue.c.record_uuid, odd.header_queue.c.created_at, odd.line_queue.c.line_uuid):
            column.nullable = True

    findings = found(site, made(loosen))
    assert [finding.problem.split(":")[0] for finding in findings] == [
        "column [record_uuid] allows NULL",
        "column [created_at] allows NULL",
        "column [line_uuid] allows NULL",
    ]
    assert not any(finding.blocks for finding in findings)


def test_a_column_that_must_take_null_blocks(site: Site, made: Made) -> None:
    def tighten(odd: Tables) -> None:
        odd.header_queue.c.sync_run_id.nullable = False
        odd.orders.c.sync_state.nullable = False
        odd.order_lines.c.qty.nullable = False  # only read: a site may ask for a value

    findings = found(site, made(tighten))
    assert [(finding.table.split(".")[-1], finding.problem.split(",")[0]) for finding in findings] == [
        ("ODD_DELTA", "column [sync_run_id] does not allow NULL"),
        ("ODD", "column [sync_state] does not allow NULL"),
    ]
    assert all(finding.blocks for finding in findings)


def test_the_statements_against_null_can_be_run(site: Site, made: Made) -> None:
    needs_sql_server(site)

    def change(odd: Tables) -> None:
        odd.header_queue.c.record_uuid.nullable = True  # two indexes are in the way
        odd.line_queue.c.sync_run_id.nullable = False

    tables = made(change)
    findings = found(site, tables)
    assert len(findings) == 2
    run(site, findings)
    assert found(site, tables) == []


# ---- types ----------------------------------------------------------------------------------------------


def test_a_lease_column_without_seconds_blocks_with_its_fix(site: Site, made: Made) -> None:
    needs_sql_server(site)

    def coarsen(odd: Tables) -> None:
        odd.header_queue.c.sync_attempted_at.type = mssql.SMALLDATETIME()
        odd.line_queue.c.created_at.type = mssql.DATETIME()
        odd.line_queue.c.created_at.server_default = sa.DefaultClause(sa.text("GETDATE()"))  # and an index

    tables = made(coarsen)
    lease, created = found(site, tables)
    assert (lease.blocks, created.blocks) == (True, False)
    assert "column [sync_attempted_at] is smalldatetime" in lease.problem
    assert "column [created_at] is datetime" in created.problem
    run(site, [lease, created])
    assert found(site, tables) == []
    order = sa.insert(tables.line_queue).values(
        delta_uuid="0" * 8 + "-0000-4000-8000-" + "0" * 12,
        line_uuid="0" * 8 + "-0000-4000-8000-" + "0" * 12,
        record_uuid="0" * 8 + "-0000-4000-8000-" + "0" * 12,
        action_type="INSERT",
        sync_state="PENDING",
    )
    with site.database.write() as connection:
        connection.execute(order)  # created_at has its default again, and is NOT NULL again
        assert connection.execute(sa.select(tables.line_queue.c.created_at)).scalar_one() is not None


def test_a_short_column_keeps_not_null_when_it_is_widened(site: Site, made: Made) -> None:
    needs_sql_server(site)

    def shorten(odd: Tables) -> None:
        odd.header_queue.c.sync_state.type = sa.String(7)

    tables = made(shorten)
    [finding] = found(site, tables)
    assert "holds 7 characters, but 10 are needed" in finding.problem
    assert " NOT NULL;" in finding.remedy
    run(site, [finding])
    assert found(site, tables) == []


# ---- CHECKs ---------------------------------------------------------------------------------------------


def check_on(clause: str) -> Twist:
    def add(odd: Tables) -> None:
        odd.header_queue.append_constraint(sa.CheckConstraint(clause, name="CK_ODD_DELTA"))

    return add


def test_a_check_that_refuses_our_states_blocks(site: Site, made: Made) -> None:
    tables = made(check_on("sync_state IN ('NEW', 'PENDING', 'DONE')"))
    [finding] = found(site, tables)
    assert finding.blocks
    assert finding.problem == "CHECK CK_ODD_DELTA refuses the states SYNCED, ERROR"
    if site.database.dialect == "mssql":
        run(site, [finding])
        assert found(site, tables) == []


def test_a_check_that_refuses_an_action_is_a_note(site: Site, made: Made) -> None:
    [finding] = found(site, made(check_on("action_type = 'ADD' OR action_type = 'DELETE'")))
    assert (finding.blocks, finding.problem) == (False, "CHECK CK_ODD_DELTA refuses the actions INSERT, UPDATE")


def test_a_check_other_than_a_list_is_left_to_people(site: Site, made: Made) -> None:
    [finding] = found(site, made(check_on("sync_state <> 'DELETED'")))
    assert (finding.blocks, finding.remedy) == (False, "")
    assert finding.problem.endswith("make sure that it allows NEW, PENDING, SYNCED, ERROR")


def test_a_check_that_allows_our_states_is_fine(site: Site, made: Made) -> None:
    assert found(site, made(check_on("sync_state IN ('NEW', 'PENDING', 'SYNCED', 'ERROR', 'O''K')"))) == []


# ---- indexes --------------------------------------------------------------------------------------------


def test_every_index_that_is_missing_comes_with_its_statement(site: Site, made: Made) -> None:
    def strip(odd: Tables) -> None:
        odd.header_queue.indexes.clear()

    tables = made(strip)
    findings = found(site, tables)
    # On SQLite, where a uuid has many spellings, the primary key's index does not find it.
    names = ["[AAG ORDER NUMBER]", *(["[delta_uuid]"] if site.database.dialect == "sqlite" else [])]
    names += ["[monday_item_id]", "[record_uuid]", "[sync_completed_at]"]
    names += ["[sync_state], [record_uuid]", "[sync_state], [sync_run_id]"]
    found_names = [finding.problem.removeprefix("no index begins with ").split(", so")[0] for finding in findings]
    assert found_names == names
    assert not any(finding.blocks for finding in findings)
    run(site, findings)
    assert found(site, tables) == []


def test_one_run_names_all_that_is_wrong(site: Site, made: Made) -> None:
    def spoil(odd: Tables) -> None:
        odd.header_queue.c.record_uuid.nullable = True
        odd.header_queue.append_constraint(sa.CheckConstraint("sync_state = 'NEW'", name="CK_ODD_DELTA"))
        odd.header_queue.indexes.clear()
        odd.order_lines.c.parent_item_id.nullable = False

    problems = [finding.problem for finding in found(site, made(spoil))]
    assert len([problem for problem in problems if "[delta_uuid]" not in problem]) == 9
    for part in (
        "[record_uuid] allows",
        "refuses the states",
        "with [sync_state], [record_uuid]",
        "[parent_item_id] does not allow",
    ):
        assert sum(part in problem for problem in problems) == 1, problems


def test_the_statements_for_missing_tables_make_them_with_their_indexes(site: Site) -> None:
    needs_sql_server(site)
    tables = make_tables(NAMES, schema=site.tables.orders.schema)
    findings = [finding for finding in found(site, tables) if "ODD" in finding.table]
    assert len(findings) == 4
    try:
        run(site, findings)
        assert found(site, tables) == []
    finally:
        with site.database.write() as connection:
            tables.metadata.drop_all(connection, tables=tables.site)
