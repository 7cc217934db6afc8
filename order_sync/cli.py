"""`order-sync ...`: what operations people type.

Exit code 0: every claimed row is SYNCED. 1: some rows were rejected or held back. 2: nothing could be done.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import click
from dotenv import load_dotenv

from order_sync import __version__
from order_sync.demo.commands import demo, emulator
from order_sync.errors import OrderSyncError
from order_sync.orders.check import check_tables
from order_sync.orders.database import Database, WritableDatabase
from order_sync.orders.mapping import load_mapping
from order_sync.orders.queue import OrderQueue, QueueReader
from order_sync.orders.tables import Tables, make_tables
from order_sync.settings import Settings, load_settings

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
of_customer = click.option(
    "--customer",
    "customers",
    multiple=True,
    metavar="NAME",
    help="Only this customer, as in [CUSTOMER NAME]; repeatable.",
)


class _Commands(click.Group):
    """Turns our own errors into one line and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        from order_sync.console import print_error

        try:
            return super().invoke(ctx)
        except OrderSyncError as error:
            print_error(error)
            sys.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="order-sync")
def main() -> None:
    """Carries pending orders from SQL Server to monday.com boards, once and only once."""
    load_dotenv(Path.cwd() / ".env")
    # Dagster announces its beta features and click its renamed ones: not news to who runs a sync.
    warnings.filterwarnings("ignore", module=r"dagster\..*")


@main.command()
@of_customer
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N orders (record_uuids), oldest first.")
@click.option("--dry-run", is_flag=True, help="Show what would happen; write nothing.")
@as_json
def sync(customers: tuple[str, ...], limit: int | None, dry_run: bool, as_json: bool) -> None:
    """Carry pending orders to monday and mark them SYNCED."""
    from order_sync import console, launch

    settings = load_settings()
    if dry_run or settings.dry_run:
        report = launch.dry_run(settings, customers=customers, limit=limit)
        _print_json(report) if as_json else console.print_dry_run(report)
        return
    with console.progress(quiet=as_json):
        summary = launch.sync(settings, customers=customers, limit=limit)
    _print_json(summary.to_json()) if as_json else console.print_summary(summary)
    sys.exit(0 if summary.complete else 1)


@main.command()
@as_json
def status(as_json: bool) -> None:
    """Count rows by customer and state, with the oldest that waits."""
    from order_sync import console

    settings = load_settings()
    with _opened(Database(settings.database), settings) as (database, tables):
        reader = QueueReader(database, tables, lease_seconds=settings.lease_seconds)
        with database.read() as connection:
            now = database.now(connection)
        counts, rejected, untouched = reader.counts(), reader.errors(), reader.untouched()
        leases = [{"run_id": lease.run_id, "rows": lease.rows} for lease in reader.leases()]
    if as_json:
        _print_json({"counts": counts, "rejected": rejected, "untouched": untouched, "leases": leases})
        return
    console.print_status(counts, rejected, now)
    for row in untouched:
        console.console.print(
            f"{row['rows']} {row['action']} rows in {row['table']} are left alone, record_uuid {row['sample']} first."
        )
    for lease in leases:
        console.console.print(f"Run {lease['run_id']} holds {lease['rows']} rows.")


@main.command()
@of_customer
@as_json
def retry(customers: tuple[str, ...], as_json: bool) -> None:
    """Put rejected rows back into the queue: ERROR -> NEW (headers) or PENDING (lines)."""
    from order_sync.console import console

    settings = load_settings()
    with _opened(WritableDatabase(settings.database), settings) as (database, tables):
        queue = OrderQueue(cast(WritableDatabase, database), tables, lease_seconds=settings.lease_seconds)
        rows = queue.retry(customers)
    _print_json({"rows": rows}) if as_json else console.print(f"{rows} rows wait again. Next: order-sync sync")


main.add_command(demo)
main.add_command(emulator)


@contextmanager
def _opened(database: Database, settings: Settings) -> Iterator[tuple[Database, Tables]]:
    """The database with its tables, checked."""
    mapping = load_mapping(settings.mapping)
    tables = make_tables(settings.table_names, schema=settings.schema_name, mapped_columns=mapping.item_sources)
    try:
        check_tables(database, tables)
        yield database, tables
    finally:
        database.dispose()


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, default=str, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
