"""Decisions by their properties: for anything queued, known, on record and on the board."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.database.written import OnRecord
from order_sync.monday.item_values import ItemValues
from order_sync.monday.labels import LabelSpelling
from order_sync.orders.codes import Rule
from order_sync.orders.mapping import Cancel, ColumnMap, ItemMap, Ownership, load_mapping
from order_sync.orders.states import Action
from order_sync.sync.decide import (
    Decision,
    Deleted,
    Happens,
    KnownSubitem,
    Seen,
    decide_items,
    decide_subitems,
    hold_mass_cancels,
    versions_of,
)
from order_sync_tests.contract.site import MORNING

MAPPING = load_mapping()
ITEMS = ItemMap(
    key_column="record_uuid",
    columns=(
        ColumnMap(source="A", column="own", type="text"),
        ColumnMap(source="B", column="theirs", type="text", edits="keep"),
        ColumnMap(source="C", column="once", type="text", edits="fill"),
    ),
    name=Ownership(edits="keep"),
    group=Ownership(edits="keep"),
)
SUBITEMS = MAPPING.subitems.model_copy(update={"columns": ITEMS.columns})
COLUMNS = [column.column for column in ITEMS.columns]
ORDERS, LINES = [f"order-{n}" for n in range(5)], [f"line-{n}" for n in range(6)]
WRONG = [(None, None)] * 4 + [("no name", Rule.NO_BOARD), ("no order", Rule.NO_ORDER)]
IDS = st.integers(1, 12)
RARELY = st.sampled_from([False, False, False, True])
DELETED = st.sets(IDS, max_size=3)
WORDS = st.sampled_from(["", "x", "y", "z"])
WANTED = st.fixed_dictionaries(dict.fromkeys(COLUMNS, WORDS.map(lambda word: word or None)))
VERSIONS = st.fixed_dictionaries(
    {"action": st.sampled_from([str(action) for action in Action]), "outdated": st.booleans(), "is_off": RARELY}
)
PLACES = ["g1", "g2"]
KNOWN = st.dictionaries(st.sampled_from(ORDERS), IDS, min_size=2)
UNSEEN = Seen(labels=LabelSpelling({}))
Rows = list[dict[str, Any]]


def row_of(key: int, wrong: tuple[str | None, Rule | None], **more: Any) -> dict[str, Any]:
    rejection, rule = wrong
    wanted = {"action": "INSERT", "outdated": False, "is_off": False, "created_at": MORNING, "name": "x", "values": {}}
    row = {"delta_uuid": f"row-{key}", "rejection": rejection, "rule": rule, "cancel": None} | wanted | more
    # What is to go away is not asked for a name or a board.
    return row | ({"rejection": None, "rule": None} if row["action"] == Action.DELETE else {})


@st.composite
def item_rows(draw: st.DrawFn) -> Rows:
    records = draw(st.lists(st.sampled_from(ORDERS), unique=True, min_size=1))
    place = {"board_id": 1, "ruled_board_id": 1, "group_id": draw(st.sampled_from(PLACES))}
    return [
        row_of(n, draw(st.sampled_from(WRONG)), record_uuid=record, values=draw(WANTED), **place, **draw(VERSIONS))
        for n, record in enumerate(records)
    ]


@st.composite
def subitem_rows(draw: st.DrawFn) -> Rows:
    """Lines, some of them queued several times; each has one order and so one item."""
    lines = draw(st.lists(st.sampled_from(LINES), max_size=10))
    parents = draw(st.fixed_dictionaries(dict.fromkeys(LINES, IDS)))
    place = {"board_id": 1, "ruled_board_id": 1}
    return [
        row_of(
            n,
            draw(st.sampled_from(WRONG)),
            line_uuid=line,
            record_uuid="order",
            parent_item_id=parents[line],
            values=draw(WANTED),
            **place,
            **draw(VERSIONS),
        )
        for n, line in enumerate(lines)
    ]


@st.composite
def seen_of(draw: st.DrawFn, own: list[str]) -> Seen:
    """What was last written of some, and what the board shows of some ids, edited or not."""
    texts = st.fixed_dictionaries(dict.fromkeys(COLUMNS, WORDS))
    written = st.none() | texts.map(lambda of: {key: word or None for key, word in of.items()})
    recorded = st.builds(
        OnRecord, id=IDS, board_id=st.just(1), place=st.sampled_from(PLACES), name=WORDS, values=written
    )
    shown = {
        item: ItemValues(id=item, state="active", board_id=1, group_id=group, name=name, texts=of)
        for item, group, name, of in draw(
            st.lists(min_size=4, elements=st.tuples(IDS, st.sampled_from(PLACES), WORDS, texts))
        )
    }
    on_record = draw(st.dictionaries(st.sampled_from(own), recorded, min_size=2))
    return Seen(on_record=on_record, shown=shown, labels=LabelSpelling({}))


def items(rows: Rows, seen: Seen = UNSEEN, **known: Any) -> list[Decision]:
    return decide_items(rows, ITEMS, seen, **known)


def subitems(rows: Rows, seen: Seen = UNSEEN, **known: Any) -> list[Decision]:
    return decide_subitems(rows, SUBITEMS, seen, **known)


def sent(of: Decision) -> dict[str, Any]:
    return dict(json.loads(of.values)) if of.values else {}


# ---- items ------------------------------------------------------------------------------------------------


@given(
    item_rows(),
    seen_of(ORDERS),
    KNOWN,
    DELETED,
    KNOWN,
    st.randoms(),
)
def test_each_item_is_decided_once_from_known_facts(
    rows: Rows, seen: Seen, known: dict[str, int], deleted: set[int], on_board: dict[str, int], random: Any
) -> None:
    decided = items(rows, seen, known=known, deleted=deleted, on_board=on_board)
    assert [of.key for of in decided] == [row["delta_uuid"] for row in rows]
    for of in decided:
        record, item = of.row["record_uuid"], known.get(of.row["record_uuid"])
        assert (of.happens is Happens.REJECT) == (of.rejected is not None)
        if of.happens is Happens.CREATE:
            assert record not in on_board or item not in (None, *deleted)  # nothing that the board has is created again
            assert item is None or item in deleted
            assert f'"record_uuid":"{record}"' in of.values
        elif of.happens in (Happens.CHANGE, Happens.ADOPT):
            assert "record_uuid" not in sent(of)  # its key is never changed
        else:
            assert (of.values, of.move_to) == ("", None)
        if of.happens in (Happens.THERE, Happens.ADOPT, Happens.CHANGE, Happens.CANCEL):
            assert of.monday_id not in (deleted - set(on_board.values()))
    shuffled = random.sample(rows, len(rows))
    again = items(shuffled, seen, known=known, deleted=deleted, on_board=on_board)
    assert {of.key: of for of in again} == {of.key: of for of in decided}


@given(item_rows(), seen_of(ORDERS), KNOWN, DELETED)
def test_nothing_of_an_outdated_row_is_written(
    rows: Rows, seen: Seen, known: dict[str, int], deleted: set[int]
) -> None:
    for of in items(rows, seen, known=known, deleted=deleted):
        if of.row["outdated"] and of.row["record_uuid"] in known and known[of.row["record_uuid"]] not in deleted:
            assert of.happens not in (Happens.CHANGE, Happens.CANCEL, Happens.CREATE)
            assert (of.values, of.move_to) == ("", None)


@given(item_rows(), KNOWN, DELETED)
def test_a_delete_cancels_and_creates_nothing(rows: Rows, known: dict[str, int], deleted: set[int]) -> None:
    for of in items(rows, known=known, deleted=deleted):
        if of.row["action"] != Action.DELETE:
            assert of.happens is not Happens.CANCEL
            continue
        item = known.get(of.row["record_uuid"])
        is_there = item is not None and item not in deleted
        if of.row["is_off"]:
            assert of.happens is Happens.OFF  # by itself or by a newer row: a second cancel is none
        elif of.row["outdated"] and is_there:
            assert of.happens is Happens.THERE
        else:
            assert of.happens is (Happens.CANCEL if is_there else Happens.OFF)


@given(item_rows(), seen_of(ORDERS), KNOWN)
def test_an_edit_that_is_kept_is_never_sent(rows: Rows, seen: Seen, known: dict[str, int]) -> None:
    for of in items(rows, seen, known=known):
        kept = {edit.what for edit in of.kept}
        assert not kept & sent(of).keys()
        assert "group" not in kept or of.move_to is None
        assert kept <= {"theirs", "name", "group"}  # what the order system owns is never kept
        assert not of.asks or of.monday_id not in seen.shown


def applied(decided: list[Decision], seen: Seen) -> tuple[Seen, dict[str, int]]:
    """What is known, on record and shown once everything has been done that was decided."""
    on_record, shown, known = dict(seen.on_record), dict(seen.shown), {}
    for number, of in enumerate(decided):
        own = of.row.get("line_uuid") or of.row["record_uuid"]
        if of.happens in (Happens.REJECT, Happens.OFF, Happens.CANCEL, Happens.WAIT):
            continue
        item = known[own] = of.monday_id or 100 + number
        values = sent(of)
        last = on_record.get(own)
        if of.happens is Happens.CREATE:
            columns = {column: values.get(column) for column in COLUMNS}
            on_record[own] = OnRecord(
                id=item, board_id=1, place=of.row.get("group_id"), name=of.row["name"], values=columns
            )
        elif values or of.move_to:
            kept = (
                last if last and last.id == item else OnRecord(id=item, board_id=1, place=None, name=None, values=None)
            )
            name = values.pop("name", kept.name)
            written = {**(kept.values or {}), **values} if values else kept.values
            on_record[own] = replace(kept, place=of.move_to or kept.place, name=name, values=written)
            if item in shown:
                was = shown[item]
                texts = {**was.texts, **{column: value or "" for column, value in values.items()}}
                new_name = sent(of).get("name", was.name)
                shown[item] = replace(was, group_id=of.move_to or was.group_id, name=new_name, texts=texts)
    return replace(seen, on_record=on_record, shown=shown), known


@given(item_rows(), seen_of(ORDERS), KNOWN)
def test_deciding_after_a_plan_gives_an_empty_plan(rows: Rows, seen: Seen, known: dict[str, int]) -> None:
    known = {record: n + 1 for n, record in enumerate(known)}  # an item is one order's
    decided = items(rows, seen, known=known)
    after, made = applied(decided, seen)
    live = [row for row, of in zip(rows, decided, strict=True) if of.row["record_uuid"] in made]
    for of in items(live, after, known=made):
        if of.asks:
            continue  # nothing that the board has not shown is decided on
        assert of.happens is Happens.THERE
        assert (of.values, of.move_to) == ("", None)


# ---- subitems ---------------------------------------------------------------------------------------------


@given(
    subitem_rows(),
    seen_of(LINES),
    st.dictionaries(st.sampled_from(LINES), st.builds(lambda i, p: KnownSubitem(id=i, item=p), IDS, IDS)),
    st.builds(lambda i, s, r: Deleted(items=i | r, subitems=s, remade=r), DELETED, DELETED, DELETED),
)
def test_a_line_is_one_subitem_however_often_it_is_queued(
    rows: Rows, seen: Seen, known: dict[str, KnownSubitem], deleted: Deleted
) -> None:
    decided = subitems(rows, seen, known=known, deleted=deleted)
    assert [of.key for of in decided] == [row["delta_uuid"] for row in rows]
    effects = (Happens.CREATE, Happens.CHANGE, Happens.CANCEL)
    for happens in effects:
        lines = Counter(of.row["line_uuid"] for of in decided if of.happens is happens)
        assert set(lines.values()) <= {1}
    created = [of for of in decided if of.happens is Happens.CREATE]
    for of in decided:
        if of.happens in effects:
            last = [row for row in rows if row["line_uuid"] == of.row["line_uuid"] and row["rule"] is not Rule.NO_ORDER]
            assert of.key == last[-1]["delta_uuid"]  # the newest counts
    assert all(of.row["parent_item_id"] not in deleted.items for of in created)
    made = {of.row["line_uuid"]: KnownSubitem(id=99, item=of.row["parent_item_id"]) for of in created}
    after = subitems(rows, known=known | made, deleted=deleted)
    assert Happens.CREATE not in {of.happens for of in after}


@given(item_rows(), KNOWN)
def test_older_headers_share_what_becomes_of_the_newest(rows: Rows, known: dict[str, int]) -> None:
    newest = {of.row["record_uuid"]: of for of in items(rows, known=known)}
    older = versions_of([row | {"delta_uuid": f"old {row['delta_uuid']}"} for row in rows], newest)
    shared = {Happens.REJECT: Happens.WAIT, Happens.CANCEL: Happens.OFF, Happens.OFF: Happens.OFF}
    for of in older:
        shares = newest[of.row["record_uuid"]]
        assert of.happens is shared.get(shares.happens, Happens.THERE)
        assert (of.monday_id, of.values, of.move_to) == (shares.monday_id, "", None)


# ---- too many cancels -------------------------------------------------------------------------------------


def cancels(count: int, named: int | None = None) -> list[Decision]:
    """Decisions to cancel this number of orders, and one to leave another as it is."""
    rows = [row_of(n, (None, None), record_uuid=f"order-{n}", cancel=named) for n in range(count + 1)]
    there = [Decision(row=row, happens=Happens.CANCEL, monday_id=n + 1) for n, row in enumerate(rows)]
    return [*there[:-1], replace(there[-1], happens=Happens.THERE)]


def rules(most: int, share: float) -> ItemMap:
    return ITEMS.model_copy(update={"cancel": Cancel(most=most, most_share=share)})


@pytest.mark.parametrize(
    ("count", "most", "share", "on_board", "named", "are_held"),
    [
        (5, 5, 0.1, 10, None, False),
        (6, 5, 0.1, 10, None, True),
        (6, 5, 0.1, 60, None, False),  # a tenth of what the board holds, if that is more
        (6, 0, 0.0, 60, 6, False),  # a person named the number
        (6, 0, 0.0, 60, 5, True),
        (0, 0, 0.0, 0, None, False),
        (1, 0, 0.0, 9, None, True),  # not even one
    ],
)
def test_too_many_cancels_are_held_and_nothing_else(
    count: int, most: int, share: float, on_board: int, named: int | None, are_held: bool
) -> None:
    decided = cancels(count, named)
    after = hold_mass_cancels(decided, rules(most, share), board="Orders", on_board=on_board)
    assert after[-1] == decided[-1]
    if not are_held:
        assert after == decided
        return
    assert {(of.happens, of.monday_id) for of in after[:-1]} == {(Happens.WAIT, None)}
    assert all(f"--cancel {count}`" in (of.reason or "") for of in after[:-1])


# ---- after a cancel ---------------------------------------------------------------------------------------

LABELLED = ITEMS.model_copy(update={"cancel": Cancel(by="label", column="state", label="Cancelled")})


@pytest.mark.parametrize("was_labelled", [True, False])
def test_a_reinstated_order_loses_its_cancel_label(was_labelled: bool) -> None:
    """No column of the order's own has that label, so nothing else would take it off."""
    row = row_of(
        1, (None, None), record_uuid="order-1", board_id=1, ruled_board_id=1, group_id="g1", values={"own": "x"}
    )
    label = {"state": {"label": "Cancelled"}} if was_labelled else {}
    written = dict.fromkeys(COLUMNS) | {"own": "x"} | label
    last = OnRecord(id=7, board_id=1, place="g1", name="x", values=written)
    seen = Seen(on_record={"order-1": last}, labels=LabelSpelling({}))
    [of] = decide_items([row], LABELLED, seen, known={"order-1": 7})
    assert sent(of) == ({"state": None} if was_labelled else {})
    assert of.happens is (Happens.CHANGE if was_labelled else Happens.THERE)


@pytest.mark.parametrize(("own", "happens"), [("x", Happens.THERE), ("y", Happens.WAIT)])
def test_an_item_on_another_board_is_left_unchanged(own: str, happens: Happens) -> None:
    on_record = OnRecord(id=1, board_id=2, place="its group", name="x", values={"own": "x"})
    [row] = [
        row_of(1, WRONG[0], record_uuid="order-1")
        | {"name": "x", "board_id": 1, "group_id": "g1", "values": {"own": own}}
    ]
    seen = Seen(on_record={"order-1": on_record}, labels=LabelSpelling({}))
    [of] = decide_items([row], ITEMS, seen, known={"order-1": 1})
    assert (of.happens, of.move_to, of.values) == (happens, None, "")
