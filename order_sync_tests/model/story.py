"""A history of the model, for people and for the checker of traces.

In: the lines that the model prints. Out: sentences, or the events of a trace.
The model's actions have the names of a trace's events: what it does must pass for what the product does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from order_sync_tests.model.events import Event, Kind

BOARD = 1
NAMES = ("order 1", "order 2")


@dataclass(frozen=True, kw_only=True)
class Line:
    """`@ KIND worker request keys a b` of a worker, `- WHAT request key n` of anybody else."""

    what: str
    worker: int  # from 1; 0: not a worker
    numbers: tuple[int, ...]


def lines_of(text: Iterable[str]) -> Iterator[Line]:
    for line in text:
        parts = line.split()
        if parts[:1] == ["@"]:
            numbers = tuple(map(int, parts[2:]))
            yield Line(what=parts[1], worker=numbers[0] + 1, numbers=numbers[1:])
        elif parts[:1] == ["-"] and len(parts) == 5:
            yield Line(what=parts[1], worker=0, numbers=tuple(map(int, parts[2:])))


# ---- for people -----------------------------------------------------------------------------------

_WORKER: Mapping[str, str] = {
    "TAKE": "takes the board",
    "LOSE": "finds that another worker has the board, and stops",
    "RELEASE": "releases the board",
    "OPEN": "commits the row of request {request}: {keys}",
    "AGAIN": "commits that request {request} is sent again",
    "SEND": "sends request {request}",
    "ANSWER": "gets an answer to request {request}: {ids}",
    "SILENCE": "gets no answer to request {request}",
    "SETTLE": "waits until monday cannot be at request {request} any more",
    "LOOK": "looks request {request} up: {ids}",
    "CLOSE": "closes request {request}; the tables have {ids}",
    "WATCH": "closes request {request} and watches it; the tables have {ids}",
    "HEAL": "looks for twins",
    "LIST": "ends the watch of request {request}",
    "KEEP": "adopts {ids}",
    "FORGET": "takes the deleted item of {keys} from the tables",
    "SYNC": "commits {keys} as SYNCED with {ids}",
    "CRASH": "dies",
}
_OTHERS: Mapping[str, str] = {
    "MAKES": "monday makes item {n} of {key} (request {request})",
    "REPLAYS": "monday answers request {request} from memory",
    "FORGETS": "monday forgets its answer to request {request}",
    "REFUSES": "monday refuses {key} of request {request}",
    "REFUSES_ALL": "monday refuses request {request} as a whole",
    "MUMBLES": "monday's answer to request {request} will not name {key}",
    "DROPS": "monday breaks request {request} off, and does not answer",
    "ARCHIVES": "monday archives item {n} of {key}",
    "DELETES": "a person deletes item {n} of {key}",
    "ADDS": "a person adds item {n} of {key}, without its key",
    "EMPTIES": "a person deletes the key of item {n} of {key}",
    "TOUCHES": "a person works on item {n} of {key}",
    "ARRIVES": "version {n} of the order arrives",
    "WRITES": "monday writes version {n} (request {request})",
}


def sentences(lines: Iterable[Line], *, changes: bool) -> list[str]:
    return [sentence(line, changes=changes) for line in lines]


def sentence(line: Line, *, changes: bool) -> str:
    request, rest = line.numbers[0] + 1, line.numbers[1:]
    if not line.worker:
        key = NAMES[rest[0]] if rest[0] < len(NAMES) else ""
        return _OTHERS[line.what].format(request=request, key=key, n=rest[1])
    mask, *ids = rest
    words = {"request": request, "keys": _names(mask), "ids": _items(mask, ids, line.what)}
    if changes:
        words = {"request": request, "keys": f"version {ids[0]}", "ids": f"version {ids[0]}" if ids[0] else "nothing"}
    return f"worker {line.worker} " + _WORKER[line.what].format(**words)


def _names(mask: int) -> str:
    return " and ".join(name for number, name in enumerate(NAMES) if mask >> number & 1) or "nothing"


def _items(mask: int, ids: list[int], what: str) -> str:
    which = 3 if what == "ANSWER" else mask
    there = [f"item {position} of {NAMES[k]}" for k, position in enumerate(ids) if position and which >> k & 1]
    return " and ".join(there) or "nothing"


# ---- for the checker ------------------------------------------------------------------------------


def events_of(lines: Iterable[Line], *, changes: bool) -> list[Event]:
    """The workers' actions as a trace has them. A worker is one run: it has a new name when it takes the board."""
    runs = {1: 0, 2: 0}
    keys: dict[int, tuple[str, ...]] = {}
    archived: dict[str, str] = {}
    events = []
    for line in lines:
        if not line.worker:
            if line.what == "ARCHIVES":
                archived[f"twin {len(archived)}"] = f"{line.numbers[1]}.{line.numbers[2]}"
            continue
        runs[line.worker] += line.what == "TAKE"
        events.append(_event(line, f"worker {line.worker}, run {runs[line.worker]}", keys, archived, changes=changes))
    return events


def _event(
    line: Line, worker: str, keys: dict[int, tuple[str, ...]], archived: dict[str, str], *, changes: bool
) -> Event:
    kind = Kind(line.what)
    number, mask, *positions = line.numbers
    of = tuple(name for k, name in enumerate(NAMES) if mask >> k & 1)
    ids = {NAMES[k]: f"{k}.{position}" for k, position in enumerate(positions) if position}
    if kind is Kind.OPEN:
        keys[number] = of
    own = keys.get(number, of)
    named = {key: monday_id for key, monday_id in ids.items() if key in (own if kind is not Kind.SYNC else of)}
    if changes:
        named = dict.fromkeys(named, "0.1")
    doubt: tuple[str, ...] = ()
    if kind is Kind.SILENCE:
        doubt = ("all",)
    elif kind is Kind.ANSWER:
        named = {f"a{own.index(key)}": monday_id for key, monday_id in named.items()}
        doubt = tuple(f"a{own.index(key)}" for key in of if key in own)
    elif kind is Kind.HEAL:
        named = dict(archived)
        archived.clear()
    return Event(
        kind=kind,
        worker=worker,
        board=BOARD,
        request=f"request {number + 1}",
        operation="change_item" if changes else "create_item",
        keys=own,
        touches=frozenset(own if kind is Kind.OPEN else of),
        ids=named,
        doubt=doubt,
    )
