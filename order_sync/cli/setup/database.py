"""In: the answers about the database.
Out: its URL, which was connected to, and whether its tables are ready for a sync.
Never: a change to a table that exists; a missing one is created only with consent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from rich.markup import escape

from order_sync.cli.access import connected
from order_sync.cli.output.console import console
from order_sync.cli.setup.ask import Asker, Question
from order_sync.database.check import Finding, create_all, inspect
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.sql_server import find_driver, placeholders
from order_sync.database.tables import Tables
from order_sync.database.upgrades import pending, upgrade
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.settings import Settings, load_settings
from order_sync.text.counted import counted

FINDINGS_SHOWN = 5
TABLES_NAMED = 4
CHECK = "`order-sync db check` lists all of it, with the statements to run"


@dataclass(frozen=True, kw_only=True)
class DatabaseFlags:
    url: str | None
    server: str | None
    database: str | None
    user: str | None
    password: str | None
    schema: str | None
    create_tables: bool | None


def ask_database(asker: Asker, flags: DatabaseFlags, present: str | None, mapping: Path) -> Settings:
    """Settings with a database that answers."""
    if present is not None and placeholders(present):
        present = None  # .env.example as it was copied

    def use(answer: str) -> Settings:
        if "=" in answer and "://" not in answer:
            raise ConfigurationError(
                "That looks like a connection string: type the server's name only, such as SQL01 or SQL01\\PROD; the "
                "database and the login are asked for next.",
                SettingsFault.ANSWER,
            )
        url = answer if "://" in answer else _from_parts(asker, flags, answer)
        given = {"database_schema": flags.schema} if flags.schema else {}
        settings = load_settings(checked=False, deployment="production", database_url=url, mapping=mapping, **given)
        _reach(asker, settings, flags)
        return settings

    shown = Database(present).shown if present else None
    question = Question(
        text="SQL Server (name or address), or a database URL",
        flag="--server or --database-url",
        given=flags.url or flags.server,
        present=present,
        shown=shown,
    )
    return asker.answer(question, use)


def _from_parts(asker: Asker, flags: DatabaseFlags, server: str) -> str:
    """The URL of SQL Server, with every special character of the password escaped.

    Raises ConfigurationError before the first question if its driver is missing.
    """
    find_driver()
    host, _, port = server.removeprefix("tcp:").partition(",")
    database = asker.answer(Question(text="Database", flag="--database", given=flags.database), str)
    login = Question(
        text="User (Enter: your Windows login)", flag="--user", given=flags.user, present="", shown="Windows"
    )
    user = asker.answer(login, str)
    secret = Question(text=f"Password of {user}", flag="--password", given=flags.password, secret=True)
    password = asker.answer(secret, str) if user else None
    return sa.URL.create(
        "mssql+pyodbc",
        username=user or None,
        password=password,
        host=host,
        port=int(port) if port.isdecimal() else None,
        database=database,
        query={} if user else {"Trusted_Connection": "yes"},
    ).render_as_string(hide_password=False)


def _reach(asker: Asker, settings: Settings, flags: DatabaseFlags) -> None:
    """Raises ConfigurationError if nobody answers."""
    with connected(Database, settings) as (database, _):
        file = database.url.database if database.dialect == "sqlite" else None
        if file and not Path(file).exists() and _may_create(asker, flags, f"There is no file {file}."):
            with connected(WritableDatabase, settings) as (writable, tables):
                Path(file).parent.mkdir(parents=True, exist_ok=True)
                create_all(writable, tables)
            asker.made.append(f"the database file {file}")
        database.check_reachable()
        console.print(f"[green]ok[/]  connected to {escape(database.shown)}")


def check_database(asker: Asker, settings: Settings, flags: DatabaseFlags) -> bool:
    """Reports what the tables lack, creates or upgrades them with consent, and says whether a sync can run on them."""
    blocking = _blocking(settings)
    if blocking and _offer(asker, settings, flags, blocking):
        blocking = _blocking(settings)
    if not blocking:
        console.print("[green]ok[/]  the tables and this user's rights are as order_sync needs them")
        return True
    for finding in blocking[:FINDINGS_SHOWN]:
        console.print(f"[yellow]must[/]  {escape(str(finding))}")
    more = f" and {len(blocking) - FINDINGS_SHOWN} more" if len(blocking) > FINDINGS_SHOWN else ""
    console.print(f"{counted(len(blocking[:FINDINGS_SHOWN]), 'finding')}{more}: {CHECK}.")
    return False


def _blocking(settings: Settings) -> Sequence[Finding]:
    with connected(Database, settings) as (database, tables):
        return [finding for finding in inspect(database, tables) if finding.blocks]


def _offer(asker: Asker, settings: Settings, flags: DatabaseFlags, blocking: Sequence[Finding]) -> bool:
    """Creates or upgrades tables, where that is what is missing and the person agrees."""
    with connected(Database, settings) as (database, tables):
        steps, missing = pending(database, tables), _missing(tables, blocking)
    if not steps and not missing:
        return False
    named = ", ".join(missing[:TABLES_NAMED]) + (", ..." if len(missing) > TABLES_NAMED else "")
    what = f"{counted(len(missing), 'table is', 'tables are')} missing: {named}."
    if not _may_create(asker, flags, what if missing else "order_sync's own tables are of an earlier version."):
        return False
    with connected(WritableDatabase, settings) as (database, tables):
        upgrade(database, tables)
        create_all(database, tables)
        asker.made.append(f"tables in {database.shown}")
    return True


def _missing(tables: Tables, blocking: Sequence[Finding]) -> list[str]:
    names = {finding.table for finding in blocking if "does not exist" in finding.problem}
    return [table.fullname for table in (*tables.site, *tables.ours) if table.fullname in names]


def _may_create(asker: Asker, flags: DatabaseFlags, what: str) -> bool:
    """Consent to create or upgrade tables."""
    return asker.agrees(f"{what} Create now?", "--create-tables or --no-create-tables", flags.create_tables)
