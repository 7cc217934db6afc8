"""The cost of unusual sizes: a run that rejects every order, one order of 10,000 lines, 200 runs.

    python -m benchmarks.size [--quick] [--json FILE]

Rejected: 10,000 orders whose label the board lacks, compared with as many valid ones. Lines: one order of 10,000 lines,
compared with one of 1,000. Each of these runs has its own process, with a new database, emulator and DAGSTER_HOME.
Runs: the disk space that Dagster uses after 200 runs of one order each. Cost is CPU time without interpreter and
imports, so other load on the machine has little effect.

Targets: rejected orders cost at most 1.5 times as much as good ones, a line of the large order at most 1.3 times as
much as one of the small order; 200 runs leave at most 20 MB. The exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table

from benchmarks.peers.ground import ChildFailed, stage, start
from benchmarks.peers.orders import MORNING, SEED
from order_sync.demo.samples import SampleOrders, arriving_orders

UNKNOWN_LABEL = "NO SUCH TYPE"
MOST_FOR_REJECTED = 1.5
MOST_GROWTH = 1.3
MOST_LEFT = 20  # MB
RECORD = "record"
CHILD = "benchmarks.size"

console = Console(width=120, soft_wrap=True)
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    orders: int
    few_lines: int
    many_lines: int
    runs: int


FULL = Sizes(orders=10_000, few_lines=1_000, many_lines=10_000, runs=200)
QUICK = Sizes(orders=500, few_lines=200, many_lines=1_000, runs=35)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One run."""

    what: str
    rows: int
    cpu_seconds: float
    events: int  # that Dagster has kept
    peak_rss_mb: float

    @property
    def ms_a_row(self) -> float:
        return self.cpu_seconds / self.rows * 1_000


def main() -> int:
    parser = argparse.ArgumentParser(description="The cost of unusual sizes.")
    parser.add_argument("--quick", action="store_true", help="use small sizes, to check that it runs")
    parser.add_argument("--json", type=Path, default=Path(".order_sync/benchmarks/size.json"), metavar="FILE")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    good, rejected = (
        measure(f"{sizes.orders:,} {what} orders", make(sizes.orders), rejected=what == "rejected")
        for what, make in (("good", good_orders), ("rejected", rejected_orders))
    )
    few, many = (
        measure(f"1 order of {lines:,} lines", one_order(lines)) for lines in (sizes.few_lines, sizes.many_lines)
    )
    costs = [good, rejected, few, many]
    console.print(shown(costs))
    left = measure_record(sizes.runs)
    found = [
        ("CPU of rejected orders / of good ones", rejected.cpu_seconds / good.cpu_seconds, MOST_FOR_REJECTED),
        (f"CPU a line at {many.rows:,} lines / at {few.rows:,}", many.ms_a_row / few.ms_a_row, MOST_GROWTH),
        (f"MB of Dagster's record after {sizes.runs} runs", left, MOST_LEFT),
    ]
    for name, value, most in found:
        missed = "" if value <= most else "[bold red]missed[/]"
        console.print(f"{name}: {value:.2f} (target: at most {most:g}) {missed}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "costs": [asdict(cost) | {"ms_a_row": cost.ms_a_row} for cost in costs],
        "targets": [{"name": name, "value": value, "at_most": most} for name, value, most in found],
    }
    options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    console.print(f"All figures: {options.json}")
    return 0 if all(value <= most for _, value, most in found) else 1


def measure(what: str, sample: SampleOrders, *, rejected: bool = False) -> Cost:
    with console.status(what), stage(sample, {}) as (folder, emulator, _):
        done = start("order_sync", folder, emulator.url, {}, module=CHILD)
        report = dict(done.report)
        wanted = len(sample.headers) if rejected else 0
        if len(done.failures) != report["held_back"] + wanted or report["rejected"] != wanted:
            raise ChildFailed(f"{what}: {report['rejected']} rows were rejected, first {done.failures[:3]}")
        return Cost(
            what=what,
            rows=len(sample.lines) if len(sample.headers) == 1 else len(sample.headers),
            cpu_seconds=report["cpu_seconds"],
            events=report["events"],
            peak_rss_mb=report["peak_rss_mb"],
        )


