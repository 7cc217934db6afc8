"""The documentation against the code: settings, commands and links that it names are there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import get_args

import pytest

from order_sync.cli.commands import main
from order_sync.database.tables import make_tables
from order_sync.database.views import views
from order_sync.emulator import EmulatorSettings, FaultKind
from order_sync.orders.mapping import ColumnType
from order_sync.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
TABLES = {table.name for table in make_tables().ours} | views(make_tables()).keys()
OF_TESTS = {"ORDER_SYNC_TEST_MSSQL_URL", "ORDER_SYNC_MONDAY_SCHEMA", "ORDER_SYNC_SCREENSHOTS"}


def test_configuration_lists_every_setting_with_its_default() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `ORDER_SYNC_(\w+)` \| ([^|]*) \|", page, re.MULTILINE))
    assert set(rows) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        if name != "mapping":
            shown = "none" if field.default is None else f"`{field.default}`"
            assert rows[name.upper()].strip() == shown


def test_configuration_lists_every_column_type() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    [row] = re.findall(r"^\| `type` \| (.*) \|$", page, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == set(get_args(ColumnType))
    sent = page.partition("| type | what is sent |")[2].partition("\n\n")[0]
    assert set(get_args(ColumnType)) <= set(re.findall(r"`(\w+)`", sent))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_only_what_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for variable in re.findall(rf"(?<!_){PREFIX}([A-Z_]+)\b", text):  # click has one of its own, with _ before it
        if variable and PREFIX + variable not in TABLES | OF_TESTS:  # none: the prefix alone
            assert variable.lower() in Settings.model_fields, variable
    commands = {word for word in re.findall(r"order-sync ([a-z]+)", text) if word not in ("by", "so")}
    assert commands <= set(main.commands), commands
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (page.parent / target).exists(), target
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", text):
        assert anchor in anchors(page.parent / target if target else page), f"{target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """Of each heading, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("kind", ["header", "line"])
def test_the_walk_has_at_most_40_stops_that_exist(kind: str) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    walk = page.partition(f"## One {kind} through the code")[2].partition("\n## ")[0]
    stops = re.findall(r"^\| (\d+) \| `([\w.]+)` \|", walk, re.MULTILINE)
    assert [int(number) for number, _ in stops] == list(range(1, len(stops) + 1))
    assert 30 < len(stops) <= 40
    for _, stop in stops:
        path = re.match(r"[a-z_]+\.[a-z_]+", stop)
        assert path is not None, stop
        found: object = importlib.import_module(f"order_sync.{path[0]}")
        for name in stop[path.end() + 1 :].split("."):
            assert hasattr(found, name), stop
            found = getattr(found, name)


def test_the_emulators_example_is_valid() -> None:
    import tomllib

    page = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    settings = EmulatorSettings.model_validate(tomllib.loads(example[1]))
    assert [fault.kind for fault in settings.faults] == [FaultKind.RESET_AFTER, FaultKind.HTTP_502_HTML]
