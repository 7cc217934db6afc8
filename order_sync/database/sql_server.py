"""Connecting to SQL Server: the ODBC driver, connection defaults and transient errors.

In: a SQLAlchemy URL mssql+pyodbc://... Out: a URL that names its driver and encrypts, and connect arguments.
Never puts a password or a token into a message.
"""

from __future__ import annotations

import importlib.util
import platform
import re
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError

from order_sync.orders.errors import ConfigurationError, WriteLost
from order_sync.orders.faults import DatabaseFault
from order_sync.text.logins import passwords_in
from order_sync.text.redaction import ESCAPES

DRIVER = "ODBC Driver 18 for SQL Server"
LOGIN_SECONDS = 10
QUERY_SECONDS = 120

# Transient errors: deadlock, lock time-out, fail-over and throttling of Azure SQL, broken connections.
# Source: learn.microsoft.com, "Troubleshoot transient connection errors" and "Database engine errors".
TRANSIENT = frozenset(
    {20, 26, 64, 121, 233, 258, 10053, 10054, 10060, 10061, 17197}  # connections refused or broken
    | {1203, 1204, 1205, 1221, 1222, 3935, 3960, 3966}  # locks and row versions
    | {701, 802, 8628, 8645, 8651, 10922, 10928, 10929, 10936, 40501, 49918, 49919, 49920}  # resources, throttling
    | {921, 922, 927, 952, 976, 978, 979, 982, 983, 988, 4060, 4221, 6005, 17142, 18401}  # start, stop, fail-over
    | {40143, 40166, 40197, 40540, 40613, 42108, 42109, 49983}  # the same on Azure
)
# ODBC states of transient errors: broken connections, time-outs, deadlock.
_TRANSIENT_STATES = re.compile(r"\[(08S01|08003|08007|HYT00|HYT01|40001)\]|TCP Provider: Error code")
_ACCESS_TOKEN = 1256  # SQL_COPT_SS_ACCESS_TOKEN
_ENTRA_SCOPE = "https://database.windows.net/.default"


def complete_url(url: sa.URL) -> sa.URL:
    """The URL with a driver and encryption, unless it sets them itself."""
    given = {name.lower() for name in url.query}
    defaults = {"Encrypt": "yes", "TrustServerCertificate": "no"}
    missing = {name: value for name, value in defaults.items() if name.lower() not in given}
    if "driver" not in given and "odbc_connect" not in given:
        missing["driver"] = find_driver()
    return url.update_query_dict(missing)


def placeholders(url: str) -> list[str]:
    """The placeholders of .env.example that the URL still contains, in capitals as written there."""
    try:
        made = sa.make_url(url)
    except (ArgumentError, ValueError):
        return []
    example = {"PASSWORD": made.password, "SERVER": made.host, "DATABASE": made.database}
    return [word for word, given in example.items() if given == word]


MISREAD = f"is parsed with a part of the password as the server's name: in user and password write {ESCAPES}"


def is_misread(url: str | sa.URL) -> bool:
    """Whether a part of the user or password is parsed as the server or database, because of an unescaped @."""
    try:
        made = sa.make_url(url)
    except (ArgumentError, ValueError):
        return False  # not parsed at all
    first_option = next(iter(made.query), "") + str(url).partition("@")[2].partition("?")[2].partition("=")[0]
    return made.get_backend_name() == "mssql" and "@" in f"{made.host}{made.database}{first_option}"


def find_driver() -> str:
    """The installed Microsoft driver, else the path of the one in the package mssql-python-odbc.

    Raises ConfigurationError that names the package to install.
    """
    try:
        import pyodbc
    except ImportError as error:
        raise ConfigurationError(
            f"pyodbc cannot be loaded ({error}). On Linux it needs unixODBC: run apt-get install libodbc2 "
            "or dnf install unixODBC.",
            DatabaseFault.DRIVER,
        ) from None
    if DRIVER in pyodbc.drivers():
        return DRIVER
    if (packaged := _packaged_driver()) is not None:
        return str(packaged)
    raise ConfigurationError(
        f"'{DRIVER}' is not installed on this machine. Install it, or run: pip install 'order-sync[sqlserver]'.",
        DatabaseFault.DRIVER,
    )


