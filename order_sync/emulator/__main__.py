"""In: `--config file.toml` and a few options, or settings from a parent process.
Out: the emulator in the foreground, its addresses on standard output.
Never: a traceback for what a user can fix (a port in use, a wrong setting): one line instead."""

from __future__ import annotations

import gc
import sys
import tomllib
from pathlib import Path

import click
from pydantic import ValidationError

from order_sync.emulator.errors import EmulatorError
from order_sync.emulator.process import FROM_PARENT, serve_parent
from order_sync.emulator.server import serve
from order_sync.emulator.settings import EmulatorSettings, in_one_line

# By default Python collects garbage after every 700 new objects, and each time looks through whole boards in the end.
OBJECTS = 50_000


@click.command(name="python -m order_sync.emulator")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A TOML file.")
@click.option("--host", help="Address to listen on (default: from the file, else 127.0.0.1).")
@click.option("--allow-remote", is_flag=True, default=None, help="Take a --host that other machines reach.")
@click.option("--port", type=int, help="Port to listen on (default: from the file, else a free one).")
@click.option("--state-file", type=click.Path(dir_okay=False, path_type=Path), help="Keep the boards here.")
@click.option(FROM_PARENT, is_flag=True, hidden=True)
def main(
    config: Path | None,
    host: str | None,
    allow_remote: bool | None,
    port: int | None,
    state_file: Path | None,
    from_parent: bool,
) -> None:
    """A local monday.com: GraphQL API and board page on loopback."""
    gc.freeze()
    gc.set_threshold(OBJECTS)
    try:
        if from_parent:
            serve_parent()
            return
        settings = EmulatorSettings.from_toml(config) if config else EmulatorSettings()
        given = {"host": host, "allow_remote": allow_remote, "port": port, "state_file": state_file}
        changes = {name: value for name, value in given.items() if value is not None}
        serve(EmulatorSettings.model_validate({**settings.model_dump(), **changes}))
    except ValidationError as error:
        sys.exit(f"monday emulator: {in_one_line(error)}")
    except (EmulatorError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        sys.exit(f"monday emulator: {error}")


if __name__ == "__main__":
    main()
