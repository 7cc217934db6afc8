"""Each decision once, whole: the fate of an item or a subitem with its reason, its ids and what is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from order_sync.database.written import OnRecord
from order_sync.monday.item_values import ItemValues
from order_sync.monday.labels import LabelSpelling
from order_sync.orders.codes import Delay, Rule
from order_sync.orders.errors import Rejected
from order_sync.orders.mapping import Cancel, ColumnMap, ItemMap, Ownership, SubitemMap
from order_sync.sync.decide import (
    AWAITED,
    ELSEWHERE,
    ITEM_REMOVED,
    NEVER_THERE,
    OLDER_VERSION,
    OUTDATED,
    SUBITEM_REMOVED,
    Decision,
    Deleted,
    Happens,
    KnownSubitem,
    Seen,
    decide_items,
    decide_subitems,
    hold_mass_cancels,
    item_deleted,
)
from order_sync.sync.ownership import Kept

COLUMNS = (
    ColumnMap(source="Q", column="qty", type="text"),
    ColumnMap(source="N", column="note", type="text", edits="keep"),
    ColumnMap(source="S", column="state", type="status"),
)
ITEMS = ItemMap(
    key_column="record_uuid", columns=COLUMNS, name=Ownership(edits="keep"), group=Ownership(edits="overwrite")
)
SUBITEMS = SubitemMap(key_column="line_uuid", columns=COLUMNS, name=Ownership(edits="keep"))
EMPTY = {"qty": None, "note": None, "state": None}
LABELS = LabelSpelling({"state": {"Open": 1, "Closed": 2}})
ROW: dict[str, Any] = {
    "delta_uuid": "row-1",
    "action": "INSERT",
    "outdated": False,
    "is_off": False,
    "rejection": None,
    "rule": None,
    "cancel": None,
    "name": "an order",
    "values": {"qty": "3", "note": None, "state": "OPEN"},
    "board_id": 1,
}
HEADER = ROW | {"record_uuid": "order-1", "group_id": "g1", "ruled_board_id": 1}
LINE = ROW | {"record_uuid": "order-1", "line_uuid": "line-1", "parent_item_id": 70}
WRITTEN = EMPTY | {"qty": "3", "state": {"label": "Open"}}
ITEM = OnRecord(id=7, board_id=1, place="g1", name="an order", values=WRITTEN)
SUBITEM = OnRecord(id=8, board_id=1, place="70", name="an order", values=WRITTEN)
CREATED = '"qty":"3","state":{"label":"Open"}'


def shows(**changes: Any) -> ItemValues:
    values = ItemValues(
        id=7,
        state="active",
        board_id=1,
        group_id="g1",
        name="an order",
        texts={"qty": "3", "note": "", "state": "Open"},
    )
    return replace(values, **changes)


def item(row: dict[str, Any], mapping: ItemMap = ITEMS, seen: Seen | None = None, **facts: Any) -> Decision:
    on_record = {"order-1": facts.pop("last", ITEM)}
    [of] = decide_items([row], mapping, seen or Seen(on_record=on_record, labels=LABELS), **facts)
    return of


def subitem(*rows: dict[str, Any], **facts: Any) -> Decision:
    return decide_subitems(rows, SUBITEMS, Seen(on_record={"line-1": SUBITEM}, labels=LABELS), **facts)[0]


KNOWN = {"order-1": 7}
FOUND = {"order-1": 9}
DELETE = HEADER | {"action": "DELETE"}


@pytest.mark.parametrize(
    ("row", "facts", "expected"),
    [
        pytest.param(
            HEADER, {}, {"happens": Happens.CREATE, "values": f'{{"record_uuid":"order-1",{CREATED}}}'}, id="new"
        ),
        pytest.param(
            HEADER,
            {"known": KNOWN, "deleted": {7}},
            {
                "happens": Happens.CREATE,
                "reason": ITEM_REMOVED.format(7),
                "values": f'{{"record_uuid":"order-1",{CREATED}}}',
            },
            id="deleted on the board",
        ),
        pytest.param(
            HEADER,
            {"known": KNOWN, "deleted": {7}, "on_board": FOUND, "last": replace(ITEM, id=9, values=None)},
            {
                "happens": Happens.ADOPT,
                "monday_id": 9,
                "group_id": "g1",
                "asks": True,
            },
            id="another item has its key",
        ),
        pytest.param(HEADER, {"known": KNOWN}, {"happens": Happens.THERE, "monday_id": 7, "group_id": "g1"}, id="same"),
        pytest.param(
            HEADER,
            {"known": KNOWN, "on_board": FOUND},
            {"happens": Happens.THERE, "monday_id": 7, "group_id": "g1"},
            id="the item that the tables know comes first",
        ),
        pytest.param(
            HEADER | {"values": ROW["values"] | {"qty": "4"}},
            {"known": KNOWN},
            {
                "happens": Happens.CHANGE,
                "monday_id": 7,
                "values": '{"qty":"4"}',
                "before": {"qty": "3"},
                "group_id": "g1",
            },
            id="a column that differs",
        ),
        pytest.param(
            HEADER | {"group_id": "g2"},
            {"known": KNOWN},
            {"happens": Happens.CHANGE, "monday_id": 7, "move_to": "g2", "group_id": "g2"},
            id="another group",
        ),
        pytest.param(
            HEADER | {"outdated": True},
            {"known": KNOWN},
            {"happens": Happens.THERE, "monday_id": 7, "reason": OUTDATED, "group_id": "g1"},
            id="outdated, its item known",
        ),
        pytest.param(
            HEADER | {"outdated": True},
            {"on_board": FOUND},
            {"happens": Happens.ADOPT, "monday_id": 9, "reason": OUTDATED},
            id="outdated, its item found",
        ),
        pytest.param(
            HEADER | {"outdated": True, "is_off": True},
            {"known": KNOWN},
            {"happens": Happens.OFF, "reason": OUTDATED, "group_id": "g1"},
            id="outdated by a cancel",
        ),
        pytest.param(
            DELETE | {"is_off": True}, {}, {"happens": Happens.OFF, "reason": NEVER_THERE}, id="cancelled before"
        ),
        pytest.param(DELETE, {}, {"happens": Happens.OFF, "reason": NEVER_THERE}, id="cancelled, on no board"),
        pytest.param(
            DELETE,
            {"known": KNOWN},
            {"happens": Happens.CANCEL, "monday_id": 7, "group_id": "g1"},
            id="cancelled, on the board",
        ),
        pytest.param(
            DELETE | {"outdated": True},
            {"known": KNOWN, "deleted": {7}},
            {"happens": Happens.OFF, "reason": NEVER_THERE},
            id="cancelled and deleted",
        ),
        pytest.param(
            HEADER | {"values": ROW["values"] | {"qty": "4"}},
            {"known": KNOWN, "last": replace(ITEM, board_id=2)},
            {"happens": Happens.WAIT, "reason": ELSEWHERE.format(2)},
            id="found on another board, with changes",
        ),
        pytest.param(
            HEADER | {"group_id": "g2"},
            {"known": KNOWN, "last": replace(ITEM, board_id=2)},
            {"happens": Happens.THERE, "monday_id": 7, "group_id": "g1"},
            id="found on another board, in its group there",
        ),
        pytest.param(
            HEADER | {"board_id": 2, "ruled_board_id": 1},
            {"known": KNOWN, "last": replace(ITEM, board_id=2)},
            {"happens": Happens.THERE, "monday_id": 7, "group_id": "g1", "kept": (Kept("board", "2", 1),)},
            id="another board by the rules, which it keeps",
        ),
        pytest.param(
            HEADER | {"board_id": None, "ruled_board_id": None},
            {"known": KNOWN, "last": replace(ITEM, board_id=2)},
            {"happens": Happens.THERE, "monday_id": 7, "group_id": "g1"},
            id="on no board by the rules",
        ),
    ],
)
def test_an_order_has_the_fate_in_the_table(row: dict[str, Any], facts: Any, expected: dict[str, Any]) -> None:
    of = item(row, **facts)
    assert of == Decision(row=row, **expected)
    assert (of.asks, of.rejected) == (expected.get("asks", False), None)


@pytest.mark.parametrize(
    ("facts", "monday_id"),
    [({}, None), ({"known": KNOWN}, 7), ({"known": KNOWN, "deleted": {7}, "on_board": FOUND}, 9)],
)
def test_an_order_that_its_step_refuses_is_rejected(facts: dict[str, Any], monday_id: int | None) -> None:
    row = HEADER | {"rejection": "it has no name", "rule": Rule.NO_BOARD}
    of = item(row, **facts)
    assert of == Decision(
        row=row, happens=Happens.REJECT, reason=f"{Rule.NO_BOARD}: it has no name", monday_id=monday_id
    )
    assert of.rejected is not None
    assert (of.rejected.message, of.rejected.code) == ("it has no name", Rule.NO_BOARD)


def test_an_order_without_an_order_is_rejected_before_its_board() -> None:
    row = HEADER | {"rejection": "its order is missing", "rule": Rule.NO_ORDER}
    of = item(row, known=KNOWN)
    assert of == Decision(row=row, happens=Happens.REJECT, reason=f"{Rule.NO_ORDER}: its order is missing", monday_id=7)
    assert of.rejected is not None
    assert of.rejected.code == Rule.NO_ORDER


@pytest.mark.parametrize(("facts", "monday_id"), [({}, None), ({"known": KNOWN}, 7)])
def test_a_label_that_the_board_lacks_is_rejected(facts: dict[str, Any], monday_id: int | None) -> None:
    row = HEADER | {"values": ROW["values"] | {"state": "Shut"}}
    of = item(row, **facts)
    assert (of.happens, of.monday_id) == (Happens.REJECT, monday_id)
    assert isinstance(of.rejected, Rejected)
    assert of.reason == str(of.rejected)
    assert "Shut" in of.reason


def test_without_its_labels_a_board_takes_any() -> None:
    row = HEADER | {"values": ROW["values"] | {"state": "Shut"}}
    seen = Seen(on_record={"order-1": ITEM})
    assert item(row, seen=seen, known={}).happens is Happens.CREATE
    assert item(row, seen=seen, known=KNOWN).values == '{"state":{"label":"Shut"}}'


def test_an_edit_on_the_board_is_asked_for_and_kept() -> None:
    row = HEADER | {"values": ROW["values"] | {"note": "soon"}, "name": "a new name"}
    asking = item(row, known=KNOWN)
    assert asking.asks
    edited = Seen(
        on_record={"order-1": ITEM},
        shown={7: shows(group_id="g3", name="a person's", texts={"qty": "3", "note": "later", "state": "Open"})},
        labels=LABELS,
    )
    of = item(row, seen=edited, known=KNOWN)
    kept = (Kept("note", "later", "soon"), Kept("name", "a person's", "a new name"))
    assert of == Decision(row=row, happens=Happens.THERE, monday_id=7, group_id="g3", kept=kept)
    assert not of.asks
    moved = row | {"ruled_board_id": 5}
    assert item(moved, seen=edited, known=KNOWN).kept == (*kept, Kept("board", "1", 5))


def test_what_was_written_to_another_item_is_not_this_ones() -> None:
    of = item(HEADER, known=KNOWN, last=replace(ITEM, id=9, board_id=2))
    assert of == Decision(row=HEADER, happens=Happens.CHANGE, monday_id=7, move_to="g1", group_id="g1")
    assert of.asks


def test_an_item_that_another_board_must_show_waits() -> None:
    row = HEADER | {"values": ROW["values"] | {"note": "soon"}}
    of = item(row, known=KNOWN, last=replace(ITEM, board_id=2))
    assert (of.happens, of.reason) == (Happens.WAIT, ELSEWHERE.format(2))
    assert of.row == row


def test_an_adopted_item_that_differs_is_reported_as_adopted() -> None:
    row = HEADER | {"values": ROW["values"] | {"qty": "4"}}
    of = item(row, on_board={"order-1": 7})
    assert (of.happens, of.monday_id, of.values) == (Happens.ADOPT, 7, '{"qty":"4"}')


@pytest.mark.parametrize(("place", "written"), [("g9", {7: shows(group_id="g4")}), ("g4", {})])
def test_the_group_is_as_shown_or_else_as_written(place: str, written: dict[int, ItemValues]) -> None:
    last = replace(ITEM, place=place)
    seen = Seen(on_record={"order-1": last}, shown=written, labels=LABELS)
    assert item(DELETE, seen=seen, known=KNOWN).group_id == "g4"
    assert item(DELETE, seen=seen, known={"order-1": 9}).group_id is None  # of another item
    assert item(HEADER | {"group_id": None}, seen=seen, known=KNOWN).group_id == "g4"
    first = Seen(shown={1: shows()}, labels=LABELS)
    assert item(DELETE, seen=first).group_id is None  # of no item


def test_a_label_that_the_mapping_fills_is_no_second_column() -> None:
    """The column of cancelled orders is the order's own: what it wants there is what is sent."""
    cancel = Cancel(by="label", column="state", label="Closed")
    labelled = replace(ITEM, values=WRITTEN | {"state": {"label": "Closed"}})
    of = item(HEADER, mapping=ITEMS.model_copy(update={"cancel": cancel}), known=KNOWN, last=labelled)
    assert (of.values, of.before) == ('{"state":{"label":"Open"}}', {"state": {"label": "Closed"}})


