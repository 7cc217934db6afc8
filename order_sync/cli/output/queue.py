"""In: queue counts, rejected rows and held orders.
Out: a table by customer, and lines with reasons and next steps.
Never: more than the first rows of each kind; --json has them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.markup import escape

from order_sync.cli.output.console import TextTable, console
from order_sync.database.held import HeldOrder, unexpected
from order_sync.database.holdups import holdups
from order_sync.orders.naming import NO_CUSTOMER
from order_sync.text.counted import counted
from order_sync.text.durations import age

THEN_RETRY = (
    "Correct the rejected rows in the queue tables (`order-sync report` says where and how), then run: order-sync retry"
)
THEN_SYNC = "Next: order-sync sync, or wait for the sensor."  # once rows are queued again
REJECTED_SHOWN = 20
CUSTOMERS_SHOWN = 20
STATES = ("NEW", "PENDING", "SYNCED", "ERROR")


def print_status(
    counts: Sequence[Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]], now: datetime, *, whole: bool = False
) -> None:
    """The customers with the most rows, or the `whole` list; the totals are those of all customers."""
    if not counts:
        console.print("No row is waiting or rejected, and none became SYNCED in the last 24 hours.")
        return
    by_customer: dict[str, list[Mapping[str, Any]]] = {}
    for count in counts:
        by_customer.setdefault(count["customer"] or NO_CUSTOMER, []).append(count)
    largest = sorted(by_customer, key=lambda name: (-sum(count["rows"] for count in by_customer[name]), name))
    shown = sorted(largest if whole else largest[:CUSTOMERS_SHOWN])
    table = TextTable(title="Queue rows by customer", title_justify="left")
    table.add_column("customer")
    table.add_column("row")
    for state in STATES:
        # The queue keeps older ones for years.
        table.add_column("SYNCED (24 h)" if state == "SYNCED" else state, justify="right")
    table.add_column("oldest waiting")
    for customer in shown:
        _add_rows(table, customer, by_customer[customer], now)
    table.add_section()
    _add_rows(table, "all", counts, now)
    console.print(table)
    if more := len(by_customer) - len(shown):
        console.print(f"... and {counted(more, 'more customer')}: order-sync status --all shows them.")
    print_rejected(rejected)
    if rejected:
        console.print(THEN_RETRY)


def _add_rows(table: TextTable, name: str, counts: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """A row of the table for headers and one for lines, where there are any."""
    for row in ("header", "line"):
        of_row = [count for count in counts if count["row"] == row]
        if not of_row:
            continue
        numbers = [sum(count["rows"] for count in of_row if count["state"] == state) for state in STATES]
        waits = [count["oldest"] for count in of_row if count["state"] in ("NEW", "PENDING") and count["oldest"]]
        cells = (f"{number:,}" if number else "" for number in numbers)
        table.add_row(escape(name), row, *cells, age(now - min(waits)) if waits else "")


def print_nothing_to_retry(customers: Sequence[str], *, without_order: int, held: int) -> None:
    """Why no row was requeued: only rows in ERROR are, and of them those that name an order."""
    of = f" of {', '.join(name.strip() for name in customers)}" if customers else ""
    text = f"Nothing to retry: no row{of} is in ERROR."
    if without_order:
        rows = counted(without_order, "row in ERROR has", "rows in ERROR have")
        text = f"Nothing to retry: {rows} no record_uuid, so a run could only reject them again."
        text += " Set it, or delete the row, then run: order-sync retry."
    console.print(text, markup=False)
    if held:
        console.print(
            f"{counted(held, 'order is', 'orders are')} held for other reasons: order-sync status lists them."
        )
    console.print("Rows that are NEW or PENDING need no retry: order-sync sync takes them up.")


def print_held(held: Sequence[HeldOrder]) -> None:
    """Prints the first held orders with their reasons, and the next step of each kind.

    Orders held by a rejected row or by a run are only counted.
    """
    rest = unexpected(held)
    if rest:
        console.print(f"[bold]{counted(len(rest), 'order')} held[/]")
    for order in rest[:REJECTED_SHOWN]:
        of = ", ".join(str(text) for text in (order.customer, order.record_uuid) if text)
        console.print(f"  order {order.order_number or '(no number)'} ({of})", style="bold", markup=False)
        console.print(f"    {order.reason}", markup=False)
    if len(rest) > REJECTED_SHOWN:
        console.print(f"  ... and {len(rest) - REJECTED_SHOWN:,} more: order-sync status --json lists them all.")
    for line in holdups(held):
        console.print(line, markup=False, highlight=False)


def print_rejected(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    console.print(f"[bold]{counted(len(rows), 'row')} rejected[/]")
    for row in rows[:REJECTED_SHOWN]:
        of = ", ".join(str(row[key]) for key in ("customer", "record_uuid") if row[key])
        console.print(
            f"  {row['row']} of order {row['order_number'] or '(no number)'} ({of})", style="bold", markup=False
        )
        console.print(f"    {row['reason']}", markup=False)
    if len(rows) > REJECTED_SHOWN:
        console.print(f"  ... and {len(rows) - REJECTED_SHOWN:,} more: order-sync status --json lists them all.")
