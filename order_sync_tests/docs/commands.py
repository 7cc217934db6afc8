"""Does a command of the documentation work? It is run on sample orders; what cannot run here is parsed.

In: a command line, and a folder with a copy of the project and with sample orders. Out: nothing, or an AssertionError.
What is not run, and why, is all said in `judge` and ELSEWHERE: a command that none of the rules knows fails.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum, auto
from itertools import pairwise
from pathlib import Path

import click
import httpx
import sqlalchemy as sa
from click.testing import CliRunner

from order_sync.cli.commands import main as order_sync
from order_sync.database.connection import Database
from order_sync.demo.samples import SampleOrders
from order_sync.orders.naming import ORDER_NUMBER
from order_sync.settings import PREFIX, Settings, load_settings, tables_of
from order_sync_tests.graph.stage import ROOT, command, free_port, in_group
from order_sync_tests.waiting import DUE, until

ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)
SEPARATORS = {"|", "||", "&&", ";", "&"}
# Programs that change nothing outside the folder.
HARMLESS = {"cat", "cd", "cp", "echo", "export", "grep", "head", "ls", "mkdir", "mv", "rm", "sort", "tail", "touch"}
# Programs that are not of this project, or that would change the machine. Files that they name must exist.
ELSEWHERE = {
    "apt-get": "changes the machine",
    "chmod": "changes the machine",
    "chown": "changes the machine",
    "crontab": "changes the machine",
    "curl": "asks a server that the page started in another terminal",
    "dnf": "changes the machine",
    "docker": "needs Docker",
    "git": "needs a remote repository",
    "helm": "needs Kubernetes",
    "install": "changes the machine",
    "kubectl": "needs Kubernetes",
    "notepad": "needs the reader",
    "pre-commit": "needs a clone, and installs a hook in it",
    "psql": "needs the reader's Postgres",
    "schtasks": "needs Windows",
    "sqlcmd": "needs SQL Server",
    "systemctl": "changes the machine",
    "useradd": "changes the machine",
}
# Nothing is run that names a place outside the folder.
OUTSIDE = re.compile(r"(^|[\s=<>'\"])(/(?!dev/null)|~|\.\.)")
NAMES_A_FILE = {"-f", "--file", "-r", "--requirement", "-c", "--constraint", "--values", "--config", "-w"}
# Where the embedded deployment stands for the reader's own: what a page sets there must exist, and is not set.
READERS_OWN = {"DEPLOYMENT", "DATABASE_URL", "DATABASE_ACCESS_TOKEN", "DATABASE_SCHEMA", "MONDAY_TOKEN", "HOME"}
READERS_OWN |= {"MONDAY_URL", "MONDAY_BOARD_ID", "MAPPING"}


class Way(StrEnum):
    RUN = auto()  # `order-sync` in this process
    SERVE = auto()  # started, seen to serve, ended by Ctrl-C
    SHELL = auto()  # run by bash
    PARSE = auto()  # its words are checked, nothing is run


@dataclass(kw_only=True)
class Shop:
    """The folder, its sample orders, and what `export` has set in it."""

    folder: Path
    samples: SampleOrders
    exported: dict[str, str] = field(default_factory=dict)
    tried: set[tuple[str, ...]] = field(default_factory=set)  # many pages have `order-sync status`: once is enough

    def begin(self) -> None:
        """As in a new terminal."""
        self.exported.clear()
        os.chdir(self.folder)

    def try_out(self, line: str) -> None:
        """Raises AssertionError if the command does not work."""
        line = re.sub(r"\b(RUN_ID|RECORD_UUID|ORDER_NUMBER)\b", lambda match: self._one(match[1]), line)
        parts = [Simple.of(words) for words in simple_commands(line)]
        ways = [judge(part) for part in parts]
        for part in parts:
            assert_settings_exist(part.environment)
        if OUTSIDE.search(line) and Way.SHELL in ways:
            return
        if ways in ([Way.RUN], [Way.SERVE]):
            this = (*parts[0].arguments, *parts[0].environment, *self.exported)
            if this not in self.tried:
                self._run(parts[0]) if ways == [Way.RUN] else self._serve(parts[0])
                self.tried.add(this)
        elif parts[0].program == "export":
            assigned = {name: value for word in parts[0].arguments for name, value in assignment(word).items()}
            assert_settings_exist(assigned)
            self.exported |= own(assigned)
        elif parts[0].program == "cd" and len(parts) == 1:
            (folder,) = parts[0].arguments
            os.chdir(folder)
        elif Way.PARSE not in ways:
            self._shell(line, codes=[0, 1] if Way.RUN in ways else [0])

    def _one(self, what: str) -> str:
        """One of those that there are, for the word that stands for any."""
        if what == "RUN_ID":
            if not (runs := _runs_in_the_log()):
                self.try_out("order-sync sync")
                runs = _runs_in_the_log()
            return runs[0]
        return str(self.samples.headers[0][ORDER_NUMBER if what == "ORDER_NUMBER" else "record_uuid"])

    def _run(self, part: Simple) -> None:
        arguments = list(part.arguments)
        if arguments[:1] == ["trace"]:  # an order that a page invents stands for one of the samples
            known = {str(row[name]) for row in self.samples.headers for name in ("record_uuid", ORDER_NUMBER)}
            some = str(self.samples.headers[0]["record_uuid"])
            arguments = [a if a.startswith("-") or a in known else some for a in arguments]
            arguments[0] = "trace"
        with environment(self.exported | own(part.environment)):
            result = CliRunner().invoke(order_sync, arguments)
        fine = result.exception is None or isinstance(result.exception, SystemExit)
        assert fine, f"order-sync {arguments} raised {result.exception!r}"
        # 1 says that there is something to look at, such as the rows that are wrong on purpose.
        assert result.exit_code in (0, 1), f"order-sync {arguments} ended with {result.exit_code}: {result.output}"

    def _serve(self, part: Simple) -> None:
        own_place = {
            "ORDER_SYNC_MONDAY_URL": f"http://127.0.0.1:{free_port()}/v2",
            "ORDER_SYNC_HOME": str(self.folder / "served"),
        }
        port = [] if "--port" not in part.arguments else ["--port", "0"]
        with in_group(command(*part.arguments, *port), self.folder, own_place) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            (page,) = re.findall(r"http://127\.0\.0\.1:\d+/(?=\s|$)", first)
            until(lambda: httpx.get(page, trust_env=False, follow_redirects=True).is_success, "its page")
            process.send_signal(signal.SIGINT)
            until(lambda: process.poll() is not None, "its end after Ctrl-C", within=DUE)
            assert process.returncode == 0

    def _shell(self, line: str, *, codes: list[int]) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", line],
            env=os.environ | self.exported | {"PATH": path, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=DUE,
        )
        assert done.returncode in codes, f"{line} ended with {done.returncode}: {done.stdout}{done.stderr}"


# ---- what a line says ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Simple:
    """One command without shell syntax around it."""

    program: str
    arguments: Sequence[str]
    environment: Mapping[str, str]

    @classmethod
    def of(cls, words: Sequence[str]) -> Simple:
        given = list(words)
        assigned: dict[str, str] = {}
        while given and (pair := assignment(given[0])):
            assigned |= pair
            given.pop(0)
        while given[:1] == ["sudo"]:
            given.pop(0)
        program = given.pop(0) if given else "export"  # assignments alone
        if program.startswith(".venv/bin/"):
            program = program.removeprefix(".venv/bin/")
        if program in ("python", "python3") and given[:2] == ["-m", "order_sync"]:
            program, given = "order-sync", given[2:]
        if program in ("python", "python3") and given[:2] == ["-m", "pip"]:
            program, given = "pip", given[2:]
        return cls(program=program, arguments=given, environment=assigned)


def _runs_in_the_log() -> list[str]:
    settings = load_settings()
    database = Database(settings.database)
    try:
        return database.column(sa.select(tables_of(settings).log.c.run_id).distinct())
    finally:
        database.dispose()


def simple_commands(line: str) -> Iterator[list[str]]:
    """The words of each command in a line, without redirections."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    skip = False
    for word in lexer:
        if word in SEPARATORS:
            yield words
            words = []
        elif set(word) <= set("<>&"):
            skip = True
        elif skip:
            skip = False
        else:
            words.append(word)
    if words:
        yield words


