"""The short form of `make model`, and that the model, the checker and the recorder mean the same by their words.

In: the models, Spin and gcc. Out: verdicts with fewer faults than the long form; skipped where a tool is missing.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from order_sync_tests.model.__main__ import problem, story
from order_sync_tests.model.checker import check
from order_sync_tests.model.events import Kind
from order_sync_tests.model.spin import FOLDER, missing, search, simulate
from order_sync_tests.model.story import events_of, lines_of
from order_sync_tests.model.variants import CHANGES, JOURNAL, VARIANTS, Variant

needs_spin = pytest.mark.skipif(bool(missing()), reason=missing())
# What the checker says of a history that breaks the protocol: one of these. Nothing of the others, because a trace does
# not show what people do, how late a search is, and which version a request writes.
NAMED = {
    "NO_JOURNAL": {"one request for a row"},
    "LATE_JOURNAL": {"written down first"},
    "NO_LOOK": {"two looks"},
    "ONE_LOOK": {"two looks"},
    "EARLY_REST": {"sure of the rest"},
    "EARLY_CLOSE": {"ids with the closing"},
    "NO_LEASE": {"under the lease", "still under the lease"},
    "NO_WATCH": {"watched"},
    "UNWATCHED_REFUSAL": {"watched"},
    "NO_SETTLE": {"settled first"},
    "SUSPENDED": {"still under the lease"},
    "TWO_DATABASES": {"under the lease"},  # were they one
}


def test_actions_of_the_model_are_the_kinds_of_events() -> None:
    texts = [(FOLDER / model).read_text(encoding="utf-8") for model in (JOURNAL, CHANGES)]
    assert {name for text in texts for name in re.findall(r"\bdid\(([A-Z]+)", text)} == {str(kind) for kind in Kind}


@needs_spin
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: f"{variant.macro or variant.what} {variant.model}")
def test_each_variant_has_its_verdict(variant: Variant) -> None:
    variant = replace(variant, faults=min(variant.faults, 2))
    found = search(variant.model, variant.macros)
    assert problem(variant, found) == "", "\n".join(story(variant, found))
    broken = {violation.rule for violation in check(events_of(lines_of(found.lines), changes=variant.model == CHANGES))}
    named = NAMED.get(variant.macro, set())
    assert bool(broken & named) if named else broken == set(), "\n".join(story(variant, found))


@needs_spin
@pytest.mark.parametrize("model", [JOURNAL, CHANGES])
def test_the_checker_accepts_histories_of_the_protocol(model: str) -> None:
    kinds = set()
    for seed in range(10):
        events = events_of(lines_of(simulate(model, {"FAULTS": 20}, seed)), changes=model == CHANGES)
        assert list(map(str, check(events))) == [], seed
        kinds |= {event.kind for event in events}
    assert kinds >= {Kind.CRASH, Kind.SETTLE, Kind.LOOK, Kind.CLOSE, Kind.SYNC}
