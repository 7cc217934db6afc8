"""In: documents and variables.
Out: raw HTTP answers and, for the common cases, the data in them.
Never: order_sync's own client: these tests look at the wire."""

from __future__ import annotations

import json
from typing import Any, Self

import httpx

from order_sync.emulator import Emulator
from order_sync_tests.waiting import until


class Monday:
    def __init__(self, url: str, timeout: float = 20) -> None:
        headers = {"Authorization": "a-token", "API-Version": "2026-10"}
        self._http = httpx.Client(headers=headers, timeout=timeout, trust_env=False)
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def post(
        self, query: str, variables: dict[str, Any] | None = None, *, key: str | None = None, **headers: str
    ) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["Idempotency-Key"] = key
        return self._http.post(self._url, json={"query": query, "variables": variables or {}}, headers=sent)

    def data(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self.post(query, variables).json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def error(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The one error of an answer."""
        [error] = self.post(query, variables).json()["errors"]
        return dict(error)

    def code(self, query: str, variables: dict[str, Any] | None = None) -> str:
        return str(self.error(query, variables)["extensions"]["code"])

    def group(self, title: str) -> str:
        query = "mutation ($t: String!) { create_group(board_id: 101, group_name: $t) { id } }"
        return str(self.data(query, {"t": title})["create_group"]["id"])

    def item(self, name: str, *, group: str | None = None, labels: bool = False, **values: Any) -> str:
        variables = {"n": name, "g": group, "v": json.dumps(values), "l": labels}
        return str(self.data(CREATE_ITEM, variables)["create_item"]["id"])

    def subitem(self, parent: str, name: str, **values: Any) -> str:
        query = """mutation ($p: ID!, $n: String!, $v: JSON) {
            create_subitem(parent_item_id: $p, item_name: $n, column_values: $v) { id } }"""
        data = self.data(query, {"p": parent, "n": name, "v": json.dumps(values)})
        return str(data["create_subitem"]["id"])

    def cells(self, item_id: str) -> dict[str, dict[str, Any]]:
        query = "query ($i: ID!) { items(ids: [$i]) { column_values { id type text value } } }"
        [item] = self.data(query, {"i": item_id})["items"]
        return {cell["id"]: cell for cell in item["column_values"]}

    def found(self, uuid: str) -> list[str]:
        """Names of the items whose uuid column holds this."""
        query = """query ($u: String!) { items_page_by_column_values(
            board_id: 101, columns: [{column_id: "uuid", column_values: [$u]}]) { items { name } } }"""
        page = self.data(query, {"u": uuid})["items_page_by_column_values"]
        return [item["name"] for item in page["items"]]


CREATE_ITEM = """mutation ($n: String!, $g: String, $v: JSON, $l: Boolean) {
    create_item(board_id: 101, item_name: $n, group_id: $g, column_values: $v, create_labels_if_missing: $l) {
        id } }"""


#: So long that nothing which waits for it ends before the test moves the emulator's clock.
MINUTE_MS = 60_000


def asleep(emulator: Emulator, count: int) -> None:
    """Waits until this number of requests and jobs waits for the emulator's clock, which may be moved then."""
    until(lambda: emulator.stats()["sleeping"] == count, f"{count} to wait for the clock", every=0.005)


def batch(count: int) -> tuple[str, dict[str, Any]]:
    """A document that creates this number of items, aliased a0, a1 ..."""
    head = ", ".join(f"$n{i}: String!" for i in range(count))
    body = " ".join(f"a{i}: create_item(board_id: 101, item_name: $n{i}) {{ id }}" for i in range(count))
    return f"mutation ({head}) {{ {body} }}", {f"n{i}": f"Item {i}" for i in range(count)}
