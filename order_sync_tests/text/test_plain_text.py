"""Names that would be links, formatting or escape sequences: text on every way out."""

from __future__ import annotations

import io
import json
import os
from typing import Any

import pytest
from markdown_it import MarkdownIt
from rich.markup import escape

from order_sync.automation.channels import Message, Severity
from order_sync.cli.output.console import TextConsole, TextTable
from order_sync.io_managers.frames import table
from order_sync.text import plain_text

HOSTILE = [
    "[Reset your password](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "<https://evil.example|x> <!channel>",
    "https://evil.example and www.evil.example and a@evil.example",
    "<b>bold</b> &lt; **bold** __bold__ `code` ~~gone~~",
    "back\\slash | cell",
    "[red]red[/red] [link=https://evil.example]x[/link] :bomb:",
]
UNSEEN = "\x1b]8;;https://evil\x07 \x1b[2J \x9b31m \r \x00 \x7f \u202egnp \u2066x \u2028 \u200f"


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_shows_a_name_as_it_is(name: str) -> None:
    page = MarkdownIt("gfm-like", {"linkify": False}).parse(plain_text.markdown(name))
    (inline,) = [token for token in page if token.type == "inline"]
    kinds = {token.type for token in inline.children or []}
    shown = "".join(token.content for token in inline.children or [])
    assert next(token.type for token in page) == "paragraph_open"
    assert kinds <= {"text", "text_special"}
    assert shown == name


@pytest.mark.parametrize(
    "write",
    [plain_text.line, plain_text.cell, plain_text.markdown, plain_text.on_page, plain_text.as_json],
)
def test_no_way_out_passes_a_control_character(write: Any) -> None:
    text = write(UNSEEN)
    assert not [letter for letter in text if not letter.isprintable() and letter not in "\n"]
    assert "\ufffd" in text or "\\u001b" in text


def test_json_of_a_name_is_the_name() -> None:
    assert json.loads(plain_text.as_json({"name": UNSEEN})) == {"name": UNSEEN}


@pytest.mark.parametrize("write", [plain_text.line, plain_text.cell, plain_text.markdown])
def test_a_name_of_a_megabyte_is_cut(write: Any) -> None:
    assert len(write("[\x1b" * 500_000)) < 40_000


def printed(*names: str) -> str:
    """What the console of the commands puts on a terminal, in a table and in a line, with markup and without."""
    out = io.StringIO()
    screen = TextConsole(file=out, force_terminal=False, width=200, emoji=False)
    rows = TextTable()
    rows.add_column("name")
    for name in names:
        rows.add_row(escape(name))
        screen.print(name, markup=False)
        screen.print(f"[bold]{escape(name)}[/]")
    screen.print(rows)
    return out.getvalue()


def test_console_shows_names_as_text() -> None:
    text = printed(UNSEEN, *HOSTILE)
    assert not [letter for letter in text if not letter.isprintable() and letter != "\n"]
    assert text.count(HOSTILE[-1]) == 3
    assert len(printed("a\nb\nc").splitlines()) == len(printed("abc").splitlines())


def test_console_prints_a_name_of_a_megabyte_at_once() -> None:
    assert len(printed("x" * 1_000_000)) < 20_000


def test_a_message_has_no_lines_of_a_name() -> None:
    message = Message(
        severity=Severity.WARNING, title="a\nBcc: b", lines=("Reason: x\n\x1b[1mNext", "y" * 10**6), link=None
    )
    assert message.title == "a Bcc: b"
    assert [len(text) < 2_000 for text in message.lines] == [True, True]
    assert "\x1b" not in message.text


def test_metadata_table_has_no_control_character() -> None:
    (record,) = table([{"customer": UNSEEN, "rows": 1}]).records  # type: ignore[attr-defined]
    assert str(record.data["customer"]).isprintable()


def test_a_table_looks_up_secrets_once_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    class Environment(dict[str, str]):
        def items(self) -> Any:
            looked.append("environment")
            return super().items()

    monkeypatch.setattr(os, "environ", Environment({"ORDER_SYNC_MONDAY_TOKEN": "a-marked-secret"}))
    table = TextTable("customer", "reason")
    for number in range(30):
        table.add_row(f"customer {number}", "it has a-marked-secret in it")
    output = io.StringIO()
    TextConsole(file=output, width=80).print(table)
    assert "a-marked-secret" not in output.getvalue()
    assert output.getvalue().count("it has *** in it") == 30
    assert len(looked) <= 30 + 1
