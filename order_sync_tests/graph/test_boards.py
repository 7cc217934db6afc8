"""Several boards: each order goes to the one that the rules choose, and one board's trouble is not another's."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from order_sync.cli import launch
from order_sync.cli.output.progress import progress
from order_sync.database.entries import Operation
from order_sync.database.journal import Journal
from order_sync.demo.board import board_seeds
from order_sync.emulator import Emulator, EmulatorSettings, start_emulator
from order_sync.monday.board_fit import read_again
from order_sync.monday.client import MondayReader
from order_sync.orders.errors import BoardRefused, ConfigurationError, Fatal, Transient
from order_sync.orders.mapping import DEFAULT_MAPPING, load_mapping
from order_sync.orders.naming import customer_key
from order_sync.settings import tables_of
from order_sync.sync import board_work, boards
from order_sync.sync.bulk_import import BulkImport
from order_sync.sync.facts import Site, read_sites
from order_sync.sync.writer import BoardWriter
from order_sync_tests.graph.stage import Record, Stage, stage_in
from order_sync_tests.graph.test_scope import late_line
from order_sync_tests.monday.test_client import served

MINE, SAMPLES = 4_800_000_001, 4_800_000_002
RULES = f"""
[[boards]]
id = {MINE}
customers = ["CAFÉ BRONTË ", "O'Malley & Daughters"]

