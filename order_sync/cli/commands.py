"""`order-sync ...`: what operations people type.

Exit code 0: every claimed row is SYNCED, and no order waits for a person. 1: rows were rejected or held back, or orders
wait that no run can take up. 2: nothing could be done.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from sqlalchemy.exc import SQLAlchemyError

from order_sync import __version__
from order_sync.cli import stop
from order_sync.cli.demo import demo, emulator
from order_sync.database.check import Finding, check_tables, create_all, inspect
from order_sync.database.claims import OrderQueue
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.held import Cause, held_orders, unexpected
from order_sync.database.known_customers import check_customers
from order_sync.database.queue import QueueReader
from order_sync.database.rights import permissions
from order_sync.database.rule_values import unmatched_values
from order_sync.database.sources import check_sources, only_mapped, unknown_sources
from order_sync.database.sql_server import reason
from order_sync.database.tables import Tables
from order_sync.orders.errors import ConfigurationError, Interrupted, OrderSyncError
from order_sync.orders.mapping import ColumnMapping, UnknownSource, load_mapping
from order_sync.orders.naming import Customers
from order_sync.orders.toml_file import read_text
from order_sync.settings import Settings, load_settings, tables_of
from order_sync.text import plain_text
from order_sync.text.counted import counted
from order_sync.text.known_secrets import mask_logs, masked_errors
from order_sync.variables import load_env_file

if TYPE_CHECKING:
    from order_sync.monday.client import MondayClient

D = TypeVar("D", bound=Database)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
of_customer = click.option(
    "--customer",
    "customers",
    multiple=True,
    metavar="NAME",
    help="Only this customer, as in [CUSTOMER NAME]; repeatable.",
)


class _Commands(click.Group):
    """Turns our own errors into one line and exit code 2."""

    def make_context(self, *given: Any, **more: Any) -> click.Context:
        with stop.in_one_line():  # --help prints while the context is made
            return super().make_context(*given, **more)

    def invoke(self, ctx: click.Context) -> Any:
        with stop.in_one_line():
            return self._invoke(ctx)

    def _invoke(self, ctx: click.Context) -> Any:
        from order_sync.cli.console import print_error

        try:
            return super().invoke(ctx)
        except OrderSyncError as error:
            print_error(error)
            sys.exit(stop.INTERRUPTED if isinstance(error, Interrupted) else 2)
        except SQLAlchemyError as error:
            print_error(OrderSyncError(f"The database answers: {reason(error)}"))
        except BrokenPipeError:
            raise
        except OSError as error:
            stop.silence()
            print_error(OrderSyncError(" ".join(str(error).split())))
        except Exception as error:
            # Unforeseen: its traceback is wanted, but for the secrets that a library may have put into its words.
            with masked_errors():
                raise error
        sys.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="order-sync")
def main() -> None:
    """Carries pending orders from SQL Server to monday.com boards, once and only once."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a pipe on Windows cannot say every name: better a mark than an error
            stream.reconfigure(errors="backslashreplace")
    load_env_file(Path.cwd(), Settings.model_fields)
    mask_logs()
    # Dagster announces its beta features and click its renamed ones: not news to who runs a sync.
    warnings.filterwarnings("ignore", module=r"dagster\..*")


@main.command()
@of_customer
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N orders (record_uuids), oldest first.")
@click.option("--dry-run", is_flag=True, help="Show what would happen; write nothing.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Put the dry run's whole plan into this file, too: .html to read, .json with every row.",
)
@as_json
def sync(customers: tuple[str, ...], limit: int | None, dry_run: bool, out: Path | None, as_json: bool) -> None:
    """Carry pending orders to monday and mark them SYNCED."""
    from order_sync.cli import console, launch
    from order_sync.reports import plan_page

    settings = load_settings(**({"dry_run": True} if dry_run else {}))
    if out and not settings.dry_run:
        raise click.UsageError("--out is for a dry run: add --dry-run.")
    if out and out.suffix not in plan_page.WRITERS:
        raise click.UsageError(f"--out takes a file that ends in {' or '.join(plan_page.WRITERS)}.")
    if settings.dry_run:
        plan = launch.plan(settings, customers=customers, limit=limit)
        _print_json(plan.summary()) if as_json else console.print_dry_run(plan, customers)
        if out:
            plan_page.WRITERS[out.suffix](plan, out)
        if customers and not plan.rows and not as_json:
            _tell_who_waits(settings, customers)
        return
    with console.progress(quiet=as_json):
        summary = launch.sync(settings, customers=customers, limit=limit)
    _print_json(summary.to_json()) if as_json else console.print_summary(summary, customers)
    if customers and not summary.headers_claimed and not as_json:
        _tell_who_waits(settings, customers)
    sys.exit(0 if summary.complete else 1)


