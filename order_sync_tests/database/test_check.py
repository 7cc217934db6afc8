"""What `db check` finds: on a real SQLite file, and for SQL Server's columns as INFORMATION_SCHEMA describes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc
from sqlalchemy.exc import ProgrammingError

from order_sync.database import ddl
from order_sync.database.catalog import FoundColumn
from order_sync.database.check import Finding, allowed_values, check_tables, column_findings, create_all, inspect
from order_sync.database.connection import WritableDatabase
from order_sync.database.own_tables import VERSION
from order_sync.database.rights import granted, permissions
from order_sync.database.tables import WRITTEN, TableNames, make_tables
from order_sync.orders.errors import ConfigurationError

TABLES = make_tables(schema="dbo", mapped_columns=["CUSTOMER PRICE"])
QUEUE = TABLES.header_queue


def as_designed() -> dict[str, FoundColumn]:
    return designed(QUEUE)


def designed(table: sa.Table) -> dict[str, FoundColumn]:
    """A table as SQL Server would describe it."""
    found = {}
    for column in table.columns:
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
        found[column.name.lower()] = FoundColumn(
            name=column.name, type=kind, length=length, nullable=bool(column.nullable)
        )
    return found


def changed(name: str, **changes: object) -> dict[str, FoundColumn]:
    found = as_designed()
    return found | {name.lower(): replace(found[name.lower()], **changes)}  # type: ignore[arg-type]


def test_a_table_as_designed_needs_no_repair() -> None:
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
        ("monday_item_id", {"type": "int"}, "is int, but must be one of bigint, decimal, numeric", True),
        ("sync_state", {"length": 5}, "holds 5 characters, but 10 are needed", True),
        ("sync_error_message", {"type": "varchar", "length": 100}, "holds 100 characters", True),
        ("created_at", {"type": "datetime"}, "rounds to 3 ms", False),
        ("created_at", {"type": "smalldatetime"}, "rounds to a minute: rows of the same minute have no order", False),
        ("sync_attempted_at", {"type": "smalldatetime"}, "rounds to a minute: a lease needs seconds", True),
        ("sync_attempted_at", {"scale": 0}, "is datetime2(0), which rounds to 1/1 s", False),
        ("CUSTOMER NAME", {"type": "ntext", "length": 1_073_741_823}, "is ntext, but must be one of", True),
        ("delta_uuid", {"nullable": True}, "allows NULL: no run can claim a row without it", True),
        ("record_uuid", {"nullable": True}, "allows NULL: a row without it belongs to no order", False),
        ("sync_state", {"nullable": True}, "allows NULL: a row without it is not claimed", False),
        ("action_type", {"nullable": True}, "allows NULL: a row without it is not claimed", False),
        ("created_at", {"nullable": True}, "allows NULL: a row without it counts as the oldest", False),
        ("retry_count", {"nullable": True}, "allows NULL: the rejections of a row without it are not", False),
        ("sync_run_id", {"nullable": False}, "does not allow NULL, but order_sync writes NULL to it", True),
        ("monday_item_id", {"nullable": False}, "does not allow NULL, but order_sync writes NULL to it", True),
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


@pytest.mark.parametrize(
    ("column", "changes"),
    [
        ("CUSTOMER NAME", {"length": 20}),
        ("CUSTOMER NAME", {"nullable": False}),
        ("ETA CUSTOMER WAREHOUSE DATE", {"type": "date"}),
        ("ETA CUSTOMER WAREHOUSE DATE", {"type": "smalldatetime"}),
        ("sync_attempted_at", {"nullable": False}),  # order_sync never empties it
        ("sync_run_id", {"nullable": None}),  # a server that does not say
    ],
)
def test_harmless_differences_are_not_reported(column: str, changes: dict[str, object]) -> None:
    assert list(column_findings(QUEUE, changed(column, **changes))) == []


@pytest.mark.parametrize(
    ("column", "changes", "statement"),
    [
        ("sync_state", {"length": 5}, "[sync_state] NVARCHAR(10) NOT NULL"),
        ("sync_state", {"type": "char"}, "[sync_state] VARCHAR(10) NOT NULL"),
        ("sync_run_id", {"type": "varchar", "length": 5}, "[sync_run_id] VARCHAR(36) NULL"),
        ("sync_error_message", {"type": "varchar", "length": 99}, "[sync_error_message] VARCHAR(max) NULL"),
        ("created_at", {"type": "datetime"}, "[created_at] DATETIME2 NOT NULL"),
        ("created_at", {"type": "datetime", "nullable": True}, "[created_at] DATETIME2 NOT NULL"),
        ("record_uuid", {"nullable": True}, "[record_uuid] UNIQUEIDENTIFIER NOT NULL"),
        ("sync_run_id", {"nullable": False, "length": 50}, "[sync_run_id] NVARCHAR(50) NULL"),
        ("sync_error_message", {"nullable": False}, "[sync_error_message] NVARCHAR(max) NULL"),
        ("sync_attempted_at", {"nullable": False, "scale": 0}, "[sync_attempted_at] DATETIME2 NOT NULL"),
        ("sync_completed_at", {"nullable": False, "scale": 3}, "[sync_completed_at] DATETIME2(3) NULL"),
        (
            "monday_item_id",
            {"nullable": False, "type": "decimal", "precision": 19, "scale": 0},
            "[monday_item_id] DECIMAL(19, 0) NULL",
        ),
        ("sync_state", {"length": 5, "collation": "Latin1_General_CI_AS"}, "NVARCHAR(10) COLLATE Latin1_General_CI_AS"),
    ],
)
def test_an_alteration_keeps_what_it_is_not_about(column: str, changes: dict[str, object], statement: str) -> None:
    (finding,) = column_findings(QUEUE, changed(column, **changes))
    assert statement in finding.remedy
    assert sqlglot.parse_one(finding.remedy, read="tsql") is not None


def test_an_empty_database_gets_the_ddl_of_every_table(tmp_path: Path) -> None:
    database = WritableDatabase(f"sqlite:///{tmp_path / 'empty.db'}")
    with database.write() as connection:
        connection.execute(sa.text("CREATE TABLE other (n INTEGER)"))
    tables = make_tables()
    findings = inspect(database, tables)
    assert [finding.table for finding in findings] == [t.fullname for t in (*tables.site, *tables.ours)]
    assert all(finding.blocks and finding.remedy.startswith("CREATE TABLE") for finding in findings)
    indexes = [line for finding in findings for line in finding.remedy.splitlines() if line.startswith("CREATE INDEX")]
    assert len(indexes) == sum(len(ddl.indexes(table)) for table in (*tables.site, *tables.ours)) == 22
    assert len(create_all(database, tables)) == 15
    assert inspect(database, tables) == []
    assert create_all(database, tables) == []
    database.dispose()


def test_the_ddl_of_a_newer_version_is_printed_and_runs(tmp_path: Path) -> None:
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
    assert "no index begins with [sync_state], [record_uuid]" in finding.problem
    assert finding.remedy.startswith('CREATE INDEX "IX_ORDER_LIST_DELTA_state" ON "ORDER_LIST_DELTA"')
    database.dispose()


@pytest.mark.parametrize("name", ["delta", "record", "line"])
def test_db_init_adds_missing_indexes_to_an_older_file(tmp_path: Path, name: str) -> None:
    """Until then every look-up of a uuid reads its whole table."""
    database = WritableDatabase(f"sqlite:///{tmp_path / 'orders.db'}")
    tables = make_tables()
    create_all(database, tables)
    with database.write() as connection:
        connection.exec_driver_sql(f'DROP INDEX "IX_ORDER_LIST_LINES_DELTA_{name}_key"')
        connection.exec_driver_sql(f'CREATE INDEX "IX_old" ON "ORDER_LIST_LINES_DELTA" ({name}_uuid)')
    (finding,) = inspect(database, tables)
    assert f"no index begins with [{name}_uuid]" in finding.problem
    assert create_all(database, tables) == []
    assert inspect(database, tables) == []
    database.dispose()


def test_permissions_name_every_table_and_nothing_more_than_rows() -> None:
    tables = make_tables(TableNames(orders="Orders [2026]"), schema="sales")
    statements = permissions(tables, user="o'neil]x")
    assert len(statements) == len((*tables.site, *tables.ours))
    assert "GRANT SELECT, UPDATE ON sales.[Orders [2026]]] TO [o'neil]]x];" in statements
    granted = {word for statement in statements for word in statement.split(" ON ")[0].replace(",", "").split()[1:]}
    assert granted == {"SELECT", "INSERT", "UPDATE", "DELETE"}
    deleting = [statement for statement in statements if "DELETE" in statement]
    assert [statement.split(" ON ")[1].split(" TO ")[0] for statement in deleting] == [
        "sales.[ORDER_SYNC_JOURNAL]",
        "sales.[ORDER_SYNC_LOG]",
        "sales.[ORDER_SYNC_ITEMS]",
        "sales.[ORDER_SYNC_SUBITEMS]",
        "sales.[ORDER_SYNC_CANCELLED]",
        "sales.[ORDER_SYNC_LOOKS]",
        "sales.[ORDER_SYNC_EDITS]",
    ]


# ---- a server by its catalog ----------------------------------------------------------------------------


@dataclass
class Catalog:
    """What a SQL Server answers about ORDER_LIST_DELTA; the other tables are as designed."""

    columns: Mapping[str, FoundColumn] = field(default_factory=as_designed)
    checks: Sequence[tuple[str, str, str | None]] = ()  # column, name, clause
    triggers: Sequence[str] = ()
    indexes: Sequence[Mapping[str, Any]] = ()
    default: tuple[str, str | None] | None = None
    computed: Sequence[tuple[str, str | None]] = ()
    refused: Collection[tuple[str, str]] = ()  # table, right
    refused_columns: Collection[str] = ()
    unknown: str = "no such thing"  # what this server has not heard of


T = TypeVar("T")


class DescribedServer(WritableDatabase):
    """A SQL Server by what its catalog answers: none runs here. Every query is compiled and parsed as T-SQL."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__("mssql+pyodbc://server/orders")
        self._catalog = catalog

    def first_look(self, work: Callable[[], T]) -> T:
        return work()

    def column(self, query: sa.Select[Any]) -> list[Any]:
        text = str(query.compile(dialect=DIALECT))
        if "ORDER_SYNC_SCHEMA" in text:
            return [VERSION]
        return ["Latin1_General_CI_AS" if "Collation" in str(query.compile().params) else "sync]user"] if text else []

    def rows(self, *queries: sa.Executable) -> list[dict[str, Any]]:
        (query,) = queries
        compiled = query.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]
        assert len(compiled.positiontup or ()) <= 2_100
        text, values = str(compiled), [compiled.params[name] for name in compiled.positiontup or ()]
        assert sqlglot.parse_one(text, read="tsql") is not None
        assert all(not isinstance(bind.type, sa.types.NullType) for bind in compiled.binds.values())
        if self._catalog.unknown in text:
            raise ProgrammingError("SELECT", {}, Exception("42S02", f"Invalid object name '{self._catalog.unknown}'."))
        if "HAS_PERMS_BY_NAME" in text:
            return [{f"r{n}": answer for n, answer in enumerate(self._rights(text, values))}]
        return list(self._answers(text, values))

    def _rights(self, text: str, values: list[Any]) -> Iterator[int]:
        left = iter(values)
        for call in re.findall(r"HAS_PERMS_BY_NAME\(([^)]*)\)", text):
            table, kind, right, *column = (next(left) for _ in range(call.count("?")))
            assert (kind, column[1:]) == ("OBJECT", ["COLUMN"] if column else [])
            refused = (table, right) in self._catalog.refused
            yield int(not refused if not column else column[0] not in self._catalog.refused_columns)

    def _answers(self, text: str, values: list[Any]) -> Iterator[dict[str, Any]]:
        catalog, mine = self._catalog, QUEUE.name in values or "dbo.[ORDER_LIST_DELTA]" in values
        if "sys.triggers" in text:
            yield from ({"name": name} for name in catalog.triggers if mine)
        elif "sys.default_constraints" in text:
            yield from (
                ({"name": name, "definition": text} for name, text in [catalog.default] if name)
                if (catalog.default and mine)
                else ()
            )
        elif "sys.computed_columns" in text:
            yield from ({"name": name, "definition": definition} for name, definition in catalog.computed if mine)
        elif "sys.indexes" in text:
            yield from map(dict, catalog.indexes)
        elif "index_columns" in text:
            (table,) = (t for t in ALL_TABLES if any(f"[{t.name}]" in str(value) for value in values))
            for number, index in enumerate(ddl.indexes(table)):
                yield from ({"index_id": number, "name": column.name} for column in index.columns)
        elif "KEY_COLUMN_USAGE" in text:
            yield from ({"name": next(iter(t.primary_key)).name} for t in ALL_TABLES if t.name in values)
        elif "CHECK_CONSTRAINTS" in text:
            for column, name, clause in catalog.checks:
                if mine and column in values:
                    yield {"CONSTRAINT_NAME": name, "CHECK_CLAUSE": clause}
        else:
            assert "[INFORMATION_SCHEMA].[COLUMNS]" in text
            for table in (t for t in ALL_TABLES if t.name in values):
                for found in (catalog.columns if table is QUEUE else designed(table)).values():
                    row = row_of(found) | {"TABLE_NAME": table.name}
                    yield {name: value for name, value in row.items() if f"[{name}]" in text}


