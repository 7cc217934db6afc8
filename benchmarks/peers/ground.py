"""Runs one tool in one scenario with a new database, a new emulator and a child process, and counts the result.

In: a scenario and a tool. Out: a `Result`, taken only from the emulator: its board and its request log.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers import orders
from benchmarks.peers.scenarios import CREATES_A_MINUTE, Scenario
from order_sync.demo.board import board_seed
from order_sync.demo.samples import SampleOrders
from order_sync.emulator import Emulator, EmulatorSettings, start_emulator
from order_sync.orders.mapping import load_mapping
from order_sync.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
WINDOW_SECONDS = 60
ITEMS_LIMIT = 1_000_000  # of a board: a benchmark is not about it


class ChildFailed(Exception):
    """The child process failed; the message is the end of its output."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start of a tool."""

    wall_seconds: float
    report: Mapping[str, Any]  # as the child wrote it

    @property
    def failures(self) -> list[str]:
        return list(self.report["failures"])


@dataclass(kw_only=True)
class Result:
    scenario: str
    tool: str
    wanted: int  # groups, items and subitems
    on_board: int  # of those, each counted once
    created: int  # with the doubled ones
    lost: int
    doubled: int
    calls: int
    connections: int
    refused: int  # answered with 400 or more
    cut: int  # not answered at all
    faults: int  # that struck
    wall_seconds: float  # from the first start to the last end, the pauses before further starts included
    starts: int
    failures: list[str] = field(default_factory=list)  # the first of the last start
    failure_count: int = 0
    report: Mapping[str, Any] = field(default_factory=dict)  # of the last start
    share: dict[str, float] = field(default_factory=dict)  # of what the limits allow
    writes: int | None = None  # of an update: how often something on the board was changed
    reads: int = 0  # of an update: those of the calls that only asked

    @property
    def calls_a_record(self) -> float:
        return self.calls / self.on_board if self.on_board else float("inf")

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {
            "calls_a_record": self.calls_a_record,
            "records_a_call": self.on_board / self.calls if self.calls else 0.0,
        }


def has_setting(name: str) -> bool:
    return name in Settings.model_fields


def run(scenario: Scenario, tool: str, *, label: str, records: int, environment: Mapping[str, str]) -> Result:
    with stage(records, scenario.emulator) as (folder, emulator, sample):
        starts: list[Start] = []
        given = given_to(scenario, environment)
        began = time.perf_counter()
        while not starts or (starts[-1].failures and len(starts) < scenario.starts):
            if starts:
                time.sleep(scenario.pause_seconds / scenario.clock_speed)
            starts.append(start(tool, folder, emulator.url, given))
        seconds = time.perf_counter() - began
        # The first look from here: all connections but this one are the tool's.
        result = _count(scenario, label, sample, emulator, starts, seconds)
        if scenario.name == "complexity":
            created = [e["at"] for e in emulator.effects() if e["kind"] in ("group_created", "item_created")]
            result.share |= window_share(emulator.requests(), created)
        if emulator.log():
            raise ChildFailed(f"the emulator complains:\n{emulator.log()}")
        return result


