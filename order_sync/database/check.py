"""Do the tables have what order_sync reads and writes? And what would it take?

In: a database and the expected tables. Out: findings, each with the T-SQL that corrects it. Changes nothing itself;
`create_all` is for an empty database only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex

from order_sync.database import catalog, ddl, rights
from order_sync.database.catalog import Found, FoundCheck, FoundColumn
from order_sync.database.column_fit import is_case_sensitive, misfits
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.ddl import DIALECTS, Alteration
from order_sync.database.sql_server import reason
from order_sync.database.tables import LEADING, NOT_NEEDED, Tables, is_only_mapped
from order_sync.database.upgrades import (
    CURRENT,
    check_version,
    expect_version,
    mismatch,
    pending,
    script,
    set_version,
    version_of,
)
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import DatabaseFault
from order_sync.orders.states import Action, State


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A problem that blocks a sync (`blocks`) or a recommendation, and the statement that corrects it."""

    table: str
    problem: str
    remedy: str = ""
    blocks: bool = True

    def __str__(self) -> str:
        return f"{self.table}: {self.problem}"


def inspect(database: Database, tables: Tables) -> list[Finding]:
    """Everything that does not fit, in one go: table by table, and then the rights. Empty when order_sync can work."""
    found = catalog.columns(database, *tables.site, *tables.ours)
    findings = _version_findings(database, tables)
    to_come = {table for step in pending(database, tables) for table in step.creates(tables)}
    for table, there in found.items():
        if table in to_come and not there:
            continue  # the statements are among those of the upgrade
        ours = table in tables.ours
        findings += column_findings(table, there, database.dialect, ours=ours, script=_scripts(database, table))
        if there:
            findings += _readable(table, "indexes", _index_findings(database, table))
        if there and not ours:
            findings += _readable(table, "CHECKs", _check_findings(database, table, there))
            findings += _readable(table, "triggers", _trigger_findings(database, table))
    return findings + _rights_findings(database, tables, found)


def missing(database: Database, tables: Tables, found: Found | None = None) -> list[Finding]:
    """The tables, columns and rights that are not there: what every run makes sure of before it begins."""
    found = found or catalog.columns(database, *tables.site, *tables.ours)
    findings = [finding for table, there in found.items() for finding in _missing(table, there, database.dialect)]
    closed = _rights_findings(database, tables, found, only="SELECT" if database.read_only else "")
    return findings + [finding for finding in closed if finding.blocks]


def check_tables(database: Database, tables: Tables) -> Found:
    """The tables' columns. Raises ConfigurationError that names everything in the way; `db check` says more."""

    def look() -> tuple[Found, int | None]:
        found = catalog.columns(database, *tables.site, *tables.ours)
        return found, version_of(database, tables, found)

    found, version = database.first_look(look)
    expect_version(database, tables, version)
    problems = missing(database, tables, found)
    if problems and not any(found.values()):
        unseen = ", or this user has no rights on them" if database.dialect == "mssql" else ""
        raise ConfigurationError(
            f"The database {database.shown} has none of the tables{unseen}. Check ORDER_SYNC_DATABASE_URL and "
            "ORDER_SYNC_DATABASE_SCHEMA. In your own database, `order-sync db init` creates all of them.",
            DatabaseFault.NO_TABLES,
        )
    if problems:
        raise ConfigurationError(
            "The database is not ready: " + "; ".join(str(problem) for problem in problems) + ". "
            "`order-sync db check` prints the statements to run.",
            DatabaseFault.NOT_READY,
        )
    return found


def create_all(database: WritableDatabase, tables: Tables) -> list[str]:
    """Creates the tables that are missing, with their indexes; returns their names. Idempotent.

    Raises ConfigurationError if those that are there are of another version: `schema.upgrade` is for them.
    """
    check_version(database, tables)
    return _create(database, tables)


