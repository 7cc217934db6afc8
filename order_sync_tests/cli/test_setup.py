"""`order-sync setup`: typed in a terminal, and without one; against a real server and a real file."""

from __future__ import annotations

import os
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

from order_sync.database.check import create_all
from order_sync.database.connection import WritableDatabase
from order_sync.database.tables import make_tables
from order_sync.demo.samples import arriving_orders, insert_orders
from order_sync.emulator import BoardSeed, ColumnSeed, Emulator, EmulatorSettings, start_emulator
from order_sync_tests.database.test_sql_server import needs_driver
from order_sync_tests.graph.stage import ROOT, command, copy_instance_file
from order_sync_tests.terminal import Terminal, terminal

TOKEN = "token-that-nobody-may-see"
BOARD, CLOSED = 700, 800
COLUMNS = (
    ColumnSeed(id="text_po", title="PO", type="text"),
    ColumnSeed(id="text_cust", title="Customer name", type="text"),
    ColumnSeed(id="numbers_a", title="Total quantity", type="numbers"),
    ColumnSeed(id="date_b", title="Delivery", type="date"),
    ColumnSeed(id="text_free", title="Remarks", type="text"),
    ColumnSeed(id="status_c", title="Order type", type="status", labels=("PRODUCTION", "SAMPLE", "REPEAT")),
)


@pytest.fixture(scope="module")
def monday() -> Iterator[Emulator]:
    boards = (
        BoardSeed(id=BOARD, name="Plan of the year", columns=COLUMNS),
        BoardSeed(id=CLOSED, name="Only to look at", columns=COLUMNS),
    )
    with start_emulator(EmulatorSettings(boards=boards, token=TOKEN, closed_boards=(CLOSED,))) as process:
        yield process


@pytest.fixture
def folder(tmp_path: Path, monday: Emulator) -> Path:
    """A new user's folder, with a database of three orders beside it."""
    monday.reset()
    monday.configure(closed_boards=[CLOSED])
    database = WritableDatabase(f"sqlite:///{tmp_path / 'orders.db'}")
    tables = make_tables()
    create_all(database, tables)
    insert_orders(database, tables, arriving_orders(3, seed=1, created_at=datetime.now(UTC).replace(tzinfo=None)))
    database.dispose()
    copy_instance_file(tmp_path)
    return tmp_path


def alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command without a terminal, and without a setting but those in .env."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORDER_SYNC_")}
    environment |= {"PYTHONPATH": str(ROOT), "DAGSTER_HOME": str(folder)}
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def flags(folder: Path, monday: Emulator, **other: str) -> list[str]:
    given = {"database-url": f"sqlite:///{folder / 'orders.db'}", "token": TOKEN, "monday-url": monday.url}
    given |= {"board": str(BOARD)} | other
    return [word for name, value in given.items() for word in (f"--{name}", value)]


def items(monday: Emulator) -> list[dict[str, Any]]:
    (board,) = (board for board in monday.state()["boards"] if board["id"] == str(BOARD))
    return list(board["items"])


def settings(folder: Path) -> dict[str, str | None]:
    return dotenv_values(folder / ".env")


def mapped(folder: Path) -> dict[str, str]:
    read = tomllib.loads((folder / "mapping.toml").read_text(encoding="utf-8"))
    return {column["column"]: column["source"] for column in read["items"]["columns"]}


