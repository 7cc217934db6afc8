"""Flow in: settings (`EmulatorSettings`), GraphQL over HTTP.
Flow out: a local monday.com: its API subset, limits, errors and faults, and a page to look at the boards.
Never: imported by anything but demo/, tests and benchmarks, nor reachable from another machine."""

from .errors import EmulatorError
from .faults import Fault, FaultKind
from .process import Emulator, start_emulator
from .proxy import Proxy, ProxyCounts, cut_request_after, cut_response_after, refuse, stall_response
from .server import Addresses, serve
from .settings import BoardSeed, ColumnSeed, Costs, EmulatorSettings, Limits

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
    "Proxy",
    "ProxyCounts",
    "cut_request_after",
    "cut_response_after",
    "refuse",
    "serve",
    "stall_response",
    "start_emulator",
]
