"""In: the orders to sync, or to plan for.
Out: a run of the job and its summary, or the plan of a dry run; exit code 1 if an order needs attention.
Never: a write in a dry run, except to the file that --out names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from order_sync.cli.access import opened
from order_sync.cli.options import as_json, of_customer, print_json
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.known_customers import check_customers
from order_sync.database.queue import QueueReader
from order_sync.orders.naming import Customers
from order_sync.settings import Settings, load_settings
from order_sync.text.counted import counted

if TYPE_CHECKING:
    from order_sync.cli.launch import Summary
    from order_sync.sync.plan import Plan

SOMETHING_TO_DO = 3  # an exit code of its own: 1 asks for attention, 2 is a failure


_limit = click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="At most N orders (record_uuids), oldest first."
)
_cancel = click.option(
    "--cancel",
    type=click.IntRange(min=1),
    metavar="N",
    help="Let N orders be cancelled on a board, where that is more than a run may cancel at a time.",
)
_out = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write the full plan to FILE: .html or .md to read, .json for `order-sync apply`.",
)


@click.command()
@of_customer
@_limit
@_cancel
@click.option(
    "--resync",
    is_flag=True,
    help="First requeue SYNCED orders, to write all of their values again: those named by number or record_uuid, or "
    "those of the customers.",
)
@click.argument("orders", nargs=-1, metavar="[ORDER]...")
@click.option("--dry-run", is_flag=True, help="Show what would happen; write nothing. The same as `order-sync plan`.")
@_out
@as_json
def sync(dry_run: bool, out: Path | None, as_json: bool, resync: bool, orders: tuple[str, ...], **scope: Any) -> None:
    """Sync pending orders to monday and mark them SYNCED."""
    settings = load_settings(**({"dry_run": True} if dry_run else {}))
    if resync or orders:
        _requeue(settings, orders, scope["customers"], asked=resync)
    if settings.dry_run:
        _plan(settings, out, "json" if as_json else "", **scope)
        return
    if out:
        raise click.UsageError("--out is for a dry run: add --dry-run.")
    summary, customers = run_live(settings, as_json, **scope), scope["customers"]
    if customers and not summary.headers_claimed and not as_json:
        _name_who_waits(settings, customers)
    sys.exit(0 if summary.complete else 1)


@click.command()
@of_customer
@_limit
@_cancel
@_out
@click.option("--markdown", is_flag=True, help="Print Markdown, for a ticket or a pull request.")
@click.option(
    "--exit-code",
    is_flag=True,
    help="Report by the exit code. 0: nothing to do; 3: a run would do something; 1: nothing that a run can do, but "
    "orders wait that need attention.",
)
@as_json
def plan(out: Path | None, markdown: bool, exit_code: bool, as_json: bool, **scope: Any) -> None:
    """Show what `order-sync sync` would do, without writing anything."""
    made = _plan(load_settings(dry_run=True), out, "json" if as_json else "markdown" if markdown else "", **scope)
    if exit_code:
        needy = any(order.needs_a_person for order in made.held)
        sys.exit(SOMETHING_TO_DO if made.rows else 1 if needy else 0)


def run_live(settings: Settings, as_json: bool, **scope: Any) -> Summary:
    """Runs the job, and prints its summary."""
    from order_sync.cli import launch
    from order_sync.cli.output.progress import progress
    from order_sync.cli.output.sync import print_summary

    with progress(quiet=as_json):
        summary = launch.sync(settings, **scope)
    print_json(summary.to_json()) if as_json else print_summary(summary, scope.get("customers", ()))
    return summary


def _requeue(settings: Settings, orders: tuple[str, ...], customers: tuple[str, ...], *, asked: bool) -> None:
    """Requeues SYNCED orders, so that the run writes all of their values again."""
    from order_sync.database.resync import resync, synced_orders

    if not asked:
        raise click.UsageError("An ORDER is for --resync: without it, a run takes up all orders that wait.")
    if not (orders or customers):
        raise click.UsageError("--resync needs an ORDER or a --customer.")
    settings.check_may_write()
    with opened(WritableDatabase, settings) as (database, tables):
        check_customers(database, tables, customers)
        done = resync(database, tables, synced_orders(database, tables, customers=customers, orders=orders))
    click.echo(f"{counted(len(done.records), 'order')} requeued to be written again.", err=True)
    for record_uuid, reason in done.held.items():
        click.echo(f"  order {record_uuid} is left as it is: {reason}", err=True)


def _plan(settings: Settings, out: Path | None, form: str, **scope: Any) -> Plan:
    """Makes the plan, and prints it: as `form` "json" or "markdown", else as a table."""
    from order_sync.cli import launch
    from order_sync.cli.output.plan import print_dry_run
    from order_sync.reports import plan_page
    from order_sync.reports.plan_markdown import as_markdown

    if out and out.suffix not in plan_page.WRITERS:
        *others, last = plan_page.WRITERS
        raise click.UsageError(f"--out takes a file that ends in {', '.join(others)} or {last}.")
    made, customers = launch.plan(settings, **scope), scope["customers"]
    if form:
        print_json(made.summary()) if form == "json" else click.echo(as_markdown(made))
    else:
        print_dry_run(made, customers)
    if out:
        plan_page.WRITERS[out.suffix](made, out)
        _name_next_step(out)
    if customers and not made.rows and not form:
        _name_who_waits(settings, customers)
    return made


def _name_next_step(out: Path) -> None:
    then = f" Next: order-sync apply {out}" if out.suffix == ".json" else ""
    click.echo(f"The plan is in {out}.{then}", err=True)


def _name_who_waits(settings: Settings, customers: tuple[str, ...]) -> None:
    """Prints the customers with waiting orders: one without any may be misspelt."""
    from order_sync.cli.output.console import console

    with opened(Database, settings) as (database, tables):
        rows = QueueReader(database, tables, lease_seconds=settings.lease_seconds).claimable_headers()
    waiting = Customers(row["customer"] for row in rows).names
    console.print(
        f"Requested: {', '.join(customers)}. Customers with waiting orders: {', '.join(waiting) or 'none'}.",
        markup=False,
    )
