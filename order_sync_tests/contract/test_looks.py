"""Up to when boards agree with the tables, and the edits that people keep: what is on record of both."""

from __future__ import annotations

from datetime import timedelta

from order_sync.database.edits import Edit, Edited, edits_of
from order_sync.database.entries import Operation
from order_sync.database.looks import Mark, Numbers, count_ours, keep_marks, ours_among, read_marks
from order_sync_tests.contract.site import BOARD, MORNING, Site, new_uuid

NIGHT = Mark(looked_at=MORNING, whole_at=MORNING - timedelta(days=3), beside=Numbers(items=2, subitems=-1))


def test_a_mark_replaces_the_one_before(site: Site) -> None:
    keep_marks(site.database, site.tables, {BOARD: NIGHT, BOARD + 1: NIGHT})
    later = Mark(looked_at=MORNING + timedelta(days=1), whole_at=MORNING, beside=Numbers(items=0, subitems=0))
    keep_marks(site.database, site.tables, {BOARD: later})
    assert read_marks(site.database, site.tables, [BOARD, BOARD + 1, 7]) == {BOARD: later, BOARD + 1: NIGHT}
    keep_marks(site.database, site.tables, {})
    assert len(site.rows(site.tables.looks)) == 2


def test_what_is_on_record_is_counted_by_board(site: Site) -> None:
    of = {"board_id": BOARD, "written_at": MORNING, "run_id": "run-1"}
    site.insert(site.tables.items, *(of | {"record_uuid": new_uuid(), "item_id": n} for n in (11, 12)))
    site.insert(site.tables.items, of | {"board_id": 7, "record_uuid": new_uuid(), "item_id": 13})
    subitem = {"line_uuid": new_uuid(), "record_uuid": new_uuid(), "subitem_id": 71, "parent_item_id": 11}
    site.insert(site.tables.subitems, of | subitem)
    assert count_ours(site.database, site.tables, [BOARD, 7, 8]) == {
        BOARD: Numbers(items=2, subitems=1),
        7: Numbers(items=1, subitems=0),
        8: Numbers(items=0, subitems=0),
    }
    assert ours_among(site.database, site.tables, [11, 1], [71, 12]) == {11, 71}


# ---- edits ------------------------------------------------------------------------------------------------


def edited(*edits: Edit, record_uuid: str) -> Edited:
    return Edited(record_uuid=record_uuid, monday_id=11, edits=edits)


def test_an_edit_is_on_record_until_it_is_resolved(site: Site) -> None:
    order, line = new_uuid(), new_uuid()
    eta = Edit(column="eta", on_board="2027-03-20", not_written='{"date": "2027-03-08"}')
    name, note = (
        Edit(column="name", on_board="EILT 七", not_written='"Navy"'),
        Edit(column="note", on_board="call", not_written=None),
    )
    of_item, of_line = edited(eta, name, record_uuid=order), edited(note, record_uuid=order)
    journal = site.journal()
    with journal.holding_board():
        journal.keep_edits(Operation.CHANGE_ITEMS, {order: ("11", "kept")}, {order: of_item})
        journal.keep_edits(Operation.CHANGE_SUBITEMS, {}, {line: of_line})
        assert journal.edited() == {order, line}
        kept = [
            (row["column_id"], row["on_board"], row["not_written"])
            for row in edits_of(site.database, site.tables, order)
        ]
        assert kept == [("eta", *values_of(eta)), ("name", *values_of(name)), ("note", *values_of(note))]
        # The order now wants the date that people have set.
        journal.keep_edits(Operation.CHANGE_ITEMS, {}, {order: edited(name, record_uuid=order)})
        assert [row["column_id"] for row in edits_of(site.database, site.tables, order)] == ["name", "note"]
        journal.keep_edits(Operation.CHANGE_ITEMS, {}, {}, [order])
        [row] = site.rows(site.tables.edits)
        assert (row["key_uuid"], row["record_uuid"], row["board_id"], row["run_id"]) == (line, order, BOARD, "run-1")
        assert row["seen_at"] <= site.now()
    [logged] = site.rows(site.tables.log)
    assert (logged["outcome"], logged["message"]) == ("kept", "kept")


def values_of(edit: Edit) -> tuple[str | None, str | None]:
    return edit.on_board, edit.not_written
