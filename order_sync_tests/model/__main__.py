"""Searches the protocol, each of its broken forms and each of its holes: `make model`.

In: nothing. Out: states and verdicts, and the history of each hole; the exit code says whether all is as it must be.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from order_sync_tests.model.spin import Search, missing, search
from order_sync_tests.model.story import lines_of, sentences
from order_sync_tests.model.variants import CHANGES, MEANING, VARIANTS, Sort, Variant


def problem(variant: Variant, found: Search) -> str:
    """What is not as it must be, or nothing."""
    if variant.violates is None:
        if found.violated:
            return f"VIOLATED: {found.violated}"
        if not found.is_complete:
            return "NOT SEARCHED COMPLETELY"
        # Where the search is punctual, what answers a late one is never needed.
        unused = found.unreached if not variant.punctual else 0
        return f"{unused} STEPS OF A WORKER ARE NEVER TAKEN" if unused else ""
    if not found.violated:
        return "HOLDS, BUT MUST NOT"
    return "" if found.violated == variant.violates else f"VIOLATED OTHERWISE: {found.violated}"


def verdict(variant: Variant, found: Search) -> str:
    if wrong := problem(variant, found):
        return wrong
    if variant.violates is None:
        return "holds"
    return f"{'refused' if variant.sort is Sort.BROKEN else 'open'}: {MEANING[variant.violates]}"


def story(variant: Variant, found: Search) -> list[str]:
    return sentences(lines_of(found.lines), changes=variant.model == CHANGES)


def play(variant: Variant) -> Search:
    is_short = variant.violates is not None
    return search(variant.model, variant.macros, shortest=variant.sort is Sort.HOLE, is_large=not is_short)


def main(variants: Sequence[Variant] = VARIANTS) -> int:
    if lacking := missing():
        print(f"{lacking}: apt-get install spin gcc libc6-dev", file=sys.stderr)
        return 2
    bad = 0
    for sort in Sort:
        for variant in (each for each in variants if each.sort is sort):
            started = time.monotonic()
            found = play(variant)
            bad += bool(problem(variant, found))
            name = f"{variant.what}{f' ({variant.macro})' if variant.macro else ''}"
            print(f"{sort}: {name}: {verdict(variant, found)}")
            print(
                f"    at most {variant.faults} faults: {found.states:,} states, {found.transitions:,} transitions, "
                f"depth {found.depth:,}, {time.monotonic() - started:.1f} s",
                flush=True,
            )
            if sort is Sort.HOLE or (problem(variant, found) and found.lines):
                print("".join(f"      - {line}\n" for line in story(variant, found)), flush=True)
    print(f"{len(variants)} variants, {bad} not as they must be")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