def assignment(word: str) -> dict[str, str]:
    match = ASSIGNMENT.fullmatch(word)
    return {match["name"]: match["value"]} if match else {}


def own(environment: Mapping[str, str]) -> dict[str, str]:
    """What may be set here: everything but the reader's own database, board and folder."""
    return {name: value for name, value in environment.items() if name.removeprefix(PREFIX) not in READERS_OWN}


def assert_settings_exist(environment: Mapping[str, str]) -> None:
    for name in environment:
        if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}TEST"):
            assert name.removeprefix(PREFIX).lower() in Settings.model_fields, f"there is no setting {name}"


# ---- what is done with it -----------------------------------------------------------------------------


def judge(part: Simple) -> Way:
    """How the command is tried; its words are checked on the way. Raises AssertionError if something in it is wrong."""
    program, arguments = part.program, list(part.arguments)
    if program == "order-sync":
        parse(order_sync, arguments)
        return _way_of_ours(arguments, part.environment)
    if program in CLICK_PROGRAMS:  # Dagster's own: the browser and daemon tests run them
        parse(CLICK_PROGRAMS[program](), arguments)
        return Way.PARSE
    if program == "make":  # CI runs the targets themselves
        subprocess.run(["make", "-n", *arguments], cwd=ROOT, check=True, capture_output=True, timeout=DUE)
        return Way.PARSE
    if program == "pip":  # `make` installs the same in CI
        assert_installable(arguments)
        return Way.PARSE
    if program in ("python", "python3") and arguments[:1] == ["-m"]:  # venv, or tests and benchmarks that take long
        assert importlib.util.find_spec(arguments[1]) is not None, f"there is no module {arguments[1]}"
        if arguments[1] == "pytest":
            assert_files_exist(word for word in arguments[2:] if "/" in word)
        return Way.PARSE
    if program in ("python", "python3"):  # a program of the project, with servers or databases of its own
        assert_files_exist(word for word in arguments[:1])
        return Way.PARSE
    if program in ELSEWHERE:
        named = pairwise(arguments)
        assert_files_exist(word for option, word in named if option in NAMES_A_FILE)
        return Way.PARSE
    assert program in HARMLESS, f"what does {program!r} do? See order_sync_tests/docs/commands.py"
    return Way.SHELL


