"""Which facts a step asks the board for, and what it makes of the answers.

What the look-ups themselves send and read is monday's part, tested there and with the emulator: here they are answered
by the test, so that each question can be seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from order_sync.database.entries import Entry, Operation
from order_sync.database.written import OnRecord
from order_sync.monday.board import Board, Under
from order_sync.monday.client import MondayReader
from order_sync.monday.item_values import ItemValues
from order_sync.monday.labels import LabelSpelling
from order_sync.orders.codes import Rule
from order_sync.orders.mapping import ColumnMap, load_mapping
from order_sync.orders.naming import text_key
from order_sync.orders.states import Action
from order_sync.sync import facts as facts_module
from order_sync.sync.decide import Decision, Deleted, Happens, KnownSubitem
from order_sync.sync.facts import (
    Facts,
    Group,
    ItemFacts,
    OwnersOf,
    Site,
    SubitemFacts,
    altered_by,
    groups_of,
    made_by,
    not_foreign,
    read_sites,
    to_look_up,
)

READER = cast("MondayReader", object())
MAPPING = load_mapping()
BOARD = Board(
    id=1,
    name="Orders",
    url="",
    items_count=9,
    items_limit=None,
    columns={},
    groups={text_key("Oak"): "g1", text_key("Elm"): "g2"},
    group_ids=frozenset({"g1", "g2", "g3"}),
    group_titles={"g1": "Oak", "g2": "Elm", "g3": "Oak"},
)
LABELS = LabelSpelling({})
KEY = MAPPING.items.key_column


def row(**changes: Any) -> dict[str, Any]:
    return {
        "delta_uuid": "row-1",
        "record_uuid": "a",
        "line_uuid": "l1",
        "action": Action.INSERT,
        "outdated": False,
        "is_off": False,
        "rule": None,
        "rejection": None,
        "cancel": None,
        "name": "an order",
        "group_id": "g1",
        "values": {column.column: None for column in MAPPING.items.columns} | {"order_number": "A-1"},
        "board_id": 1,
        "parent_item_id": 70,
    } | changes


def site(**changes: Any) -> Site:
    return Site(board=replace(BOARD, **changes), subitems=None)


class Asked:
    """The look-ups of monday/board.py: what they were asked, and the answers that they are to give."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: Any) -> None:
        self.questions: list[tuple[Any, ...]] = []
        for name, answer in answers.items():
            monkeypatch.setattr(facts_module, name, self._asked(name, answer))

    def _asked(self, name: str, answer: Any) -> Any:
        def ask(reader: MondayReader, *given: Any) -> Any:
            assert reader is READER
            self.questions.append((name, *given))
            return answer(*given) if callable(answer) else answer

        return ask


def owners(of: str, *ids: int, of_lines: bool = False) -> OwnersOf:
    """As the tables have them: these items are on record as those of one order, or these subitems of one line."""
    return lambda asked, lines: {one: of for one in ids if one in asked} if lines is of_lines else {}


# ---- what is asked about ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "if_known", "if_unknown"),
    [
        ({}, True, True),
        ({"action": Action.UPDATE}, False, True),  # that it is deleted shows when it is changed
        ({"action": Action.DELETE}, False, True),
        ({"outdated": True}, False, True),
        ({"is_off": True}, True, True),
        ({"is_off": True, "outdated": True}, False, False),
        ({"is_off": True, "action": Action.DELETE}, False, False),
        ({"rule": Rule.NO_ORDER}, False, False),
        ({"rule": Rule.NO_BOARD}, True, True),
    ],
)
def test_only_what_the_board_can_settle_is_looked_up(changes: Any, if_known: bool, if_unknown: bool) -> None:
    of = row(**changes)
    assert to_look_up([of], {"a"}, "record_uuid") == ([of] if if_known else [])
    assert to_look_up([of], {"b"}, "record_uuid") == ([of] if if_unknown else [])
    assert to_look_up([of], {"l1"}, "line_uuid") == ([of] if if_known else [])


@pytest.mark.parametrize(
    ("changes", "is_asked"),
    [({}, True), ({"outdated": True}, False), ({"action": Action.DELETE}, False), ({"rule": Rule.NO_ORDER}, False)],
)
def test_a_change_that_a_run_left_halfway_is_looked_up(changes: Any, is_asked: bool) -> None:
    of = row(action=Action.UPDATE) | changes
    assert to_look_up([of], {"a"}, "record_uuid", {"a"}) == ([of] if is_asked else [])
    assert to_look_up([of], {"a"}, "record_uuid", {"row-1"}) == []


