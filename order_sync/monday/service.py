"""What to do when monday's service does not answer as it should, in words for the person who started something.

In: the error that is left after the last attempt, and the address, which may be the local monday's. Out: the next step.
Asks nobody.
"""

from __future__ import annotations

from order_sync.monday.errors import Kind, kind_of
from order_sync.monday.transport import ADDRESS_ADVICE, is_elsewhere
from order_sync.orders.errors import Transient

STATUS_PAGE = "https://status.monday.com"


def next_step(error: Transient, url: str) -> str:
    local = not is_elsewhere(url)
    code = error.code or ""
    if code == "unreachable":
        if local:
            return "Start `order-sync emulator` if you use the local monday; otherwise correct ORDER_SYNC_MONDAY_URL."
        return "Check ORDER_SYNC_MONDAY_URL, the network and the firewall."
    if code == "no_answer":
        return "The server accepts connections but does not answer: check ORDER_SYNC_MONDAY_URL, then try again later."
    if code in ("408", "423", "425", "429") or kind_of(code) in (Kind.WAIT, Kind.CONFLICT, Kind.LOCK):
        return "monday asks clients to wait: try again in a few minutes."
    if code == "200" or not (code.isdigit() or kind_of(code)):
        return ADDRESS_ADVICE
    if local:
        return "The local server failed: see the output of `order-sync emulator`."
    return f"This is a problem at monday, not in the settings: try again later; see {STATUS_PAGE}."
