"""What docs/graphql.md says, done to the webserver: the Python example and the curl lines; queries fit the schema."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster_graphql.schema import create_schema
from graphql import GraphQLSchema, parse, validate

from order_sync.demo.words import TYPE
from order_sync.orders.naming import CUSTOMER
from order_sync_tests.browser.conftest import Ui
from order_sync_tests.graph.stage import ROOT, Stage, free_port
from order_sync_tests.waiting import DUE, until

EXAMPLE = ROOT / "examples" / "launch_run.py"
PAGE = (ROOT / "docs" / "graphql.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    made: GraphQLSchema = create_schema().graphql_schema
    return made


def away_from_proxies() -> dict[str, str]:
    return {**os.environ, "NO_PROXY": "127.0.0.1"}


def launch_run(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE), url, *arguments]
    # From another folder: it needs nothing of order_sync.
    environment = away_from_proxies()
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, timeout=3 * DUE)


def synced(stage: Stage, table: sa.Table, keys: set[str]) -> set[str]:
    """Those of the record_uuids whose rows are all SYNCED."""
    rows = stage.inserts(table, table.c.record_uuid.in_(keys))
    return keys - {row["record_uuid"] for row in rows if row["sync_state"] != "SYNCED"}


def test_every_query_fits_the_schema(schema: GraphQLSchema) -> None:
    example: dict[str, Any] = runpy.run_path(str(EXAMPLE))
    queries = [example[name].document for name in ("FIND", "LAUNCH", "FOLLOW", "RESULT")]
    quoted = re.findall(r"'((?:mutation|query) \(.*?)'\n", PAGE, re.DOTALL)  # PowerShell
    quoted += [json.loads(f'"{text}"') for text in re.findall(r'"query": "((?:[^"\\]|\\.)*)"', PAGE)]  # curl
    assert len(quoted) == 4
    for query in [*queries, *map(parse, quoted)]:
        assert validate(schema, query) == []


@pytest.mark.browser
@pytest.mark.daemon
def test_the_example_launches_follows_and_tells(ui: Ui) -> None:
    sample = ui.stage.add_orders(5, seed=21)
    customer = sample.headers[0][CUSTOMER]
    own = {row["record_uuid"] for row in sample.headers if row[CUSTOMER] == customer}
    others = {row["record_uuid"] for row in sample.headers} - own
    assert others
    done = launch_run(ui.url, "--customer", customer)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"pending_headers: claimed \d+ of \d+ waiting headers", done.stdout)
    assert "create_item:" in done.stdout
    assert "The run ended with SUCCESS." in done.stdout
    assert re.search(
        rf"^{re.escape(customer)}: {len(own)} items, \d+ subitems, {len(own)} headers synced", done.stdout, re.MULTILINE
    ), done.stdout
    queue = ui.stage.tables.header_queue
    assert synced(ui.stage, queue, own) == own
    assert synced(ui.stage, queue, others) == set()

    record = min(others)
    ui.stage.execute(sa.update(queue).where(queue.c.record_uuid == record).values({TYPE: "SURPRISE"}))
    done = launch_run(ui.url)  # everything that waits, and one row that monday cannot take
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 row rejected" in done.stdout
    assert synced(ui.stage, queue, others) == others - {record}


def test_the_example_says_that_nobody_answers() -> None:
    done = launch_run(f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert re.fullmatch(r"Dagster could not be asked: .+\n", done.stderr)


@pytest.mark.browser
@pytest.mark.daemon
def test_the_example_says_why_a_run_failed(ui: Ui) -> None:
    done = launch_run(ui.url, "--limit", "-1")
    assert done.returncode == 1
    assert "The run ended with FAILURE." in done.stdout
    assert "resources > scope > limit is -1: it must be at least 1" in done.stdout


@pytest.mark.browser
@pytest.mark.daemon
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_lines_launch_and_look(ui: Ui) -> None:
    launch, look = (
        block.replace("http://127.0.0.1:3000", ui.url).replace('"order_sync"', '"order_sync.definitions"')
        for block in re.findall(r"```sh\n(curl .*?)```", PAGE, re.DOTALL)
    )

    def answer(line: str) -> Any:
        command = ["sh", "-c", line]
        done = subprocess.run(command, env=away_from_proxies(), capture_output=True, text=True, timeout=DUE)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["data"]

    (order,) = ui.stage.add_orders(1, seed=22).orders
    for table in (ui.stage.tables.header_queue, ui.stage.tables.orders):
        named = sa.update(table).where(table.c.record_uuid == order["record_uuid"])
        ui.stage.execute(named.values({CUSTOMER: "Café Brontë"}))  # the customer that the page names
    launched = answer(launch)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]

    def status() -> str:
        return str(answer(look.replace("RUN_ID", run_id))["runOrError"]["status"])

    until(lambda: status() in ("SUCCESS", "FAILURE", "CANCELED"), "the end of the run", every=0.5)
    assert status() == "SUCCESS"
    with ui.stage.instance() as instance:
        run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.SUCCESS
    given: Any = run.run_config["resources"]
    assert given["scope"]["config"] == {"customers": ["Café Brontë"], "limit": 100}
    wrong = answer(launch.replace('"customers"', '"customer"'))["launchRun"]
    assert wrong["__typename"] == "RunConfigValidationInvalid"
    assert wrong["errors"]
