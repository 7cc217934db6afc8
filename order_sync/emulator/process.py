"""In: settings.
Out: an `Emulator`: the emulator in a process of its own, with its addresses and what it holds.
Never: a process that outlives its parent: it ends with its standard input, even if the parent was killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from order_sync.emulator.errors import EmulatorError
from order_sync.emulator.server import Addresses, serve
from order_sync.emulator.settings import EmulatorSettings

#: How the child knows that its settings come on standard input, and that it must end with it.
FROM_PARENT = "--from-parent"
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class Person:
    """Somebody at the boards' pages, other than the user of the token. A ValueError says what is refused."""

    def __init__(self, act: Callable[[dict[str, Any]], str]) -> None:
        self._act = act

    def edit(self, item_id: str | int, column_id: str, text: str | list[str] = "") -> None:
        """A cell as it is typed, or the labels of a dropdown; empty clears it."""
        self._act({"do": "edit", "item_id": item_id, "column_id": column_id, "text": text})

    def rename(self, item_id: str | int, name: str) -> None:
        self._act({"do": "rename", "item_id": item_id, "name": name})

    def move(self, item_id: str | int, group_id: str) -> None:
        self._act({"do": "move", "item_id": item_id, "group_id": group_id})

    def move_to_board(self, item_id: str | int, board_id: str | int, group_id: str) -> None:
        """With its subitems, and the values of columns that the other board has, too."""
        self._act({"do": "move_to_board", "item_id": item_id, "board_id": board_id, "group_id": group_id})

    def archive(self, item_id: str | int) -> None:
        self._act({"do": "archive", "item_id": item_id})

    def delete(self, item_id: str | int) -> None:
        self._act({"do": "delete", "item_id": item_id})

    def restore(self, item_id: str | int) -> None:
        """From the archive or the bin, with the subitems that went with it."""
        self._act({"do": "restore", "item_id": item_id})

    def duplicate(self, item_id: str | int, *, with_subitems: bool = True) -> str:
        """The id of the copy, which has all values: those of key columns, too."""
        return self._act({"do": "duplicate", "item_id": item_id, "with_subitems": with_subitems})

    def add_item(self, board_id: str | int, group_id: str, name: str) -> str:
        return self._act({"do": "add_item", "board_id": board_id, "group_id": group_id, "name": name})

    def add_subitem(self, item_id: str | int, name: str) -> str:
        return self._act({"do": "add_subitem", "item_id": item_id, "name": name})


