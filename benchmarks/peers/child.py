"""Runs one tool once: python -m benchmarks.peers.child TOOL, in the folder with the orders.

In: BENCHMARK_URL, BENCHMARK_WAITS (the speed-up of waits), orders.db. Out: child.json, and exit code 0 if everything
is on the board, else 1. The parent decides where the tool's output goes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.peers.memory import peak_mb

DATABASE = Path("orders.db")
REPORT = Path("child.json")
TOKEN = "benchmark"  # noqa: S105 - the emulator takes any


def hasten(speed: float) -> None:
    """time.sleep on the emulator's clock: the peers wait with it, and know no other clock than the real one."""
    real = time.sleep

    def sleep(seconds: float) -> None:
        real(seconds / speed)

    time.sleep = sleep  # type: ignore[assignment] # before any package takes it by name


def order_sync(_url: str) -> dict[str, Any]:
    from benchmarks.peers import ours

    return ours.run()


def monday(url: str) -> dict[str, Any]:
    from benchmarks.peers.monday_package import MondayPackage

    return script(MondayPackage(url, TOKEN))


def monday_sdk(url: str) -> dict[str, Any]:
    from benchmarks.peers.monday_sdk import MondaySdk

    return script(MondaySdk(url, TOKEN))


def dlt(url: str) -> dict[str, Any]:
    from benchmarks.peers.dlt_destination import DltDestination
    from benchmarks.peers.orders import read

    destination = DltDestination(url, TOKEN, read(DATABASE), Path())
    destination.run()
    return {"failures": destination.failures}


def script(calls: Any) -> dict[str, Any]:
    from benchmarks.peers.orders import read
    from benchmarks.peers.script import Script

    run = Script(calls, read(DATABASE), Path())
    run.run()
    return {"failures": run.failures}


TOOLS: dict[str, Callable[[str], dict[str, Any]]] = {
    "order_sync": order_sync,
    "monday": monday,
    "monday-sdk": monday_sdk,
    "dlt": dlt,
}


def main() -> int:
    tool = sys.argv[1]
    waits = float(os.environ["BENCHMARK_WAITS"])
    if waits != 1 and tool != "order_sync":  # which has a setting for it
        hasten(waits)
    started = time.perf_counter()
    report = TOOLS[tool](os.environ["BENCHMARK_URL"])
    report["seconds"] = time.perf_counter() - started
    report["peak_rss_mb"] = peak_mb()
    REPORT.write_text(json.dumps(report), encoding="utf-8")
    return 1 if report["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
