"""The fenced blocks of README.md and docs/, and the commands in them.

In: the pages. Out: each block with its language and place, and of console blocks the commands as they would be typed on
Linux. A block with `<!-- not run: the reason -->` above it is excused from being run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from order_sync_tests.graph.stage import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(?P<indent>[ ]*)```(?P<language>\w+)[^\n]*\n(?P<body>.*?)^(?P=indent)```[ ]*$", re.M | re.S)
EXCUSE = re.compile(r"<!-- not run: (?P<reason>[^\n]+?) -->\s*\Z")

CONSOLES = ("console", "sh", "bash", "shell", "powershell", "bat")
WINDOWS = ("powershell", "bat")
HEREDOC = re.compile(r"<<-?\s*'?(\w+)'?")


@dataclass(frozen=True, kw_only=True)
class Block:
    page: str
    line: int
    language: str
    text: str
    excuse: str | None = None

    @property
    def id(self) -> str:
        return f"{self.page}-{self.line}"

    @property
    def commands(self) -> list[str]:
        """What is typed: the lines with a prompt ($, > or root's #), or where nothing has one all."""
        lines = iter(self.text.splitlines())
        prompt = r"[$>] " if re.search(r"^[$>] ", self.text, re.MULTILINE) or self.language != "console" else "# "
        prompted = self.language == "console" or re.search(f"^{prompt}", self.text, re.MULTILINE) is not None
        typed: list[str] = []
        for line in lines:
            if prompted and not re.match(prompt, line):
                continue
            windows = self.language in WINDOWS or (prompted and line[0] == ">")
            command = line[2:] if prompted else line
            while command.endswith("\\") and not windows:
                command = command[:-1] + next(lines).lstrip("> ")
            if here := HEREDOC.search(command):
                for input_line in lines:
                    if input_line.strip() == here[1]:
                        break
            if windows and not prompted and not command.startswith((".venv", "order-sync", "py ")):
                continue  # a script: nothing here could read it
            if command.strip() and not command.startswith("#"):
                typed.append(from_windows(command) if windows else command)
        return typed


def blocks(*languages: str) -> list[Block]:
    return [block for page in PAGES for block in blocks_of(page) if block.language in languages]


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        excuse = EXCUSE.search(before)
        yield Block(
            page=page.relative_to(ROOT).as_posix(),
            line=before.count("\n") + 1,
            language=match["language"],
            text=dedent(match["body"]),
            excuse=excuse["reason"] if excuse else None,
        )


def from_windows(command: str) -> str:
    """The likeness on Linux of what is typed in PowerShell or the command prompt."""
    command = re.sub(r"^\$env:(\w+)\s*=\s*", r"export \1=", command)
    command = re.sub(r"^set (\w+)=(.*)", r"export \1='\2'", command)
    command = re.sub(r"^copy ", "cp ", command)
    command = re.sub(r"^py ", "python3 ", command)
    return command.replace("\\", "/").replace(".venv/Scripts/", ".venv/bin/")
