"""Runs the mutants of one module: each in a fork of a process that has collected the tests and started the emulator.

In: the module's name, and the tests that reach each of its lines (cover.py). Out: .mutants/<module>.json, what killed
each mutant. A mutant is a function's code put in place of the original's, so it costs a fork and the tests that it
runs: those that have killed its neighbours first, then the quickest; the first failure ends it.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from order_sync_tests.mutants import cover
from order_sync_tests.mutants.generate import Mutant, mutants_of
from order_sync_tests.mutants.settings import FOLDER, Settings, read_settings

Key = tuple[str, str, str]  # function, and its line before and after
TIME_OUT, SURVIVED, NO_TEST, INVALID = "time-out", "survived", "no test reaches it", "invalid"
NEW_SECONDS = 0.05  # of a test that has not been measured yet
# Where the tests have their session's fixtures from: these are set up once, before the first fork.
SHARED_FIXTURES = ("mapping", "board_process", "empty_file")


@dataclass
class Mutate:
    """A plugin of pytest: instead of running each test once, it runs each mutant."""

    module: str
    path: Path
    settings: Settings
    known: list[dict[str, Any]]  # mutants that were killed the last time: they are not run again
    every: int
    results: list[dict[str, Any]] = field(default_factory=list)

    def pytest_configure(self) -> None:
        import hypothesis  # not before pytest, which warns of that

        once = (hypothesis.Phase.explicit, hypothesis.Phase.generate)  # that it fails is enough
        hypothesis.settings.register_profile("mutants", database=None, derandomize=True, phases=once)
        hypothesis.settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        measured = json.loads(cover.FILE.read_text(encoding="utf-8"))
        items = {item.nodeid: item for item in session.items}
        text = self.path.read_text(encoding="utf-8")
        runs = _Runs(
            session=session,
            items=items,
            seconds=measured["seconds"],
            reached_by=cover.reached_by(measured["modules"][self.module], text),
            functions=_functions_of(self.path),
            path=self.path,
            most_seconds=self.settings.most_seconds * (2 if self.known else 1),
        )
        runs.set_up_shared()
        gc.collect()
        gc.freeze()  # or each fork would copy all of it, and look through it again and again
        mutants = mutants_of(text, self.settings.skip_calls)[:: self.every]
        keys = {mutant.key for mutant in mutants}
        self.results = [result for result in self.known if tuple(result["key"]) in keys]
        killed = {tuple(result["key"]) for result in self.results}
        mutants = [mutant for mutant in mutants if mutant.key not in killed]
        for number, mutant in enumerate(mutants, 1):
            began = time.monotonic()
            verdict = runs.verdict(mutant)
            seconds = round(time.monotonic() - began, 2)
            self.results.append({"key": mutant.key, "verdict": verdict, "seconds": seconds, "line": mutant.lines.start})
            if number % 25 == 0 or number == len(mutants):
                text = json.dumps(self.results, indent=0, ensure_ascii=False)
                file_of(self.module).write_text(text, encoding="utf-8")
            if verdict in (SURVIVED, NO_TEST) or number % 50 == 0:
                print(f"{number}/{len(mutants)} {verdict}: {mutant.function}: {mutant.after}", file=sys.stderr)
        return True


@dataclass
class _Runs:
    session: pytest.Session
    items: dict[str, pytest.Item]
    seconds: dict[str, float]
    reached_by: dict[int, list[str]]
    functions: dict[tuple[str, int], list[FunctionType]]
    path: Path
    most_seconds: float
    kills: dict[str, Counter[str]] = field(default_factory=dict)  # by function and test

    @cached_property
    def unmeasured(self) -> set[str]:
        """Tests of this module that are newer than what was measured: they may reach any line of it."""
        found = {test for test in self.items.keys() - self.seconds.keys() if self.path.stem in test.partition("::")[0]}
        self.seconds = self.seconds | dict.fromkeys(found, NEW_SECONDS)
        return found

    def set_up_shared(self) -> None:
        """Runs one test that needs nothing else, so that every fork finds what a session has only once."""
        needing: dict[str, pytest.Item] = {}
        for item in sorted(self.items.values(), key=lambda item: self.seconds.get(item.nodeid, 1e9)):
            for fixture in getattr(item, "fixturenames", ()):
                needing.setdefault(fixture, item)
        for item in {needing[name].nodeid: needing[name] for name in SHARED_FIXTURES if name in needing}.values():
            self._run(item)

    def verdict(self, mutant: Mutant) -> str:
        tests = self._tests(mutant)
        if not tests:
            return NO_TEST
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            self._be(mutant, tests, writing)
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # what a test has started
        if os.WIFSIGNALED(status):
            return TIME_OUT
        if said in self.items:
            self.kills.setdefault(mutant.function, Counter())[said] += 1
        return said or "crash"

    def _tests(self, mutant: Mutant) -> list[str]:
        """The tests that reach what is changed, the likeliest and cheapest first.

        All of those that are about the module, and of the others for as long as a mutant may take.
        """
        found = {test for line in mutant.lines for test in self.reached_by.get(line, ())} & self.items.keys()
        if not found:  # a line that is newer than what was measured: those that reach its function
            near = range(mutant.line, mutant.lines.stop)
            found = {test for line in near for test in self.reached_by.get(line, ())} & self.items.keys()
        found |= self.unmeasured
        kills, others = self.kills.get(mutant.function, Counter()), Counter[str]()

        def is_about_it(test: str) -> bool:
            return self.path.stem in test.partition("[")[0]  # by the name of its file

        def price(test: str) -> float:
            # What a test has missed with other parameters it is likely to miss again.
            name = test.partition("[")[0]
            others[name] += 1
            return (
                (self.seconds[test] + 0.02) * others[name] / ((1 + 4 * kills[test]) * (5 if is_about_it(test) else 1))
            )

        prices = {test: price(test) for test in sorted(found, key=lambda test: (self.seconds[test], test))}
        tests = sorted(prices, key=lambda test: prices[test])
        spent = accumulate(0.0 if is_about_it(test) else self.seconds[test] for test in tests)
        return [
            test
            for test, seconds in zip(tests, spent, strict=True)
            if is_about_it(test) or seconds <= self.most_seconds
        ] or tests[:1]

    # ---- in the fork ------------------------------------------------------------------------------

    def _be(self, mutant: Mutant, tests: Sequence[str], writing: int) -> None:
        """Becomes the mutant, and ends."""
        said = "crash"
        try:
            os.setpgid(0, 0)
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            self.session.config.pluginmanager.unregister(name="terminalreporter")
            said = self._first_to_fail(mutant, tests)
        finally:
            os.write(writing, said.encode())
            os._exit(0)

    def _first_to_fail(self, mutant: Mutant, tests: Sequence[str]) -> str:
        try:
            code = compile(mutant.text, str(self.path), "exec", dont_inherit=True)
        except SyntaxError:
            return INVALID
        _no_pauses()
        place = mutant.function, mutant.line
        for function in self.functions[place]:
            function.__code__ = _within(code)[place]
        for test in tests:
            seconds = self.seconds[test]
            # SIGPROF for what spins, SIGALRM for what waits: both end a process that does not expect them.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_PROF, 3 + 5 * seconds)
            signal.setitimer(signal.ITIMER_REAL, 20 + 20 * seconds)
            if self._run(self.items[test]):
                return test
        return SURVIVED

    def _run(self, item: pytest.Item) -> bool:
        """Whether the test fails. What its session has set up stays."""
        failures = _Failures()
        self.session.config.pluginmanager.register(failures)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=_AnyOther(self.session))
        self.session.config.pluginmanager.unregister(failures)
        return failures.found


@dataclass
class _Failures:
    found: bool = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
        """Without the traceback of a failure, which would take longer than most tests."""
        if call.excinfo is None or call.excinfo.errisinstance(pytest.skip.Exception):
            return None
        self.found = True
        return pytest.TestReport(item.nodeid, item.location, {}, "failed", longrepr=None, when="call")

    def __hash__(self) -> int:
        return id(self)


@dataclass
class _AnyOther:
    """Stands for the next test where that has nothing in common with the one before it but the session."""

    session: pytest.Session

    def listchain(self) -> list[Any]:
        return [self.session]


def _no_pauses() -> None:
    """A transaction that is tried again need not wait: most mutants of one never succeed."""
    from order_sync.database import connection

    vars(connection)["sleep"] = lambda seconds: None


def _functions_of(path: Path) -> dict[tuple[str, int], list[FunctionType]]:
    """The functions of a module that are alive, whatever wraps them, by name and first line."""
    gc.unfreeze()  # conftest.py hides from the garbage collector what has been imported
    found: dict[tuple[str, int], list[FunctionType]] = {}
    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__.co_filename == str(path):
            code = each.__code__
            found.setdefault((code.co_qualname, code.co_firstlineno), []).append(each)
    return found


def _within(module: CodeType) -> dict[tuple[str, int], CodeType]:
    """The code of every function and class, by name and first line."""

    def all_of(code: CodeType) -> Iterator[CodeType]:
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield constant
                yield from all_of(constant)

    return {(code.co_qualname, code.co_firstlineno): code for code in all_of(module)}


def file_of(module: str) -> Path:
    return FOLDER / f"{module}.json"


def run(module: str, *, again: bool = False, every: int = 1) -> int:
    """Runs the mutants of a module; `again` only those that are new, or survived the last time."""
    settings = read_settings()
    before = json.loads(file_of(module).read_text(encoding="utf-8")) if again else []
    alive = [result["key"] for result in before if result["verdict"] in (SURVIVED, NO_TEST)]
    known = [result for result in before if result["key"] not in alive]
    plugin = Mutate(module, settings.modules[module], settings, known, every)
    return int(pytest.main(cover.arguments(settings), plugins=[plugin]))


if __name__ == "__main__":
    name, steps, *rest = sys.argv[1:]
    raise SystemExit(run(name, again=bool(rest), every=int(steps)))
