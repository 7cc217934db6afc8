"""Writes the references of the documentation from the code: `make reference`.

In: the settings' fields, the commands' own help and the codes. Out: the table in docs/configuration.md, between its two
marks, docs/commands.md and docs/errors.md. The rest of the pages stays as it is; a test compares all with the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from order_sync.cli.commands import main as order_sync
from order_sync.orders.catalogue import CATALOGUE, what_to_do
from order_sync.settings import PREFIX, Settings

DOCS = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- settings: written by `make reference` -->", "<!-- end of settings -->"
WIDTH = 100  # columns of the help texts

COMMANDS = """\
<!-- Written by `make reference` from the commands' own help. -->
# Commands

Each of these is also what `order-sync COMMAND --help` prints. Options go after the command.

Exit code 0: success; for `sync`, every claimed row is SYNCED and no order needs attention.
1: something needs attention, such as rows that were rejected or held back, or orders that no run can claim.
2: the command failed; the last line says why. 130: stopped by Ctrl-C or SIGTERM. 141: the output pipe was closed, as in
`order-sync status | head -1`.
"""

ERRORS = """\
<!-- Written by `make reference` from the codes in order_sync/orders. -->
# Errors and codes

Every error, every rejected row and every held order has a code. It is printed before the message, in the terminal, in
the log, in the report, in `sync_error_message` and in asset checks. `order-sync explain CODE` prints the same text as
this page.

A run in Dagster has its codes as tags: `order_sync/OS-406` with the number of rows or orders, or `failed` if the error
stopped the run. In the list of runs, filter by the tag to find every run with a code.

A code keeps its meaning in all versions. A command that was typed wrong (an unknown option, a missing argument) has
none: it ends with exit code 2 and a line that names the mistake, and `--help` lists what the command takes.
"""


def settings_table() -> str:
    lines = ["| variable | default | what it sets |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "none" if field.default is None else f"`{field.default}`"
        if name == "mapping":
            default = "`order_sync/mapping.toml`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {_cell(field.description or '')} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def configuration(page: str) -> str:
    """The page with the table as the settings are now."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"docs/configuration.md lacks the marks '{BEGIN}' and '{END}'")
    return f"{before}{BEGIN}\n{settings_table()}\n{END}{after}"


def commands() -> str:
    """docs/commands.md."""
    return COMMANDS + "".join(_sections(order_sync, "order-sync"))


def _sections(command: click.Command, path: str, parent: click.Context | None = None) -> Iterator[str]:
    context = click.Context(
        command,
        info_name=path.split()[-1],
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        **command.context_settings,
    )
    if parent is not None and not isinstance(command, click.Group):
        text = re.sub(r"[ \t]+$", "", click.unstyle(command.get_help(context)), flags=re.MULTILINE)
        yield f"\n## {path}\n\n```text\n{text}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _sections(child, f"{path} {name}", context)


def errors() -> str:
    """docs/errors.md: a table and a section for each code."""
    lines = [ERRORS]
    for title, codes in CATALOGUE.items():
        rows = "\n".join(f"| [{code}](#{code.lower()}) | {code.heading} |" for code in codes)
        lines.append(f"\n**{title}**\n\n| code | |\n| --- | --- |\n{rows}\n")
    for codes in CATALOGUE.values():
        for code in codes:
            lines.append(
                f"\n## {code}\n\n**{code.heading}**\n\n"
                f"- *What happened:* {code.happened}\n"
                f"- *What order_sync did:* {code.did}\n"
                f"- *What to do:* {what_to_do(code)}\n"
            )
    return "".join(lines)


def main() -> None:
    page = DOCS / "configuration.md"
    page.write_text(configuration(page.read_text(encoding="utf-8")), encoding="utf-8")
    (DOCS / "commands.md").write_text(commands(), encoding="utf-8")
    (DOCS / "errors.md").write_text(errors(), encoding="utf-8")


if __name__ == "__main__":
    main()
