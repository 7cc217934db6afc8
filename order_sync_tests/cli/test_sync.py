"""`order-sync sync`, `status` and `retry`: what they print, and how they end."""

from __future__ import annotations

import json
import re

import pytest
import sqlalchemy as sa

from order_sync import __version__
from order_sync.cli import launch
from order_sync.cli.output.progress import STEPS
from order_sync.database.entries import Operation
from order_sync.demo.drafts import Size
from order_sync.demo.samples import make_orders
from order_sync.demo.words import COLOUR, STYLE, TYPE
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.contract.site import make_order
from order_sync_tests.graph.stage import Stage

# ---- sync -----------------------------------------------------------------------------------------------


def test_all_synced_ends_with_0(stage: Stage, order_sync: OrderSync) -> None:
    sample = stage.add_orders(6)
    foretold = launch.plan(stage.settings).forecast.calls
    asked = stage.emulator.stats()["calls"]
    result = order_sync("sync")
    assert result.exit_code == 0, result.output
    calls = stage.emulator.stats()["calls"] - asked
    assert foretold == calls
    assert f" in {calls} calls (" in result.stdout
    for row in sample.headers:
        assert row[CUSTOMER] in result.stdout
    assert "6 orders SYNCED, 0 held back." in result.stdout
    assert re.search(
        r"Created \d+ groups, 6 items, \d+ subitems in \d+ calls \([\d.]+ records per call\)", result.stdout
    )
    assert stage.unsynced() == 0


def test_nothing_to_do_ends_with_0(order_sync: OrderSync) -> None:
    result = order_sync("sync")
    assert (result.exit_code, result.stdout) == (0, "Nothing to do: no order is waiting in the queue tables.\n")


def test_some_rejected_ends_with_1_and_says_which(stage: Stage, order_sync: OrderSync) -> None:
    stage.add(make_orders(Size.SMALL))
    result = order_sync("sync")
    assert result.exit_code == 1, result.output
    assert "4 rows rejected" in result.stdout
    for row in stage.inserts(stage.tables.header_queue, stage.tables.header_queue.c.sync_state == "ERROR"):
        assert row["record_uuid"] in result.stdout
        assert row["sync_error_message"] in result.stdout
    assert "rows wait because another row of their order is rejected" in result.stdout
    assert result.stdout.rstrip().endswith("`order-sync report` says where and how), then run: order-sync retry")


@pytest.mark.on_disk
def test_nothing_could_be_done_ends_with_2_in_one_line(stage: Stage) -> None:
    stage.add_orders(1)
    done = stage.run("sync", ORDER_SYNC_MONDAY_BOARD_ID="4711")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("order-sync: OS-321: This token cannot see board 4711.")


