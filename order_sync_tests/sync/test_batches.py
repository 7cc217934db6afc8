"""How rows are handed out: the size of a batch, its share among writers, and what becomes of rows that come back."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from order_sync.orders.errors import Rejected, Transient
from order_sync.orders.monday_faults import MondayFault
from order_sync.sync.batches import MOST_FAILURES, ROW_ATTEMPTS, SMALLEST_SHARE, Batches
from order_sync.sync.delivery import Outcome
from order_sync.sync.rows import NewRow
from order_sync.sync.verdict import MOST_REFUSED


def rows_of(count: int) -> list[NewRow]:
    return [NewRow(key=f"row-{n}", variables={}) for n in range(count)]


def keys(batch: list[NewRow]) -> list[int]:
    return [int(row.key.removeprefix("row-")) for row in batch]


def created(batch: list[NewRow]) -> Outcome:
    return Outcome(created={row.key: "1" for row in batch})


def again(batch: list[NewRow]) -> Outcome:
    return Outcome(again={row.key: Transient(f"busy {row.key}") for row in batch})


def judged(rows: Batches, batch: Sequence[NewRow], outcome: Outcome) -> Mapping[str, Rejected]:
    return rows.judge(batch, outcome, rows.suspend(batch, outcome))


def test_rows_are_handed_out_in_order_until_none_is_left() -> None:
    rows = Batches(rows_of(12), 1)
    assert keys(rows.take(0, 5)) == [0, 1, 2, 3, 4]
    assert keys(rows.take(0, 100)) == [5, 6, 7, 8, 9, 10, 11]
    rows.stop()
    assert rows.take(0, 5) == []
    assert (rows.count, rows.stopped) == (12, True)


def test_a_stop_leaves_what_waits() -> None:
    rows = Batches(rows_of(3), 1)
    rows.stop()
    assert rows.take(0, 3) == []


def test_what_jobs_have_done_counts_as_well() -> None:
    imported = Outcome(created={"a": "1", "b": "2"}, waiting={"c": "its job"})
    rows = Batches(rows_of(2), 1, imported)
    assert (rows.count, rows.total) == (5, imported)
    assert Batches([], 1).count == 0
    assert Batches([], 1).take(0, 5) == []


@pytest.mark.parametrize(
    ("count", "writers", "sizes"),
    [(40, 2, [20, 10, 5, 5]), (30, 3, [10, 7, 5, 5, 3]), (9, 4, [SMALLEST_SHARE, 4]), (3, 1, [3])],
)
def test_a_batch_is_an_equal_share_of_the_rest(count: int, writers: int, sizes: list[int]) -> None:
    rows = Batches(rows_of(count), writers)
    assert [len(rows.take(n % writers, 100)) for n in range(len(sizes))] == sizes


def test_a_writer_that_is_one_too_many_gets_nothing() -> None:
    rows = Batches(rows_of(40), 2)
    assert rows.take(2, 5) == []
    assert len(rows.take(1, 5)) == 5


def test_rows_that_did_not_fit_come_next_in_their_order() -> None:
    rows = Batches(rows_of(6), 1)
    batch = rows.take(0, 4)
    rows.put_back(batch[1:])
    rows.done(batch[:1], created(batch[:1]))
    assert keys(rows.take(0, 6))[:3] == [1, 2, 3]


def test_a_batch_that_was_not_executed_comes_next() -> None:
    rows = Batches(rows_of(6), 1)
    batch = rows.take(0, 3)
    rows.requeue(batch)
    assert keys(rows.take(0, 6)) == [0, 1, 2, 3, 4, 5]


def test_a_refused_request_is_halved_down_to_one_row() -> None:
    rows = Batches(rows_of(9), 1)
    for size in (9, 4, 2, 1, 1):
        batch = rows.take(0, 100)
        assert len(batch) == size
        rows.halve(batch)


def test_after_a_failure_batches_grow_from_one_row() -> None:
    rows = Batches(rows_of(20), 1)
    batch = rows.take(0, 8)
    assert rows.failed()
    rows.done(batch, replace(created(batch), unanswered=True))
    for size in (1, 2, 4):
        batch = rows.take(0, 100)
        assert len(batch) == size
        rows.done(batch, created(batch))


def test_failures_in_a_row_end_and_an_answer_forgives_them() -> None:
    rows = Batches(rows_of(9), 1)
    assert [rows.failed() for _ in range(MOST_FAILURES + 1)] == [True] * MOST_FAILURES + [False]
    batch = rows.take(0, 1)
    rows.done(batch, created(batch))
    assert rows.failed()


def test_a_row_is_tried_so_often_and_then_given_up() -> None:
    rows = Batches(rows_of(3), 1)
    for attempt in range(1, ROW_ATTEMPTS + 1):
        batch = rows.take(0, 3)
        assert len(batch) == (3 if attempt == 1 else 1)
        outcome = Outcome(created=created(batch[:-1]).created, again=again(batch[-1:]).again)
        rows.done(batch, outcome)
    assert rows.take(0, 3) == []
    assert rows.total.again["row-2"].message == "busy row-2"
    assert rows.total.created.keys() == {"row-0", "row-1"}


def test_a_lone_row_without_an_answer_is_given_up() -> None:
    rows = Batches(rows_of(2), 1)
    rows.done(batch := rows.take(0, 1), Outcome(unanswered=True))
    error = rows.total.again[batch[0].key]
    assert (error.message, error.why) == ("monday gave no result", MondayFault.ODD_ANSWER)
    pair = Batches(rows_of(2), 1)
    pair.done(pair.take(0, 2), Outcome(unanswered=True))
    assert pair.total.again == {}
    assert keys(pair.take(0, 2)) == [0, 1]


def test_a_row_alone_that_was_answered_waits_again() -> None:
    rows = Batches(rows_of(1), 1)
    rows.done(rows.take(0, 1), Outcome())
    assert keys(rows.take(0, 1)) == [0]


def test_a_row_with_a_result_is_not_sent_again() -> None:
    rows = Batches(rows_of(4), 1)
    refused = Rejected("no")
    outcome = Outcome(created={"row-0": "1"}, rejected={"row-1": refused}, waiting={"row-2": "its item"})
    batch = rows.take(0, 4)
    judged(rows, batch, outcome)
    rows.done(batch, outcome)
    assert keys(rows.take(0, 4)) == [3]
    total = rows.total
    assert (total.created, total.rejected, total.waiting) == (outcome.created, outcome.rejected, outcome.waiting)


def test_what_is_rejected_for_good_does_not_wait() -> None:
    """Another writer's request shows it before the batch is done."""
    rows = Batches(rows_of(10), 2)
    first, second = rows.take(0, 3), rows.take(1, 2)
    refused = {row.key: Rejected("no", known=False) for row in first[1:]}
    outcome = Outcome(created={first[0].key: "1"}, rejected=dict(refused))
    judged(rows, first, outcome)
    assert rows.total.waiting.keys() == refused.keys()
    assert judged(rows, second, created(second)) == refused
    rows.done(first, outcome)
    assert (rows.total.waiting, rows.total.rejected) == ({}, refused)


