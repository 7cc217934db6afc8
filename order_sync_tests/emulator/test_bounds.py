"""No single request stops the emulator: too large, too deep or no number is refused, and the next is answered."""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from order_sync.emulator import Emulator
from order_sync_tests.emulator.monday import CREATE_ITEM, Monday

DIGITS = "9" * 5_000  # more than Python turns into a number
DEEP = "[" * 100_000 + "]" * 100_000
GROUP = "boards/101/groups/topics/rows"
BY_CURSOR = "query ($c: String!) { next_items_page(cursor: $c, limit: 3) { cursor } }"
CHANGE = (
    """mutation ($v: JSON!) { change_multiple_column_values(board_id: 101, item_id: 1, column_values: $v) { id } }"""
)
COLUMN = """mutation ($v: JSON) {
    create_column(board_id: 101, title: "Column", column_type: status, defaults: $v) { id } }"""


@pytest.fixture(autouse=True)
def _still_answers(emulator: Emulator) -> Iterator[None]:
    yield
    assert httpx.get(f"{emulator.page_url}_emulator/stats", timeout=5, trust_env=False).status_code == 200


# ---- documents ----------------------------------------------------------------------------------------


def spreading(times: int, spread: str) -> str:
    """Fragments that each spread the next one twice."""
    chain = " ".join(f"fragment F{i} on User {{ {spread.format(next=i + 1)} }}" for i in range(times))
    return f"query {{ me {{ ...F0 }} }} {chain} fragment F{times} on User {{ id }}"


def aliases(count: int, field: str) -> str:
    return "{ " + " ".join(f"a{i}: {field}" for i in range(count)) + " }"


@pytest.mark.parametrize(
    "document",
    [
        spreading(40, "...F{next} ...F{next}"),
        spreading(40, "...F{next} ... on User {{ ...F{next} }}"),
        spreading(40, "account {{ id }} ...F{next} id ...F{next}"),
        "query { me { ...F0 } } " + " ".join(f"fragment F{i} on User {{ id name }}" for i in range(2_000)),
        "{ me { ...A } } fragment A on User { ...B } fragment B on User { ...A }",
        "{ me { " + "id " * 3_000 + "} }",
        "{ " + "me { id account { id } } " * 1_000 + "}",
        aliases(30_000, "me { id }"),
        "{ a" * 3_000 + " }" * 3_000,
        "{ me { " + "... { " * 60 + "id" + " }" * 60 + " } }",
        f"{{ items(ids: {'[' * 3_000}{']' * 3_000}) {{ id }} }}",
        "{ me " + "@include(if: true) " * 60_000 + "{ id } }",
        "{ boards { items_page { items { " + "subitems { parent_item { " * 30 + "id" + " } }" * 30 + " } } } }",
    ],
    ids=[
        *("spreads", "spreads in parts", "spreads and fields", "many fragments", "a ring", "one field", "one object"),
        *("aliases", "depth", "depth of parts", "depth of values", "tokens", "up and down"),
    ],
)
def test_a_document_that_grows_is_refused(monday: Monday, document: str) -> None:
    answer = monday.post(document)
    assert answer.status_code == 200
    assert answer.json()["errors"][0]["extensions"]["code"] in ("GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED")
    assert "data" not in answer.json()


def test_an_answer_that_grows_is_refused(emulator: Emulator, monday: Monday) -> None:
    """Every document is small; what it asks for is a power of what the board holds."""
    parent = monday.item("Parent")
    for number in range(40):
        monday.subitem(parent, f"Size {number}")
    nested = "subitems { parent_item { " * 4 + "id" + " } }" * 4
    query = f"query ($i: ID!) {{ items(ids: [$i]) {{ {nested} }} }}"
    assert monday.code(query, {"i": parent}) == "maxComplexityExceeded"
    few = "query ($i: ID!) { items(ids: [$i]) { subitems { parent_item { id } } } }"
    assert len(monday.data(few, {"i": parent})["items"][0]["subitems"]) == 40


