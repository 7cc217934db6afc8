"""In: the queue tables.
Out: row counts by state, the reasons why orders are held, and rejected rows put back into the queue.
Never: a change to a row in any state but ERROR."""

from __future__ import annotations

from dataclasses import asdict

import click

from order_sync.cli.access import opened
from order_sync.cli.options import as_json, of_customer, print_json
from order_sync.database.claims import OrderQueue
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.held import held_orders, of_customers, unexpected
from order_sync.database.known_customers import check_customers
from order_sync.database.queue import QueueReader
from order_sync.orders.codes import Cause
from order_sync.settings import load_settings
from order_sync.text.counted import counted


@click.command()
@click.option("--all", "whole", is_flag=True, help="Show every customer, and not only those with the most rows.")
@as_json
def status(whole: bool, as_json: bool) -> None:
    """Count rows by customer and state, with the age of the oldest waiting row.

    SYNCED rows are those of the last 24 hours.
    """
    from order_sync.cli.output.console import console
    from order_sync.cli.output.queue import print_held, print_status

    settings = load_settings(checked=False)
    with opened(Database, settings) as (database, tables):
        reader = QueueReader(database, tables, lease_seconds=settings.lease_seconds)
        now = database.current_time()
        counts, rejected = reader.counts(), reader.errors()
        leases = [{"run_id": lease.run_id, "rows": lease.rows} for lease in reader.leases()]
        held = unexpected(held_orders(reader))
    if as_json:
        found = {"counts": counts, "rejected": rejected, "leases": leases}
        print_json(found | {"held": [asdict(order) for order in held]})
        return
    print_status(counts, rejected, now, whole=whole)
    print_held(held)
    for lease in leases:
        rows = counted(int(str(lease["rows"])), "row")
        console.print(f"Run {lease['run_id']} holds {rows}. Next: {Cause.HELD_BY_RUN.step}.")


@click.command()
@of_customer
@as_json
def retry(customers: tuple[str, ...], as_json: bool) -> None:
    """Put rejected rows back into the queue: ERROR -> NEW (headers) or PENDING (lines)."""
    from order_sync.cli.output.console import console
    from order_sync.cli.output.queue import THEN_SYNC, print_nothing_to_retry

    settings = load_settings(checked=False)
    settings.check_may_write()
    with opened(WritableDatabase, settings) as (database, tables):
        queue = OrderQueue(database, tables, lease_seconds=settings.lease_seconds)
        check_customers(database, tables, customers)
        rows = queue.retry(customers)
        if as_json:
            print_json({"rows": rows})
        elif rows:
            console.print(f"Requeued {counted(rows, 'row')}. {THEN_SYNC}")
        else:
            nameless = [] if customers else queue.errors()
            held = of_customers(unexpected(held_orders(queue)), customers)
            print_nothing_to_retry(customers, without_order=len(nameless), held=len(held))
