"""The examples of README.md and docs/ that are not commands: Python is run, the rest is read as the program does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from typing import Any

import dagster as dg
import pytest
import yaml
from graphql import parse

from order_sync.automation.jobs import JOB_NAME
from order_sync.definitions import build_definitions
from order_sync.emulator import EmulatorSettings
from order_sync.orders.mapping import ColumnMapping
from order_sync.settings import load_settings
from order_sync_tests.docs.blocks import Block, blocks
from order_sync_tests.docs.commands import Shop, assert_settings_exist, assignment
from order_sync_tests.graph.stage import ROOT
from order_sync_tests.waiting import DUE


def ids(block: Block) -> str:
    return block.id


@pytest.mark.parametrize("block", blocks("python"), ids=ids)
def test_a_python_example_runs(shop: Shop, block: Block) -> None:
    compile(block.text, block.page, "exec")
    if block.excuse:
        pytest.skip(block.excuse)
    done = subprocess.run(
        [sys.executable, "-c", block.text],
        cwd=shop.folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=DUE,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", blocks("toml"), ids=ids)
def test_a_toml_example_is_valid(block: Block) -> None:
    read = tomllib.loads(block.text)
    if read.keys() <= ColumnMapping.model_fields.keys() and block.page != "docs/emulator.md":  # both have `boards`
        ColumnMapping.model_validate(read)
    elif read.keys() & EmulatorSettings.model_fields.keys():
        EmulatorSettings.model_validate(read)


@pytest.mark.parametrize("block", blocks("yaml", "yml"), ids=ids)
def test_a_yaml_example_is_valid(shop: Shop, block: Block) -> None:
    if block.excuse:
        pytest.skip(block.excuse)
    for document in yaml.safe_load_all(block.text):
        if isinstance(document, dict) and document.keys() <= {"resources", "ops", "execution", "loggers"}:
            job = build_definitions(load_settings()).resolve_job_def(JOB_NAME)
            assert dg.validate_run_config(job, document)


def test_json_and_graphql_examples_are_valid() -> None:
    for block in blocks("json"):
        value: Any = json.loads(block.text)
        assert value is not None, block.id
    for block in blocks("graphql"):
        assert parse(block.text).definitions, block.id


@pytest.mark.parametrize("block", blocks("ini", "dotenv"), ids=ids)
def test_an_example_of_variables_names_settings(block: Block) -> None:
    for line in block.text.splitlines():
        assert_settings_exist(assignment(line))
