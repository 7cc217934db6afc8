"""Worker processes that play cases side by side.

In: cases. Out: their results, as they come. The processes end with the block.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, cast

from order_sync_tests.faults.cases import Case, Result
from order_sync_tests.graph.stage import ROOT


class Crew:
    def __init__(self, processes: list[subprocess.Popen[str]]) -> None:
        self._processes = processes
        self._free: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for process in processes:
            self._free.put(process)

    def play(self, cases: Iterable[Case]) -> Iterator[Result]:
        with ThreadPoolExecutor(len(self._processes)) as pool:
            for future in as_completed([pool.submit(self.play_one, case) for case in cases]):
                yield future.result()

    def play_one(self, case: Case) -> Result:
        process = self._free.get()
        try:
            return Result.from_json(_ask(process, case.to_json()))
        finally:
            self._free.put(process)

    def act(self, name: str, **arguments: Any) -> dict[str, Any]:
        """An act in the world of the first process; nothing else may be played meanwhile."""
        return cast("dict[str, Any]", json.loads(_ask(self._processes[0], json.dumps({"act": name, **arguments}))))


def _ask(process: subprocess.Popen[str], line: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"the worker process ended at {line}; see its words above")
    return answer


@contextmanager
def crew(size: int | None = None) -> Iterator[Crew]:
    processes = [_start() for _ in range(size or min(os.cpu_count() or 1, 4))]
    try:
        yield Crew(processes)
    finally:
        for process in processes:
            process.communicate(timeout=60)


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "order_sync_tests.faults.worker"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