def test_a_writer_waits_for_what_is_out_with_another() -> None:
    rows = Batches(rows_of(1), 2)
    batch = rows.take(0, 1)
    taken: list[list[NewRow]] = []
    other = threading.Thread(target=lambda: taken.append(rows.take(1, 1)))
    other.start()
    rows.requeue(batch)
    other.join(10)
    assert [keys(of) for of in taken] == [[0]]
    rows.done(taken[0], created(taken[0]))
    assert rows.take(0, 1) == []


def test_a_stop_ends_the_wait_of_other_writers() -> None:
    rows = Batches(rows_of(1), 2)
    rows.take(0, 1)
    taken: list[list[NewRow]] = []
    other = threading.Thread(target=lambda: taken.append(rows.take(1, 1)))
    other.start()
    rows.stop()
    other.join(10)
    assert taken == [[]]


def test_a_locked_board_halves_the_writers_down_to_one(caplog: pytest.LogCaptureFixture) -> None:
    rows = Batches(rows_of(40), 5)
    rows.take(0, 5)
    assert rows.fewer_writers()
    assert rows.writers == 2
    assert rows.fewer_writers()
    assert rows.writers == 1
    assert "continuing with 1 writers" in caplog.text
    assert not rows.fewer_writers()  # the lock is somebody else's
    rows.take(0, 5)
    caplog.clear()
    assert rows.fewer_writers()  # another writer's batch is still out
    assert caplog.text == ""


