"""In: a plan of adoption, and what was written of it.
Out: a table of the first orders with their items, what is unclear, counts; all of it as rows of a file.
Never: every order on a terminal; --out and --json have them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from order_sync.cli.output.console import TextTable, console
from order_sync.cli.output.queue import REJECTED_SHOWN
from order_sync.text.counted import counted

if TYPE_CHECKING:
    from order_sync.sync.adopting import Written
    from order_sync.sync.adoption import AdoptionPlan
    from order_sync.sync.matching import Unclear

COLUMNS = ("what", "order number", "customer", "record_uuid", "line_uuid", "monday_id", "name", "reason")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute a text that begins like this


def print_plan(plan: AdoptionPlan) -> None:
    if plan.adopted:
        console.print(f"[bold]Items matched by {plan.items_by}, subitems by {plan.subitems_by}[/]")
        table = TextTable()
        table.add_column("order", no_wrap=True)  # people search for ids
        table.add_column("matched by", overflow="fold")
        table.add_column("item", no_wrap=True)
        table.add_column("subitems", justify="right")
        for of in plan.adopted[:REJECTED_SHOWN]:
            values = ", ".join(of.values)
            table.add_row(of.record_uuid, values, str(of.item_id), f"{len(of.subitems)} of {of.lines}")
        console.print(table)
        _more(len(plan.adopted), "order")
    _print_unclear(plan.unclear, "item")
    _print_unclear(plan.unclear_lines, "subitem")
    console.print(
        f"{counted(plan.items, 'item')} and {counted(plan.subitems, 'subitem')} can be adopted; "
        f"{counted(len(plan.unclear) + len(plan.unclear_lines), 'match is', 'matches are')} unclear."
    )
    console.print(
        f"Nothing fits {counted(len(plan.unmatched), 'order')} and {counted(plan.unmatched_lines, 'line')} of the "
        f"matched ones; {counted(plan.there, 'order')} already have their item; "
        f"{counted(plan.items_left, 'item')} without a key {'is' if plan.items_left == 1 else 'are'} nobody's."
    )
    if plan.no_board:
        console.print(f"{counted(plan.no_board, 'order')}: no board rule of the mapping matches.")


def _print_unclear(unclear: Sequence[Unclear], noun: str) -> None:
    if not unclear:
        return
    console.print(f"[bold red]{counted(len(unclear), 'unclear match', 'unclear matches')} of {noun}s[/]")
    for of in unclear[:REJECTED_SHOWN]:
        console.print(f"  {', '.join(of.values)}: {of.why}", style="bold", markup=False, highlight=False)
        whose = f"order {of.of}, " if of.of else ""
        console.print(f"    {whose}{_listed(of.keys)}; on the board {_listed(of.ids)}", markup=False, highlight=False)
    _more(len(unclear), "match", "matches")


def _listed(ids: Sequence[object]) -> str:
    more = f" and {len(ids) - REJECTED_SHOWN:,} more" if len(ids) > REJECTED_SHOWN else ""
    return ", ".join(map(str, ids[:REJECTED_SHOWN])) + more


def _more(count: int, *noun: str) -> None:
    if count > REJECTED_SHOWN:
        console.print(f"  ... and {counted(count - REJECTED_SHOWN, *noun)} more: --out FILE has them all.")


def print_written(plan: AdoptionPlan, written: Written, *, asked: bool) -> None:
    if not asked:
        again = "Nothing was written. To write the keys, run the same command with --write."
        console.print(again if plan.adopted else "Nothing was written.")
        return
    keys = f"{counted(written.items, 'item')} and {counted(written.subitems, 'subitem')}"
    console.print(f"[bold green]Keys written: {keys}.[/] Next: order-sync plan")
    if written.left_out:
        console.print(f"[bold red]{counted(len(written.left_out), 'order or line', 'orders or lines')} left out[/]")
        for key, reason in list(written.left_out.items())[:REJECTED_SHOWN]:
            console.print(f"  {key}: {reason}", markup=False, highlight=False)
        console.print("Run the same command again: it makes a new plan.")


def plan_rows(plan: AdoptionPlan) -> Iterator[Sequence[object]]:
    """The plan as rows of a file, the first one with the names of the columns."""
    yield COLUMNS
    for of in plan.adopted:
        number, customer = _text(of.order), _text(of.customer)
        if not of.has_key:
            yield "adopt item", number, customer, of.record_uuid, "", of.item_id, _text(of.name), _text(*of.values)
        for line, subitem in of.subitems.items():
            yield "adopt subitem", number, customer, of.record_uuid, line, subitem, "", ""
    for unclear in plan.unclear:
        for key in unclear.keys:
            yield "unclear", "", "", key, "", _listed(unclear.ids), _text(*unclear.values), unclear.why
    for unclear in plan.unclear_lines:
        for key in unclear.keys:
            yield "unclear", "", "", unclear.of, key, _listed(unclear.ids), _text(*unclear.values), unclear.why
    for key in plan.unmatched:
        yield "nothing fits", "", "", key, "", "", "", ""


def _text(*texts: str) -> str:
    text = ", ".join(texts)
    return f"'{text}" if text.startswith(FORMULA) else text
