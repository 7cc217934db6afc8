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


def test_items_takes_100_ids_but_returns_25_by_default(monday: Monday) -> None:
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


LAST = "__last_updated__"
ORDERED = """query ($q: ItemsQuery, $n: Int!) { boards(ids: [101]) {
    items_page(query_params: $q, limit: $n) { cursor items { id name } } } }"""


def ordered(monday: Monday, *columns: str, limit: int = 25, **query: Any) -> dict[str, Any]:
    """A page in the order of these columns; a minus before its id for the other direction."""
    order = [
        {"column_id": column.lstrip("-"), "direction": "desc"} if "-" in column else {"column_id": column}
        for column in columns
    ]
    page: dict[str, Any] = monday.data(ORDERED, {"q": {"order_by": order, **query}, "n": limit})["boards"][0][
        "items_page"
    ]
    return page


def touch(emulator: Emulator, monday: Monday, item: str) -> None:
    emulator.advance(60)
    query = """mutation ($i: ID) {
        change_simple_column_value(board_id: 101, item_id: $i, column_id: "note", value: "x") { id } }"""
    monday.data(query, {"i": item})


def test_items_come_in_the_order_of_their_last_update(emulator: Emulator, monday: Monday) -> None:
    one, two, three = (monday.item(name) for name in ("One", "Two", "Three"))
    for item in (two, one):
        touch(emulator, monday, item)
    assert names(ordered(monday, LAST)) == ["Three", "Two", "One"]
    assert names(ordered(monday, f"-{LAST}")) == ["One", "Two", "Three"]
    assert names(ordered(monday, "-__creation_log__")) == ["Three", "Two", "One"]
    monday.data("mutation ($i: ID) { archive_item(item_id: $i) { id } }", {"i": three})
    assert names(ordered(monday, LAST)) == ["Two", "One"]


def test_ordered_pages_follow_each_other(emulator: Emulator, monday: Monday) -> None:
    items = [monday.item(f"I{number}") for number in range(5)]
    page = ordered(monday, f"-{LAST}", limit=2)
    assert names(page) == ["I4", "I3"]
    touch(emulator, monday, items[0])  # which puts it on the page that was already read
    page = monday.data(NEXT, {"c": page["cursor"], "n": 2})["next_items_page"]
    assert names(page) == ["I2", "I1"]
    assert page["cursor"] is None
    page = ordered(monday, LAST, limit=3)
    assert names(page) == ["I1", "I2", "I3"]
    assert names(monday.data(NEXT, {"c": page["cursor"], "n": 3})["next_items_page"]) == ["I4", "I0"]


def test_items_come_in_the_order_of_columns(monday: Monday) -> None:
    monday.item("B", qty="10", eta={"date": "2026-11-02"})
    monday.item("A", qty="9", eta={"date": "2026-11-03"})
    monday.item("C", qty="9")
    assert names(ordered(monday, "name")) == ["A", "B", "C"]
    assert names(ordered(monday, "qty", "-name")) == ["C", "A", "B"]
    page = ordered(monday, "-qty", "name", limit=2)
    assert names(page) == ["B", "A"]
    assert names(monday.data(NEXT, {"c": page["cursor"], "n": 2})["next_items_page"]) == ["C"]
    assert names(ordered(monday, "eta")) == ["C", "B", "A"]
    assert monday.code(ORDERED, {"q": {"order_by": [{"column_id": "nope"}]}, "n": 5}) == "InvalidColumnIdException"
    assert monday.code(ORDERED, {"q": {"order_by": [{"column_id": "kind"}]}, "n": 5}) == "InvalidArgumentException"


def test_rules_compare_days_and_numbers(emulator: Emulator, monday: Monday) -> None:
    old = monday.item("Old", qty="9", eta={"date": "2026-11-02"})
    emulator.advance(86_400)
    monday.item("New", qty="10", eta={"date": "2026-11-03"})
    query = "query ($i: [ID!]) { items(ids: $i) { updated_at } }"
    day = monday.data(query, {"i": [old]})["items"][0]["updated_at"][:10]

    def found(column: str, operator: str, *values: Any) -> list[str]:
        rule = {"column_id": column, "compare_value": list(values), "operator": operator}
        return by_rules(monday, {"rules": [rule | ({"compare_attribute": "UPDATED_AT"} if column == LAST else {})]})

    assert found(LAST, "any_of", "TODAY") == found(LAST, "greater_than", "EXACT", day) == ["New"]
    assert found(LAST, "any_of", "YESTERDAY") == found(LAST, "lower_than_or_equal", "EXACT", day) == ["Old"]
    assert found(LAST, "not_any_of", "EXACT", day) == ["New"]
    assert found(LAST, "greater_than_or_equals", "EXACT", day) == ["Old", "New"]
    assert found(LAST, "lower_than", "EXACT", day) == []
    assert found("eta", "between", "2026-11-01", "2026-11-02") == found("qty", "lower_than", 10) == ["Old"]


@pytest.mark.parametrize(
    ("column", "operator", "values"),
    [
        (LAST, "greater_than", ["EXACT", "2026-11-27T10:00:00Z"]),
        (LAST, "any_of", ["THIS_DECADE"]),
        (LAST, "contains_text", ["2026"]),
        ("qty", "greater_than", ["ten"]),
        ("qty", "greater_than", ["NaN"]),
        ("eta", "between", ["2026-11-01"]),
        ("note", "greater_than", ["x"]),
    ],
)
def test_a_rule_that_compares_nothing(monday: Monday, column: str, operator: str, values: list[str]) -> None:
    rule = {"column_id": column, "compare_value": values, "operator": operator}
    assert monday.code(ORDERED, {"q": {"rules": [rule]}, "n": 5}) == "InvalidArgumentException"


def test_a_removed_item_may_be_found_for_a_while(emulator: Emulator, monday: Monday) -> None:
    emulator.configure(removal_lag_s=60)
    monday.data("mutation ($i: ID) { archive_item(item_id: $i) { id } }", {"i": monday.item("One", uuid="u-1")})
    assert monday.found("u-1") == ["One"]
    emulator.advance(61)
    assert monday.found("u-1") == []
