"""The shapes of answers: partial data, errors, headers, versions."""

from __future__ import annotations

import httpx
import pytest

from order_sync.emulator import Emulator, Fault, FaultKind
from order_sync_tests.emulator.monday import Monday, batch

ONE_ITEM = 'mutation { create_item(board_id: 101, item_name: "One") { id } }'


def test_a_failed_alias_is_null_and_its_siblings_stand(emulator: Emulator, monday: Monday) -> None:
    query = """mutation {
        a: create_item(board_id: 101, item_name: "One") { id }
        b: create_item(board_id: 101, item_name: "") { id }
        c: create_item(board_id: 101, item_name: "Three") { id } }"""
    answer = monday.post(query)
    body = answer.json()
    assert answer.status_code == 200
    assert [body["data"][alias] is None for alias in "abc"] == [False, True, False]
    [error] = body["errors"]
    assert error["path"] == ["b"]
    assert error["locations"]
    assert error["extensions"] == {
        "code": "ItemNameTooLongException",
        "status_code": 200,
        "error_data": {},
    }
    assert body["account_id"]
    assert body["extensions"]["request_id"]
    assert [effect["name"] for effect in emulator.effects(kind="item_created")] == ["One", "Three"]


def test_aliases_run_in_the_order_of_the_document(emulator: Emulator, monday: Monday) -> None:
    query, variables = batch(20)
    data = monday.data(query, variables)
    ids = [int(data[f"a{i}"]["id"]) for i in range(20)]
    assert ids == sorted(ids)
    names = [effect["name"] for effect in emulator.effects(kind="item_created")]
    assert names == [f"Item {i}" for i in range(20)]


def test_a_null_root_takes_all_data_along(monday: Monday) -> None:
    query = '{ me { id } next_items_page(cursor: "nonsense") { cursor } }'
    body = monday.post(query).json()
    assert body["data"] is None
    assert body["errors"][0]["path"] == ["next_items_page"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("mutation {", "GRAPHQL_PARSE_FAILED"),
        ("{ no_such_field }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { me { id } } query B { me { id } }", "OPERATION_RESOLUTION_FAILURE"),
        ("query ($i: ID!) { items(ids: [$i]) { id } }", "BAD_USER_INPUT"),
    ],
)
def test_a_document_that_cannot_run(monday: Monday, query: str, code: str) -> None:
    answer = monday.post(query)
    assert answer.status_code == 200
    assert "data" not in answer.json()
    assert answer.json()["errors"][0]["extensions"]["code"] == code
    assert answer.json()["extensions"]["request_id"]


@pytest.mark.parametrize("token", ["", "Bearer a-token", "bearer a-token"])
def test_without_a_plain_token_nobody_enters(emulator: Emulator, monday: Monday, token: str) -> None:
    answer = monday.post(ONE_ITEM, Authorization=token)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_AUTHENTICATED"
    assert emulator.stats()["mutations"] == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b'{"variables": {}}', b'{"query": 1}'])
def test_a_bad_request(emulator: Emulator, body: bytes) -> None:
    answer = httpx.post(emulator.url, content=body, headers={"Authorization": "t"}, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["extensions"]["request_id"]


def test_only_post(emulator: Emulator) -> None:
    assert httpx.get(emulator.url, trust_env=False).status_code == 405


@pytest.mark.parametrize(
    ("asked", "served"),
    [("2026-10", "2026-10"), ("2027-01", "2027-01"), ("2023-01", "2026-10"), ("nonsense", "2026-10")],
)
def test_a_wrong_version_is_served_silently_with_another(monday: Monday, asked: str, served: str) -> None:
    answer = monday.post("{ version { value } }", API_Version=asked)
    assert answer.headers["API-Version"] == served
    assert answer.json()["data"]["version"]["value"] == served


def test_wrong_version_fault(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind.WRONG_VERSION)])
    assert monday.post("{ me { id } }").headers["API-Version"] != "2026-10"


def test_the_request_log_says_what_came(emulator: Emulator, monday: Monday) -> None:
    query, variables = batch(3)
    monday.post(query, variables, key="k-1")
    [request] = emulator.requests()
    assert request["kind"] == "mutation"
    assert request["operations"] == ["create_item"]
    assert request["aliases"] == 3
    assert request["status"] == 200
    assert request["idempotency_key"] == "k-1"
    assert request["cost"] == 90_000
    assert request["in_flight"] == 1


def test_the_token_stays_out_of_the_controls(emulator: Emulator) -> None:
    assert "token" not in emulator.configure(latency_ms=0)


def test_controls_refuse_what_a_foreign_page_could_send(emulator: Emulator) -> None:
    form = httpx.post(f"{emulator.page_url}_emulator/reset", data={"a": "b"}, trust_env=False)
    assert form.status_code == 415


def test_configure_refuses_what_is_fixed_or_wrong(emulator: Emulator) -> None:
    with pytest.raises(ValueError, match="fixed while the emulator runs: port"):
        emulator.configure(port=80)
    with pytest.raises(ValueError, match="latency_ms"):
        emulator.configure(latency_ms=-1)
    with pytest.raises(ValueError, match="no_such_setting"):
        emulator.configure(no_such_setting=1)
