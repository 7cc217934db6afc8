"""In: the command line.
Out: the options that several commands share, and their JSON output.
Never: an option that only one command has."""

from __future__ import annotations

from typing import Any

import click

from order_sync.text import plain_text

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
of_customer = click.option(
    "--customer",
    "customers",
    multiple=True,
    metavar="NAME",
    help="Only this customer, as in [CUSTOMER NAME]; repeatable.",
)


def print_json(value: Any) -> None:
    click.echo(plain_text.as_json(value))
