"""Competing workers, each a process of its own: every record_uuid is claimed exactly once, whole."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Barrier

from order_sync.database.claims import OrderQueue
from order_sync.database.connection import WritableDatabase
from order_sync.database.journal import Journal
from order_sync.database.tables import make_tables
from order_sync.orders.states import State
from order_sync_tests.contract.site import BOARD, Site, make_order, uuids

WORKERS = 4
RECORDS = int(os.environ.get("ORDER_SYNC_TEST_RECORDS", "800"))  # 10000 is the long form
PATIENCE = 60 + RECORDS / 20  # seconds
LEASE_SECONDS = 600.0
DIED = 70

spawn = multiprocessing.get_context("spawn")


def claim_all(url: str, schema: str | None, run_id: str, start: Barrier, batch: int) -> None:
    """Claims the oldest until nothing is left, as runs do that were started at the same moment."""
    database = WritableDatabase(url)
    queue = OrderQueue(database, make_tables(schema=schema), lease_seconds=LEASE_SECONDS)
    start.wait(30)
    while waiting := queue.claimable_headers():
        records = list(dict.fromkeys(row["record_uuid"] for row in waiting))[:batch]
        queue.claim_headers(run_id, [row["delta_uuid"] for row in waiting if row["record_uuid"] in set(records)])
    mine = {row["record_uuid"] for row in queue.claimed_headers(run_id)}
    while lines := [row["delta_uuid"] for row in queue.claimable_lines() if row["record_uuid"] in mine]:
        queue.claim_lines(run_id, lines[: 2 * batch])
    database.dispose()


def claim_and_die(url: str, schema: str | None, run_id: str, count: int) -> None:
    queue = OrderQueue(WritableDatabase(url), make_tables(schema=schema), lease_seconds=LEASE_SECONDS)
    queue.claim_headers(run_id, [row["delta_uuid"] for row in queue.claimable_headers()[:count]])
    os._exit(DIED)


def hold_board(url: str, schema: str | None, run_id: str, start: Barrier) -> None:
    """Takes a free board once; who gets it keeps it."""
    database = WritableDatabase(url)
    journal = Journal(database, make_tables(schema=schema), board_id=BOARD, run_id=run_id, lease_seconds=60)
    start.wait(30)
    held = journal._holder() is None
    database.dispose()
    os._exit(0 if held else 1)


def url_of(site: Site) -> str:
    return site.database.url.render_as_string(hide_password=False)


def run(*processes: SpawnProcess) -> list[int | None]:
    """Exit codes; a process that hangs is ended."""
    for process in processes:
        process.start()
    codes = []
    for process in processes:
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()
        codes.append(process.exitcode)
        process.close()
    return codes


def claim_with(site: Site, workers: int, batch: int) -> list[int | None]:
    """Exit codes of this number of workers, which start to claim at the same moment."""
    start = spawn.Barrier(workers)
    schema = site.tables.orders.schema
    return run(
        *(
            spawn.Process(target=claim_all, args=(url_of(site), schema, f"run-{n}", start, batch))
            for n in range(workers)
        )
    )


def check_claims(site: Site, headers: int, lines: int) -> Counter[str]:
    """All rows are claimed, and no record_uuid by two runs; returns the headers by run."""
    rows = site.rows(site.tables.header_queue)
    assert len(rows) == headers
    assert {row["sync_state"] for row in rows} == {State.PENDING}
    runs: dict[str, set[str]] = {}
    for row in rows:
        runs.setdefault(row["record_uuid"], set()).add(row["sync_run_id"])
    assert [record for record, holders in runs.items() if len(holders) != 1 or None in holders] == []
    held = [row["sync_run_id"] for row in site.rows(site.tables.line_queue)]
    assert len(held) == lines
    assert None not in held
    return Counter(row["sync_run_id"] for row in rows)


def test_each_record_is_claimed_by_one_of_four_workers(site: Site) -> None:
    orders = [make_order(headers=1 + n % 3, lines=1, minute=n) for n in range(RECORDS)]
    site.add(*orders)
    assert claim_with(site, WORKERS, batch=50) == [0] * WORKERS
    by_run = check_claims(site, len(uuids(orders, "headers")), RECORDS)
    assert len(by_run) > 1, "one worker got all: the others did not compete"


def test_rows_of_a_killed_worker_are_claimed_after_the_lease(site: Site) -> None:
    orders = [make_order(headers=2, lines=1, minute=n) for n in range(100)]
    site.add(*orders)
    dying = spawn.Process(target=claim_and_die, args=(url_of(site), site.tables.orders.schema, "dead", 61))
    assert run(dying) == [DIED]
    # 61 headers are 30 record_uuids and a half: the half record is as held as the others.
    assert len(site.queue(lease_seconds=LEASE_SECONDS).claimable_headers()) == 200 - 62
    assert claim_with(site, 1, batch=50) == [0]
    assert site.queue().leases()[0].rows == 61
    site.age_claims("dead", LEASE_SECONDS + 1)
    site.queue().release("run-0")
    assert claim_with(site, 2, batch=10) == [0, 0]
    assert "dead" not in check_claims(site, 200, 100)


def test_one_of_four_workers_gets_a_new_board(site: Site) -> None:
    start = spawn.Barrier(WORKERS)
    schema = site.tables.orders.schema
    codes = run(
        *(spawn.Process(target=hold_board, args=(url_of(site), schema, f"run-{n}", start)) for n in range(WORKERS))
    )
    assert sorted(code for code in codes if code is not None) == [0, 1, 1, 1]
    assert site.row(site.tables.boards)["run_id"] == f"run-{codes.index(0)}"
