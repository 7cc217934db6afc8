"""A command in a terminal of its own, as a person has it in front of them.

In: what is typed. Out: what the screen shows. Waits for a text, never for a time. Linux and macOS only.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from order_sync_tests.graph.stage import ROOT, command, end_group
from order_sync_tests.waiting import DUE

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self._process = process
        self._fd = fd
        self._unread = ""
        self.screen = ""  # all of it, without colours

    def expect(self, text: str) -> str:
        """What came before the text, and the text."""
        deadline = time.monotonic() + DUE
        while text not in self._unread:
            more = self._read(deadline)
            assert more, f"{text!r} did not come:\n{self.screen}"
        before, found, self._unread = self._unread.partition(text)
        return before + found

    def type(self, line: str) -> None:
        os.write(self._fd, f"{line}\n".encode())

    def answer(self, question: str, line: str) -> None:
        self.expect(question)
        self.type(line)

    def end(self) -> int:
        """The exit code, once everything was read."""
        deadline = time.monotonic() + DUE
        while self._read(deadline):
            pass
        return self._process.wait(DUE)

    def _read(self, deadline: float) -> str:
        """More of the output; empty at its end."""
        ready, _, _ = select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more came:\n{self.screen}"
        try:
            read = os.read(self._fd, 65_536)
        except OSError:  # Linux says so when nobody has the terminal open any more
            return ""
        text = _STYLE.sub("", read.decode(errors="replace")).replace("\r\n", "\n")
        self.screen += text
        self._unread += text
        return text


@contextmanager
def terminal(folder: Path, *arguments: str, columns: int = 160, **environment: str) -> Iterator[Terminal]:
    """`order-sync ARGUMENTS` with a pseudo-terminal; without any setting but those given."""
    ours, theirs = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORDER_SYNC_")}
    inherited |= {"PYTHONPATH": str(ROOT), "COLUMNS": str(columns), "TERM": "xterm", **environment}
    process = subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=inherited,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        end_group(process)
        os.close(ours)
