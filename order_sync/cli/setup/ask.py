"""In: a question, and what a flag or an earlier setup says.
Out: an answer that has been tried, or consent.
Never: a question without a terminal or with --yes; never a secret on the screen."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import click

from order_sync.cli.output.console import print_error
from order_sync.orders.errors import OrderSyncError
from order_sync.orders.faults import DatabaseFault

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Question:
    """`given` is what the flag says, `present` what is set already; `shown` is shown in place of the latter."""

    text: str
    flag: str
    given: str | None = None
    present: str | None = None
    shown: str | None = None
    secret: bool = False


class Asker:
    """Asks a person, where there is one."""

    def __init__(self, *, yes: bool) -> None:
        self._yes = yes
        self.asks = not yes and sys.stdin.isatty()
        self.made: list[str] = []  # what stays, whether or not the files are written

    def answer(self, question: Question, use: Callable[[str], T]) -> T:
        """What `use` makes of the answer. It raises OrderSyncError for one that does not work, and is asked again.

        Raises the error of a missing driver: no other answer would install it.
        """
        if question.given is not None:
            return use(question.given)
        if not self.asks:
            if question.present is None:
                raise click.UsageError(
                    f"{question.flag} is missing: without a terminal, or with --yes, nothing is asked."
                )
            return use(question.present)
        while True:
            try:
                return use(self._prompt(question))
            except OrderSyncError as error:
                if error.why is DatabaseFault.DRIVER:
                    raise
                print_error(error)

    def _prompt(self, question: Question) -> str:
        shown = question.shown or ("keep the present one" if question.secret else question.present)
        text = f"{question.text} [{shown}]" if question.present is not None else question.text
        answer = click.prompt(text, default=question.present, hide_input=question.secret, show_default=False)
        return str(answer).strip()

    def agrees(self, text: str, flag: str, given: bool | None = None) -> bool:
        """Consent to a change, by the flag, by --yes or by the person."""
        if given is not None:
            return given
        if self._yes:
            return True
        if not self.asks:
            raise click.UsageError(f"{text} Without a terminal, say so with {flag}.")
        return click.confirm(text, default=True)

    def line(self, text: str) -> str:
        """A line that may be empty; empty where nobody can be asked."""
        return str(click.prompt(text, default="", show_default=False)).strip() if self.asks else ""