def _tell_who_waits(settings: Settings, customers: tuple[str, ...]) -> None:
    """A customer for whom nothing waits may be a misspelt one."""
    from order_sync.cli.console import console

    with _opened(Database, settings) as (database, tables):
        rows = QueueReader(database, tables, lease_seconds=settings.lease_seconds).claimable_headers()
    waiting = Customers(row["customer"] for row in rows).names
    console.print(f"Asked for: {', '.join(customers)}. Waiting: {', '.join(waiting) or 'nobody'}.", markup=False)


@main.command()
@as_json
def status(as_json: bool) -> None:
    """Count rows by customer and state, with the oldest that waits; of SYNCED rows, those of the last 24 hours."""
    from order_sync.cli import console

    settings = load_settings(checked=False)
    with _opened(Database, settings) as (database, tables):
        reader = QueueReader(database, tables, lease_seconds=settings.lease_seconds)
        now = database.current_time()
        counts, rejected, untouched = reader.counts(), reader.errors(), reader.untouched()
        leases = [{"run_id": lease.run_id, "rows": lease.rows} for lease in reader.leases()]
        held = unexpected(held_orders(reader))
    if as_json:
        found = {"counts": counts, "rejected": rejected, "untouched": untouched, "leases": leases}
        _print_json(found | {"held": [asdict(order) for order in held]})
        return
    console.print_status(counts, rejected, now)
    console.print_held(held)
    for row in untouched:
        console.console.print(
            f"{counted(int(str(row['rows'])), str(row['action']) + ' row')} in {row['table']} "
            f"{'is' if row['rows'] == 1 else 'are'} left alone, record_uuid {row['sample']} first."
        )
    for lease in leases:
        rows = counted(int(str(lease["rows"])), "row")
        console.console.print(f"Run {lease['run_id']} holds {rows}. Next: {Cause.HELD_BY_RUN.step}.")


@main.command()
@of_customer
@as_json
def retry(customers: tuple[str, ...], as_json: bool) -> None:
    """Put rejected rows back into the queue: ERROR -> NEW (headers) or PENDING (lines)."""
    from order_sync.cli.console import console

    settings = load_settings(checked=False)
    settings.check_may_write()
    with _opened(WritableDatabase, settings) as (database, tables):
        queue = OrderQueue(database, tables, lease_seconds=settings.lease_seconds)
        check_customers(database, tables, customers)
        rows = queue.retry(customers)
    _print_json({"rows": rows}) if as_json else console.print(
        f"{counted(rows, 'row waits', 'rows wait')} again. Next: order-sync sync"
    )


@main.command("trace")
@click.argument("order", metavar="RECORD_UUID|ORDER_NUMBER")
@as_json
def trace_order(order: str, as_json: bool) -> None:
    """Tell the whole story of one order: its rows, what happened to them and when, and what there is to do."""
    from order_sync.cli import console
    from order_sync.reports.links import read_links
    from order_sync.reports.trace import trace

    settings = load_settings(checked=False)
    with _opened(Database, settings) as (database, tables):
        stories = trace(database, tables, read_links(database, tables, settings.dagster_url), order)
    if not stories:
        raise OrderSyncError(f"No order has the record_uuid, delta_uuid or order number '{order}'.")
    _print_json(stories) if as_json else console.print_trace(stories)


@main.command("report")
@click.option("--run", "run_id", metavar="RUN_ID", help="Only what this run did.")
@click.option(
    "--since",
    "days",
    type=click.IntRange(min=0, max=36_500),
    default=7,
    show_default=True,
    metavar="DAYS",
    help="The last DAYS.",
)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it as a page to look at."
)
@as_json
def report_orders(run_id: str | None, days: int, html: Path | None, as_json: bool) -> None:
    """Tell how the orders stand: by customer and by kind of error, with what to do about each, and run by run."""
    from order_sync.cli import console
    from order_sync.reports.links import read_links
    from order_sync.reports.report import make_report
    from order_sync.reports.report_page import render

    settings = load_settings(checked=False)
    with _opened(Database, settings) as (database, tables):
        links = read_links(database, tables, settings.dagster_url)
        report = make_report(database, tables, links, days=days, run_id=run_id)
        reader = QueueReader(database, tables, lease_seconds=settings.lease_seconds)
        held = [] if run_id or as_json else unexpected(held_orders(reader))
    if run_id and not report.runs and not report.customers:
        raise OrderSyncError(f"No row and no line of the log is of run '{run_id}': give the whole id.")
    if html:
        html.write_text(render(report), encoding="utf-8")
    _print_json(report.to_json()) if as_json else console.print_report(report, held)
    if html and not as_json:
        console.console.print(f"Written: {html}", markup=False)


