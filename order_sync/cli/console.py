"""What the command line prints: tables, a progress bar, one line for an error.

In: summaries and reports. Out: rich text on a terminal, plain text elsewhere.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from order_sync.database.counts import OUTCOMES
from order_sync.database.held import HeldOrder, unexpected
from order_sync.database.holdups import first, holdups
from order_sync.database.reconcile import SHOWN, Kind
from order_sync.orders.naming import NO_CUSTOMER
from order_sync.text import plain_text
from order_sync.text.counted import counted
from order_sync.text.durations import age, span
from order_sync.text.known_secrets import environment_as_it_is

# Only the types: what a command does not run, it does not import.
if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from order_sync.cli.launch import Summary
    from order_sync.database.check import Finding
    from order_sync.database.requeue import Requeued
    from order_sync.monday.setup import BoardReport
    from order_sync.reports.report import Report
    from order_sync.sync.plan import Plan
    from order_sync.sync.reconcile import Report as Reconciled

WIDTH = None if sys.stdout.isatty() else 120  # a pipe or a log file has no width of its own


class _Console(Console):
    """Prints text as text (plain_text.py). What a closed pipe means is left to the command."""

    def print(self, *objects: Any, lines: bool = False, **more: Any) -> None:
        """A string is one line unless `lines` says otherwise."""
        texts = (plain_text.line(o) if isinstance(o, str) and not lines else o for o in objects)
        with environment_as_it_is():
            super().print(*texts, **more)

    def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=plain_text.visible(segment.text))

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class _Table(Table):
    """Its cells are short and of one line."""

    def add_row(self, *cells: Any, **more: Any) -> None:
        with environment_as_it_is():
            super().add_row(*(plain_text.cell(cell) if isinstance(cell, str) else cell for cell in cells), **more)


console = _Console(soft_wrap=True, width=WIDTH, emoji=False)
errors = _Console(stderr=True, soft_wrap=True, width=WIDTH, emoji=False)

STEPS = {"create_group": "groups", "create_item": "items", "create_subitem": "subitems"}
THEN_RETRY = "Correct the rejected rows in the queue tables, then: order-sync retry"
REJECTED_SHOWN = 20
RUNS_SHOWN = 10
LABELS_SHOWN = 8
PLANNED = ("orders synced", "orders held back", "groups", "items", "subitems", "adopted", "rejected")


@contextmanager
def progress(*, quiet: bool) -> Iterator[None]:
    """A bar for each step, fed by the log records of order_sync.monday that carry `progress`."""
    if quiet:
        yield
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        transient=not errors.is_terminal,
    )
    logger = logging.getLogger("order_sync")
    handler = _ProgressHandler(bar)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        with suppress(OSError):
            bar.start()
        yield
    finally:
        with suppress(OSError):
            bar.stop()
        logger.removeHandler(handler)
        logger.setLevel(level)


class _ProgressHandler(logging.Handler):
    def __init__(self, bar: Progress) -> None:
        super().__init__(logging.DEBUG)
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def emit(self, record: logging.LogRecord) -> None:
        step = getattr(record, "progress", None)
        if step is not None:
            operation, done, total = step
            if operation not in self._tasks:
                self._tasks[operation] = self._bar.add_task(STEPS[operation], total=total)
            self._bar.update(self._tasks[operation], completed=done, total=total)
        elif getattr(record, "waits", False):
            self._bar.console.print(f"[dim]{escape(record.getMessage())}[/]")
        elif record.levelno >= logging.WARNING:
            with suppress(OSError):  # nobody reads it: no reason to stop a run
                self._bar.console.print(f"[yellow]{escape(record.getMessage())}[/]")


def print_error(error: BaseException) -> None:
    errors.print(f"[bold red]order-sync:[/] {escape(str(error))}", soft_wrap=True)


def print_summary(summary: Summary, customers: Sequence[str] = ()) -> None:
    if summary.is_idle and not summary.rejected:
        _print_idle(summary, customers)
        return
    if summary.customers:
        table = _Table(title=f"Run {summary.run_id}", title_justify="left")
        table.add_column("customer")
        for heading in OUTCOMES:
            table.add_column(heading, justify="right")
        for line in summary.customers:
            table.add_row(escape(line["customer"]), *(f"{line[outcome]:,}" for outcome in OUTCOMES))
        console.print(table)
    print_rejected(summary.rejected)
    console.print(
        f"{counted(summary.orders_synced, 'order')} SYNCED, {summary.orders_held_back:,} held back. Created "
        f"{counted(summary.groups_created, 'group')}, {counted(summary.items_created, 'item')}, "
        f"{counted(summary.subitems_created, 'subitem')} in {counted(summary.calls, 'call')} "
        f"({summary.records_per_call:g} {'record' if summary.records_per_call == 1 else 'records'} a call) "
        f"and {summary.seconds:,.1f} s."
    )
    waiting = sum(line["waiting"] for line in summary.customers)
    if waiting and summary.rejected and not summary.left:
        its = "its" if waiting == 1 else "their"
        console.print(
            f"{counted(waiting, 'row waits', 'rows wait')} with the rejected row of {its} order: "
            "there is no item to go under."
        )
    _print_left(summary)
    print_held(summary.held)
    if summary.rejected:
        console.print(THEN_RETRY)


def _print_left(summary: Summary) -> None:
    """Orders that the run took up and did not finish, although none of their rows is rejected."""
    for board, problem in summary.refused.items():
        console.print(f"Board {board} takes nothing: {problem}", markup=False)
    if summary.left:
        names = first(str(row["order_number"] or row["record_uuid"]) for row in summary.left)
        console.print(
            f"{counted(len(summary.left), 'order')} not finished, and no row rejected ({names}): "
            f"{summary.left[0]['reason']}. Next: order-sync sync, which goes on with what is left.",
            markup=False,
        )


def _print_idle(summary: Summary, customers: Sequence[str]) -> None:
    """Why a run took up nothing."""
    if summary.complete:
        console.print(f"[green]Nothing to do:[/] {_none_waits(customers)}.")
        return
    console.print("[yellow]Nothing was taken up,[/] although orders wait.")
    print_held(summary.held)
    if summary.waiting:
        console.print(
            f"{counted(summary.waiting, 'order')} could be taken up now: queued or released while this run looked, "
            "or taken by another run first. Run order-sync sync again."
        )


def _none_waits(customers: Sequence[str]) -> str:
    if customers:
        return f"no order of {escape(', '.join(name.strip() for name in customers))} waits"
    return "no order waits in the queue tables"


def print_held(held: Sequence[HeldOrder]) -> None:
    """Orders that cannot go on, with the next step of each kind, and the first ones with their reasons.

    What a rejected row or a run holds is counted only.
    """
    rest = unexpected(held)
    if rest:
        console.print(f"[bold]{counted(len(rest), 'order')} held[/]")
    for order in rest[:REJECTED_SHOWN]:
        of = ", ".join(str(text) for text in (order.customer, order.record_uuid) if text)
        console.print(f"  order {order.order_number or '(no number)'} ({of})", style="bold", markup=False)
        console.print(f"    {order.reason}", markup=False)
    if len(rest) > REJECTED_SHOWN:
        console.print(f"  ... and {len(rest) - REJECTED_SHOWN:,} more: order-sync status --json has them all.")
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
        console.print(f"  ... and {len(rows) - REJECTED_SHOWN:,} more: order-sync status --json has them all.")


def print_findings(findings: Sequence[Finding], database: str) -> None:
    if not findings:
        console.print(f"[green]{escape(database)} has everything that order_sync reads and writes.[/]")
        return
    for finding in findings:
        mark = "[red]must[/]" if finding.blocks else "[yellow]note[/]"
        console.print(f"{mark}  {escape(str(finding))}")
        if finding.remedy:
            console.print(finding.remedy, lines=True, style="dim", markup=False, highlight=False)
    blocking = sum(finding.blocks for finding in findings)
    notes = len(findings) - blocking
    of_notes = f"{notes} {'note' if notes == 1 else 'notes'}"
    console.print(f"{blocking} to correct before the first sync, {of_notes}. Nothing was changed.")


def print_board(report: BoardReport) -> None:
    table = _Table(title=f"{escape(report.name)} (board {report.id})", title_justify="left")
    for heading in ("board", "column", "source", "type", "found", "labels", ""):
        table.add_column(heading, justify="right" if heading == "labels" else "left")
    for column in report.columns:
        table.add_row(
            escape(column.board),
            column.column,
            escape(column.source),
            column.wanted,
            column.found or "-",
            "" if column.labels is None else str(column.labels),
            "[red]wrong[/]" if column.problem else "[green]ok[/]",
        )
    console.print(table)
    room = f" of {report.items_limit:,}" if report.items_limit is not None else ""
    console.print(f"{report.items:,}{room} items in {counted(report.groups, 'group')}. {report.url}", highlight=False)
    for problem in report.problems:
        console.print(f"[red]must[/]  {escape(problem)}")
    for note in report.notes:
        console.print(f"[yellow]note[/]  {escape(note)}")
    if not report.problems:
        console.print("[green]The board fits the mapping.[/]")


def print_reconcile(report: Reconciled) -> None:
    for kind, rows in report.rows.items():
        style = "bold red" if Kind(kind).is_wrong else "bold"
        console.print(f"[{style}]{Kind(kind).counted(report.counts[kind])}[/]")
        for row in rows[:REJECTED_SHOWN]:
            of = ", ".join(str(row[key]) for key in ("record_uuid", "key", "monday_id") if row[key])
            console.print(f"  {of}: {row['what']} {report.link(row)}".rstrip(), markup=False, highlight=False)
        if report.counts[kind] > REJECTED_SHOWN:
            console.print(f"  ... and {report.counts[kind] - REJECTED_SHOWN:,} more: --json has the first {SHOWN}.")
    color = "green" if report.agrees else "bold red"
    console.print(f"[{color}]{escape(report.verdict)}[/]")
    console.print(
        f"{counted(report.headers, 'SYNCED header')} and {counted(report.lines, 'line')} looked for on "
        f"{counted(len(report.boards), 'board')}, in {counted(report.calls, 'call')} and {report.seconds:,.1f} s. "
        "Nothing was written to a board."
    )


def print_requeued(done: Requeued, gone: int, *, asked: bool) -> None:
    if not asked:
        console.print(
            f"{counted(gone, 'order')} can be made again: order-sync reconcile --requeue, then order-sync sync"
        )
        return
    console.print(
        f"{len(done.records):,} of {counted(gone, 'order waits', 'orders wait')} again. Next: order-sync sync"
    )
    for record_uuid, reason in list(done.held.items())[:REJECTED_SHOWN]:
        console.print(f"  left as it is: {record_uuid}: {reason}", markup=False)
    if (left := gone - len(done.records) - len(done.held)) > 0:
        console.print(f"{left:,} more: look at them, then run it again (--limit).")


def print_dry_run(plan: Plan, customers: Sequence[str] = ()) -> None:
    total, cost = plan.total, plan.forecast
    if not plan.rows:
        what = "no run could take up the orders that wait" if plan.held else _none_waits(customers)
        console.print(f"[green]Nothing to do:[/] {what}. (Dry run: nothing was written.)")
        print_held(plan.held)
        return
    table = _Table(title="Dry run: nothing was written", title_justify="left", show_footer=True)
    table.add_column("customer", footer="all")
    for kind in PLANNED:
        table.add_column(kind, justify="right", footer=f"{total[kind]:,}")
    for line in plan.customers:
        table.add_row(escape(line["customer"]), *(f"{line[kind]:,}" for kind in PLANNED))
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
            console.print(f"  ... and {len(rejected) - REJECTED_SHOWN:,} more: --json, or --out FILE, has them all.")
    adopted = f", adopt {total['adopted']:,} that the board has" if total["adopted"] else ""
    imported = sum(job.items for job in plan.jobs)
    by_import = f" ({counted(imported, 'item')} by bulk import)" if imported else ""
    console.print(
        f"A live run would create {counted(total['groups'], 'group')}, {counted(total['items'], 'item')} and "
        f"{counted(total['subitems'], 'subitem')}{by_import}{adopted}. {counted(total['orders synced'], 'order')} "
        "would be SYNCED, "
        f"{total['orders held back']:,} held back."
    )
    print_held(plan.held)
    for new in plan.labels:
        shown = ", ".join(new.labels[:LABELS_SHOWN]) + (", ..." if len(new.labels) > LABELS_SHOWN else "")
        console.print(
            f"New labels in column '{new.column}': {shown} ({new.used_then} of about {new.limit} then).", markup=False
        )
    shares = ", ".join(f"{share.share:.1%} of {share.plan}" for share in cost.shares)
    budget = "which monday tells" if cost.told else "which is usual"
    console.print(
        f"It would take {counted(cost.calls, 'call')} ({shares} a day) and about {told_seconds(cost.seconds)}; "
        f"complexity {cost.complexity:,}, taking {cost.cost:,} a create, of {cost.minute_points:,} a minute, {budget}.",
        markup=False,
    )
    for note in plan.notes:
        console.print(escape(note))


def told_seconds(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:,.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def print_trace(stories: Sequence[Mapping[str, Any]]) -> None:
    if len(stories) > 1:
        console.print(f"{counted(len(stories), 'order has', 'orders have')} this number.")
    for story in stories:
        state = f"{story['sync_state'] or 'not SYNCED'}, item {story['monday_item_id'] or '-'}"
        title = f"Order {story['order_number'] or '(no number)'} of {story['customer'] or NO_CUSTOMER}"
        title = plain_text.cell(title)
        console.print(f"{title}, record_uuid {story['record_uuid']}: {state}", style="bold", markup=False)
        if story["board_id"]:
            console.print(_board_of(story), markup=False, highlight=False)
        rows = _Table()
        for heading in ("row", "state", "monday id", "run", "tries", "delta_uuid"):
            rows.add_column(heading)
        for header in story["headers"]:
            rows.add_row("header", *_row_cells(header, "monday_item_id"))
        for line in story["lines"]:
            rows.add_row(
                escape(f"line {line['size_code'] or ''} x {line['qty']}"), *_row_cells(line, "monday_subitem_id")
            )
        console.print(rows)
        for at, what, of, run_id, message, code, request_id, count in _told_together(story["events"]):
            text = f"{str(at)[:19]}  {count} {of}{'s' if count > 1 else ''} {what}"
            text += f", run {run_id}" if run_id else ""
            text += f": {message}" if message else ""
            # monday's own messages name both.
            named = (("", code), ("request ", request_id)) if message else ()
            more = [f"{what}{value}" for what, value in named if value and value not in message]
            console.print(text + (f" [{', '.join(more)}]" if more else ""), markup=False, highlight=False)
        for run_id, url in {event["run_id"]: event["run_url"] for event in story["events"]}.items():
            if url:
                console.print(f"Run {run_id[:8]}: {url}", markup=False, highlight=False)
        console.print(f"Next: {story['next']}", style="bold", markup=False)


def _row_cells(row: Mapping[str, Any], id_name: str) -> list[str]:
    state = row["sync_state"] if row["action_type"] == "INSERT" else f"{row['sync_state']} ({row['action_type']})"
    run = str(row["sync_run_id"] or "-")[:8]
    return [state, str(row[id_name] or "-"), run, str(row["retry_count"]), str(row["delta_uuid"])]


def _board_of(story: Mapping[str, Any]) -> str:
    board = f"Board {story['board'] or ''} ({story['board_id']})".replace("  ", " ")
    return f"{board}: {story['item_url']}" if story["item_url"] else board


def _told_together(events: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """Events of several rows that are one to a reader: the same thing by the same run in the same second."""
    together: dict[tuple[Any, ...], int] = {}
    for event in events:
        id_of_one = f" {event['monday_id']}" if event["row"] == "header" and event["monday_id"] else ""
        why = (event["message"], event["code"], event["request_id"] if event["message"] else None)
        key = (str(event["at"])[:19], event["what"] + id_of_one, event["row"], event["run_id"], *why)
        together[key] = together.get(key, 0) + 1
    return [(*key, count) for key, count in together.items()]


def print_status(counts: Sequence[Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]], now: datetime) -> None:
    if not counts:
        console.print("No INSERT row waits or is rejected, and none became SYNCED in the last 24 hours.")
        return
    table = _Table(title="Queue rows by customer", title_justify="left")
    table.add_column("customer")
    table.add_column("row")
    for state in ("NEW", "PENDING", "SYNCED", "ERROR"):
        # Older ones are history: the queue keeps them for years.
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


def print_report(report: Report, held: Sequence[HeldOrder] = ()) -> None:
    total = report.total
    table = _Table(title="Orders by customer", title_justify="left", show_footer=True)
    table.add_column("customer", footer="all")
    for heading, number in (("rejected", total.rejected), ("waiting", total.waiting), ("synced", total.synced)):
        table.add_column(heading, justify="right", footer=f"{number:,}")
    table.add_column("oldest waiting")
    for line in report.customers:
        oldest = age(report.made_at - line.oldest_waiting) if line.oldest_waiting else ""
        counts = (f"{number:,}" if number else "" for number in (line.rejected, line.waiting, line.synced))
        table.add_row(escape(line.customer), *counts, oldest)
    console.print(table)
    if report.runs:
        table = _Table(title="Runs, in rows", title_justify="left")
        table.add_column("began (UTC)", min_width=10)
        table.add_column("run", overflow="fold")  # the whole id, also on a narrow screen: --run wants it
        for heading in ("took", "rows", "created", "adopted", "rejected", "put off"):
            table.add_column(heading, justify="right")
        for run in report.runs[:RUNS_SHOWN]:
            numbers = (run.rows, run.created, run.adopted, run.rejected, run.unsettled)
            took = span(run.began, run.ended)
            linked = Text(run.run_id, style=f"link {run.url}" if run.url else "")
            table.add_row(f"{run.began:%Y-%m-%d %H:%M}", linked, took, *(f"{n:,}" for n in numbers))
        console.print(table)
        if len(report.runs) > RUNS_SHOWN:
            console.print(f"... and {counted(len(report.runs) - RUNS_SHOWN, 'earlier run')}.")
    for category in report.categories:
        count = f"{counted(category.rows, 'row')} of {counted(category.orders, 'order')}"
        what = f"{category.title}: {count} ({category.code or 'no code'})"
        console.print(what, style="bold", markup=False, highlight=False)
        example = category.example
        order = (example.order_number or "").strip() or f"with record_uuid {example.record_uuid}"
        of = f"{example.row} of order {order} ({example.customer})"
        console.print(f"  for example {of}: {category.sample}", markup=False, highlight=False)
        console.print(f"  next: {category.next}", markup=False, highlight=False)
    if report.rejected:
        console.print("Every rejected row: order-sync report --html FILE, or --json.")
    else:
        console.print("[green]No row is rejected.[/]")
    for holdup in holdups(held):
        console.print(holdup, markup=False, highlight=False)
