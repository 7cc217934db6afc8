"""Dagster with its record in PostgreSQL: deploy/postgres/dagster.yaml, a real server, daemon and webserver.

Two runs at once, each in a process of another code location's server and with an ORDER_SYNC_HOME of its own, as
containers have: nothing but the database tells one of the other.
"""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import yaml

from order_sync.demo.board import board_seed
from order_sync.demo.samples import SampleOrders
from order_sync.emulator import Emulator, EmulatorSettings, Limits, start_emulator
from order_sync.orders.journal import Journal
from order_sync.orders.mapping import load_mapping
from order_sync.settings import EMBEDDED_BOARD
from order_sync_tests.contract.site import make_order
from order_sync_tests.deployment.postgres import PASSWORD, Postgres
from order_sync_tests.graph.stage import ROOT, Stage, free_port, in_group, stage_in, until

pytestmark = pytest.mark.daemon

SHIPPED = ROOT / "deploy" / "postgres"
SPEED = 30  # of monday's clock: a minute is two seconds
CREATES = 60  # a minute
CUSTOMERS = ("Weber & Co", "O'Malley & Daughters")
LOCATIONS = ("order_sync", "order_sync_2")
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""


@pytest.fixture
def strict_monday() -> Iterator[Emulator]:
    """Two mutations at once on a board are refused, and so is what goes beyond the budget."""
    settings = EmulatorSettings(
        boards=(board_seed(load_mapping()),),
        clock_speed=SPEED,
        mutation_ms=500,
        lock_boards=True,
        enforce_limits=True,
        limits=Limits(complexity_per_minute=30_000 * CREATES),
    )
    with start_emulator(settings) as emulator:
        yield emulator


@pytest.fixture
def stage(strict_monday: Emulator, postgres: Postgres, tmp_path: Path) -> Iterator[Stage]:
    settings = {
        "ORDER_SYNC_CLOCK_SPEED": str(SPEED),
        "ORDER_SYNC_SENSOR_SECONDS": "86400",
        "ORDER_SYNC_DATABASE_URL": f"sqlite:///{tmp_path}/home/orders.db",
    }
    with stage_in(tmp_path, strict_monday, **settings, **postgres.environment) as stage:
        shipped = yaml.safe_load((SHIPPED / "dagster.yaml").read_text(encoding="utf-8"))
        # As docs/deployment.md says where more runs than one are wanted.
        shipped["concurrency"]["runs"]["tag_concurrency_limits"][0]["limit"] = 2
        shipped["concurrency"]["pools"]["default_limit"] = 2
        (stage.folder / "dagster.yaml").write_text(yaml.safe_dump(shipped), encoding="utf-8")
        yield stage


def orders(customer: str, count: int) -> SampleOrders:
    made = [make_order(number=f"A-{n}", customer=customer, lines=3, minute=n) for n in range(count)]
    return SampleOrders(
        headers=[row for order in made for row in order.headers],
        lines=[row for order in made for row in order.lines],
        orders=[row for order in made for row in order.orders],
        order_lines=[row for order in made for row in order.order_lines],
    )


