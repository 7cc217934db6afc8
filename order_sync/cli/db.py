"""In: the settings, or the URL and schema of another database.
Out: missing tables, columns and rights, new tables in your own database, upgraded order_sync tables, or the T-SQL that
grants the minimum rights.
Never: a change to the site's tables."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from order_sync.cli.access import connected, table_findings
from order_sync.cli.options import as_json, print_json
from order_sync.database.check import create_all
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.rights import permissions
from order_sync.database.sources import only_mapped
from order_sync.database.upgrades import CURRENT, check_upgradable, pending, upgrade
from order_sync.database.upgrades import script as upgrade_script
from order_sync.database.views import create_views, grants, script
from order_sync.settings import Settings, load_settings, tables_of


@click.group()
def db() -> None:
    """Check, create or upgrade the tables."""


def _for_database(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that name a database other than the one in the settings."""
    url = click.option("--url", metavar="URL", help="SQLAlchemy URL; default: ORDER_SYNC_DATABASE_URL.")
    schema = click.option("--schema", metavar="NAME", help="Schema of the tables; default: dbo.")
    return url(schema(command))


@db.command("check")
@_for_database
@as_json
def db_check(url: str | None, schema: str | None, as_json: bool) -> None:
    """Report missing tables, columns and rights, with the T-SQL that adds them. Changes nothing."""
    from order_sync.cli.output.db import print_findings

    settings = _settings_for(url, schema)
    with connected(Database, settings) as (database, tables):
        database.check_reachable()
        findings = table_findings(database, tables, settings)
    print_json([asdict(finding) for finding in findings]) if as_json else print_findings(findings, database.shown)
    sys.exit(1 if any(finding.blocks for finding in findings) else 0)


@db.command("init")
@_for_database
def db_init(url: str | None, schema: str | None) -> None:
    """Create missing tables in your own database. Existing tables are not changed."""
    from order_sync.cli.output.console import console

    settings = _settings_for(url, schema)
    settings.check_may_write()
    with connected(WritableDatabase, settings) as (database, tables):
        if database.dialect == "sqlite":
            Path(database.url.database or ".").parent.mkdir(parents=True, exist_ok=True)
        else:
            database.check_reachable()
        created = create_all(database, tables)
    console.print(f"Created {', '.join(created)}." if created else "All tables exist: nothing to do.")
    if tables.orders.fullname in created and (names := only_mapped(tables)):
        console.print(f"Named only in the mapping: {', '.join(names)}.", markup=False)


@db.command("upgrade")
@_for_database
@click.option("--yes", is_flag=True, help="Do not ask.")
def db_upgrade(url: str | None, schema: str | None, yes: bool) -> None:
    """Show the SQL that upgrades order_sync's own tables, then run it. The site's tables are never changed.

    An interrupted upgrade continues where it stopped.
    """
    from order_sync.cli.output.db import print_steps, print_upgraded

    settings = _settings_for(url, schema)
    settings.check_may_write()
    with connected(WritableDatabase, settings) as (database, tables):
        database.check_reachable()
        check_upgradable(database, tables)
        if steps := pending(database, tables):
            print_steps([(step, upgrade_script(database, tables, step)) for step in steps], database.shown)
            if not yes:
                click.confirm("Upgrade?", abort=True)
            upgrade(database, tables)
        print_upgraded(bool(steps), version=CURRENT, grants=database.dialect == "mssql")


@db.command("views")
@_for_database
@click.option("--create", is_flag=True, help="Create the views, in place of those of an earlier version.")
def db_views(url: str | None, schema: str | None, create: bool) -> None:
    """Print the SQL of views for SSMS and Power BI: orders by state and reason, runs, and what changed when."""
    from order_sync.cli.output.console import console

    settings = _settings_for(url, schema)
    if not create:
        with connected(Database, settings) as (reader, tables):
            statements = script(tables, reader.dialect)
        separator = "\nGO\n" if reader.dialect == "mssql" else "\n"
        click.echo(separator.join([*statements, ""]).rstrip("\n"))
        return
    settings.check_may_write()
    with connected(WritableDatabase, settings) as (database, tables):
        database.check_reachable()
        made = create_views(database, tables)
    console.print(f"Created {', '.join(made)}.")


@db.command("grant")
@click.argument("user")
@click.option("--schema", metavar="NAME", help="Schema of the tables; default: dbo.")
@click.option("--views", is_flag=True, help="Only the right to read the views of `order-sync db views`.")
def db_grant(user: str, schema: str | None, views: bool) -> None:
    """Print the T-SQL that grants USER the minimum rights order_sync needs, without DDL."""
    tables = tables_of(_settings_for("mssql+pyodbc://", schema))
    click.echo("\n".join(grants(tables, user) if views else permissions(tables, user=user)))


def _settings_for(url: str | None, schema: str | None) -> Settings:
    given = {"database_url": url, "database_schema": schema}
    return load_settings(checked=False, **{name: value for name, value in given.items() if value})
