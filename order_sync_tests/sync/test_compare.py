"""The one comparison of boards and tables, by itself: each difference is of one kind, and named in one sentence."""

from __future__ import annotations

from order_sync.database.expected import Expected, Known
from order_sync.monday.board import Board
from order_sync.monday.placed import DELETED, BoardItem, BoardSubitem, Place
from order_sync.sync.compare import (
    ITEM,
    SUBITEM,
    Comparison,
    Finding,
    Findings,
    Kind,
    doubled_groups,
    missed,
    missing_groups,
)

ORDER, LINE = "order-1", "line-1"
OURS = Expected(key=ORDER, record_uuid=ORDER, monday_id=10, groups={"elm"})
UNDER_IT = Expected(key=LINE, record_uuid=ORDER, monday_id=20, parent_id=10)
KNOWN = Known(items={ORDER: OURS}, subitems={LINE: UNDER_IT})


def item(item_id: int, *subitems: BoardSubitem, key: str = ORDER, group: str = "elm") -> BoardItem:
    return BoardItem(id=item_id, group_id=group, record_uuid=key, subitems=subitems)


def compared(*items: BoardItem, known: Known = KNOWN) -> Findings:
    comparison = Comparison()
    for each in items:
        comparison.show(1, [each], known)
    for level, expected in ((ITEM, OURS), (SUBITEM, UNDER_IT)):
        for row in comparison.missing(level, [expected]):
            comparison.found.add(missed(level, row, DELETED, {1}))
    return comparison.finish()


def texts(found: Findings) -> dict[Kind, list[str]]:
    return {kind: [finding.what for finding in of] for kind, of in found.first.items()}


SUBITEM_20 = BoardSubitem(id=20, key=LINE)


def test_what_agrees_is_not_found() -> None:
    assert texts(compared(item(10, SUBITEM_20))) == {}


def test_an_item_on_no_board_is_missing_with_its_lines() -> None:
    assert texts(compared()) == {Kind.ITEM_MISSING: ["item 10 of order order-1 is not on the board"]}
    assert texts(compared(item(10))) == {Kind.SUBITEM_MISSING: ["subitem 20 of line line-1 is not under item 10"]}


def test_a_key_under_another_id_is_neither_missing_nor_doubled() -> None:
    found = compared(item(11, BoardSubitem(id=21, key=LINE)))
    assert texts(found) == {
        Kind.WRONG_ID: [
            "order order-1 has item 11 on the board and 10 in the queue",
            "line line-1 has subitem 21 on the board and 20 in the queue",
        ]
    }
    assert [finding.is_of_item for finding in found.first[Kind.WRONG_ID]] == [True, False]


def test_the_twin_is_the_item_unknown_to_the_tables() -> None:
    for items in ([item(10, SUBITEM_20), item(11)], [item(11), item(10, SUBITEM_20)]):
        found = compared(*items)
        assert texts(found) == {Kind.ITEM_DOUBLED: ["order order-1 has item 10 and also 11"]}
        assert [finding.monday_id for finding in found.first[Kind.ITEM_DOUBLED]] == [11]


def test_every_copy_is_found() -> None:
    found = compared(item(10, SUBITEM_20, BoardSubitem(id=21, key=LINE)), item(11), item(12))
    assert found.counts == {Kind.ITEM_DOUBLED: 2, Kind.SUBITEM_DOUBLED: 1}


def test_another_group_is_reported_and_another_parent_is_wrong() -> None:
    assert texts(compared(item(10, SUBITEM_20, group="oak"))) == {
        Kind.OTHER_GROUP: ["item 10 of order order-1 is in group oak, not in elm"]
    }
    found = compared(item(10), item(30, SUBITEM_20, key="order-2"))
    assert texts(found) == {Kind.WRONG_PARENT: ["subitem 20 of line line-1 is under item 30, not under item 10"]}
    assert found.wrong == 1


def test_rows_without_a_key_and_keys_that_no_table_has() -> None:
    known = Known(items=KNOWN.items, subitems=KNOWN.subitems, strangers={"order-9"})
    found = compared(item(10, SUBITEM_20), item(11, key=""), item(12, key=""), item(13, key="order-9"), known=known)
    assert found.counts == {Kind.OWN_ROWS: 2, Kind.UNKNOWN: 1}
    assert found.wrong == 1


def test_all_are_counted_and_as_many_kept_as_wanted() -> None:
    found = Findings(most=2)
    found.add(Finding(kind=Kind.UNKNOWN, what=str(n)) for n in range(5))
    assert (found.counts[Kind.UNKNOWN], len(found.first[Kind.UNKNOWN])) == (5, 2)


def test_what_is_archived_or_moved_elsewhere_is_not_missing() -> None:
    def kinds(place: Place) -> list[Kind]:
        return [finding.kind for finding in missed(ITEM, OURS, place, {1})]

    assert kinds(DELETED) == [Kind.ITEM_MISSING]
    assert kinds(Place(state="archived", board_id=1)) == [Kind.ARCHIVED]
    assert kinds(Place(state="active", board_id=2)) == [Kind.ELSEWHERE]
    assert kinds(Place(state="active", board_id=1)) == []  # its page was read before it came


def test_groups_that_are_missing_or_share_a_title() -> None:
    titles = {"a": "Elm", "b": "elm ", "c": "Renamed"}
    board = Board(
        id=1,
        name="",
        url="",
        items_count=None,
        items_limit=None,
        columns={},
        groups={},
        group_ids=frozenset(titles),
        group_titles=titles,
    )
    own = {"a": "Elm", "c": "Ash"}
    [twice] = doubled_groups(board, own, ["Elm", "Ash", "Oak"])
    assert twice.what.endswith("(a, b), 1 of them ours")
    assert not twice.kind.is_wrong
    [none] = missing_groups(board, own, ["Ash", "Oak"])
    assert none.what == "group 'Oak' is not on board 1"
