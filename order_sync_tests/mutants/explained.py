"""The mutants that no test needs to kill, each with the reason, and what of them is true any more.

In: explained.toml, and what became of the mutants. Out: survivors without a reason, and reasons without a survivor.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("explained.toml")

Key = tuple[str, str, str]  # function, and its line before and after


@dataclass(frozen=True, kw_only=True)
class Explained:
    module: str
    function: str
    before: str
    after: str
    reason: str

    @property
    def key(self) -> Key:
        return self.function, self.before, self.after


def read_explained() -> list[Explained]:
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return [
        Explained(reason=group["reason"], **mutant) for group in table.get("group", ()) for mutant in group["mutant"]
    ]


def unexplained(module: str, survivors: Collection[Key], entries: Collection[Explained]) -> list[Key]:
    reasons = {entry.key for entry in entries if entry.module == module}
    return [key for key in dict.fromkeys(survivors) if key not in reasons]


def stale(module: str, survivors: Collection[Key], entries: Collection[Explained]) -> list[Explained]:
    """Entries of mutants that were killed, or that there are no more."""
    return [entry for entry in entries if entry.module == module and entry.key not in survivors]


def without_line(entry: Explained, text: str) -> bool:
    """Whether the module has the entry's line, or its function, no more."""
    lines = _lines_of(entry.function, text)
    wanted = entry.before.splitlines()
    return not any(lines[start : start + len(wanted)] == wanted for start in range(len(lines)))


def _lines_of(function: str, text: str) -> list[str]:
    def found(body: Collection[ast.stmt], names: list[str]) -> Iterator[ast.stmt]:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == names[0]:
                yield from found(node.body, names[1:]) if names[1:] else [node]

    lines = [line.strip() for line in text.splitlines()]
    nodes = found(ast.parse(text).body, function.split("."))
    return [line for node in nodes for line in lines[node.lineno - 1 : node.end_lineno]]
