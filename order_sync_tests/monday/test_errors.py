"""What monday's errors mean, in every shape in which they come."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from order_sync.emulator import Emulator, Fault, FaultKind
from order_sync.errors import Fatal, OrderSyncError, QuotaExhausted, Rejected, Transient
from order_sync.monday import operations
from order_sync.monday.errors import classify, parse_errors
from order_sync.monday.transport import MondayTransport, Reply

FINAL = [
    "ColumnValueException",
    "CorrectedValueException",
    "InvalidArgumentException",
    "InvalidColumnIdException",
    "ItemNameTooLongException",
    "ResourceNotFoundException",
    "BAD_USER_INPUT",
    "SomethingNew",
]


def reply(body: dict[str, Any] | None, status: int = 200, **headers: str) -> Reply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=sent, body=body)


def error(
    code: str = "", *, path: list[Any] | None = None, status: int | None = None, **extensions: Any
) -> dict[str, Any]:
    """A body with one error, in the common shape."""
    extensions |= {"code": code} if code else {}
    extensions |= {"status_code": status} if status else {}
    entry: dict[str, Any] = {"message": "Some words", "extensions": extensions}
    if path is not None:
        entry["path"] = path
    return {"data": None, "errors": [entry], "account_id": 1, "extensions": {"request_id": "req-1"}}


def meaning(answer: Reply) -> OrderSyncError:
    [found] = parse_errors(answer)
    return classify(found, answer)


def transient(answer: Reply) -> Transient:
    found = meaning(answer)
    assert isinstance(found, Transient), found
    return found


def test_a_change_of_mondays_schema_stops_the_run_and_rejects_no_row() -> None:
    for code in ("GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "undefinedField"):
        found = meaning(reply(error(code)))
        assert isinstance(found, Fatal)
        assert "update order_sync" in str(found)


def test_a_wait_in_milliseconds() -> None:
    answer = reply(error("RATE_LIMIT_EXCEEDED", status=429, retryAfterMs=90_000), status=429)
    assert transient(answer).wait_seconds == 90


# ---- for good -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", FINAL)
def test_a_row_for_good(code: str) -> None:
    found = meaning(reply(error(code, path=["a3"], status=200)))
    assert isinstance(found, Rejected)
    assert (found.code, found.request_id) == (code, "req-1")
    assert str(found) == f"monday refuses: Some words ({code}, request req-1)"


def test_409_may_be_for_good() -> None:
    assert isinstance(meaning(reply(error("DeleteLastGroupException", status=409), 409)), Rejected)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("InvalidBoardIdException", "Check ORDER_SYNC_MONDAY_BOARD_ID"),
        ("ItemsLimitationException", "The board is full"),
        ("missingRequiredPermissions", "may not write on this board"),
        ("UserUnauthorizedException", "Check ORDER_SYNC_MONDAY_TOKEN"),
    ],
)
def test_what_is_wrong_for_every_row_stops_the_run(code: str, advice: str) -> None:
    found = meaning(reply(error(code, path=["a0"])))
    assert isinstance(found, Fatal)
    assert advice in str(found)


@pytest.mark.parametrize(
    ("status", "advice"),
    [(400, "please report it"), (401, "ORDER_SYNC_MONDAY_TOKEN"), (403, "permission"), (404, "ORDER_SYNC_MONDAY_URL")],
)
@pytest.mark.parametrize("body", [error("SomeCode"), {}, {"error_message": "Nope"}, {"errors": ["Not Authenticated"]}])
def test_a_refused_request_stops_the_run(status: int, advice: str, body: dict[str, Any]) -> None:
    found = meaning(reply(body, status))
    assert isinstance(found, Fatal)
    assert advice in str(found)


# ---- again ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "code", "wait", "no_effect"),
    [
        (reply(error("COMPLEXITY_BUDGET_EXHAUSTED", retry_in_seconds=17)), "COMPLEXITY_BUDGET_EXHAUSTED", 17, True),
        (
            reply(error("COMPLEXITY_BUDGET_EXHAUSTED", retry_in_seconds=17), 429),
            "COMPLEXITY_BUDGET_EXHAUSTED",
            17,
            True,
        ),
        (
            reply(
                {
                    "error_code": "ComplexityException",
                    "status_code": 429,
                    "error_message": "Complexity budget exhausted, reset in 3 seconds",
                    "errors": [],
                }
            ),
            "ComplexityException",
            3,
            True,
        ),
        (
            reply(error("FIELD_LIMIT_EXCEEDED", error_data={"retry_in_seconds": 4}), 429),
            "FIELD_LIMIT_EXCEEDED",
            4,
            True,
        ),
        (
            reply(
                {"error_code": "FIELD_LIMIT_EXCEEDED", "status_code": 429, "error_data": {"retry_in_seconds": 4}}, 429
            ),
            "FIELD_LIMIT_EXCEEDED",
            4,
            True,
        ),
        (reply(error("maxConcurrencyExceeded"), 429, retry_after="2"), "maxConcurrencyExceeded", 2, True),
        (reply(error("Rate Limit Exceeded"), 429), "Rate Limit Exceeded", None, True),
        (reply(error("IP_RATE_LIMIT_EXCEEDED"), 429, retry_after="9"), "IP_RATE_LIMIT_EXCEEDED", 9, True),
        (reply({}, 429, retry_after="1.5"), "429", 1.5, True),
        (reply(None, 429), "429", None, True),
        (reply(error("API_TEMPORARILY_BLOCKED")), "API_TEMPORARILY_BLOCKED", 30, True),
        (reply(error("RESOURCE_LOCKED"), 423), "RESOURCE_LOCKED", 1.5, True),
        (reply(None, 423, retry_after="2"), "423", 2, True),
        (reply(error("IDEMPOTENCY_CONFLICT"), 409, retry_after="1"), "IDEMPOTENCY_CONFLICT", 1, False),
        (reply(None, 409), "409", None, False),
        (reply(error("INTERNAL_SERVER_ERROR"), 500), "INTERNAL_SERVER_ERROR", None, False),
        (reply(error("INTERNAL_SERVER_ERROR", path=["a1"], status=500)), "INTERNAL_SERVER_ERROR", None, False),
        *((reply(None, status), str(status), None, False) for status in (500, 502, 503, 504)),
        (reply(None), "200", None, False),
        (reply({"error_message": "Internal", "status_code": 500}), "500", None, False),
        (reply({"error_code": "X", "status_code": "nonsense"}, 503), "X", None, False),
    ],
)
def test_again_with_the_wait_and_the_effect(answer: Reply, code: str, wait: float | None, no_effect: bool) -> None:
    found = transient(answer)
    assert (found.code, found.wait_seconds, found.no_effect) == (code, wait, no_effect)


def test_an_error_s_own_wait_goes_before_the_header() -> None:
    assert transient(reply(error("maxConcurrencyExceeded", retry_in_seconds=2), 429, retry_after="9")).wait_seconds == 2


@pytest.mark.parametrize("status", [200, 429])
def test_the_daily_quota_lasts_until_midnight_utc(status: int) -> None:
    answer = reply(error("DAILY_LIMIT_EXCEEDED"), status)
    [found] = parse_errors(answer)
    stop = classify(found, answer, now=datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    assert isinstance(stop, QuotaExhausted)
    assert stop.resume_at == datetime(2027, 1, 1, tzinfo=UTC)
    assert "go on after 2027-01-01 00:00 UTC" in str(stop)


# ---- shapes ---------------------------------------------------------------------------------------------


def test_each_failed_alias_is_named() -> None:
    body = error("ColumnValueException", path=["a1", "id"])
    body["errors"] += error("INTERNAL_SERVER_ERROR", path=["a4"], status=500)["errors"]
    body["errors"] += error("maxConcurrencyExceeded")["errors"]
    found = parse_errors(reply(body))
    assert [(e.alias, e.code, e.status) for e in found] == [
        ("a1", "ColumnValueException", 200),
        ("a4", "INTERNAL_SERVER_ERROR", 500),
        (None, "maxConcurrencyExceeded", 200),
    ]


def test_legacy_errors_are_strings() -> None:
    body = {
        "error_code": "ComplexityException",
        "error_message": "reset in 3 seconds",
        "errors": ["reset in 3 seconds"],
    }
    first, second = parse_errors(reply(body))
    assert (first.code, first.wait_seconds) == ("ComplexityException", 3)
    assert second.message == "reset in 3 seconds"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"errors": "Not Authenticated"}, "Not Authenticated"),
        ({"errors": [{"message": None, "extensions": None, "path": None}]}, "no message"),
        ({"errors": [{"message": "x", "extensions": {"error_data": ["odd"], "status_code": "odd"}}]}, "x"),
        ({"errors": [7]}, "7"),
        ({"error_code": "OnlyACode"}, "OnlyACode"),
    ],
)
def test_odd_shapes_are_errors_all_the_same(body: dict[str, Any], message: str) -> None:
    [found] = parse_errors(reply(body))
    assert found.message == message


def test_an_answer_without_errors_has_none() -> None:
    assert parse_errors(reply({"data": {"a0": {"id": "1"}}})) == []
    assert parse_errors(reply({"data": {}, "errors": []})) == []


# ---- from the wire --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected", "no_effect"),
    [
        ("http_500", Transient, False),
        ("http_502_html", Transient, False),
        ("http_503_empty", Transient, False),
        ("http_504_before", Transient, False),
        ("garbage", Transient, False),
        ("rate_limit_minute", Transient, True),
        ("complexity", Transient, True),
        ("complexity_legacy", Transient, True),
        ("field_limit", Transient, True),
        ("field_limit_legacy", Transient, True),
        ("concurrency_429", Transient, True),
        ("ip_rate_limit", Transient, True),
        ("board_lock_423", Transient, True),
        ("idempotency_409", Transient, False),
        ("api_blocked", Transient, True),
        ("daily_limit", QuotaExhausted, True),
    ],
)
def test_what_comes_over_the_wire(emulator: Emulator, kind: str, expected: type, no_effect: bool) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind(kind), retry_in_seconds=6)])
    transport = MondayTransport(emulator.url, "a-token")
    transport.connect()  # type: ignore[no-untyped-call]
    try:
        answer = transport.send(operations.body(operations.VERSION))
    finally:
        transport.close()  # type: ignore[no-untyped-call]
    found = classify(parse_errors(answer)[0], answer)
    assert type(found) is expected
    if isinstance(found, Transient):
        assert found.no_effect is no_effect
        assert found.wait_seconds == (6 if no_effect or kind == "idempotency_409" else None)