def test_our_groups_are_known_by_their_ids_whatever_their_titles() -> None:
    own = {"g2": "Ash", "g9": "Deleted", "g3": "oak "}
    assert groups_of(BOARD, own) == {
        text_key("Ash"): Group(id="g2", title="Ash"),
        text_key("Elm"): Group(id="g2", title="Elm"),
        text_key("Oak"): Group(id="g1", title="Oak"),  # the board's own comes first
    }


def test_boards_are_read_with_those_of_their_subitems(monkeypatch: pytest.MonkeyPatch) -> None:
    class Read(Board):
        subitem_board_id = property(lambda self: {1: 11, 2: None}.get(self.id))

    def boards(ids: list[int]) -> dict[int, Board]:
        return {n: Read(**{**vars(BOARD), "id": n}) for n in ids}

    asked = Asked(monkeypatch, read_boards=boards)
    sites = read_sites(READER, [1, 2])
    assert asked.questions == [("read_boards", [1, 2]), ("read_boards", [11])]
    assert {n: (of.board.id, of.subitems and of.subitems.id) for n, of in sites.items()} == {1: (1, 11), 2: (2, None)}


@pytest.mark.parametrize("of_lines", [False, True])
def test_an_item_that_is_another_orders_is_not_this_ones(of_lines: bool) -> None:
    """A person has copied its key; what the tables do not name is nobody else's."""
    asked: list[Any] = []

    def owners_of(ids: Any, lines: bool) -> dict[int, str]:
        asked.append((ids, lines))
        return {1: "A", 2: "x", 3: "y"}

    found = {"a": ["1", "2"], "b": ["3"], "c": ["4"]}
    own, foreign = not_foreign(found, owners_of, of_lines=of_lines)
    assert (own, foreign) == ({"a": ["1"], "c": ["4"]}, {"a": {2: "x"}, "b": {3: "y"}})
    assert asked == [([1, 2, 3, 4], of_lines)]
    assert not_foreign({}, owners_of, of_lines=of_lines) == ({}, {})
    assert len(asked) == 1


# ---- items and subitems -----------------------------------------------------------------------------------


def test_without_a_reader_or_a_board_nothing_is_asked() -> None:
    entry = Entry(idempotency_key="k", operation=Operation.ITEMS, keys=("x",), body="{}")
    known = {"l1": KnownSubitem(id=8, item=70)}
    for facts in (Facts(None, site(), MAPPING), Facts(None, None, MAPPING), Facts(READER, None, MAPPING)):
        assert facts.items({"a": 7}) == ItemFacts()
        assert facts.subitems([row()], known) == SubitemFacts(known=known)
        assert facts.made(entry) == {}
    assert Facts(None, site(), MAPPING).deleted([7]) == set()


def test_orders_without_an_item_are_looked_up_by_their_key(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, look_by_id=({"8"}, {"7": "b"}), find_all_items={"a": ["5", "6"], "c": ["9"]})
    found = Facts(READER, site(), MAPPING).items({"a": None, "b": 7, "c": 8})
    assert found == ItemFacts(deleted={8}, keys={7: "b"}, on_board={"a": 5, "c": 9}, doubled={"a": ["6"]})
    [(_, ids, _), looked_up] = asked.questions
    assert sorted(ids) == ["7", "8"]
    assert looked_up == ("find_all_items", 1, MAPPING.items.key_column, ["a", "c"])


@pytest.mark.parametrize(
    ("known", "count", "facts"),
    [({"b": 7}, 9, ItemFacts(keys={7: "b"})), ({"b": 8}, 0, ItemFacts(deleted={8})), ({}, 9, ItemFacts())],
)
def test_no_key_is_looked_up_in_vain(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, int], count: int, facts: ItemFacts
) -> None:
    asked = Asked(
        monkeypatch,
        look_by_id=lambda ids, column: (ids & {"8"}, dict.fromkeys(ids - {"8"}, "b")),
        find_all_items={},
    )
    assert Facts(READER, site(items_count=count), MAPPING).items(known) == facts
    assert [question[0] for question in asked.questions] == ["look_by_id"]