class Site:
    """Webserver, daemon and two code locations, each a process, on the stage's instance."""

    def __init__(self, stage: Stage, stack: ExitStack) -> None:
        self._stage, self._stack = stage, stack
        self._processes: list[subprocess.Popen[str]] = []
        self.url = f"http://127.0.0.1:{free_port()}"
        self.ports = [free_port() for _ in LOCATIONS]
        (server,) = yaml.safe_load((SHIPPED / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
        servers = [
            {"grpc_server": server["grpc_server"] | {"port": port, "location_name": name}}
            for name, port in zip(LOCATIONS, self.ports, strict=True)
        ]
        (stage.folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": servers}), encoding="utf-8")

    def start_code_and_webserver(self) -> None:
        for name, port in zip(LOCATIONS, self.ports, strict=True):
            grpc = ("api", "grpc", "-h", "127.0.0.1", "-p", str(port), "-m", "order_sync.definitions")
            self._start("dagster", *grpc, ORDER_SYNC_HOME=str(self._stage.folder / name))
        until(lambda: all(is_listening(port) for port in self.ports), "both code locations")
        port = self.url.rpartition(":")[2]
        self._start("dagster_webserver", "-h", "127.0.0.1", "-p", port, "-w", "workspace.yaml")
        until(self._answers, "the webserver", every=0.3)

    def start_daemon(self) -> None:
        self._start("dagster._daemon", "run", "-w", "workspace.yaml")

    def stop(self) -> None:
        """All at once: each takes its time."""
        for process in self._processes:
            process.terminate()

    def launch(self, location: str, customer: str) -> str:
        """A run of one customer, as anybody launches it from outside; returns its id."""
        selector = {"repositoryLocationName": location, "repositoryName": "__repository__", "jobName": "sync_orders"}
        config = {"resources": {"scope": {"config": {"customers": [customer]}}}}
        params = {"selector": selector, "runConfigData": json.dumps(config)}
        body = {"query": LAUNCH, "variables": {"params": params}}
        answer = httpx.post(f"{self.url}/graphql", json=body, timeout=60, trust_env=False).json()
        launched: dict[str, Any] = answer["data"]["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", answer
        return str(launched["run"]["runId"])

    def _start(self, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", *arguments]
        started = in_group(command, self._stage.folder, environment, quiet=True)
        self._processes.append(self._stack.enter_context(started))

    def _answers(self) -> bool:
        """As the health check of deploy/ asks."""
        try:
            return httpx.get(f"{self.url}/server_info", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_at_groups(instance: dg.DagsterInstance, run_id: str) -> bool:
    started = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_START)
    return "monday_groups" in {entry.step_key for entry in started}


def check(stage: Stage, *arguments: str) -> subprocess.Popen[bytes]:
    """A health check of deploy/, beside others."""
    command = [sys.executable, "-m", *arguments]
    return subprocess.Popen(command, cwd=stage.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_two_runs_at_once_share_board_and_budget(stage: Stage) -> None:
    for customer in CUSTOMERS:
        stage.add(orders(customer, 25))
    with ExitStack() as stack, stage.database() as database, stage.instance() as instance:
        site = Site(stage, stack)
        site.start_code_and_webserver()
        board = Journal(database, stage.tables, board_id=EMBEDDED_BOARD, run_id="somebody", lease_seconds=180)
        with board.holding_board():  # until both runs are there and want it
            runs = [site.launch(*of) for of in zip(LOCATIONS, CUSTOMERS, strict=True)]
            site.start_daemon()  # which finds two runs in the queue; the sensor sees them, and asks for none
            until(lambda: all(is_at_groups(instance, run) for run in runs), "two runs that wait", every=0.3)
            assert stage.mutations() == []
        until(lambda: all(run.is_finished for run in instance.get_runs()), "the end of both runs", every=0.3)
        checks = [check(stage, "dagster._daemon", "liveness-check")]
        checks += [check(stage, "dagster", "api", "grpc-health-check", "-p", str(port)) for port in site.ports]
        assert [process.wait(60) for process in checks] == [0, 0, 0]
        ended = {run.run_id: run.status for run in instance.get_runs()}
        site.stop()
    output = (stage.folder / "output.txt").read_text(encoding="utf-8")
    assert ended == dict.fromkeys(runs, dg.DagsterRunStatus.SUCCESS), output
    assert PASSWORD not in output

    # 0 lost, 0 doubled.
    assert stage.unsynced() == 0
    assert stage.agreement().agree
    assert stage.emulator.stats()["items_created"] == 50
    # No refusal: neither for complexity nor because somebody else writes to the board.
    requests = stage.emulator.requests()
    assert {(request["status"], *request["error_codes"]) for request in requests} == {(200,)}
    spent = sum(request["cost"] for request in requests)
    assert spent > 3 * 30_000 * CREATES, "more than a minute's budget, or it would prove nothing"
    # One writer at a time: no mutation of either run began before the one before it had ended.
    mutations = sorted(stage.mutations(), key=lambda request: request["at"])
    by_key = {row["idempotency_key"]: row["run_id"] for row in stage.rows(stage.tables.journal)}
    assert {by_key[request["idempotency_key"]] for request in mutations} == set(runs)
    for earlier, later in itertools.pairwise(mutations):
        assert earlier["at"] + earlier["seconds"] <= later["at"]
