"""order_sync carries pending orders from SQL Server to monday.com boards, once and only once.

What a program may import is in `__all__`; everything else may change in any version. A name is imported when it is
first used: `OrderSync` and `build_definitions` import Dagster, the others do not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from order_sync.component import OrderSync
    from order_sync.definitions import build_definitions
    from order_sync.orders.errors import ConfigurationError, Fatal, OrderSyncError, Rejected, Transient
    from order_sync.orders.mapping import ColumnMapping, load_mapping
    from order_sync.settings import Settings, load_settings

__version__ = "0.2.0"
__all__ = [
    "ColumnMapping",
    "ConfigurationError",
    "Fatal",
    "OrderSync",
    "OrderSyncError",
    "Rejected",
    "Settings",
    "Transient",
    "__version__",
    "build_definitions",
    "load_mapping",
    "load_settings",
]

_MODULES = {
    "OrderSync": "component",
    "build_definitions": "definitions",
    **dict.fromkeys(("ConfigurationError", "Fatal", "OrderSyncError", "Rejected", "Transient"), "orders.errors"),
    **dict.fromkeys(("ColumnMapping", "load_mapping"), "orders.mapping"),
    **dict.fromkeys(("Settings", "load_settings"), "settings"),
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"order_sync.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
