"""In: a code such as OS-406, or none.
Out: what happened, what order_sync did and what to do, or the list of all codes.
Never: the database or monday."""

from __future__ import annotations

import click

from order_sync.orders.catalogue import CATALOGUE, find, what_to_do
from order_sync.orders.errors import OrderSyncError
from order_sync.orders.faults import RunFault


@click.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Explain the CODE of an error, a rejected row or a held order, such as OS-406; without one, list all codes."""
    from order_sync.cli.output.console import TextTable, console

    if code is None:
        for title, codes in CATALOGUE.items():
            table = TextTable(title=title, title_justify="left", show_header=False)
            for one in codes:
                table.add_row(one, one.heading)
            console.print(table)
        return
    found = find(code)
    if found is None:
        raise OrderSyncError(
            f"'{code}' is not a code of order_sync. `order-sync explain` lists all codes.", RunFault.UNKNOWN_CODE
        )
    console.print(f"{found}: {found.heading}", style="bold", markup=False, highlight=False)
    for title, text in (
        ("What happened", found.happened),
        ("What order_sync did", found.did),
        ("What to do", what_to_do(found)),
    ):
        console.print(f"{title}: {text}", markup=False, highlight=False)
