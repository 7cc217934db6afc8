"""Worlds from seeds, in processes of their own: nothing is lost, doubled, stale or stuck, and all can be played again.

In: seeds, and the stories in which something went wrong once. Out: what went wrong, with its story.
The long form is `make simulate`.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from order_sync_tests.faults.cases import Sabotage
from order_sync_tests.graph.stage import ROOT
from order_sync_tests.simulation.__main__ import KEPT

WORLDS = 30  # a test; the seeds of the long form begin elsewhere
SEVERAL = 3


def simulate(*arguments: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "order_sync_tests.simulation", "--processes", "1", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


@pytest.mark.parametrize("part", range(SEVERAL))
def test_nothing_goes_wrong_in_random_worlds(part: int) -> None:
    first = 1_000_000 + part * WORLDS
    done = simulate(f"{first}:{first + WORLDS}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{WORLDS} worlds, " in done.stdout
    assert "0 lost, 0 doubled, 0 stale, 0 edits overwritten, 0 worlds wrong" in done.stdout


def test_what_went_wrong_once_does_not_again() -> None:
    kept = len(list(KEPT.glob("*.json")))
    done = simulate()
    assert done.returncode == 0, done.stdout + done.stderr
    assert kept > 5
    assert f"{kept} worlds, " in done.stdout
    assert "0 worlds wrong" in done.stdout


def test_each_missing_part_of_the_protocol_is_seen() -> None:
    done = simulate("--caught")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.partition(":")[0] for line in done.stdout.splitlines()} == {*Sabotage} - {Sabotage.NONE}


def test_a_seed_gives_the_same_world_every_time() -> None:
    runs = [simulate("0:6", "--checksum", hash_seed=seed) for seed in ("1", "2")]
    assert len({run.stdout.splitlines()[-1] for run in runs}) == 1
    assert len(runs[0].stdout.splitlines()[-1]) == 64
