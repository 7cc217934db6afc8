"""In: a board compared with the mapping, or boards compared with the tables.
Out: a table of the columns, the problems to fix, and the orders that differ.
Never: more than the first rows of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from order_sync.cli.output.console import TextTable, console
from order_sync.cli.output.queue import REJECTED_SHOWN, THEN_SYNC
from order_sync.sync.compare import Kind
from order_sync.sync.reconcile import SHOWN, Report
from order_sync.text.counted import counted

if TYPE_CHECKING:
    from order_sync.database.requeue import Requeued
    from order_sync.monday.setup import BoardReport


def print_board(report: BoardReport) -> None:
    console.print(f"{report.name} (board {report.id})", style="bold", markup=False, highlight=False)
    table = TextTable()
    table.add_column("column", no_wrap=True)
    for heading in ("source", "type", ""):
        table.add_column(heading)
    for before, column in zip([None, *report.columns], report.columns, strict=False):
        if before and before.board != column.board:  # subitems have a board of their own
            table.add_section()
        labels = f", {counted(column.labels, 'label')}" if column.labels is not None else ""
        found = "ok" if not column.problem else f"is {column.found}" if column.found else "missing"
        table.add_row(
            column.column,
            escape(column.source),
            f"{column.wanted}{labels}",
            f"[red]{'wrong' if found == f'is {column.wanted}' else found}[/]" if column.problem else "[green]ok[/]",
        )
    console.print(table)
    room = f" of {report.items_limit:,}" if report.items_limit is not None else ""
    console.print(f"{report.items:,}{room} items in {counted(report.groups, 'group')}. {report.url}", highlight=False)
    for problem in report.problems:
        console.print(f"[red]must[/]  {escape(problem)}")
    for note in report.notes:
        console.print(f"[yellow]note[/]  {escape(note)}")
    if any(column.problem and column.found is None for column in report.columns):
        console.print("To add the columns that the board lacks, run: order-sync board add-columns")
    if not report.problems:
        console.print("[green]The board fits the mapping.[/]")


def print_reconcile(report: Report) -> None:
    for kind, rows in report.rows.items():
        style = "bold red" if Kind(kind).is_wrong else "bold"
        console.print(f"[{style}]{Kind(kind).counted(report.counts[kind])}[/]")
        for row in rows[:REJECTED_SHOWN]:
            console.print(f"  {row['what']} {report.link(row)}".rstrip(), markup=False, highlight=False)
        if report.counts[kind] > REJECTED_SHOWN:
            console.print(f"  ... and {report.counts[kind] - REJECTED_SHOWN:,} more: --json has the first {SHOWN}.")
    color = "green" if report.agrees else "bold red"
    console.print(f"[{color}]{escape(report.verdict)}[/]")
    checked = f"{counted(report.headers, 'SYNCED header')} and {counted(report.lines, 'line')}"
    what = f"what has changed since {report.since} (UTC)" if report.since else checked
    console.print(
        f"Checked {what} on "
        f"{counted(len(report.boards), 'board')} in {counted(report.calls, 'call')} and {report.seconds:,.1f} s. "
        "Nothing was written to a board."
    )


def print_agreement(report: Report) -> None:
    """The same on one line, for the demo."""
    of = {kind: report.counts.get(kind, 0) for kind in Kind if kind.is_wrong}
    lost = report.not_asked + of.pop(Kind.ITEM_MISSING) + of.pop(Kind.SUBITEM_MISSING)
    doubled = of.pop(Kind.ITEM_DOUBLED) + of.pop(Kind.SUBITEM_DOUBLED)
    verdict = "[green]Tables and board agree:[/]" if report.agrees else "[bold red]Tables and board differ:[/]"
    first = [row["what"] for kind in Kind if kind.is_wrong for row in report.rows.get(kind, [])[:3]]
    console.print(
        f"{verdict} {counted(report.items, 'item')} and {counted(report.subitems, 'subitem')}, {lost} lost, "
        f"{doubled} duplicated, {sum(of.values())} under another id or parent."
    )
    for what in first:
        console.print(f"  {what}", markup=False, highlight=False)


def print_requeued(done: Requeued, orders: int, what: str, option: str) -> None:
    """`what` is to become of these orders; `option` asks for it, and is empty if it was given."""
    if option:
        console.print(f"{counted(orders, 'order')} can be {what}: order-sync reconcile {option}, then order-sync sync")
        return
    console.print(f"Requeued {len(done.records):,} of {counted(orders, 'order')} to be {what}. {THEN_SYNC}")
    for record_uuid, reason in list(done.held.items())[:REJECTED_SHOWN]:
        console.print(f"  not requeued: {record_uuid}: {reason}", markup=False)
    if (left := orders - len(done.records) - len(done.held)) > 0:
        console.print(
            f"Left for the next time (--limit): {counted(left, 'order')}. Check them, then run the command again."
        )
