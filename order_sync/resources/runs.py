"""Is a run over? What it holds may then be taken up at once instead of after its lease.

In: a run id. Out: whether that run is known to have ended, by Dagster's record or by its death on this machine.
A run that is not known to be over is taken to be alive.
"""

from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout


class RunRegistry:
    """The runs of this machine. Each holds a file lock, which the operating system drops when its process dies."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self._folder = home / "runs"
        self._instance = instance

    def enter(self, run_id: str) -> FileLock:
        """Marks the run as alive until the lock is released or the process dies."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._path(run_id))
        lock.acquire()
        return lock

    def leave(self, run_id: str, lock: FileLock) -> None:
        lock.release()
        self._path(run_id).unlink(missing_ok=True)

    def is_over(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        if run is not None and run.is_finished:
            return True
        path = self._path(run_id)
        if not path.exists():
            return False
        try:
            with FileLock(path, timeout=0):
                return True
        except Timeout:
            return False

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.lock"
