"""In: the settings.
Out: a line for each check: ok, warning or wrong, with what to do; exit code 1 if anything is wrong.
Never: a write."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from order_sync.cli.doctor import board, database
from order_sync.cli.doctor.checks import Check, Found, Level, Result, examine
from order_sync.cli.options import as_json, print_json
from order_sync.orders.mapping import load_mapping
from order_sync.settings import Settings, read_settings
from order_sync.text.counted import counted


@click.command("doctor")
@as_json
def doctor(as_json: bool) -> None:
    """Check everything at once: settings, database, monday, boards, mapping, Dagster and clocks. Changes nothing.

    A line each, with what to do. The exit code is 1 if anything is wrong.
    """
    from order_sync.cli.output.doctor import print_result, print_verdict

    results: list[Result] = []
    for result in _results():
        results.append(result)
        if not as_json:
            print_result(result)
    print_json([asdict(result) for result in results]) if as_json else print_verdict(results)
    sys.exit(1 if any(result.level is Level.WRONG for result in results) else 0)


def _results() -> Iterator[Result]:
    from order_sync.cli.doctor import instance

    settings, wrong = read_settings()
    first = [Result(level=Level.WRONG, check="settings", text=text) for text in wrong]
    if not wrong:
        first.append(Result(level=Level.OK, check="settings", text=f"the {settings.deployment} deployment"))
    if settings.dry_run:
        text = "ORDER_SYNC_DRY_RUN is set: nothing is written until you unset it"
        first.append(Result(level=Level.WARNING, check="settings", text=text))
    yield from first
    checks = (
        Check(name="mapping", look=_mapping),
        Check(name="driver", look=database.driver),
        Check(name="database", look=database.connection, needs=("driver",)),
        Check(name="tables", look=database.tables, needs=("database", "mapping")),
        Check(name="clock", look=database.clock, needs=("database",)),
        Check(name="monday", look=board.api),
        Check(name="token", look=board.token, needs=("monday",)),
        Check(name="boards", look=board.boards, needs=("monday", "mapping")),
        Check(name="Dagster", look=instance.instance),
        Check(name="daemon", look=instance.daemon, needs=("Dagster",)),
        Check(name="automation", look=instance.automation, needs=("Dagster", "mapping")),
    )
    yield from examine(settings, checks, said=first)


def _mapping(settings: Settings) -> Found:
    mapping = load_mapping(settings.mapping)
    columns = len(mapping.items.columns) + len(mapping.subitems.columns)
    yield Level.OK, f"{settings.mapping} fills {counted(columns, 'column')}"