def test_long_texts_count_in_an_answer(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("Long", note="x" * 1_000_000)
    cells = " ".join(f'a{i}: column_values(ids: ["note"]) {{ text }}' for i in range(500))
    assert monday.code(f"query ($i: ID!) {{ items(ids: [$i]) {{ {cells} }} }}", {"i": item}) == "maxComplexityExceeded"


# ---- bodies -------------------------------------------------------------------------------------------


def head_only(emulator: Emulator, path: str, *headers: str, method: str = "POST") -> str:
    """The status line of the answer to a request whose 300 MB never arrive."""
    address = httpx.URL(emulator.page_url)
    with socket.create_connection((address.host, address.port or 0), timeout=20) as wire:
        lines = [f"{method} /{path} HTTP/1.1", f"Host: {address.host}", "Content-Length: 300000000", *headers, "", ""]
        wire.sendall("\r\n".join(lines).encode())
        return wire.recv(200).decode("latin-1").partition("\r\n")[0]


def test_no_body_is_read_without_a_token(emulator: Emulator) -> None:
    assert "401" in head_only(emulator, "v2")
    assert emulator.requests()[-1]["status"] == 401


@pytest.mark.parametrize("path", ["v2", "_emulator/settings"])
def test_a_body_that_is_too_large_is_not_read(emulator: Emulator, path: str) -> None:
    assert "413" in head_only(emulator, path, "Authorization: t", "Content-Type: application/json")


def test_no_file_is_read_for_a_wrong_address(emulator: Emulator) -> None:
    assert "403" in head_only(emulator, "_uploads/x", "Content-Type: text/csv", method="PUT")


def test_a_body_of_unknown_length_is_counted(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(body_max_bytes=100_000)
    chunks = (b" " * 10_000 for _ in range(11))
    headers = {"Authorization": "t"}
    answer = httpx.post(emulator.url, content=chunks, headers=headers, trust_env=False, timeout=20)
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"]["code"] == "PAYLOAD_TOO_LARGE"
    assert monday.post("{ me { id } }" + " " * 90_000).status_code == 200


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory of a process from /proc")
def test_a_large_file_is_not_kept_in_memory(emulator: Emulator, monday: Monday) -> None:
    def most_kb() -> int:
        status = Path(f"/proc/{emulator.pid}/status").read_text(encoding="utf-8")
        return int(re.findall(r"VmHWM:\s+(\d+)", status)[0])

    emulator.configure(bulk_max_bytes=1_000_000)
    start = 'mutation { ingest_items(board_id: 101, group_id: "topics") { upload_url job_id } }'
    job = monday.data(start)["ingest_items"]
    before = most_kb()
    chunks = (b"x" * 1_000_000 for _ in range(200))
    answer = httpx.put(
        job["upload_url"], content=chunks, headers={"Content-Type": "text/csv"}, trust_env=False, timeout=60
    )
    assert answer.status_code == 200
    assert most_kb() - before < 100_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "{ me { id } }", "variables": {"a": ' + DEEP.encode() + b"}}",
        b'{"query": "query ($n: Int!) { items(limit: $n) { id } }", "variables": {"n": ' + DIGITS.encode() + b"}}",
        b'{"query": "query ($n: Int!) { items(limit: $n) { id } }", "variables": {"n": 1e400}}',
        b'{"query": "query ($n: ID!) { items(ids: [$n]) { id } }", "variables": {"n": NaN}}',
        b'{"query": "{ me { id } }", "operationName": ["x"]}',
        b'{"query": "{ me { id } }", "operationName": "\\ud800"}',
        b'{"query": "{ me { id } }", "operationName": "\xed\xa0\x80"}',
        DEEP.encode(),
    ],
    ids=["depth", "digits", "infinity", "no number", "name", "half a letter", "half a letter as bytes", "only depth"],
)
def test_a_body_other_than_json_is_a_bad_request(emulator: Emulator, body: bytes) -> None:
    answer = httpx.post(emulator.url, content=body, headers={"Authorization": "t"}, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


# ---- numbers and texts in it --------------------------------------------------------------------------


def cursor(plain: str) -> dict[str, str]:
    return {"c": base64.urlsafe_b64encode(plain.encode()).decode()}


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        (f"mutation {{ delete_item(item_id: {DIGITS}) {{ id }} }}", {}, "InvalidArgumentException"),
        (
            f'mutation {{ create_item(board_id: {DIGITS}, item_name: "x") {{ id }} }}',
            {},
            "InvalidArgumentException",
        ),
        (f"{{ items(limit: {DIGITS}) {{ id }} }}", {}, "GRAPHQL_VALIDATION_FAILED"),
        (CREATE_ITEM, {"n": "x", "v": json.dumps({"status": DIGITS})}, "ColumnValueException"),
        (CREATE_ITEM, {"n": "x", "v": json.dumps({"kind": {"ids": [DIGITS]}})}, "ColumnValueException"),
        (CREATE_ITEM, {"n": "x", "v": json.dumps({"kind": {"labels": [DIGITS]}})}, "ColumnValueException"),
        (CREATE_ITEM, {"n": "x", "v": json.dumps({"qty": "1e200000"})}, "ColumnValueException"),
        (CREATE_ITEM, {"n": "x", "v": json.dumps({"qty": "1e-200000"})}, "ColumnValueException"),
        (CREATE_ITEM, {"n": "x", "v": json.dumps({"qty": "0e-200000"})}, "ColumnValueException"),
        (CREATE_ITEM, {"n": "x", "v": json.dumps({"qty": "9" * 400})}, "ColumnValueException"),
        (CREATE_ITEM, {"n": "x", "v": '{"note": "\\ud800"}'}, "InvalidArgumentException"),
        (CREATE_ITEM, {"n": "x", "v": f'{{"qty": {DIGITS}}}'}, "InvalidArgumentException"),
        (CREATE_ITEM, {"n": "x", "v": DEEP}, "InvalidArgumentException"),
        (COLUMN, {"v": '{"labels": [{"id": Infinity, "name": "a"}]}'}, "InvalidArgumentException"),
        (COLUMN, {"v": '{"labels": [{"id": 1e400, "name": "a"}]}'}, "InvalidArgumentException"),
        (COLUMN, {"v": DEEP}, "InvalidArgumentException"),
        (BY_CURSOR, cursor(DEEP), "InvalidArgumentException"),
        (BY_CURSOR, cursor('{"search": {"board_id": 5}, "after": 0, "since": 9e99}'), "InvalidArgumentException"),
        (BY_CURSOR, cursor('{"search": {"board_id": 101}, "after": 1e400, "since": 9}'), "InvalidArgumentException"),
        (
            BY_CURSOR,
            cursor('{"search": {"board_id": 101, "columns": 7}, "after": 0, "since": 9e99}'),
            "InvalidArgumentException",
        ),
    ],
)
def test_an_invalid_number_or_text_is_named(monday: Monday, query: str, variables: dict[str, Any], code: str) -> None:
    answer = monday.post(query, variables)
    assert answer.status_code == 200
    assert [error["extensions"]["code"] for error in answer.json()["errors"]] == [code]
    assert len(answer.text) < 20_000


