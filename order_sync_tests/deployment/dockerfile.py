"""In: the text of a Dockerfile.
Out: its stages as typed instructions, in their order; ValueError for one that is not read here.
Never: a shell's work: a RUN is passed on as it is written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

_KINDS = ("COPY", "RUN", "ENV", "WORKDIR", "USER", "CMD")


@dataclass(frozen=True, slots=True)
class Instruction:
    kind: str
    text: str

    @property
    def words(self) -> list[str]:
        """Of a COPY: sources and target without its options; of a CMD: the command."""
        if self.kind == "CMD":
            return [str(word) for word in json.loads(self.text)]
        return [word for word in self.text.split() if not word.startswith("--")]

    @property
    def stage(self) -> str | None:
        """Of a COPY: the stage that it takes files from."""
        found = re.search(r"--from=(\S+)", self.text)
        return found and found[1]

    @property
    def variables(self) -> dict[str, str]:
        """Of an ENV, unexpanded."""
        return dict(word.split("=", 1) for word in self.text.split())


@dataclass(frozen=True, slots=True)
class Stage:
    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


def stages(text: str) -> list[Stage]:
    without_comments = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    joined = without_comments.replace("\\\n", " ")
    found: list[Stage] = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        kind, _, rest = line.partition(" ")
        if kind == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base, name))
        elif kind in _KINDS and found:
            found[-1].instructions.append(Instruction(kind, rest.strip()))
        else:
            raise ValueError(f"an instruction that is not read here: {line}")
    return found
