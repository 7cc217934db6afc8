"""In: settings (`EmulatorSettings`), GraphQL over HTTP.
Out: a local monday.com: its API subset, limits, errors and faults, and a page to look at the boards.
Never: imported by anything but demo/, tests and benchmarks, nor reachable from another machine."""

from order_sync.emulator.errors import EmulatorError
from order_sync.emulator.faults import Fault, FaultKind
from order_sync.emulator.process import Emulator, Person, start_emulator
from order_sync.emulator.proxy import Proxy, ProxyCounts, cut_request_after, cut_response_after, refuse, stall_response
from order_sync.emulator.server import Addresses, serve
from order_sync.emulator.settings import BoardSeed, ColumnSeed, Costs, EmulatorSettings, Limits

__all__ = [
    "Addresses",
    "BoardSeed",
    "ColumnSeed",
    "Costs",
    "Emulator",
    "EmulatorError",
    "EmulatorSettings",
    "Fault",
    "FaultKind",
    "Limits",
    "Person",
    "Proxy",
    "ProxyCounts",
    "cut_request_after",
    "cut_response_after",
    "refuse",
    "serve",
    "stall_response",
    "start_emulator",
]