def _create(database: WritableDatabase, tables: Tables) -> list[str]:
    every = tables.metadata.sorted_tables
    missing = [table for table, there in catalog.columns(database, *every).items() if not there]

    def create(connection: sa.Connection) -> None:
        for table in missing:
            table.create(connection, checkfirst=False)
        # A file that an earlier version made lacks the indexes that rows are found by now; the file is ours.
        for table in every if database.dialect == "sqlite" else ():
            for index in ddl.indexes(table, "sqlite"):
                connection.execute(CreateIndex(index, if_not_exists=True))
        set_version(connection, database, tables, CURRENT)

    try:
        database.transaction(create)
    except SQLAlchemyError:
        if not any(catalog.columns(database, *missing).values()):
            raise
        # Somebody else has created some meanwhile, or all; or the answer to our own COMMIT was lost.
        return _create(database, tables)
    return [table.fullname for table in missing]


def _version_findings(database: Database, tables: Tables) -> list[Finding]:
    """Problems with the version of order_sync's own tables, with the statements of the upgrade, if there is one."""
    table = tables.schema_versions
    if not (problem := mismatch(database, tables, version_of(database, tables))):
        return []
    steps = [line for step in pending(database, tables) for line in script(database, tables, step)]
    return [Finding(table=table.fullname, problem=problem, remedy="\n".join(steps))]


def _readable(table: sa.Table, what: str, findings: Iterable[Finding]) -> list[Finding]:
    """The findings, or a note that the server does not say: a compatible one may lack a part of the catalog."""
    try:
        return list(findings)
    except SQLAlchemyError as error:
        return [Finding(table=table.fullname, problem=f"its {what} cannot be read ({reason(error)})", blocks=False)]


# ---- columns ------------------------------------------------------------------------------------------


def _missing(table: sa.Table, found: Mapping[str, FoundColumn], dialect: str) -> Iterator[Finding]:
    if not found:
        unseen = " (or this user has no rights on it)" if dialect == "mssql" else ""
        yield Finding(
            table=table.fullname, problem=f"the table does not exist{unseen}", remedy=ddl.create_table(table, dialect)
        )
        return
    for column in table.columns:
        if column.name.lower() in found or column.name in NOT_NEEDED or is_only_mapped(column):
            continue
        yield Finding(
            table=table.fullname,
            problem=f"column [{column.name}] is missing",
            remedy=ddl.add_column(column, DIALECTS[dialect]),
        )


def column_findings(
    table: sa.Table,
    found: Mapping[str, FoundColumn],
    dialect: str = "mssql",
    *,
    ours: bool = False,
    script: Callable[[Alteration], str] = Alteration.statement,
) -> Iterator[Finding]:
    """What the table lacks, and the columns that do not fit; `script` makes the T-SQL that alters one."""
    yield from _missing(table, found, dialect)
    for misfit in misfits(table, found, ours=ours):
        # SQLite alters no column: there the table has to be recreated.
        remedy = script(misfit.change) if misfit.change and dialect == "mssql" else ""
        yield Finding(table=table.fullname, problem=misfit.problem, remedy=remedy, blocks=misfit.blocks)


def _scripts(database: Database, table: sa.Table) -> Callable[[Alteration], str]:
    return lambda change: change.script(catalog.attached(database, table, change.column.name))


# ---- indexes ------------------------------------------------------------------------------------------


def _index_findings(database: Database, table: sa.Table) -> Iterator[Finding]:
    """Indexes that a large table needs: without them every claim reads all of it."""
    dialect = database.dialect
    wanted = {_leading(index): ddl.create_index(index, dialect) for index in ddl.indexes(table, dialect)}
    wanted.setdefault((next(iter(table.primary_key.columns)).name,), ddl.create_key_index(table))
    there = catalog.indexed(database, table)
    for names, remedy in sorted(wanted.items()):
        if not any(found[: len(names)] == tuple(name.lower() for name in names) for found in there):
            yield Finding(
                table=table.fullname,
                problem=f"no index begins with {', '.join(f'[{name}]' for name in names)}, so lookups by "
                f"{'it' if len(names) == 1 else 'them'} scan the whole table",
                remedy=remedy,
                blocks=False,
            )


def _leading(index: sa.Index) -> tuple[str, ...]:
    """The columns that an index of the site's own has to begin with to do as well."""
    return tuple(str(column.name) for column in index.columns)[: index.info.get(LEADING, 1)]


# ---- CHECKs -------------------------------------------------------------------------------------------

