"""In: a board that another tool filled, and the columns by which its items are matched with orders.
Out: a plan of the keys to write, on the terminal or in a file; with --write, the keys on the board.
Never: a key in place of another one, or any other value."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import click

from order_sync.cli.access import expect_board, monday, opened
from order_sync.cli.options import as_json, of_customer, print_json
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.known_customers import check_customers
from order_sync.orders.mapping import ColumnMapping, load_mapping
from order_sync.settings import Settings, load_settings

if TYPE_CHECKING:
    from order_sync.sync.adopting import Written
    from order_sync.sync.adoption import Adopted


@click.command("adopt")
@click.option(
    "--match",
    "items_by",
    multiple=True,
    required=True,
    metavar="COLUMN",
    help="A column of the board that order and item have in common, by its id, or 'name'; repeatable.",
)
@click.option(
    "--match-subitems",
    "subitems_by",
    multiple=True,
    metavar="COLUMN",
    help="The same for lines and subitems. Default: the column of size_code, or 'name' if the mapping has none.",
)
@of_customer
@click.option("--waiting", is_flag=True, help="Only orders that wait in the queue, instead of all orders.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the plan as CSV.")
@click.option("--write", is_flag=True, help="Write the keys to the board. Without it, nothing is written.")
@as_json
def adopt(
    items_by: tuple[str, ...],
    subitems_by: tuple[str, ...],
    customers: tuple[str, ...],
    as_json: bool,
    **given: bool | Path | None,
) -> None:
    """Give items that another tool made the keys of their orders, so that a sync adopts them.

    Shows the plan, and writes nothing unless you ask it to --write. The exit code is 1 if a match is unclear or a key
    could not be written.
    """
    from order_sync.cli.output.adopt import plan_rows, print_plan, print_written
    from order_sync.cli.output.console import console
    from order_sync.sync.adopting import Written
    from order_sync.sync.adoption import Adoption, Matching
    from order_sync.sync.matching import MatchBy

    settings = load_settings(checked=False)
    if given["write"]:
        settings.check_may_write()
    expect_board(settings, ": no board is configured to adopt items on.")
    mapping = load_mapping(settings.mapping)
    matching = Matching(
        items=MatchBy.of(mapping.items, items_by, "items"),
        subitems=MatchBy.of(mapping.subitems, subitems_by or [_size_column(mapping)], "subitems"),
        customers=customers,
        waiting=bool(given["waiting"]),
    )
    with opened(Database, settings) as (database, tables), monday(settings) as client:
        check_customers(database, tables, customers)
        plan = Adoption(client, database, tables, mapping, matching).plan(settings.board_id)
    if not as_json:
        print_plan(plan)
    if isinstance(out := given["out"], Path):
        with out.open("w", encoding="utf-8-sig", newline="") as file:  # as Excel reads it
            csv.writer(file).writerows(plan_rows(plan))
        if not as_json:
            console.print(f"Written: {out}, every order and line of the plan.", markup=False)
    written = Written()
    if given["write"] and plan.adopted:
        written = _write(settings, mapping, plan.adopted)
    if as_json:
        print_json(plan.to_json() | {"written": vars(written)})
    else:
        print_written(plan, written, asked=bool(given["write"]))
    sys.exit(0 if plan.is_clear and not written.left_out else 1)


def _size_column(mapping: ColumnMapping) -> str:
    return next((column.column for column in mapping.subitems.columns if column.source == "size_code"), "name")


def _write(settings: Settings, mapping: ColumnMapping, adopted: Sequence[Adopted]) -> Written:
    from order_sync.cli.output.console import errors
    from order_sync.database.journal import Journal
    from order_sync.sync.adopting import Adopting
    from order_sync.sync.delivery import Manner

    noted: set[str] = set()

    def waiting(board_id: int, holder: str) -> None:
        if holder not in noted:
            noted.add(holder)
            errors.print(f"Board {board_id} is held by run {holder}: waiting for it.", markup=False)

    manner = Manner(settle=settings.settle_seconds, search=settings.search_seconds, writers=settings.writers)
    with opened(WritableDatabase, settings) as (database, tables), monday(settings) as client:
        run_id, lease = str(uuid4()), settings.board_lease_seconds

        def journal(board_id: int) -> Journal:
            return Journal(database, tables, board_id=board_id, run_id=run_id, lease_seconds=lease)

        return Adopting(client, database, tables, mapping, manner).write(adopted, journal, waiting)