def test_a_label_spelled_another_way_is_an_edit() -> None:
    columns = (ColumnMap(source="S", column="state", type="status", edits="keep"),)
    last = replace(ITEM, values={"state": {"label": "open"}})
    labels = LabelSpelling({"state": {"open": 1, "Open": 2, "Closed": 3}})
    seen = Seen(on_record={"order-1": last}, shown={7: shows()}, labels=labels)
    row = HEADER | {"values": {"state": "Closed"}}
    of = item(row, mapping=ITEMS.model_copy(update={"columns": columns}), seen=seen, known=KNOWN)
    assert of.kept == (Kept("state", "Open", {"label": "Closed"}),)


def test_only_a_cancel_by_label_takes_a_label_off() -> None:
    fate = {"fate": {"label": "Cancelled"}}
    for by, values in (("archive", ""), ("label", '{"fate":null}')):
        cancel = Cancel.model_construct(by=by, column="fate", label="Cancelled")
        mapping = ITEMS.model_copy(update={"cancel": cancel})
        assert item(HEADER, mapping=mapping, known=KNOWN, last=replace(ITEM, values=WRITTEN | fate)).values == values
        assert item(HEADER, mapping=mapping, seen=Seen(labels=LABELS), known=KNOWN).asks  # never written


@pytest.mark.parametrize("values", [None, {}, WRITTEN])
def test_an_item_without_the_cancel_label_is_not_unlabelled(values: dict[str, Any] | None) -> None:
    cancel = Cancel(by="label", column="fate", label="Cancelled")
    last = replace(ITEM, values=values)
    seen = Seen(on_record={"order-1": last}, shown={7: shows()}, labels=LABELS)
    of = item(HEADER, mapping=ITEMS.model_copy(update={"cancel": cancel}), seen=seen, known=KNOWN)
    assert "fate" not in of.values


