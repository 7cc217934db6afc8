"""In: the mapping and the boards from the settings.
Out: missing columns, which can be added; differences from the tables; or a new board with its mapping.
Never: a column of a board changed or removed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from uuid import uuid4

import click

from order_sync.cli.access import compared, connected, expect_board, monday, opened
from order_sync.cli.options import as_json, print_json
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.rule_values import unmatched_values
from order_sync.database.sources import unknown_sources
from order_sync.database.watch_list import boards_watched
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.mapping import ColumnMapping, UnknownSource, load_mapping
from order_sync.orders.toml_file import read_text
from order_sync.settings import Settings, load_settings


@click.command("reconcile")
@click.option("--requeue", is_flag=True, help="Requeue orders whose item was deleted, and archive duplicate items.")
@click.option(
    "--repair",
    is_flag=True,
    help="The same, and requeue orders with deleted subitems, lost keys or values that differ, to write them again.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="Requeue at most N orders: more may mean that the token no longer sees a board.",
)
@click.option(
    "--recent",
    is_flag=True,
    help="Compare only what has changed since the last comparison without differences, as the nightly job does.",
)
@as_json
def reconcile_boards(requeue: bool, repair: bool, limit: int, recent: bool, as_json: bool) -> None:
    """Compare the boards with the tables: deleted, duplicate, misplaced and unknown items, and their values.

    All of it, unless you ask for what is --recent. The exit code is 1 if they differ.
    """
    from order_sync.cli.output.boards import print_reconcile, print_requeued
    from order_sync.database.requeue import Requeued
    from order_sync.database.requeue import requeue as put_back
    from order_sync.database.resync import resync

    settings, requeue = load_settings(checked=False), requeue or repair
    if requeue:
        settings.check_may_write()
    expect_board(settings, ": no board is configured to compare with.")
    if requeue:
        _archive_twins(settings, load_mapping(settings.mapping))
    report = compared(settings, days=settings.reconcile_days, recent=recent)
    done, again = Requeued(), Requeued()
    if requeue and report.deleted:
        with opened(WritableDatabase, settings) as (database, tables):
            done = put_back(database, tables, dict(list(report.deleted.items())[:limit]))
    others = [record_uuid for record_uuid in report.repairable if record_uuid not in report.deleted]
    if repair and others:
        with opened(WritableDatabase, settings) as (database, tables):
            again = resync(database, tables, others[:limit])
    if as_json:
        requeued = {"requeued": [*done.records, *again.records], "held": done.held | again.held}
        print_json(report.to_json() | requeued)
    else:
        print_reconcile(report)
        if report.deleted:
            print_requeued(done, len(report.deleted), "recreated", "" if requeue else "--requeue")
        if others:
            print_requeued(again, len(others), "written again", "" if repair else "--repair")
    sys.exit(0 if report.agrees else 1)


def _archive_twins(settings: Settings, mapping: ColumnMapping) -> None:
    """Searches one last time for twins of the items that runs created in doubt since the last reconcile."""
    from order_sync.database.entries import EntryState
    from order_sync.database.journal import Journal
    from order_sync.sync.delivery import Delivery
    from order_sync.sync.twins import Twins

    states = (EntryState.WATCHED, EntryState.LISTED)
    with opened(WritableDatabase, settings) as (database, tables):
        boards = boards_watched(database, tables, states)
        if not boards:
            return
        with monday(settings) as client:
            for board_id in boards:
                lease = settings.board_lease_seconds
                run_id = str(uuid4())
                journal = Journal(database, tables, board_id=board_id, run_id=run_id, lease_seconds=lease)
                client.beat = journal.renew
                with journal.holding_board():
                    Twins(client, journal, Delivery(client, journal, mapping), mapping).look(states, last=True)


@click.command("undo")
@click.argument("job")
def undo_job(job: str) -> None:
    """Bring back the items that a JOB of monday's has archived, or stop it.

    A run prints the job that archived its cancelled items, and `order-sync trace` shows it.
    """
    from order_sync.cli.output.console import console
    from order_sync.sync.bulk_archive import undo

    settings = load_settings(checked=False)
    settings.check_may_write()
    with monday(settings) as client:
        done, message = undo(client, job)
    console.print(f"monday: {message}", markup=False)
    if done:
        console.print("Their orders stay cancelled until they are queued again (INSERT).")
    sys.exit(0 if done else 1)


@click.group()
def board() -> None:
    """Check or create a monday board."""


@board.command("check")
@as_json
def board_check(as_json: bool) -> None:
    """Compare each board, and the order columns in the tables, with the mapping. Changes nothing."""
    from order_sync.cli.output.boards import print_board
    from order_sync.monday.setup import inspect_board

    settings = load_settings(checked=False)
    expect_board(settings, ", or create a board with `order-sync board init NAME`.")
    with monday(settings) as client:
        mapping = load_mapping(settings.mapping)
        unknown, notes = compare_with_tables(settings, mapping)
        reports = [inspect_board(client, board_id, mapping, unknown) for board_id in settings.board_ids]
    ends = [client.api_version.warning] if client.api_version and client.api_version.warning else []
    reports = [replace(report, notes=[*report.notes, *notes(report.id), *ends]) for report in reports]
    if as_json:
        print_json([asdict(report) for report in reports])
    else:
        for report in reports:
            print_board(report)
    sys.exit(1 if any(report.problems for report in reports) else 0)


def compare_with_tables(
    settings: Settings, mapping: ColumnMapping
) -> tuple[list[UnknownSource], Callable[[int], list[str]]]:
    """Sources that are not columns of the tables, and notes by board: rules that match no order, or no database."""
    try:
        with connected(Database, settings) as (database, tables):
            database.check_reachable()
            unknown = unknown_sources(database, tables, mapping)
            values = unmatched_values(database, tables, mapping, without=[source.source for source in unknown])
    except ConfigurationError as error:
        note = f"could not compare the mapping's sources with the tables: {error}"
        return [], lambda board_id: [note]
    return unknown, lambda board_id: [str(value) for value in values if value.board == board_id]


@board.command("init")
@click.argument("name")
@click.option(
    "--mapping-out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the mapping to FILE rather than to the terminal.",
)
def board_init(name: str, mapping_out: Path | None) -> None:
    """Create a board called NAME with every column of the mapping, and print the mapping with its column ids."""
    from order_sync.cli.output.console import console
    from order_sync.monday.setup import make_board, renamed

    settings = load_settings(checked=False)
    settings.check_may_write()
    with monday(settings) as client:
        made = make_board(client, name, load_mapping(settings.mapping))
    text = renamed(read_text(settings.mapping, what="The mapping"), made.ids)
    set_mapping = ""
    if mapping_out:
        mapping_out.write_text(text, encoding="utf-8")
        set_mapping = f" and ORDER_SYNC_MAPPING={mapping_out}"
        console.print(f"Written: {mapping_out}, the mapping with the ids of the new board's columns.", markup=False)
    else:
        click.echo(text)
    console.print(f"Created board {made.id}; its subitems are on board {made.subitem_board_id}.")
    console.print(
        f"Next: set ORDER_SYNC_MONDAY_BOARD_ID={made.id}{set_mapping} in .env, then run: order-sync board check",
        markup=False,
    )


@board.command("add-columns")
def board_add_columns() -> None:
    """Add the mapped columns that a board in use lacks. Changes and removes none."""
    from order_sync.cli.output.console import console
    from order_sync.monday.setup import add_columns

    settings = load_settings(checked=False)
    settings.check_may_write()
    expect_board(settings, ", or create a board with `order-sync board init NAME`.")
    mapping = load_mapping(settings.mapping)
    with monday(settings) as client:
        for board_id in settings.board_ids:
            added = add_columns(client, board_id, mapping)
            done = f"added {', '.join(added)}" if added else "lacks no column"
            console.print(f"Board {board_id}: {done}.", markup=False)
    console.print(
        "Orders that are on the board get the new values with their next change, or all at once: "
        "order-sync sync --resync --customer NAME",
        markup=False,
    )
