"""What of a run is ready to be committed, from the rows that it holds: counts, ids, reasons and transactions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from order_sync.database import commit
from order_sync.database.commit import (
    Held,
    Readiness,
    Subitem,
    _transactions,
    readiness,
    readiness_of,
    run_records,
    subitems_of,
)
from order_sync.database.held import HeldOrder
from order_sync.database.queue import QueueReader
from order_sync.orders.codes import Cause, Delay
from order_sync.orders.states import State
from order_sync_tests.contract.site import MORNING

Rows = list[dict[str, Any]]
READER = cast("QueueReader", None)


def header(record: str, n: int, *, minute: int = 0, **more: Any) -> dict[str, Any]:
    at = {"created_at": MORNING + timedelta(minutes=minute), "sync_state": State.PENDING}
    return {"record_uuid": record, "delta_uuid": f"header-{n}", "done": True, "is_off": False} | at | more


def line(record: str, n: int, **more: Any) -> dict[str, Any]:
    ids = {"line_uuid": f"line-{n}", "monday_subitem_id": 10 + n, "parent_item_id": 7, "order_is_off": False}
    return header(record, n) | {"delta_uuid": f"of-line-{n}"} | ids | more


@pytest.fixture
def nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(commit, "held_at_commit", lambda *_: ([], []))


def test_a_run_holds_so_many_rows_of_each_order() -> None:
    headers = [
        header("b", 1, minute=3, done=False),
        header("b", 0, minute=5, done=False),
        header("b", 2, minute=1),
        header("a", 3, minute=1),
        header("c", 4, sync_state=State.SYNCED, done=False),
    ]
    lines = [line("a", 2, done=False), line("a", 1, done=False), line("c", 3, sync_state=State.ERROR)]
    first, second = MORNING, MORNING + timedelta(minutes=1)
    assert run_records(headers, lines) == [
        {"record_uuid": "a", "row": "line", "rows": 2, "oldest": first, "lacking": "line-1"},
        {"record_uuid": "a", "row": "header", "rows": 1, "oldest": second, "lacking": None},
        {"record_uuid": "b", "row": "header", "rows": 3, "oldest": second, "lacking": "header-0"},
    ]


def test_a_line_is_one_subitem_in_however_many_rows() -> None:
    lines = [
        line("a", 1, monday_subitem_id=None, parent_item_id=None),
        line("a", 1, monday_subitem_id=11, parent_item_id=8),
        line("a", 1),
        line("a", 2, monday_subitem_id=None, parent_item_id=None),
        line("b", 3, is_off=True),
        line("b", 4, order_is_off=True),
        line("b", 5, sync_state=State.SYNCED),
        line("b", 6, monday_subitem_id=0, parent_item_id=0),
        line("b", 7, monday_subitem_id=1, parent_item_id=1),
    ]
    assert subitems_of(lines) == {
        "a": [Subitem("line-1", 11, 8, 3), Subitem("line-2", None, None, 1)],
        "b": [
            Subitem("line-3", None, None, 1),
            Subitem("line-4", None, None, 1),
            Subitem("line-6", None, None, 1),
            Subitem("line-7", 1, 1, 1),
        ],
    }


@pytest.mark.usefixtures("nothing_is_held")
def test_a_complete_order_is_ready_with_its_counts() -> None:
    headers = [header("b", 1, minute=2), header("a", 2, minute=3), header("a", 3, minute=4, is_off=True)]
    lines = [line("b", 1, created_at=MORNING + timedelta(minutes=5)), line("c", 2, order_is_off=True, done=True)]
    found = readiness_of(READER, "run-1", headers, lines)
    assert found == Readiness(
        ready=["c", "b", "a"],  # the oldest first
        headers={"b": 1, "a": 2},
        lines={"b": 1, "c": 1},
        subitems={"b": [Subitem("line-1", 11, 7, 1)], "c": [Subitem("line-2", None, None, 1)]},
        off={"a", "c"},
    )


@pytest.mark.usefixtures("nothing_is_held")
def test_an_order_lacking_a_row_is_held_with_its_key() -> None:
    key = "AABBCCDD-0000-0000-0000-000000000001"
    headers = [header("c", 1, done=False, delta_uuid=key), header("a", 2), header("b", 3), header("d", 4)]
    lines = [line("c", 1, done=False, line_uuid=key), line("a", 2, done=False, line_uuid=key)]
    found = readiness_of(READER, "run-1", headers, lines)
    assert found.ready == ["b", "d"]
    assert found.held == [
        Held(record_uuid="a", reason=f"{Delay.NOT_ON_BOARD}: its line {key.lower()} has not reached the board yet"),
        Held(record_uuid="c", reason=f"{Delay.NOT_ON_BOARD}: its header {key.lower()} has not reached the board yet"),
    ]


def test_what_holds_the_order_says_more_than_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    mine = HeldOrder(record_uuid="a", cause=Cause.HELD_BY_RUN, reason="run-2 has a header of it")
    others = HeldOrder(record_uuid="z", cause=Cause.HELD_BY_RUN, reason="not of this run")
    nobodys = HeldOrder(record_uuid=None, cause=Cause.HELD_BY_RUN, reason="names no order")

    def held(*given: Any) -> tuple[list[HeldOrder], list[HeldOrder]]:
        asked.append(given)
        return [mine, others], [mine, others, nobodys]

    monkeypatch.setattr(commit, "held_at_commit", held)
    reader = cast("QueueReader", _Reader())
    found = readiness(reader, "run-1", ["run-0"])
    assert asked == [(reader, "run-1", ["run-0"])]
    assert found.held == [Held(record_uuid="a", reason="OS-509: run-2 has a header of it")]
    assert (found.ready, found.held_orders) == (["b"], [mine, others])


class _Reader:
    """A queue in which run-1 holds two orders, one of them incomplete."""

    @property
    def database(self) -> _Reader:
        return self

    def together(self, read: Any) -> Any:
        return read()

    def run_headers(self, run_id: str) -> Rows:
        assert run_id == "run-1"
        return [header("a", 1, done=False), header("b", 2)]

    def run_lines(self, run_id: str) -> Rows:
        assert run_id == "run-1"
        return [line("b", 1)]


@pytest.mark.parametrize(
    ("records", "rows", "expected"),
    [
        ([], 10, []),
        ([1, 1, 1, 1, 1], 100, [3, 2]),  # three orders at most
        ([4, 4, 4], 8, [2, 1]),  # as many rows as it may have
        ([4, 5, 9, 1, 20, 1], 10, [2, 2, 1, 1]),  # an order that has more alone is alone
    ],
)
def test_a_transaction_holds_whole_orders_up_to_its_limits(
    monkeypatch: pytest.MonkeyPatch, records: list[int], rows: int, expected: list[int]
) -> None:
    monkeypatch.setattr(commit, "RECORDS_PER_TRANSACTION", 3)
    monkeypatch.setattr(commit, "ROWS_PER_TRANSACTION", rows)
    names = [f"order-{n}" for n in range(len(records))]
    headers = dict.fromkeys(names, 1)
    lines = {name: count - 1 for name, count in zip(names, records, strict=True) if count > 1}
    chunks = list(_transactions(Readiness(ready=names, headers=headers, lines=lines)))
    assert [record for chunk in chunks for record in chunk] == names
    assert [len(chunk) for chunk in chunks] == expected
    without_headers = list(_transactions(Readiness(ready=names, lines=dict(zip(names, records, strict=True)))))
    assert [len(chunk) for chunk in without_headers] == expected