@pytest.mark.parametrize(
    ("name", "group", "values", "move_to"),
    [
        ("keep", "keep", "", None),
        ("overwrite", "keep", '{"name":"a new name"}', None),
        ("keep", "overwrite", "", "g2"),
    ],
)
def test_name_and_group_are_owned_as_the_mapping_says(name: Any, group: Any, values: str, move_to: str | None) -> None:
    mapping = ITEMS.model_copy(update={"name": Ownership(edits=name), "group": Ownership(edits=group)})
    edited = shows(group_id="g3", name="a person's")
    seen = Seen(on_record={"order-1": ITEM}, shown={7: edited}, labels=LABELS)
    of = item(HEADER | {"name": "a new name", "group_id": "g2"}, mapping=mapping, seen=seen, known=KNOWN)
    assert (of.values, of.move_to) == (values, move_to)


@pytest.mark.parametrize(
    ("shown", "lost_key"),
    [({7: ""}, ""), ({7: "another"}, "another"), ({7: " ORDER-1 "}, None), ({8: ""}, None), ({}, None)],
)
def test_a_key_that_was_lost_is_written_back(shown: dict[int, str], lost_key: str | None) -> None:
    seen = Seen(on_record={"order-1": ITEM}, keys=shown, labels=LABELS)
    of = item(HEADER, seen=seen, known=KNOWN)
    is_lost = lost_key is not None
    assert (of.happens, of.lost_key) == (Happens.CHANGE if is_lost else Happens.THERE, lost_key)
    assert of.values == ('{"record_uuid":"order-1"}' if is_lost else "")
    assert of.before == ({"record_uuid": lost_key or None} if is_lost else {})
    of = item(HEADER | {"values": ROW["values"] | {"qty": "4"}}, seen=seen, known=KNOWN)
    assert of.values == ('{"record_uuid":"order-1","qty":"4"}' if is_lost else '{"qty":"4"}')
    assert of.before == {"qty": "3"} | ({"record_uuid": lost_key or None} if is_lost else {})


