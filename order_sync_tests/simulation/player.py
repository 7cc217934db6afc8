"""Plays one story after the other, in a process that does nothing else.

In: stories, and the part that is taken out of the product. Out: how many there were, and which went wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from order_sync_tests.faults.cases import Sabotage
from order_sync_tests.simulation.stage import Stage, stage
from order_sync_tests.simulation.story import Story
from order_sync_tests.simulation.world import Outcome, play, smallest

# Without the idempotency key rows are created twice and healed: it is seen where the watch alone would not miss any.
BASELINE = {Sabotage.KEY: Sabotage.WATCH}


@dataclass
class Played:
    """What some worlds came to."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[Story, str]] = field(default_factory=list)  # stories, shortened, and what went wrong
    checksums: list[str] = field(default_factory=list)

    def add(self, other: Played) -> None:
        self.counts += other.counts
        self.wrong += other.wrong
        self.checksums += other.checksums

    def count(self, outcome: Outcome) -> None:
        kinds = ("lost", "doubled", "stale", "overwritten")
        self.counts += Counter(
            worlds=1,
            runs=outcome.runs,
            deaths=outcome.deaths,
            steps=len(outcome.log),
            calls=outcome.calls,
            wrong=int(bool(outcome.kinds)),
            **{kind: len({*getattr(outcome.verdict, kind)}) for kind in kinds},
        )
        self.checksums.append(outcome.checksum)

    def __str__(self) -> str:
        c = self.counts
        return (
            f"{c['worlds']:,} worlds, {c['runs']:,} runs of which {c['deaths']:,} died, {c['steps']:,} steps, "
            f"{c['calls']:,} calls: {c['lost']} lost, {c['doubled']} doubled, {c['stale']} stale, "
            f"{c['overwritten']} edits overwritten, {c['wrong']} worlds wrong"
        )


@dataclass(frozen=True, kw_only=True)
class Player:
    """How worlds are played: by a process of its own, which plays nothing else."""

    part: Sabotage
    is_first_enough: bool

    def open(self) -> None:
        opened = stage()
        _open.append((opened, opened.__enter__()))

    def play(self, stories: Sequence[Story]) -> Played:
        here, played = _open[0][1], Played()
        for story in stories:
            outcome = play(here, story, self.part)
            played.count(outcome)

            def is_wrong(candidate: Story, kinds: set[str] = outcome.kinds) -> bool:
                if not kinds & play(here, candidate, self.part).kinds:
                    return False
                return self.part not in BASELINE or not play(here, candidate, baseline(self.part)).kinds

            if outcome.kinds and is_wrong(story):
                short = smallest(story, is_wrong)
                played.wrong.append((short, str(play(here, short, self.part).verdict)))
                if self.is_first_enough:
                    break
        return played


_open: list[tuple[AbstractContextManager[Stage], Stage]] = []  # until the process ends


def baseline(part: Sabotage) -> Sabotage:
    """What else may be taken out where all must be well."""
    return BASELINE.get(part, Sabotage.NONE)
