"""Runs in child processes: a death there is a real one, and takes nothing along but the run.

In: what to run, and what strikes it. Out: how the child ended, and the steps it reached.
A child leaves its steps and its error in files, which its death does not touch.
"""

from __future__ import annotations

import gc
import json
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from order_sync.orders.errors import OrderSyncError
from order_sync_tests.faults.cases import Sabotage, Way
from order_sync_tests.faults.drive import aware_of_sleep, going, odd_clock, quick_time
from order_sync_tests.faults.sabotage import sabotaged
from order_sync_tests.faults.steps import Step, Steps, Where, watching
from order_sync_tests.faults.strikes import DIED, Strike
from order_sync_tests.faults.traces import kept

HANGS = 300  # seconds after which a run is ended: far more than any needs, on a busy machine too
DONE, FAILED = 0, 71
UNFORESEEN = "UNFORESEEN"
FILES = 1_024


class Child:
    """One run in a forked process."""

    def __init__(
        self,
        run: Callable[[], None],
        home: Path,
        strike: Strike,
        *,
        way: Way = Way.REQUESTS,
        sabotage: Sabotage = Sabotage.NONE,
    ) -> None:
        self._home = home
        self._status: int | None = None
        self._pid = os.fork()
        if not self._pid:
            _live(run, home, strike, way, sabotage)

    def stops(self) -> bool:
        """Waits until it stops itself, or ends."""
        _, status = os.waitpid(self._pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return True
        self._status = status
        return False

    def go_on(self) -> None:
        os.kill(self._pid, signal.SIGCONT)

    def kill(self) -> None:
        if not self.has_ended():
            os.kill(self._pid, signal.SIGKILL)

    def has_ended(self) -> bool:
        """Does not wait."""
        if self._status is None:
            ended, status = os.waitpid(self._pid, os.WNOHANG)
            self._status = status if ended else None
        return self._status is not None

    def end(self) -> str:
        """Waits for its end: done, died, killed, or with which error."""
        if self._status is None:
            self._status = os.waitpid(self._pid, 0)[1]
        if os.WIFSIGNALED(self._status):
            ends = {signal.SIGKILL: "killed", signal.SIGALRM: f"{UNFORESEEN}: hangs"}
            return ends.get(signal.Signals(os.WTERMSIG(self._status)), f"{UNFORESEEN}: status {self._status}")
        code = os.WEXITSTATUS(self._status)
        if code == FAILED:
            return self._file("error").read_text(encoding="utf-8")
        return {DONE: "done", DIED: "died"}.get(code, f"{UNFORESEEN}: exit {code}")

    def steps(self) -> list[Step]:
        lines = self._file("steps").read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines]
        return [Step(number=n, where=Where(where), what=what) for n, (where, what) in enumerate(found)]

    def _file(self, kind: str) -> Path:
        return self._home / f"{self._pid}.{kind}"


class _KeptSteps(Steps):
    """Steps that a death does not take along."""

    def __init__(self, strike: Strike, path: Path) -> None:
        super().__init__(strike)
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def keep(self, step: Step) -> None:
        self._file.write(json.dumps([step.where, step.what]) + "\n")


def _live(run: Callable[[], None], home: Path, strike: Strike, way: Way, sabotage: Sabotage) -> None:
    """The child's whole life."""
    code = FAILED
    try:
        signal.alarm(HANGS)
        gc.disable()
        os.closerange(3, FILES)  # the parent's own, above all its results: their reader must see the parent's end
        os.chdir(home)
        steps = _KeptSteps(strike, home / f"{os.getpid()}.steps")
        around = (quick_time(), odd_clock(home), aware_of_sleep(home), watching(steps), kept(home), going(way))
        with ExitStack() as stack:
            for part in (*around, sabotaged(sabotage)):
                stack.enter_context(part)
            run()
        code = DONE
    except BaseException as error:
        # An error is foreseen if it is one of the product, or of the database, and says something.
        foreseen = isinstance(error, OrderSyncError | SQLAlchemyError) and str(error).strip()
        line = (str(error).splitlines() or [""])[0][:300]
        text = f"{'error' if foreseen else UNFORESEEN} {type(error).__name__}: {line}"
        (home / f"{os.getpid()}.error").write_text(text, encoding="utf-8")
    finally:
        os._exit(code)
