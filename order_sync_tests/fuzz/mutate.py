"""Bad input from good: a seed with a few of its parts replaced, removed, doubled or swapped.

In: bytes and a source of random choices. Out: other bytes, which are JSON still where the seed was.
Used by the hypothesis tests and by the fuzzer alike. Never fails on any bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 2**31, 2**63, 10**30, -0.5, 1e308),
    *("", " ", "text", "1", "-1", "9" * 30, "1e999", "nan", "\u0663", "\u00e9", "\ud800", "\0", "\n", "\U0001f305"),
    *([], {}, [None], [[]], {"id": None}, ["text"], [{}], {"": ""}),
)
ODD_BYTES = (
    b"",
    b"\0",
    b"\xff",
    b"\r",
    b"\n",
    b'"',
    b"'",
    b"[",
    b"]",
    b"=",
    b"#",
    b"{",
    b"}",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
)
MOST_CHANGES = 4
LARGEST = 20_000  # bytes

Place = tuple[str | int, ...]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The same with one to four changes."""
    try:
        read = json.loads(data)
    except (ValueError, RecursionError):
        return _changed_bytes(data, rng)
    if not isinstance(read, dict | list) or rng.random() < 0.05:
        return _changed_bytes(data, rng)
    for _ in range(rng.randint(1, MOST_CHANGES)):
        read = _changed(read, rng)
    try:
        made = json.dumps(read).encode()
    except (ValueError, RecursionError):
        return data
    return made if len(made) <= LARGEST else data


def _changed(read: Any, rng: random.Random) -> Any:
    places = list(_places(read))
    if not places:
        return rng.choice(ODD)
    place = rng.choice(places)
    parent, other = _at(read, place[:-1]), deepcopy(_at(read, rng.choice(places)))
    changes: tuple[Callable[[], Any], ...] = (
        lambda: parent.__setitem__(place[-1], deepcopy(rng.choice(ODD))),
        lambda: parent.__setitem__(place[-1], other),
        lambda: parent.__setitem__(place[-1], [parent[place[-1]]]),
        lambda: parent.__setitem__(place[-1], _text(parent[place[-1]], rng)),
        lambda: parent.__delitem__(place[-1]),
        lambda: _add(parent, rng, other),
    )
    rng.choice(changes)()
    return read


def _add(parent: Any, rng: random.Random, value: Any) -> None:
    if isinstance(parent, list):
        parent.insert(rng.randint(0, len(parent)), value)
    else:
        parent[rng.choice([*parent, "odd"])] = value


def _text(value: Any, rng: random.Random) -> Any:
    """Another text, number or flag of the same kind."""
    if isinstance(value, bool) or value is None:
        return rng.choice(("true", 0, 1))
    if isinstance(value, int | float):
        return rng.choice((-value, str(value), value + 0.5, value * 10**6))
    if not isinstance(value, str):
        return "text"
    at = rng.randint(0, len(value))
    odd = rng.choice([one for one in ODD if isinstance(one, str)])
    return rng.choice(
        (value[:at], value[at:], value[:at] + odd + value[at:], value * 2, value.upper(), value + "[" * 99)
    )


def _places(read: Any, place: Place = ()) -> list[Place]:
    found, waiting = [], [(place, read)]
    while waiting:
        at, value = waiting.pop()
        entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, entry in entries:
            found.append((*at, key))
            waiting.append(((*at, key), entry))
    return found


def _at(read: Any, place: Place) -> Any:
    for part in place:
        read = read[part]
    return read


def _changed_bytes(data: bytes, rng: random.Random) -> bytes:
    """Lines or bytes of a text are removed, doubled, swapped or replaced."""
    for _ in range(rng.randint(1, MOST_CHANGES)):
        if rng.random() < 0.5 and b"\n" in data:
            lines = data.splitlines(keepends=True)
            one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[one:one] = rng.choice(([], [lines[other]], [lines[other][: rng.randint(0, 9)]]))
            del lines[rng.choice((other, len(lines))) :][:1]
            data = b"".join(lines)
        at, end = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
        cut = data[at : min(end, at + 9)]
        data = data[:at] + rng.choice((*ODD_BYTES, cut * 2, b"")) + data[at + rng.choice((0, 1, len(cut))) :]
    return data[:LARGEST]
