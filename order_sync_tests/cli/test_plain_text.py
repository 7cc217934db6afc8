"""Names are text: no command passes control characters in them to the terminal."""

from __future__ import annotations

import pytest

from order_sync.text import plain_text
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.contract.site import make_order
from order_sync_tests.graph.stage import Stage

EVIL = "Ev\x1b]0;x\x07il\x9b31m\u202e[red]Co\x08\r[link=https://evil.invalid]x[/link]"


def test_no_command_hands_a_control_character_to_the_terminal(stage: Stage, order_sync: OrderSync) -> None:
    stage.add(make_order(number="A-1", customer=EVIL))
    stage.add(make_order(number="A-2", customer=EVIL, columns={"ORDER TYPE": EVIL}))
    commands = [["sync", "--dry-run"], ["sync"], ["status"], ["report"], ["trace", "A-2"], ["sync", "--customer", EVIL]]
    commands += [["status", "--json"], ["trace", "A-2", "--json"], ["retry", "--customer", "\x1b[2Jnobody"]]
    printed = {" ".join(command): order_sync(*command).output for command in commands}
    for command, text in printed.items():
        assert not plain_text.OBEYED.search(text), command
    for command in ("sync --dry-run", "sync", "status", "report"):
        assert "Ev\ufffd]0;x" in printed[command], command


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("[log in](https://evil.invalid)", r"\[log in\]\(https://evil.invalid\)"),
        ("<!channel> a&b", r"\<\!channel\> a\&b"),
        ("two\nlines | of_it", r"two lines \| of\_it"),
        ("\x1b[2J", "\ufffd\\[2J"),
    ],
)
def test_markdown_shows_a_text_as_it_is(text: str, markdown: str) -> None:
    assert plain_text.markdown(text) == markdown