class Emulator:
    """A running emulator process; a context manager that stops it."""

    def __init__(self, settings: EmulatorSettings, *, ready_within_s: float = 30.0) -> None:
        self._settings = settings
        self._ready_within_s = ready_within_s
        # A file, not a pipe: the child continues without a reader.
        self._folder = tempfile.TemporaryDirectory(prefix="order_sync_emulator_")
        self._errors = Path(self._folder.name) / "errors.txt"
        try:
            self._process, addresses = _start(settings, self._errors, ready_within_s)
        except EmulatorError:
            self._folder.cleanup()
            raise
        self.url = addresses.url
        self.page_url = addresses.page_url
        self.person = Person(lambda sent: str(self._post("person", sent)["item_id"]))
        self._http = httpx.Client(base_url=f"{self.page_url}_emulator/", timeout=60, trust_env=False)

    @property
    def pid(self) -> int:
        return self._process.pid

    def state(self) -> dict[str, Any]:
        return self._get("state")  # type: ignore[no-any-return]

    def effects(self, kind: str | None = None, since: int = 0) -> list[dict[str, Any]]:
        params: dict[str, str | int] = {"since": since} | ({"kind": kind} if kind else {})
        return self._get("effects", params)  # type: ignore[no-any-return]

    def requests(self) -> list[dict[str, Any]]:
        return self._get("requests")  # type: ignore[no-any-return]

    def checksum(self) -> str:
        return str(self._get("checksum")["checksum"])

    def stats(self) -> dict[str, Any]:
        return self._get("stats")  # type: ignore[no-any-return]

    def configure(self, **changes: Any) -> dict[str, Any]:
        """Changes settings while it runs; faults may be `Fault` objects. Returns the settings in force."""
        return self._post("settings", _plain(changes))  # type: ignore[no-any-return]

    def advance(self, seconds: float) -> float:
        """Moves the virtual clock on; returns what it says then."""
        return float(self._post("clock", {"seconds": seconds})["now"])

    def retype_column(self, board_id: int, column_id: str, column_type: str) -> None:
        """Gives a column another type, as a person may on monday's pages."""
        self._post("column", {"board_id": board_id, "column_id": column_id, "type": column_type})

    def reset(self) -> None:
        """Back to the seeds and settings of the start; logs, budgets and the state file are emptied."""
        self._post("reset", {})

    def log(self) -> str:
        """What the process wrote to standard error: empty unless something is wrong."""
        return self._errors.read_text("utf-8", "replace") if self._errors.exists() else ""

    def stop(self) -> None:
        """Ends it; again is no harm."""
        self._http.close()
        self._end(5)
        self._folder.cleanup()

    def kill(self) -> None:
        """As by SIGKILL: nothing is tidied up."""
        self._process.kill()
        self._end(None)

    def restart(self) -> None:
        """Kills it and starts it again at the same address; with a state file it continues where it stopped."""
        self.kill()
        settings = self._settings.model_copy(update={"port": httpx.URL(self.url).port})
        self._process, _ = _start(settings, self._errors, self._ready_within_s)

    def _end(self, patience_s: float | None) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _get(self, path: str, params: dict[str, str | int] | None = None) -> Any:
        return self._http.get(path, params=params).raise_for_status().json()

    def _post(self, path: str, body: Any) -> Any:
        response = self._http.post(path, json=body)
        if response.status_code == 422:
            raise ValueError(response.json()["error"])
        return response.raise_for_status().json()


def start_emulator(settings: EmulatorSettings | None = None, *, ready_within_s: float = 30.0) -> Emulator:
    """Starts the process and waits until it answers; EmulatorError carries its last words if it does not."""
    return Emulator(settings or EmulatorSettings(), ready_within_s=ready_within_s)


def serve_parent() -> None:
    """The child's side: settings on the first line of standard input, addresses on standard output."""
    settings = EmulatorSettings.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    serve(settings, _announce)


def _announce(addresses: Addresses) -> None:
    print(json.dumps({"url": addresses.url, "page_url": addresses.page_url}), flush=True)


def _end_with_parent() -> None:
    """Standard input ends when the parent does. No clean-up is owed: every effect is flushed."""
    # Not through sys.stdin: its lock, held by this thread, would be in the way of an ordinary exit.
    while os.read(0, 1_024):
        pass
    os._exit(0)


def _start(
    settings: EmulatorSettings, errors: Path, ready_within_s: float
) -> tuple[subprocess.Popen[bytes], Addresses]:
    paths = [str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
    with errors.open("ab") as sink:
        process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", "order_sync.emulator", FROM_PARENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
    line = _within(ready_within_s, lambda: _exchange_settings(process, settings))
    if not line:
        process.kill()
        process.communicate()
        words = errors.read_text("utf-8", "replace").strip()
        raise EmulatorError(words or f"the emulator was not ready within {ready_within_s:g} s")
    return process, Addresses(**json.loads(line))


def _exchange_settings(process: subprocess.Popen[bytes], settings: EmulatorSettings) -> bytes:
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101 - the same
    try:
        process.stdin.write(settings.model_dump_json().encode() + b"\n")
        process.stdin.flush()
    except OSError:
        return b""  # It died at once; what it wrote to standard error says why.
    with process.stdout:
        return process.stdout.readline()


def _within(seconds: float, read: Callable[[], bytes]) -> bytes:
    """A pipe has no time-out of its own that Windows knows too."""
    lines: list[bytes] = []
    thread = threading.Thread(target=lambda: lines.append(read()), daemon=True)
    thread.start()
    thread.join(seconds)
    return lines[0] if lines else b""


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value