def test_another_orders_item_with_its_key_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    Asked(monkeypatch, look_by_id=(set(), {}), find_all_items={"a": ["5", "6"]})
    found = Facts(READER, site(), MAPPING, owners("b", 5)).items({"a": None})
    assert found == ItemFacts(on_board={"a": 6}, foreign={"a": {5: "b"}})


def test_subitems_are_looked_for_under_their_items(monkeypatch: pytest.MonkeyPatch) -> None:
    under = Under(
        subitems={"l1": [("81", "70")], "l2": [("82", "71")]},
        gone_items={"72"},
        deleted_subitems={"83"},
        texts={"81": "l1", "82": "l2"},
    )
    asked = Asked(monkeypatch, look_under=under)
    of = site()
    of.new_items = {75}
    known = {"l2": KnownSubitem(id=9, item=71), "l3": KnownSubitem(id=83, item=71), "l4": KnownSubitem(id=84, item=-3)}
    rows = [
        row(line_uuid="l7", parent_item_id=None),
        row(),
        row(line_uuid="l2", parent_item_id=76),  # its subitem is known: that is asked for
        row(line_uuid="l5", parent_item_id="72"),
        row(line_uuid="l6", parent_item_id=75),  # just made by this run
        row(line_uuid="l8", parent_item_id=-4),  # of a dry run
        row(line_uuid="l9", parent_item_id=70),
    ]
    found = Facts(READER, of, MAPPING).subitems(rows, known)
    assert asked.questions == [
        ("look_under", {"70": set(), "72": set(), "71": {"9", "83"}}, MAPPING.subitems.key_column)
    ]
    assert found.known == {**known, "l1": KnownSubitem(id=81, item=70)}
    assert found.deleted == Deleted(items={72}, subitems={83})
    assert found.keys == {81: "l1", 82: "l2"}


def test_another_lines_subitem_with_its_key_is_not_adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    Asked(monkeypatch, look_under=replace(NOTHING, subitems={"l1": [("81", "70"), ("82", "70")]}))
    found = Facts(READER, site(), MAPPING, owners("l2", 81, of_lines=True)).subitems([row()], {})
    assert found.known == {"l1": KnownSubitem(id=82, item=70)}


