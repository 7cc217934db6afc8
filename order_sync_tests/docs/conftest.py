"""A copy of the project as a reader has it, with the sample orders: the embedded deployment stands for theirs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from order_sync.demo import scene
from order_sync.demo.drafts import Size
from order_sync.demo.samples import make_orders
from order_sync.emulator import Emulator
from order_sync.settings import PREFIX, Settings
from order_sync_tests.docs.commands import Shop
from order_sync_tests.graph.stage import ROOT, stage_in

NOT_COPIED = shutil.ignore_patterns(".git", ".venv*", "site", ".order_sync", "__pycache__", ".*_cache", "*.egg-info")


@pytest.fixture(scope="package")
def shop(board_process: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED, dirs_exist_ok=True)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    # Set, if only to nothing: so a .env file that a page has the reader create changes none of them.
    unset = {PREFIX + name.upper(): "" for name in Settings.model_fields if name not in ("home", "monday_url")}
    with stage_in(folder, board_process, **unset) as stage:
        scene.prepare_database(stage.settings, Size.SMALL)
        yield Shop(folder=folder, samples=make_orders(Size.SMALL))
