"""The long form of the proof: `make faults`.

In: nothing. Out: progress, every violation, and one line that sums up; the exit code says whether it is clean.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable

from order_sync_tests.faults import machine
from order_sync_tests.faults.cases import Around, Case, Mode, Result, Way
from order_sync_tests.faults.crew import Crew, crew
from order_sync_tests.faults.plan import every_case, runs, soaks, thinned
from order_sync_tests.faults.verdict import Verdict

REPORT_SECONDS = 15
EXAMPLES, ACTS = 40, 15  # of the state machine


class Tally:
    """What has been played so far."""

    def __init__(self) -> None:
        self.verdict = Verdict()
        self.played: Counter[str] = Counter()
        self.points: set[tuple[str, Way, Around, int]] = set()
        self.modes: set[tuple[str, Way, Mode, Around, bool]] = set()
        self.missed = 0
        self.bad: list[Result] = []
        self.rows = self.healed = 0
        self._started = self._reported = time.monotonic()

    def take(self, result: Result, number: int, total: int) -> None:
        case = result.case
        if not result.struck:
            self.missed += 1
        else:
            name = f"{case.driver}, {case.way}, {case.mode}, {case.around}"
            self.played[name + (", twice" if case.again else "")] += 1
            self.modes.add((case.driver, case.way, case.mode, case.around, case.again is not None))
        if case.mode is not Mode.SOAK:
            self.points.add((case.driver, case.way, case.around, case.step))
        self.rows += result.count
        self.healed += result.healed
        self.verdict.add(result.verdict)
        if not result.verdict:
            self.bad.append(result)
            print(f"VIOLATION {result}", flush=True)
        now = time.monotonic()
        if now - self._reported > REPORT_SECONDS or number == total:
            self._reported = now
            print(f"{now - self._started:6.0f} s  {number} of {total} cases, {len(self.bad)} bad", flush=True)


def play(team: Crew, cases: Iterable[Case], tally: Tally) -> None:
    wanted = list(cases)
    for number, result in enumerate(team.play(wanted), start=1):
        tally.take(result, number, len(wanted))


def stories(team: Crew) -> str:
    """What the state machine found wrong, or nothing."""
    try:
        machine.play(team, examples=EXAMPLES, acts=ACTS)
    except AssertionError as error:
        print(f"VIOLATION {error}", "\n".join(getattr(error, "__notes__", ())), flush=True)
        return str(error)
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m order_sync_tests.faults.sweep", description=__doc__)
    parser.add_argument("--workers", type=int, help="processes (default: two for each processor, at most four)")
    parser.add_argument("--every", type=int, default=1, help="play only every n-th case")
    parser.add_argument("--from", type=int, default=0, dest="first", help="begin with this case")
    options = parser.parse_args()
    tally = Tally()
    with crew(options.workers or min(2 * (os.cpu_count() or 1), 4)) as team:
        steps = {(result.case.way, result.case.around): result.steps for result in team.play(runs())}
        counts = sorted((f"{way}, {around}", len(found)) for (way, around), found in steps.items())
        print("steps of a run: " + "; ".join(f"{name}: {count}" for name, count in counts), flush=True)
        print(f"thinned out: {thinned()}", flush=True)
        play(team, list(every_case(steps))[options.first :: options.every], tally)
        sweep = sum(tally.played.values())
        print(f"soak: {len(soaks())} seeds", flush=True)
        play(team, soaks(), tally)
        print(f"state machine: {EXAMPLES} stories of up to {ACTS} acts", flush=True)
        story = stories(team)
    for name, count in sorted(tally.played.items()):
        print(f"  {count:5} {name}")
    print(f"{sweep} cases in the sweep, {tally.missed} more whose run ended before the step; {tally.rows} rows soaked")
    found = {name: len(rows) for name, rows in vars(tally.verdict).items()}
    if found["wrong"] or story:
        print(f"{found['wrong']} other violations{'; the state machine found one, too' if story else ''}")
    print(f"{tally.healed} twins were archived; those that were left count as doubled")
    print(
        f"{len(tally.points)} fault points x {len(tally.modes)} modes: {found['lost']} lost, "
        f"{found['doubled']} doubled, {found['stale']} stale, {found['overwritten']} edits overwritten"
    )
    return int(bool(tally.bad or story))


if __name__ == "__main__":
    sys.exit(main())
