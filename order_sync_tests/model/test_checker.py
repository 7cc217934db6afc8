"""Each rule of the checker, by the shortest history that breaks it and no other.

In: events made by hand. Out: the rule that they break.
"""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from order_sync_tests.model.checker import RULES, check
from order_sync_tests.model.events import OFF, Event, Kind
from order_sync_tests.model.spin import FOLDER

SETTLE, LATE = 65.0, 90.0


def did(kind: Kind, worker: str = "run-1", **more: object) -> Event:
    about_one = kind not in (
        Kind.TAKE,
        Kind.RELEASE,
        Kind.LOSE,
        Kind.HEAL,
        Kind.KEEP,
        Kind.FORGET,
        Kind.SYNC,
        Kind.CRASH,
    )
    event = Event(kind=kind, worker=worker, board=1, request="first" if about_one else "")
    return replace(event, **more)  # type: ignore[arg-type]


TAKE, RELEASE = did(Kind.TAKE, at=0.0), did(Kind.RELEASE)
OPEN = did(
    Kind.OPEN, operation="create_item", keys=("a", "b"), touches=frozenset({"row a", "row b"}), body="as it was opened"
)
SEND = did(Kind.SEND, body="as it was opened", at=0.0)
MADE = {"a": "1", "b": "2"}
ANSWER, CLOSE = did(Kind.ANSWER, ids={"a0": "1", "a1": "2"}), did(Kind.CLOSE, ids=MADE)
SILENCE, AGAIN = did(Kind.SILENCE, doubt=("all",)), did(Kind.AGAIN)
LATER = did(Kind.SETTLE, settle=SETTLE, late=LATE, at=SETTLE + LATE)
NOTHING = did(Kind.LOOK, at=1.0, settle=SETTLE, late=LATE)
PART, ALL = replace(NOTHING, ids={"a": "1"}), replace(NOTHING, ids=MADE)
WATCH, HEAL = did(Kind.WATCH, ids=MADE), did(Kind.HEAL)
HALF = replace(WATCH, ids={"a": "1"})
SYNC = did(Kind.SYNC, ids=MADE, touches=frozenset({"row a", "row b"}))
CHANGE = replace(OPEN, operation="change_item")
SECOND = replace(OPEN, request="second")
BEGUN = (TAKE, OPEN, SEND)
DONE = (*BEGUN, ANSWER, CLOSE)
DOUBTED = (*BEGUN, SILENCE, ALL, WATCH)
OTHER = "run-2"
THEIRS = did(Kind.TAKE, OTHER)

ALLOWED = {
    "an answer": (*DONE, SYNC, RELEASE),
    "a look that shows all": (*DOUBTED, SYNC, RELEASE),
    "two looks, and again": (*BEGUN, SILENCE, NOTHING, LATER, NOTHING, AGAIN, SEND, ANSWER, WATCH),
    "a look that is late enough": (*BEGUN, SILENCE, replace(NOTHING, at=SETTLE + LATE), AGAIN, SEND, ANSWER, WATCH),
    "a part, and the rest anew": (*BEGUN, SILENCE, LATER, PART, HALF, SECOND),
    "a refusal, and again": (*BEGUN, did(Kind.ANSWER), AGAIN, SEND, ANSWER, CLOSE),
    "nothing has left": (*BEGUN, did(Kind.SILENCE), AGAIN, SEND, ANSWER, CLOSE),
    "a row without an answer": (*BEGUN, replace(ANSWER, ids={"a0": "1"}, doubt=("a1",)), LATER, NOTHING, HALF),
    "a change that settles": (TAKE, CHANGE, SEND, SILENCE, LATER, NOTHING, did(Kind.CLOSE)),
    "another run takes it up": (
        *BEGUN,
        did(Kind.CRASH),
        THEIRS,
        replace(ALL, worker=OTHER),
        replace(WATCH, worker=OTHER),
    ),
    "twins are looked for": (*DOUBTED, RELEASE, THEIRS, did(Kind.HEAL, OTHER), replace(SECOND, worker=OTHER)),
    "the watch has ended": (*DOUBTED, did(Kind.LIST), RELEASE, THEIRS, replace(SECOND, worker=OTHER)),
    "a cancelled order": (TAKE, replace(SYNC, ids={"a": OFF})),
    "deleted, and made anew": (*DONE, did(Kind.FORGET, ids={"a": "1"}), replace(SECOND, touches=frozenset({"row a"}))),
}
FORBIDDEN = {
    "written down first": (TAKE, SEND),
    "under the lease": (OPEN,),
    "still under the lease": (TAKE, OPEN, THEIRS, SEND),
    "one request for a row": (TAKE, OPEN, SECOND),
    "noted again": (*BEGUN, did(Kind.ANSWER), SEND),
    "two looks": (*BEGUN, SILENCE, NOTHING, AGAIN, SEND),
    "never again": (TAKE, CHANGE, SEND, SILENCE, LATER, NOTHING, AGAIN, SEND),
    "settled": (*BEGUN, SILENCE, replace(LATER, at=SETTLE)),
    "sure of the rest": (*BEGUN, SILENCE, PART, HALF),
    "settled first": (TAKE, CHANGE, SEND, SILENCE, ALL, did(Kind.CLOSE)),
    "ids with the closing": (*BEGUN, ANSWER, replace(CLOSE, ids={"a": "1"})),
    "no id from nowhere": (*BEGUN, ANSWER, replace(CLOSE, ids=MADE | {"b": "3"})),
    "watched": (*BEGUN, SILENCE, ALL, CLOSE),
    "twins first": (*DOUBTED, RELEASE, THEIRS, replace(SECOND, worker=OTHER)),
    "keeps its own": (*DOUBTED, replace(HEAL, ids={"a": "1"})),
    "nothing in doubt": (*BEGUN, SYNC),
    "on the board": (TAKE, replace(SYNC, ids={"a": ""})),
    "dead": (TAKE, did(Kind.CRASH), RELEASE),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_the_protocol_allows(name: str) -> None:
    assert list(map(str, check(ALLOWED[name]))) == []


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_broken_by_its_own_history(rule: str) -> None:
    found = check(FORBIDDEN[rule])
    assert [violation.rule for violation in found] == [rule]
    assert found[0].number == len(FORBIDDEN[rule]) - 1
    assert RULES[rule] in str(found[0])


@pytest.mark.parametrize("name", ["checker.py", "events.py", "story.py", "variants.py", "spin.py"])
def test_what_judges_imports_nothing_of_order_sync(name: str) -> None:
    tree = ast.parse((FOLDER / name).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module for module in imported if module.split(".")[0] == "order_sync"} == set()
