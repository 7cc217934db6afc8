"""A folder may be called what its owner likes: what a URL would take for its own is part of the name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from order_sync.cli.commands import main
from order_sync.emulator import Emulator
from order_sync_tests.graph.stage import Record, Stage, stage_in

# Each character that a URL or a shell gives a meaning, and each together with others: a whole run for each home.
HOMES = ("or?mode=memory #1%23", "100% or?der ", "Žluťoučký ☂ a&b=c;d+e a:b@c")
NAMES = ("or#der", "or?der", "or?mode=memory", "or%23der", "100%", "or der ", "Žluťoučký ☂", "a&b=c;d+e", "a:b@c")


def files(folder: Path) -> set[str]:
    """Without the two that SQLite keeps beside a database while somebody has it open, or read it last."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.endswith(("-wal", "-shm"))}


@pytest.fixture(params=HOMES)
def odd(request: pytest.FixtureRequest, board_process: Emulator, tmp_path: Path) -> Iterator[Stage]:
    """A stage with an odd home."""
    folder = tmp_path / "project"
    folder.mkdir()
    with stage_in(folder, board_process, Record.IN_MEMORY, ORDER_SYNC_HOME=str(folder / request.param)) as stage:
        yield stage


def test_a_home_of_any_name_holds_the_database(odd: Stage) -> None:
    assert odd.database_file.exists()
    odd.add_orders(2)
    before = files(odd.folder.parent)
    for arguments in (["sync", "--dry-run", "--json"], ["status"], ["report"], ["db", "check"]):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.stderr
        assert files(odd.folder.parent) == before, arguments
    done = CliRunner().invoke(main, ["sync", "--json"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["orders_synced"] == 2
    assert odd.unsynced() == 0
    made = files(odd.folder.parent) - before
    allowed = ("project/dagster/", f"project/{odd.settings.home.name}/")
    assert [path for path in made if not path.startswith(allowed)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_quoted_url_names_a_file_of_any_name(board_process: Emulator, tmp_path: Path, name: str) -> None:
    url = f"sqlite:///{quote((tmp_path / f'{name}.db').as_posix())}"
    with stage_in(tmp_path, board_process):
        before = files(tmp_path)
        assert CliRunner().invoke(main, ["db", "check", "--url", url]).exit_code == 2
        assert files(tmp_path) == before
        assert CliRunner().invoke(main, ["db", "init", "--url", url]).exit_code == 0
        assert files(tmp_path) == before | {f"{name}.db"}
        assert CliRunner().invoke(main, ["db", "check", "--url", url]).exit_code == 0
        assert files(tmp_path) == before | {f"{name}.db"}


@pytest.mark.parametrize("rest", ["a?b.db", "a.db?mode=rwc", "file:a.db?uri=true", "file:a.db"])
def test_a_sqlite_url_takes_no_options(board_process: Emulator, tmp_path: Path, rest: str) -> None:
    with stage_in(tmp_path, board_process):
        before = files(tmp_path)
        for command in ("check", "init"):
            done = CliRunner().invoke(main, ["db", command, "--url", f"sqlite:///{rest}"])
            assert (done.exit_code, type(done.exception)) == (2, SystemExit), done.exception
            assert "%3F" in done.stderr
        assert files(tmp_path) == before


@pytest.mark.parametrize("name", ["or?der", "or%23der"])
def test_dagster_is_not_let_write_elsewhere(board_process: Emulator, tmp_path: Path, name: str) -> None:
    """Its own SQLite storage does not quote its folder."""
    folder = tmp_path / name
    folder.mkdir()
    with stage_in(folder, board_process, ORDER_SYNC_HOME=str(tmp_path / "home")):
        before = files(tmp_path)
        done = CliRunner().invoke(main, ["sync"])
        assert done.exit_code == 2, done.output
        assert "Dagster" in done.stderr
        assert name in done.stderr
        assert files(tmp_path) - before <= {"home/dagster.lock"}
        assert CliRunner().invoke(main, ["sync", "--dry-run"]).exit_code == 0
        assert files(tmp_path) - before <= {"home/dagster.lock"}
