"""The command group `order-sync`.

Exit code 0: every claimed row is SYNCED, and no order needs attention. 1: rows were rejected or held back, or orders
wait that no run can claim. 2: the command failed.
"""

from __future__ import annotations

import sys
import warnings
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from order_sync import __version__
from order_sync.cli import adopt, apply, boards, db, demo, explain, queue, reports, stop, sync
from order_sync.cli.doctor.command import doctor
from order_sync.cli.setup.command import setup
from order_sync.database.sql_server import reason
from order_sync.orders.errors import Interrupted, OrderSyncError
from order_sync.orders.faults import DatabaseFault, RunFault
from order_sync.settings import Settings
from order_sync.text.known_secrets import mask_logs, masked_errors
from order_sync.variables import load_env_file


class _Commands(click.Group):
    """Prints order_sync's own errors as one line and exits with code 2."""

    def make_context(self, *given: Any, **more: Any) -> click.Context:
        with stop.in_one_line():  # --help prints while the context is being made
            return super().make_context(*given, **more)

    def invoke(self, ctx: click.Context) -> Any:
        with stop.in_one_line():
            return self._invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each command with the whole first sentence of its help, on as many lines as that takes."""
        with formatter.section("Commands"):
            commands = ((name, self.commands[name]) for name in self.list_commands(ctx))
            formatter.write_dl([(name, command.get_short_help_str(limit=200)) for name, command in commands])

    def _invoke(self, ctx: click.Context) -> Any:
        from order_sync.cli.output.console import print_error

        try:
            return super().invoke(ctx)
        except OrderSyncError as error:
            print_error(error)
            sys.exit(stop.INTERRUPTED if isinstance(error, Interrupted) else 2)
        except SQLAlchemyError as error:
            print_error(OrderSyncError(f"The database reports: {reason(error)}", DatabaseFault.REPORTED))
        except BrokenPipeError:
            raise
        except OSError as error:
            stop.silence()
            print_error(OrderSyncError(" ".join(str(error).split()), RunFault.OS_ERROR))
        except Exception as error:
            # Unexpected: show the traceback, without secrets that a library may have put into the message.
            with masked_errors():
                raise error
        sys.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="order-sync")
def main() -> None:
    """Syncs pending orders from SQL Server to monday.com boards, exactly once."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a pipe on Windows cannot encode every name
            stream.reconfigure(errors="backslashreplace")
    load_env_file(Path.cwd(), Settings.model_fields)
    mask_logs()
    # Dagster warns about its beta features: irrelevant to someone running a sync.
    warnings.filterwarnings("ignore", module=r"dagster\..*")


for command in (
    *(
        sync.sync,
        sync.plan,
        apply.apply,
        queue.status,
        queue.retry,
        reports.trace_order,
        reports.report_orders,
        boards.reconcile_boards,
        boards.undo_job,
    ),
    *(setup, doctor, explain.explain, demo.demo, demo.emulator, db.db, boards.board),
):
    main.add_command(command)
boards.board.add_command(adopt.adopt)
