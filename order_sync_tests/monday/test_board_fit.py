"""A board that changes under a run is refused once, with what to do: no row is rejected for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

import pytest

from order_sync.database.entries import Operation
from order_sync.emulator import Fault, FaultKind
from order_sync.monday.board import read_board
from order_sync.monday.board_fit import look_at_items, look_at_subitems
from order_sync.orders.errors import BoardRefused, Rejected
from order_sync.orders.mapping import load_mapping
from order_sync.orders.states import State
from order_sync.settings import EMBEDDED_BOARD
from order_sync.sync.delivery import Outcome
from order_sync.sync.rows import NewRow
from order_sync_tests.sync.stage import SHARED, Stage
from order_sync_tests.sync.test_bulk_import import importer
from order_sync_tests.sync.test_verdict import states

ROWS = [Operation.ITEMS, Operation.SUBITEMS]
MAPPING = load_mapping()


def board_of(stage: Stage, operation: Operation) -> int:
    return EMBEDDED_BOARD if operation is Operation.ITEMS else int(stage.board()["subitem_board_id"])


def create(stage: Stage, operation: Operation, rows: list[NewRow], *, bulk: bool = False) -> Outcome:
    """As a run does it, which looks at the board again where monday refuses a row."""
    with importer(stage) if bulk else stage.writer(first_batch=4) as writer:
        client = writer._client
        subitems = read_board(client, EMBEDDED_BOARD).subitem_board_id or 0

        def look(refused: Collection[Rejected]) -> None:
            if operation is Operation.ITEMS:
                look_at_items(client, EMBEDDED_BOARD, MAPPING, refused)
            else:
                look_at_subitems(client, EMBEDDED_BOARD, subitems, MAPPING, refused)

        return writer.write(operation, rows, SHARED[operation], look=look)


def delete_column(stage: Stage, board: int, column: str) -> None:
    query = "mutation ($b: ID!, $c: String!) { delete_column(board_id: $b, column_id: $c) { id } }"
    with stage.client() as client:
        body = json.dumps({"query": query, "variables": {"b": str(board), "c": column}})
        assert client.mutate(body, idempotency_key=f"delete {column}", operation="delete", rows=1).data


def require(stage: Stage, board: int, column: str, **rule: Any) -> None:
    stage.emulator.configure(rules=[{"board_id": board, "column_id": column, **rule}])


def add_column(stage: Stage, board: int) -> str:
    query = (
        'mutation ($b: ID!) { create_column(board_id: $b, title: "Budget", column_type: text, id: "budget") { id } }'
    )
    with stage.client() as client:
        client.mutate(
            json.dumps({"query": query, "variables": {"b": str(board)}}), idempotency_key="new", operation="c", rows=1
        )
    return "budget"


CHANGES: dict[str, tuple[Callable[[Stage, int, str], Any], str]] = {
    "deleted": (delete_column, "has no column"),
    "of another type": (
        lambda stage, board, column: stage.emulator.retype_column(board, column, "date"),
        "is date, but the mapping says",
    ),
    "required": (
        lambda stage, board, column: require(stage, board, add_column(stage, board)),
        r"column 'Budget' \(budget\) of board \d+ is required, but the mapping does not fill it.*"
        "Budget: This column is required",
    ),
}


@pytest.mark.parametrize("operation", ROWS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_board_that_no_longer_fits_is_refused_once(stage: Stage, operation: Operation, change: str) -> None:
    rows = stage.wanted(operation, 9)
    column = "record_uuid" if operation is Operation.ITEMS else "qty"
    do, message = CHANGES[change]
    do(stage, board_of(stage, operation), column)
    with pytest.raises(BoardRefused, match=rf"no longer fits the mapping: .*{message}.*board check"):
        create(stage, operation, rows)
    assert states(stage, operation) == {State.PENDING}
    assert stage.journal().in_doubt() == []


@pytest.mark.parametrize("change", CHANGES)
def test_an_import_into_a_changed_board_rejects_no_row(stage: Stage, change: str) -> None:
    rows = stage.wanted(Operation.ITEMS, 9)
    do, message = CHANGES[change]
    do(stage, EMBEDDED_BOARD, "record_uuid")
    with pytest.raises(BoardRefused, match=message):
        create(stage, Operation.ITEMS, rows, bulk=True)
    assert states(stage, Operation.ITEMS) == {State.PENDING}


def test_what_was_made_before_the_board_changed_is_on_record(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 9)
    create(stage, Operation.ITEMS, rows[:3])
    delete_column(stage, EMBEDDED_BOARD, "record_uuid")
    with pytest.raises(BoardRefused):
        create(stage, Operation.ITEMS, rows[3:])
    known = {str(row["monday_item_id"]) for row in stage.site.rows(stage.site.tables.header_queue)} - {"None"}
    assert known == {item["id"] for item in stage.board()["items"]}
    assert len(known) == 3


def test_subitems_whose_column_was_deleted_are_refused_once(stage: Stage) -> None:
    rows = stage.wanted(Operation.SUBITEMS, 4)
    stage.faults(
        Fault(
            kind=FaultKind.PARTIAL_BATCH,
            operation="create_subitem",
            aliases=(0, 1, 2, 3),
            failure="final",
            code="InvalidArgumentException",
        )
    )
    with stage.writer() as writer, pytest.raises(BoardRefused, match="subitems column was deleted"):
        writer.write(
            Operation.SUBITEMS,
            rows,
            SHARED[Operation.SUBITEMS],
            look=lambda refused: look_at_subitems(writer._client, EMBEDDED_BOARD, 4711, MAPPING, refused),
        )
    assert states(stage, Operation.SUBITEMS) == {State.PENDING}


@pytest.mark.parametrize("operation", ROWS)
def test_a_value_that_breaks_a_rule_rejects_its_row(stage: Stage, operation: Operation) -> None:
    rows = stage.wanted(operation, 5)
    key = "record_uuid" if operation is Operation.ITEMS else "line_uuid"
    mine = json.loads(rows[2].variables["values"])[key]
    pattern = rf"(?!{mine}).*"
    require(stage, board_of(stage, operation), key, pattern=pattern, text="not this one", required=False)
    outcome = create(stage, operation, rows)
    assert outcome.rejected.keys() == {rows[2].key}
    assert "DATA_VALIDATIONS_ERROR" in str(outcome.rejected[rows[2].key])
    assert str(outcome.rejected[rows[2].key]).endswith(": not this one")


def test_a_rule_that_every_row_breaks_stops_the_board(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 40)
    require(stage, EMBEDDED_BOARD, "record_uuid", pattern="x", text="must be x", required=False)
    with pytest.raises(BoardRefused, match=r"must be x.*[Nn]o row was rejected"):
        create(stage, Operation.ITEMS, rows)
    assert states(stage, Operation.ITEMS) == {State.PENDING}


def test_a_lone_row_that_breaks_a_rule_is_rejected(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 1)
    require(stage, EMBEDDED_BOARD, "record_uuid", pattern="x", text="must be x", required=False)
    assert create(stage, Operation.ITEMS, rows).rejected.keys() == {rows[0].key}


def test_a_board_that_is_closed_to_the_token_is_refused(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 4)
    stage.emulator.configure(closed_boards=[EMBEDDED_BOARD])
    with pytest.raises(BoardRefused, match=r"User unauthorized .*request \S+\).*permission"):
        create(stage, Operation.ITEMS, rows)
    assert states(stage, Operation.ITEMS) == {State.PENDING}
    assert stage.journal().in_doubt() == []