def measure_record(runs: int) -> float:
    """MB of DAGSTER_HOME after `runs` runs of one order each."""
    sample = arriving_orders(runs, seed=SEED, created_at=MORNING)
    with console.status(f"{runs} runs"), stage(sample, {}) as (folder, emulator, _):
        done = start(RECORD, folder, emulator.url, {"RUNS": str(runs)}, module=CHILD)
        if done.report["synced"] != runs:
            raise ChildFailed(f"{done.report['synced']} of {runs} orders were synced")
        return sum(path.stat().st_size for path in (folder / ".order_sync").rglob("*") if path.is_file()) / 1e6


# ---- the orders -------------------------------------------------------------------------------------------


def good_orders(count: int) -> SampleOrders:
    """Orders of one line each."""
    drawn = arriving_orders(count, seed=SEED, created_at=MORNING)
    first = {line["record_uuid"]: line["line_uuid"] for line in reversed(drawn.lines)}
    kept = set(first.values())
    return SampleOrders(
        headers=drawn.headers,
        lines=[line for line in drawn.lines if line["line_uuid"] in kept],
        orders=drawn.orders,
        order_lines=[line for line in drawn.order_lines if line["line_uuid"] in kept],
    )


def rejected_orders(count: int) -> SampleOrders:
    """The same orders with a label that the board lacks: one wrong word in an export is enough."""
    good = good_orders(count)
    return SampleOrders(
        headers=[header | {"ORDER TYPE": UNKNOWN_LABEL} for header in good.headers],
        lines=good.lines,
        orders=[order | {"ORDER TYPE": UNKNOWN_LABEL} for order in good.orders],
        order_lines=good.order_lines,
    )


def one_order(lines: int) -> SampleOrders:
    drawn = arriving_orders(1, seed=SEED, created_at=MORNING)
    return SampleOrders(
        headers=drawn.headers,
        lines=list(_repeated(drawn.lines[0], lines, delta_uuid=1, line_uuid=2)),
        orders=drawn.orders,
        order_lines=list(_repeated(drawn.order_lines[0], lines, line_uuid=2)),
    )


def _repeated(line: Row, count: int, **keys: int) -> Iterable[Row]:
    """Copies of the line, each with its own size and keys."""
    for number in range(count):
        own = {name: str(UUID(int=(kind << 96) + number)) for name, kind in keys.items()}
        yield line | own | {"size_code": f"S{number}"}


# ---- one run ----------------------------------------------------------------------------------------------


def shown(costs: list[Cost]) -> Table:
    table = Table()
    for name in ("run", "CPU s", "ms a row", "Dagster events", "peak MB"):
        table.add_column(name, justify="left" if name == "run" else "right")
    for cost in costs:
        table.add_row(
            cost.what,
            f"{cost.cpu_seconds:.1f}",
            f"{cost.ms_a_row:.2f}",
            f"{cost.events:,}",
            f"{cost.peak_rss_mb:.0f}",
        )
    return table


def child() -> int:
    """The run itself, in a process of its own."""
    import dagster as dg

    from benchmarks.peers import ours
    from benchmarks.peers.child import REPORT
    from benchmarks.peers.memory import peak_mb

    run: Callable[[], Row] = ours.run
    started = time.process_time()
    report = run()
    seconds = time.process_time() - started
    summary = report.get("summary", {})
    with dg.DagsterInstance.get() as instance:
        events = len(instance.all_logs(summary["run_id"])) if summary else 0
    report |= {
        "cpu_seconds": seconds,
        "events": events,
        "peak_rss_mb": peak_mb(),
        "rejected": len(summary.get("rejected", ())),
        "held_back": 1 if summary.get("orders_held_back") else 0,
    }
    REPORT.write_text(json.dumps(report), encoding="utf-8")
    return 1 if report["failures"] else 0


def record() -> int:
    """RUNS runs of one order each."""
    from benchmarks.peers.child import REPORT
    from order_sync.cli import launch
    from order_sync.settings import load_settings

    summaries = [launch.sync(load_settings(), limit=1) for _ in range(int(os.environ["RUNS"]))]
    REPORT.write_text(json.dumps({"synced": sum(summary.orders_synced for summary in summaries)}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit({"order_sync": child, RECORD: record}.get("".join(sys.argv[1:2]), main)())
    except ChildFailed as error:
        sys.exit(f"benchmark: {error}")
