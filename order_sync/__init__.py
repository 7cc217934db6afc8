"""order_sync carries pending orders from SQL Server to monday.com boards, once and only once.

`OrderSync` is the component that adds it to a Dagster project; it imports Dagster, and so only where it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from order_sync.component import OrderSync as OrderSync

__version__ = "0.2.0"
__all__ = ["OrderSync", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "OrderSync":
        from order_sync.component import OrderSync

        return OrderSync
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
