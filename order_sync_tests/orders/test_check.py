"""What `db check` finds: on a real SQLite file, and for SQL Server's columns as INFORMATION_SCHEMA describes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc

from order_sync.orders.check import FoundColumn, column_findings, create_all, inspect, permissions
from order_sync.orders.database import WritableDatabase
from order_sync.orders.tables import TableNames, make_tables

TABLES = make_tables(schema="dbo", mapped_columns=["CUSTOMER PRICE"])
QUEUE = TABLES.header_queue


def as_designed() -> dict[str, FoundColumn]:
    """ORDER_LIST_DELTA as SQL Server would describe it."""
    found = {}
    for column in QUEUE.columns:
        length = getattr(column.type, "length", None)
        kind = "nvarchar"
        if column.name.endswith("_uuid"):
            kind, length = "uniqueidentifier", None
        elif isinstance(column.type, sa.DateTime):
            kind = "datetime2"
        elif isinstance(column.type, sa.BigInteger):
            kind = "bigint"
        elif isinstance(column.type, sa.Numeric | sa.Integer):
            kind = "int"
        elif length is None:
            length = -1
        found[column.name.lower()] = FoundColumn(name=column.name, type=kind, length=length)
    return found


def changed(name: str, **changes: object) -> dict[str, FoundColumn]:
    found = as_designed()
    values = {"name": name, "type": found[name.lower()].type, "length": found[name.lower()].length} | changes
    return found | {name.lower(): FoundColumn(**values)}  # type: ignore[arg-type]


def test_a_table_as_designed_has_nothing_to_mend() -> None:
    assert list(column_findings(QUEUE, as_designed())) == []


def test_row_hash_may_be_missing() -> None:
    found = as_designed()
    del found["row_hash"]
    assert list(column_findings(QUEUE, found)) == []


def test_a_missing_column_comes_with_the_statement_that_adds_it() -> None:
    found = as_designed()
    del found["sync_run_id"], found["retry_count"]
    run_id, retries = column_findings(QUEUE, found)
    assert run_id.blocks
    assert run_id.problem == "column [sync_run_id] is missing"
    assert run_id.remedy == "ALTER TABLE dbo.[ORDER_LIST_DELTA] ADD [sync_run_id] VARCHAR(36) NULL;"
    assert retries.remedy == "ALTER TABLE dbo.[ORDER_LIST_DELTA] ADD [retry_count] INTEGER NOT NULL DEFAULT 0;"


@pytest.mark.parametrize(
    ("column", "changes", "problem", "blocks"),
    [
        ("record_uuid", {"type": "nvarchar", "length": 36}, "must be one of uniqueidentifier", True),
        ("monday_item_id", {"type": "int"}, "is int, it must be one of bigint, decimal, numeric", True),
        ("sync_state", {"length": 5}, "holds 5 characters, 10 are needed", True),
        ("sync_error_message", {"type": "varchar", "length": 100}, "holds 100 characters", True),
        ("created_at", {"type": "datetime"}, "rounds to 3 ms", False),
        ("created_at", {"type": "date"}, "is date", True),
    ],
)
def test_a_column_that_does_not_fit_is_named(
    column: str, changes: dict[str, object], problem: str, blocks: bool
) -> None:
    (finding,) = column_findings(QUEUE, changed(column, **changes))
    assert problem in finding.problem
    assert finding.blocks is blocks
    assert finding.remedy.startswith(f"ALTER TABLE dbo.[ORDER_LIST_DELTA] ALTER COLUMN [{column}] ")
    assert sqlglot.parse_one(finding.remedy, read="tsql") is not None


def test_what_is_only_read_may_be_short_or_a_plain_date() -> None:
    assert list(column_findings(QUEUE, changed("CUSTOMER NAME", length=20))) == []
    assert list(column_findings(QUEUE, changed("ETA CUSTOMER WAREHOUSE DATE", type="date"))) == []


def test_an_empty_database_gets_the_ddl_of_every_table(tmp_path: Path) -> None:
    database = WritableDatabase(f"sqlite:///{tmp_path / 'empty.db'}")
    with database.write() as connection:
        connection.execute(sa.text("CREATE TABLE other (n INTEGER)"))
    tables = make_tables()
    findings = inspect(database, tables)
    assert [finding.table for finding in findings] == [t.fullname for t in (*tables.site, *tables.ours)]
    assert all(finding.blocks and finding.remedy.startswith("CREATE TABLE") for finding in findings)
    assert len(create_all(database, tables)) == 9
    assert inspect(database, tables) == []
    assert create_all(database, tables) == []
    database.dispose()


def test_what_a_newer_version_needs_in_our_own_tables_is_named_and_can_be_run(tmp_path: Path) -> None:
    """A database of the version before: its tables are there, and lack the columns that came since."""
    database, tables = WritableDatabase(f"sqlite:///{tmp_path / 'orders.db'}"), make_tables()
    create_all(database, tables)
    new = {
        "ORDER_SYNC_LOG": ("board_id", "code", "request_id", "payload"),
        "ORDER_SYNC_BOARDS": ("name", "url"),
    }
    with database.write() as connection:
        for table, names in new.items():
            for name in names:
                connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {name}")
    findings = inspect(database, tables)
    assert {(f.table, f.problem) for f in findings} == {
        (table, f"column [{name}] is missing") for table, names in new.items() for name in names
    }
    with database.write() as connection:
        for finding in findings:
            connection.exec_driver_sql(finding.remedy)
    assert inspect(database, tables) == []
    database.dispose()
    on_server = [f.remedy for f in column_findings(TABLES.log, {"log_id": FoundColumn(name="log_id", type="bigint")})]
    assert "ALTER TABLE dbo.[ORDER_SYNC_LOG] ADD [payload] NVARCHAR(max) NULL;" in on_server
    assert "ALTER TABLE dbo.[ORDER_SYNC_LOG] ADD [board_id] BIGINT NULL;" in on_server


def test_a_missing_index_is_a_note_with_its_statement(tmp_path: Path) -> None:
    database = WritableDatabase(f"sqlite:///{tmp_path / 'orders.db'}")
    tables = make_tables()
    create_all(database, tables)
    with database.write() as connection:
        connection.execute(sa.text('DROP INDEX "IX_ORDER_LIST_DELTA_state"'))
    (finding,) = inspect(database, tables)
    assert not finding.blocks
    assert "no index begins with [sync_state]" in finding.problem
    assert finding.remedy.startswith("CREATE INDEX [IX_ORDER_LIST_DELTA_state] ON [ORDER_LIST_DELTA]")
    database.dispose()


def test_permissions_name_every_table_and_nothing_more_than_rows() -> None:
    tables = make_tables(TableNames(orders="Orders [2026]"), schema="sales")
    statements = permissions(tables, user="o'neil]x")
    assert len(statements) == 9 + 2
    assert "GRANT SELECT, UPDATE ON sales.[Orders [2026]]] TO [o'neil]]x];" in statements
    granted = {word for statement in statements for word in statement.split(" ON ")[0].replace(",", "").split()[1:]}
    assert granted == {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert [statement.split()[3] for statement in statements if "DELETE" in statement] == [
        "sales.[ORDER_SYNC_JOURNAL]",
        "sales.[ORDER_SYNC_LOG]",
    ]


class DescribedServer(WritableDatabase):
    """A SQL Server by what its catalogue answers: none runs here. Every query is compiled and parsed as T-SQL."""

    def __init__(self, *, check_clause: str, trigger: str) -> None:
        super().__init__("mssql+pyodbc://server/orders")
        self._check_clause = check_clause
        self._trigger = trigger

    def rows(self, *queries: sa.Executable) -> list[dict[str, Any]]:
        (query,) = queries
        compiled = query.compile(dialect=MSDialect_pyodbc(paramstyle="qmark"))  # type: ignore[attr-defined, no-untyped-call]
        text, table = (
            str(compiled),
            next(iter(set(compiled.params.values()) & {QUEUE.name, "dbo.[ORDER_LIST_DELTA]"}), None),
        )
        assert sqlglot.parse_one(text, read="tsql") is not None
        if "sys.triggers" in text:
            return [{"name": self._trigger}] if table else []
        if "sys.index_columns" in text:
            return [{"name": name} for name in ("sync_state", "record_uuid", "board_id", "delta_uuid", "logged_at")]
        if "CHECK_CONSTRAINTS" in text:
            return [{"CONSTRAINT_NAME": "CK_state", "CHECK_CLAUSE": self._check_clause}] if table else []
        assert "INFORMATION_SCHEMA" in text
        name = compiled.params["TABLE_NAME_1"]
        (described,) = (t for t in (*TABLES.site, *TABLES.ours) if t.name == name)
        found = as_designed() if described is QUEUE else {}
        return [
            {"COLUMN_NAME": c.name, "DATA_TYPE": c.type, "CHARACTER_MAXIMUM_LENGTH": c.length} for c in found.values()
        ] or [
            {"COLUMN_NAME": c.name, "DATA_TYPE": kind, "CHARACTER_MAXIMUM_LENGTH": -1 if kind == "nvarchar" else None}
            for c in described.columns
            for kind in [_kind(c)]
        ]


def _kind(column: sa.Column[Any]) -> str:
    if isinstance(column.type, sa.DateTime):
        return "datetime2"
    if column.name.endswith("_uuid"):
        return "uniqueidentifier"
    return "bigint" if isinstance(column.type, sa.Integer | sa.Numeric) else "nvarchar"


def test_a_check_that_refuses_our_states_comes_with_its_replacement() -> None:
    server = DescribedServer(check_clause="([sync_state]='NEW' OR [sync_state]='PENDING')", trigger="TR_audit")
    check, trigger = inspect(server, TABLES)
    assert check.blocks
    assert check.problem == "CHECK CK_state refuses the states SYNCED, ERROR"
    assert "DROP CONSTRAINT [CK_state]" in check.remedy
    assert "CHECK (sync_state IN ('ERROR', 'NEW', 'PENDING', 'SYNCED'))" in check.remedy
    assert not trigger.blocks
    assert "TR_audit" in trigger.problem


def test_a_check_that_allows_our_states_is_no_finding() -> None:
    clause = "([sync_state] in ('NEW','PENDING','SYNCED','ERROR','HELD'))"
    (trigger,) = inspect(DescribedServer(check_clause=clause, trigger="TR_audit"), TABLES)
    assert "TR_audit" in trigger.problem
