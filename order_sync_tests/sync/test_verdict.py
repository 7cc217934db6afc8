"""A refusal is a row's own only where other rows fare better; what hits every row stops the board and rejects none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.database.entries import Operation
from order_sync.emulator import Fault, FaultKind
from order_sync.monday.transport import MondayTransport, Reply, read_reply
from order_sync.orders.errors import BoardRefused, Rejected
from order_sync.orders.states import State
from order_sync.sync.delivery import Outcome
from order_sync.sync.verdict import MOST_REFUSED, Verdict
from order_sync_tests.sync.stage import SHARED, Stage, with_variable
from order_sync_tests.sync.test_bulk_import import importer

OPERATIONS = [Operation.GROUPS, Operation.ITEMS, Operation.SUBITEMS]
ROWS = [Operation.ITEMS, Operation.SUBITEMS]


def refuse(stage: Stage, operation: Operation, *aliases: int, code: str = "SomethingNew", **fault: int) -> None:
    """Every row of each request is refused, or those at these places."""
    places = aliases or tuple(range(100))
    stage.faults(
        Fault(
            kind=FaultKind.PARTIAL_BATCH,
            operation=operation.value,
            aliases=places,
            failure="final",
            code=code,
            nth=fault.get("nth"),
            times=fault.get("times"),
        )
    )


class Refusing(MondayTransport):
    """Refuses a request with a row of such a name, as a whole and with a code that nobody knows."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url, "a-token", timeout_seconds=5)
        self._name = name

    def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
        names = [value for key, value in json.loads(body).get("variables", {}).items() if key.startswith("name")]
        if idempotency_key and any(name.startswith(self._name) for name in names):
            return read_reply(200, {}, b'{"errors": [{"message": "No.", "extensions": {"code": "SomethingNew"}}]}')
        return super().send(body, idempotency_key=idempotency_key, **how)


def states(stage: Stage, operation: Operation) -> set[str]:
    table = stage.site.tables.header_queue if operation is Operation.ITEMS else stage.site.tables.line_queue
    return {row["sync_state"] for row in stage.site.rows(table)}


@pytest.mark.parametrize("operation", ROWS)
@pytest.mark.parametrize("batch", [1, 4, 50])
def test_an_unknown_code_on_every_row_rejects_none(stage: Stage, operation: Operation, batch: int) -> None:
    rows = stage.wanted(operation, 40)
    refuse(stage, operation)
    before = len(stage.mutations())
    with pytest.raises(BoardRefused, match=r"SomethingNew, request \S+\).*[Nn]o row was rejected.*board check"):
        stage.create(operation, rows, first_batch=batch)
    assert states(stage, operation) == {State.PENDING}
    assert stage.journal().in_doubt() == []
    assert len(stage.mutations()) - before <= MOST_REFUSED
    stage.emulator.configure(faults=[])
    stage.create(operation, rows)
    stage.check_once(operation, rows)


def test_an_unknown_code_on_every_group_stops_the_board(stage: Stage) -> None:
    refuse(stage, Operation.GROUPS)
    with pytest.raises(BoardRefused, match="SomethingNew"):
        stage.create(Operation.GROUPS, stage.wanted(Operation.GROUPS, 3))


@pytest.mark.parametrize("operation", ROWS)
def test_an_unknown_code_on_some_rows_is_their_own(stage: Stage, operation: Operation) -> None:
    rows = stage.wanted(operation, 6)
    refuse(stage, operation, 1, 5, nth=1)
    outcome = stage.create(operation, rows)
    assert outcome.rejected.keys() == {rows[1].key, rows[5].key}
    assert states(stage, operation) == {State.PENDING, State.ERROR}


def test_a_whole_batch_that_is_refused_once_is_tried_again(stage: Stage) -> None:
    """An outage with a code that nobody knows, and then the board takes rows again."""
    rows = stage.wanted(Operation.ITEMS, 30)
    refuse(stage, Operation.ITEMS, nth=1)
    outcome = stage.create(Operation.ITEMS, rows, first_batch=12)
    assert (outcome.rejected, outcome.waiting) == ({}, {})
    stage.check_once(Operation.ITEMS, rows)


@pytest.mark.parametrize("good", [1, 5, 30])
def test_rows_refused_twice_while_others_succeed_are_rejected(stage: Stage, good: int) -> None:
    rows = stage.wanted(Operation.ITEMS, 12 + good)
    bad = [with_variable(row, values='{"record_uuid": 7}') for row in rows[:12]]
    outcome = stage.create(Operation.ITEMS, [*bad, *rows[12:]], first_batch=12)
    assert outcome.rejected.keys() == {row.key for row in bad}
    stage.check_once(Operation.ITEMS, rows[12:])


def test_a_single_row_with_an_unknown_code_waits(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 1)
    refuse(stage, Operation.ITEMS)
    outcome = stage.create(Operation.ITEMS, rows)
    assert "SomethingNew" in outcome.waiting[rows[0].key]
    assert states(stage, Operation.ITEMS) == {State.PENDING}
    others = stage.wanted(Operation.ITEMS, 2)
    refuse(stage, Operation.ITEMS, 0, nth=1)
    outcome = stage.create(Operation.ITEMS, [*rows, *others])
    assert outcome.rejected.keys() == {rows[0].key}
    stage.check_once(Operation.ITEMS, others)