_VALUE = re.compile(r"'((?:[^']|'')*)'")
# What is left of a list of values without the values, in the words of any server.
_OF_A_LIST = frozenset(
    {"or", "in", "is", "null", "n", "any", "array", "text", "character", "varying"}
    | {"upper", "lower", "rtrim", "ltrim", "trim"}
)


def allowed_values(clause: str, column: str) -> frozenset[str] | None:
    """The values that a CHECK leaves to a column; None where it says anything but a list of values."""
    values = [value.replace("''", "'") for value in _VALUE.findall(clause)]
    rest = _VALUE.sub(" ", clause).lower()
    words = set(re.findall(r"\w+", rest))
    if not values or re.search(r"[<>!%+*/-]", rest) or not words <= _OF_A_LIST | {column.lower()}:
        return None
    return frozenset(values)


def _check_findings(database: Database, table: sa.Table, found: Mapping[str, FoundColumn]) -> Iterator[Finding]:
    """CHECK constraints that refuse what order_sync writes, or the only action that it syncs."""
    is_queue = "sync_run_id" in table.columns
    states = [str(state) for state in State] if is_queue else [str(State.SYNCED)]
    for column, needed in (("sync_state", states), ("action_type", [str(action) for action in Action])):
        if column in table.columns and column in found:
            for check in catalog.checks(database, table, column):
                yield from _check_finding(table, found[column], check, needed, database.dialect)


def _check_finding(
    table: sa.Table, column: FoundColumn, check: FoundCheck, needed: list[str], dialect: str
) -> Iterator[Finding]:
    what = f"CHECK {check.name or '(without a name)'}"
    allowed = allowed_values(check.clause, column.name) if check.clause is not None else None
    if allowed is None:
        unread = "is not visible to this user (grant VIEW DEFINITION)" if check.clause is None else "is not a list"
        yield Finding(
            table=table.fullname,
            problem=f"{what} on [{column.name}] {unread}: make sure that it allows {', '.join(needed)}",
            blocks=False,
        )
        return
    # Only a collation that is known to do so distinguishes upper from lower case.
    same = str if dialect != "mssql" or is_case_sensitive(column.collation) else str.upper
    lacking = [value for value in needed if same(value) not in {same(each) for each in allowed}]
    if lacking:
        in_the_way = column.name == "sync_state"
        kind = "states" if in_the_way else "actions"
        values = sorted({*allowed, *needed})
        remedy = ddl.replace_check(table, check.name, column.name, values) if dialect == "mssql" else ""
        yield Finding(
            table=table.fullname,
            problem=f"{what} refuses the {kind} {', '.join(lacking)}",
            remedy=remedy,
            blocks=in_the_way,
        )


# ---- triggers -----------------------------------------------------------------------------------------


def _trigger_findings(database: Database, table: sa.Table) -> Iterator[Finding]:
    """Triggers fire on our updates. They break nothing here (no statement uses OUTPUT), but people should know."""
    for name in catalog.triggers(database, table):
        yield Finding(
            table=table.fullname,
            problem=f"trigger {name} fires when order_sync updates rows: make sure that it does not queue rows again",
            blocks=False,
        )


# ---- rights -------------------------------------------------------------------------------------------


def _rights_findings(database: Database, tables: Tables, found: Found, *, only: str = "") -> list[Finding]:
    """What this connection's user may not do. SQLite has no users."""
    if database.dialect != "mssql":
        return []
    try:
        lacking = list(rights.lacking(database, tables, found, only=only))
        user = rights.user_name(database) if any(each.known for each in lacking) else ""
    except SQLAlchemyError as error:
        return [_unknown_rights(f"cannot be read ({reason(error)})")]
    findings = [
        Finding(table=each.table.fullname, problem=str(each), remedy=ddl.grant(each.right, each.table, user))
        for each in lacking
        if each.known
    ]
    return findings + ([_unknown_rights("are not visible on this server")] if any(not e.known for e in lacking) else [])


def _unknown_rights(why: str) -> Finding:
    problem = f"the rights of this user {why}: `order-sync db grant USER` prints the rights it needs"
    return Finding(table="rights", problem=problem, blocks=False)
