"""In: sample orders, and the settings of an embedded deployment.
Out: the whole product on one machine, by `order-sync demo` and `order-sync emulator`.
Never: SQL Server or monday itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from order_sync.cli.access import compared, monday
from order_sync.orders.errors import ConfigurationError, OrderSyncError
from order_sync.orders.faults import RunFault
from order_sync.orders.mapping import load_mapping
from order_sync.settings import EMBEDDED_PORT, Settings, load_settings
from order_sync.text.counted import counted

if TYPE_CHECKING:
    from order_sync.demo.samples import SampleOrders

WORKSPACE_FILE = "workspace.yaml"


@click.command()
@click.option(
    "--orders",
    type=click.Choice(["small", "busy"]),
    default="small",
    show_default=True,
    help="small: 65 orders of one customer; busy: a busy day of 34 customers in 7,419 header rows, and then a tenth of "
    "the orders changes and a tenth is cancelled.",
)
@click.option("--ui", is_flag=True, help="Keep running, and serve Dagster's UI and the board page.")
@click.option(
    "--arrive",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only add N new orders to the queue, for the sensor or the next sync.",
)
@click.option(
    "--change", type=click.IntRange(min=1), metavar="N", help="Only change N orders that are on the board, likewise."
)
@click.option(
    "--cancel", type=click.IntRange(min=1), metavar="N", help="Only cancel N orders that are on the board, likewise."
)
@click.option("--ui-port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of Dagster's UI.")
def demo(orders: str, ui: bool, ui_port: int, **later: int | None) -> None:
    """Create a sample database, start the emulator, sync, and show the result."""
    from order_sync.cli import launch
    from order_sync.cli.output.boards import print_agreement
    from order_sync.cli.output.console import console as out
    from order_sync.cli.output.progress import progress
    from order_sync.cli.output.sync import print_summary
    from order_sync.demo import scene

    settings = load_settings(checked=False)
    if settings.deployment != "embedded" and not (any(later.values()) and settings.is_rehearsal):
        raise ConfigurationError(
            "The demo needs the embedded deployment: unset ORDER_SYNC_DEPLOYMENT, here or in .env. (--arrive, --change "
            "and --cancel also work in production settings with a SQLite database and a local monday.)",
            RunFault.DEMO,
        )
    settings.check()
    settings.check_may_write()
    if any(later.values()):
        queued = scene.queue_orders(settings, **{name: count or 0 for name, count in later.items()})
        out.print(f"Queued {', '.join(queued)} in ORDER_LIST_DELTA. Next: order-sync sync, or wait for the sensor.")
        return
    if ui:
        _check_port_is_free(ui_port)
    if launch.provide_instance_file():
        out.print(f"Wrote {launch.INSTANCE_FILE} into this folder: where Dagster keeps the history of runs.")
    with ExitStack() as stack:
        alone = stack.enter_context(scene.only_demo(settings))
        added = scene.prepare_database(settings, orders)
        shown = settings.home / "orders.db" if settings.database_url is None else "of ORDER_SYNC_DATABASE_URL"
        out.print(
            f"Database {shown}: " + (_described(orders, added) if added else "kept."), markup=False, highlight=False
        )
        page_url = stack.enter_context(scene.emulator(settings, state_file=settings.home / scene.STATE_FILE))
        out.print(f"monday emulator at {page_url}")
        _fit_board(settings)

        def sync() -> None:
            with progress(quiet=False):
                summary = launch.sync(settings)
            print_summary(summary)

        sync()
        if added and orders == "busy":
            out.print(f"The next day: {' and '.join(scene.queue_a_day(settings))}.")
            sync()
        report = compared(settings, days=0)
        print_agreement(report)
        if ui:
            alone.release()  # another demo may run while this one only serves the pages
            _stay(settings, page_url, ui_port)
        else:
            out.print(f"To see the board ({page_url}) and the lineage in Dagster, run: order-sync demo --ui")
    if not report.agrees:
        sys.exit(1)


def _described(size: str, sample: SampleOrders) -> str:
    """What was added, so that the numbers of the run can be followed."""
    rows = f"{counted(len(sample.headers), 'header row')} and {counted(len(sample.lines), 'line row')}"
    invalid = f"{counted(len(sample.expected_rejections), 'row')} invalid on purpose"
    return (
        f"added the '{size}' sample orders: {counted(len(sample.orders), 'order')} in {rows}, {invalid}. An order has "
        "several header rows if it was queued more than once; they share one item."
    )


def _fit_board(settings: Settings) -> None:
    """The board of an earlier demo may lack a column that the mapping has now."""
    from order_sync.cli.output.console import console
    from order_sync.monday.setup import add_columns

    mapping = load_mapping(settings.mapping)
    with monday(settings) as client:
        added = [column for board_id in settings.board_ids for column in add_columns(client, board_id, mapping)]
    if added:
        console.print(f"Added to the board, as the mapping has it now: {', '.join(added)}", markup=False)


def _check_port_is_free(port: int) -> None:
    """Otherwise the next demo's orders would end up in another one's UI."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ConfigurationError(
                f"Port {port} is in use. Choose another port for Dagster's UI with --ui-port.", RunFault.DEMO
            )