def test_a_subitem_whose_item_is_unknown_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under item 0 monday shows nothing, and the subitem would count as deleted."""
    asked = Asked(monkeypatch, look_under=NOTHING)
    decided, seen = of_subitems([row(**LINE)], {}, {"l1": replace(SUBITEM, place=None)})
    assert [(of.happens, of.monday_id) for of in decided] == [(Happens.THERE, 8)]
    assert seen[0].known == {"l1": KnownSubitem(id=8, item=0)}
    assert asked.questions == [("look_under", {}, "line_uuid")]


# ---- decisions --------------------------------------------------------------------------------------------

WRITTEN = {column.column: None for column in MAPPING.items.columns} | {"order_number": "A-1"}
ITEM = OnRecord(id=7, board_id=1, place="g1", name="an order", values=WRITTEN)


def values(item: int, **changes: Any) -> ItemValues:
    texts = {column.column: "" for column in MAPPING.items.columns} | {KEY: "a", "order_number": "A-1"}
    shown = ItemValues(id=item, state="active", board_id=1, group_id="g1", name="an order", texts=texts)
    return replace(shown, **changes)


def of_items(rows: list[dict[str, Any]], versions: Any, on_record: Mapping[str, OnRecord]) -> Any:
    return Facts(READER, site(), MAPPING).of_items(rows, versions, on_record, LABELS)


def test_the_item_of_a_queue_row_comes_before_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, look_by_id=(set(), {}), read_values=lambda ids, columns: {n: values(n) for n in ids})
    judged = of_items([row()], {"a": {"row-0": None, "row-1": 8}}, {"a": ITEM})
    [of] = judged.decided
    assert (of.happens, of.monday_id) == (Happens.THERE, 8)
    assert asked.questions[0] == ("look_by_id", {"8"}, KEY)
    judged = of_items([row()], {"a": {"row-1": None}}, {"a": ITEM})
    assert judged.decided[0].monday_id == 7


def test_what_is_only_changed_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, look_by_id=(set(), {}))
    judged = of_items([row(action=Action.UPDATE, values=row()["values"] | {"po_number": "P"})], {}, {"a": ITEM})
    assert [of.happens for of in judged.decided] == [Happens.CHANGE]
    assert asked.questions == [("look_by_id", set(), KEY)]


def test_an_edit_is_read_before_it_could_be_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [KEY, *(column.column for column in MAPPING.items.columns)]
    edited = values(7, name="a person's")
    asked = Asked(monkeypatch, look_by_id=(set(), {}), read_values={7: edited})
    judged = of_items([row(action=Action.UPDATE, name="a new name")], {}, {"a": ITEM})
    assert asked.questions[1:] == [("read_values", [7], columns)]
    assert [(of.happens, [kept.what for kept in of.kept]) for of in judged.decided] == [(Happens.THERE, ["name"])]


@pytest.mark.parametrize("state", ["archived", None])
def test_an_item_that_turns_out_deleted_is_looked_up_again(monkeypatch: pytest.MonkeyPatch, state: str | None) -> None:
    shown = {7: values(7, state=state)} if state else {}
    asked = Asked(
        monkeypatch,
        look_by_id=lambda ids, column: (set(ids), {}),
        find_all_items=lambda board, column, keys: {"a": ["9", "10"]},
        read_values=lambda ids, columns: shown if ids == [7] else {9: values(9)},
    )
    rows = [row(action=Action.UPDATE, name="a new name")]
    judged = of_items(rows, {}, {"a": ITEM, "b": replace(ITEM, id=17)})
    assert judged.facts == ItemFacts(deleted={7}, on_board={"a": 9}, doubled={"a": ["10"]})
    assert [(of.happens, of.monday_id) for of in judged.decided] == [(Happens.ADOPT, 9)]
    assert ("look_by_id", {"7"}, KEY) in asked.questions
    assert ("look_by_id", {"17"}, KEY) not in asked.questions


def test_a_second_look_keeps_what_the_first_one_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before one item turns out deleted, two other orders are looked up.

    The item of one has lost its key, and the key of the other is on an item of a third order.
    """
    of_others = {"b": ["5"], "a": ["6"]}
    Asked(
        monkeypatch,
        look_by_id=lambda ids, column: (ids & {"7"}, {"9": "by hand"} if "9" in ids else {}),
        find_all_items=lambda board, column, keys: {key: of_others[key] for key in keys},
        read_values={},
    )
    facts = Facts(READER, site(), MAPPING, owners("z", 5, 6))
    rows = [
        row(action=Action.UPDATE, name="a new name"),
        row(record_uuid="b", delta_uuid="row-2"),
        row(record_uuid="c", delta_uuid="row-3"),
    ]
    judged = facts.of_items(rows, {}, {"a": ITEM, "c": replace(ITEM, id=9)}, LABELS)
    assert judged.facts == ItemFacts(deleted={7}, keys={9: "by hand"}, foreign={"b": {5: "z"}, "a": {6: "z"}})
    assert [(of.happens, of.lost_key) for of in judged.decided] == [
        (Happens.CREATE, None),
        (Happens.CREATE, None),
        (Happens.CHANGE, "by hand"),
    ]


def test_a_label_is_spelled_as_on_the_board(monkeypatch: pytest.MonkeyPatch) -> None:
    Asked(monkeypatch, look_by_id=(set(), {}), find_all_items={}, look_under=NOTHING)
    labels = LabelSpelling({"order_type": {"SAMPLE": 1}})
    columns = (ColumnMap(source="kind", column="order_type", type="status"),)
    subitems = MAPPING.subitems.model_copy(update={"columns": columns})
    facts = Facts(READER, site(), MAPPING.model_copy(update={"subitems": subitems}))
    of = row(values={"order_type": "Sample"})
    decided = [
        *facts.of_items([of], {}, {}, labels).decided,
        *facts.of_subitems([of], {}, {}, labels, lambda found: found.deleted),
    ]
    sent = [{KEY: "a", "order_type": {"label": "SAMPLE"}}, {"line_uuid": "l1", "order_type": {"label": "SAMPLE"}}]
    assert [json.loads(of.values) for of in decided] == sent


def of_subitems(
    rows: list[dict[str, Any]], known: dict[str, KnownSubitem], on_record: Mapping[str, OnRecord], missing: Any = ()
) -> tuple[list[Decision], list[SubitemFacts]]:
    seen: list[SubitemFacts] = []

    def record_deleted(found: SubitemFacts) -> Deleted:
        seen.append(found)
        return found.deleted

    facts = Facts(READER, site(), MAPPING)
    return facts.of_subitems(rows, known, on_record, LABELS, record_deleted, frozenset(missing)), seen