ALL_TABLES = (*TABLES.site, *TABLES.ours)
DIALECT = MSDialect_pyodbc(paramstyle="qmark")  # type: ignore[no-untyped-call]


def row_of(found: FoundColumn) -> dict[str, Any]:
    return {
        "COLUMN_NAME": found.name,
        "DATA_TYPE": found.type,
        "CHARACTER_MAXIMUM_LENGTH": found.length,
        "IS_NULLABLE": "YES" if found.nullable else "NO",
        "NUMERIC_PRECISION": found.precision,
        "NUMERIC_SCALE": None,
        "DATETIME_PRECISION": found.scale,
        "COLLATION_NAME": found.collation or None,
    }


def findings_of(**catalog: Any) -> list[Finding]:
    return inspect(DescribedServer(Catalog(**catalog)), TABLES)


def test_a_server_as_designed_has_no_finding() -> None:
    assert findings_of() == []


def test_a_check_that_refuses_our_states_comes_with_its_replacement() -> None:
    clause = "([sync_state]='NEW' OR [sync_state]='PENDING')"
    check, trigger = findings_of(checks=[("sync_state", "CK_state", clause)], triggers=["TR_audit"])
    assert check.blocks
    assert check.problem == "CHECK CK_state refuses the states SYNCED, ERROR"
    assert "DROP CONSTRAINT [CK_state]" in check.remedy
    assert "CHECK ([sync_state] IN ('ERROR', 'NEW', 'PENDING', 'SYNCED'))" in check.remedy
    assert not trigger.blocks
    assert "TR_audit" in trigger.problem


