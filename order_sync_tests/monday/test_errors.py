"""What monday's errors mean, in every shape in which they come."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from order_sync.emulator import Emulator, Fault, FaultKind
from order_sync.monday import operations
from order_sync.monday.errors import breaks_a_rule, classify, is_item_deleted, is_locked, may_differ, parse_errors
from order_sync.monday.transport import MondayTransport, Reply, read_reply
from order_sync.orders.errors import (
    BoardRefused,
    Fatal,
    Missing,
    NotMonday,
    OrderSyncError,
    QuotaExhausted,
    Rejected,
    Transient,
)
from order_sync.settings import EMBEDDED_BOARD, EMBEDDED_SUBITEM_BOARD
from order_sync_tests.emulator.monday import Monday
from order_sync_tests.monday.test_board import create_items

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


def test_a_changed_schema_stops_the_run_and_rejects_nothing() -> None:
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
    assert found.message == f"monday refuses: Some words ({code}, request req-1)"


def test_409_may_be_for_good() -> None:
    assert isinstance(meaning(reply(error("DeleteLastGroupException", status=409), 409)), Rejected)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("InvalidBoardIdException", "Check ORDER_SYNC_MONDAY_BOARD_ID"),
        ("ItemsLimitationException", "The board is full"),
        ("missingRequiredPermissions", "lacks permission to write to this board"),
        ("UserUnauthorizedException", "lacks permission to write to this board"),
        ("USER_UNAUTHORIZED", "lacks permission to write to this board"),
        ("UserAccessDenied", "lacks permission to write to this board"),
        ("BOARD_CAPACITY_EXCEEDED", "The board is full"),
    ],
)
def test_what_is_wrong_for_every_row_stops_the_board(code: str, advice: str) -> None:
    found = meaning(reply(error(code, path=["a0"])))
    assert isinstance(found, BoardRefused)
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


@pytest.mark.parametrize("code", ["Unauthorized", "NOT_AUTHENTICATED"])
def test_a_token_that_is_not_valid_stops_the_run(code: str) -> None:
    found = meaning(reply(error(code)))
    assert isinstance(found, Fatal)
    assert not isinstance(found, BoardRefused)
    assert "Check ORDER_SYNC_MONDAY_TOKEN" in str(found)


@pytest.mark.parametrize("body", [error("UserUnauthorizedException"), error("SomeCode"), {"errors": ["Forbidden"]}])
def test_a_refusal_with_http_403_is_the_board_s(body: dict[str, Any]) -> None:
    found = meaning(reply(body, 403))
    assert isinstance(found, BoardRefused)
    assert "permission" in str(found)


def page(status: int, text: str = "<html><title>Access\n denied</title></html>", **headers: str) -> Reply:
    return read_reply(status, {"content-type": "text/html", **headers}, text.encode())


@pytest.mark.parametrize("status", [200, 203, 302, 400, 401, 403, 404, 405, 407, 413, 451, 511])
def test_a_page_instead_of_json_is_not_monday_s(status: int) -> None:
    found = meaning(page(status, location="https://login.portal.example/?next=secret"))
    assert isinstance(found, NotMonday)
    reported = str(found)
    assert f"HTTP {status}" in reported
    assert "'Access denied'" in reported
    assert ("https://login.portal.example" in reported) is (status == 302)
    assert "secret" not in reported
    assert "proxy" in reported


@pytest.mark.parametrize("status", [408, 409, 423, 425, 429, 500, 502, 503, 504])
def test_an_error_page_of_the_gateway_is_retried(status: int) -> None:
    assert isinstance(meaning(page(status)), Transient)


def test_a_page_without_a_title_is_quoted_shortly() -> None:
    reported = str(meaning(page(403, "  <!doctype html> <p>" + "blocked by Elm & Ash " * 100)))
    assert "blocked by Elm & Ash" in reported
    assert len(reported) < 600


# ---- what is missing ------------------------------------------------------------------------------------

LOST = [
    # code, message, resource_type: what monday does not find
    ("ResourceNotFoundException", "Item not found", "item", Missing.ITEM),
    ("ResourceNotFoundException", "Some words", "Item", Missing.ITEM),
    ("ResourceNotFoundException", "Item 5 not found on board 7", None, Missing.ITEM),
    ("RESOURCE_NOT_FOUND", "Pulse not found", None, Missing.ITEM),
    ("ResourceNotFoundException", "Subitem does not exist", None, Missing.ITEM),
    ("InvalidItemIdException", "Some words", None, Missing.ITEM),
    ("InvalidArgumentException", "The item is archived", None, Missing.ITEM),
    ("SomethingNew", "This item is inactive", None, Missing.ITEM),
    ("", "Item was deleted", None, Missing.ITEM),
    ("ResourceNotFoundException", "Group not found", "group", Missing.GROUP),
    ("ResourceNotFoundException", "Group not found for the item", None, Missing.GROUP),
    ("InvalidArgumentException", "group_id does not exist", None, Missing.GROUP),
    ("ResourceNotFoundException", "Column not found", None, Missing.COLUMN),
    ("InvalidColumnIdException", "This column ID doesn't exist for the board", None, Missing.COLUMN),
    ("ResourceNotFoundException", "Board not found", "board", Missing.BOARD),
    ("ResourceNotFoundException", "User not found", "user", None),
    ("ResourceNotFoundException", "The ID is invalid", None, Missing.ITEM),  # the only id without a name of its kind
    ("InvalidArgumentException", "item_id is missing", None, None),
    ("ColumnValueException", "The label 'item not found' does not exist", None, None),
    ("DATA_VALIDATIONS_ERROR", "Item not found", None, None),
    ("ItemNameTooLongException", "Item name must have 1 to 255 characters", None, None),
    ("SomethingNew", "The text 'item not found' exceeds the limit of characters", None, None),
]


def lost(code: str, message: str, resource: str | None, status: int = 200) -> Rejected:
    data = {"resource_type": resource, "resource_id": "5"} if resource else {}
    body = error(code, path=["a0"], status=status, error_data=data)
    body["errors"][0]["message"] = message
    found = meaning(reply(body, status))
    assert isinstance(found, Rejected)
    return found


@pytest.mark.parametrize(("code", "message", "resource", "missing"), LOST)
def test_what_monday_does_not_find_is_named(
    code: str, message: str, resource: str | None, missing: Missing | None
) -> None:
    found = lost(code, message, resource)
    assert found.missing is missing
    assert is_item_deleted(found) is (missing is Missing.ITEM)


def test_a_resource_that_is_not_found_may_come_with_404() -> None:
    assert is_item_deleted(lost("ResourceNotFoundException", "Item not found", "item", 404))


@pytest.mark.parametrize(
    ("code", "resource", "differs"),
    [
        ("ResourceNotFoundException", "item", False),
        ("ResourceNotFoundException", "group", False),
        ("ResourceNotFoundException", "column", True),
        ("ResourceNotFoundException", "board", True),
    ],
)
def test_a_missing_column_or_board_may_differ_from_the_mapping(code: str, resource: str, differs: bool) -> None:
    assert may_differ(lost(code, "Not found", resource)) is differs


@pytest.mark.parametrize("data", [["item"], {"resource_type": ["item"]}, {"resource_type": None}, "item", 7, None])
def test_odd_data_of_a_missing_resource_raises_nothing(data: Any) -> None:
    found = meaning(reply(error("ResourceNotFoundException", path=["a0"], error_data=data)))
    assert isinstance(found, Rejected)
    assert found.missing is Missing.ITEM


# ---- again ----------------------------------------------------------------------------------------------

NEW_LIMITS = [
    ("MutationCallsExceeded", "Some words"),
    ("RateLimitedException", "Some words"),
    ("RATE_LIMITED", "Some words"),
    ("HourlyQuotaReached", "Some words"),
    ("QUERY_THROTTLED", "Some words"),
    ("complexityBudgetSpent", "Some words"),
    ("BoardLockedException", "Some words"),
    ("SomethingNew", "Too many requests, try again in a minute"),
    ("SomethingNew", "The minute limit was reached"),
    ("SomethingNew", "Too many items were created in this minute: limit exceeded"),
    ("", "Concurrency limit"),
    ("", "Complexity budget exhausted"),
]


@pytest.mark.parametrize(("code", "message"), NEW_LIMITS)
@pytest.mark.parametrize("path", [None, ["a0"]])
def test_every_code_and_message_of_a_limit_is_retried(code: str, message: str, path: list[str] | None) -> None:
    body = error(code, path=path)
    body["errors"][0]["message"] = message
    found = transient(reply(body))
    assert found.no_effect
    # One alias is sent again at once otherwise: eight times in a moment.
    assert (found.wait_seconds is not None) is (path is not None or "lock" in code.lower())


def test_temporarily_does_not_say_that_nothing_was_written() -> None:
    assert not transient(reply(error("TEMPORARY_FAILURE"))).no_effect


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ItemNameTooLongException", "The name exceeds the limit of 255 characters"),
        ("ColumnValueException", "A status column holds at most 40 labels: limit exceeded"),
        ("SomethingNew", "The text exceeds the limit of 2,000 characters"),
        ("SomethingNew", "The label 'Limited edition' does not exist"),
        ("GroupsLimitationException", "Some words"),
    ],
)
def test_a_size_limit_is_not_a_rate_limit(code: str, message: str) -> None:
    body = error(code, path=["a0"])
    body["errors"][0]["message"] = message
    assert isinstance(meaning(reply(body)), Rejected)


def test_a_code_that_nobody_knows_is_marked_as_such() -> None:
    codes = ["ColumnValueException", "COLUMN_VALUE_EXCEPTION", "BAD_USER_INPUT", "SomethingNew", ""]
    found = [meaning(reply(error(code, path=["a0"]))) for code in codes]
    assert [error.known for error in found if isinstance(error, Rejected)] == [True, True, True, False, False]


@pytest.mark.parametrize("code", ["DAILY_LIMIT_EXCEEDED", "DailyLimitExceeded", "DAILY_CALLS_EXCEEDED"])
def test_the_daily_quota_in_any_spelling(code: str) -> None:
    assert isinstance(meaning(reply(error(code))), QuotaExhausted)


def test_the_texts_of_a_broken_validation_rule_are_shown() -> None:
    body = error("DATA_VALIDATIONS_ERROR", path=["a0"], error_data=["Budget is required", {"message": "Qty > 0"}, 7])
    found = meaning(reply(body, 422))
    assert isinstance(found, Rejected)
    assert "Budget is required; Qty > 0; 7" in str(found)


@pytest.mark.parametrize("wait", ["-5", "NaN", "nan", "inf", "-inf", "0", "", "soon", [], {}, None, True, "1e999"])
def test_an_invalid_wait_is_replaced_by_ours(wait: Any) -> None:
    assert transient(reply(error("maxConcurrencyExceeded", retry_in_seconds=wait), 429)).wait_seconds is None
    assert transient(reply(error("maxConcurrencyExceeded"), 429, retry_after=str(wait))).wait_seconds is None


@pytest.mark.parametrize("reported", [100_000, "100000", 10**400, "9" * 5_000])
def test_no_wait_is_longer_than_a_quarter_of_an_hour(reported: Any) -> None:
    for answer in (
        reply(error("maxConcurrencyExceeded", retry_in_seconds=reported), 429),
        reply(error("FIELD_LIMIT_EXCEEDED", error_data={"retry_in_seconds": reported})),
        reply(error("RATE_LIMIT_EXCEEDED", retryAfterMs=reported), 429),
        reply(error("maxConcurrencyExceeded"), 429, retry_after=str(reported)[:4000]),
    ):
        assert transient(answer).wait_seconds in (None, 100, 900)


def test_reset_in_0_seconds_is_ignored() -> None:
    body = {"error_code": "ComplexityException", "error_message": "exhausted, reset in 0 seconds", "status_code": 429}
    assert transient(reply(body)).wait_seconds is None


def test_retry_after_may_be_a_date() -> None:
    date = "Thu, 26 Nov 2026 10:00:00 GMT"
    later, much_later, earlier = (f"Thu, 26 Nov 2026 {time} GMT" for time in ("10:00:42", "23:00:00", "09:00:00"))
    waits = [
        transient(reply(error("maxConcurrencyExceeded"), 429, date=date, retry_after=at)).wait_seconds
        for at in (later, much_later, earlier)
    ]
    assert waits == [42, 900, None]


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
    assert "resume after 2027-01-01 00:00 UTC" in str(stop)


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
        ({"error_code": ["odd"], "error_message": {"odd": 1}, "error_data": 3}, "{'odd': 1}"),
        ({"errors": [{"message": ["x"], "extensions": "odd", "path": "a0.id"}]}, "['x']"),
        ({"errors": [{"message": "x", "extensions": ["odd"], "path": {"a": 0}}]}, "x"),
        ({"errors": [{"message": "x", "extensions": {"code": {}, "status_code": float("inf")}, "path": [[]]}]}, "x"),
        ({"errors": {"message": "x", "extensions": 5, "path": 7}, "extensions": "odd"}, "x"),
        ({"errors": [None], "extensions": ["odd"], "data": ["odd"]}, "None"),
        ({"errors": [{"message": "one\r\nline\n"}], "extensions": {"request_id": ["odd"]}}, "one line"),
    ],
)
def test_odd_shapes_are_errors_all_the_same(body: dict[str, Any], message: str) -> None:
    answer = reply(body)
    [found] = parse_errors(answer)
    assert found.message == message
    assert isinstance(classify(found, answer), OrderSyncError)
    assert answer.request_id is None


def test_an_answer_without_errors_has_none() -> None:
    assert parse_errors(reply({"data": {"a0": {"id": "1"}}})) == []
    assert parse_errors(reply({"data": {}, "errors": []})) == []


# ---- from the wire --------------------------------------------------------------------------------------


BOARD = str(EMBEDDED_BOARD)
CHANGES = {
    "change": (operations.CHANGE_ITEM, {"values": '{"order_number":"A"}'}, {"board": BOARD, "labels": False}),
    "move": (operations.MOVE_ITEM, {"group": "topics"}, {}),
    "archive": (operations.ARCHIVE_ITEM, {}, {}),
    "delete": (operations.DELETE_ITEM, {}, {}),
}


def send(emulator: Emulator, how: str, items: list[str], **changed: Any) -> dict[str, OrderSyncError | None]:
    """The meaning of the answer to a change of these items, for each; None where it was done."""
    template, own, shared = CHANGES[how]
    rows = [{"item": item, **own, **{key: changed[key] for key in own.keys() & changed.keys()}} for item in items]
    shared = {key: changed.get(key, value) for key, value in shared.items()}
    transport = MondayTransport(emulator.url, "a-token")
    transport.connect()
    try:
        answer = transport.send(operations.body_of_many(template, rows, shared), idempotency_key=uuid4().hex)
    finally:
        transport.close()  # type: ignore[no-untyped-call]
    errors = {found.alias: classify(found, answer) for found in parse_errors(answer)}
    return {item: errors.get(operations.alias(number), errors.get(None)) for number, item in enumerate(items)}


def is_deleted(found: OrderSyncError | None) -> bool:
    return isinstance(found, Rejected) and is_item_deleted(found)


@pytest.fixture
def items(emulator: Emulator) -> dict[str, str]:
    """An item that is there, one that was archived and one that was deleted; and an id that never was."""
    with Monday(emulator.url) as monday:
        there, archived, deleted = create_items(monday, ["k1", "k2", "k3"])
        for how, item in (("archive_item", archived), ("delete_item", deleted)):
            monday.data(f"mutation ($i: ID!) {{ {how}(item_id: $i) {{ id }} }}", {"i": item})
    return {"there": there, "archived": archived, "deleted": deleted, "unknown": "77"}


@pytest.mark.parametrize("how", CHANGES)
def test_an_item_that_rejects_changes_counts_as_deleted(emulator: Emulator, items: dict[str, str], how: str) -> None:
    found = send(emulator, how, list(items.values()))
    deleted = {name for name, item in items.items() if is_deleted(found[item])}
    assert found[items["there"]] is None
    assert deleted == ({"deleted", "unknown"} if how in ("archive", "delete") else {"archived", "deleted", "unknown"})


@pytest.mark.parametrize(
    ("how", "changed", "code", "missing"),
    [
        ("move", {"group": "no_such_group"}, "ResourceNotFoundException", Missing.GROUP),
        ("change", {"values": '{"no_such_column":"A"}'}, "InvalidColumnIdException", Missing.COLUMN),
        ("change", {"values": '{"total_qty":"many"}'}, "ColumnValueException", None),
        ("change", {"values": '{"order_type":{"label":"None such"}}'}, "ColumnValueException", None),
        ("change", {"values": '{"name":""}'}, "ItemNameTooLongException", None),
    ],
)
def test_a_refused_change_does_not_mean_a_missing_item(
    emulator: Emulator, items: dict[str, str], how: str, changed: dict[str, Any], code: str, missing: Missing | None
) -> None:
    found = send(emulator, how, [items["there"]], **changed)[items["there"]]
    assert isinstance(found, Rejected)
    assert (found.code, found.missing, is_item_deleted(found)) == (code, missing, False)


def test_an_item_on_another_board_is_missing_here(emulator: Emulator, items: dict[str, str]) -> None:
    assert is_deleted(send(emulator, "change", [items["there"]], board=str(EMBEDDED_SUBITEM_BOARD))[items["there"]])


def test_a_board_that_is_unknown_stops_its_changes(emulator: Emulator, items: dict[str, str]) -> None:
    assert isinstance(send(emulator, "change", [items["there"]], board="99")[items["there"]], BoardRefused)


def test_a_changed_value_may_break_a_rule_of_the_board(emulator: Emulator, items: dict[str, str]) -> None:
    emulator.configure(rules=[{"board_id": EMBEDDED_BOARD, "column_id": "order_number", "pattern": "x", "text": "x!"}])
    found = send(emulator, "change", [items["there"]])[items["there"]]
    assert isinstance(found, Rejected)
    assert (breaks_a_rule(found), is_item_deleted(found)) == (True, False)


@pytest.mark.parametrize("how", CHANGES)
def test_a_locked_board_is_worth_another_try(emulator: Emulator, items: dict[str, str], how: str) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind.BOARD_LOCK_423)])
    found = send(emulator, how, [items["there"]])[items["there"]]
    assert isinstance(found, Transient)
    assert (is_locked(found), found.no_effect) == (True, True)


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
    transport.connect()
    try:
        answer = transport.send(operations.body(operations.VERSION))
    finally:
        transport.close()  # type: ignore[no-untyped-call]
    found = classify(parse_errors(answer)[0], answer)
    assert type(found) is expected
    if isinstance(found, Transient):
        assert found.no_effect is no_effect
        assert found.wait_seconds == (6 if no_effect or kind == "idempotency_409" else None)