LINE = {"name": "Size M", "group_id": None, "values": {"size": "M", "qty": 1}}
SUBITEM = OnRecord(id=8, board_id=1, place="70", name="Size M", values={"size": "M", "qty": "1"})
NOTHING = Under(subitems={}, gone_items=set(), deleted_subitems=set(), texts={})


def test_lines_are_decided_with_what_is_known_and_found(monkeypatch: pytest.MonkeyPatch) -> None:
    under = replace(NOTHING, subitems={"l2": [("9", "70")]})
    asked = Asked(monkeypatch, look_under=under, read_values=lambda ids, columns: {})
    lines = [row(**LINE), row(**LINE, delta_uuid="row-2", line_uuid="l2")]
    decided, seen = of_subitems(lines[:1], {}, {"l1": SUBITEM})
    assert [(of.happens, of.monday_id) for of in decided] == [(Happens.THERE, 8)]
    assert seen[0].known["l1"] == KnownSubitem(id=8, item=70)
    decided, seen = of_subitems(lines, {"l1": KnownSubitem(id=18, item=71)}, {})
    assert seen[0].known == {"l1": KnownSubitem(id=18, item=71), "l2": KnownSubitem(id=9, item=70)}
    assert asked.questions[0] == ("look_under", {"70": {"8"}}, "line_uuid")


def test_a_missing_subitem_is_made_again_without_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, look_under=NOTHING)
    decided, seen = of_subitems([row(**LINE)], {"l1": KnownSubitem(id=8, item=70)}, {}, missing={8})
    assert [of.happens for of in decided] == [Happens.CREATE]
    assert asked.questions == [("look_under", {"70": set()}, "line_uuid")]
    assert seen[0].known == {"l1": KnownSubitem(id=8, item=70)}


def test_a_subitem_that_turns_out_deleted_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, look_under=NOTHING, read_values={})
    line = row(**LINE | {"name": "Size L"}, action=Action.UPDATE)
    decided, _ = of_subitems([line], {}, {"l1": SUBITEM})
    assert [of.happens for of in decided] == [Happens.CREATE]
    assert [question for question in asked.questions if question[0] == "read_values"] == [
        ("read_values", [8], ["line_uuid", "size", "qty"])
    ]


def test_a_subitem_that_lost_its_key_gets_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    Asked(monkeypatch, look_under=replace(NOTHING, texts={"8": "by hand"}))
    decided, _ = of_subitems([row(**LINE)], {}, {"l1": SUBITEM})
    assert [(of.happens, of.lost_key, of.values) for of in decided] == [
        (Happens.CHANGE, "by hand", '{"line_uuid":"l1"}')
    ]


def test_edits_of_subitems_stay_where_another_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"line_uuid": "by hand", "size": "M", "qty": "1"}
    edited = values(18, name="a person's", texts=texts)
    asked = Asked(monkeypatch, look_under=NOTHING, read_values={18: edited})
    line = row(**LINE | {"name": "Size L"}, action=Action.UPDATE)
    on_record = {"l1": SUBITEM, "l2": replace(SUBITEM, id=18)}
    decided, _ = of_subitems([line, line | {"delta_uuid": "row-2", "line_uuid": "l2"}], {}, on_record)
    assert [(of.happens, of.lost_key, [kept.what for kept in of.kept]) for of in decided] == [
        (Happens.CREATE, None, []),
        (Happens.CHANGE, "by hand", ["name"]),
    ]
    assert [ids for look, ids, *_ in asked.questions if look == "read_values"] == [[8, 18], [18]]


# ---- requests in doubt ------------------------------------------------------------------------------------


def entry(operation: Operation, **variables: Any) -> Entry:
    return Entry(idempotency_key="k", operation=operation, keys=("x", "y"), body=json.dumps({"variables": variables}))


ITEMS_SENT = entry(
    Operation.ITEMS,
    name0="Oak",
    name1="Elm",
    values0=json.dumps({MAPPING.items.key_column: "AA"}),
    values1=json.dumps({MAPPING.items.key_column: "bb"}),
)


