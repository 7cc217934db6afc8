"""In: the `Plan` of a dry run.
Out: a table by customer, the rows that would be rejected, and the cost.
Never: every rejected row; --json and --out have them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from order_sync.cli.output.console import TextTable, console
from order_sync.cli.output.queue import REJECTED_SHOWN, print_held
from order_sync.cli.output.sync import none_waits
from order_sync.text.counted import counted

if TYPE_CHECKING:
    from order_sync.sync.plan import Plan

LABELS_SHOWN = 8
CREATED = ("groups", "items", "subitems")
PLANNED = ("orders synced", "orders held back", *CREATED, "adopted", "changed", "cancelled", "rejected")
SELDOM = ("adopted", "changed", "cancelled")  # a column only where there is something to show
ALTERED = {"change": "changed", "move": "moved", "cancel": "cancelled", "keep edits:": "edits kept"}


def print_dry_run(plan: Plan, customers: Sequence[str] = ()) -> None:
    total, cost = plan.total, plan.forecast
    if not plan.rows:
        what = "no run can claim the waiting orders" if plan.held else none_waits(customers)
        console.print(f"[green]Nothing to do:[/] {what}. (Dry run: nothing was written.)")
        print_held(plan.held)
        return
    table = TextTable(title="Dry run: nothing was written", title_justify="left", show_footer=True)
    table.add_column("customer", footer="all")
    shown = [kind for kind in PLANNED if kind not in SELDOM or total[kind]]
    for kind in shown:
        table.add_column(kind, justify="right", footer=f"{total[kind]:,}")
    for line in plan.customers:
        table.add_row(escape(line["customer"]), *(f"{line[kind]:,}" for kind in shown))
    console.print(table)
    rejected = plan.rejected
    if rejected:
        console.print(f"[bold]{counted(len(rejected), 'row')} would be rejected[/]")
        for row in rejected[:REJECTED_SHOWN]:
            of = ", ".join(str(text) for text in (row.customer, row.record_uuid) if text)
            console.print(
                f"  {row.kind} of order {row.order_number or '(no number)'} ({of})", style="bold", markup=False
            )
            console.print(f"    {row.reason}", markup=False)
        if len(rejected) > REJECTED_SHOWN:
            console.print(
                f"  ... and {len(rejected) - REJECTED_SHOWN:,} more: use --json or --out FILE to see them all."
            )
    adopted = f", adopt {total['adopted']:,} from the board" if total["adopted"] else ""
    altered = "".join(f", {what} {total[of]:,}" for what, of in ALTERED.items() if total[of])
    imported = sum(job.items for job in plan.jobs)
    by_import = f" ({counted(imported, 'item')} by bulk import)" if imported else ""
    console.print(
        f"A live run would create {counted(total['groups'], 'group')}, {counted(total['items'], 'item')} and "
        f"{counted(total['subitems'], 'subitem')}{by_import}{adopted}{altered}. "
        f"{counted(total['orders synced'], 'order')} would be SYNCED, {total['orders held back']:,} held back."
    )
    print_held(plan.held)
    for new in plan.labels:
        labels = ", ".join(new.labels[:LABELS_SHOWN]) + (", ..." if len(new.labels) > LABELS_SHOWN else "")
        console.print(
            f"New labels in column '{new.column}': {labels} ({new.used_then} of about {new.limit} used afterwards).",
            markup=False,
        )
    shares = ", ".join(f"{share.share:.1%} of {share.plan}" for share in cost.shares)
    budget = "as monday reports" if cost.budget_known else "the usual limit"
    console.print(
        f"It would take {counted(cost.calls, 'call')} ({shares} per day) and about {_about(cost.seconds)}; "
        f"complexity {cost.complexity:,} at {cost.cost:,} per create, of {cost.minute_points:,} per minute ({budget}).",
        markup=False,
    )
    for note in plan.notes:
        console.print(escape(note))


def _about(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:,.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