def test_what_changes_within_a_request_is_the_board_s(stage: Stage) -> None:
    """Its last rows are refused, and then all of the next one's: the board has changed in between."""
    rows = stage.wanted(Operation.ITEMS, 40)
    places = tuple(range(100))
    stage.faults(
        Fault(
            kind=FaultKind.PARTIAL_BATCH, operation="create_item", aliases=places[4:], failure="final", code="X", nth=1
        ),
        *(
            Fault(
                kind=FaultKind.PARTIAL_BATCH, operation="create_item", aliases=places, failure="final", code="X", nth=n
            )
            for n in range(2, 6)
        ),
    )
    with pytest.raises(BoardRefused):
        stage.create(Operation.ITEMS, rows, first_batch=10)
    assert states(stage, Operation.ITEMS) == {State.PENDING}
    stage.check_once(Operation.ITEMS, rows[:4])


@pytest.mark.parametrize("writers", [1, 4])
def test_bad_rows_in_front_do_not_stop_good_ones(stage: Stage, writers: int) -> None:
    """All rows of one customer have the same fault, and monday a code for it that nobody knows."""
    rows = stage.wanted(Operation.ITEMS, 60)
    bad = [with_variable(row, name=f"bad {row.key}") for row in rows[:30]]
    transport = Refusing(stage.emulator.url, "bad ")
    outcome = stage.create(Operation.ITEMS, [*bad, *rows[30:]], transport=transport, first_batch=10, writers=writers)
    assert outcome.rejected.keys() == {row.key for row in bad}
    stage.check_once(Operation.ITEMS, rows[30:])


def test_a_request_refused_with_unknown_code_rejects_no_row(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 40)
    with (
        stage.writer(transport=Refusing(stage.emulator.url, ""), first_batch=20) as writer,
        pytest.raises(BoardRefused),
    ):
        writer.write(Operation.ITEMS, rows, {"board": "4700000001", "labels": False})
    assert states(stage, Operation.ITEMS) == {State.PENDING}
    assert stage.journal().in_doubt() == []


def test_an_import_that_fails_with_an_unknown_code_rejects_none(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 40)
    stage.faults(
        Fault(kind=FaultKind.JOB_FAILED, operation="ingest_items"),
        Fault(
            kind=FaultKind.PARTIAL_BATCH,
            operation="create_item",
            aliases=tuple(range(100)),
            failure="final",
            code="SomethingNew",
        ),
    )
    with importer(stage) as writer, pytest.raises(BoardRefused):
        writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS])
    assert states(stage, Operation.ITEMS) == {State.PENDING}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("code", ["MutationCallsExceeded", "RateLimitedException", "SomeNewRateLimit"])
def test_a_limit_that_is_new_is_waited_out(stage: Stage, operation: Operation, code: str) -> None:
    rows = stage.wanted(operation, 4)
    refuse(stage, operation, code=code, times=2)
    assert stage.create(operation, rows).rejected == {}
    stage.check_once(operation, rows)
    assert max(stage.clock.sleeps) >= 10


# ---- the rules, without a board -----------------------------------------------------------------------------

GOOD, ODD, BAD = "good", "odd", "bad"
requests = st.lists(st.lists(st.sampled_from([GOOD, ODD, BAD]), min_size=1, max_size=12), max_size=12)


@given(requests)
def test_a_fault_of_all_rows_rejects_none(kinds: list[list[str]]) -> None:
    verdict, created = Verdict(), 0
    rejected: set[str] = set()
    waiting: set[str] = set()
    again: set[str] = set()
    for number, request in enumerate(kinds):
        keys = [f"{number}-{place}" for place in range(len(request))]
        outcome = Outcome(
            created={key: "1" for key, kind in zip(keys, request, strict=True) if kind == GOOD},
            rejected={
                key: Rejected(kind, code=kind, known=kind == BAD)
                for key, kind in zip(keys, request, strict=True)
                if kind != GOOD
            },
        )
        suspended = verdict.suspend(keys, outcome)
        judgement = verdict.judge(suspended, created=bool(outcome.created))
        created += len(outcome.created)
        rejected |= outcome.rejected.keys() | judgement.own.keys()
        again |= set(judgement.again)
        waiting = (waiting | outcome.waiting.keys()) - judgement.own.keys() - set(judgement.again)
        assert rejected.isdisjoint(waiting | again)
    try:
        last = verdict.end()
    except BoardRefused:
        last = {}
    rejected, waiting = rejected | last.keys(), waiting - last.keys()
    assert created + len(rejected) + len(waiting) + len(again) == sum(map(len, kinds))
    if not created:
        odd = {f"{n}-{p}" for n, request in enumerate(kinds) for p, kind in enumerate(request) if kind == ODD}
        assert rejected.isdisjoint(odd)
