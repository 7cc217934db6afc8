"""What the mutation tests are about, from [tool.mutants] in pyproject.toml.

In: pyproject.toml. Out: the modules, the tests that may kill their mutants, and what is not mutated.
The only place that names them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".mutants"  # what one run leaves for the next


@dataclass(frozen=True, kw_only=True)
class Settings:
    modules: Mapping[str, Path]  # by the name of the file without its suffix
    tests: Sequence[str]  # as pytest takes them
    deselect: Sequence[str]
    more_tests: Sequence[str]  # the same; a place for those that cost more
    skip_calls: Sequence[str]  # patterns of what is called: nothing in such a call is mutated
    most_seconds: float  # of tests that a mutant has to pass
    at_least: float  # percent of the mutants that the tests have to kill

    def named(self, path: Path) -> str:
        return next(name for name, module in self.modules.items() if module == path)


def read_settings() -> Settings:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutants"]
    modules = {Path(module).stem: ROOT / module for module in table.pop("modules")}
    return Settings(modules=modules, **{key.replace("-", "_"): value for key, value in table.items()})