# ---- subitems ---------------------------------------------------------------------------------------------

KNOWN_LINE = {"line-1": KnownSubitem(id=8, item=70)}
GONE = LINE | {"action": "DELETE", "parent_item_id": None}


@pytest.mark.parametrize(
    ("row", "facts", "expected"),
    [
        pytest.param(LINE, {}, {"happens": Happens.CREATE, "values": f'{{"line_uuid":"line-1",{CREATED}}}'}, id="new"),
        pytest.param(
            LINE,
            {"known": KNOWN_LINE, "deleted": Deleted(subitems={8})},
            {
                "happens": Happens.CREATE,
                "reason": SUBITEM_REMOVED.format(8),
                "values": f'{{"line_uuid":"line-1",{CREATED}}}',
            },
            id="deleted on the board",
        ),
        pytest.param(
            LINE, {"known": KNOWN_LINE}, {"happens": Happens.THERE, "monday_id": 8, "group_id": "70"}, id="same"
        ),
        pytest.param(
            LINE | {"values": ROW["values"] | {"qty": "4"}},
            {"known": KNOWN_LINE, "deleted": Deleted(items={71}, subitems={9}, remade={71})},
            {
                "happens": Happens.CHANGE,
                "monday_id": 8,
                "values": '{"qty":"4"}',
                "before": {"qty": "3"},
                "group_id": "70",
            },
            id="a column that differs",
        ),
        pytest.param(
            LINE | {"parent_item_id": "71"},
            {"known": KNOWN_LINE, "deleted": Deleted(items={70})},
            {
                "happens": Happens.CREATE,
                "reason": SUBITEM_REMOVED.format(8),
                "values": f'{{"line_uuid":"line-1",{CREATED}}}',
            },
            id="deleted with its item",
        ),
        pytest.param(
            LINE,
            {"deleted": Deleted(items={70}, remade={70})},
            {"happens": Happens.WAIT, "reason": AWAITED.format(70)},
            id="its item is created again by the next run",
        ),
        pytest.param(
            LINE | {"outdated": True},
            {"known": KNOWN_LINE},
            {"happens": Happens.THERE, "monday_id": 8, "reason": OUTDATED},
            id="outdated",
        ),
        pytest.param(GONE, {"known": KNOWN_LINE}, {"happens": Happens.CANCEL, "monday_id": 8}, id="cancelled"),
        pytest.param(
            GONE,
            {"known": KNOWN_LINE, "deleted": Deleted(items={70})},
            {"happens": Happens.OFF, "reason": NEVER_THERE},
            id="cancelled, its item deleted",
        ),
    ],
)
def test_a_line_has_the_fate_in_the_table(row: dict[str, Any], facts: Any, expected: dict[str, Any]) -> None:
    of = subitem(row, **facts)
    assert of == Decision(row=row, **expected)
    assert (of.asks, of.rejected) == (False, None)


