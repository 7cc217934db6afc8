"""The token and the database's password: nowhere in what people or Dagster keep, print or show."""

from __future__ import annotations

import base64
import json
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import httpx
import pytest
import sqlalchemy as sa
from dagster._serdes import serialize_value
from sqlalchemy.exc import DBAPIError

from order_sync.cli import launch
from order_sync.database.connection import Database
from order_sync.definitions import build_definitions
from order_sync.demo.board import board_seed
from order_sync.demo.samples import SampleOrders, arriving_orders
from order_sync.deployments import resources
from order_sync.emulator import Emulator, EmulatorSettings, start_emulator
from order_sync.monday.client import MondayReader
from order_sync.monday.transport import MondayTransport
from order_sync.orders.errors import OrderSyncError
from order_sync.orders.mapping import load_mapping
from order_sync.settings import EMBEDDED_BOARD, Settings, load_settings
from order_sync.sync import bulk_import
from order_sync_tests.graph.echo import Echo, EchoServer, echoing
from order_sync_tests.graph.stage import Stage, free_port, in_group
from order_sync_tests.waiting import until

pytestmark = pytest.mark.on_disk

TOKEN = "eyJhbGciOi.token-of-a-test.SfliDE"
PASSWORD = "Pa55-of-a-test-7f3"
SERVER = f"mssql+pyodbc://sync:{PASSWORD}@127.0.0.1:1/orders?driver=ODBC+Driver+18+for+SQL+Server&LoginTimeout=1"


@pytest.fixture
def guarded() -> Iterator[Emulator]:
    with start_emulator(EmulatorSettings(boards=(board_seed(load_mapping()),), token="another")) as emulator:
        yield emulator


