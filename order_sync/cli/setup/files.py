"""In: the settings and the mapping that were agreed on.
Out: .env and the mapping file; what they held before is kept beside them.
Never: a secret on the screen; a half-written file; a line of .env that is not order_sync's changed."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values, set_key
from rich.markup import escape

from order_sync.cli.output.console import console
from order_sync.database.connection import Database
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.settings import PREFIX, Settings
from order_sync.variables import ENV_FILE

BACKUP = ".bak"
DIFF_LINES = 40
_TO_QUOTE = re.compile(r"[\s#'\"$`]")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A file as it is, and as it is to be; `before` is None if there is none."""

    path: Path
    before: str | None
    after: str

    @property
    def changes(self) -> bool:
        return self.before != self.after

    def write(self) -> None:
        """Replaces the file at once; the earlier one is kept with the suffix .bak."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.before is not None:
            shutil.copy2(self.path, f"{self.path}{BACKUP}")
        handle, name = tempfile.mkstemp(
            dir=self.path.parent, prefix=f".{self.path.name}."
        )  # readable by its owner only
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(self.after)
        if self.path.exists():
            shutil.copymode(self.path, name)
        elif self.path.name != ENV_FILE:
            Path(name).chmod(0o644)
        Path(name).replace(self.path)


def draft(path: Path, after: str) -> Draft:
    return Draft(path=path, before=path.read_text(encoding="utf-8-sig") if path.exists() else None, after=after)


def draft_env(folder: Path, variables: Mapping[str, str]) -> Draft:
    """The folder's .env with these variables; every other line stays."""
    path = folder / ENV_FILE
    before = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / ENV_FILE
        copy.write_text(before, encoding="utf-8")
        present = dotenv_values(copy)
        for name, value in variables.items():
            if present.get(name) != value:
                quoted = "always" if _TO_QUOTE.search(value) else "never"
                set_key(copy, name, value, quote_mode=quoted, encoding="utf-8")
        written = dotenv_values(copy)
        if wrong := [name for name, value in variables.items() if written.get(name) != value]:
            raise ConfigurationError(
                f"{', '.join(wrong)} cannot be written to a .env file. Set it in the environment, then run setup again",
                SettingsFault.ENV_FILE,
            )
        return draft(path, copy.read_text(encoding="utf-8"))


def variables_of(settings: Settings, mapping: Path) -> dict[str, str]:
    """The variables that setup asks for, by name."""
    values = {
        "DEPLOYMENT": settings.deployment,
        "DATABASE_URL": settings.database,
        "DATABASE_SCHEMA": settings.database_schema or "",
        "MONDAY_URL": settings.monday_url or "",
        "MONDAY_TOKEN": settings.token,
        "MONDAY_BOARD_ID": str(settings.board_id),
        "MAPPING": mapping.as_posix(),
    }
    return {PREFIX + name: value for name, value in values.items() if value}


def print_drafts(env: Draft, mapping: Draft, variables: Mapping[str, str]) -> None:
    """What would change; nothing of a secret."""
    if env.changes:
        console.print(f"[bold]{escape(str(env.path))}[/]{'' if env.before is not None else ' (new)'}", highlight=False)
        before = dotenv_values(env.path) if env.before is not None else {}
        for name, value in variables.items():
            old = before.get(name)
            if old != value:
                change = f"{_shown(name, old)} -> " if old else ""
                console.print(f"  {name}={change}{_shown(name, value)}", markup=False, highlight=False)
    if mapping.changes:
        new = mapping.before is None
        console.print(f"[bold]{escape(str(mapping.path))}[/]{' (new)' * new}", highlight=False)
        lines = (
            []
            if new
            else list(
                difflib.unified_diff((mapping.before or "").splitlines(), mapping.after.splitlines(), lineterm="", n=1)
            )[2:]
        )
        for line in lines[:DIFF_LINES]:
            console.print(f"  {line}", markup=False, highlight=False)
        if len(lines) > DIFF_LINES:
            console.print(f"  ... and {len(lines) - DIFF_LINES} more lines")


def overridden(env: Path, variables: Mapping[str, str]) -> list[str]:
    """The variables that the environment sets to something else: there they win over .env."""
    before = dotenv_values(env) if env.exists() else {}
    outside = {name: value for name, value in os.environ.items() if value and before.get(name) != value}
    return [name for name, value in variables.items() if outside.get(name, value) != value]


def _shown(name: str, value: str) -> str:
    if name.endswith("DATABASE_URL"):
        return Database(value).shown
    return "(secret)" if name.endswith("TOKEN") else value
