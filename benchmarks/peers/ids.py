"""The ids of what has been created, as the simplest script keeps them: a line in a file for each, at once."""

from __future__ import annotations

import json
from pathlib import Path


class Ids:
    """monday's id by key; what is in the file when it is opened again is known."""

    def __init__(self, path: Path) -> None:
        self._known: dict[str, str] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                key, monday_id = json.loads(line)
                self._known[key] = monday_id
        self._file = path.open("a", encoding="utf-8")

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def get(self, key: str) -> str | None:
        return self._known.get(key)

    def add(self, key: str, monday_id: str) -> None:
        self._known[key] = monday_id
        self._file.write(json.dumps([key, monday_id]) + "\n")
        self._file.flush()
