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
            return "Start `order-sync emulator` if that is to be the local monday, else correct ORDER_SYNC_MONDAY_URL."
        return "Check ORDER_SYNC_MONDAY_URL, the network and the firewall."
    if code == "no_answer":
        return "Something is there and does not answer: check ORDER_SYNC_MONDAY_URL, then try again later."
    if code in ("408", "423", "425", "429") or kind_of(code) in (Kind.WAIT, Kind.CONFLICT, Kind.LOCK):
        return "monday asks to wait: try again in a few minutes."
    if code == "200" or not (code.isdigit() or kind_of(code)):
        return ADDRESS_ADVICE
    if local:
        return "That is a fault of the server at this address: what `order-sync emulator` prints says more."
    return f"That is a fault of monday's, not of the settings: try again later; {STATUS_PAGE} shows how it is."
