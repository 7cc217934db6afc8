"""Suggests the known name closest to a misspelt one: a column, a setting, a customer or a label.

In: an unknown name and the known names. Out: the closest one, or a phrase for an error message.
Never replaces a name: an unknown name is reported.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

CUTOFF = 0.6  # difflib's default; below it two names have too little in common
SHORTEST_BEGINNING = 3  # a shorter one begins too many names


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The closest known name, ignoring case, blanks and underscores; None if none is close."""
    candidates: dict[str, str] = {}
    for each in known:
        candidates.setdefault(_compared(each), each)
    wanted = _compared(name)
    candidates.pop("", None)
    if not wanted or wanted in candidates:
        return candidates.get(wanted)
    similar = difflib.get_close_matches(wanted, candidates, n=1, cutoff=CUTOFF)
    if similar:
        return candidates[similar[0]]
    longer = [each for each in candidates if each.startswith(wanted)] if len(wanted) >= SHORTEST_BEGINNING else []
    return candidates[longer[0]] if len(longer) == 1 else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns " (did you mean 'CUSTOMER STYLE'?)", to follow the name in a message; empty if no name is close."""
    found = nearest(name, known)
    return f" (did you mean '{found}'?)" if found else ""


def _compared(name: str) -> str:
    folded = unicodedata.normalize("NFC", name).casefold()
    return "".join(character for character in folded if not (character.isspace() or character == "_"))