def given_to(scenario: Scenario, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a tool is started with."""
    return {
        "BENCHMARK_WAITS": str(scenario.waits),
        f"{PREFIX}CLOCK_SPEED": str(scenario.clock_speed),
        **environment,
    }


@contextmanager
def stage(of: int | SampleOrders, settings: Mapping[str, Any]) -> Iterator[tuple[Path, Emulator, SampleOrders]]:
    """A folder with the orders, or this many records, and a DAGSTER_HOME; an emulator with an empty board."""
    with tempfile.TemporaryDirectory(prefix="order_sync_benchmark_") as name:
        folder = Path(name)
        sample = orders.make(of) if isinstance(of, int) else of
        orders.fill(folder / "orders.db", sample)
        shutil.copy(ROOT / "dagster.yaml", folder)
        with start_emulator(
            EmulatorSettings(
                boards=(board_seed(load_mapping()),),
                items_limit=ITEMS_LIMIT,
                subitems_limit=ITEMS_LIMIT,
                **settings,
            )
        ) as emulator:
            yield folder, emulator, sample


def start(
    tool: str,
    folder: Path,
    url: str,
    environment: Mapping[str, str],
    module: str = "benchmarks.peers.child",
) -> Start:
    """Runs the tool until it ends. Raises ChildFailed if it broke in a way that it does not report."""
    report, log = folder / "child.json", folder / "child.log"
    report.unlink(missing_ok=True)
    began = time.perf_counter()
    with log.open("ab") as out:
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", module, tool],
            cwd=folder,
            env={**environment_of(folder, url), **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    seconds = time.perf_counter() - began
    if done.returncode not in (0, 1) or not report.exists():
        raise ChildFailed(f"{tool} ended with code {done.returncode}:\n{log.read_text('utf-8', 'replace')[-3_000:]}")
    return Start(wall_seconds=seconds, report=json.loads(report.read_text("utf-8")))


def environment_of(folder: Path, url: str) -> dict[str, str]:
    """This process's own, without any setting of order_sync, and with those of the benchmark."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "DAGSTER_"))}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "BENCHMARK_URL": url,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DLT_DATA_DIR": str(folder / "dlt_data"),
        f"{PREFIX}HOME": str(folder / ".order_sync"),
        f"{PREFIX}DATABASE_URL": f"sqlite:///{folder / 'orders.db'}",
        f"{PREFIX}MONDAY_URL": url,
    }


# ---- counting ---------------------------------------------------------------------------------------


def _count(
    scenario: Scenario,
    label: str,
    sample: SampleOrders,
    emulator: Emulator,
    starts: list[Start],
    seconds: float,
) -> Result:
    stats = emulator.stats()
    here = keys_on(emulator.state()["boards"][0])
    wanted = {
        *(("group", header["GroupMonday"]) for header in sample.headers),
        *(("item", header["record_uuid"]) for header in sample.headers),
        *(("subitem", line["line_uuid"]) for line in sample.lines),
    }
    on_board = wanted & here.keys()
    last = starts[-1]
    return Result(
        scenario=scenario.name,
        tool=label,
        wanted=len(wanted),
        on_board=len(on_board),
        created=sum(here[key] for key in on_board),
        lost=len(wanted) - len(on_board),
        doubled=sum(here[key] - 1 for key in on_board),
        calls=stats["calls"],
        connections=stats["connections_opened"] - 1,
        refused=stats["refused"],
        cut=stats["cut"],
        faults=sum(len(request["faults"]) for request in emulator.requests()),
        wall_seconds=seconds,
        starts=len(starts),
        failures=last.failures[:3],
        failure_count=len(last.failures),
        report=last.report,
    )


def keys_on(board: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    """Groups by title, items and subitems by their keys: as often as they are on the board."""
    mapping = load_mapping()
    return Counter(
        [("group", group["title"]) for group in board["groups"]]
        + [("item", item["columns"].get(mapping.items.key_column)) for item in board["items"]]
        + [
            ("subitem", subitem["columns"].get(mapping.subitems.key_column))
            for item in board["items"]
            for subitem in item["subitems"]
        ]
    )


def window_share(requests: Sequence[Mapping[str, Any]], written: Sequence[float]) -> dict[str, float]:
    """How many writes a minute a tool made, of which `written` has the times, and what was refused to it.

    The minutes are the emulator's: each begins with the first request after the previous minute. The last, incomplete
    minute and its writes are left out; idle time between two minutes is not.
    """
    requests = sorted(requests, key=lambda request: request["at"])
    began: list[float] = []
    for request in requests:
        if request["cost"] and (not began or request["at"] >= began[-1] + WINDOW_SECONDS):
            began.append(request["at"])
    if len(began) < 2:
        return {}
    minutes = (began[-1] - began[0]) / WINDOW_SECONDS
    writes = sum(began[0] <= at < began[-1] for at in written)
    refused = [request["at"] for request in requests if "COMPLEXITY_BUDGET_EXHAUSTED" in request["error_codes"]]
    return {
        "minutes": minutes,
        "writes": writes,
        "seconds lost a minute": (minutes / (len(began) - 1) - 1) * WINDOW_SECONDS,
        "writes a minute": writes / minutes,
        "share of the limit": writes / minutes / CREATES_A_MINUTE,
        "refused for complexity": len(refused),
        "refused after the first minute": sum(at >= began[1] for at in refused),
    }
