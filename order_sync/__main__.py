"""`order-sync` and `python -m order_sync`: the commands, with at most one line of error output.

In: the command line. Out: an exit code. Never: a traceback for Ctrl-C, not even while modules are imported.
"""

from __future__ import annotations

import gc

from order_sync.cli import stop

# By default Python collects garbage after every 700 new objects: a fifth of a short command's time, spent on imports.
OBJECTS = 50_000


def main() -> None:
    gc.set_threshold(OBJECTS)
    stop.listen()
    with stop.in_one_line():
        try:
            from order_sync.cli.commands import main as commands

            commands()
        finally:
            try:
                stop.flush()
            except BrokenPipeError:
                raise
            except OSError as error:
                stop.fail(error)


if __name__ == "__main__":
    main()
