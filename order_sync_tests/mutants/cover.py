"""The tests once without a mutant: which of them reach which line, how long each takes, and the branches none takes.

In: the tests of the settings. Out: .mutants/cover.json.
Run in a process of its own, before anything of order_sync is imported: the lines of an import count, too.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

import coverage
import pytest

from order_sync_tests.mutants.settings import FOLDER, Settings, read_settings

FILE = FOLDER / "cover.json"


@dataclass
class Contexts:
    """Names the test that runs to `coverage`, and measures it."""

    measured: coverage.Coverage
    seconds: dict[str, float] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool | None, bool | None]:
        self.measured.switch_context(item.nodeid)
        began = time.process_time()  # on a busy machine the same
        done = yield
        self.seconds[item.nodeid] = round(time.process_time() - began, 3)
        return done


def arguments(settings: Settings, tests: Sequence[str] = ()) -> list[str]:
    """What pytest is called with, here and for the mutants."""
    deselected = [f"--deselect={test}" for test in settings.deselect]
    plain = ["-q", "--no-header", "-p", "no:cacheprovider", "-r", "fE"]
    return [*plain, "-k", "not mssql", *deselected, *(tests or (*settings.tests, *settings.more_tests))]


def measure(settings: Settings, tests: Sequence[str] = ()) -> int:
    """Runs the tests, or adds to what is known what some of them reach; returns pytest's exit code."""
    FOLDER.mkdir(exist_ok=True)
    measured = coverage.Coverage(
        data_file=None,
        branch=True,
        config_file=False,
        include=[str(path) for path in settings.modules.values()],
        messages=False,
    )
    # The default ones, and what mypy alone reads, and the ends of loops that cannot be reached.
    measured.exclude(r"raise AssertionError\(.unreachable")
    measured.exclude(r"if TYPE_CHECKING:")
    measured.start()
    contexts = Contexts(measured)
    code = pytest.main(arguments(settings, tests), plugins=[contexts])
    measured.stop()
    data = measured.get_data()
    found = {}
    for name, path in settings.modules.items():
        _, _, _, missing, _ = measured.analysis2(str(path))
        analysis = measured._analyze(str(path))
        found[name] = {
            "text": path.read_text(encoding="utf-8"),
            "lines": {str(line): sorted(filter(None, of)) for line, of in data.contexts_by_lineno(str(path)).items()},
            "missing": missing,
            "branches": sum(total for total, _ in analysis.branch_stats().values()),
            "untaken": [[start, end] for start, ends in analysis.missing_branch_arcs().items() for end in ends],
        }
    measured_now = {"seconds": contexts.seconds, "modules": found}
    if tests:
        measured_now = _added(json.loads(FILE.read_text(encoding="utf-8")), measured_now)
    FILE.write_text(json.dumps(measured_now), encoding="utf-8")
    return int(code)


def moved(before: str, after: str) -> dict[int, int]:
    """Where the lines of a module are that have only moved."""
    blocks = SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False).get_matching_blocks()
    return {block.a + n + 1: block.b + n + 1 for block in blocks for n in range(block.size)}


def reached_by(measured: dict[str, Any], text: str) -> dict[int, list[str]]:
    """The tests that reach each line of a module as it is now."""
    return {now: measured["lines"].get(str(then), []) for then, now in moved(measured["text"], text).items()}


def _added(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What all tests reach, after some of them were measured again."""
    for name, of in now["modules"].items():
        known = before["modules"][name]
        lines = moved(known["text"], of["text"])
        for line, tests in reached_by(known, of["text"]).items():
            of["lines"][str(line)] = sorted({*of["lines"].get(str(line), ()), *tests})
        missing = {lines.get(line) for line in known["missing"]}
        untaken = {(lines.get(start), lines.get(abs(end))) for start, end in known["untaken"]}
        old = set(lines.values())
        of["missing"] = [line for line in of["missing"] if line in missing or line not in old]
        of["untaken"] = [
            [start, end] for start, end in of["untaken"] if (start, abs(end)) in untaken or not {start, abs(end)} <= old
        ]
    return {"seconds": before["seconds"] | now["seconds"], "modules": now["modules"]}


if __name__ == "__main__":
    raise SystemExit(measure(read_settings(), sys.argv[1:]))