def test_an_id_of_many_digits_is_that_of_no_item(monday: Monday) -> None:
    assert monday.data(f"{{ items(ids: [{DIGITS}]) {{ id }} boards(ids: [{DIGITS}]) {{ id }} }}") == {
        "items": [],
        "boards": [],
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"boards/{DIGITS}", 404),
        (f"boards/101/pulses/{DIGITS}", 404),
        (f"boards/{DIGITS}/live", 404),
        (f"boards/101/items/{DIGITS}/subitems", 404),
        (f"{GROUP}?offset={DIGITS}", 400),
        (f"{GROUP}?offset={10**30}", 400),
        (f"{GROUP}?count={DIGITS}", 400),
        (f"{GROUP}?offset=-1", 400),
        (f"_emulator/effects?since={DIGITS}", 400),
        ("_emulator/effects?since=abc", 400),
    ],
)
def test_a_page_for_no_number_is_refused(emulator: Emulator, path: str, status: int) -> None:
    assert httpx.get(emulator.page_url + path, trust_env=False).status_code == status


@pytest.mark.parametrize(
    "body",
    [DEEP, "[]", "7", '{"clock_speed": 1e999}', '{"latency_ms": Infinity}', f'{{"items_limit": {DIGITS}}}', "{"],
    ids=["depth", "list", "number", "fast", "slow", "digits", "half"],
)
def test_settings_that_cannot_be_are_refused(emulator: Emulator, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{emulator.page_url}_emulator/settings", content=body, headers=headers, trust_env=False)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]


# ---- files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "name\n" + "," * 3_000_000,
        "name\n" + "\n" * 3_000_000,
        'name\n"' + '\n","' * 1_000_000,
        "name,link\nA,[" + "](http://a" * 13_000,
    ],
    ids=["one wide row", "blank lines", "a row of many lines", "a link that is none"],
)
def test_a_file_that_is_hard_to_read_ends(emulator: Emulator, monday: Monday, text: str) -> None:
    start = 'mutation { ingest_items(board_id: 101, group_id: "topics") { upload_url job_id } }'
    job = monday.data(start)["ingest_items"]
    put = httpx.put(
        job["upload_url"], content=text.encode(), headers={"Content-Type": "text/csv"}, trust_env=False, timeout=30
    )
    assert put.status_code == 200
    question = """query ($j: ID!) { fetch_job_status(job_id: $j) { ... on ItemsJobStatus { status } } }"""
    states = (monday.data(question, {"j": job["job_id"]})["fetch_job_status"]["status"] for _ in range(10_000))
    assert next(state for state in states if state not in ("UPLOAD_PENDING", "PROCESSING")) in ("REJECTED", "COMPLETED")


# ---- headers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "",
        "boards/101",
        "static/board.js",
        "static/none.js",
        "_emulator/state",
        "_emulator/none",
        "nowhere",
        "_reports/x",
    ],
)
def test_every_answer_has_the_headers_of_the_page(emulator: Emulator, path: str) -> None:
    answer = httpx.get(emulator.page_url + path, trust_env=False)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_refused_host_has_the_headers_too(emulator: Emulator) -> None:
    answer = httpx.get(emulator.page_url, headers={"Host": "evil.example"}, trust_env=False)
    assert answer.status_code == 421
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
