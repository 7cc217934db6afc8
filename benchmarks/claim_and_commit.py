"""The cost per row of claiming and committing, from a thousand to fifty thousand lines, on SQLite.

    python benchmarks/claim_and_commit.py

Prints microseconds per row (headers and lines) for each size, and the ratio to the smallest size. The ratios are the
result; the microseconds depend on the machine.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from order_sync.database.check import create_all
from order_sync.database.claims import OrderQueue
from order_sync.database.commit import commit
from order_sync.database.connection import WritableDatabase
from order_sync.database.entries import Operation
from order_sync.database.journal import Journal
from order_sync.database.tables import make_tables
from order_sync.demo.samples import arriving_orders, insert_orders

LINES = (1_000, 5_000, 20_000, 50_000)
REPEATS = 3
LINES_AN_ORDER = 4.6  # of the sample orders


def measure(lines: int, folder: Path) -> tuple[int, dict[str, float]]:
    """Rows, and microseconds per row by step, for a queue of about this many lines."""
    database, tables = WritableDatabase(f"sqlite:///{folder / 'orders.db'}"), make_tables()
    try:
        create_all(database, tables)
        now = datetime.now(UTC).replace(tzinfo=None)
        insert_orders(database, tables, arriving_orders(round(lines / LINES_AN_ORDER), seed=1, created_at=now))
        queue = OrderQueue(database, tables, lease_seconds=600)
        journal = Journal(database, tables, board_id=1, run_id="run", lease_seconds=600)
        started = time.perf_counter()
        headers = [row["delta_uuid"] for row in queue.claimable_headers()]
        queue.claim_headers("run", headers)
        line_rows = [row["delta_uuid"] for row in queue.claimable_lines()]
        queue.claim_lines("run", line_rows)
        claimed = time.perf_counter()
        with journal.holding_board():
            journal.adopt(Operation.ITEMS, {key: str(n + 1) for n, key in enumerate(headers)})
            journal.adopt(Operation.SUBITEMS, {key: str(n + 1) for n, key in enumerate(line_rows)})
        adopted = time.perf_counter()
        done = commit(database, queue, "run")
        committed = time.perf_counter()
        rows = len(headers) + len(line_rows)
        if done.held or sum(done.headers.values()) + sum(done.lines.values()) != rows:
            sys.exit(f"not every row was committed: {done.held[:3]}")
        steps = {"claim": claimed - started, "ids": adopted - claimed, "commit": committed - adopted}
        return rows, {step: seconds / rows * 1e6 for step, seconds in steps.items()}
    finally:
        database.dispose()


def main() -> None:
    smallest: float | None = None
    print(
        f"{'lines':>7} {'rows':>7} {'claim':>8} {'ids':>8} {'commit':>8} {'claim+commit':>13} {'ratio':>6}   (us a row)"
    )
    for lines in LINES:
        results = []
        for _ in range(REPEATS):
            gc.collect()
            with tempfile.TemporaryDirectory() as folder:
                results.append(measure(lines, Path(folder)))
        rows, best = min(results, key=lambda result: result[1]["claim"] + result[1]["commit"])
        total = best["claim"] + best["commit"]
        smallest = smallest or total
        print(
            f"{lines:>7,} {rows:>7,} {best['claim']:>8.1f} {best['ids']:>8.1f} {best['commit']:>8.1f} "
            f"{total:>13.1f} {total / smallest:>6.2f}"
        )


if __name__ == "__main__":
    main()
