"""Values that are not what their column is for: how they travel, and how they are shown.

In: what a database gave. Out: a text that is safe to print, and by its type still known to be no value.
Nothing here raises: a result set must be read to its end, whatever one row holds.
"""

from __future__ import annotations

from typing import Any

LENGTH = 60  # characters of a value that are shown


def shown(value: Any) -> str:
    """The value in one line: quoted, with what cannot be printed as escapes; NULL for None."""
    if value is None:
        return "NULL"
    text = repr(value[: LENGTH + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= LENGTH + 3 else f"{text[:LENGTH]}..."
