"""Finds misspelt settings in the environment and in a .env file.

In: the environment, and a .env file that is read into it. Out: sentences about problems.
Never ignores a name close to a setting's (ORDER_SYNC_DRYRUN=1 must not start a live run); never shows a value.
"""

from __future__ import annotations

import difflib
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dotenv import load_dotenv
from dotenv.parser import parse_stream

from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.orders.nearest import nearest

PREFIX = "ORDER_SYNC_"
ENV_FILE = ".env"

# Variables with the prefix that are not settings: those of the tests, and those that Kubernetes and Docker set in every
# container for a service called order-sync (ORDER_SYNC_SERVICE_HOST, ORDER_SYNC_PORT_3030_TCP_ADDR, ...).
_TESTS = re.compile(r"ORDER_SYNC_(TEST_\w+|MONDAY_SCHEMA|SCREENSHOTS|SNAPSHOTS)")
_SERVICES = re.compile(
    r"ORDER_SYNC_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.+")
_NEARLY, _NEARLY_PREFIX = 0.85, 0.8  # difflib's ratio for the whole name, and for the part in place of the prefix


def unknown_variables(environment: Mapping[str, str], settings: Iterable[str]) -> dict[str, str | None]:
    """Variables meant for order_sync that are not settings, each with the setting that was probably meant.

    `settings` are their names without the prefix. Case is ignored.
    """
    known = {name.upper() for name in settings}
    found: dict[str, str | None] = {}
    for variable, value in environment.items():
        name = variable.upper()
        if name.startswith(PREFIX):
            own = name.removeprefix(PREFIX)
            if own not in known and not _is_of_others(name, value):
                meant = nearest(own, sorted(known))
                found[variable] = PREFIX + meant if meant else None
        elif meant := _nearly(name, known):
            found[variable] = meant
    return found


def doubled_variables(environment: Mapping[str, str], settings: Iterable[str]) -> list[str]:
    """Settings that two variables, which differ only in case, set to different values."""
    given = defaultdict(set)
    for variable, value in environment.items():
        if value:
            given[variable.upper()].add(value)
    return [PREFIX + name.upper() for name in settings if len(given[PREFIX + name.upper()]) > 1]


def _is_of_others(name: str, value: str) -> bool:
    of_service = _SERVICES.fullmatch(name) or (name.endswith("_PORT") and _SERVICE_ADDRESS.fullmatch(value))
    return bool(_TESTS.fullmatch(name) or of_service)


def _nearly(name: str, known: Iterable[str]) -> str | None:
    """The setting closest to this name, including its prefix: ORDERSYNC_DRY_RUN, ORDER-SYNC-DRY-RUN."""
    if "SYN" not in name and "ORD" not in name:
        return None
    name = re.sub(r"\W", "_", name)
    found = difflib.get_close_matches(name, [PREFIX + each for each in known], n=1, cutoff=_NEARLY)
    if not found:
        return None
    # ORDERS_DATABASE_URL resembles one of ours, but its prefix does not.
    before = name[: len(PREFIX) + len(name) - len(found[0])]
    return found[0] if difflib.SequenceMatcher(None, before, PREFIX).ratio() >= _NEARLY_PREFIX else None


def load_env_file(folder: Path, settings: Iterable[str]) -> None:
    """Reads the folder's .env, if there is one, into the environment; variables already set take precedence.

    Raises ConfigurationError if any part of the file cannot be read: a skipped line may be the one that requests a dry
    run.
    """
    path = folder / ENV_FILE
    if not path.exists() or path.is_dir():  # some people name a virtual environment .env
        return
    text = _read(path)
    wrong = list(_wrong_lines(text, settings))
    if wrong:
        raise ConfigurationError(
            f"{path} is invalid: {'; '.join(wrong)}. Every line must be NAME=value or a # comment.",
            SettingsFault.ENV_FILE,
        )
    load_dotenv(stream=io.StringIO(text))


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.", SettingsFault.ENV_FILE) from None
    if b"\0" in content:
        raise ConfigurationError(
            f"{path} is UTF-16, as written by PowerShell's >: save it as UTF-8.", SettingsFault.ENV_FILE
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path} is not UTF-8 (line {line}): save it as UTF-8.", SettingsFault.ENV_FILE
        ) from None


def _wrong_lines(text: str, settings: Iterable[str]) -> Iterator[str]:
    for binding in parse_stream(io.StringIO(text)):
        # The parser counts blank lines before a statement as part of it.
        original = binding.original.string
        line = binding.original.line + original[: len(original) - len(original.lstrip())].count("\n")
        if binding.error:
            yield f"line {line} cannot be parsed (a missing closing quotation mark?)"
        elif binding.key and binding.value is None and _is_ours(binding.key, settings):
            yield f"line {line} has '{binding.key}' without a value"


def _is_ours(variable: str, settings: Iterable[str]) -> bool:
    return variable.upper().startswith(PREFIX) or bool(unknown_variables({variable: ""}, settings))
