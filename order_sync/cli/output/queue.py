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
REJECTED_SHOWN = 20


def print_status(counts: Sequence[Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]], now: datetime) -> None:
    if not counts:
        console.print("No row is waiting or rejected, and none became SYNCED in the last 24 hours.")
        return
    table = TextTable(title="Queue rows by customer", title_justify="left")
    table.add_column("customer")
    table.add_column("row")
    for state in ("NEW", "PENDING", "SYNCED", "ERROR"):
        # The queue keeps older ones for years.
        table.add_column("SYNCED (24 h)" if state == "SYNCED" else state, justify="right")
    table.add_column("oldest waiting")
    by_row: dict[tuple[str, str], dict[str, Any]] = {}
    for count in counts:
        by_row.setdefault((count["customer"] or NO_CUSTOMER, count["row"]), {})[count["state"]] = count
    for (customer, row), states in sorted(by_row.items()):
        waiting = [
            states[state]["oldest"] for state in ("NEW", "PENDING") if state in states and states[state]["oldest"]
        ]
        oldest = age(now - min(waiting)) if waiting else ""
        numbers = (
            f"{states[state]['rows']:,}" if state in states else "" for state in ("NEW", "PENDING", "SYNCED", "ERROR")
        )
        table.add_row(escape(customer), row, *numbers, oldest)
    console.print(table)
    print_rejected(rejected)
    if rejected:
        console.print(THEN_RETRY)


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
