"""Where messages go: the channels of ORDER_SYNC_NOTIFY_URLS, each an address of apprise.

In: the addresses, and a message. Out: the message on every channel, and the channels that did not accept it.
Never shows an address: every part of it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tenacity import RetryError, Retrying, retry_if_result, stop_after_attempt, wait_fixed

from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.text import plain_text

if TYPE_CHECKING:
    from apprise import Apprise

ATTEMPTS, PAUSE = 3, 1.0  # a sensor tick has a minute in all
LONGEST_TITLE, LONGEST_LINE = 600, 1_000


class Severity(StrEnum):
    """What apprise calls the type of a message; pagers choose their urgency by it."""

    FAILURE = "failure"  # nothing is synced until somebody acts
    WARNING = "warning"  # some orders wait for a person
    SUCCESS = "success"  # a reason has ended


@dataclass(frozen=True, kw_only=True)
class Message:
    severity: Severity
    title: str
    lines: tuple[str, ...]
    link: str | None

    def __post_init__(self) -> None:
        # A name with a line break would add lines.
        object.__setattr__(self, "title", plain_text.line(self.title, LONGEST_TITLE))
        object.__setattr__(self, "lines", tuple(plain_text.line(line, LONGEST_LINE) for line in self.lines))

    @property
    def text(self) -> str:
        return "\n".join([*self.lines, *([self.link] if self.link else [])])


@dataclass(frozen=True, kw_only=True)
class Channel:
    """`name` is the kind of channel and its position in the setting."""

    name: str
    to: Apprise

    def accepts(self, message: Message) -> bool:
        """Sends the message, several times if need be."""
        attempts = Retrying(
            stop=stop_after_attempt(ATTEMPTS), wait=wait_fixed(PAUSE), retry=retry_if_result(lambda sent: not sent)
        )
        try:
            return bool(attempts(self._send, message))
        except RetryError:
            return False

    def _send(self, message: Message) -> bool:
        import apprise

        return bool(
            self.to.notify(
                title=message.title,
                body=message.text,
                notify_type=apprise.NotifyType(message.severity),
                body_format=apprise.NotifyFormat.TEXT,
            )
        )


def channels_of(urls: str | None) -> list[Channel]:
    """The channels of the setting. Raises ConfigurationError for an address that apprise cannot read."""
    return [_channel(number, url) for number, url in enumerate(addresses(urls or ""), start=1)]


def addresses(urls: str) -> Sequence[str]:
    """The addresses of a list, which are separated by blanks, or by commas before the next one."""
    return [url for url in re.split(r"[\s,]+(?=[\w.+-]+://)|\s+", urls.strip(" \t\r\n,")) if url]


def _channel(number: int, url: str) -> Channel:
    import apprise  # takes half a second: only where a channel is set

    to = apprise.Apprise()
    made = apprise.Apprise.instantiate(url)
    if made is None or not to.add(made):
        scheme = url.partition("://")[0] if "://" in url else ""
        kind = f" ({scheme}://)" if re.fullmatch(r"[a-z]{2,20}", scheme) else ""
        raise ConfigurationError(
            f"Address {number} of ORDER_SYNC_NOTIFY_URLS{kind} is not one that apprise knows: see "
            "https://appriseit.com/services/ for its form. The address itself is not shown, for it may hold a secret.",
            SettingsFault.CHANNEL,
        )
    return Channel(name=f"{made.service_name} (address {number})", to=to)
