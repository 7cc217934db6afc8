"""What a command costs before it does anything: it imports nothing that it does not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from order_sync.database.check import create_all
from order_sync.database.connection import WritableDatabase
from order_sync.database.tables import make_tables

HEAVY = {"dagster", "pandas", "numpy", "gql", "graphql", "httpx", "starlette", "uvicorn", "order_sync.emulator"}
IMPORTED = """
import atexit, sys
atexit.register(lambda: print("imported:", *sys.modules, file=sys.stderr))
from order_sync.cli.commands import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["status"], ["trace", "4711"], ["report"], ["retry"], ["db", "check"]]
)
def test_a_command_imports_nothing_that_it_does_not_use(tmp_path: Path, arguments: list[str]) -> None:
    database = WritableDatabase(f"sqlite:///{tmp_path / 'orders.db'}")
    create_all(database, make_tables())
    database.dispose()
    command = [sys.executable, "-c", IMPORTED, *arguments]
    environment = {"ORDER_SYNC_HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    _, found, modules = done.stderr.partition("imported:")
    assert found, done.stderr
    assert "order_sync.cli.commands" in modules.split()
    assert HEAVY.intersection(modules.split()) == set()
