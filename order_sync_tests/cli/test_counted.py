"""One of anything is called so: 1 row, 2 rows; on the screen, in messages and on the page of the board."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from order_sync.sync.compare import Kind
from order_sync.text.counted import counted
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.contract.site import make_order
from order_sync_tests.graph.stage import ROOT, Stage

NOUNS = "row|order|item|group|subitem|line|header|run|call|record|record_uuid|label|note|board|request|column|job"
PLURAL = re.compile(rf"^ (?:[A-Z]+ |new |earlier |missing )?(?:{NOUNS})s\b")
#: What stands before is the name of something, or a number that is never one.
NAMES = {"what", "where", "o_name", "room"}


def test_a_number_and_its_word() -> None:
    assert [counted(n, "row") for n in (0, 1, 2, 1_000)] == ["0 rows", "1 row", "2 rows", "1,000 rows"]
    assert [counted(n, "row waits", "rows wait") for n in (1, 2)] == ["1 row waits", "2 rows wait"]


def test_each_kind_of_difference_has_a_singular() -> None:
    assert [kind.counted(1) for kind in Kind][:7] == [
        *("1 item missing", "1 subitem missing", "1 item doubled", "1 subitem doubled", "1 subitem under another item"),
        *("1 id that differs", "1 SYNCED in the queue only"),
    ]
    assert Kind.OWN_ROWS.counted(1) == "1 row without a key"
    assert Kind.ITEM_MISSING.counted(2_000) == "2,000 items missing"


def fixed_plurals(path: Path) -> Iterator[str]:
    """f-strings with a number in front of a word that is always many."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            for number, text in zip(node.values, node.values[1:], strict=False):
                if isinstance(number, ast.FormattedValue) and isinstance(text, ast.Constant):
                    shown = ast.unparse(number.value)
                    if PLURAL.match(str(text.value)) and shown not in NAMES and not shown.isupper():
                        yield f"{path.name}:{node.lineno}: {{{shown}}}{str(text.value)[:30]}"


def test_no_message_has_a_fixed_plural() -> None:
    folder = ROOT / "order_sync"
    # The emulator's own messages are monday's.
    files = [path for path in sorted(folder.rglob("*.py")) if path.relative_to(folder).parts[0] != "emulator"]
    assert len(files) > 50
    assert [found for path in files for found in fixed_plurals(path)] == []


def test_one_order_is_reported_in_the_singular(stage: Stage, order_sync: OrderSync) -> None:
    stage.add(make_order(number="AAG-1", customer="Alder Outdoor", lines=1))
    planned = order_sync("sync", "--dry-run").stdout
    assert "create 1 group, 1 item and 1 subitem. 1 order would be SYNCED" in " ".join(planned.split())
    done = order_sync("sync").stdout
    assert "1 order SYNCED, 0 held back. Created 1 group, 1 item, 1 subitem in " in " ".join(done.split())
    message = " ".join(order_sync("reconcile").stdout.split())
    assert "Tables and boards agree: 1 item and 1 subitem. Checked 1 SYNCED header and 1 line on 1 board" in message
    assert stage.agreement().agree


def test_the_page_of_the_board_counts_in_words(stage: Stage, order_sync: OrderSync) -> None:
    stage.add(make_order(number="AAG-1", customer="Alder Outdoor", lines=1))
    assert order_sync("sync").exit_code == 0
    for path in ("", f"boards/{stage.settings.board_id}"):
        page = httpx.get(stage.emulator.page_url + path, trust_env=False).text
        text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
        assert re.search(r"\b1 item\b", text)
        assert re.search(r"\b1 subitem\b", text)
        assert not re.search(r"\b1 (groups|items|subitems)\b", text), text


@pytest.mark.parametrize("number", [0, 1, 2])
def test_retry_and_demo_count_in_words(stage: Stage, order_sync: OrderSync, number: int) -> None:
    said = order_sync("retry").stdout
    assert "no row is in ERROR" in said
    if number:
        added = order_sync("demo", "--arrive", str(number)).stdout
        assert added.startswith("Queued 1 new order " if number == 1 else "Queued 2 new orders ")
