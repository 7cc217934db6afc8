"""What an answer of monday says of each row of its request, and what comes of the outcomes of several requests."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from order_sync.database.entries import Entry, Operation
from order_sync.monday.transport import Reply
from order_sync.orders.errors import Fatal, Missing, OrderSyncError, Rejected, Transient
from order_sync.orders.monday_faults import MondayFault
from order_sync.sync.delivery import Outcome, Spent, read_outcome

KEYS = ("row-0", "row-1", "row-2")
IDS = {"a0": {"id": "70"}, "a1": {"id": "71"}, "a2": {"id": "72"}}


def entry(operation: Operation = Operation.ITEMS) -> Entry:
    return Entry(idempotency_key="key", operation=operation, keys=KEYS, body="{}")


def reply(data: Any = None, *errors: dict[str, Any], status: int = 200, replayed: bool = False) -> Reply:
    body = {"data": data, "errors": list(errors), "extensions": {"request_id": "req-1"}}
    headers = {"idempotency-replayed": "true"} if replayed else {}
    return Reply(status=status, headers=headers, body=body)


def error(code: str, *, path: list[Any] | None = None, message: str = "no", **more: Any) -> dict[str, Any]:
    where = {"path": path} if path else {}
    return {"message": message, "extensions": {"code": code, **more}} | where


def read(of: Reply, operation: Operation = Operation.ITEMS) -> Outcome:
    return read_outcome(entry(operation), of)


def test_every_alias_gives_its_row_its_id() -> None:
    outcome = read(reply(IDS))
    assert outcome.created == dict(zip(KEYS, ("70", "71", "72"), strict=True))
    assert (outcome.rejected, outcome.again, outcome.fatal, outcome.request_id) == ({}, {}, None, "req-1")


@pytest.mark.parametrize(
    ("operation", "monday_id", "is_one"),
    [(Operation.GROUPS, "topics", True), (Operation.ITEMS, "topics", False), (Operation.ITEMS, 70, True)],
)
def test_only_a_group_may_have_a_text_for_an_id(operation: Operation, monday_id: Any, is_one: bool) -> None:
    outcome = read(reply(IDS | {"a1": {"id": monday_id}}), operation)
    assert outcome.created.get("row-1") == (str(monday_id) if is_one else None)
    assert ("row-1" in outcome.again) is not is_one


def test_a_row_that_the_answer_omits_is_in_doubt() -> None:
    outcome = read(reply({"a0": {"id": "70"}, "a2": None}))
    assert outcome.created == {"row-0": "70"}
    assert outcome.again.keys() == {"row-1", "row-2"}
    for of_row in outcome.again.values():
        assert (of_row.no_effect, of_row.request_id, of_row.why) == (False, "req-1", MondayFault.ODD_ANSWER)
        assert "neither an id nor an error" in str(of_row)


def test_an_archived_item_is_one_that_is_missing() -> None:
    outcome = read(reply(IDS | {"a1": {"id": "71", "state": "archived"}}), Operation.CHANGE_ITEMS)
    assert outcome.created == {"row-0": "70", "row-2": "72"}
    [refused] = outcome.rejected.values()
    assert (refused.missing, refused.request_id) == (Missing.ITEM, "req-1")
    assert "item 71" in str(refused)
    assert outcome.again == {}


def test_an_error_of_one_alias_is_its_rows() -> None:
    refused = error("ColumnValueException", path=["a1"], message="not a number")
    busy = error("COMPLEXITY_BUDGET_EXHAUSTED", path=["a2"], retry_in_seconds=7)
    outcome = read(reply({"a0": {"id": "70"}, "a1": None, "a2": None}, refused, busy))
    assert outcome.created == {"row-0": "70"}
    assert outcome.rejected.keys() == {"row-1"}
    assert "not a number" in str(outcome.rejected["row-1"])
    assert outcome.again.keys() == {"row-2"}
    assert outcome.again["row-2"].wait_seconds == 7
    assert outcome.fatal is None


def test_an_error_beside_a_rows_id_is_none() -> None:
    """monday has made it: what it complains of beside that changes nothing."""
    for code in ("ColumnValueException", "COMPLEXITY_BUDGET_EXHAUSTED"):
        outcome = read(reply(IDS, error(code, path=["a1"])))
        assert outcome.created.keys() == set(KEYS)
        assert outcome.rejected | outcome.again == {}
    refused = error("ColumnValueException", path=["a1"])
    outcome = read(reply({"a0": {"id": "70"}, "a1": None}, error("ColumnValueException", path=["a0"]), refused))
    assert outcome.rejected.keys() == {"row-1"}


def test_an_error_for_all_explains_what_has_no_id() -> None:
    """Some rows are made, then monday has had enough."""
    busy = error("COMPLEXITY_BUDGET_EXHAUSTED", retry_in_seconds=9)
    refused = error("ColumnValueException", path=["a1"])
    outcome = read(reply({"a0": {"id": "70"}, "a1": None, "a2": None}, busy, refused))
    assert outcome.created == {"row-0": "70"}
    assert outcome.rejected.keys() == {"row-1"}
    assert {key: of.wait_seconds for key, of in outcome.again.items()} == {"row-2": 9}


def test_a_refusal_of_all_beside_ids_rejects_nothing() -> None:
    outcome = read(reply({"a0": {"id": "70"}, "a1": None, "a2": None}, error("ColumnValueException")))
    assert (outcome.created, outcome.rejected) == ({"row-0": "70"}, {})
    assert outcome.again.keys() == {"row-1", "row-2"}


@pytest.mark.parametrize("path", [None, ["a1"]])
def test_a_fatal_error_keeps_the_ids_beside_it(path: list[Any] | None) -> None:
    fatal = error("UserUnauthorizedException", path=path)
    outcome = read(
        reply({"a0": {"id": "70"}, "a1": None, "a2": None}, fatal, error("ColumnValueException", path=["a2"]))
    )
    assert isinstance(outcome.fatal, Fatal)
    assert outcome.created == {"row-0": "70"}
    assert outcome.rejected.keys() == {"row-2"}
    assert outcome.again.keys() == {"row-1"}


@pytest.mark.parametrize(
    ("of", "raised"),
    [
        (reply(None, error("ColumnValueException")), Rejected),
        (reply(None, error("COMPLEXITY_BUDGET_EXHAUSTED")), Transient),
        (reply(None, error("UserUnauthorizedException")), Fatal),
        (reply(None, status=500), Transient),
        (Reply(status=502, headers={}, body=None), Transient),
    ],
)
def test_an_error_of_the_whole_request_is_raised(of: Reply, raised: type[OrderSyncError]) -> None:
    with pytest.raises(raised) as caught:
        read(of)
    assert "None" not in str(caught.value)


def test_a_kept_answer_without_effect_spends_its_key() -> None:
    """The same key would only bring the same refusal again."""
    busy = error("COMPLEXITY_BUDGET_EXHAUSTED")
    with pytest.raises(Spent):
        read(reply(None, busy, replayed=True))
    with pytest.raises(Transient):
        read(reply(None, busy))
    with pytest.raises(Transient):
        read(reply(None, status=500, replayed=True))  # it may have had an effect
    with pytest.raises(Rejected):
        read(reply(None, error("ColumnValueException"), replayed=True))


# ---- several outcomes -------------------------------------------------------------------------------------


def full(n: int) -> Outcome:
    refused, busy = Rejected(f"no {n}"), Transient(f"busy {n}")
    key = f"row-{n}"
    return Outcome(
        created={key: "1"},
        rejected={key: refused},
        again={key: busy},
        waiting={key: "its item"},
        adopted=n,
        recreated=n + 1,
        keys_restored=n + 2,
        changed={f"changed-{n}": "2"},
        moved={f"moved-{n}": "3"},
        cancelled={f"cancelled-{n}": "4"},
        jobs=[f"job-{n}"],
        kept=[{"key": key}],
        deleted={key: 5},
    )


def test_outcomes_of_other_rows_are_added() -> None:
    total = full(1)
    first, second = full(1), full(2)
    total.add(second)
    both = ("created", "rejected", "waiting", "changed", "moved", "cancelled")
    assert {name: getattr(total, name).keys() for name in both} == {
        name: getattr(first, name).keys() | getattr(second, name).keys() for name in both
    }
    assert (total.adopted, total.recreated, total.keys_restored) == (3, 5, 7)
    assert total.jobs == ["job-1", "job-2"]
    assert total.kept == [{"key": "row-1"}, {"key": "row-2"}]
    assert asdict(second)["created"] == {"row-2": "1"}


def test_what_was_altered_is_changed_moved_or_cancelled() -> None:
    assert full(1).altered == {"changed-1", "moved-1", "cancelled-1"}


def test_rows_whose_item_is_deleted_are_taken_once() -> None:
    outcome = full(1)
    rows = [{"delta_uuid": "row-1"}, {"delta_uuid": "row-2"}]
    outcome.deleted["row-1"] = 7
    assert outcome.take_deleted(rows) == rows[:1]
    assert (outcome.waiting, outcome.deleted) == ({}, {})
    assert outcome.take_deleted(rows) == []
    outcome.deleted["row-2"] = 8  # one that does not wait
    assert outcome.take_deleted(rows) == rows[1:]
