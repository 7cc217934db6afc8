"""In: flags, and the answers of a person.
Out: .env and the mapping file, a dry run of one order, and the next command.
Never: a file before every answer was tried; a value on a board or in a queue."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from order_sync.cli.access import connected, monday
from order_sync.cli.output.console import console
from order_sync.cli.setup import board as boards
from order_sync.cli.setup import columns, database, files
from order_sync.cli.setup.ask import Asker
from order_sync.database.connection import Database
from order_sync.database.sources import line_sources, order_sources
from order_sync.orders.errors import OrderSyncError
from order_sync.orders.faults import RunFault
from order_sync.orders.mapping import DEFAULT_MAPPING, OrderColumn, load_mapping
from order_sync.orders.toml_file import read_text
from order_sync.settings import PREFIX, Settings, load_settings

MAPPING_FILE = "mapping.toml"


@click.command("setup")
@click.option("--database-url", metavar="URL", help="SQLAlchemy URL of the database, instead of the next four.")
@click.option("--server", metavar="NAME", help="SQL Server: SERVER, SERVER\\INSTANCE or SERVER,PORT.")
@click.option("--database", metavar="NAME", help="Database on that server.")
@click.option("--user", metavar="NAME", help="SQL Server login; '' for your Windows login.")
@click.option(
    "--password", metavar="TEXT", help="Its password; better typed when asked for, or in --database-url's variable."
)
@click.option("--schema", metavar="NAME", help="Schema of the tables; default: dbo.")
@click.option("--create-tables/--no-create-tables", default=None, help="Create or upgrade missing tables.")
@click.option("--token", metavar="TEXT", help="monday API token; better typed when asked for.")
@click.option("--monday-url", metavar="URL", help="API address; http://127.0.0.1:8765/v2 for `order-sync emulator`.")
@click.option("--board", metavar="ID", help="Board for the orders.")
@click.option("--new-board", metavar="NAME", help="Create a board with every column of the mapping.")
@click.option("--add-columns/--no-add-columns", default=None, help="Add key columns and subitems that the board lacks.")
@click.option(
    "--map",
    "changes",
    metavar="COLUMN=SOURCE",
    multiple=True,
    help="Fill a column of the board from SOURCE, '' for nothing; repeatable. The other proposals are accepted.",
)
@click.option(
    "--mapping",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Mapping file to write; default: mapping.toml.",
)
@click.option("--yes", is_flag=True, help="Ask nothing: keep what is set, accept the proposals, write the files.")
def setup(**flags: Any) -> None:
    """Set up order_sync: database, monday token, board and mapping, each tried at once.

    Writes .env and the mapping file in this folder, and ends with a dry run of one order. It can be run again: what
    is set already is proposed, and earlier files are kept with the suffix .bak.
    """
    asker = Asker(yes=flags["yes"])
    base = _present_mapping()
    settings, ready = _database(asker, flags, base)
    given, present = flags["token"], _present("MONDAY_TOKEN")
    url = flags["monday_url"] or _present("MONDAY_URL")
    settings = boards.ask_token(asker, settings, given=given, present=present, url=url)
    with connected(Database, settings) as (opened, tables):
        sources = {"items": order_sources(opened, tables) if ready else _known(base), "subitems": line_sources(tables)}
    settings, text = _board(asker, settings, flags, base, sources)
    target = flags["mapping"] or (base if base != DEFAULT_MAPPING else Path(MAPPING_FILE))
    settings = _write(asker, settings, target, text)
    sys.exit(_try_one_order(settings, ready))


def _database(asker: Asker, flags: dict[str, Any], mapping: Path) -> tuple[Settings, bool]:
    names = ("server", "database", "user", "password", "schema", "create_tables")
    given = database.DatabaseFlags(url=flags["database_url"], **{name: flags[name] for name in names})
    settings = database.ask_database(asker, given, _present("DATABASE_URL"), mapping)
    return settings, database.check_database(asker, settings, given)


def _board(
    asker: Asker, settings: Settings, flags: dict[str, Any], base: Path, sources: dict[str, list[OrderColumn]]
) -> tuple[Settings, str]:
    """The settings with the board, and the text of the mapping for it."""
    mapping = load_mapping(base)
    given, new = flags["board"], flags["new_board"]
    with monday(settings) as client:
        board_id = boards.ask_board(asker, client, mapping, given=given, new=new, present=_present("MONDAY_BOARD_ID"))
        chosen = boards.complete(asker, client, board_id, mapping, may_add=flags["add_columns"])
    entries = columns.ask_columns(asker, chosen, mapping, sources, flags["changes"])
    from order_sync.orders.mapping_file import with_columns

    text = with_columns(read_text(base, what="The mapping"), entries, chosen.keys)
    return load_settings(checked=False, **boards.overrides(settings) | {"monday_board_id": board_id}), text


def _write(asker: Asker, settings: Settings, target: Path, text: str) -> Settings:
    """Writes what has changed, with consent; returns the settings as the files have them."""
    variables = files.variables_of(settings, target)
    env, mapping = files.draft_env(Path.cwd(), variables), files.draft(target, text)
    if not (env.changes or mapping.changes):
        console.print("Nothing changes in .env and the mapping.")
    else:
        files.print_drafts(env, mapping, variables)
        if not asker.agrees("Write these files?", "--yes"):
            made = f" What was made before stays: {'; '.join(asker.made)}." if asker.made else ""
            raise OrderSyncError(f"Neither .env nor the mapping was written.{made}", RunFault.INTERRUPTED)
        for each in (mapping, env):
            if each.changes:
                each.write()
        kept = [f"{each.path}{files.BACKUP}" for each in (env, mapping) if each.changes and each.before is not None]
        console.print(f"[green]Written.[/]{' The earlier files: ' if kept else ''}{escape(', '.join(kept))}")
    from order_sync.cli import launch

    if launch.provide_instance_file():
        console.print(f"Wrote {launch.INSTANCE_FILE}: where Dagster keeps the history of runs.")
    for name in files.overridden(env.path, variables):
        console.print(f"[yellow]note[/]  {name} is also set in the environment, to another value, which wins over .env")
    return load_settings(checked=False, **boards.overrides(settings) | {"mapping": target})


def _try_one_order(settings: Settings, ready: bool) -> int:
    if not ready:
        console.print(
            "The tables are not ready, so no order can be planned yet. Next: order-sync db check", markup=False
        )
        return 1
    from order_sync.cli import launch
    from order_sync.cli.output.plan import print_dry_run

    console.print("Dry run of one order ...")
    plan = launch.plan(settings, limit=1)
    print_dry_run(plan)
    first = "`order-sync sync --limit 1` writes this order" if plan.rows else "`order-sync sync` once orders wait"
    console.print(f"Next: {first}; `order-sync doctor` checks everything at any time.", markup=False)
    return 0


def _present_mapping() -> Path:
    """The mapping in use, to begin with."""
    named = Path(_present("MAPPING") or MAPPING_FILE)
    return named if named.exists() else DEFAULT_MAPPING


def _known(mapping: Path) -> list[OrderColumn]:
    """The columns that the mapping names, where the tables cannot be read yet."""
    return [OrderColumn(name=source) for source in load_mapping(mapping).item_sources]


def _present(name: str) -> str | None:
    """What is set already, as text: an invalid value must not keep anyone from setting it anew."""
    return os.environ.get(PREFIX + name) or None
