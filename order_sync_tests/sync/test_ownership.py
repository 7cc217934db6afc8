"""Who owns a value, case by case: what is sent, what of people's edits stays, and what has to be asked first."""

from __future__ import annotations

from typing import Any

import pytest

from order_sync.database.written import OnRecord
from order_sync.monday.item_values import ItemValues
from order_sync.orders.mapping import ColumnMap, ColumnType, Edits
from order_sync.sync.ownership import Difference, Kept, Owners, Wish, difference

HAD, WANT, EDIT = "had", "want", "edit"
SENT, LEFT, KEPT, ASKED = "sent", "left", "kept", "asked"
NOT_SHOWN = object()


def found(
    *,
    edits: Edits = "overwrite",
    name: Edits = "overwrite",
    group: Edits = "overwrite",
    kind: ColumnType = "text",
    wish: dict[str, Any],
    last: dict[str, Any] | None,
    board: dict[str, Any] | None,
) -> Difference:
    """Each of these has the `value` of the one column, the `name` and the `group`, or leaves out what is as wished."""
    usual = {"value": WANT, "name": "Name", "group": "here"}
    wanted, shown = usual | wish, usual | (board or {})
    was = usual | (last or {})
    on_record = OnRecord(id=1, board_id=1, place=was["group"], name=was["name"], values={"column": was["value"]})
    text = shown["value"] or ""
    item = ItemValues(
        id=1, state="active", board_id=1, group_id=shown["group"], name=shown["name"], texts={"column": text}
    )
    owners = Owners(columns=[ColumnMap(source="S", column="column", type=kind, edits=edits)], name=name, group=group)
    return difference(
        Wish(name=wanted["name"], group_id=wanted["group"], values={"column": wanted["value"]}),
        owners,
        None if last is None else on_record,
        None if board is None else item,
        {},
    )


def outcome(of: Difference, what: str) -> str:
    if of.asks:
        assert (of.values, of.move_to, of.kept) == ({}, None, ())
        return ASKED
    if of.kept:
        assert (of.values, of.move_to) == ({}, None)
        assert {kept.what for kept in of.kept} == {what}
        return KEPT
    if what == "group":
        return SENT if of.move_to else LEFT
    return SENT if what in of.values else LEFT


# ---- a column ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edits", "shown", "becomes"),
    [
        ("overwrite", NOT_SHOWN, SENT),
        ("overwrite", HAD, SENT),
        ("overwrite", EDIT, SENT),
        ("overwrite", "", SENT),
        ("keep", NOT_SHOWN, ASKED),
        ("keep", HAD, SENT),
        ("keep", WANT, LEFT),
        ("keep", EDIT, KEPT),
        ("keep", "", KEPT),  # emptied by a person
        ("fill", NOT_SHOWN, ASKED),
        ("fill", HAD, LEFT),
        ("fill", WANT, LEFT),
        ("fill", EDIT, LEFT),
        ("fill", "", SENT),
    ],
)
def test_a_column_that_was_written_before(edits: Edits, shown: Any, becomes: str) -> None:
    board = None if shown is NOT_SHOWN else {"value": shown}
    of = found(edits=edits, wish={}, last={"value": HAD}, board=board)
    assert outcome(of, "column") == becomes
    if becomes == SENT:
        assert (of.values, of.before) == ({"column": WANT}, {"column": HAD})
    if becomes == KEPT:
        assert of.kept == (Kept("column", shown, WANT),)


@pytest.mark.parametrize(
    ("edits", "shown", "becomes"),
    [
        ("overwrite", NOT_SHOWN, ASKED),
        ("overwrite", EDIT, SENT),
        ("overwrite", WANT, LEFT),
        ("keep", NOT_SHOWN, ASKED),
        ("keep", "", SENT),
        ("keep", WANT, LEFT),
        ("keep", EDIT, KEPT),  # somebody wrote it, and it was not order_sync
        ("fill", "", SENT),
        ("fill", EDIT, LEFT),
    ],
)
def test_a_column_of_an_item_that_was_never_written(edits: Edits, shown: Any, becomes: str) -> None:
    board = None if shown is NOT_SHOWN else {"value": shown}
    of = found(edits=edits, name="keep", group="keep", wish={}, last=None, board=board)
    sent = SENT if "column" in of.values else LEFT
    assert (ASKED if of.asks else KEPT if of.kept else sent) == becomes


@pytest.mark.parametrize(("shown", "kept"), [("v", (Kept("column", "v", None),)), ("", ())])
def test_a_tick_of_unknown_origin_is_kept_over_no(shown: str, kept: tuple[Kept, ...]) -> None:
    """A no is sent as an empty value, and yet it is one that an edit differs from."""
    of = found(kind="checkbox", edits="keep", name="keep", wish={"value": None}, last=None, board={"value": shown})
    assert (of.values, of.kept) == ({}, kept)


@pytest.mark.parametrize("edits", ["overwrite", "keep", "fill"])
@pytest.mark.parametrize("shown", [NOT_SHOWN, "", EDIT, WANT])
def test_what_is_as_it_was_last_written_is_never_sent(edits: Edits, shown: Any) -> None:
    """An edit of a value that the order system has not changed is no conflict: it is not even looked at."""
    of = found(edits=edits, wish={}, last={}, board=None if shown is NOT_SHOWN else {"value": shown})
    assert of == Difference()


@pytest.mark.parametrize(
    ("edits", "shown", "becomes"),
    [
        ("overwrite", HAD, SENT),
        ("overwrite", EDIT, SENT),
        ("keep", HAD, SENT),
        ("keep", EDIT, KEPT),
        ("keep", "", LEFT),
        ("fill", HAD, LEFT),
        ("fill", "", LEFT),
    ],
)
def test_an_emptied_source_clears_what_is_not_a_persons(edits: Edits, shown: str, becomes: str) -> None:
    of = found(edits=edits, wish={"value": None}, last={"value": HAD}, board={"value": shown})
    assert outcome(of, "column") == becomes
    assert becomes != SENT or of.values == {"column": None}


# ---- name and group ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["name", "group"])
@pytest.mark.parametrize(
    ("edits", "shown", "becomes"),
    [
        ("overwrite", NOT_SHOWN, SENT),
        ("overwrite", EDIT, SENT),
        ("keep", NOT_SHOWN, ASKED),
        ("keep", HAD, SENT),
        ("keep", WANT, LEFT),
        ("keep", EDIT, KEPT),
    ],
)
def test_a_name_and_a_group_are_owned_alike(what: str, edits: Edits, shown: Any, becomes: str) -> None:
    board = None if shown is NOT_SHOWN else {what: shown}
    owners: dict[str, Any] = {what: edits}
    of = found(**owners, wish={what: WANT}, last={what: HAD}, board=board)
    assert outcome(of, what) == becomes
    if becomes == SENT:
        assert (of.move_to, of.values) == ((WANT, {}) if what == "group" else (None, {"name": WANT}))
    if becomes == KEPT:
        assert of.kept == (Kept(what, EDIT, WANT),)


def test_what_is_kept_holds_nothing_else_back() -> None:
    of = found(
        name="keep", wish={"name": WANT, "group": "there"}, last={"value": HAD, "name": HAD}, board={"name": EDIT}
    )
    assert of.kept == (Kept("name", EDIT, WANT),)
    assert (of.values, of.move_to) == ({"column": WANT}, "there")


def test_a_subitem_is_in_no_group() -> None:
    wish = Wish(name="Name", group_id=None, values={})
    last = OnRecord(id=1, board_id=1, place="11", name="Name", values={})
    assert difference(wish, Owners(columns=[], name="keep"), last, None, {}) == Difference()