def _packaged_driver() -> Path | None:
    """The shared object in mssql_python_odbc for this platform; the package itself is not imported."""
    spec = importlib.util.find_spec("mssql_python_odbc")
    if spec is None or not spec.submodule_search_locations:
        return None
    libraries = Path(next(iter(spec.submodule_search_locations))) / "libs"
    names = {"linux": "libmsodbcsql-*.so*", "darwin": "libmsodbcsql*.dylib", "win32": "msodbcsql18.dll"}
    machine = platform.machine().lower()
    of_machine = {
        machine,
        {"amd64": "x86_64", "aarch64": "arm64"}.get(machine, machine),
        "x64" if "64" in machine else machine,
    }
    found = [
        path
        for path in sorted(libraries.rglob(names.get(sys.platform, "msodbcsql*")))
        if path.is_file() and of_machine & {part.lower() for part in path.parts}
    ]
    return min(found, key=_distribution_rank, default=None)


def _distribution_rank(path: Path) -> int:
    """The build for this machine's distribution first; they differ in the OpenSSL and C library they expect."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return 0
    family = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}"
    builds = {
        "debian_ubuntu": ("debian", "ubuntu"),
        "rhel": ("rhel", "fedora", "centos"),
        "suse": ("suse",),
        "alpine": ("alpine",),
    }
    for build, names in builds.items():
        if build in path.parts and any(name in family for name in names):
            return 0
    return 1


def token_source(url: sa.URL, access_token: str | None) -> tuple[sa.URL, Callable[[], str] | None]:
    """The source of the Entra ID token, if the connection uses one, and the URL without `Authentication`.

    A given token is used as it is; `Authentication=ActiveDirectoryDefault` asks azure-identity for one.
    """
    wanted = {name: str(value) for name, value in url.query.items() if name.lower() == "authentication"}
    if access_token:
        return url.difference_update_query(list(wanted)), lambda: access_token
    if "activedirectorydefault" not in {value.lower() for value in wanted.values()}:
        return url, None
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise ConfigurationError(
            "Authentication=ActiveDirectoryDefault needs azure-identity: pip install 'order-sync[entra]'.",
            DatabaseFault.DRIVER,
        ) from None
    credential = DefaultAzureCredential()
    return url.difference_update_query(list(wanted)), lambda: str(credential.get_token(_ENTRA_SCOPE).token)


def passwords(url: sa.URL) -> set[str]:
    """The passwords in the URL, including its options and an ODBC connection string."""
    # SQLAlchemy joins all options into one such string, so each option may contain several.
    options = ";".join(f"{name}={value}" for name, values in url.normalized_query.items() for value in values)
    return passwords_in(options) | ({str(url.password)} if url.password else set())


def without_login(connection_string: str) -> str:
    """The ODBC connection string without user, password and Trusted_Connection, which exclude a token."""
    login = r";(Trusted_Connection|UID|PWD)=(\{(?:[^}]|\}\})*\}|[^;]*)"
    return re.sub(login, "", connection_string, flags=re.IGNORECASE)


def token_attributes(token: str) -> dict[int, bytes]:
    """The connection attribute that carries an Entra ID token: its length, then UTF-16."""
    encoded = token.encode("utf-16-le")
    return {_ACCESS_TOKEN: struct.pack(f"<I{len(encoded)}s", len(encoded), encoded)}


def reason(error: BaseException) -> str:
    """The database's error message on one line, without the driver's prefixes."""
    original = getattr(error, "orig", None) or error
    text = str(original.args[-1] if original.args else original).strip()
    line = text.splitlines()[0] if text else type(original).__name__
    return re.sub(r"^(\[[^\]]*\] ?)+|( \(\d+\))? \(SQL\w+\)$", "", line)


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction will likely succeed if it is retried."""
    if isinstance(error, WriteLost):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    text = str(error.orig)
    if "database is locked" in text:  # SQLite
        return True
    # The server's error number comes last, before the ODBC call or the next error; varchar(64) is not one.
    numbers = {int(number) for number in re.findall(r"\((\d{2,5})\)(?= \(SQL|;|'|$)", text)}
    return bool(numbers & TRANSIENT) or _TRANSIENT_STATES.search(text) is not None