[[boards]]
id = {SAMPLES}
where = {{ "ORDER TYPE" = ["sample"] }}
"""


def mapping_file(folder: Path, rules: str) -> Path:
    path = folder / "mapping.toml"
    path.write_text(DEFAULT_MAPPING.read_text(encoding="utf-8") + rules, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def three_boards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    mapping = load_mapping(mapping_file(tmp_path_factory.mktemp("mapping"), RULES))
    with start_emulator(EmulatorSettings(boards=board_seeds(mapping))) as emulator:
        yield emulator


@pytest.fixture
def stage(three_boards: Emulator, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with stage_in(
        tmp_path, three_boards, Record.for_test(request), ORDER_SYNC_MAPPING=str(mapping_file(tmp_path, RULES))
    ) as stage:
        yield stage


def with_rules(stage: Stage, rules: str) -> Stage:
    """The same stage after somebody has changed the rules."""
    mapping_file(stage.folder, rules)
    return replace(stage, tables=tables_of(stage.settings))


def items(stage: Stage, board: int) -> list[dict[str, Any]]:
    return next(list(b["items"]) for b in stage.emulator.state()["boards"] if b["id"] == str(board))


def records(stage: Stage, board: int) -> Counter[str]:
    return Counter(item["columns"]["record_uuid"] for item in items(stage, board))


def expected(stage: Stage) -> dict[int, Counter[str]]:
    """The record_uuid of each header, by the board that it belongs on."""
    found: dict[int, Counter[str]] = {board: Counter() for board in (MINE, SAMPLES, stage.settings.board_id)}
    customers = {customer_key("Café Brontë"), customer_key("O'Malley & Daughters")}
    for row in stage.inserts(stage.tables.header_queue):
        if customer_key(row["CUSTOMER NAME"]) in customers:
            board = MINE
        else:
            board = SAMPLES if row["ORDER TYPE"] == "SAMPLE" else stage.settings.board_id
        found[board][row["record_uuid"]] += 1
    return found


def all_to(stage: Stage, board: int) -> Stage:
    customers = sorted({row["CUSTOMER NAME"] for row in stage.inserts(stage.tables.header_queue)})
    return with_rules(stage, f"\n[[boards]]\nid = {board}\ncustomers = {json.dumps(customers, ensure_ascii=False)}\n")


@contextmanager
def dies_after(closing: int) -> Iterator[None]:
    """The run dies when it has the answer to its next request, after this number of recorded ones."""
    close, closed = Journal.close, []

    def dies(self: Journal, *args: Any, **more: Any) -> None:
        closed.append(args)
        if len(closed) > closing:
            raise Fatal("the run dies here")
        close(self, *args, **more)

    with mock.patch.object(Journal, "close", dies):
        yield


def test_the_first_matching_rule_chooses_the_board(stage: Stage) -> None:
    stage.add_orders(60)
    wanted = expected(stage)
    assert all(wanted.values()), "each board has orders, or this shows nothing"
    summary = stage.sync()
    assert summary.complete
    assert {board: records(stage, board) for board in wanted} == wanted
    assert stage.agreement().agree, stage.agreement().text()


def test_each_board_has_its_own_group_of_a_title(stage: Stage) -> None:
    stage.add_orders(8)
    header = stage.tables.header_queue
    stage.execute(sa.update(header).values(GroupMonday="One title"))
    stage.execute(sa.update(header).values({"CUSTOMER NAME": "Elm & Ash", "ORDER TYPE": "PRODUCTION"}))
    first = stage.inserts(header)[0]
    stage.execute(
        sa.update(header)
        .where(header.c.delta_uuid == first["delta_uuid"])
        .values({"CUSTOMER NAME": "O'Malley & Daughters"})
    )
    assert stage.sync().groups_created == 2
    assert [len(items(stage, board)) for board in (MINE, stage.settings.board_id)] == [1, 7]
    assert stage.agreement().agree, stage.agreement().text()


def test_a_late_line_goes_under_its_item_on_its_board(stage: Stage) -> None:
    stage.add_orders(30)
    stage.sync()
    of_mine = records(stage, MINE)
    order = next(row for row in stage.rows(stage.tables.orders) if row["record_uuid"] in of_mine)
    before = Counter({item["id"]: len(item["subitems"]) for item in items(stage, MINE)})
    late_line(stage, order, "9XL")
    assert stage.sync().complete
    after = Counter({item["id"]: len(item["subitems"]) for item in items(stage, MINE)})
    assert after - before == {str(order["monday_item_id"]): 1}


def test_a_dry_run_counts_over_all_boards(stage: Stage) -> None:
    stage.add_orders(30)
    before = stage.file_sum(), stage.emulator.checksum()
    total = launch.dry_run(stage.settings)["total"]
    assert (stage.file_sum(), stage.emulator.checksum()) == before
    done = stage.sync()
    assert (total["groups"], total["items"], total["subitems"]) == (
        done.groups_created,
        done.items_created,
        done.subitems_created,
    )


def test_a_full_board_keeps_no_other_orders_waiting(stage: Stage) -> None:
    stage.add_orders(40)
    header = stage.tables.header_queue
    mine = [row["delta_uuid"] for row in stage.inserts(header)[:25]]
    stage.execute(
        sa.update(header).where(header.c.delta_uuid.in_(mine)).values({"CUSTOMER NAME": "O'Malley & Daughters"})
    )
    wanted = expected(stage)
    room = max(len(of) for board, of in wanted.items() if board != MINE)
    assert room < len(wanted[MINE])
    stage.emulator.configure(items_limit=room)
    summary = stage.sync()
    assert not summary.complete
    assert {board: sum(records(stage, board).values()) for board in wanted} == {
        board: min(room, len(of)) for board, of in wanted.items()
    }
    assert summary.orders_held_back == len(wanted[MINE]) - room
    with stage.instance() as instance:
        checked = instance.all_logs(summary.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.dagster_event.asset_check_evaluation_data for entry in checked if entry.dagster_event is not None]
    (failed,) = [check for check in found if not check.passed]
    assert failed.check_name == "nothing_left_pending"
    assert failed.metadata["found"].value == summary.orders_held_back
    stage.emulator.configure(items_limit=10_000)
    assert stage.sync().complete
    assert {board: records(stage, board) for board in wanted} == wanted
    assert stage.agreement().agree, stage.agreement().text()


def test_a_full_board_ends_a_run_that_has_no_other(stage: Stage) -> None:
    stage.add_orders(4)
    stage.execute(sa.update(stage.tables.header_queue).values({"CUSTOMER NAME": "O'Malley & Daughters"}))
    stage.emulator.configure(items_limit=3)
    with pytest.raises(BoardRefused, match="The board is full"):
        stage.sync()


def test_an_order_in_doubt_is_looked_up_on_its_board(stage: Stage) -> None:
    """The run dies after monday made the items; before the next one, a rule sends the customers elsewhere."""
    stage.add_orders(12)
    stage = all_to(stage, MINE)
    with dies_after(closing=1), pytest.raises(Fatal, match="dies here"):
        stage.sync()
    made = records(stage, MINE)
    assert made
    stage = all_to(stage, SAMPLES)
    assert stage.sync().complete
    assert records(stage, MINE) == made
    assert len(records(stage, SAMPLES)) == 12 - len(made)
    assert not records(stage, MINE) & records(stage, SAMPLES)


def test_an_order_without_matching_rule_is_rejected(stage: Stage) -> None:
    stage.add_orders(40)
    wanted = expected(stage)
    settings = stage.settings.model_copy(
        update={
            "deployment": "production",
            "database_url": SecretStr(stage.settings.database),
            "monday_token": SecretStr("any"),
        }
    )
    settings.check()
    assert settings.board_ids == (MINE, SAMPLES)
    summary = launch.sync(settings)
    assert summary.orders_synced == len(wanted[MINE]) + len(wanted[SAMPLES])
    reasons = {row["reason"] for row in summary.rejected}
    assert reasons == {
        "OS-413: the order matches no board rule of the mapping, and ORDER_SYNC_MONDAY_BOARD_ID is not set"
    }
    assert len(summary.rejected) == len(wanted[stage.settings.board_id])
    assert items(stage, stage.settings.board_id) == []


def test_a_rule_for_an_invisible_board_stops_before_the_claim(stage: Stage) -> None:
    stage.add_orders(3)
    stage = with_rules(stage, RULES.replace(str(SAMPLES), "4711"))
    with pytest.raises(ConfigurationError, match=r"cannot see board 4711.* board rules"):
        stage.sync()
    assert {row["sync_state"] for row in stage.inserts(stage.tables.header_queue)} == {"NEW"}


def test_a_rule_on_a_column_absent_from_lines_is_refused(stage: Stage) -> None:
    stage = with_rules(stage, f'\n[[boards]]\nid = {MINE}\nwhere = {{ GroupMonday = ["x"] }}\n')
    with pytest.raises(ConfigurationError, match=rf"the rule of board {MINE} names \[GroupMonday\]"):
        stage.sync()


# ---- one board's trouble --------------------------------------------------------------------------------------


def states_by_board(stage: Stage) -> dict[int, set[str]]:
    """The states of the headers, by the board that each belongs on."""
    boards = {record: board for board, records_there in expected(stage).items() for record in records_there}
    found: dict[int, set[str]] = {}
    for row in stage.inserts(stage.tables.header_queue):
        found.setdefault(boards[row["record_uuid"]], set()).add(row["sync_state"])
    return found


def without_column(stage: Stage, board: int) -> None:
    query = f'mutation {{ delete_column(board_id: {board}, column_id: "record_uuid") {{ id }} }}'
    headers = {"Authorization": "a-token"}
    httpx.post(stage.emulator.url, json={"query": query}, headers=headers, trust_env=False).raise_for_status()


@contextmanager
def once_items_are_created(do: Callable[[], object]) -> Iterator[None]:
    """Something happens on the board after a step has read it."""
    create = BoardWriter.write
    done: list[object] = []

    def first(self: BoardWriter, operation: Operation, *args: Any, **more: Any) -> Any:
        if operation is Operation.ITEMS and not done:
            done.append(do())
        return create(self, operation, *args, **more)

    with mock.patch.object(BoardWriter, "write", first):
        yield


def check_that_only_mine_waits(stage: Stage) -> None:
    summary = stage.sync()
    states = states_by_board(stage)
    assert states.pop(MINE) <= {"NEW", "PENDING"}
    assert set.union(*states.values()) == {"SYNCED"}
    assert (summary.orders_held_back, summary.rejected) == (sum(expected(stage)[MINE].values()), [])


def test_a_board_closed_to_writing_stops_only_its_orders(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    stage.add_orders(40)
    stage.emulator.configure(closed_boards=[MINE])
    with progress(quiet=False):
        check_that_only_mine_waits(stage)
    shown = " ".join(capfd.readouterr().err.split())
    assert f"board {MINE} accepts nothing, its rows wait: OS-313: monday refuses: User unauthorized" in shown
    stage.emulator.configure(closed_boards=[])
    assert stage.sync().complete
    assert {board: records(stage, board) for board in expected(stage)} == expected(stage)


def test_an_unreadable_board_stops_only_its_orders(stage: Stage) -> None:
    stage.add_orders(40)
    stage.emulator.configure(unreadable_boards=[MINE])
    check_that_only_mine_waits(stage)


def test_a_column_deleted_midrun_stops_only_that_boards_orders(stage: Stage) -> None:
    stage.add_orders(40)
    with once_items_are_created(lambda: without_column(stage, MINE)):
        check_that_only_mine_waits(stage)


def test_a_board_deleted_midrun_stops_only_its_orders(stage: Stage) -> None:
    stage.add_orders(40)
    boards: list[Sequence[int]] = []

    def not_mine(reader: MondayReader, ids: Sequence[int]) -> Any:
        boards.append(ids)
        return read_again(reader, [4711] if MINE in ids else ids)

    with mock.patch.object(board_work, "read_again", not_mine):
        check_that_only_mine_waits(stage)
    assert [MINE] in boards


def test_late_lines_continue_while_another_board_is_closed(stage: Stage) -> None:
    stage.add_orders(20)
    assert stage.sync().complete
    order = next(
        row for row in stage.rows(stage.tables.orders) if row["record_uuid"] in records(stage, stage.settings.board_id)
    )
    late_line(stage, order, "9XL")
    stage.add_orders(1, seed=2)
    new = stage.inserts(stage.tables.header_queue, stage.tables.header_queue.c.sync_state == "NEW")
    stage.execute(
        sa.update(stage.tables.header_queue)
        .where(stage.tables.header_queue.c.delta_uuid == new[0]["delta_uuid"])
        .values({"CUSTOMER NAME": "O'Malley & Daughters"})
    )
    stage.emulator.configure(closed_boards=[MINE])
    assert stage.sync().orders_held_back == 1
    lines = stage.inserts(stage.tables.line_queue, stage.tables.line_queue.c.size_code == "9XL")
    assert {row["sync_state"] for row in lines} == {"SYNCED"}


@pytest.mark.on_disk
def test_a_firewall_page_ends_a_sync_with_one_line(stage: Stage) -> None:
    stage.add_orders(2)
    page = b"<html><head><title>Blocked by policy</title></head></html>"
    with served(403, page, "text/html") as url:
        started = time.monotonic()
        done = stage.run("sync", ORDER_SYNC_MONDAY_URL=url)
    assert done.returncode == 2
    message = [line for line in done.stderr.splitlines() if line.startswith("order-sync:")]
    assert len(message) == 1
    assert "HTTP 403 with a page ('Blocked by policy')" in message[0]
    assert "attempt" not in done.stderr
    assert time.monotonic() - started < 60  # it took 574 s; a start alone may take twenty on a busy machine
    assert {row["sync_state"] for row in stage.inserts(stage.tables.header_queue)} == {"NEW"}


# ---- what is in doubt elsewhere ---------------------------------------------------------------------------


def test_an_order_in_doubt_on_an_invisible_board_waits(stage: Stage) -> None:
    stage.add_orders(12)
    stage = all_to(stage, MINE)
    with dies_after(closing=1), pytest.raises(Fatal, match="dies here"):
        stage.sync()
    made = records(stage, MINE)
    stage = all_to(stage, SAMPLES)
    read = read_sites

    def as_long_as_it_is_seen(reader: MondayReader, board_ids: Sequence[int]) -> dict[int, Site]:
        if MINE in board_ids:
            raise ConfigurationError(f"This token cannot see board {MINE}.")
        return read(reader, board_ids)

    with mock.patch.object(boards, "read_sites", as_long_as_it_is_seen):
        summary = stage.sync()
    assert (summary.orders_held_back, records(stage, MINE)) == (len(made), made)
    assert not records(stage, SAMPLES) & made
    assert stage.sync().complete
    assert not records(stage, SAMPLES) & made


def test_an_order_of_an_import_still_running_waits(stage: Stage) -> None:
    stage.add_orders(6)
    stage = all_to(stage, SAMPLES)
    now = datetime.now(UTC).replace(tzinfo=None)
    entry = {
        "idempotency_key": "an import",
        "board_id": MINE,
        "operation": Operation.IMPORT,
        "keys": json.dumps([row["delta_uuid"] for row in stage.inserts(stage.tables.header_queue)]),
        "body": json.dumps({"request": "", "csv": "", "job": {"job_id": "1", "upload_url": "http://127.0.0.1:1/"}}),
        "state": "OPEN",
        "run_id": "a run that died",
        "opened_at": now,
        "sent_at": now,
    }
    stage.execute(sa.insert(stage.tables.journal).values(entry))
    with mock.patch.object(BulkImport, "finish", side_effect=Transient("the job stands still")):
        assert stage.sync().orders_held_back == 6
    assert not records(stage, SAMPLES)
    stage.execute(sa.update(stage.tables.journal).values(state="CLOSED"))
    assert stage.sync().complete


def test_a_late_line_follows_its_item_not_the_rules(stage: Stage) -> None:
    stage.add_orders(6)
    stage = all_to(stage, MINE)
    assert stage.sync().complete
    order = stage.rows(stage.tables.orders)[0]
    late_line(stage, order, "9XL")
    stage = all_to(stage, SAMPLES)
    assert stage.sync().complete
    logged = stage.tables.log
    boards = {row["board_id"] for row in stage.rows(logged, logged.c.outcome == "created")}
    assert boards == {MINE}
    late_line(stage, order, "8XL")
    settings = stage.settings.model_copy(
        update={
            "deployment": "production",
            "database_url": SecretStr(stage.settings.database),
            "monday_token": SecretStr("any"),
        }
    )
    with_rules(stage, f'\n[[boards]]\nid = {SAMPLES}\ncustomers = ["nobody"]\n')
    planned = launch.dry_run(settings)["total"]
    assert (planned["subitems"], planned["rejected"]) == (1, 0)
    assert launch.sync(settings).complete
    assert stage.agreement().subitems == 0  # none went to the boards that the rules name now
