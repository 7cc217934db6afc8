"""Mutation tests of the modules in pyproject.toml: `make mutants`, or `make mutants MODULE="decide commit"`.

In: the tests without a mutant, then with each. Out: a line for each module. Fails at a branch that no test takes, at a
survivor without a reason in explained.toml, at a reason that is not true any more, and if too few mutants are killed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass

from order_sync_tests.mutants import cover, run
from order_sync_tests.mutants.explained import Explained, Key, read_explained, stale, unexplained
from order_sync_tests.mutants.settings import ROOT, Settings, read_settings


@dataclass(frozen=True, kw_only=True)
class Tally:
    module: str
    mutants: int
    survivors: list[Key]
    unexplained: list[Key]
    stale: list[Explained]
    seconds: float

    @property
    def killed(self) -> int:
        return self.mutants - len(self.survivors)


def read_tally(module: str, *, whole: bool) -> Tally:
    results = json.loads(run.file_of(module).read_text(encoding="utf-8"))
    verdicts = Counter(result["verdict"] for result in results)
    survivors = [tuple(result["key"]) for result in results if result["verdict"] in (run.SURVIVED, run.NO_TEST)]
    entries = read_explained()
    return Tally(
        module=module,
        mutants=len(results) - verdicts[run.INVALID],
        survivors=survivors,
        unexplained=unexplained(module, survivors, entries),
        stale=stale(module, survivors, entries) if whole else [],
        seconds=sum(result["seconds"] for result in results),
    )


def untaken_branches(settings: Settings) -> list[str]:
    found = json.loads(cover.FILE.read_text(encoding="utf-8"))["modules"]
    lines = []
    for name, path in settings.modules.items():
        of = found[name]
        missing = [f"line {line} is not reached" for line in of["missing"]]
        missing += [f"line {start} never leads to {end}" for start, end in of["untaken"]]
        lines += [f"{path.relative_to(ROOT)}: {what}" for what in missing]
        print(f"{name}: {of['branches']} branches, {len(of['untaken'])} not taken", flush=True)
    return lines


def show(tally: Tally) -> None:
    explained = len(tally.survivors) - len(tally.unexplained)
    print(
        f"{tally.module}: {tally.mutants} mutants, {tally.killed} killed, {len(tally.survivors)} survived, "
        f"{explained} explained, {tally.seconds:.0f} s",
        flush=True,
    )
    for function, before, after in tally.unexplained:
        print(f"  survived: {function}\n    - {before}\n    + {after}")
    for entry in tally.stale:
        print(f"  explained, but killed or not there: {entry.function}\n    - {entry.before}\n    + {entry.after}")


def _run(module: str, every: int, *, again: bool) -> None:
    command = [sys.executable, "-m", run.__name__, module, str(every), *(["--again"] if again else [])]
    subprocess.run(command, cwd=ROOT, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m order_sync_tests.mutants", description=__doc__)
    parser.add_argument("module", nargs="*", help="only these, such as decide")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth mutant")
    parser.add_argument("--again", action="store_true", help="only those that are new, or survived the last time")
    parser.add_argument("--covered", action="store_true", help="the tests are as they were: do not measure them again")
    parser.add_argument("--show", action="store_true", help="only the results of the last time")
    given = parser.parse_args()
    settings = read_settings()
    modules = given.module or list(settings.modules)
    if not (given.covered or given.show):
        began = time.monotonic()
        if code := subprocess.run([sys.executable, "-m", cover.__name__], cwd=ROOT, check=False).returncode:
            print("the tests fail without a mutant")
            return code
        print(f"the tests without a mutant: {time.monotonic() - began:.0f} s", flush=True)
    untaken = untaken_branches(settings)
    print(*untaken, sep="\n")
    tallies = []
    for module in modules:
        if not given.show:
            _run(module, given.every, again=given.again)
        tallies.append(read_tally(module, whole=given.every == 1))
        if tallies[-1].unexplained and not given.show:
            # Once more, with twice the time: the test that kills one may come late.
            _run(module, given.every, again=True)
            tallies[-1] = read_tally(module, whole=given.every == 1)
        show(tallies[-1])
    total, killed = sum(tally.mutants for tally in tallies), sum(tally.killed for tally in tallies)
    percent = 100 * killed / max(1, total)
    print(f"all: {total} mutants, {killed} killed ({percent:.1f}%)")
    wrong = any(tally.unexplained or tally.stale for tally in tallies)
    return int(bool(untaken) or wrong or percent < settings.at_least)


if __name__ == "__main__":
    raise SystemExit(main())
