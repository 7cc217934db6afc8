"""Is a run over? What it holds may then be taken up at once instead of after its lease.

In: a run id. Out: whether that run is known to have ended, by Dagster's record or by its death on this machine.
A run not known to have finished is assumed alive, especially on another machine or in another container.
"""

from collections.abc import Iterable
from pathlib import Path
from platform import node
from time import sleep

import dagster as dg
from filelock import FileLock, Timeout
from pydantic import Field

from order_sync.orders.errors import Fatal
from order_sync.orders.faults import RunFault

DRY_RUN_MARK = "dry_run_mark"  # resource key
GRACE_SECONDS = 2.0  # between the end of a run's resources and Dagster's record that the run has ended


class RunRegistry:
    """The runs of this machine. Each holds a file lock, which the operating system drops when its process dies.

    Not every shared folder shows one machine the locks of another, so each judges its own runs only.
    """

    def __init__(self, home: Path, instance: dg.DagsterInstance, machine: str = node()) -> None:
        """`machine`: the host's name; a container has one of its own."""
        self._folder = home / "runs" / (machine or "unnamed")
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

    def over(self, run_ids: Iterable[str]) -> list[str]:
        return [run_id for run_id in run_ids if self.is_over(run_id)]

    def is_over(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        return (run is not None and run.is_finished) or self._is_dead(run_id)

    def report_dead(self) -> None:
        """Reports dead runs to Dagster, which would otherwise consider them active and wait for them."""
        if not self._dead_and_going():
            return
        sleep(GRACE_SECONDS)
        for run in self._dead_and_going():
            self._instance.report_run_failed(run, "The run's process died. Nothing is lost: the next run continues.")
            self._path(run.run_id).unlink(missing_ok=True)

    def _dead_and_going(self) -> list[dg.DagsterRun]:
        runs = (self._instance.get_run_by_id(path.stem) for path in self._folder.glob("*.lock"))
        return [run for run in runs if run is not None and not run.is_finished and self._is_dead(run.run_id)]

    def _is_dead(self, run_id: str) -> bool:
        """The run's lock file exists and no process holds it."""
        path = self._path(run_id)
        if not path.exists():
            return False
        try:
            with FileLock(path, timeout=0):
                return True
        except Timeout:
            return False

    def is_alive_here(self, run_id: str) -> bool:
        """A process of this machine holds the run's lock."""
        return self._path(run_id).exists() and not self._is_dead(run_id)

    def refuse_dry_run(self, run: dg.DagsterRun) -> None:
        """Raises Fatal if a dry-run deployment asked for this run.

        One daemon starts every run of a Dagster instance, with its own resources, whichever UI asked for it.
        """
        asked = self._instance.get_job_snapshot(run.job_snapshot_id) if run.job_snapshot_id else None
        if asked and any(r.name == DRY_RUN_MARK for mode in asked.mode_def_snaps for r in mode.resource_def_snaps):
            raise Fatal(
                "A dry run was requested, but the daemon of this DAGSTER_HOME is live. Nothing was written. "
                "Start the dry run's UI in a separate folder (docs/ui.md), or use order-sync sync --dry-run.",
                RunFault.DRY_RUN_ASKED,
            )

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.lock"


class RunsResource(dg.ConfigurableResource[None]):
    """The runs of this machine, for the sensor."""

    home: str = Field(description="Folder for run locks.")

    def registry(self, instance: dg.DagsterInstance) -> RunRegistry:
        return RunRegistry(Path(self.home), instance)