@main.command("reconcile")
@click.option("--requeue", is_flag=True, help="Put orders whose item was deleted back into the queue.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="Put back at most N orders: more may mean that the token no longer sees a board.",
)
@as_json
def reconcile_boards(requeue: bool, limit: int, as_json: bool) -> None:
    """Compare the boards with the tables: what is gone, doubled, misplaced or unknown. Exit code 1 if they differ."""
    from order_sync.cli import console
    from order_sync.database.requeue import Requeued
    from order_sync.database.requeue import requeue as put_back
    from order_sync.sync.reconcile import reconcile

    settings = load_settings(checked=False)
    if requeue:
        settings.check_may_write()
    if not settings.board_ids:
        raise ConfigurationError("Set ORDER_SYNC_MONDAY_BOARD_ID: there is no board to compare with.")
    mapping = load_mapping(settings.mapping)
    with _opened(Database, settings) as (reads, tables), _monday(settings) as client:
        report = reconcile(client, settings.board_ids, mapping, reads, tables, days=settings.reconcile_days)
    done = Requeued()
    if requeue and report.gone:
        with _opened(WritableDatabase, settings) as (database, tables):
            done = put_back(database, tables, dict(list(report.gone.items())[:limit]))
    if as_json:
        _print_json(report.to_json() | {"requeued": done.records, "held": done.held})
    else:
        console.print_reconcile(report)
        if report.gone:
            console.print_requeued(done, len(report.gone), asked=requeue)
    sys.exit(0 if report.agrees else 1)


main.add_command(demo)
main.add_command(emulator)


@main.group()
def db() -> None:
    """Look after the tables."""


def _for_database(command: Callable[..., None]) -> Callable[..., None]:
    """The options that name another database than the settings do."""
    url = click.option("--url", metavar="URL", help="SQLAlchemy URL; default: ORDER_SYNC_DATABASE_URL.")
    schema = click.option("--schema", metavar="NAME", help="Schema of the tables; default: dbo.")
    return url(schema(command))


@db.command("check")
@_for_database
@as_json
def db_check(url: str | None, schema: str | None, as_json: bool) -> None:
    """Report all that the tables and this user's rights lack, with the T-SQL that corrects it. Changes nothing."""
    from order_sync.cli.console import print_findings

    settings = _settings_for(url, schema)
    database, tables = Database(settings.database, access_token=settings.access_token), tables_of(settings)
    try:
        database.check_reachable()
        unknown = unknown_sources(database, tables, load_mapping(settings.mapping))
        findings = [
            *(Finding(table=f"mapping {settings.mapping}", problem=str(source)) for source in unknown),
            *inspect(database, tables),
        ]
    finally:
        database.dispose()
    _print_json([asdict(finding) for finding in findings]) if as_json else print_findings(findings, database.shown)
    sys.exit(1 if any(finding.blocks for finding in findings) else 0)


@db.command("init")
@_for_database
def db_init(url: str | None, schema: str | None) -> None:
    """Create the tables that are missing, in a database of your own. Run it again: it changes nothing."""
    from order_sync.cli.console import console

    settings = _settings_for(url, schema)
    settings.check_may_write()
    database, tables = WritableDatabase(settings.database, access_token=settings.access_token), tables_of(settings)
    try:
        if database.dialect == "sqlite":
            Path(database.url.database or ".").parent.mkdir(parents=True, exist_ok=True)
        else:
            database.check_reachable()
        created = create_all(database, tables)
    finally:
        database.dispose()
    console.print(f"Created {', '.join(created)}." if created else "Every table is there: nothing to do.")
    if tables.orders.fullname in created and (names := only_mapped(tables)):
        console.print(f"Only the mapping knows: {', '.join(names)}.", markup=False)


