"""Runs Spin on a model: every state that it can reach, or the shortest history that breaks it.

In: a file in Promela and macros. Out: figures, the violated assertion, and the lines that the history prints.
Needs `spin` and `gcc` on this machine; nothing of either is left behind.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
DEPTH = 100_000
MEGABYTES = 2_000
STEPS = 20_000  # of a history that is chosen at random
SECONDS = 300  # far more than any search takes


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a search has found."""

    states: int
    transitions: int
    depth: int
    is_complete: bool  # every state that can be reached was seen
    unreached: int  # steps of the workers that no history takes
    violated: str = ""  # an assertion, or that a state is invalid as an end
    lines: Sequence[str] = field(default_factory=list)  # what the history prints


class NoVerdict(Exception):
    """Spin, the compiler or the search did not do their work."""


def missing() -> str:
    """What this machine lacks, or nothing."""
    lacking = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
    return f"{' and '.join(lacking)} not installed" if lacking else ""


def search(model: str, macros: Mapping[str, int | None], *, shortest: bool = False, is_large: bool = False) -> Search:
    """Searches the model exhaustively; for the `shortest` history if one is expected to break it.

    A search that `is_large` is worth the time that the compiler takes to make it fast.
    """
    with tempfile.TemporaryDirectory(prefix="order_sync_model_") as name:
        folder = Path(name)
        shutil.copy(FOLDER / model, folder / model)
        _run(["spin", *_flags(macros), "-a", model], folder)
        # A search by breadth finds the shortest history, and needs more memory.
        how = ["-DBFS"] if shortest else ["-DCOLLAPSE"]
        _run(
            [
                "gcc",
                "-O1" if is_large else "-O0",
                "-w",
                "-DSAFETY",
                f"-DMEMLIM={MEGABYTES}",
                *how,
                "-o",
                "pan",
                "pan.c",
            ],
            folder,
        )
        text = _run(["./pan", f"-m{DEPTH}"], folder)
        trail = folder / f"{model}.trail"
        # Spin replays it: pan would print an action's name as a number.
        lines = _history(["-t", "-k", trail.name], model, macros, folder) if trail.exists() else []
    return _read(text, lines)


def simulate(model: str, macros: Mapping[str, int | None], seed: int) -> list[str]:
    """The lines of one history, chosen at random."""
    with tempfile.TemporaryDirectory(prefix="order_sync_model_") as name:
        folder = Path(name)
        shutil.copy(FOLDER / model, folder / model)
        return _history([f"-n{seed}", f"-u{STEPS}"], model, macros, folder)


def _history(which: list[str], model: str, macros: Mapping[str, int | None], folder: Path) -> list[str]:
    text = _run(["spin", *which, "-T", "-B", *_flags(macros), model], folder)
    return [line.strip() for line in text.splitlines()]


def _flags(macros: Mapping[str, int | None]) -> list[str]:
    return [f"-D{name}" if value is None else f"-D{name}={value}" for name, value in macros.items()]


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS)
    text = done.stdout + done.stderr
    if done.returncode not in (0, 1) or "syntax error" in text:
        raise NoVerdict(f"{' '.join(command)}: {text[-2_000:]}")
    return text


def _read(text: str, lines: Sequence[str]) -> Search:
    def number(pattern: str) -> int:
        found = re.search(pattern, text)
        if found is None:
            raise NoVerdict(text[-2_000:])
        return int(found[1])

    violated = re.search(r"pan:\d+: (.*?) \(at depth", text)
    unreached = [int(of[1]) for of in re.finditer(r"unreached in proctype worker\n(?:\t.*\n)*?\t\((\d+) of", text)]
    troubles = ("Search not completed", "max search depth too small", "out of memory", "resizing")
    return Search(
        states=number(r"(\d+) states, stored"),
        transitions=number(r"(\d+) transitions"),
        depth=number(r"depth reached (\d+)"),
        is_complete="Full statespace search" in text and not any(trouble in text for trouble in troubles),
        unreached=sum(unreached),
        violated=violated[1] if violated else "",
        lines=lines,
    )
