"""No answer of any content is a KeyError or a TypeError: each node of a good one is replaced by what it is not.

The good answers are the emulator's own. What comes of the odd ones is an error of order_sync's, or a result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from graphql import OperationDefinitionNode, SelectionSetNode, parse

from order_sync.database.entries import Operation
from order_sync.monday import operations, shapes
from order_sync.monday.board import (
    find_all_items,
    find_all_subitems,
    find_deleted,
    item_texts,
    read_board,
)
from order_sync.monday.board_fit import required_columns
from order_sync.monday.client import MondayClient, MondayReader
from order_sync.monday.item_values import read_values
from order_sync.monday.pacing import Pacer
from order_sync.monday.placed import places, whole_board, with_ids, with_keys
from order_sync.monday.setup import make_board
from order_sync.monday.transport import MondayTransport, Reply, read_reply
from order_sync.orders.errors import NotMonday, OrderSyncError, Transient
from order_sync.orders.mapping import load_mapping
from order_sync.settings import EMBEDDED_BOARD
from order_sync.sync.rows import NewRow
from order_sync_tests.monday.test_operations import DOCUMENTS
from order_sync_tests.sync.stage import SHARED, QuickClock, Stage
from order_sync_tests.sync.test_bulk_import import SMALLEST, importer

SOME_ODD: list[Any] = [None, [], {}, "text", 7, [None], float("nan"), 10**30]
OPERATIONS = [Operation.GROUPS, Operation.ITEMS, Operation.SUBITEMS]
ODD: list[Any] = [None, [], {}, "", "text", 7, -1, True, [None], [[]], [{}], {"a": 1}, float("nan"), 10**30, "\ud800"]
BOARD = EMBEDDED_BOARD
MAPPING = load_mapping()

Path = tuple[str | int, ...]


def nodes(value: Any, path: Path = ()) -> Iterator[Path]:
    """The places of an answer; of a list only the first and the last entry, as the others are like them."""
    yield path
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from nodes(entry, (*path, key))
    elif isinstance(value, list):
        for number in sorted({0, len(value) - 1} if value else ()):
            yield from nodes(value[number], (*path, number))


def replaced(value: Any, path: Path, odd: Any) -> Any:
    if not path:
        return odd
    changed = value.copy()
    changed[path[0]] = replaced(value[path[0]], path[1:], odd)
    return changed


def without(value: Any, path: Path) -> Any:
    changed = value.copy()
    if len(path) == 1:
        del changed[path[0]]
    else:
        changed[path[0]] = without(value[path[0]], path[1:])
    return changed


def odd_ones(body: Any) -> Iterator[tuple[str, Any]]:
    for path in nodes(body):
        for odd in ODD:
            yield f"{'.'.join(map(str, path))} = {odd!r}", replaced(body, path, odd)
        if path:
            yield f"{'.'.join(map(str, path))} left out", without(body, path)


class Recorded(MondayTransport):
    """Keeps the first answer to each operation, and then gives a changed one in the place of one of them."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "a-token", timeout_seconds=5)
        self.replies: dict[str, Reply] = {}
        self.by_body: dict[str, Reply] = {}
        self.odd: tuple[str, Any] | None = None

    def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
        name = operations.name(json.loads(body)["query"])
        if self.odd and self.odd[0] == name:
            content = json.dumps(self.odd[1]).encode()
            return read_reply(200, self.replies[name].headers, content)
        if body not in self.by_body:
            self.by_body[body] = super().send(body, idempotency_key=idempotency_key, **how)
            self.replies.setdefault(name, self.by_body[body])
        return self.by_body[body]


READS: dict[str, Callable[[MondayReader, Stage, dict[str, list[str]]], Any]] = {
    "Version": lambda reader, stage, items: reader.check_version(),
    "Budget": lambda reader, stage, items: reader.ask_budget(),
    "Validations": lambda reader, stage, items: required_columns(reader, BOARD),
    "Board": lambda reader, stage, items: read_board(reader, BOARD),
    "ItemsByColumn": lambda reader, stage, items: find_all_items(reader, BOARD, "record_uuid", items),
    "ItemStates": lambda reader, stage, items: find_deleted(reader, [ids[0] for ids in items.values()]),
    "ItemPlaces": lambda reader, stage, items: places(reader, [int(ids[0]) for ids in items.values()]),
    "ItemTexts": lambda reader, stage, items: item_texts(reader, [ids[0] for ids in items.values()], "record_uuid"),
    "ItemValues": lambda reader, stage, items: read_values(reader, [int(ids[0]) for ids in items.values()], ["style"]),
    "Subitems": lambda reader, stage, items: find_all_subitems(reader, [ids[0] for ids in items.values()], "line_uuid"),
    "BoardItems": lambda reader, stage, items: list(whole_board(reader, BOARD, MAPPING)),
    "PlacedByKey": lambda reader, stage, items: with_keys(reader, BOARD, MAPPING, items),
    "PlacedById": lambda reader, stage, items: with_ids(reader, MAPPING, [int(ids[0]) for ids in items.values()]),
}


