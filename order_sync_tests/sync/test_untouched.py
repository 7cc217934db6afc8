"""Which twin may be archived: only one of our own that nobody has touched, with nothing of its own under it."""

from __future__ import annotations

from typing import Any

import pytest

from order_sync.sync.twins import Found, why_it_stays

ME, KEY = "42", "line_uuid"
AT = "2026-11-23T08:00:00Z"


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "creator_id": ME,
        "created_at": AT,
        "updated_at": "2026-11-23T08:00:10Z",
        "updates": [],
        "state": "active",
        "subitems": [],
    } | changes


def subitem(key: str | None, **changes: Any) -> dict[str, Any]:
    texts = [{"id": "other", "text": "x"}, {"id": KEY, "text": key}]
    return row(9, column_values=texts, parent_item={"id": "1"}) | changes


SOMEBODY = "it was created by somebody else"
UPDATES = "it has updates"
CHANGED = "it was changed after its creation"
UNKNOWN = "monday does not say when it was changed"


@pytest.mark.parametrize(
    ("twin", "kept", "reason"),
    [
        (row(), row(), ""),
        (row(creator_id=42), row(), ""),
        (row(creator_id="43"), row(), SOMEBODY),
        (row(creator_id=None), row(), SOMEBODY),
        (row(updates=[{"id": "5"}]), row(), UPDATES),
        (row(updates=None), row(), ""),
        (row(updated_at="2026-11-23T08:00:11Z"), row(), CHANGED),
        (row(updated_at=None), row(), UNKNOWN),
        (row(created_at="today"), row(), UNKNOWN),
        ({name: value for name, value in row().items() if name != "created_at"}, row(), UNKNOWN),
        (row(subitems=None), row(), "monday does not return its subitems"),
        (row(subitems=None, parent_item={"id": "7"}), row(), ""),  # a subitem has none
        (row(subitems=[subitem("a")]), row(subitems=[subitem("a")]), ""),
        (row(subitems=[subitem("a")]), row(), "its twin has no subitem like 9"),
        (row(subitems=[subitem("a")]), row(subitems=None), "its twin has no subitem like 9"),
        (
            row(subitems=[subitem("a")]),
            row(subitems=[subitem("a", state="archived")]),
            "its twin has no subitem like 9",
        ),
        (row(subitems=[subitem(None)]), row(subitems=[subitem(None)]), "its twin has no subitem like 9"),
        (row(subitems=[subitem("")]), row(subitems=[subitem("")]), "its twin has no subitem like 9"),
        (row(subitems=[subitem("a", state="deleted")]), row(), ""),  # nobody sees it
        (
            row(subitems=[subitem("b", state="deleted"), subitem("a", updates=[{"id": "5"}])]),
            row(subitems=[subitem("a")]),
            f"subitem 9: {UPDATES}",
        ),
        (
            row(subitems=[subitem("a"), subitem("b", creator_id="43")]),
            row(subitems=[subitem("a"), subitem("b")]),
            f"subitem 9: {SOMEBODY}",
        ),
    ],
)
def test_a_twin_stays_for_a_reason(twin: dict[str, Any], kept: dict[str, Any], reason: str) -> None:
    assert why_it_stays(twin, kept, ME, KEY) == reason


def test_what_is_found_on_several_boards_is_added() -> None:
    found = Found(archived={"a": ["1"]}, left={"2": "edited"})
    found.add(Found(archived={"b": ["3"]}, left={"4": "edited"}))
    assert found == Found(archived={"a": ["1"], "b": ["3"]}, left={"2": "edited", "4": "edited"})
