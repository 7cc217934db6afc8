"""In: effects, in the order in which they happen; at start, the lines of a state file.
Out: the list of all effects, each written and flushed before anyone hears of it.
Never: a torn last line treated as an effect, a broken line in the middle ignored silently, or two processes
that write one file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from order_sync.emulator.effects import Effect, from_json
from order_sync.emulator.errors import EmulatorError


def hold(path: Path | None) -> FileLock | None:
    """A lock on the state file that lasts as long as the process, however that ends.

    Each of two emulators would know its own effects only, and a restart would mix the two histories.
    Raises EmulatorError if another emulator holds it.
    """
    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    real = path.resolve()  # one file may have several names
    lock = FileLock(real.with_name(f"{real.name}.lock"), blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise EmulatorError(
            f"another emulator uses the state file {path}. Use that one, stop it first, or name another state file"
        ) from None
    return lock


class EffectJournal:
    """Without a file it only keeps the list. A flush reaches the system: enough to outlive a SIGKILL."""

    def __init__(self, path: Path | None) -> None:
        self.effects: list[Effect] = []
        self._path = path
        self._file: BinaryIO | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a+b")  # noqa: SIM115 - open as long as the journal
            self._load(self._file)

    def append(self, effect: Effect) -> None:
        self.effects.append(effect)
        if self._file is not None:
            line = json.dumps(effect.to_json(), separators=(",", ":"), ensure_ascii=False)
            self._file.write(line.encode("utf-8") + b"\n")
            self._file.flush()

    def close(self) -> None:
        """What an unfinished request still does after a reset stays out of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def clear(self) -> None:
        self.close()
        if self._path is not None:
            os.truncate(self._path, 0)

    def _load(self, file: BinaryIO) -> None:
        file.seek(0)
        whole = 0
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break  # The process died while it wrote this line: its answer was never sent.
            try:
                self.effects.append(from_json(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise EmulatorError(f"state file {self._path}, line {number} is not an effect: {error!r}") from error
            whole += len(line)
        file.truncate(whole)
        file.seek(0, os.SEEK_END)
