"""The version of monday's API that is spoken here, and whether it will last.

In: what monday says of its versions. Out: an `ApiVersion`, with what there is to do about it, if anything.
monday serves another version in place of one that it has retired, without a word: a run never continues with that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from order_sync.orders.errors import ConfigurationError
from order_sync.orders.monday_faults import MondayFault

RETIRING = ("maintenance", "deprecated")  # in the name of a version's kind: several kinds of maintenance are known
UNSTABLE = ("release_candidate", "dev")
CURRENT = "current"


@dataclass(frozen=True, kw_only=True)
class ApiVersion:
    """The version in use. `kind` is monday's word for its standing, `current` the version that it recommends."""

    value: str
    kind: str
    current: str | None = None

    def __str__(self) -> str:
        return f"{self.value} ({self.kind or 'of unknown status'})"

    @property
    def warning(self) -> str | None:
        """What to do before the version ends, None if it will last."""
        standing = self.kind.replace("_", " ").replace("  ", " ")
        if any(word in self.kind for word in RETIRING):
            said = f"in {standing}" if "maintenance" in self.kind else standing
            ends = "monday will retire it, and every sync will then fail"
            return f"monday's API version {self.value} is {said}: {ends}. {_move_on(self.current)}"
        if self.kind in UNSTABLE:
            said = f"a {standing}" if self.kind != "dev" else "dev"
            return f"monday's API version {self.value} is {said}: monday may still change it. {_move_on(self.current)}"
        return None


def read_version(data: Mapping[str, Any], wanted: str, served: str | None = None) -> ApiVersion:
    """The version that answers, which is the wanted one. Raises ConfigurationError if it is another.

    `data` is an answer with `version` and `versions`; `served` is what its header says.
    """
    version = data.get("version")
    version = version if isinstance(version, dict) else {}
    kinds = _kinds(data.get("versions"))
    served = served or str(version.get("value"))
    current = next((value for value, kind in kinds.items() if kind == CURRENT), None)
    if served != wanted or (kinds and wanted not in kinds):
        refused = (
            f"monday serves API version {served} instead of {wanted}, which is retired or never existed"
            if served != wanted
            else f"monday no longer lists API version {wanted}"
        )
        there = ", ".join(f"{value} ({kind})" for value, kind in kinds.items())
        raise ConfigurationError(
            f"{refused}{f'; it has {there}' if there else ''}. Nothing was written. "
            f"Try ORDER_SYNC_MONDAY_VERSION={current or '...'} in a dry run, then set it; or update order_sync.",
            MondayFault.VERSION,
        )
    return ApiVersion(value=wanted, kind=kinds.get(wanted) or str(version.get("kind") or ""), current=current)


def _kinds(versions: Any) -> dict[str, str]:
    """The kind of each version that monday lists; empty where the list cannot be read."""
    listed = [of for of in versions if isinstance(of, dict) and of.get("value")] if isinstance(versions, list) else []
    return {str(of["value"]): str(of.get("kind") or "") for of in listed}


def _move_on(current: str | None) -> str:
    if current is None:
        return "Set another version with ORDER_SYNC_MONDAY_VERSION, or update order_sync."
    return f"Try ORDER_SYNC_MONDAY_VERSION={current} in a dry run, then set it; or update order_sync."