def _stay(settings: Settings, page_url: str, port: int) -> None:
    """Runs Dagster's UI and daemon beside the board page until Ctrl-C. Prints both addresses once the UI answers."""
    from order_sync.cli.output.console import console

    console.print("Starting Dagster's UI ...")
    environment = os.environ | {"DAGSTER_HOME": os.environ.get("DAGSTER_HOME") or str(Path.cwd())}
    command = [sys.executable, "-m", "dagster_dg_cli.cli", "dev", "-h", "127.0.0.1", "-p", str(port)]
    command += ["--log-level", "warning"]  # a line for each tick of a sensor would scroll the addresses away
    in_project = (Path.cwd() / WORKSPACE_FILE).exists()
    command += ["-w", WORKSPACE_FILE] if in_project else ["-m", "order_sync.definitions"]
    # SIGTERM acts like Ctrl-C: Dagster's processes must end too. They handle SIGTERM and SIGINT alike, but a shell
    # makes a background process ignore SIGINT.
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.default_int_handler)
    process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own command line
    try:
        if _answers(f"http://127.0.0.1:{port}/server_info", process):
            console.print(
                "In another terminal, run order-sync demo --arrive 5, --change 10 or --cancel 5; the sensor picks "
                "them up. Ctrl-C stops everything."
            )
            console.print(f"Dagster: http://127.0.0.1:{port}/asset-groups")
            console.print(f"Board:   {page_url}")
        code = process.wait()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must leave no process behind
        console.print("Stopping ...")
        process.terminate()
        process.wait()
        return
    if code:
        raise OrderSyncError(f"Dagster's UI exited with code {code}; see its output above.", RunFault.UI_ENDED)


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Waits until the UI answers; False if its process ends before."""
    import httpx

    while process.poll() is None:
        try:
            if httpx.get(url, timeout=5, trust_env=False).is_success:
                return True
        except httpx.HTTPError:
            time.sleep(0.2)
    return False


@click.command()
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file with limits, latency, faults and more; see docs/emulator.md.",
)
@click.option("--host", metavar="ADDRESS", help="Address to listen on [default: 127.0.0.1].")
@click.option(
    "--allow-remote",
    is_flag=True,
    default=None,
    help="Allow a --host that other machines can reach. Use it with sample data only.",
)
@click.option("--port", type=click.IntRange(0, 65535), help=f"Port [default: {EMBEDDED_PORT}; 0: a free one].")
@click.option("--memory", is_flag=True, help="Keep the board in memory only, not in a file.")
@click.option("--latency", "latency_ms", type=click.FloatRange(min=0), metavar="MS", help="Latency of each request.")
@click.option(
    "--mutation", "mutation_ms", type=click.FloatRange(min=0), metavar="MS", help="Extra latency of each mutation."
)
def emulator(config: Path | None, memory: bool, **options: Any) -> None:
    """Serve a local monday.com with a board made from the mapping, and a page that shows it."""
    from order_sync.demo import scene

    scene.serve_emulator(load_settings(checked=False), config=config, memory=memory, options=options)
