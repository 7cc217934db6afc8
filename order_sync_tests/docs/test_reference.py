"""What is made from the code is as the code is now: the table of settings, the commands; and diagrams have pictures."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from order_sync.settings import PREFIX, Settings
from order_sync_tests.graph.stage import ROOT

DOCS = ROOT / "docs"


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_tools_{name}", DOCS / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_settings_is_fresh() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert tool("reference").configuration(page) == page, "run `make reference`"


def test_the_page_of_commands_is_fresh() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert tool("reference").commands() == page, "run `make reference`"


def test_the_page_of_codes_is_fresh() -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    assert tool("reference").errors() == page, "run `make reference`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_says_what_it_is(name: str) -> None:
    description = Settings.model_fields[name].description or ""
    assert re.fullmatch(r".{10,}\.", description), (
        f"{PREFIX}{name.upper()} needs a description that ends with a full stop"
    )


def test_every_diagram_has_exactly_one_picture() -> None:
    diagrams = tool("diagrams")
    wanted = {DOCS / picture for picture in diagrams.sources()}
    there = set((DOCS / diagrams.PICTURES).glob("*.svg"))
    assert wanted == there, "run `make diagrams`"


def test_a_changed_diagram_needs_another_picture(tmp_path: Path) -> None:
    diagrams = tool("diagrams")
    assert diagrams.picture_of("flowchart LR\n  a --> b\n") == diagrams.picture_of("flowchart LR\n    a --> b\n")
    assert diagrams.picture_of("flowchart LR\n  a --> b\n") != diagrams.picture_of("flowchart LR\n  a --> c\n")
