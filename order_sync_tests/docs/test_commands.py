"""Every command of README.md and docs/ works, in the order in which the pages have them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from order_sync_tests.docs.blocks import CONSOLES, WINDOWS, Block, blocks, from_windows
from order_sync_tests.docs.commands import Shop

CONSOLE_BLOCKS = blocks(*CONSOLES)


@pytest.mark.parametrize("block", CONSOLE_BLOCKS, ids=lambda block: block.id)
def test_the_commands_of_a_block_work(shop: Shop, block: Block) -> None:
    assert block.commands or block.language in WINDOWS, f"{block.id}: commands have '$ ' or '> ' before them"
    if block.excuse:
        pytest.skip(block.excuse)
    shop.begin()
    for line in block.commands:
        shop.try_out(line)


def test_the_pages_have_commands() -> None:
    lines = [line for block in CONSOLE_BLOCKS for line in block.commands]
    for wanted in ("order-sync demo", "order-sync plan", ".venv/bin/order-sync db check", "make demo"):
        assert [line for line in lines if line.startswith(wanted)], wanted


@pytest.mark.parametrize(
    "line",
    [
        "frobnicate",
        "order-sync",
        "order-sync snyc",
        "order-sync sync --limt 3",
        "order-sync sync --limit none",
        "order-sync trace",
        "order-sync board init",
        "order-sync db check --url mssql+pyodbc://server/database --schemas dbo",
        "order-sync status | order-sync nothing",
        "order-sync emulator --config nothing.toml",
        "dagster sensors start new_orders",
        "pip install -c constraints.txt -e '.[nothing]'",
        "pip install -c nothing.txt -e .",
        "python -m order_sync_tests.nothing",
        "python -m pytest order_sync_tests/nothing",
        "helm install order-sync --values nothing.yaml",
        "export ORDER_SYNC_DRYRUN=1",
        "ORDER_SYNC_DRYRUN=1 order-sync sync",
        "cp nothing.toml something.toml",
        "cd nowhere",
        "python nothing.py",
        "cp nothing.toml something.toml && cat nothing.toml && false || frobnicate",
    ],
)
def test_what_does_not_work_is_seen(shop: Shop, line: str) -> None:
    shop.begin()
    with pytest.raises((AssertionError, FileNotFoundError)):
        shop.try_out(line)


@pytest.mark.parametrize("target", ["{}/made", "~/made", "../made", "'{}/made'"])
def test_nothing_is_done_outside_the_folder(shop: Shop, tmp_path: Path, target: str) -> None:
    shop.begin()
    place = target.format(tmp_path)
    shop.try_out(f"touch {place}")
    shop.try_out(f"echo a >{place}")
    shop.try_out("cd /opt")
    assert Path.cwd() == shop.folder
    made = (tmp_path / "made", shop.folder.parent / "made", Path.home() / "made")
    assert [path for path in made if path.exists()] == []


def test_a_missing_make_target(shop: Shop) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        shop.try_out("make nothing")


def test_a_command_that_cannot_do_its_work_is_seen(shop: Shop) -> None:
    with pytest.raises(AssertionError, match="ended with 2"):
        shop.try_out("order-sync db check --url sqlite:////nowhere/orders.db")


@pytest.mark.parametrize(
    ("typed", "likeness"),
    [
        (r".venv\Scripts\order-sync demo", ".venv/bin/order-sync demo"),
        ("py -m venv .venv", "python3 -m venv .venv"),
        ('$env:ORDER_SYNC_DRY_RUN = "1"', 'export ORDER_SYNC_DRY_RUN="1"'),
        ("set ORDER_SYNC_DRY_RUN=1", "export ORDER_SYNC_DRY_RUN='1'"),
        ("copy .env.example .env", "cp .env.example .env"),
    ],
)
def test_windows_lines_have_their_likeness(typed: str, likeness: str) -> None:
    assert from_windows(typed) == likeness


@pytest.mark.parametrize(
    ("language", "text", "commands"),
    [
        (
            "console",
            "$ order-sync sync \\\n    --limit 3  # three\noutput\n$ cat a\n",
            ["order-sync sync --limit 3  # three", "cat a"],
        ),
        (
            "sh",
            "# first\norder-sync status\n\ncat <<'END' > a\norder-sync nothing\nEND\ncat a\n",
            ["order-sync status", "cat <<'END' > a", "cat a"],
        ),
        ("powershell", "$run = 'a'\nif ($run) { exit }\norder-sync status\n", ["order-sync status"]),
        ("console", "# systemctl daemon-reload\n", ["systemctl daemon-reload"]),
        ("console", r"> .venv\Scripts\order-sync status", [".venv/bin/order-sync status"]),
    ],
)
def test_commands_are_found_in_a_block(language: str, text: str, commands: list[str]) -> None:
    assert Block(page="a", line=1, language=language, text=text).commands == commands