@db.command("grant")
@click.argument("user")
@click.option("--schema", metavar="NAME", help="Schema of the tables; default: dbo.")
def db_grant(user: str, schema: str | None) -> None:
    """Print the T-SQL that gives USER the least that order_sync needs: no DDL."""
    settings = _settings_for("mssql+pyodbc://", schema)
    click.echo("\n".join(permissions(tables_of(settings), user=user)))


@main.group()
def board() -> None:
    """Look after the monday board."""


@board.command("check")
@as_json
def board_check(as_json: bool) -> None:
    """Compare each board, and the order's columns in the tables, with the mapping. Changes nothing."""
    from order_sync.cli.console import print_board
    from order_sync.monday.setup import inspect_board

    settings = load_settings(checked=False)
    if not settings.board_ids:
        raise ConfigurationError("Set ORDER_SYNC_MONDAY_BOARD_ID, or make a board with `order-sync board init NAME`.")
    with _monday(settings) as client:
        mapping = load_mapping(settings.mapping)
        unknown, notes = _compare_with_tables(settings, mapping)
        reports = [inspect_board(client, board_id, mapping, unknown) for board_id in settings.board_ids]
    ends = [client.api_version.warning] if client.api_version and client.api_version.warning else []
    reports = [replace(report, notes=[*report.notes, *notes(report.id), *ends]) for report in reports]
    if as_json:
        _print_json([asdict(report) for report in reports])
    else:
        for report in reports:
            print_board(report)
    sys.exit(1 if any(report.problems for report in reports) else 0)


def _compare_with_tables(
    settings: Settings, mapping: ColumnMapping
) -> tuple[list[UnknownSource], Callable[[int], list[str]]]:
    """The sources that are no columns of the tables, and notes by board: rules that fit no order, or no database."""
    try:
        database, tables = Database(settings.database, access_token=settings.access_token), tables_of(settings)
        try:
            database.check_reachable()
            unknown = unknown_sources(database, tables, mapping)
            values = unmatched_values(database, tables, mapping, without=[source.source for source in unknown])
        finally:
            database.dispose()
    except ConfigurationError as error:
        note = f"the mapping's sources were not compared with the tables: {error}"
        return [], lambda board_id: [note]
    return unknown, lambda board_id: [str(value) for value in values if value.board == board_id]


@board.command("init")
@click.argument("name")
@click.option("--mapping-out", type=click.Path(path_type=Path), metavar="FILE", help="Write the mapping there, too.")
def board_init(name: str, mapping_out: Path | None) -> None:
    """Make a board called NAME with every column of the mapping, and print the mapping with its column ids."""
    from order_sync.cli.console import console
    from order_sync.monday.setup import make_board, renamed

    settings = load_settings(checked=False)
    settings.check_may_write()
    with _monday(settings) as client:
        made = make_board(client, name, load_mapping(settings.mapping))
    text = renamed(read_text(settings.mapping, what="The mapping"), made.ids)
    click.echo(text)
    if mapping_out:
        mapping_out.write_text(text, encoding="utf-8")
    console.print(f"Board {made.id} is made, its subitems are on board {made.subitem_board_id}.")
    console.print(f"Next: ORDER_SYNC_MONDAY_BOARD_ID={made.id}, then order-sync board check", markup=False)


@contextmanager
def _monday(settings: Settings) -> Iterator[MondayClient]:
    from order_sync.monday.client import MondayClient
    from order_sync.monday.transport import MondayTransport

    if not settings.token:
        raise ConfigurationError("Set ORDER_SYNC_MONDAY_TOKEN: without it monday answers nothing.")
    transport = MondayTransport(settings.api_url, settings.token, version=settings.monday_version)
    with MondayClient(transport, attempts=4) as client:
        client.check_version()
        yield client


def _settings_for(url: str | None, schema: str | None) -> Settings:
    given = {"database_url": url, "database_schema": schema}
    return load_settings(checked=False, **{name: value for name, value in given.items() if value})


@contextmanager
def _opened(kind: type[D], settings: Settings) -> Iterator[tuple[D, Tables]]:
    """The database with its tables, checked."""
    database, tables = kind(settings.database, access_token=settings.access_token), tables_of(settings)
    try:
        check_tables(database, tables)
        check_sources(database, tables, load_mapping(settings.mapping), settings.mapping)
        yield database, tables
    finally:
        database.dispose()


def _print_json(value: Any) -> None:
    click.echo(plain_text.as_json(value))


if __name__ == "__main__":
    main()