def test_a_newcomer_gets_to_the_first_order(folder: Path, monday: Emulator) -> None:
    with terminal(folder, "setup", "--monday-url", monday.url, DAGSTER_HOME=str(folder)) as typed:
        typed.answer("SQL Server (name or address), or a database URL", f"sqlite:///{folder / 'misspelt.db'}")
        typed.answer("Create now? [Y/n]", "n")
        typed.answer("There is no database at", "")
        typed.answer("or a database URL", f"sqlite:///{folder / 'orders.db'}")
        typed.expect("ok  the tables and this user's rights")
        typed.answer("monday API token", "not-a-token")
        typed.answer("monday API token", TOKEN)
        typed.expect("the token belongs to Order Sync (Emulator, member)")
        typed.answer("Board (number", "no such board")
        typed.answer("Board (number", "only to")
        typed.expect("The token's user may only view board 800 ('Only to look at'): let its owner grant")
        typed.answer("Board (number", "1")
        typed.answer("Add now? [Y/n]", "y")
        table = typed.expect("Enter accepts")
        assert "same name" in table
        typed.type("?")
        sources = typed.expect("Enter accepts")
        typed.type("5 STYLE DESCRIPTION")
        typed.answer("Enter accepts", "date_b PO NUMBER")
        typed.expect("is text, but the column is date")
        typed.answer("Enter accepts", "")
        typed.answer("Write these files? [Y/n]", "")
        typed.expect("A live run would create 1 group, 1 item")
        typed.expect("Next: `order-sync sync --limit 1`")
        assert typed.end() == 0
    assert TOKEN not in typed.screen
    listed = {line.partition(": ")[0]: line for line in sources.splitlines() if ": [" in line}
    assert "[STYLE DESCRIPTION]" in listed["items, text"]
    assert "[TOTAL QTY]" in listed["items, number"]
    assert "[ETA CUSTOMER WAREHOUSE DATE]" in listed["items, date"]
    assert "[qty]" in listed["subitems, number"]
    assert items(monday) == []  # a dry run
    assert mapped(folder) == {
        "text_po": "PO NUMBER",
        "text_cust": "CUSTOMER NAME",
        "numbers_a": "TOTAL QTY",
        "date_b": "ETA CUSTOMER WAREHOUSE DATE",
        "text_free": "STYLE DESCRIPTION",
        "status_c": "ORDER TYPE",
    }
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    done = alone(folder, "sync", "--limit", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    (item,) = items(monday)
    assert item["columns"]["text_cust"]
    assert alone(folder, "board", "check").returncode == 0


def test_it_asks_nothing_with_every_flag(folder: Path, monday: Emulator) -> None:
    done = alone(folder, "setup", "--yes", *flags(folder, monday), "--map", "Remarks=CUSTOMER STYLE")
    assert done.returncode == 0, done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert settings(folder)["ORDER_SYNC_MONDAY_TOKEN"] == TOKEN
    assert mapped(folder)["text_free"] == "CUSTOMER STYLE"


def test_what_is_missing_is_named_without_a_terminal(folder: Path, monday: Emulator) -> None:
    done = alone(folder, "setup", "--database-url", f"sqlite:///{folder / 'orders.db'}")
    assert (done.returncode, "--token is missing" in done.stderr) == (2, True)
    unwilling = alone(folder, "setup", *flags(folder, monday))
    assert (unwilling.returncode, "say so with --add-columns" in unwilling.stderr) == (2, True)
    assert not (folder / ".env").exists()


def test_a_second_time_keeps_what_is_there(folder: Path, monday: Emulator) -> None:
    (folder / ".env").write_text("# ours\nOTHER=1\nORDER_SYNC_WRITERS=2\n", encoding="utf-8")
    assert alone(folder, "setup", "--yes", *flags(folder, monday)).returncode == 0
    mapping = folder / "mapping.toml"
    mapping.write_text("# by hand\n" + mapping.read_text(encoding="utf-8"), encoding="utf-8")
    before = {name: (folder / name).read_text(encoding="utf-8") for name in (".env", "mapping.toml")}
    with terminal(folder, "setup", DAGSTER_HOME=str(folder)) as typed:
        for question in ("or a database URL", "monday API token", "Board (number", "Enter accepts"):
            typed.answer(question, "")
        typed.expect("Nothing changes in .env and the mapping.")
        assert typed.end() == 0
    assert {name: (folder / name).read_text(encoding="utf-8") for name in before} == before
    changed = alone(folder, "setup", "--yes", "--map", "text_free=CUSTOMER STYLE")
    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert '+source = "CUSTOMER STYLE"' in changed.stdout
    assert (folder / "mapping.toml.bak").read_text(encoding="utf-8") == before["mapping.toml"]
    assert mapping.read_text(encoding="utf-8").startswith("# by hand\n")
    assert "OTHER=1\nORDER_SYNC_WRITERS=2\n" in before[".env"]


def test_a_new_board_fits_at_once(folder: Path, monday: Emulator) -> None:
    given = flags(folder, monday)
    del given[-2:]
    done = alone(folder, "setup", "--yes", *given, "--new-board", "Made by setup")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "created board" in done.stdout
    assert alone(folder, "board", "check").returncode == 0


def test_tables_of_an_empty_database_are_created(folder: Path, monday: Emulator) -> None:
    given = {"database-url": f"sqlite:///{folder / 'new' / 'orders.db'}"}
    refused = alone(folder, "setup", "--yes", "--no-create-tables", *flags(folder, monday, **given))
    assert (refused.returncode, "There is no database at" in refused.stderr) == (2, True)
    done = alone(folder, "setup", "--yes", *flags(folder, monday, **given))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing to do" in done.stdout


def test_files_that_are_not_wanted_leave_what_was_made(folder: Path, monday: Emulator) -> None:
    made = folder / "new" / "orders.db"
    given = flags(folder, monday, **{"database-url": f"sqlite:///{made}"})
    with terminal(folder, "setup", *given, DAGSTER_HOME=str(folder)) as typed:
        typed.answer("Create now? [Y/n]", "y")
        typed.answer("Add now? [Y/n]", "y")
        typed.answer("Enter accepts", "")
        typed.answer("Write these files? [Y/n]", "n")
        typed.expect("Neither .env nor the mapping was written.")
        assert typed.end() == 2
    said = " ".join(typed.screen.split())
    assert f"stays: the database file {made};" in said
    assert f"a text column for the line's line_uuid on board {BOARD}." in said
    assert not (folder / ".env").exists()


def test_a_viewer_s_token_is_refused(folder: Path, monday: Emulator) -> None:
    monday.configure(user_kind="view_only")
    done = alone(folder, "setup", "--yes", *flags(folder, monday))
    assert (done.returncode, "may only view boards" in done.stderr) == (2, True)
    assert not (folder / ".env").exists()
    monday.configure(user_kind="member")


@pytest.mark.parametrize("password", ["plain", "p@ss:w/rd?#%", 'it\'s $HOME ${X} "q"', "back\\slash"])
def test_a_password_survives_the_file(tmp_path: Path, password: str) -> None:
    import sqlalchemy as sa

    from order_sync.cli.setup.files import draft_env

    url = sa.URL.create("mssql+pyodbc", "login", password, "SRV\\INST", 1433, "db").render_as_string(
        hide_password=False
    )
    draft_env(tmp_path, {"ORDER_SYNC_DATABASE_URL": url}).write()
    read = dotenv_values(tmp_path / ".env")["ORDER_SYNC_DATABASE_URL"]
    assert sa.make_url(read or "").password == password


def typed_login(typed: Terminal) -> None:
    typed.answer("SQL Server (name or address)", "127.0.0.1,9")
    typed.answer("Database:", "Orders")
    typed.answer("User (Enter: your Windows login)", "clerk")
    typed.answer("Password of clerk", "s3cret/p@ss")


def test_a_missing_driver_is_found_before_the_login(tmp_path: Path) -> None:
    empty = tmp_path / "mssql_python_odbc"  # a package without a driver in it
    empty.mkdir()
    (empty / "__init__.py").touch()
    packages = os.pathsep.join([str(tmp_path), str(ROOT)])
    with terminal(tmp_path, "setup", PYTHONPATH=packages, ODBCSYSINI=str(empty)) as typed:
        typed.answer("SQL Server (name or address)", "SQL01")
        typed.expect("OS-204: ")
        assert typed.end() == 2
    assert "Database:" not in typed.screen
    assert typed.screen.count("SQL Server (name or address)") == 1


@needs_driver
def test_a_server_that_does_not_answer_is_asked_again(tmp_path: Path) -> None:
    with terminal(tmp_path, "setup") as typed:
        typed_login(typed)
        typed.expect("order-sync: ")
        typed.expect("SQL Server (name or address)")
    assert "s3cret" not in typed.screen
    assert "p@ss" not in typed.screen