def test_suspended_rows_come_back_once_the_board_takes_one() -> None:
    rows = Batches(rows_of(30), 1)
    batch = rows.take(0, 2)
    refused = Rejected("no such column", known=False)
    outcome = Outcome(rejected={row.key: refused for row in batch})
    assert judged(rows, batch, outcome) == {}
    assert outcome.waiting.keys() == {row.key for row in batch}
    rows.done(batch, outcome)
    assert rows.total.waiting.keys() == {row.key for row in batch}
    second = rows.take(0, 1)
    outcome = created(second)
    own = judged(rows, second, outcome)
    rows.done(second, outcome)
    back = set(own) | {row.key for row in rows.take(0, 100)}
    assert {row.key for row in batch} <= back
    assert rows.total.waiting == {}


def test_a_row_may_come_back_before_its_batch_is_done() -> None:
    """Another writer's request shows that the board takes rows, and what it refuses is the rows' own."""
    rows = Batches(rows_of(10), 2)
    first, second = rows.take(0, 2), rows.take(1, 2)
    refused = Outcome(rejected={row.key: Rejected("no", known=False) for row in first})
    judged(rows, first, refused)
    judged(rows, second, created(second))
    assert keys(rows.take(1, 2)) == keys(first)
    rows.done(first, refused)
    assert rows.total.waiting == {}
    third = rows.take(1, 2)
    half = Outcome(created={third[0].key: "1"}, rejected={third[1].key: Rejected("no", known=False)})
    assert judged(rows, third, half) == {}
    fourth = rows.take(1, 1)
    assert judged(rows, fourth, created(fourth)).keys() == {third[1].key}
    assert rows.total.rejected.keys() == {third[1].key}


def test_a_suspended_row_waits_until_its_request_is_closed() -> None:
    rows = Batches(rows_of(10), 2)
    first, second = rows.take(0, 2), rows.take(1, 2)
    refused = Outcome(rejected={row.key: Rejected("no", known=False) for row in first})
    suspended = rows.suspend(first, refused)
    assert suspended.keys() == refused.waiting.keys() == {row.key for row in first}
    judged(rows, second, created(second))
    others = rows.take(1, 100)
    assert set(keys(others)).isdisjoint(keys(first))
    rows.judge(first, refused, suspended)
    judged(rows, others, created(others))
    assert keys(rows.take(1, 100))[:2] == keys(first)


@pytest.mark.parametrize("count", [3, 14])
def test_few_rows_are_tried_from_their_end(count: int) -> None:
    rows = Batches(rows_of(count), 1)
    batch = rows.take(0, 2)
    outcome = Outcome(rejected={row.key: Rejected("no", known=False) for row in batch})
    judged(rows, batch, outcome)
    rows.done(batch, outcome)
    assert keys(rows.take(0, 100)) == list(range(count - 1, 1, -1))[:MOST_REFUSED]


def test_a_suspicious_board_is_tried_with_rows_from_all_over() -> None:
    rows = Batches(rows_of(300), 1)
    batch = rows.take(0, 2)
    outcome = Outcome(rejected={row.key: Rejected("no", known=False) for row in batch})
    judged(rows, batch, outcome)
    rows.done(batch, outcome)
    step = 298 // MOST_REFUSED
    sample = [299 - n * step for n in range(MOST_REFUSED)]
    assert keys(rows.take(0, 300)) == sample
    assert keys(rows.take(0, 300)) == [n for n in range(2, 300) if n not in sample][:MOST_REFUSED]
