"""In: a plan that `order-sync plan --out FILE.json` wrote.
Out: its actions, each once, whoever applies it and how often; or what has changed since.
Never: an action that the plan does not name."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from order_sync.cli.access import opened
from order_sync.cli.options import as_json, print_json
from order_sync.database.connection import Database
from order_sync.database.row_states import RowState, states_of
from order_sync.orders.states import State
from order_sync.settings import load_settings
from order_sync.text.counted import counted

if TYPE_CHECKING:
    from order_sync.sync.plan_file import PlanFile


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json
def apply(file: Path, as_json: bool) -> None:
    """Carry out a plan written by `order-sync plan --out FILE.json`, and nothing else.

    If anything has changed since, it reports the change and does nothing. A plan that was applied already is finished:
    it says so, and does nothing a second time.
    """
    from order_sync.cli import launch
    from order_sync.cli.sync import run_live
    from order_sync.sync.plan_file import read_plan_file

    settings, kept = load_settings(), read_plan_file(file.resolve())
    if settings.dry_run:
        raise click.UsageError("ORDER_SYNC_DRY_RUN is set: unset it to apply a plan.")
    with opened(Database, settings) as (database, tables):
        states = states_of(database, tables, list(kept.rows))
    if all(key in states and states[key].is_final for key in kept.rows):
        sys.exit(_report_finished(kept, states, as_json))
    kept.check_waiting({key: str(state) for key, state in states.items() if state.is_final}, states.keys())
    kept.compare(launch.plan(settings, plan_file=kept.path, cancel=kept.cancels))
    summary = run_live(settings, as_json, plan_file=kept.path, cancel=kept.cancels)
    sys.exit(0 if summary.complete else 1)


def _report_finished(kept: PlanFile, states: Mapping[str, RowState], as_json: bool) -> int:
    """Reports that nothing is left to do; 1 if rows of the plan are rejected."""
    from order_sync.cli.output.console import console

    rows = Counter(state.state for state in states.values())
    runs = sorted({state.run_id for state in states.values() if state.run_id})
    synced, rejected = rows[State.SYNCED], rows[State.ERROR]
    if as_json:
        print_json({"already_applied": True, "rows_synced": synced, "rows_rejected": rejected, "runs": runs})
    elif not kept.rows:
        console.print("[green]Nothing to do:[/] the plan has no actions.")
    else:
        left = f", {rejected:,} rejected (order-sync status)" if rejected else ""
        by = f" Run: {', '.join(runs)}." if runs else ""
        console.print(
            f"[green]Nothing to do:[/] the plan was carried out already. {counted(synced, 'row')} SYNCED{left}.{by}"
        )
    return 1 if rejected else 0