def _way_of_ours(arguments: Sequence[str], environment: Mapping[str, str]) -> Way:
    if any("mssql+" in word for word in (*arguments, *environment.values())):
        return Way.PARSE  # needs SQL Server
    if arguments[0] == "emulator" and not {"--help", "-h"} & {*arguments}:
        return Way.SERVE
    if arguments[0] == "demo" and {"--ui", "busy"} & {*arguments}:
        return Way.PARSE  # the browser tests run the one, and the other takes minutes
    if arguments[0] == "setup" and not {"--help", "-h"} & {*arguments}:
        return Way.PARSE  # test_setup.py runs it: it asks, and writes the reader's own .env
    return Way.RUN


def parse(program: click.Command, arguments: Sequence[str]) -> None:
    """Raises AssertionError if the command would not take these arguments."""
    rest = list(arguments)
    context: click.Context | None = None
    while isinstance(program, click.Group):
        context = click.Context(program, parent=context, **program.context_settings)
        name = rest.pop(0) if rest else ""
        if name in ("--help", "-h", "--version"):
            return
        child = program.get_command(context, name)
        assert child is not None, f"there is no command {name!r} in {' '.join(arguments)!r}"
        program = child
    try:
        program.make_context(program.name or "", rest, parent=context)
    except click.exceptions.Exit:
        return
    except click.UsageError as error:
        raise AssertionError(f"{' '.join(arguments)}: {error.format_message()}") from None


def assert_installable(arguments: Sequence[str]) -> None:
    """`pip install` of this project, with extras that it has and files that exist."""
    assert arguments[:1] == ["install"], arguments
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert_files_exist(w for o, w in pairwise(arguments) if o in NAMES_A_FILE)
    for word in arguments:
        if match := re.fullmatch(r"\.\[(.+)\]", word):
            assert {*match[1].split(",")} <= {*project["optional-dependencies"]}, f"an extra of {word} does not exist"


def assert_files_exist(names: Iterator[str]) -> None:
    for name in names:
        assert name.startswith("-") or (ROOT / name).exists() or Path(name).exists(), f"there is no {name}"


def _dagster() -> click.Command:
    from dagster._cli import create_dagster_cli

    made: click.Command = create_dagster_cli()  # type: ignore[no-untyped-call]
    return made


def _dg() -> click.Command:
    from dagster_dg_cli.cli import create_dg_cli

    made: click.Command = create_dg_cli()  # type: ignore[no-untyped-call]
    return made


def _webserver() -> click.Command:
    from dagster_webserver.cli import dagster_webserver

    return dagster_webserver


def _daemon() -> click.Command:
    from dagster._daemon.cli import create_dagster_daemon_cli

    return create_dagster_daemon_cli()


CLICK_PROGRAMS: dict[str, Callable[[], click.Command]] = {
    "dagster": _dagster,
    "dg": _dg,
    "dagster-webserver": _webserver,
    "dagster-daemon": _daemon,
}


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """These variables, and afterwards what was before: also what a `.env` file has set."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
