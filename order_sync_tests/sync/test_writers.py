"""Several requests to a board at a time: as sure as one, and fewer where monday does not like it."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from order_sync.database.entries import Entry, Operation
from order_sync.database.journal import Journal
from order_sync.emulator import Fault, FaultKind
from order_sync.monday.pacing import Clock
from order_sync.monday.transport import MondayTransport, Reply
from order_sync.orders.codes import Delay
from order_sync.orders.errors import Fatal, QuotaExhausted, Rejected, Transient
from order_sync.sync.batches import SMALLEST_SHARE, Batches
from order_sync.sync.delivery import Outcome
from order_sync.sync.rows import NewRow, Repaired
from order_sync_tests.sync.stage import SHARED, QuickClock, Stage, with_variable
from order_sync_tests.waiting import until


def peak(stage: Stage, since: int = 0) -> int:
    return max(int(request["in_flight"]) for request in stage.mutations(since))


@pytest.mark.parametrize("operation", [Operation.GROUPS, Operation.ITEMS, Operation.SUBITEMS])
def test_all_rows_are_created_once(stage: Stage, operation: Operation) -> None:
    rows = stage.wanted(operation, 60)
    stage.emulator.configure(mutation_ms=50)
    before = len(stage.emulator.requests())
    stage.create(operation, rows, writers=4, first_batch=5)
    stage.check_once(operation, rows)
    assert 1 < peak(stage, before) <= 4


class Meeting(MondayTransport):
    """A mutation leaves once each of the writers has one."""

    def __init__(self, url: str, writers: int) -> None:
        super().__init__(url, "a-token", timeout_seconds=5)
        self._all = threading.Barrier(writers, timeout=20)

    def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
        if idempotency_key:
            self._all.wait()
        return super().send(body, idempotency_key=idempotency_key, **how)


@pytest.mark.parametrize("writers", [2, 6])
def test_each_writer_has_a_request_of_its_own(stage: Stage, monkeypatch: pytest.MonkeyPatch, writers: int) -> None:
    """However few cores there are: a writer waits most of its time."""
    for name in ("cpu_count", "process_cpu_count"):
        monkeypatch.setattr(os, name, lambda: 1, raising=False)
    rows = stage.wanted(Operation.GROUPS, writers * SMALLEST_SHARE)
    transport = Meeting(stage.emulator.url, writers)
    outcome = stage.create(Operation.GROUPS, rows, writers=writers, first_batch=SMALLEST_SHARE, transport=transport)
    assert len(outcome.created) == len(rows)
    assert len(stage.mutations()) == writers


def test_few_rows_are_written_without_another_thread(stage: Stage) -> None:
    threads: set[int] = set()

    class Noting(MondayTransport):
        def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
            threads.add(threading.get_ident())
            return super().send(body, idempotency_key=idempotency_key, **how)

    rows, transport = stage.wanted(Operation.GROUPS, SMALLEST_SHARE), Noting(stage.emulator.url, "a-token")
    stage.create(Operation.GROUPS, rows, writers=4, transport=transport)
    assert threads == {threading.get_ident()}


def test_one_writer_is_one_request_at_a_time(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 40)
    stage.emulator.configure(mutation_ms=5)
    stage.create(Operation.ITEMS, rows, first_batch=5)
    assert peak(stage) == 1


def test_the_writers_finish_together(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 40)
    stage.emulator.configure(mutation_ms=5)
    stage.create(Operation.ITEMS, rows, writers=4, first_batch=100)
    sizes = sorted(request["aliases"] - 1 for request in stage.mutations())
    assert sizes[-1] <= 10


def test_a_locked_board_has_fewer_writers_and_loses_nothing(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 80)
    stage.emulator.configure(mutation_ms=50, lock_boards=True)  # long enough to meet on a busy machine
    stage.create(Operation.ITEMS, rows, writers=4, first_batch=5)
    stage.check_once(Operation.ITEMS, rows)
    requests = stage.mutations()
    assert 423 in {request["status"] for request in requests}
    assert all(request["in_flight"] == 1 for request in requests[-3:])


@pytest.mark.parametrize(
    "kind",
    ["reset_before", "reset_after", "http_504_after", "partial_batch", "complexity", "garbage", "concurrency_429"],
)
def test_faults_double_and_lose_nothing(stage: Stage, kind: str) -> None:
    rows = stage.wanted(Operation.ITEMS, 60)
    stage.faults(
        Fault(kind=FaultKind(kind), operation="create_item", every=3, times=3, retry_in_seconds=1), mutation_ms=2
    )
    stage.create(Operation.ITEMS, rows, writers=3, first_batch=5)
    stage.check_once(Operation.ITEMS, rows)


def test_the_row_that_spoils_a_request_is_found(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 30)
    rows[17] = with_variable(rows[17], name=5)
    outcome = stage.create(Operation.ITEMS, rows, writers=3, first_batch=10)
    assert outcome.rejected.keys() == {rows[17].key}
    stage.check_once(Operation.ITEMS, [row for row in rows if row.key != rows[17].key])


def test_a_request_is_closed_before_its_refusals_are_judged(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """From then on another writer may send its rows again: a death would leave two open requests for one row."""
    closed: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    early: list[str] = []
    judged: list[bool] = []
    open_, close, judge = Journal.open, Journal.close, Batches.judge

    def opened(self: Journal, entry: Entry) -> None:
        if sum(sent.values()) >= 10:  # rows refused last of all would be the board's fault
            until(lambda: len(judged) >= 2, "the first two requests are judged", every=0.005)
        sent.update(entry.keys)
        open_(self, entry)

    def closes(self: Journal, entry: Entry, **how: Any) -> None:
        close(self, entry, **how)
        closed.update(entry.keys)

    def judges(self: Batches, batch: Sequence[NewRow], *about: Any) -> Mapping[str, Rejected]:
        early.extend(row.key for row in batch if closed[row.key] != sent[row.key])
        own = judge(self, batch, *about)
        judged.append(True)
        return own

    monkeypatch.setattr(Journal, "open", opened)
    monkeypatch.setattr(Journal, "close", closes)
    monkeypatch.setattr(Batches, "judge", judges)
    rows = stage.wanted(Operation.ITEMS, 40)
    refused = Fault(
        kind=FaultKind.PARTIAL_BATCH,
        operation="create_item",
        aliases=(0, 1, 2, 3, 4),
        failure="final",
        code="New",
        nth=1,
    )
    stage.faults(refused)
    stage.create(Operation.ITEMS, rows, writers=2, first_batch=5)
    stage.check_once(Operation.ITEMS, rows)
    assert max(sent.values()) == 2  # some were suspended
    assert early == []


def test_the_budget_holds_for_all_of_them(stage: Stage) -> None:
    """20 creates a minute; the emulator's minutes are as short as the client's."""
    rows = stage.wanted(Operation.ITEMS, 60)
    stage.emulator.configure(enforce_limits=True, limits={"complexity_per_minute": 600_000}, clock_speed=100)
    stage.create(Operation.ITEMS, rows, writers=4, first_batch=5, clock=Clock(100))
    stage.check_once(Operation.ITEMS, rows)
    assert {request["status"] for request in stage.mutations()[4:]} == {200}


def test_the_first_error_for_all_stops_all(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 60)
    stage.faults(Fault(kind=FaultKind.DAILY_LIMIT, operation="create_item", nth=3), mutation_ms=5)
    with pytest.raises(QuotaExhausted):
        stage.create(Operation.ITEMS, rows, writers=3, first_batch=5)
    assert len(stage.mutations()) < 10
    # What was on its way is on record.
    known = {row["delta_uuid"] for row in stage.site.rows(stage.site.tables.header_queue) if row["monday_item_id"]}
    assert known == stage.items().keys()
    assert stage.journal().in_doubt() == []


def test_a_wrong_token_stops_at_once(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 30)
    stage.faults(Fault(kind=FaultKind.GARBAGE, operation="create_item", nth=999))
    with pytest.raises(Fatal), stage.writer(writers=3) as writer:
        writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS] | {"board": "1"})
    assert stage.items() == {}


# ---- rejected rows that may succeed in another way ----------------------------------------------------------


def test_rejected_rows_are_cleaned_before_they_are_recorded(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 6)
    spoilt = [with_variable(row, group="deleted") if n % 2 else row for n, row in enumerate(rows)]
    asked: list[str] = []

    def repair(rejected: Mapping[str, Rejected]) -> Repaired:
        asked.extend(rejected)
        return Repaired(again={row.key: row for row in rows if row.key in rejected})

    with stage.writer() as writer:
        outcome = writer.write(Operation.ITEMS, spoilt, SHARED[Operation.ITEMS], repair=repair)
    assert outcome.created.keys() == {row.key for row in rows}
    assert sorted(asked) == sorted(row.key for row in rows[1::2])
    stage.check_once(Operation.ITEMS, rows)
    states = {row["sync_state"] for row in stage.site.rows(stage.site.tables.header_queue)}
    assert states == {"PENDING"}


def test_repairing_in_vain_ends(stage: Stage) -> None:
    rows = [with_variable(row, group="deleted") for row in stage.wanted(Operation.ITEMS, 2)]
    by_key = {row.key: row for row in rows}
    last: list[Rejected] = []

    def repair(rejected: Mapping[str, Rejected]) -> Repaired:
        last[:] = rejected.values()
        return Repaired(again={key: by_key[key] for key in rejected})

    with stage.writer(clock=QuickClock()) as writer, pytest.raises(Transient) as caught:
        writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS], repair=repair)
    assert len(stage.mutations()) == 8
    error, refused = caught.value, last[0]
    assert (error.message, error.why, error.code) == (refused.message, refused.why, refused.code)
    assert error.request_id == refused.request_id is not None
    assert error.no_effect


def test_what_has_to_wait_is_neither_rejected_nor_a_failure(stage: Stage) -> None:
    rows, waits = stage.wanted(Operation.ITEMS, 4), f"{Delay.NO_GROUP_YET}: it waits"
    spoilt = [with_variable(row, group="deleted") if n < 2 else row for n, row in enumerate(rows)]

    def repair(rejected: Mapping[str, Rejected]) -> Repaired:
        return Repaired(waiting={rows[0].key: waits}, rejected={rows[1].key: Rejected("for a better reason")})

    with stage.writer() as writer:
        outcome = writer.write(Operation.ITEMS, spoilt, SHARED[Operation.ITEMS], repair=repair)
    assert outcome.waiting == {rows[0].key: waits}
    [logged] = stage.site.rows(stage.site.tables.log, delta_uuid=rows[0].key)
    assert (logged["outcome"], logged["message"]) == ("unsettled", waits)
    assert {key: error.message for key, error in outcome.rejected.items()} == {rows[1].key: "for a better reason"}
    assert outcome.created.keys() == {rows[2].key, rows[3].key}
    states = {row["delta_uuid"]: row["sync_state"] for row in stage.site.rows(stage.site.tables.header_queue)}
    assert (states[rows[0].key], states[rows[1].key]) == ("PENDING", "ERROR")


# ---- batches ------------------------------------------------------------------------------------------------


def new_rows(count: int) -> list[NewRow]:
    return [NewRow(key=f"row-{n}", variables={}) for n in range(count)]


def test_halving_finds_the_bad_row_in_few_steps() -> None:
    rows, sizes = Batches(new_rows(16), writers=1), []
    while batch := rows.take(0, most=16):
        sizes.append(len(batch))
        bad = any(row.key == "row-11" for row in batch)
        if bad and len(batch) > 1:
            rows.halve(batch)
            continue
        result = {row.key: "1" for row in batch}
        outcome = Outcome(rejected={"row-11": Rejected("no")}) if bad else Outcome(created=result)
        rows.done(batch, outcome)
    assert rows.total.rejected.keys() == {"row-11"}
    assert len(rows.total.created) == 15
    assert len(sizes) <= 12
