"""The cost per record of order_sync itself, from a thousand to forty thousand records, without latency.

    python -m benchmarks.client_cost [--quick] [--json FILE]

Each size runs in its own process with a new database, emulator and DAGSTER_HOME. A record is a group, an item or a
subitem. Cost is the wall time of the whole process, including interpreter and imports; marginal cost is the cost of
each record beyond the previous size.

The stack is sampled every 5 ms to show where the time goes (benchmarks/peers/sampler.py): "wait for the emulator" is
the time inside a socket, that is, the emulator's own work (in production monday's); "HTTP client" is httpx around it;
"SQL of order_sync" is SQLAlchemy and SQLite for order_sync's tables; "Dagster" includes Dagster's own database. Memory
is the process's peak.

Targets: at most 1.5 ms a record at the largest size, at most 1.3 times the smallest's cost a record, and at most 1.5
times its memory. The exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.peers.ground import ChildFailed, stage, start
from benchmarks.peers.sampler import PARTS

SIZES = (1_000, 5_000, 20_000, 40_000)
QUICK = (200, 1_000)
REPEATS = 3  # of the smallest size; the fastest counts, as its time is mostly start-up
MOST_MS = 1.5
MOST_GROWTH = 1.3
MOST_MEMORY = 1.5

console = Console(width=150, soft_wrap=True)


@dataclass(frozen=True, kw_only=True)
class Cost:
    records: int
    wall_seconds: float
    sync_seconds: float  # without interpreter and imports
    peak_rss_mb: float
    calls: int
    parts: dict[str, float]  # seconds

    @property
    def ms_a_record(self) -> float:
        return self.wall_seconds / self.records * 1_000


def main() -> int:
    parser = argparse.ArgumentParser(description="The cost per record of order_sync itself.")
    parser.add_argument("--quick", action="store_true", help="use small sizes, to check that it runs")
    parser.add_argument("--json", type=Path, default=Path(".order_sync/benchmarks/client_cost.json"), metavar="FILE")
    options = parser.parse_args()
    costs: list[Cost] = []
    for size in QUICK if options.quick else SIZES:
        with console.status(f"{size:,} records"):
            tries = [measure(size) for _ in range(REPEATS if not costs else 1)]
        costs.append(min(tries, key=lambda cost: cost.wall_seconds))
    console.print(sizes_table(costs))
    console.print(parts_table(costs))
    found = targets(costs)
    for name, value, most in found:
        console.print(
            f"{name}: {value:.2f} (target: at most {most:g}) {'' if value <= most else '[bold red]missed[/]'}"
        )
    options.json.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "costs": [asdict(cost) | {"ms_a_record": cost.ms_a_record} for cost in costs],
        "targets": [{"name": name, "value": value, "at_most": most} for name, value, most in found],
    }
    options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    console.print(f"All figures: {options.json}")
    return 0 if all(value <= most for _, value, most in found) else 1


def measure(size: int) -> Cost:
    with stage(size, {}) as (folder, emulator, _):
        done = start("order_sync", folder, emulator.url, {}, module="benchmarks.peers.profiled")
        if done.failures:
            raise ChildFailed(f"{size:,} records: {done.failures[:3]}")
        report: dict[str, Any] = dict(done.report)
        summary = report["summary"]
        return Cost(
            records=sum(summary[f"{what}_created"] for what in ("groups", "items", "subitems")),
            wall_seconds=done.wall_seconds,
            sync_seconds=report["seconds"],
            peak_rss_mb=report["peak_rss_mb"],
            calls=emulator.stats()["calls"],
            parts=report["parts"],
        )


def sizes_table(costs: list[Cost]) -> Table:
    shown = Table()
    for name in ("records", "calls", "wall s", "sync s", "ms a record", "marginal ms", "peak MB"):
        shown.add_column(name, justify="right")
    for cost, smaller in zip(costs, [None, *costs], strict=False):
        shown.add_row(
            f"{cost.records:,}",
            f"{cost.calls:,}",
            f"{cost.wall_seconds:.1f}",
            f"{cost.sync_seconds:.1f}",
            f"{cost.ms_a_record:.2f}",
            f"{marginal_ms(smaller, cost):.2f}" if smaller else "-",
            f"{cost.peak_rss_mb:.0f}",
        )
    return shown


def parts_table(costs: list[Cost]) -> Table:
    shown = Table(title="Where the time goes: ms a record, and share of the whole")
    for name in ("records", *PARTS):
        shown.add_column(name, justify="right")
    for cost in costs:
        whole = sum(cost.parts.values())
        parts = [cost.parts[part] for part in PARTS]
        shown.add_row(
            f"{cost.records:,}",
            *(f"{seconds / cost.records * 1_000:.2f}  {seconds / whole:>4.0%}" for seconds in parts),
        )
    return shown


def marginal_ms(smaller: Cost, cost: Cost) -> float:
    return (cost.wall_seconds - smaller.wall_seconds) / (cost.records - smaller.records) * 1_000


def targets(costs: list[Cost]) -> list[tuple[str, float, float]]:
    """Name, value and the most that it may be."""
    first, last = costs[0], costs[-1]
    return [
        (f"ms a record at {last.records:,}", last.ms_a_record, MOST_MS),
        (
            f"cost a record at {last.records:,} / at {first.records:,}",
            last.ms_a_record / first.ms_a_record,
            MOST_GROWTH,
        ),
        (f"memory at {last.records:,} / at {first.records:,}", last.peak_rss_mb / first.peak_rss_mb, MOST_MEMORY),
    ]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ChildFailed as error:
        sys.exit(f"benchmark: {error}")