def test_a_check_that_allows_our_states_is_fine() -> None:
    clause = "([sync_state] in ('NEW','PENDING','SYNCED','ERROR','HELD'))"
    assert findings_of(checks=[("sync_state", "CK_state", clause)]) == []


def test_a_check_constraint_hidden_from_the_user_is_a_note() -> None:
    """What a user without VIEW DEFINITION gets: the constraint, and NULL for what it says."""
    state, action = findings_of(checks=[("sync_state", "CK_state", None), ("action_type", "CK_action", None)])
    assert state.problem == (
        "CHECK CK_state on [sync_state] is not visible to this user (grant VIEW DEFINITION): "
        "make sure that it allows NEW, PENDING, SYNCED, ERROR"
    )
    assert "CK_action on [action_type]" in action.problem
    assert not state.blocks
    assert not action.blocks


@pytest.mark.parametrize(
    ("clause", "allowed"),
    [
        ("([sync_state]='NEW' OR [sync_state]='PENDING')", {"NEW", "PENDING"}),
        ("([sync_state]=N'NEW' OR [sync_state] IS NULL)", {"NEW"}),
        ("\"sync_state\" in ('NEW', 'O''K')", {"NEW", "O'K"}),
        ("((sync_state)::text = ANY ((ARRAY['NEW'::character varying])::text[]))", {"NEW"}),
        ("(upper([sync_state])='NEW')", {"NEW"}),
        ("([sync_state]<>'DELETED')", None),
        ("(NOT [sync_state]='DELETED')", None),
        ("([sync_state] like 'S%')", None),
        ("([sync_state]='NEW' OR [monday_item_id] IS NOT NULL)", None),
        ("(len([sync_state])>(2))", None),
        ("([sync_state]=[old_state])", None),
    ],
)
def test_only_a_list_of_values_is_judged(clause: str, allowed: set[str] | None) -> None:
    found = allowed_values(clause, "sync_state")
    assert found == (None if allowed is None else frozenset(allowed))