def test_items_of_a_request_are_found_by_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, find_all_items={"aa": ["70", "71"]})
    assert made_by(ITEMS_SENT, READER, 1, MAPPING) == {"x": "70"}
    assert made_by(ITEMS_SENT, READER, 1, MAPPING, {"y"}) == {}
    column = MAPPING.items.key_column
    assert asked.questions == [("find_all_items", 1, column, ["aa", "bb"]), ("find_all_items", 1, column, ["bb"])]
    assert Facts(READER, site(), MAPPING, owners("b", 70)).made(ITEMS_SENT) == {"x": "71"}
    assert asked.questions[2:] == asked.questions[:1]


def test_subitems_of_a_request_are_found_under_their_items(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [json.dumps({MAPPING.subitems.key_column: key}) for key in ("aa", "bb")]
    of = entry(Operation.SUBITEMS, parent0="7", parent1="8", values0=own[0], values1=own[1])
    asked = Asked(monkeypatch, find_all_subitems={"bb": ["71"], "cc": ["72"]})
    assert made_by(of, READER, 1, MAPPING) == {"y": "71"}
    assert asked.questions == [("find_all_subitems", ["7", "8"], MAPPING.subitems.key_column)]
    assert made_by(of, READER, 1, MAPPING, owners_of=owners("cc", 71, of_lines=True)) == {}


def test_groups_of_a_request_are_found_by_their_titles(monkeypatch: pytest.MonkeyPatch) -> None:
    Asked(monkeypatch, read_board=BOARD)
    of = replace(entry(Operation.GROUPS), keys=("ELM", "Ash"))
    assert made_by(of, READER, 1, MAPPING) == {"ELM": "g2"}


SENT = {"item0": "7", "item1": "8"}


@pytest.mark.parametrize(
    ("of", "shown", "done"),
    [
        (entry(Operation.CANCEL_ITEMS, **SENT), {7: values(7), 8: values(8, state="archived")}, {"y"}),
        (entry(Operation.CANCEL_ITEMS, **SENT), {7: values(7)}, {"y"}),
        (
            entry(Operation.MOVE_ITEMS, **SENT, group0="g1", group1="g2"),
            {7: values(7), 8: values(8)},
            {"x"},
        ),
        (entry(Operation.MOVE_ITEMS, **SENT, group0="g1", group1="g1"), {7: values(7, state="archived")}, set()),
        (
            entry(Operation.CHANGE_ITEMS, **SENT, values0='{"name":"an order"}', values1='{"name":"another"}'),
            {7: values(7), 8: values(8)},
            {"x"},
        ),
        (
            entry(
                Operation.CHANGE_ITEMS,
                **SENT,
                values0='{"order_number":"A-1","po_number":null}',
                values1='{"order_number":"B"}',
            ),
            {7: values(7), 8: values(8)},
            {"x"},
        ),
        (
            entry(
                Operation.CHANGE_ITEMS,
                **SENT,
                values0='{"eta":{"date":"2026-12-31"}}',
                values1='{"eta":{"date":"2027-01-01"}}',
            ),
            {7: values(7, texts={"eta": "2026-12-31"}), 8: values(8, texts={"eta": "2026-12-31"})},
            {"x"},
        ),
        (
            entry(
                Operation.CHANGE_ITEMS, **SENT, values0='{"fate":{"label":"Off"}}', values1='{"fate":{"label":"On"}}'
            ),
            {7: values(7, texts={"fate": "Off"}), 8: values(8, texts={"fate": "Off"})},
            {"x"},
        ),
    ],
)
def test_a_change_is_done_if_the_board_shows_it(
    monkeypatch: pytest.MonkeyPatch, of: Entry, shown: dict[int, ItemValues], done: set[str]
) -> None:
    asked = Asked(monkeypatch, read_values=shown)
    assert altered_by(of, READER, MAPPING) == {key: SENT[f"item{'xy'.index(key)}"] for key in done}
    [(_, ids, columns)] = asked.questions
    assert ids == [7, 8]
    assert "name" not in columns
    assert made_by(of, READER, 1, MAPPING).keys() == done


def test_a_lines_change_is_read_by_the_columns_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, read_values={7: values(7, texts={"qty": "1.0"}), 8: values(8, texts={"qty": "2"})})
    of = entry(Operation.CHANGE_SUBITEMS, **SENT, values0='{"qty":"1"}', values1='{"qty":"1"}')
    assert altered_by(of, READER, MAPPING) == {"x": "7"}
    assert asked.questions == [("read_values", [7, 8], ["qty"])]
