"""Where a password stands in an address or in an ODBC connection string.

In: a text from a setting or a variable. Out: the login as it is written, and every password.
Never trusts that special characters were escaped: a password is read up to the last @, and braces are honoured.
"""

from __future__ import annotations

import re

_QUOTED = r"\{(?:[^}]|\}\})*\}"


def login_of(address: str) -> tuple[str, str, str]:
    """User and password of a URL, with or without its scheme, and what comes after them."""
    authority = address.partition("://")[2] or address
    login, _, rest = authority.rpartition("@")
    user, _, password = login.partition(":")
    return user, password, rest


def passwords_in(options: str, *, until: str = ";", names: str = "PWD|PASSWORD") -> set[str]:
    """The values of these options, as written and without their braces; one ends before any of `until`."""
    found = re.findall(rf"\b(?:{names})\s*=\s*({_QUOTED}|[^{until}]*)", options, re.IGNORECASE)
    inner = {password[1:-1] if password.startswith("{") else password for password in found}
    return {*found, *inner, *(password.replace("}}", "}") for password in inner)}
