"""The examples of README.md and docs/ that are not commands: Python is run, the rest is read as the program does."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import dagster as dg
import pytest
import yaml
from graphql import parse

from order_sync.definitions import build_definitions
from order_sync.emulator import EmulatorSettings
from order_sync.jobs import JOB_NAME
from order_sync.orders.mapping import Mapping
from order_sync.settings import load_settings
from order_sync_tests.docs.blocks import Block, blocks
from order_sync_tests.docs.commands import Shop, assert_settings_exist, assignment, environment


def ids(block: Block) -> str:
    return block.id


@pytest.mark.parametrize("block", blocks("python"), ids=ids)
def test_a_python_example_runs(shop: Shop, block: Block) -> None:
    code = compile(block.text, block.page, "exec")
    if block.excuse:
        pytest.skip(block.excuse)
    with environment({}):
        exec(code, {"__name__": "__main__"})  # noqa: S102 - our own pages


@pytest.mark.parametrize("block", blocks("toml"), ids=ids)
def test_a_toml_example_is_valid(block: Block) -> None:
    read = tomllib.loads(block.text)
    if read.keys() <= Mapping.model_fields.keys():
        Mapping.model_validate(read)
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


@pytest.mark.parametrize("block", blocks("json"), ids=ids)
def test_a_json_example_is_valid(block: Block) -> None:
    value: Any = json.loads(block.text)
    assert value is not None


@pytest.mark.parametrize("block", blocks("graphql"), ids=ids)
def test_a_graphql_example_is_valid(block: Block) -> None:
    assert parse(block.text).definitions


@pytest.mark.parametrize("block", blocks("ini", "dotenv"), ids=ids)
def test_an_example_of_variables_names_settings(block: Block) -> None:
    for line in block.text.splitlines():
        assert_settings_exist(assignment(line))
