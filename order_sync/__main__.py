"""`order-sync`, and `python -m order_sync`: the commands, and an end in one line however they end.

In: the command line. Out: an exit code. Never: a traceback for Ctrl-C, not even while modules are imported.
"""

from __future__ import annotations

import gc

from order_sync.cli import stop

# Python looks for garbage after every 700 new objects. Modules are none, and a fifth of the time of a short command.
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
