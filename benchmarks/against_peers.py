"""order_sync against the public packages for the same job, on the same emulator with the same orders.

    python -m benchmarks.against_peers [--tool NAME] [--scenario NAME ...] [--quick] [--json FILE]

Run it in an environment with benchmarks/requirements.txt. It compares `monday`, `monday-api-python-sdk` (the vendor's)
and a custom destination of `dlt`, each in its own process with the script that its documentation suggests
(benchmarks/peers/), in the scenarios of benchmarks/peers/scenarios.py.

For a fair comparison, every tool reads the same tables, writes the same columns, and waits on the emulator's clock
(order_sync by ORDER_SYNC_CLOCK_SPEED, the others by a faster time.sleep). Wall seconds are those of the whole process,
imports included. A record is a group, an item or a subitem; in the scenarios of changes, an item or a subitem that an
update is to change, "lost" is one that shows an old value afterwards, "writes" counts the changes that were made, and
"reads" the calls that only ask.

The limits against which order_sync is measured:

- latency, one writer: for groups, then items, then subitems, each of N records,
  `N * 150 ms + ceil(N / 100) * 50 ms`: a hundred creates per request, one request after the other. With w writers,
  1/w of it.
- complexity: 10,000,000 points per minute / 30,000 per create or change = 333 per minute.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.peers.changed import run_updates
from benchmarks.peers.child import TOOLS
from benchmarks.peers.ground import ChildFailed, Result, has_setting, run
from benchmarks.peers.scenarios import CREATES_A_MINUTE, LATENCY_MS, MUTATION_MS, Scenario, scenarios
from order_sync.settings import PREFIX

OURS = "order_sync"
PACKAGES = ("monday", "monday-api-python-sdk", "dlt")
BATCH = 100  # creates a request, the default of ORDER_SYNC_LARGEST_BATCH
FASTER_CLOCK = "clock_speed"
WRITERS = "writers"

console = Console(width=180, soft_wrap=True)  # wide enough for the table, also where it is not a terminal


def main() -> int:
    options = _options()
    wanted = [s for s in scenarios(quick=options.quick) if not options.scenario or s.name in options.scenario]
    results: list[Result] = []
    notes: list[str] = []
    began = time.perf_counter()
    for scenario in wanted:
        console.rule(scenario.title)
        found = list(_results(scenario, options.tool, notes))
        results += found
        console.print(_table(found))
        for result in found:
            _print_details(scenario, result)
    for note in notes:
        console.print(f"note: {note}")
    console.print(f"{time.perf_counter() - began:.0f} s in all")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "notes": notes,
        "results": [result.to_json() for result in results],
    }
    options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    console.print(f"All figures: {options.json}")
    ours = [result for result in results if result.tool.startswith(OURS)]
    return 1 if any(result.lost or result.doubled for result in ours) else 0


def _options() -> Any:
    parser = argparse.ArgumentParser(description="order_sync against public packages, on the same emulator.")
    parser.add_argument("--tool", choices=list(TOOLS), help="only this one")
    names = [s.name for s in scenarios(quick=True)]
    parser.add_argument("--scenario", choices=names, nargs="+", help="only these")
    parser.add_argument("--quick", action="store_true", help="fewer records: to see that it runs")
    parser.add_argument("--json", type=Path, default=Path(".order_sync/benchmarks/against_peers.json"), metavar="FILE")
    return parser.parse_args()


# ---- running ----------------------------------------------------------------------------------------


def _results(scenario: Scenario, only: str | None, notes: list[str]) -> Iterator[Result]:
    for tool in TOOLS:
        if only not in (None, tool):
            continue
        if scenario.updates:
            records = scenario.records if tool == OURS else scenario.peer_records
            with console.status(f"{tool}, {records:,} records"):
                for result in run_updates(scenario, tool, label=tool, records=records, environment={}):
                    if tool == OURS and scenario.emulator.get("latency_ms") and result.writes:
                        result.share |= _change_share(result)
                    yield result
            continue
        if tool != OURS:
            with console.status(f"{tool}, {scenario.peer_records:,} records"):
                yield run(scenario, tool, label=tool, records=scenario.peer_records, environment={})
            continue
        if scenario.clock_speed != 1 and not has_setting(FASTER_CLOCK):
            notes.append(f"{OURS} has no {PREFIX}{FASTER_CLOCK.upper()}: {scenario.name} is left out")
            continue
        for writers in scenario.writers:
            if writers > 1 and not has_setting(WRITERS):
                notes.append(f"{OURS} has no {PREFIX}{WRITERS.upper()}: {scenario.name} with {writers} is left out")
                continue
            yield _ours(scenario, writers)


def _ours(scenario: Scenario, writers: int) -> Result:
    label = OURS if writers == 1 else f"{OURS}, {writers} writers"
    environment = {f"{PREFIX}{WRITERS.upper()}": str(writers)}
    records = scenario.records * writers  # so that the start weighs as much in a run with several writers
    with console.status(f"{label}, {records:,} records"):
        result = run(scenario, OURS, label=label, records=records, environment=environment)
    if scenario.name == "latency" and "summary" in result.report:
        result.share |= _latency_share(result, writers)
    return result


def _latency_share(result: Result, writers: int) -> dict[str, float]:
    summary = result.report["summary"]
    return _share_of(result, [summary[f"{what}_created"] for what in ("groups", "items", "subitems")], writers)


def _change_share(result: Result) -> dict[str, float]:
    summary = result.report["summary"]
    items = summary["headers_claimed"]
    return _share_of(result, [items, summary["changed"] - items], 1)


def _share_of(result: Result, counts: list[int], writers: int) -> dict[str, float]:
    """How near a run came to the shortest possible time for these writes of each step."""
    milliseconds = sum(count * MUTATION_MS + math.ceil(count / BATCH) * LATENCY_MS for count in counts)
    limit, measured = milliseconds / 1_000 / writers, sum(result.report["steps"].values())
    return {
        "least seconds": limit,
        "seconds of the monday steps": measured,
        "share of the limit": limit / measured,
        "share of the limit, whole process": limit / result.wall_seconds,
    }


# ---- showing ----------------------------------------------------------------------------------------


def _table(results: list[Result]) -> Table:
    changes = any(r.writes is not None for r in results)
    table = Table()
    table.add_column("tool", no_wrap=True)
    for name in (
        "wanted", "on board", "lost", "doubled", "wall s", "ms a record", "calls", "calls a record", "records a call",
        "connections", "refused", "cut", "starts", *(["writes", "reads"] if changes else []),
    ):  # fmt: skip
        table.add_column(name, justify="right")
    for r in results:
        table.add_row(
            r.tool,
            f"{r.wanted:,}",
            f"{r.on_board:,}",
            _bad(r.lost),
            _bad(r.doubled),
            f"{r.wall_seconds:.1f}",
            f"{r.wall_seconds / r.on_board * 1_000:.1f}" if r.on_board else "-",
            f"{r.calls:,}",
            f"{r.calls_a_record:.3f}",
            f"{r.on_board / r.calls:.1f}" if r.calls else "-",
            f"{r.connections:,}",
            f"{r.refused:,}",
            f"{r.cut:,}",
            f"{r.starts}",
            *([f"{r.writes:,}", f"{r.reads:,}"] if changes else []),
        )
    return table


def _bad(count: int) -> str:
    return f"[bold red]{count:,}[/]" if count else "0"


def _print_details(scenario: Scenario, result: Result) -> None:
    share = result.share
    if "least seconds" in share:
        console.print(
            f"{result.tool}: {share['share of the limit']:.1%} of the limit at the board "
            f"({share['least seconds']:.2f} s of {share['seconds of the monday steps']:.2f} s), "
            f"{share['share of the limit, whole process']:.1%} of the whole process."
        )
    if "minutes" in share:
        console.print(
            f"{result.tool}: {share['share of the limit']:.1%} of {CREATES_A_MINUTE} writes a minute over "
            f"{share['minutes']:.2f} minutes, with {share['seconds lost a minute']:.2f} s between two of them; "
            f"{share['refused for complexity']:.0f} requests refused for complexity, "
            f"{share['refused after the first minute']:.0f} of them after the first minute."
        )
    if scenario.name == "faults":
        console.print(f"{result.tool}: {result.faults} faults struck.")
    if result.failure_count:
        console.print(
            f"{result.tool}: {result.failure_count:,} failures at the end, such as: {result.failures[-1]}"[:400]
        )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ChildFailed as error:
        sys.exit(f"benchmark: {error}")
