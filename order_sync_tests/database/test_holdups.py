"""Why orders wait, one line a kind: what it is, how many, which, and the one step that helps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from order_sync.cli.launch import Summary
from order_sync.cli.output.console import console
from order_sync.cli.output.sync import print_summary
from order_sync.database.counts import OUTCOMES
from order_sync.database.held import HeldOrder
from order_sync.database.holdups import holdups
from order_sync.orders.codes import Cause

# The step of each kind: whether the order system or a person has to do something, and whether retry helps.
RETRIED = {Cause.NO_RECORD_UUID, Cause.REJECTED}
LEFT = {"record_uuid": "r-1", "order_number": "A-1", "reason": "its header d-1 has not reached the board yet"}
SUMMARY = Summary(run_id="run-1", headers_claimed=2, lines_claimed=4, orders_synced=1, orders_held_back=1, seconds=1.0)
WAITING = [{"customer": "Ada", **dict.fromkeys(OUTCOMES, 0), "waiting": 3}]
REJECTED: dict[str, Any] = {
    "row": "header",
    "order_number": "A-2",
    "customer": "Ada",
    "record_uuid": "r-2",
    "reason": "no such label",
}


def held(cause: Cause, number: str | None = "A-1", run_id: str | None = None) -> HeldOrder:
    return HeldOrder(record_uuid="r-1", cause=cause, reason="why", order_number=number, run_id=run_id)


@pytest.mark.parametrize("cause", Cause)
def test_each_cause_has_one_line_with_one_step(cause: Cause) -> None:
    (line,) = holdups([held(cause, run_id="run-7")])
    assert line.startswith((f"{cause}: 1 order held ", f"{cause}: 1 row without a record_uuid "))
    assert "(A-1). Next: " in line
    assert line.count("Next: ") == 1
    assert ("order-sync retry" in line) is (cause in RETRIED)
    assert ("run-7" in line) is (cause is Cause.HELD_BY_RUN)
    assert "{" not in line
    (many,) = holdups([held(cause, f"A-{n}") for n in range(5)])
    assert many.startswith((f"{cause}: 5 orders held ", f"{cause}: 5 rows without a record_uuid "))
    assert "(A-0, A-1, A-2 and 2 more)" in many


def test_each_kind_and_each_run_has_its_own_line() -> None:
    orders = [held(Cause.HELD_BY_RUN, run_id="b"), held(Cause.HELD_BY_RUN, None, "a"), held(Cause.NO_KEY)]
    assert [line.partition(" (")[0] for line in holdups(orders)] == [
        "OS-504: 1 order held by a row without a unique key",
        "OS-509: 1 order held by run a",
        "OS-509: 1 order held by run b",
    ]
    assert "(r-1)" in holdups(orders)[1]


def printed(summary: Summary) -> str:
    with console.capture() as captured:
        print_summary(summary)
    return captured.get()


def test_retry_is_not_suggested_without_a_rejected_row() -> None:
    summary = replace(SUMMARY, customers=WAITING, left=[LEFT], refused={"Spring": "no column 'text'"})
    text = printed(summary)
    assert "rejected row" not in text
    assert "retry" not in text
    assert "Board Spring accepts nothing: no column 'text'" in text
    assert (
        "1 order not finished although no row is rejected (A-1): its header d-1 has not reached the board yet." in text
    )
    assert "Next: order-sync sync" in text


def test_retry_is_suggested_for_rows_behind_a_rejected_one() -> None:
    text = printed(replace(SUMMARY, customers=WAITING, rejected=[REJECTED]))
    assert "3 rows wait because another row of their order is rejected" in text
    assert text.rstrip().endswith("order-sync retry")


def test_a_cause_has_its_step_once_and_its_reason() -> None:
    text = printed(replace(SUMMARY, held=[held(Cause.NO_ORDER)]))
    assert text.count("Next: ") == 1
    assert "    why\n" in text
    assert "retry" not in text
