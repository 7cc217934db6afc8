"""In: an order, a run or a number of days.
Out: the history of orders and the next steps, on the terminal, as a page or as JSON.
Never: a change to the tables."""

from __future__ import annotations

from pathlib import Path

import click

from order_sync.cli.access import opened
from order_sync.cli.options import as_json, print_json
from order_sync.database.connection import Database
from order_sync.database.held import held_orders, unexpected
from order_sync.database.queue import QueueReader
from order_sync.orders.errors import OrderSyncError
from order_sync.orders.faults import RunFault
from order_sync.settings import load_settings


@click.command("trace")
@click.argument("order", metavar="RECORD_UUID|ORDER_NUMBER")
@as_json
def trace_order(order: str, as_json: bool) -> None:
    """Show the full history of one order: its rows, every event, and the next step."""
    from order_sync.cli.output.reports import print_trace
    from order_sync.reports.links import read_links
    from order_sync.reports.trace import trace

    settings = load_settings(checked=False)
    with opened(Database, settings) as (database, tables):
        stories = trace(database, tables, read_links(database, tables, settings.dagster_url), order)
    if not stories:
        raise OrderSyncError(
            f"No order has the record_uuid, delta_uuid or order number '{order}'. Check the spelling.",
            RunFault.UNKNOWN_ORDER,
        )
    print_json(stories) if as_json else print_trace(stories)


@click.command("report")
@click.option("--run", "run_id", metavar="RUN_ID", help="Show only this run; the beginning of its id is enough.")
@click.option(
    "--since",
    "days",
    type=click.IntRange(min=0, max=36_500),
    default=7,
    show_default=True,
    metavar="DAYS",
    help="Show the last DAYS.",
)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the report as an HTML page."
)
@as_json
def report_orders(run_id: str | None, days: int, html: Path | None, as_json: bool) -> None:
    """Report orders by customer, errors by kind with their remedies, and runs."""
    from order_sync.cli.output.console import console
    from order_sync.cli.output.reports import print_report
    from order_sync.reports.links import read_links
    from order_sync.reports.report import make_report, run_of
    from order_sync.reports.report_page import render

    settings = load_settings(checked=False)
    with opened(Database, settings) as (database, tables):
        links = read_links(database, tables, settings.dagster_url)
        run_id = run_of(database, tables, run_id) if run_id else None
        report = make_report(database, tables, links, days=days, run_id=run_id)
        reader = QueueReader(database, tables, lease_seconds=settings.lease_seconds)
        held = [] if run_id or as_json else unexpected(held_orders(reader))
    if run_id and not report.runs and not report.customers:
        raise OrderSyncError(
            f"No row or log entry belongs to run '{run_id}'. `order-sync report` lists the runs.", RunFault.UNKNOWN_RUN
        )
    if html:
        html.write_text(render(report), encoding="utf-8")
    print_json(report.to_json()) if as_json else print_report(report, held)
    if html and not as_json:
        console.print(f"Written: {html}", markup=False)
