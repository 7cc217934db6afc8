"""Everything that reads what others wrote, each as a function of bytes: the fuzzer and the tests call the same ones.

In: bytes, mostly the JSON of what monday, a person or a program would send. Out: nothing.
Raises only what nobody has foreseen: an error that is not one of ours, or a 5xx of the local monday without a fault.
"""

from __future__ import annotations

import atexit
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from order_sync.database.entries import Entry, Operation
from order_sync.monday import operations
from order_sync.monday.board import find_all_items, find_all_subitems, look_by_id, look_under, read_boards
from order_sync.monday.board_fit import required_columns
from order_sync.monday.client import MondayReader, read_data
from order_sync.monday.errors import classify, is_expired_cursor, parse_errors
from order_sync.monday.item_values import read_values, shows
from order_sync.monday.pacing import Clock, Pacer, parse_quotas, parse_rate_limit
from order_sync.monday.placed import places, whole_board, with_ids, with_keys
from order_sync.monday.service import next_step
from order_sync.monday.touched import Asked, touched
from order_sync.monday.transport import MondayTransport, Reply, read_reply
from order_sync.monday.version import read_version
from order_sync.orders.errors import OrderSyncError, Transient
from order_sync.orders.mapping import ColumnMapping, load_mapping
from order_sync.settings import Settings, load_settings
from order_sync.sync import bulk_archive, bulk_import
from order_sync.sync.delivery import Spent, read_outcome
from order_sync.sync.plan_file import read_plan_file
from order_sync.variables import PREFIX, load_env_file
from order_sync_tests.contract.site import MORNING
from order_sync_tests.fuzz.emulator import play_requests
from order_sync_tests.fuzz.rows import play_rows

BOARD = 4_700_000_001
KEY, LINE = "0b1c0000-0000-4000-8000-000000000001", "0b1c0000-0000-4000-8000-000000000002"
QUERIES = [
    text
    for name, text in vars(operations).items()
    if name.isupper() and not name.startswith("_") and isinstance(text, str) and text.lstrip().startswith("query ")
]


@contextmanager
def foreseen() -> Iterator[None]:
    """An error of ours is an answer to bad input; it says something."""
    try:
        yield
    except OrderSyncError as error:
        if not str(error).strip():
            raise AssertionError("an error without words") from error


def given(data: bytes) -> dict[str, Any]:
    """What is in the bytes, an object; anything else is a `raw` one."""
    with suppress(ValueError, RecursionError):
        read = json.loads(data)
        if isinstance(read, dict):
            return read
    return {"raw": data.decode("latin-1")}


@cache
def _folder() -> Path:
    made = tempfile.TemporaryDirectory(prefix="order_sync_fuzz_")
    atexit.register(made.cleanup)
    return Path(made.name)