@pytest.mark.on_disk
@pytest.mark.parametrize("command", [["sync"], ["status"], ["db", "check"], ["db", "grant", "u"], ["emulator"]])
def test_a_misspelt_setting_in_the_env_file_stops_every_command(stage: Stage, command: list[str]) -> None:
    stage.add_orders(1)
    before = stage.dump(), stage.emulator.checksum()
    (stage.folder / ".env").write_text("order_sync_dryrun=1\n", encoding="utf-8")
    done = stage.run(*command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == (
        "order-sync: OS-101: Invalid setting: order_sync_dryrun is not a setting (did you mean ORDER_SYNC_DRY_RUN?)."
    )
    assert (stage.dump(), stage.emulator.checksum()) == before


@pytest.mark.on_disk
def test_a_utf16_env_file_stops_in_one_line(stage: Stage) -> None:
    (stage.folder / ".env").write_text("ORDER_SYNC_DRY_RUN=1\n", encoding="utf-16")
    done = stage.run("sync")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.endswith(".env is UTF-16, as written by PowerShell's >: save it as UTF-8.")


@pytest.mark.on_disk
def test_json_is_all_that_is_printed(stage: Stage) -> None:
    stage.add(make_orders(Size.SMALL))
    done = stage.run("sync", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    message = json.loads(done.stdout)
    assert (message["headers_claimed"], message["lines_claimed"], message["complete"]) == (71, 318, False)
    assert {row["delta_uuid"] for row in message["rejected"]} == {
        row["delta_uuid"]
        for queue in (stage.tables.header_queue, stage.tables.line_queue)
        for row in stage.inserts(queue, queue.c.sync_state == "ERROR")
    }
    assert message["customers"][0]["customer"] == "O'Malley & Daughters"
    assert message["records_per_call"] >= 20


def test_every_command_takes_a_customer_in_any_spelling(stage: Stage, order_sync: OrderSync) -> None:
    decomposed, spaced = "CAFE\u0301 OTT ", " caf\u00e9  ott"
    spellings = ("Caf\u00e9 Ott", "CAFE\u0301 OTT", " caf\u00e9 ott")
    for minute, name in enumerate((*spellings, "Cafe Ott")):
        stage.add(make_order(customer=name, lines=1, minute=minute, columns={"CUSTOMER SEASON": "SS27"}))
    stage.execute(sa.update(stage.tables.line_queue).values(size_code=None))
    for typed in (decomposed, spaced):
        planned = json.loads(order_sync("sync", "--json", "--dry-run", "--customer", typed).stdout)["customers"]
        assert [(row["customer"], row["items"], row["rejected"]) for row in planned] == [("Caf\u00e9 Ott", 3, 3)]
    done = json.loads(order_sync("sync", "--json", "--customer", decomposed).stdout)["customers"]
    assert [(row["customer"], row["items"], row["rejected"]) for row in done] == [("Caf\u00e9 Ott", 3, 3)]
    counts = json.loads(order_sync("status", "--json").stdout)["counts"]
    rejected = [row for row in counts if row["state"] == "ERROR"]
    assert [(row["customer"], row["row"], row["rows"]) for row in rejected] == [("Caf\u00e9 Ott", "line", 3)]
    report = json.loads(order_sync("report", "--json").stdout)
    assert {line["customer"]: line["rejected"] for line in report["customers"]} == {"Caf\u00e9 Ott": 3, "Cafe Ott": 0}
    assert json.loads(order_sync("retry", "--json", "--customer", spaced).stdout) == {"rows": 3}


def test_customers_and_a_limit(stage: Stage, order_sync: OrderSync) -> None:
    stage.add_orders(40)
    names = sorted({row[CUSTOMER] for row in stage.inserts(stage.tables.header_queue)})
    result = order_sync("sync", "--json", "--customer", names[0], "--customer", names[-1])
    message = json.loads(result.stdout)
    assert (result.exit_code, [line["customer"] for line in message["customers"]]) == (0, [names[0], names[-1]])
    limited = json.loads(order_sync("sync", "--json", "--limit", "3").stdout)
    assert limited["orders_synced"] == 3


@pytest.mark.parametrize("command", [["sync"], ["sync", "--dry-run"], ["sync", "--json"], ["retry"]])
def test_a_misspelt_customer_ends_with_2_and_the_nearest(
    stage: Stage, order_sync: OrderSync, command: list[str]
) -> None:
    stage.add(make_orders(Size.SMALL))
    before = stage.dump(), stage.emulator.checksum()
    result = order_sync(*command, "--customer", "O'Malley and Daughter")
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.strip().splitlines()
    assert "'O'Malley and Daughter' (did you mean 'O'Malley & Daughters'?)" in line
    assert (stage.dump(), stage.emulator.checksum()) == before


def test_a_customer_with_nothing_waiting_is_accepted(stage: Stage, order_sync: OrderSync) -> None:
    sample = stage.add_orders(1)
    stage.sync()
    name = sample.headers[0][CUSTOMER]
    for command in (["sync"], ["sync", "--dry-run"], ["retry"]):
        result = order_sync(*command, "--customer", f" {name.upper()}")
        assert result.exit_code == 0, result.output
        if command[0] == "sync":
            assert result.stdout.startswith(f"Nothing to do: no order of {name.upper()} is waiting")
            assert f"Requested:  {name.upper()}. Customers with waiting orders: none." in result.stdout


@pytest.mark.parametrize("arguments", [["--limit", "0"], ["--limit", "many"], ["--dry"]])
def test_a_wrong_option_is_refused(stage: Stage, order_sync: OrderSync, arguments: list[str]) -> None:
    stage.add_orders(1)
    before = stage.dump()
    result = order_sync("sync", *arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr
    assert stage.dump() == before


def test_names_are_printed_as_they_are(stage: Stage, order_sync: OrderSync) -> None:
    """Square brackets are markup to the library that prints tables."""
    name = "[red]Stitch[/] & [Sons"
    stage.add_orders(1)
    for table in (stage.tables.header_queue, stage.tables.orders):
        stage.execute(sa.update(table).values({CUSTOMER: name}))
    assert name in order_sync("sync", "--dry-run").stdout
    assert name in order_sync("status").stdout
    assert name in order_sync("sync").stdout


# ---- dry run --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_dry_run_writes_nothing(
    stage: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    stage.add(make_orders(Size.SMALL))
    before = stage.dump(), stage.file_sum(), stage.emulator.checksum()
    if way == "environment":
        monkeypatch.setenv("ORDER_SYNC_DRY_RUN", "1")
    result = order_sync("sync", *(["--dry-run"] if way == "option" else []))
    assert result.exit_code == 0
    assert "Dry run: nothing was written" in result.stdout
    assert "4 rows would be rejected" in result.stdout
    assert "O'Malley & Daughters" in result.stdout
    assert (stage.dump(), stage.file_sum(), stage.emulator.checksum()) == before


def test_a_dry_run_as_json(stage: Stage, order_sync: OrderSync) -> None:
    stage.add(make_orders(Size.SMALL))
    done = order_sync("sync", "--dry-run", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    total = json.loads(done.stdout)["total"]
    assert (total["groups"], total["items"], total["rejected"]) == (5, 62, 4)


def test_a_dry_run_with_nothing_to_do(order_sync: OrderSync) -> None:
    result = order_sync("sync", "--dry-run")
    assert (result.exit_code, result.stdout.split(":")[0]) == (0, "Nothing to do")


# ---- status and retry -----------------------------------------------------------------------------------


def test_status_counts_before_and_after(stage: Stage, order_sync: OrderSync) -> None:
    assert order_sync("status").stdout == (
        "No row is waiting or rejected, and none became SYNCED in the last 24 hours.\n"
    )
    stage.add(make_orders(Size.SMALL))
    before = json.loads(order_sync("status", "--json").stdout)
    assert {(c["row"], c["state"]): c["rows"] for c in before["counts"]} == {
        ("header", "NEW"): 71,
        ("line", "PENDING"): 318,
    }
    summary = stage.sync()
    after = json.loads(order_sync("status", "--json").stdout)
    counts = {(c["row"], c["state"]): c["rows"] for c in after["counts"]}
    assert (counts["header", "ERROR"], counts["line", "ERROR"]) == (3, 1)
    assert sum(rows for (row, _), rows in counts.items() if row == "header") == 71
    assert after["rejected"] == json.loads(json.dumps(summary.rejected, default=str))
    assert after["leases"] == []
    text = order_sync("status").stdout
    assert "O'Malley & Daughters" in text
    assert "4 rows rejected" in text


def test_status_shows_the_largest_customers_and_totals(stage: Stage, order_sync: OrderSync) -> None:
    for number in range(23):
        stage.add(make_order(customer=f"Customer {number:02}", lines=1 if number < 3 else 2))
    text = order_sync("status").stdout
    assert "... and 3 more customers: order-sync status --all shows them." in text
    assert [f"Customer {number:02}" in text for number in range(23)] == [False] * 3 + [True] * 20
    totals = [line.replace("│", " ").split()[:3] for line in text.splitlines() if line.startswith("│ all ")]
    assert totals == [["all", "header", "23"], ["all", "line", "43"]]
    text = order_sync("status", "--all").stdout
    assert "Customer 00" in text
    assert "more customers" not in text


def test_status_of_no_database_says_what_to_do(stage: Stage, order_sync: OrderSync) -> None:
    stage.database_file.unlink()
    result = order_sync("status")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Create one with empty tables by `order-sync db init` (in the embedded deployment" in result.stderr
    assert "with sample orders by `order-sync demo`" in result.stderr


def test_retry_and_sync_finish_what_was_corrected(stage: Stage, order_sync: OrderSync) -> None:
    stage.add(make_orders(Size.SMALL))
    assert order_sync("sync").exit_code == 1
    header, line = stage.tables.header_queue, stage.tables.line_queue
    good = {STYLE: "TS-1", COLOUR: "Ecru", TYPE: "SAMPLE"}
    stage.execute(sa.update(header).where(header.c.sync_state == "ERROR").values(good))
    stage.execute(sa.update(line).where(line.c.sync_state == "ERROR").values(size_code="XXXL"))
    assert order_sync("retry").stdout == "Requeued 4 rows. Next: order-sync sync, or wait for the sensor.\n"
    assert order_sync("sync").exit_code == 0
    assert stage.unsynced() == 0
    assert stage.agreement().agree


def test_a_retry_of_nothing_says_why(stage: Stage, order_sync: OrderSync) -> None:
    assert order_sync("retry").stdout == (
        "Nothing to retry: no row is in ERROR.\n"
        "Rows that are NEW or PENDING need no retry: order-sync sync takes them up.\n"
    )
    doubled = make_order(number="A-1", customer="Weber & Co", headers=2)
    doubled.headers[1][ORDER_NUMBER] = "A-2"  # contradicts the other header: held
    stage.add(doubled)
    said = order_sync("retry", "--customer", "Weber & Co").stdout
    assert "no row of Weber & Co is in ERROR." in said
    assert "1 order is held for other reasons: order-sync status lists them." in said
    stage.execute(sa.text("UPDATE ORDER_LIST_DELTA SET record_uuid = '', sync_state = 'ERROR'"))
    said = order_sync("retry").stdout
    assert said.startswith(
        "Nothing to retry: 2 rows in ERROR have no record_uuid, so a run could only reject them again."
    )


def test_retry_of_one_customer(stage: Stage, order_sync: OrderSync) -> None:
    stage.add(make_orders(Size.SMALL))
    stage.sync()
    assert json.loads(order_sync("retry", "--json", "--customer", "(no customer)").stdout) == {"rows": 0}
    assert json.loads(order_sync("retry", "--json", "--customer", "O'Malley & Daughters").stdout) == {"rows": 4}
    assert json.loads(order_sync("retry", "--json").stdout) == {"rows": 0}


# ---- the command itself ---------------------------------------------------------------------------------


def test_help_names_every_command(order_sync: OrderSync) -> None:
    text = order_sync("--help").stdout
    for command in ("sync", "status", "retry", "demo", "emulator", "db"):
        assert re.search(rf"^  {command} ", text, re.MULTILINE), command
        assert order_sync(command, "-h").exit_code == 0
    assert order_sync("--version").stdout == f"order-sync, version {__version__}\n"


def test_each_operation_has_a_bar_of_its_own() -> None:
    assert STEPS.keys() == {str(operation) for operation in Operation if operation is not Operation.IMPORT}
