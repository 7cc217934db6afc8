"""In: which orders to carry, or to plan for.
Out: a run of the job and its summary, or the plan of a dry run; exit code 1 if an order is left for a person.
Never: a write in a dry run, but for the file that --out names."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from order_sync.cli.access import opened
from order_sync.cli.options import as_json, of_customer, print_json
from order_sync.database.connection import Database
from order_sync.database.queue import QueueReader
from order_sync.orders.naming import Customers
from order_sync.settings import Settings, load_settings


@click.command()
@of_customer
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N orders (record_uuids), oldest first.")
@click.option("--dry-run", is_flag=True, help="Show what would happen; write nothing.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Put the dry run's whole plan into this file, too: .html to read, .json with every row.",
)
@as_json
def sync(customers: tuple[str, ...], limit: int | None, dry_run: bool, out: Path | None, as_json: bool) -> None:
    """Carry pending orders to monday and mark them SYNCED."""
    from order_sync.cli import launch
    from order_sync.cli.output.plan import print_dry_run
    from order_sync.cli.output.progress import progress
    from order_sync.cli.output.sync import print_summary
    from order_sync.reports import plan_page

    settings = load_settings(**({"dry_run": True} if dry_run else {}))
    if out and not settings.dry_run:
        raise click.UsageError("--out is for a dry run: add --dry-run.")
    if out and out.suffix not in plan_page.WRITERS:
        raise click.UsageError(f"--out takes a file that ends in {' or '.join(plan_page.WRITERS)}.")
    if settings.dry_run:
        plan = launch.plan(settings, customers=customers, limit=limit)
        print_json(plan.summary()) if as_json else print_dry_run(plan, customers)
        if out:
            plan_page.WRITERS[out.suffix](plan, out)
        if customers and not plan.rows and not as_json:
            _name_who_waits(settings, customers)
        return
    with progress(quiet=as_json):
        summary = launch.sync(settings, customers=customers, limit=limit)
    print_json(summary.to_json()) if as_json else print_summary(summary, customers)
    if customers and not summary.headers_claimed and not as_json:
        _name_who_waits(settings, customers)
    sys.exit(0 if summary.complete else 1)


def _name_who_waits(settings: Settings, customers: tuple[str, ...]) -> None:
    """A customer for whom nothing waits may be a misspelt one."""
    from order_sync.cli.output.console import console

    with opened(Database, settings) as (database, tables):
        rows = QueueReader(database, tables, lease_seconds=settings.lease_seconds).claimable_headers()
    waiting = Customers(row["customer"] for row in rows).names
    console.print(f"Asked for: {', '.join(customers)}. Waiting: {', '.join(waiting) or 'nobody'}.", markup=False)
