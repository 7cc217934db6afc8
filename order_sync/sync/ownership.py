"""Who owns a value: what of an order's wish is written to an item that is on the board already, and what is left.

In: the wanted name, group and values, what was last written, and what the board shows. Out: a `Difference`.
Pure. What people have changed on the board is never overwritten where the mapping says `keep`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from order_sync.database.written import OnRecord
from order_sync.monday.item_values import ItemValues, same_text, shows
from order_sync.monday.labels import Labels
from order_sync.orders.mapping import ColumnMap, Edits

NAME = "name"  # what monday calls an item's name among its columns
GROUP = "group"


class Kept(NamedTuple):
    """Something that people have changed on the board, and that stays."""

    what: str  # a column's id, "name" or "group"
    board: str | None  # as the board has it
    ours: Any  # as it would have been written

    def __str__(self) -> str:
        return f"{self.what} is '{self.board}' on the board and stays, instead of {self.ours!r}"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How the order system wants an item, or a subitem."""

    name: str
    group_id: str | None  # None: in any group, as a subitem
    values: Mapping[str, Any]  # as they would be sent, by column id; None for an empty one


@dataclass(frozen=True, kw_only=True)
class Owners:
    """Who owns what of an item, or of a subitem."""

    columns: Sequence[ColumnMap]
    name: Edits
    group: Edits = "overwrite"  # a subitem is in none


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What is to be written, by what monday calls it, with what was written there before."""

    values: Mapping[str, Any] = field(default_factory=dict)  # by column id; the name under "name"
    before: Mapping[str, Any] = field(default_factory=dict)  # the same; what was never written is None
    move_to: str | None = None  # a group's id
    kept: tuple[Kept, ...] = ()
    asks: bool = False  # what the board shows has to be known first


UNKNOWN = OnRecord(id=0, board_id=0, place=None, name=None, values=None)


def difference(
    wish: Wish, owners: Owners, last: OnRecord | None, board: ItemValues | None, labels: Labels
) -> Difference:
    """What is to be written so that the item is as wished. Without `board` it may be that this `asks` for it.

    `last` is what was last written; None, or nothing in it, of an item that order_sync has never written.
    """
    last = last or UNKNOWN
    found = list(_changes(wish, owners, last, board, labels))
    ours = {column.column for column in owners.columns if column.edits == "overwrite"}
    if last.values is None and any(of.what != GROUP and of.verdict is _Verdict.WRITE for of in found):
        # All of them then, so that what was written is known from now on.
        found = [of._replace(verdict=_Verdict.WRITE) if of.what in ours else of for of in found]
    sent = {of.what: of for of in found if of.verdict is _Verdict.WRITE}
    moved = sent.pop(GROUP, None)
    return Difference(
        values={what: of.want for what, of in sent.items()},
        before={what: of.had for what, of in sent.items()},
        move_to=moved.want if moved else None,
        kept=tuple(Kept(of.what, of.shown, of.want) for of in found if of.verdict is _Verdict.KEEP),
        asks=any(of.verdict is _Verdict.ASK for of in found),
    )


class _Verdict(StrEnum):
    WRITE = "write"
    KEEP = "keep"  # a person's edit, which is reported
    LEAVE = "leave"
    ASK = "ask"


class _Change(NamedTuple):
    what: str
    want: Any
    had: Any
    shown: str | None  # what the board shows
    verdict: _Verdict


def _changes(wish: Wish, owners: Owners, last: OnRecord, board: ItemValues | None, labels: Labels) -> Iterator[_Change]:
    """Each value that is not as it was last written."""
    for column in owners.columns:
        want, had = wish.values.get(column.column), (last.values or {}).get(column.column)
        if last.values is not None and want == had:
            continue
        text = board.texts.get(column.column, "") if board else None
        state = _Seen.UNKNOWN
        if text is not None and shows(column, want, text, labels):
            state = _Seen.AS_WANTED
        elif text is not None:
            untouched = not text if last.values is None else shows(column, had, text, labels)
            state = _Seen.UNTOUCHED if untouched else _Seen.EDITED
        verdict = _verdict(column.edits, state, empty=not text, is_known=last.values is not None)
        yield _Change(column.column, want, had, text, verdict)
    if wish.name != last.name:
        shown = board.name if board else None
        yield _Change(NAME, wish.name, last.name, shown, _verdict(owners.name, _seen(shown, wish.name, last.name)))
    if wish.group_id is not None and wish.group_id != last.place:
        shown = board.group_id if board else None
        seen = _seen(shown, wish.group_id, last.place)
        yield _Change(GROUP, wish.group_id, last.place, shown, _verdict(owners.group, seen))


class _Seen(StrEnum):
    """What the board shows of a value."""

    UNKNOWN = "unknown"  # it has not been asked
    AS_WANTED = "as wanted"
    UNTOUCHED = "untouched"  # as it was last written
    EDITED = "edited"


def _seen(shown: str | None, want: str, had: str | None) -> _Seen:
    if shown is None:
        return _Seen.UNKNOWN
    if same_text(shown, want):
        return _Seen.AS_WANTED
    return _Seen.UNTOUCHED if same_text(shown, had or "") else _Seen.EDITED


def _verdict(edits: Edits, seen: _Seen, *, empty: bool = False, is_known: bool = True) -> _Verdict:
    """What was last written to a column may not be known: then the board is read, not written to needlessly."""
    if edits == "overwrite" and (is_known or seen in (_Seen.UNTOUCHED, _Seen.EDITED)):
        return _Verdict.WRITE
    if seen is _Seen.UNKNOWN:
        return _Verdict.ASK
    if seen is _Seen.AS_WANTED:
        return _Verdict.LEAVE
    if edits == "fill":
        return _Verdict.WRITE if empty else _Verdict.LEAVE
    return _Verdict.KEEP if seen is _Seen.EDITED else _Verdict.WRITE
