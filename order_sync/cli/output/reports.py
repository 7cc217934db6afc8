"""In: a `Report`, or the histories of the orders with one number.
Out: tables and lines, with the next step of each order and each kind of error.
Never: one line per row where several rows had the same event at the same time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.text import Text

from order_sync.cli.output.console import TextTable, console
from order_sync.database.held import HeldOrder
from order_sync.database.holdups import holdups
from order_sync.orders.naming import NO_CUSTOMER
from order_sync.text import plain_text
from order_sync.text.counted import counted
from order_sync.text.durations import age, span

if TYPE_CHECKING:
    from order_sync.reports.report import Report

RUNS_SHOWN = 10
RUN_ID_SHOWN = 8  # characters of a run's id: `report --run` takes the beginning of one


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
        rows = TextTable()
        for heading in ("row", "state", "monday id", "delta_uuid"):
            rows.add_column(heading, no_wrap=heading != "row")  # on a narrow terminal, too: people search for ids
        for header in story["headers"]:
            rows.add_row("header", *_row_cells(header, "monday_item_id"))
        for line in story["lines"]:
            rows.add_row(
                escape(f"line {line['size_code'] or '(no size)'} x {line['qty']}"),
                *_row_cells(line, "monday_subitem_id"),
            )
        console.print(rows)
        for edit in story["edits"]:
            wanted = "empty" if edit["not_written"] is None else edit["not_written"]
            text = f"Edited on the board and kept: {edit['column_id']} of {edit['monday_id']} is '{edit['on_board']}'"
            text += f", and {wanted} was not written (seen {str(edit['seen_at'])[:19]} by run {edit['run_id']})"
            console.print(text, markup=False, highlight=False)
        for at, what, of, run_id, message, code, request_id, count in _grouped(story["events"]):
            text = f"{str(at)[:19]}  {count} {of}{'s' if count > 1 else ''} {what}"
            text += f", run {run_id}" if run_id else ""
            text += f": {message}" if message else ""
            # monday's own messages already name both.
            named = (("", code), ("request ", request_id)) if message else ()
            more = [f"{what}{value}" for what, value in named if value and value not in message]
            console.print(text + (f" [{', '.join(more)}]" if more else ""), markup=False, highlight=False)
        for run_id, url in {event["run_id"]: event["run_url"] for event in story["events"]}.items():
            if url:
                console.print(f"Run {run_id}: {url}", markup=False, highlight=False)
        console.print(f"Next: {story['next']}", style="bold", markup=False)


def _row_cells(row: Mapping[str, Any], id_name: str) -> list[str]:
    state = row["sync_state"] if row["action_type"] == "INSERT" else f"{row['sync_state']} ({row['action_type']})"
    if row["retry_count"]:
        state += f", {counted(row['retry_count'], 'try', 'tries')}"
    return [state, str(row[id_name] or "-"), str(row["delta_uuid"])]


def _board_of(story: Mapping[str, Any]) -> str:
    board = f"Board {story['board'] or ''} ({story['board_id']})".replace("  ", " ")
    return f"{board}: {story['item_url']}" if story["item_url"] else board


def _grouped(events: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """Groups events of several rows that happened in the same run and second."""
    together: dict[tuple[Any, ...], int] = {}
    for event in events:
        id_of_one = f" {event['monday_id']}" if event["row"] == "header" and event["monday_id"] else ""
        why = (event["message"], event["code"], event["request_id"] if event["message"] else None)
        key = (str(event["at"])[:19], event["what"] + id_of_one, event["row"], event["run_id"], *why)
        together[key] = together.get(key, 0) + 1
    return [(*key, count) for key, count in together.items()]


def print_report(report: Report, held: Sequence[HeldOrder] = ()) -> None:
    total = report.total
    table = TextTable(title="Orders by customer", title_justify="left", show_footer=True)
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
        table = TextTable(title="Runs, in rows", title_justify="left")
        table.add_column("began (UTC)", min_width=10)
        table.add_column("run", no_wrap=True)
        for heading in ("writing", "rows", "created", "adopted", "rejected", "put off"):
            table.add_column(heading, justify="right")
        for run in report.runs[:RUNS_SHOWN]:
            numbers = (run.rows, run.created, run.adopted, run.rejected, run.unsettled)
            writing = span(run.began, run.ended)
            linked = Text(run.run_id[:RUN_ID_SHOWN], style=f"link {run.url}" if run.url else "")
            table.add_row(f"{run.began:%Y-%m-%d %H:%M}", linked, writing, *(f"{n:,}" for n in numbers))
        console.print(table)
        console.print(
            "A row is a header or a line. Writing: from the first row that the run wrote or rejected to the last. "
            "Adopted: found on the board, or a further header of an order, which shares its item."
        )
        if len(report.runs) > RUNS_SHOWN:
            console.print(f"... and {counted(len(report.runs) - RUNS_SHOWN, 'earlier run')}.")
    for category in report.categories:
        code = category.code or "no code"
        named = code if code == category.explained else f"{category.explained}, {code}"
        count = f"{counted(category.rows, 'row')} of {counted(category.orders, 'order')}"
        what = f"{category.title}: {count} ({named})"
        console.print(what, style="bold", markup=False, highlight=False)
        example = category.example
        order = (example.order_number or "").strip() or f"with record_uuid {example.record_uuid}"
        of = f"{example.row} of order {order} ({example.customer})"
        console.print(f"  for example {of}: {category.sample}", markup=False, highlight=False)
        console.print(f"  next: {category.next}", markup=False, highlight=False)
    if report.rejected:
        console.print("To see every rejected row: order-sync report --html FILE, or --json.")
    else:
        console.print("[green]No row is rejected.[/]")
    for holdup in holdups(held):
        console.print(holdup, markup=False, highlight=False)