@pytest.fixture
def recorded(stage: Stage) -> Iterator[Recorded]:
    """A connection to a board with an item and its subitems."""
    stage.create(Operation.SUBITEMS, stage.wanted(Operation.SUBITEMS, 2))
    transport = Recorded(stage.emulator.url)
    transport.connect()
    yield transport
    transport.close()  # type: ignore[no-untyped-call]


def quick(transport: MondayTransport) -> MondayClient:
    return MondayClient(transport, pacer=Pacer(clock=QuickClock(longest=0)), attempts=2)


@pytest.mark.parametrize("name", READS)
def test_an_odd_answer_to_a_query_raises_our_error(recorded: Recorded, stage: Stage, name: str) -> None:
    items = stage.items()
    READS[name](quick(recorded), stage, items)
    good = recorded.replies[name].body
    for what, odd in odd_ones(good):
        recorded.odd = (name, odd)
        client = quick(recorded)
        try:
            READS[name](client, stage, items)
        except OrderSyncError:
            pass
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} by {what}: {error}") from error
        assert all(0 <= seconds <= shapes.LONGEST_WAIT for seconds in client.clock.sleeps), what  # type: ignore[attr-defined]


def test_an_odd_answer_names_its_request_and_place(recorded: Recorded) -> None:
    read_board(quick(recorded), BOARD)
    for data, place in (
        (None, "boards is missing"),
        ({"boards": {}}, "boards is an object"),
        ({"boards": [[]]}, r"boards\[0\] is a list"),
        ({"boards": [{"id": "4700000001", "name": 7}]}, r"boards\[0\]\.name is a number"),
    ):
        recorded.odd = ("Board", {"data": data, "extensions": {"request_id": "req-7"}})
        with pytest.raises(Transient, match=rf"answer to Board does not match the request: {place} \(request req-7\)"):
            read_board(quick(recorded), BOARD)


def test_what_an_answer_lacks_names_its_request(recorded: Recorded) -> None:
    read_board(quick(recorded), BOARD)
    recorded.odd = ("Board", {"data": {"boards": None}, "extensions": {"request_id": "req-8"}})
    with pytest.raises(Transient, match=r"monday does not return the boards 4700000001: .* request req-8"):
        read_board(quick(recorded), BOARD)


def test_every_field_that_is_asked_for_has_a_type() -> None:
    def names(selections: SelectionSetNode) -> Iterator[str]:
        for field in shapes.fields_of(selections):
            yield field.name.value
            if field.selection_set:
                yield from names(field.selection_set)

    asked = set()
    for text in DOCUMENTS.values():
        [operation] = parse(text).definitions
        assert isinstance(operation, OperationDefinitionNode)
        asked |= set(names(operation.selection_set))
    objects = {"version", "me", "items_page", "items_page_by_column_values", "next_items_page", "fetch_job_status"}
    objects |= {
        "group",
        "validations",
        "create_group",
        "create_column",
        "ingest_items",
        "result",
    }
    assert asked - objects <= shapes.KNOWN_FIELDS


# ---- mutations ------------------------------------------------------------------------------------------


class Odd(MondayTransport):
    """Gives the first mutation's answer changed; what monday did stays done."""

    def __init__(self, url: str, change: Callable[[Any], Any]) -> None:
        super().__init__(url, "a-token", timeout_seconds=5)
        self._change: Callable[[Any], Any] | None = change

    def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
        reply = super().send(body, idempotency_key=idempotency_key, **how)
        if idempotency_key and self._change is not None:
            odd = self._change(json.loads(json.dumps(reply.body)))
            self._change = None
            return read_reply(reply.status, reply.headers, json.dumps(odd).encode())
        return reply


