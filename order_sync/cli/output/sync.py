"""In: the `Summary` of a run.
Out: a table by customer, the created records, and unfinished orders with their next step.
Never: advice to retry when no row is rejected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from order_sync.cli.output.console import TextTable, console
from order_sync.cli.output.queue import THEN_RETRY, print_held, print_rejected
from order_sync.database.counts import OUTCOMES
from order_sync.database.holdups import first
from order_sync.text.counted import counted

if TYPE_CHECKING:
    from order_sync.cli.launch import Summary


def print_summary(summary: Summary, customers: Sequence[str] = ()) -> None:
    if summary.is_idle and not summary.rejected:
        _print_idle(summary, customers)
        return
    if summary.customers:
        table = TextTable(title=f"Run {summary.run_id}", title_justify="left")
        table.add_column("customer")
        for heading in OUTCOMES:
            table.add_column(heading, justify="right")
        for line in summary.customers:
            table.add_row(escape(line["customer"]), *(f"{line[outcome]:,}" for outcome in OUTCOMES))
        console.print(table)
    console.print(
        f"Claimed {counted(summary.orders_synced + summary.orders_held_back, 'order')} in "
        f"{counted(summary.headers_claimed, 'header row')} and {counted(summary.lines_claimed, 'line row')}."
    )
    print_rejected(summary.rejected)
    console.print(
        f"{counted(summary.orders_synced, 'order')} SYNCED, {summary.orders_held_back:,} held back. Created "
        f"{counted(summary.groups_created, 'group')}, {counted(summary.items_created, 'item')}, "
        f"{counted(summary.subitems_created, 'subitem')}{_altered(summary)} in {counted(summary.calls, 'call')} "
        f"({summary.records_per_call:g} {'record' if summary.records_per_call == 1 else 'records'} per call) "
        f"and {summary.seconds:,.1f} s."
    )
    if summary.recovered:
        had = counted(summary.recovered, "row was", "rows were")
        console.print(
            f"{had} sent by an earlier run that ended before it had the answer, and found on the board. "
            "`order-sync report` counts them under this run, with those that it created or altered itself."
        )
    for job in summary.archive_jobs:
        console.print(f"Archived by monday's job {job}: `order-sync undo {job}` brings its items back.", markup=False)
    waiting = sum(line["waiting"] for line in summary.customers)
    if waiting and summary.rejected and not summary.left:
        its = "its" if waiting == 1 else "their"
        console.print(
            f"{counted(waiting, 'row waits', 'rows wait')} because another row of {its} order is rejected; what "
            "these orders already have on the board stays there."
        )
    _print_left(summary)
    print_held(summary.held)
    if summary.rejected:
        console.print(THEN_RETRY)


def _altered(summary: Summary) -> str:
    """What was done to items and subitems that were there; nothing if nothing was."""
    done = {"changed": summary.changed, "moved": summary.moved, "cancelled": summary.cancelled}
    done |= {"edits kept": summary.kept, "keys restored": summary.keys_restored}
    return "".join(f", {what} {count:,}" for what, count in done.items() if count)


def _print_left(summary: Summary) -> None:
    """Prints claimed orders that the run did not finish although none of their rows is rejected."""
    for board, problem in summary.refused.items():
        console.print(f"Board {board} accepts nothing: {problem}", markup=False)
    if summary.left:
        names = first(str(row["order_number"] or row["record_uuid"]) for row in summary.left)
        console.print(
            f"{counted(len(summary.left), 'order')} not finished although no row is rejected ({names}): "
            f"{summary.left[0]['reason']}. Next: order-sync sync, which continues with them.",
            markup=False,
        )


def _print_idle(summary: Summary, customers: Sequence[str]) -> None:
    """Prints why a run claimed nothing."""
    if summary.complete:
        console.print(f"[green]Nothing to do:[/] {none_waits(customers)}.")
        return
    console.print("[yellow]Nothing was claimed,[/] although orders are waiting.")
    print_held(summary.held)
    if summary.waiting:
        console.print(
            f"{counted(summary.waiting, 'order')} can be claimed now: queued or released during this run, or claimed "
            "by another run first. Run order-sync sync again."
        )


def none_waits(customers: Sequence[str]) -> str:
    if customers:
        return f"no order of {escape(', '.join(name.strip() for name in customers))} is waiting"
    return "no order is waiting in the queue tables"
