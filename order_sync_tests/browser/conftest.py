"""`order-sync demo --ui` on free ports, once for all tests of this folder, and a browser to look at it.

Tests of test_ui.py see what the demo left and come first; those after them find that others have launched runs.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from order_sync.cli.launch import INSTANCE_FILE
from order_sync.emulator import Emulator
from order_sync.orders.mapping import DEFAULT_MAPPING
from order_sync_tests.conftest import CHROMIUM
from order_sync_tests.graph.stage import ROOT, Stage, command, free_port, group_lives, in_group, stage_in
from order_sync_tests.waiting import until

TOKEN = "eyJhbGciOi.token-of-the-ui.7pQx"  # the emulator takes any
SENSORS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { sensors { id sensorState { status } } } } } }"
STOP = (
    "mutation ($id: String!) { stopSensor(id: $id) { ... on StopSensorMutationResult { instigationState { status }}}}"
)


@dataclass(frozen=True, kw_only=True)
class Ui:
    """Dagster's UI beside the board page; the sensor is off, so that only a click starts a run."""

    stage: Stage
    url: str

    @property
    def board_url(self) -> str:
        return f"{self.stage.emulator.page_url}boards/{self.stage.settings.board_id}"

    def ask(self, query: str, **variables: str) -> Any:
        body = {"query": query, "variables": variables}
        answer = httpx.post(f"{self.url}/graphql", json=body, timeout=60, trust_env=False).raise_for_status().json()
        assert "errors" not in answer, answer
        return answer["data"]


def turn_sensors_off(ui: Ui) -> None:
    """Until they stay off: Dagster's daemon writes the state that it read before a tick again as the tick begins."""
    stayed_off = 0

    def off() -> bool:
        nonlocal stayed_off
        (repository,) = ui.ask(SENSORS)["repositoriesOrError"]["nodes"]
        on = [sensor["id"] for sensor in repository["sensors"] if sensor["sensorState"]["status"] == "RUNNING"]
        for sensor in on:
            try:
                stopped = ui.ask(STOP, id=sensor)
            except httpx.HTTPStatusError:
                continue  # the daemon has Dagster's record locked for too long; the next look finds it on
            assert stopped["stopSensor"]["instigationState"]["status"] == "STOPPED"
        stayed_off = 0 if on else stayed_off + 1
        return stayed_off == 3

    until(off, "the sensors off", within=120, every=4)  # the daemon looks every 5 s


def mapping_with_edits(folder: Path) -> Path:
    """The mapping that is shipped, but that what people edit in the column eta stays."""
    text, column = DEFAULT_MAPPING.read_text(encoding="utf-8"), 'column = "eta"\n'
    assert column in text
    (folder / "mapping.toml").write_text(text.replace(column, f'{column}edits = "keep"\n'), encoding="utf-8")
    return folder / "mapping.toml"


@pytest.fixture(scope="package")
def ui(board_process: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there")
    port, folder = free_port(), tmp_path_factory.mktemp("ui")
    environment = {"ORDER_SYNC_MONDAY_TOKEN": TOKEN, "ORDER_SYNC_MAPPING": str(mapping_with_edits(folder))}
    with stage_in(folder, board_process, **environment) as stage:
        ui = Ui(stage=stage, url=f"http://127.0.0.1:{port}")
        # As a shell starts it in the background: with Ctrl-C ignored, so that only SIGTERM can end it.
        ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
        arguments = [*ignoring, *command("demo", "--ui", "--ui-port", str(port))]
        environment = {"ORDER_SYNC_SENSOR_SECONDS": "5"}
        with in_group(arguments, stage.folder, environment, quiet=True) as process:
            until(lambda: process.poll() is not None or answers(ui.url), "Dagster's UI", within=120, every=0.3)
            assert process.poll() is None, (stage.folder / "output.txt").read_text(encoding="utf-8")
            turn_sensors_off(ui)
            yield ui
            process.terminate()
            until(lambda: not group_lives(process), "the end of everything that the demo started")


@contextmanager
def dry_run_ui(stage: Stage, folder: Path) -> Iterator[Ui]:
    """A second UI on the same orders and board, for dry runs, as docs/ui.md has it: with all of Dagster in `folder`."""
    shutil.copy(ROOT / INSTANCE_FILE, folder)
    port = free_port()
    ui = Ui(stage=stage, url=f"http://127.0.0.1:{port}")
    arguments = [sys.executable, "-m", "dagster_dg_cli.cli", "dev", "-h", "127.0.0.1", "-p", str(port)]
    environment = {"DAGSTER_HOME": str(folder), "ORDER_SYNC_DRY_RUN": "1"}
    with in_group([*arguments, "-m", "order_sync.definitions"], folder, environment, quiet=True) as process:
        until(lambda: process.poll() is not None or answers(ui.url), "the dry run's UI", within=120, every=0.3)
        assert process.poll() is None, (folder / "output.txt").read_text(encoding="utf-8")
        yield ui
    assert (folder / ".order_sync" / "dagster").is_dir()  # and not where the live one keeps its history


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def profile(browser: Any) -> Iterator[Any]:
    """What the windows of a file's tests share: Dagster's scripts are fetched and compiled once."""
    profile = browser.new_context()
    yield profile
    profile.close()


@pytest.fixture
def tab(profile: Any) -> Iterator[Any]:
    """A wide window: the lineage shows its details only where there is room."""
    page = profile.new_page()
    page.set_viewport_size({"width": 1900, "height": 1080})
    page.set_default_timeout(30_000)
    yield page
    page.close()


def keep_picture(page: Any, name: str) -> None:
    """Into docs/images, where that is asked for; with a palette, which makes it a third as large and keeps its colours.

    A picture must not show where the project lies on the machine: no stack trace, no resource's settings.
    """
    if os.environ.get("ORDER_SYNC_SCREENSHOTS") == "1":
        image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
        picture = image.open(BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
        picture = picture.quantize(256, image.Quantize.MAXCOVERAGE, kmeans=1)
        picture.save(ROOT / "docs" / "images" / name, optimize=True)