ANSWER_NODES: list[Path] = [
    *((), ("data",), ("data", "a0"), ("data", "a0", "id"), ("data", "complexity"), ("extensions",)),
    *(("data", "complexity", part) for part in ("before", "query", "after", "reset_in_x_seconds")),
    *(("errors",), ("extensions", "request_id"), ("error_code",), ("error_message",)),
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_odd_answer_to_a_create_is_looked_up(stage: Stage, operation: Operation) -> None:
    """Nothing is created twice and nothing is lost, for any content of the answer."""
    for number, path in enumerate(ANSWER_NODES):
        for odd in SOME_ODD:
            if path == ("data", "a0", "id") and (odd == 7 or (odd == "text" and operation is Operation.GROUPS)):
                continue  # it might be one
            if operation is not Operation.GROUPS:
                stage.empty_board()
            rows = named(stage, operation, f"{number} {odd!r}")

            def change(body: Any, path: Path = path, odd: Any = odd) -> Any:
                return replaced({"errors": None, "error_code": None, "error_message": None, **body}, path, odd)

            try:
                stage.create(operation, rows, transport=Odd(stage.emulator.url, change), settle=0)
            except OrderSyncError:
                with stage.writer(run_id="run-2", settle=0) as writer:
                    writer.recover()
            if operation is Operation.GROUPS:
                titles = [group["title"] for group in stage.board()["groups"]]
                assert [titles.count(row.key) for row in rows] == [1, 1]
                assert {row.key for row in rows} <= stage.known_groups().keys()
            else:
                stage.check_once(operation, rows)
            assert stage.journal().in_doubt() == []


def named(stage: Stage, operation: Operation, title: str) -> list[NewRow]:
    if operation is Operation.GROUPS:
        return [NewRow(key=f"{title} {n}", variables={"name": f"{title} {n}"}) for n in range(2)]
    return stage.wanted(operation, 2)


@pytest.mark.parametrize("name", ["IngestItems", "JobStatus"])
def test_an_odd_answer_about_an_import_loses_and_doubles_nothing(stage: Stage, name: str) -> None:
    """The rows are imported, created by request, or wait for the next run."""
    answer = {
        "IngestItems": {"ingest_items": {"job_id": "1", "upload_url": "http://127.0.0.1:9/"}},
        "JobStatus": {"fetch_job_status": dict.fromkeys(("status", "progress_percentage", "report_url"))},
    }[name]
    for path in nodes({"data": answer}):
        for odd in SOME_ODD:
            stage.empty_board()
            rows = stage.wanted(Operation.ITEMS, SMALLEST)

            def change(body: Any, path: Path = path, odd: Any = odd) -> Any:
                return replaced(body, path, odd)

            transport = OddOnce(stage.emulator.url, name, change)
            with importer(stage, transport=transport, settle=0) as writer:
                outcome = writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS])
            if outcome.waiting:
                with importer(stage, "run-2", settle=0) as writer:
                    writer.recover()
                    left = [row for row in rows if row.key not in stage.items()]
                    writer.write(Operation.ITEMS, left, SHARED[Operation.ITEMS])
            stage.check_once(Operation.ITEMS, rows)


class OddOnce(MondayTransport):
    """Gives the first answer to one operation changed."""

    def __init__(self, url: str, name: str, change: Callable[[Any], Any]) -> None:
        super().__init__(url, "a-token", timeout_seconds=5)
        self._name = name
        self._change: Callable[[Any], Any] | None = change

    def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
        reply = super().send(body, idempotency_key=idempotency_key, **how)
        if self._change is None or operations.name(json.loads(body)["query"]) != self._name:
            return reply
        odd = self._change(json.loads(json.dumps(reply.body)))
        self._change = None
        return read_reply(reply.status, reply.headers, json.dumps(odd).encode())


@pytest.mark.parametrize("item_id", ["abc", "-5", "0", "9" * 40])
def test_an_odd_id_in_a_report_is_looked_up(stage: Stage, item_id: str) -> None:
    rows = stage.wanted(Operation.ITEMS, SMALLEST)

    class OddReport(MondayTransport):
        def download(self, url: str) -> str:
            head, *lines = super().download(url).splitlines()
            cells = [line.split(",") for line in lines]
            return "\n".join([head, *(",".join([*cell[:2], item_id, *cell[3:]]) for cell in cells)])

    transport = OddReport(stage.emulator.url, "a-token", timeout_seconds=5)
    with importer(stage, transport=transport, settle=0) as writer:
        writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS])
    stage.check_once(Operation.ITEMS, rows)


def test_an_odd_answer_to_create_board_raises_our_error(stage: Stage) -> None:
    for name in ("CreateBoard", "CreateColumn"):
        with stage.client(recorded := Recorded(stage.emulator.url)):
            make_board(quick(recorded), "A board", MAPPING)
            for what, odd in odd_ones(recorded.replies[name].body):
                recorded.odd = (name, odd)
                try:
                    make_board(quick(recorded), "A board", MAPPING)
                except OrderSyncError:
                    continue
                except Exception as error:
                    raise AssertionError(f"{type(error).__name__} by {what}: {error}") from error


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("status", [200, 403])
def test_a_web_page_instead_of_an_answer_doubles_nothing(stage: Stage, operation: Operation, status: int) -> None:
    """A firewall that looks into answers keeps one back: what it said is found on the board."""
    rows = stage.wanted(operation, 3)

    class Firewall(MondayTransport):
        def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
            reply = super().send(body, idempotency_key=idempotency_key, **how)
            page = b"<html><title>Blocked</title></html>"
            return read_reply(status, {"content-type": "text/html"}, page) if idempotency_key else reply

    with pytest.raises(NotMonday, match="Blocked"):
        stage.create(operation, rows, transport=Firewall(stage.emulator.url, "a-token"))
    assert len(stage.journal().in_doubt()) == 1
    with stage.writer(run_id="run-2") as writer:
        writer.recover()
    stage.check_once(operation, rows)