def test_a_lower_case_check_is_judged_by_its_collation() -> None:
    checks = [("sync_state", "CK_state", "[sync_state] IN ('new','pending','synced','error')")]
    assert findings_of(checks=checks, columns=changed("sync_state", collation="Latin1_General_CI_AS")) == []
    note, check = findings_of(checks=checks, columns=changed("sync_state", collation="Latin1_General_BIN2"))
    assert "in which 'new' is not 'NEW'" in note.problem
    assert not note.blocks
    assert check.problem == "CHECK CK_state refuses the states NEW, PENDING, SYNCED, ERROR"


def test_messages_in_a_code_page_are_a_note() -> None:
    columns = changed("sync_error_message", type="varchar", collation="SQL_Latin1_General_CP1_CI_AS")
    (note,) = findings_of(columns=columns)
    assert (note.blocks, "characters missing in its code page" in note.problem) == (False, True)
    columns = changed("sync_error_message", type="varchar", collation="Latin1_General_100_CI_AS_SC_UTF8")
    assert findings_of(columns=columns) == []


# ---- what is in the way of an alteration ----------------------------------------------------------------


def index_rows(name: str, *columns: str, **kind: int) -> list[dict[str, Any]]:
    plain = {"type": 2, "has_filter": 0, "is_unique": 0, "is_primary_key": 0, "is_unique_constraint": 0}
    return [
        {
            "index_name": name,
            "column_name": column,
            "key_ordinal": number,
            "is_included_column": 0,
            "is_descending_key": 0,
        }
        | plain
        | kind
        for number, column in enumerate(columns, start=1)
    ]