@pytest.fixture
def settings(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Production, with a server that nobody is at."""
    environment = {
        "DEPLOYMENT": "production",
        "DATABASE_URL": SERVER,
        "MONDAY_TOKEN": TOKEN,
        "MONDAY_BOARD_ID": str(EMBEDDED_BOARD),
    }
    for name, value in environment.items():
        monkeypatch.setenv(f"ORDER_SYNC_{name}", value)
    return load_settings()


def assert_no_secret(*shown: Any) -> None:
    for text in map(str, shown):
        assert text
        assert TOKEN not in text
        assert PASSWORD not in text


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("from_environment", [False, True])
def test_no_repr_tells(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, dry_run: bool, from_environment: bool
) -> None:
    if not from_environment:
        for name in ("DATABASE_URL", "MONDAY_TOKEN"):
            monkeypatch.delenv(f"ORDER_SYNC_{name}")
    settings = settings.model_copy(update={"dry_run": dry_run})
    made = resources(settings)
    assert_no_secret(repr(settings), str(settings), repr(made), *(repr(r) for r in made.values()))
    assert_no_secret(*(str(resource) for resource in made.values()))


def test_no_snapshot_of_the_job_tells(settings: Settings) -> None:
    """What Dagster stores with each run and its UI shows as configuration."""
    defs = build_definitions(settings)
    snapshot = defs.resolve_job_def("sync_orders").get_job_snapshot()
    text = serialize_value(snapshot)
    assert "monday_io" in text
    assert_no_secret(text)


def events(stage: Stage) -> list[dg.EventLogEntry]:
    with stage.instance() as instance:
        return [entry for run in instance.get_runs() for entry in instance.all_logs(run.run_id)]


def test_no_event_of_a_run_that_monday_refuses_tells(
    stage: Stage, guarded: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.add_orders(2)
    monkeypatch.setenv("ORDER_SYNC_MONDAY_TOKEN", TOKEN)
    monkeypatch.setenv("ORDER_SYNC_MONDAY_URL", guarded.url)
    with pytest.raises(OrderSyncError) as caught:
        launch.sync(load_settings())
    logged = events(stage)
    assert any(entry.dagster_event and entry.dagster_event.is_failure for entry in logged)
    assert_no_secret(str(caught.value), *(serialize_value(entry) for entry in logged))
    done = stage.run("sync")
    assert done.returncode == 2
    assert "ORDER_SYNC_MONDAY_TOKEN" in done.stderr
    assert_no_secret(done.stderr, done.stdout + "-")


def test_no_word_of_a_run_that_finds_no_database_tells(stage: Stage, settings: Settings) -> None:
    with pytest.raises(OrderSyncError) as caught:
        launch.sync(settings)
    assert_no_secret(str(caught.value), *(serialize_value(entry) for entry in events(stage)))
    done = stage.run("status")
    assert done.returncode == 2
    assert "127.0.0.1" in done.stderr
    assert_no_secret(done.stderr)


def test_no_log_of_a_good_run_tells(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.add_orders(3)
    monkeypatch.setenv("ORDER_SYNC_MONDAY_TOKEN", TOKEN)
    assert launch.sync(load_settings()).complete
    logged = events(stage)
    assert len(logged) > 20
    assert_no_secret(*(serialize_value(entry) for entry in logged))
    stored = [path for path in stage.folder.rglob("*") if path.is_file()]
    assert stored
    for path in stored:
        assert TOKEN.encode() not in path.read_bytes(), path


# ---- any error, anywhere it is kept ----------------------------------------------------------------

# Letters and digits, which every way of writing leaves as they are, among signs that each way writes differently.
CORES = ("canaryTOKENof7f3a9", "canaryPASSWORDb81e", "canaryENTRAc5d20")
CANARY_TOKEN = f'eyJ.{CORES[0]}/x+y="z"%41\\\'.Sfl'
CANARY_PASSWORD = f"p@ss;{CORES[1]}}}/+% \"'"
CANARY_ENTRA = f"eyJ.{CORES[2]}/x+y=.Sfl"


def needles(core: str) -> list[bytes]:
    """The core as it is, as UTF-16 and its repr, and inside of base64 at any place."""
    wide = core.encode("utf-16-le")
    found = [core.encode(), wide, repr(wide)[2:-1].encode(), repr(wide)[2:-1].replace("\\", "\\\\").encode()]
    for raw in (core.encode(), wide):
        for shift in range(3):
            text = base64.b64encode(bytes(shift) + raw)
            found.append(text[4 if shift else 0 : -4])
    return found


def assert_kept_nowhere(folder: Path, *shown: str, cores: Iterable[str] = CORES) -> None:
    """Not one byte of it in any file of the folder, nor in the texts."""
    files = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert any(name.endswith(".db") for name in files)
    places = files | {f"text {n}": text.encode() for n, text in enumerate(shown)}
    wanted = [needle for core in cores for needle in needles(core)]
    leaks = [(name, needle) for name, content in places.items() for needle in wanted if needle in content]
    assert leaks == []


def test_the_search_finds_every_form() -> None:
    forms = [
        CANARY_TOKEN,
        quote(CANARY_TOKEN, safe=""),
        json.dumps(json.dumps(CANARY_TOKEN)),
        repr(CANARY_TOKEN.encode("utf-16-le")),
        json.dumps(repr(CANARY_TOKEN.encode("utf-16-le"))),
        *(base64.b64encode(b"x" * n + CANARY_TOKEN.encode()).decode() for n in range(4)),
        base64.urlsafe_b64encode(CANARY_TOKEN.encode("utf-16-le")).decode(),
        CANARY_TOKEN.encode("utf-16-le").decode("latin-1"),
    ]
    for form in forms:
        assert any(needle in form.encode("latin-1") for needle in needles(CORES[0])), form


STEPS = ("create_group", "create_item", "create_subitem")
SPOILED = [(how, step) for how, step in zip((Echo.GRAPHQL, Echo.GRAPHQL, Echo.LEGACY), STEPS, strict=True)]
SPOILED += [(how, "create_item") for how in (Echo.STATUS_LINE, Echo.NONSENSE)]
SPOILED += [(how, "version") for how in (Echo.UNAUTHORIZED, Echo.NONSENSE)]


@pytest.fixture
def canaries(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[EchoServer]:
    """The token is a canary, and between the runs and the emulator is a server that echoes it."""
    stage.emulator.configure(clock_speed=500.0)
    with echoing(stage.emulator.url) as echo:
        for name, value in {"MONDAY_TOKEN": CANARY_TOKEN, "MONDAY_URL": echo.url, "CLOCK_SPEED": "500"}.items():
            monkeypatch.setenv(f"ORDER_SYNC_{name}", value)
        yield echo


@pytest.mark.parametrize("how", [how for how in Echo if how is not Echo.JOB_FAILED], ids=lambda how: how.name)
def test_no_answer_is_handed_on_with_the_token(canaries: EchoServer, how: Echo) -> None:
    canaries.spoil(how)
    with MondayReader(MondayTransport(canaries.url, CANARY_TOKEN), attempts=1) as reader:
        try:
            reported = repr(reader._transport.send(json.dumps({"query": "{ version { value } }"})))
        except OrderSyncError as error:
            reported = "".join(traceback.format_exception(error))
    assert canaries.struck == 1
    assert not any(needle in reported.encode() for needle in needles(CORES[0]))


def test_no_part_of_an_echoed_token_is_kept(
    stage: Stage, canaries: EchoServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """Refusals, rejections, broken answers and unforeseen errors, in the set-up of a run and in the middle of it."""
    words: list[str] = []
    for seed, (how, where) in enumerate(SPOILED):
        if where in STEPS:  # else the run ends before it claims a row
            stage.add_orders(1, seed=seed)
        canaries.spoil(how, where)
        try:
            words.append(repr(launch.sync(load_settings())))
        except OrderSyncError as error:
            words += [str(error), repr(error), "".join(traceback.format_exception(error))]
        assert canaries.struck, (how, where)
        stage.retry()
    assert sum("***" in text for text in words) > len(SPOILED), "nothing was masked: was anything reported?"
    canaries.spoil(Echo.UNAUTHORIZED, "version")
    done = stage.run("sync")
    assert (done.returncode, "***" in done.stderr) == (2, True)
    canaries.spoil(None)
    assert launch.sync(load_settings()).complete
    captured = capfd.readouterr()
    assert_kept_nowhere(stage.folder, *words, done.stderr, done.stdout, captured.out, captured.err)
    assert_kept_nowhere(stage.folder, json.dumps(stage.dump(), default=str))


@pytest.mark.parametrize("how", [Echo.UNAUTHORIZED, Echo.JOB_FAILED], ids=lambda how: how.name)
def test_an_upload_url_lives_in_its_open_journal_row_only(
    stage: Stage, canaries: EchoServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], how: Echo
) -> None:
    """It is leave to write a file, so it is on record for the next run until the job is over, and then nowhere."""
    monkeypatch.setattr(bulk_import, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(bulk_import, "ROW_SECONDS", 0.0)
    monkeypatch.setenv("ORDER_SYNC_BULK_ROWS", "2")
    stage.add(many_of_one_group())
    kept: list[str] = []
    noted = bulk_import.BulkImport._noted

    def note(self: bulk_import.BulkImport, entry: Any, **more: Any) -> Any:
        entry = noted(self, entry, **more)
        kept.append(json.dumps(stage.dump(), default=str))
        return entry

    monkeypatch.setattr(bulk_import.BulkImport, "_noted", note)
    canaries.spoil(how, "/_uploads/")
    summary = launch.sync(load_settings())
    assert summary.complete
    assert canaries.struck
    core = canaries.upload_url.rsplit("/", 1)[1]
    assert kept
    assert all(core in text for text in kept), "while the job is open"
    captured = capfd.readouterr()
    assert_kept_nowhere(stage.folder / "dagster", captured.out, captured.err, cores=[core, *CORES])
    # Of the database every row; SQLite's log and its unused pages keep what was deleted a while longer, and by then
    # the URL is dead.
    assert core not in json.dumps(stage.dump(), default=str)


def many_of_one_group() -> SampleOrders:
    sample = arriving_orders(6, seed=7, created_at=datetime.now(UTC).replace(tzinfo=None))
    headers = [header | {"GroupMonday": "One group"} for header in sample.headers]
    # A label that the board lacks would keep an item out of a job.
    return replace(sample, headers=headers, orders=[order | {"CUSTOMER SEASON": None} for order in sample.orders])


# ---- the database ---------------------------------------------------------------------------------------

ODBC_SERVER = sa.URL.create(
    "mssql+pyodbc",
    username="sync",
    password=CANARY_PASSWORD,
    host="127.0.0.1",
    port=1,
    database="orders",
    query={"driver": "ODBC Driver 18 for SQL Server", "LoginTimeout": "1"},
).render_as_string(hide_password=False)
RESOURCES = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
    allTopLevelResourceDetails { name configuredValues { key value type } configFields { name defaultValueAsJson } }
    pipelines { name modes { name } isJob }
    sensors { name } usedSolids { definition { name } } } } } }"""
LAUNCHPAD = """query ($of: PipelineSelector!) { runConfigSchemaOrError(selector: $of, mode: "default") {
    __typename ... on RunConfigSchema { rootDefaultYaml allConfigTypes { key description
    ... on CompositeConfigType { fields { name description defaultValueAsJson } } } } } }"""
RUNS = """{ runsOrError { ... on Runs { results { runId runConfigYaml tags { key value } executionPlan { steps { key } }
    eventConnection { events { __typename ... on MessageEvent { message }
    ... on ErrorEvent { error { message stack causes { message stack } errorChain { error { message stack } } } } }
    } } } } instance { info } }"""


def test_nothing_of_the_logins_is_kept_or_shown(
    stage: Stage, settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A driver that reveals its connection string and its token, and then everything that Dagster's UI asks for."""
    import pyodbc

    def reveal(*args: Any, **more: Any) -> Any:
        raise pyodbc.OperationalError("08001", f"[08001] [driver] cannot connect with {args} {more} (18456)")

    monkeypatch.setattr(pyodbc, "connect", reveal)
    for name, value in {"MONDAY_TOKEN": CANARY_TOKEN, "DATABASE_URL": ODBC_SERVER}.items():
        monkeypatch.setenv(f"ORDER_SYNC_{name}", value)
    words = []
    for entra in (CANARY_ENTRA, None):
        with pytest.raises(
            DBAPIError, match=r"cannot connect with .*\*\*\*"
        ) as raw:  # as an unforeseen one reaches Dagster
            Database(ODBC_SERVER, access_token=entra).column(sa.select(sa.literal(1)))
        words += ["".join(traceback.format_exception(raw.value)), repr(raw.value), repr(raw.value.orig)]
    with pytest.raises(OrderSyncError, match=r"cannot connect with .*\*\*\*") as caught:
        launch.sync(load_settings())
    words.append("".join(traceback.format_exception(caught.value)))
    monkeypatch.setenv("ORDER_SYNC_DATABASE_ACCESS_TOKEN", CANARY_ENTRA)
    words += pages(stage)
    assert any("ORDER_SYNC_MONDAY_TOKEN" in text for text in words)
    captured = capfd.readouterr()
    assert_kept_nowhere(stage.folder, *words, captured.out, captured.err)


def pages(stage: Stage) -> list[str]:
    """What the webserver answers for its pages: resources, launchpad, runs and their errors, the instance."""
    port = free_port()
    arguments = [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)]
    arguments += ["-m", "order_sync.definitions"]
    url = f"http://127.0.0.1:{port}"

    def ask(query: str, **variables: Any) -> str:
        body = {"query": query, "variables": variables}
        return httpx.post(f"{url}/graphql", json=body, timeout=60, trust_env=False).text

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/server_info", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    with in_group(arguments, stage.folder, {}, quiet=True) as process:
        until(lambda: process.poll() is not None or answers(), "Dagster's webserver", within=120, every=0.2)
        job = {
            "pipelineName": "sync_orders",
            "repositoryName": "__repository__",
            "repositoryLocationName": "order_sync.definitions",
        }
        reported = [ask(RESOURCES), ask(LAUNCHPAD, of=job), ask(RUNS)]
    for text in reported:
        assert '"errors"' not in text, text[:2_000]
        assert "PythonError" not in text, text[:2_000]
    assert "rootDefaultYaml" in reported[1]
    assert "cannot connect with" in reported[2]
    return reported


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONDAY_TOKEN", f"{CORES[0]}\n"),
        ("MONDAY_TOKEN", f"Bearer {CORES[0]}"),
        ("DATABASE_ACCESS_TOKEN", f"{CORES[2]}\u20ac"),
        ("MONDAY_URL", f"https://sync:{CORES[1]}@api.monday.com/v2"),
        ("MONDAY_URL", f"https://api.monday.com/v2?token={CORES[0]}"),
        ("DATABASE_URL", f"mssql+pyodbc//sync:{CORES[1]}@server/database"),
    ],
)
def test_a_wrong_secret_is_refused_without_naming_it(
    stage: Stage, settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"ORDER_SYNC_{name}", value)
    with pytest.raises(OrderSyncError, match=f"ORDER_SYNC_{name}") as caught:
        Database(load_settings().database)
    assert not any(core in "".join(traceback.format_exception(caught.value)) for core in CORES)
