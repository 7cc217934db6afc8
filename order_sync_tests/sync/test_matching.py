"""Which order an item is: by equal values, and never where two orders or two items have them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from order_sync.sync.matching import Matches, Shown, Values, match

FEW = st.sampled_from([("a",), ("b",), ("c",)])
ORDERS = st.dictionaries(st.sampled_from([f"order {n}" for n in range(6)]), st.none() | FEW)
ITEMS = st.lists(st.tuples(st.sampled_from(["", "", "order 0", "order 1", "another"]), FEW), max_size=6)


def matched(wanted: dict[str, Values | None], rows: list[tuple[str, Values]]) -> tuple[Matches, list[Shown]]:
    shown = [Shown(id=number, key=key, values=values) for number, (key, values) in enumerate(rows)]
    settled = {row.key for row in shown}
    return match(wanted, [key for key in wanted if key not in settled], shown, ("order", "item")), shown


@given(ORDERS, ITEMS)
def test_only_one_order_and_one_item_match(wanted: dict[str, Values | None], rows: list[tuple[str, Values]]) -> None:
    matches, shown = matched(wanted, rows)
    for key, row_id in matches.found.items():
        assert shown[row_id].key == ""
        assert [other for other, values in wanted.items() if values == shown[row_id].values] == [key]
        assert [row.id for row in shown if row.values == wanted[key] and not row.key] == [row_id]
    unclear = {key for of in matches.unclear for key in of.keys}
    assert not unclear & matches.found.keys()
    asked = wanted.keys() - {row.key for row in shown}
    assert asked <= matches.found.keys() | unclear | {*matches.unmatched}


@given(ORDERS, ITEMS, st.data())
def test_a_part_that_was_written_changes_no_match(
    wanted: dict[str, Values | None], rows: list[tuple[str, Values]], data: st.DataObject
) -> None:
    first, shown = matched(wanted, rows)
    written = data.draw(st.sets(st.sampled_from(sorted(first.found)))) if first.found else set()
    owners = {first.found[key]: key for key in written}
    again, _ = matched(wanted, [(owners.get(row.id, row.key), row.values) for row in shown])
    assert again.found == {key: row_id for key, row_id in first.found.items() if key not in written}


def test_empty_values_match_nothing() -> None:
    matches, _ = matched({"order 1": None}, [("", ("",))])
    assert (matches.found, matches.unmatched) == ({}, ["order 1"])