def test_what_is_in_the_way_is_dropped_and_created_again() -> None:
    (finding,) = findings_of(
        columns=changed("created_at", type="datetime"),
        indexes=[*index_rows("IX_state", "sync_state", "created_at"), *index_rows("IX_other", "record_uuid")],
        default=("DF_created", "(getdate())"),
        checks=[("created_at", "CK_created", "([created_at]>'20200101')")],
    )
    assert finding.remedy.splitlines() == [
        "DROP INDEX [IX_state] ON dbo.[ORDER_LIST_DELTA];",
        "ALTER TABLE dbo.[ORDER_LIST_DELTA] DROP CONSTRAINT [DF_created];",
        "ALTER TABLE dbo.[ORDER_LIST_DELTA] DROP CONSTRAINT [CK_created];",
        "ALTER TABLE dbo.[ORDER_LIST_DELTA] ALTER COLUMN [created_at] DATETIME2 NOT NULL;",
        "CREATE INDEX [IX_state] ON dbo.[ORDER_LIST_DELTA] ([sync_state], [created_at]);",
        "ALTER TABLE dbo.[ORDER_LIST_DELTA] ADD CONSTRAINT [DF_created] DEFAULT (getdate()) FOR [created_at];",
        "ALTER TABLE dbo.[ORDER_LIST_DELTA] ADD CONSTRAINT [CK_created] CHECK (([created_at]>'20200101'));",
    ]


def test_what_cannot_be_created_again_is_named() -> None:
    (finding,) = findings_of(
        columns=changed("created_at", type="datetime"),
        indexes=[
            *index_rows("PK_mine", "created_at", is_primary_key=1, is_unique=1),
            *index_rows("IX_filtered", "created_at", has_filter=1),
        ],
        default=("DF_created", None),
        checks=[("created_at", "CK_created", None)],
        computed=[("age", "(datediff(day,[created_at],getdate()))"), ("other", "([qty]*(2))"), ("hidden", None)],
    )
    comment, alter = finding.remedy.splitlines()
    assert comment == (
        "-- In the way, drop first and create again afterwards: computed column [age], computed column [hidden], "
        "index [IX_filtered], key [PK_mine], default [DF_created], CHECK [CK_created]"
    )
    assert alter.endswith("ALTER COLUMN [created_at] DATETIME2 NOT NULL;")


def test_a_text_that_only_grows_keeps_its_index_and_default() -> None:
    (finding,) = findings_of(
        columns=changed("sync_state", type="varchar", length=5, collation="Latin1_General_CI_AS"),
        indexes=index_rows("IX_state", "sync_state", "created_at"),
        default=("DF_state", "('NEW')"),
    )
    assert finding.remedy == "ALTER TABLE dbo.[ORDER_LIST_DELTA] ALTER COLUMN [sync_state] VARCHAR(10) NOT NULL;"


def test_a_hidden_constraint_in_the_way_is_reported() -> None:
    (finding,) = findings_of(columns=changed("created_at", type="datetime"), unknown="computed_columns")
    comment, alter = finding.remedy.splitlines()
    assert comment.startswith("-- Not shown by this server: computed columns of the column.")
    assert alter.endswith("NOT NULL;")