def _file(name: str, content: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(content)
    return path


@cache
def _mapping() -> ColumnMapping:
    return load_mapping()


# ---- monday's answers -----------------------------------------------------------------------------------------


class _Still(Clock):
    """Nothing here waits for real."""

    skipped = 0.0

    def now(self) -> float:
        self.skipped += 1e-6  # as time does while something runs
        return self.skipped

    def sleep(self, seconds: float) -> None:
        assert 0 <= seconds <= 3_600, f"a wait of {seconds} s"
        self.skipped += seconds


class _Canned(MondayTransport):
    """Gives the same answer to every request."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("http://127.0.0.1:1/v2", "a-token")
        self._reply, self._left = reply, 500

    def connect(self) -> None: ...

    def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
        self._left -= 1
        assert self._left, "it asks for ever"
        return self._reply


def reply_of(said: Mapping[str, Any]) -> Reply:
    status, headers = said.get("status"), said.get("headers")
    status = status if isinstance(status, int) and 100 <= status <= 599 else 200
    headers = {str(name).lower(): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
    content = said["raw"] if "raw" in said else json.dumps(said.get("body", {}))
    return read_reply(status, headers, str(content).encode("utf-8", "replace"))


def _entries() -> list[Entry]:
    rows = {
        Operation.GROUPS: {"name0": "Elm", "name1": "Ash"},
        Operation.ITEMS: {f"{k}{n}": v for n in (0, 1) for k, v in {"values": f'{{"record_uuid": "{n}"}}'}.items()},
        Operation.SUBITEMS: {"parent0": "1", "parent1": "1", "values0": "{}", "values1": "{}"},
        Operation.CHANGE_ITEMS: {"item0": "1", "item1": "2", "values0": "{}", "values1": "{}"},
        Operation.CANCEL_ITEMS: {"item0": "1", "item1": "2"},
    }
    return [
        Entry(
            idempotency_key="k", operation=of, keys=("a", "b"), body=json.dumps({"query": "", "variables": variables})
        )
        for of, variables in rows.items()
    ]


def reply(data: bytes) -> None:
    """Status, headers and body of one answer: errors, limits, complexity, jobs, and what became of each alias."""
    found = reply_of(given(data))
    _ = (found.data, found.request_id, found.replayed, found.retry_after)
    pacer = Pacer(clock=_Still())
    pacer.learn(found, operation="create_item", rows=2, seconds=1.0)
    assert pacer.batch_size("create_item") >= 1
    assert 0 <= pacer.admit("create_item", 5).wait_seconds <= 3_600
    for error in parse_errors(found):
        is_expired_cursor(error)
        meaning = classify(error, found)
        assert str(meaning).strip()
        if isinstance(meaning, Transient):
            next_step(meaning, "http://127.0.0.1:1/v2")
    for entry in _entries():
        with foreseen(), suppress(Spent):
            outcome = read_outcome(entry, found)
            assert {*outcome.created, *outcome.rejected, *outcome.again} == {"a", "b"}
    for read_job in (bulk_import._job, bulk_archive._job):
        with foreseen():
            read_job(found)
    with foreseen():
        read_version(read_data(found, operations.VERSION), "2026-10", found.headers.get("api-version"))


def limits(data: bytes) -> None:
    """The headers RateLimit and RateLimit-Policy."""
    text = data.decode("latin-1")
    assert all(limit.left >= 0 for limit in parse_rate_limit(text).values())
    assert all(quota > 0 for quota in parse_quotas(text).values())
    reply(json.dumps({"headers": {"RateLimit": text, "RateLimit-Policy": text, "Retry-After": text[:40]}}).encode())


READS: dict[str, Callable[[MondayReader], Any]] = {
    "Budget": lambda reader: reader.ask_budget(),
    "Version": lambda reader: reader.check_version(),
    "Board": lambda reader: read_boards(reader, [BOARD]),
    "Validations": lambda reader: required_columns(reader, BOARD),
    "ItemsByColumn": lambda reader: find_all_items(reader, BOARD, "record_uuid", [KEY]),
    "ItemTexts": lambda reader: look_by_id(reader, ["11", "12"], "record_uuid"),
    "ItemPlaces": lambda reader: places(reader, [11, 12]),
    "ItemValues": lambda reader: _shown(reader),
    "Subitems": lambda reader: find_all_subitems(reader, ["11"], "line_uuid"),
    "Under": lambda reader: look_under(reader, {"11": ["21"]}, "line_uuid"),
    "BoardItems": lambda reader: list(whole_board(reader, BOARD, _mapping())),
    "PlacedByKey": lambda reader: with_keys(reader, BOARD, _mapping(), [KEY]),
    "PlacedById": lambda reader: with_ids(reader, _mapping(), [11, 12], values=True),
    "LastUpdated": lambda reader: touched(reader, {BOARD: Asked(since=MORNING, most=100)}),
}


def _shown(reader: MondayReader) -> None:
    columns = _mapping().items.columns
    for item in read_values(reader, [11, 12], [column.column for column in columns]).values():
        for column in columns:
            for sent in (None, "1", {"label": "a"}, {"labels": ["a"]}, {"date": "2026-11-01"}):
                shows(column, sent, item.texts[column.column], {})


def answer(data: bytes) -> None:
    """The data of an answer, as every reader of boards and items gets it again and again."""
    said = given(data)
    wanted = said.get("read")
    canned = reply_of(said if "raw" in said else {"body": {"data": said.get("data")}})
    chosen = {wanted: READS[wanted]} if isinstance(wanted, str) and wanted in READS else READS
    for read in chosen.values():
        reader = MondayReader(_Canned(canned), pacer=Pacer(clock=_Still()), attempts=2)
        with foreseen():
            read(reader)
    for document in QUERIES if chosen is READS else ():
        with foreseen():
            read_data(canned, document)


def report(data: bytes) -> None:
    """The CSV report of an import."""
    with foreseen():
        bulk_import.read_report(data.decode("utf-8", errors="replace"))


def removal(data: bytes) -> None:
    """The progress of a job that archives items."""
    said = given(data)
    with foreseen():
        found = read_data(reply_of({"body": {"data": said}}), operations.REMOVAL_STATUS)
        progress = found.get("job_status")
        if isinstance(progress, dict):
            bulk_archive._failed(progress, ["11", "12"])


# ---- files and settings ---------------------------------------------------------------------------------------


def mapping(data: bytes) -> None:
    """The mapping's TOML."""
    with foreseen():
        found = load_mapping(_file("mapping.toml", data))
        _ = (found.item_sources, found.board_ids(1), found.items.new_columns, found.subitems.new_columns)
        found.board_of({"CUSTOMER NAME": "Elm"}, 1)


def plan_file(data: bytes) -> None:
    """What `order-sync plan --out` wrote, or a person changed since."""
    with foreseen():
        plan = read_plan_file(_file("plan.json", data))
        assert plan.cancels <= len(plan.rows)
        plan.select([{"record_uuid": KEY, "delta_uuid": KEY}])
        plan.check_waiting({KEY: "was synced"}, [KEY])


def env_file(data: bytes) -> None:
    """A .env file, and the settings that it makes."""
    _file(".env", data)
    with mock.patch.dict(os.environ, {}, clear=True), foreseen():
        load_env_file(_folder(), Settings.model_fields)
        _use(load_settings())


def environment(data: bytes) -> None:
    """Settings in the environment: names without the prefix, and values."""
    with mock.patch.dict(os.environ, {}, clear=True):
        for name, value in given(data).items():
            with suppress(ValueError, UnicodeEncodeError):  # no system has such a variable
                os.environ[name if name.isupper() and name.startswith("ORDER") else PREFIX + name.upper()] = str(value)
        with foreseen():
            _use(load_settings())


def _use(settings: Settings) -> None:
    _ = (settings.database, settings.api_url, settings.token, settings.board_ids, settings.table_names)
    settings.check()


# ---- the tables, and the local monday -------------------------------------------------------------------------


def rows(data: bytes) -> None:
    """Values of any type in the columns of the site's tables, through a whole dry run."""
    with foreseen():
        play_rows(given(data), _folder())


def requests(data: bytes) -> None:
    """Requests to the local monday: its API, its files, its page and its controls."""
    said = given(data)
    listed = said.get("requests")
    play_requests(listed if isinstance(listed, list) else [said])


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    of.__name__: of
    for of in (reply, limits, answer, report, removal, mapping, plan_file, env_file, environment, rows, requests)
}