@pytest.mark.parametrize(("known", "monday_id"), [({}, None), (KNOWN_LINE, 8)])
def test_a_line_without_an_order_is_rejected(known: dict[str, KnownSubitem], monday_id: int | None) -> None:
    row = LINE | {"rejection": "no line in ORDER_LIST_LINES", "rule": Rule.NO_ORDER_LINE, "parent_item_id": None}
    of = subitem(row, known=known)
    assert of == Decision(row=row, happens=Happens.REJECT, reason=f"OS-412: {row['rejection']}", monday_id=monday_id)
    assert of.rejected is not None
    assert of.rejected.code == Rule.NO_ORDER_LINE


def test_a_line_of_a_deleted_item_is_rejected() -> None:
    of = subitem(LINE, deleted=Deleted(items={70}))
    assert of == Decision(row=LINE, happens=Happens.REJECT, reason=str(item_deleted(70)))
    assert of.rejected is not None
    assert of.rejected.code == Rule.ITEM_DELETED
    assert "its item 70 was deleted" in str(of.rejected)


def test_an_older_version_of_a_line_shares_its_fate() -> None:
    newer = LINE | {"delta_uuid": "row-2"}
    for known, happens, monday_id in (({}, Happens.THERE, None), (KNOWN_LINE, Happens.THERE, 8)):
        of = subitem(LINE, newer, known=known)
        assert of == Decision(row=LINE, happens=happens, reason=OLDER_VERSION, monday_id=monday_id)
    waits = subitem(LINE, newer, deleted=Deleted(items={70}, remade={70}))
    assert (waits.happens, waits.reason) == (Happens.WAIT, OLDER_VERSION)


