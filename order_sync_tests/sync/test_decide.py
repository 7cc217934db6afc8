"""Decisions by their properties: whatever is queued, known and on the board."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from order_sync.monday.labels import LabelSpelling
from order_sync.orders.errors import Rule
from order_sync.orders.mapping import load_mapping
from order_sync.sync.decide import (
    Decision,
    Gone,
    Happens,
    KnownSubitem,
    decide_items,
    decide_subitems,
    versions_of,
)

MAPPING = load_mapping()
ORDERS, LINES = [f"order-{n}" for n in range(5)], [f"line-{n}" for n in range(6)]
WRONG = [(None, None), ("no name", Rule.NO_BOARD), ("no order", Rule.NO_ORDER)]
IDS = st.integers(1, 12)


def row_of(key: int, wrong: tuple[str | None, Rule | None], **more: Any) -> dict[str, Any]:
    rejection, rule = wrong
    return {"delta_uuid": f"row-{key}", "rejection": rejection, "rule": rule, "values": {}} | more


@st.composite
def item_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    records = draw(st.lists(st.sampled_from(ORDERS), unique=True))
    return [row_of(n, draw(st.sampled_from(WRONG)), record_uuid=record) for n, record in enumerate(records)]


@st.composite
def subitem_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Lines, some of them queued several times; each has one order and so one item."""
    lines = draw(st.lists(st.sampled_from(LINES), max_size=10))
    parents = draw(st.fixed_dictionaries(dict.fromkeys(LINES, IDS)))
    return [
        row_of(n, draw(st.sampled_from(WRONG)), line_uuid=line, parent_item_id=parents[line])
        for n, line in enumerate(lines)
    ]


def items(rows: list[dict[str, Any]], **known: Any) -> list[Decision]:
    return decide_items(rows, MAPPING.items, labels=LabelSpelling({}), **known)


def subitems(rows: list[dict[str, Any]], **known: Any) -> list[Decision]:
    return decide_subitems(rows, MAPPING.subitems, labels=LabelSpelling({}), **known)


@given(
    item_rows(),
    st.dictionaries(st.sampled_from(ORDERS), IDS),
    st.sets(IDS),
    st.dictionaries(st.sampled_from(ORDERS), IDS),
    st.randoms(),
)
def test_an_item_is_decided_on_once_and_by_nothing_but_what_is_known(
    rows: list[dict[str, Any]], known: dict[str, int], gone: set[int], on_board: dict[str, int], random: Any
) -> None:
    decided = items(rows, known=known, gone=gone, on_board=on_board)
    assert [of.key for of in decided] == [row["delta_uuid"] for row in rows]
    for of in decided:
        record, item = of.row["record_uuid"], known.get(of.row["record_uuid"])
        assert (of.happens is Happens.REJECT) == (of.rejected is not None)
        assert bool(of.values) == (of.happens is Happens.CREATE)
        if of.happens is Happens.CREATE:
            assert record not in on_board  # nothing that the board has is created again
            assert item is None or item in gone
            assert f'"record_uuid":"{record}"' in of.values
        if of.happens in (Happens.THERE, Happens.ADOPT):
            assert of.monday_id not in (gone - set(on_board.values()))
    shuffled = random.sample(rows, len(rows))
    again = items(shuffled, known=known, gone=gone, on_board=on_board)
    assert {of.key: of for of in again} == {of.key: of for of in decided}


@given(item_rows(), st.dictionaries(st.sampled_from(ORDERS), IDS), st.sets(IDS))
def test_once_it_is_done_there_is_no_item_left_to_make(
    rows: list[dict[str, Any]], known: dict[str, int], gone: set[int]
) -> None:
    decided = items(rows, known=known, gone=gone)
    made = {of.row["record_uuid"]: 100 + n for n, of in enumerate(decided) if of.happens is Happens.CREATE}
    for after in (items(rows, known=known | made), items(rows, on_board=known | made)):  # remembered, or found
        assert Happens.CREATE not in {of.happens for of in after}


@given(
    subitem_rows(),
    st.dictionaries(st.sampled_from(LINES), st.builds(lambda i, p: KnownSubitem(id=i, item=p), IDS, IDS)),
    st.builds(lambda i, s, r: Gone(items=i | r, subitems=s, remade=r), st.sets(IDS), st.sets(IDS), st.sets(IDS)),
)
def test_a_line_is_one_subitem_however_often_it_is_queued(
    rows: list[dict[str, Any]], known: dict[str, KnownSubitem], gone: Gone
) -> None:
    decided = subitems(rows, known=known, gone=gone)
    assert [of.key for of in decided] == [row["delta_uuid"] for row in rows]
    assert all(of.happens is Happens.REJECT for of in decided if of.row["rule"] is Rule.NO_ORDER)
    created = [of for of in decided if of.happens is Happens.CREATE]
    assert set(Counter(of.row["line_uuid"] for of in created).values()) <= {1}
    for of in created:
        assert of.row["parent_item_id"] not in gone.items
        last = [row for row in rows if row["line_uuid"] == of.row["line_uuid"] and row["rule"] is not Rule.NO_ORDER]
        assert of.key == last[-1]["delta_uuid"]  # the newest counts
    made = {of.row["line_uuid"]: KnownSubitem(id=99, item=of.row["parent_item_id"]) for of in created}
    after = subitems(rows, known=known | made, gone=gone)
    assert Happens.CREATE not in {of.happens for of in after}


@given(item_rows(), st.dictionaries(st.sampled_from(ORDERS), IDS))
def test_older_headers_share_what_becomes_of_the_newest(rows: list[dict[str, Any]], known: dict[str, int]) -> None:
    newest = {of.row["record_uuid"]: of for of in items(rows, known=known)}
    older = versions_of([row | {"delta_uuid": f"old {row['delta_uuid']}"} for row in rows], newest)
    for of in older:
        shares = newest[of.row["record_uuid"]]
        assert of.happens is (Happens.WAIT if shares.happens is Happens.REJECT else Happens.THERE)
        assert (of.monday_id, of.values) == (shares.monday_id, "")
