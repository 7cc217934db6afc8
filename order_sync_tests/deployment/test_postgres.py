"""Dagster with its record in PostgreSQL: deploy/postgres/dagster.yaml, a real server, daemon and webserver.

Two runs at once, each in a process of another code location's server and with an ORDER_SYNC_HOME of its own, as
containers have: nothing but the two databases connects them.
"""

from __future__ import annotations

import itertools
import json
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import dagster as dg
import httpx
import pytest
import yaml

from order_sync.database.journal import Journal
from order_sync.demo.samples import SampleOrders
from order_sync.emulator import Emulator, EmulatorSettings, Limits, start_emulator
from order_sync.orders.mapping import DEFAULT_MAPPING
from order_sync.settings import EMBEDDED_BOARD
from order_sync_tests.contract.site import make_order, together
from order_sync_tests.deployment.postgres import PASSWORD, Postgres
from order_sync_tests.graph.stage import OTHER_BOARD, ROOT, Row, Stage, free_port, in_group, stage_in, two_boards
from order_sync_tests.waiting import until

pytestmark = pytest.mark.daemon

SHIPPED = ROOT / "deploy" / "postgres"
SPEED = 30  # of monday's clock: a minute is two seconds
CREATES = 60  # a minute
BUDGET_IS_SPENT = (429, "COMPLEXITY_BUDGET_EXHAUSTED")
LOCATIONS = ("order_sync", "order_sync_2")
#: Customers with the board that their orders go to.
BOARDS = {"Weber & Co": EMBEDDED_BOARD, "O'Malley & Daughters": EMBEDDED_BOARD, "Café Brontë": OTHER_BOARD}
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""


def more_runs() -> dict[str, Any]:
    """What docs/deployment.md says to change where more runs than one are wanted at a time."""
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    found: dict[str, Any] = yaml.safe_load(example[1])
    return found


@pytest.fixture(scope="module")
def strict_monday() -> Iterator[Emulator]:
    """Two mutations at once on a board are refused, and so is what goes beyond the budget."""
    settings = EmulatorSettings(
        boards=two_boards(),
        clock_speed=SPEED,
        mutation_ms=500,
        lock_boards=True,
        enforce_limits=True,
        limits=Limits(complexity_per_minute=30_000 * CREATES),
    )
    with start_emulator(settings) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def stage(strict_monday: Emulator, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("site")
    settings = {
        "ORDER_SYNC_CLOCK_SPEED": str(SPEED),
        "ORDER_SYNC_SENSOR_SECONDS": "86400",
        "ORDER_SYNC_DATABASE_URL": f"sqlite:///{folder}/home/orders.db",
        "ORDER_SYNC_MAPPING": str(folder / "mapping.toml"),
    }
    elsewhere = json.dumps([name for name, board in BOARDS.items() if board == OTHER_BOARD], ensure_ascii=False)
    rule = f"\n[[boards]]\nid = {OTHER_BOARD}\ncustomers = {elsewhere}\n"
    (folder / "mapping.toml").write_text(DEFAULT_MAPPING.read_text(encoding="utf-8") + rule, encoding="utf-8")
    with stage_in(folder, strict_monday, **settings, **postgres.environment) as stage:
        shipped = yaml.safe_load((SHIPPED / "dagster.yaml").read_text(encoding="utf-8"))
        for part, limits in more_runs()["concurrency"].items():
            shipped["concurrency"][part] |= limits
        (stage.folder / "dagster.yaml").write_text(yaml.safe_dump(shipped), encoding="utf-8")
        yield stage


@pytest.fixture(scope="module")
def instance(stage: Stage) -> Iterator[dg.DagsterInstance]:
    with stage.instance() as instance:
        yield instance


@pytest.fixture(scope="module")
def site(stage: Stage) -> Iterator[Site]:
    with ExitStack() as stack:
        site = Site(stage, stack)
        site.start_code_and_webserver()
        yield site
        site.stop()
    assert PASSWORD not in (stage.folder / "output.txt").read_text(encoding="utf-8")


def orders(customer: str, count: int) -> SampleOrders:
    return together(make_order(number=f"A-{n}", customer=customer, lines=3, minute=n) for n in range(count))


class Site:
    """Webserver, daemon and two code locations, each a process, on the stage's instance."""

    def __init__(self, stage: Stage, stack: ExitStack) -> None:
        self._stage, self._stack = stage, stack
        self._processes: list[subprocess.Popen[str]] = []
        self._has_daemon = False
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
            # One after the other: two that make Dagster's tables at once would fail.
            until(partial(is_listening, port), f"the code location {name}", every=0.3)
        own_port = self.url.rpartition(":")[2]
        self._start("dagster_webserver", "-h", "127.0.0.1", "-p", own_port, "-w", "workspace.yaml")
        until(self._answers, "the webserver", every=0.3)

    def start_daemon(self) -> None:
        """Not before runs are in the queue: the sensors see them then, and ask for none."""
        if not self._has_daemon:
            self._has_daemon = True
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


def has_sent_all_heartbeats(instance: dg.DagsterInstance) -> bool:
    """Each part of the daemon sends its own, the first of them when its first round ends."""
    statuses = instance.get_daemon_statuses().values()
    return all(status.last_heartbeat is not None for status in statuses if status.required)


def is_at_groups(instance: dg.DagsterInstance, run_id: str) -> bool:
    started = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_START)
    return "monday_groups" in {entry.step_key for entry in started}


