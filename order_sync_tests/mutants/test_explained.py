"""The list of explained mutants fits the code: what `make test` can see of it without running a mutant."""

from __future__ import annotations

from collections import Counter

from order_sync_tests.mutants.explained import Explained, read_explained, stale, unexplained, without_line
from order_sync_tests.mutants.settings import read_settings

ENTRY = Explained(module="decide", function="A.b", before="x = 1", after="x = 2", reason="any x will do here")
TEXT = "class A:\n    def a(self):\n        x = 2\n\n    def b(self):\n        x = 1\n"


def test_every_explained_mutant_is_of_a_line_in_its_function() -> None:
    modules = read_settings().modules
    texts = {name: path.read_text(encoding="utf-8") for name, path in modules.items()}
    entries = read_explained()
    assert {entry.module for entry in entries} <= texts.keys()
    assert [entry.key for entry in entries if without_line(entry, texts[entry.module])] == []


def test_every_mutant_is_explained_once_and_in_words() -> None:
    entries = read_explained()
    assert [key for key, count in Counter((entry.module, entry.key) for entry in entries).items() if count > 1] == []
    assert [entry.key for entry in entries if len(entry.reason.split()) < 4] == []


def test_a_line_of_another_function_is_none_of_this() -> None:
    assert not without_line(ENTRY, TEXT)
    assert without_line(ENTRY, TEXT.replace("x = 1", "x = 3"))
    assert without_line(Explained(**(vars(ENTRY) | {"function": "A.a"})), TEXT)
    assert without_line(Explained(**(vars(ENTRY) | {"function": "b"})), TEXT)


def test_a_survivor_needs_a_reason_and_a_reason_a_survivor() -> None:
    other = ("A.b", "x = 1", "x = None")
    assert unexplained("decide", [ENTRY.key, other], [ENTRY]) == [other]
    assert unexplained("commit", [ENTRY.key], [ENTRY]) == [ENTRY.key]
    assert stale("decide", [other], [ENTRY]) == [ENTRY]
    assert stale("decide", [ENTRY.key], [ENTRY]) == stale("commit", [], [ENTRY]) == []