def test_a_subitem_name_that_is_edited_stays() -> None:
    seen = Seen(on_record={"line-1": SUBITEM}, shown={8: shows(id=8, name="a person's", group_id="")}, labels=LABELS)
    row = LINE | {"name": "Size M"}
    [of] = decide_subitems([row], SUBITEMS, seen, known=KNOWN_LINE)
    assert (of.happens, of.kept) == (Happens.THERE, (Kept("name", "a person's", "Size M"),))
    overwritten = SUBITEMS.model_copy(update={"name": Ownership(edits="overwrite")})
    [of] = decide_subitems([row], overwritten, seen, known=KNOWN_LINE)
    assert (of.happens, of.values) == (Happens.CHANGE, '{"name":"Size M"}')


# ---- too many cancels -------------------------------------------------------------------------------------


def test_the_reason_of_held_cancels_names_board_and_numbers() -> None:
    rules = ITEMS.model_copy(update={"cancel": Cancel(most=1, most_share=0.0)})
    rows = [DELETE | {"delta_uuid": f"row-{n}"} for n in range(2)]
    decided = [Decision(row=row, happens=Happens.CANCEL, monday_id=n + 1) for n, row in enumerate(rows)]
    for of in hold_mass_cancels(decided, rules, board="Orders", on_board=9):
        assert of.reason is not None
        assert of.reason.startswith(
            f"{Delay.MASS_CANCEL}: this run would cancel 2 orders on board Orders, and may cancel 1 at a time"
        )
