"""Pages, cursors, look-ups by column value, and rows that are not seen yet."""

from __future__ import annotations

from typing import Any

import pytest

from order_sync.emulator import Emulator
from order_sync_tests.emulator.monday import Monday, batch

BY_VALUES = """query ($c: [ItemsPageByColumnValuesQuery!], $n: Int!) { items_page_by_column_values(
    board_id: 101, columns: $c, limit: $n) { cursor items { name } } }"""
NEXT = "query ($c: String!, $n: Int!) { next_items_page(cursor: $c, limit: $n) { cursor items { name } } }"


def names(page: dict[str, Any]) -> list[str]:
    return [item["name"] for item in page["items"]]


def by_values(monday: Monday, limit: int = 25, **columns: list[str]) -> dict[str, Any]:
    pairs = [{"column_id": column, "column_values": values} for column, values in columns.items()]
    page: dict[str, Any] = monday.data(BY_VALUES, {"c": pairs, "n": limit})["items_page_by_column_values"]
    return page


def by_rules(monday: Monday, query: dict[str, Any]) -> list[str]:
    text = "query ($q: ItemsQuery) { boards(ids: [101]) { items_page(query_params: $q) { items { name } } } }"
    return names(monday.data(text, {"q": query})["boards"][0]["items_page"])


def test_any_of_within_a_column_all_of_the_columns(monday: Monday) -> None:
    for number in range(4):
        monday.item(f"I{number}", uuid=f"u-{number}", status={"label": "Done" if number % 2 else "New"})
    assert names(by_values(monday, uuid=["u-1", "u-2", "u-9"])) == ["I1", "I2"]
    assert names(by_values(monday, uuid=["u-1", "u-2"], status=["Done"])) == ["I1"]
    assert names(by_values(monday, name=["I3"])) == ["I3"]


def test_limits_of_a_look_up(monday: Monday) -> None:
    def code(**variables: Any) -> str:
        columns = [{"column_id": "uuid", "column_values": ["u"]}]
        return monday.code(BY_VALUES, {"c": columns, "n": 25} | variables)

    many = [{"column_id": "uuid", "column_values": [f"u-{n}" for n in range(101)]}]
    assert code(c=many) == "InvalidArgumentException"
    assert code(n=501) == "InvalidArgumentException"
    assert code(n=0) == "InvalidArgumentException"
    assert code(c=[{"column_id": "nope", "column_values": ["u"]}]) == "InvalidColumnIdException"
    assert code(c=None) == "InvalidArgumentException"


@pytest.mark.parametrize("size", [2, 5, 7])
def test_cursors_lead_through_all_items_once(monday: Monday, size: int) -> None:
    query, variables = batch(7)
    monday.data(query, variables)
    first = "query ($n: Int!) { boards(ids: [101]) { items_page(limit: $n) { cursor items { name } } } }"
    page = monday.data(first, {"n": size})["boards"][0]["items_page"]
    seen = names(page)
    while page["cursor"]:
        page = monday.data(NEXT, {"c": page["cursor"], "n": size})["next_items_page"]
        assert page["items"]
        seen += names(page)
    assert seen == [f"Item {n}" for n in range(7)]


def test_a_cursor_carries_its_conditions_on(monday: Monday) -> None:
    for number in range(4):
        monday.item(f"I{number}", note="yes" if number % 2 else "no")
    page = by_values(monday, limit=1, note=["yes"])
    assert names(page) == ["I1"]
    page = monday.data(NEXT, {"c": page["cursor"], "n": 5})["next_items_page"]
    assert (names(page), page["cursor"]) == (["I3"], None)