def test_null_is_corrected_before_it_is_forbidden() -> None:
    (finding,) = findings_of(columns=changed("record_uuid", nullable=True))
    assert finding.remedy.startswith("-- Correct first the rows in which [record_uuid] is NULL\n")


# ---- rights ---------------------------------------------------------------------------------------------


def test_a_database_without_update_on_orders_is_not_ready() -> None:
    refused = [("dbo.[ORDER_LIST]", "UPDATE")]
    (finding,) = findings_of(refused=refused, refused_columns=WRITTEN)
    assert finding.blocks
    assert str(finding) == "dbo.ORDER_LIST: this user lacks UPDATE permission"
    assert finding.remedy == "GRANT UPDATE ON dbo.[ORDER_LIST] TO [sync]]user];"
    server = DescribedServer(Catalog(refused=refused, refused_columns=WRITTEN))
    with pytest.raises(
        ConfigurationError, match=r"not ready: dbo\.ORDER_LIST: this user lacks UPDATE permission\. .*db check"
    ):
        check_tables(server, TABLES)


def test_a_dry_run_needs_no_right_to_write() -> None:
    class OnlyRead(DescribedServer):
        read_only = True

    check_tables(OnlyRead(Catalog(refused=[("dbo.[ORDER_LIST]", "UPDATE")], refused_columns=WRITTEN)), TABLES)


def test_rights_that_were_granted_by_column_are_enough() -> None:
    refused = [("dbo.[ORDER_LIST]", "UPDATE"), ("dbo.[ORDER_LIST]", "SELECT")]
    assert findings_of(refused=refused) == []
    (finding,) = findings_of(refused=refused, refused_columns=["CUSTOMER PRICE"])
    assert finding.problem == "this user lacks SELECT permission on [CUSTOMER PRICE]"


def test_rights_on_hundreds_of_columns_fit_into_statements() -> None:
    wide = make_tables(schema="dbo", mapped_columns=[f"SIZE {n}" for n in range(450)])
    wanted = [(wide.orders, "SELECT", column.name) for column in wide.orders.columns]
    assert granted(DescribedServer(Catalog()), wanted) == [True] * len(wanted)


@pytest.mark.parametrize(
    ("table", "right"),
    [("ORDER_LIST_DELTA", "SELECT"), ("ORDER_SYNC_LOG", "INSERT"), ("ORDER_SYNC_JOURNAL", "DELETE")],
)
def test_each_right_of_db_grant_is_asked_for(table: str, right: str) -> None:
    every = [column.name for t in ALL_TABLES for column in t.columns]
    (finding,) = findings_of(refused=[(f"dbo.[{table}]", right)], refused_columns=every)
    assert (finding.table, finding.problem) == (f"dbo.{table}", f"this user lacks {right} permission")


def test_a_server_that_denies_every_right_is_not_believed() -> None:
    """A user without any right on the tables would not see them."""
    every = [column.name for t in ALL_TABLES for column in t.columns]
    rights = ("SELECT", "INSERT", "UPDATE", "DELETE")
    refused = [(f"dbo.[{t.name}]", right) for t in ALL_TABLES for right in rights]
    (note,) = findings_of(refused=refused, refused_columns=every)
    assert (note.blocks, note.table) == (False, "rights")
    assert note.problem.startswith("the rights of this user are not visible on this server")
    check_tables(DescribedServer(Catalog(refused=refused, refused_columns=every)), TABLES)


def test_a_server_that_knows_no_rights_or_indexes_says_so() -> None:
    (rights,) = findings_of(unknown="HAS_PERMS_BY_NAME")
    assert (rights.blocks, rights.problem.split(" (")[0]) == (False, "the rights of this user cannot be read")
    indexes = findings_of(unknown="index_columns")
    assert len(indexes) == len(ALL_TABLES)
    assert all("its indexes cannot be read (Invalid object name" in finding.problem for finding in indexes)


def test_a_brief_description_of_columns_is_enough() -> None:
    findings = findings_of(unknown="DATETIME_PRECISION", columns=changed("sync_state", length=5))
    assert [finding.problem for finding in findings] == [
        "column [sync_state] holds 5 characters, but 10 are needed",
    ]
    assert "-- Add NOT NULL if the column is NOT NULL" in findings[0].remedy