def waiting_runs(stage: Stage, site: Site, instance: dg.DagsterInstance, *customers: str) -> list[str]:
    """A run for each of the customers, each in another location; they go on together, from monday_groups."""
    for customer in customers:
        stage.add(orders(customer, 25))
    with ExitStack() as stack, stage.database() as database:
        for board in {BOARDS[customer] for customer in customers}:
            holder = Journal(database, stage.tables, board_id=board, run_id="somebody", lease_seconds=180)
            stack.enter_context(holder.holding_board())
        runs = [site.launch(*of) for of in zip(LOCATIONS, customers, strict=True)]
        site.start_daemon()
        until(lambda: all(is_at_groups(instance, run) for run in runs), "two runs that wait", within=120, every=0.3)
    return runs


def ended(stage: Stage, instance: dg.DagsterInstance, runs: list[str]) -> list[Row]:
    """The mutations of the two runs, oldest first, once they are over and all is well."""
    until(lambda: all(run.is_finished for run in instance.get_runs()), "the end of both runs", within=120, every=0.3)
    found = {run: instance.get_run_by_id(run) for run in runs}
    assert {run.status for run in found.values() if run} == {dg.DagsterRunStatus.SUCCESS}
    by_key = {row["idempotency_key"]: row["run_id"] for row in stage.rows(stage.tables.journal)}
    mutations = [request for request in stage.mutations() if by_key[request["idempotency_key"]] in runs]
    assert {by_key[request["idempotency_key"]] for request in mutations} == set(runs)
    # Nobody else writes to the board. A refusal for complexity is rare: at this speed a moment in which the machine is
    # busy is seconds of monday's minute.
    answers = Counter((request["status"], *request["error_codes"]) for request in stage.emulator.requests())
    assert answers.keys() <= {(200,), BUDGET_IS_SPENT}
    assert answers[BUDGET_IS_SPENT] <= 1 + answers[200,] // 20
    assert sum(request["cost"] for request in mutations) > 3 * 30_000 * CREATES, "no more than a minute's budget"
    assert stage.unsynced() == 0
    assert stage.agreement().agree
    return sorted(mutations, key=lambda request: request["at"])


def items(stage: Stage) -> dict[int, int]:
    """Items by board: what is lost or doubled would show."""
    return {int(board["id"]): board["items_count"] for board in stage.emulator.state()["boards"]}


def overlaps(mutations: list[Row]) -> int:
    """How many mutations began before the one before them had ended."""
    pairs = itertools.pairwise(mutations)
    return sum(earlier["at"] + earlier["seconds"] > later["at"] for earlier, later in pairs)


def test_two_runs_on_one_board_take_turns(stage: Stage, site: Site, instance: dg.DagsterInstance) -> None:
    runs = waiting_runs(stage, site, instance, "Weber & Co", "O'Malley & Daughters")
    assert overlaps(ended(stage, instance, runs)) == 0
    assert items(stage)[EMBEDDED_BOARD] == 50


def test_two_runs_on_two_boards_share_the_budget(stage: Stage, site: Site, instance: dg.DagsterInstance) -> None:
    before = items(stage)
    runs = waiting_runs(stage, site, instance, "Weber & Co", "Café Brontë")
    assert overlaps(ended(stage, instance, runs)) > 0
    new = {board: count - before[board] for board, count in items(stage).items()}
    assert [new[board] for board in (EMBEDDED_BOARD, OTHER_BOARD)] == [25, 25]
    assert sorted(new.values()) == [25, 25, 75, 75]  # and the boards of the subitems


def test_the_health_checks_pass(stage: Stage, site: Site, instance: dg.DagsterInstance) -> None:
    """Those of deploy/, beside the webserver's /server_info, which was asked when it started."""
    site.start_daemon()
    commands = [["dagster._daemon", "liveness-check"]]
    commands += [["dagster", "api", "grpc-health-check", "-p", str(site.ports[0])]]
    until(lambda: has_sent_all_heartbeats(instance), "a heartbeat of every part of the daemon", every=0.3)
    checks = [
        subprocess.Popen([sys.executable, "-m", *command], cwd=stage.folder, stdout=subprocess.DEVNULL)
        for command in commands
    ]
    assert [check.wait(60) for check in checks] == [0, 0]