def test_a_cursor_dies_an_hour_after_the_first_call(emulator: Emulator, monday: Monday) -> None:
    for name in ("One", "Two", "Three"):
        monday.item(name, note="n")
    cursor = by_values(monday, limit=1, note=["n"])["cursor"]
    # The second page's cursor is as old as the first page.
    cursor = monday.data(NEXT, {"c": cursor, "n": 1})["next_items_page"]["cursor"]
    emulator.configure(clock_speed=1_000_000_000)
    assert monday.code(NEXT, {"c": cursor, "n": 1}) == "CursorExpiredError"


def test_a_cursor_of_nobody(monday: Monday) -> None:
    assert monday.code(NEXT, {"c": "bm8=", "n": 1}) == "InvalidArgumentException"


def test_rules(monday: Monday) -> None:
    group = monday.group("ACME")
    monday.item("Alpha", group="topics", uuid="u-1", status={"label": "Done"}, kind={"labels": ["ACTIVE"]})
    monday.item("Beta", uuid="u-2", group=group)

    def rule(column: str, value: Any, operator: str = "any_of") -> dict[str, Any]:
        return {"column_id": column, "compare_value": value, "operator": operator}

    assert by_rules(monday, {"rules": [rule("uuid", ["u-1"])]}) == ["Alpha"]
    assert by_rules(monday, {"rules": [rule("uuid", ["u-1"], "not_any_of")]}) == ["Beta"]
    assert by_rules(monday, {"rules": [rule("status", [1])]}) == ["Alpha"]
    assert by_rules(monday, {"rules": [rule("kind", [2])]}) == ["Alpha"]
    assert by_rules(monday, {"rules": [rule("status", [], "is_empty")]}) == ["Beta"]
    assert by_rules(monday, {"rules": [rule("status", [], "is_not_empty")]}) == ["Alpha"]
    assert by_rules(monday, {"rules": [rule("group", [group])]}) == ["Beta"]
    assert by_rules(monday, {"rules": [rule("name", "LPH", "contains_text")]}) == ["Alpha"]
    both = [rule("uuid", ["u-1"]), rule("uuid", ["u-2"])]
    assert by_rules(monday, {"rules": both}) == []
    assert by_rules(monday, {"rules": both, "operator": "or"}) == ["Alpha", "Beta"]


def test_the_items_of_one_group(monday: Monday) -> None:
    group = monday.group("ACME")
    monday.item("Elsewhere", group="topics")
    monday.item("Here", group=group)
    query = "query ($g: [String]) { boards(ids: [101]) { groups(ids: $g) { items_page { items { name } } } } }"
    [found] = monday.data(query, {"g": [group]})["boards"][0]["groups"]
    assert names(found["items_page"]) == ["Here"]


def test_items_takes_100_ids_but_gives_25_unless_told(monday: Monday) -> None:
    query, variables = batch(30)
    ids = [item["id"] for item in monday.data(query, variables).values()]
    text = "query ($i: [ID!], $n: Int) { items(ids: $i, limit: $n) { id } }"
    assert len(monday.data(text.replace(", limit: $n", "").replace(", $n: Int", ""), {"i": ids})["items"]) == 25
    assert [item["id"] for item in monday.data(text, {"i": ids, "n": 100})["items"]] == ids
    too_many = [str(n) for n in range(101)]
    assert monday.code(text, {"i": too_many, "n": 101}) == "InvalidArgumentException"
    assert monday.data(text, {"i": ["12345"], "n": 1})["items"] == []


def test_a_row_just_created_is_not_seen_at_once(emulator: Emulator, monday: Monday) -> None:
    monday.item("Old", uuid="u-1")
    emulator.configure(lookup_lag_s=3_600)
    item = monday.item("New", uuid="u-1")
    assert monday.found("u-1") == []
    assert by_rules(monday, {"ids": [item]}) == []
    # Asked for by its id it is there.
    assert monday.data("query ($i: ID!) { items(ids: [$i]) { name } }", {"i": item})["items"] == [{"name": "New"}]
    emulator.configure(clock_speed=1_000_000)
    while monday.found("u-1") == []:
        pass
    assert monday.found("u-1") == ["Old", "New"]
