"""What contributors and releases rely on: package data, pins, hooks, workflows and templates fit the project.

In: pyproject.toml, constraints.txt, Makefile and what is in .github. The schemas are those of check-jsonschema.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import order_sync

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
SCHEMAS = {
    **dict.fromkeys(WORKFLOWS, "github-workflows"),
    GITHUB / "dependabot.yml": "dependabot",
    GITHUB / "ISSUE_TEMPLATE" / "config.yml": "github-issue-config",
    **dict.fromkeys((GITHUB / "ISSUE_TEMPLATE" / name for name in ("bug.yml", "feature.yml")), "github-issue-forms"),
}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8")


def recipe(target: str) -> list[str]:
    """The commands of a target, without the folder of the programs."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", makefile(), re.MULTILINE)
    assert found is not None, target
    return [line.strip().removeprefix("$(BIN)/") for line in found[1].splitlines()]


# ---- the package ----------------------------------------------------------------------------------------


def test_the_version_stands_in_one_place() -> None:
    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "order_sync.__version__"}
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(\S+)\](?: - \d{4}-\d\d-\d\d)?$", changelog, re.MULTILINE)
    assert headings[:2] == ["Unreleased", order_sync.__version__]
    assert f"order-sync:{order_sync.__version__}" in (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")


def test_the_page_lists_what_may_be_imported() -> None:
    page = (ROOT / "docs" / "component.md").read_text(encoding="utf-8").partition("## What Python code may import")[2]
    table = page.partition("```python")[0]
    assert set(re.findall(r"`(\w+)`", table)) - {"order_sync"} == set(order_sync.__all__)
    assert set(order_sync.__all__) <= set(dir(order_sync))


@pytest.mark.parametrize("name", sorted(set(order_sync.__all__) - {"__version__"}))
def test_what_may_be_imported_is_documented_and_light(name: str) -> None:
    """Each in a new process: it must not depend on what was imported before."""
    code = f"import sys; from order_sync import {name} as it; print(bool(it.__doc__), 'dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", str(name in ("OrderSync", "build_definitions"))]


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'sync_everything'"):
        _ = order_sync.sync_everything


def test_the_package_has_its_license_and_types() -> None:
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert (ROOT / "order_sync" / "py.typed").exists()
    assert "py.typed" in PROJECT["tool"]["setuptools"]["package-data"]["order_sync"]


def test_every_file_of_the_package_is_packaged() -> None:
    """Files other than modules are only packaged where package-data names their kind."""
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["order_sync"]
    package = ROOT / "order_sync"
    files = {path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert files - {path for pattern in patterns for path in package.glob(pattern)} == set()


# ---- pins -----------------------------------------------------------------------------------------------


def pins() -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)  # an address of a registry, or an option of pip, is none
            assert requirement.url is None, line
            found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def required() -> Iterator[Requirement]:
    project = PROJECT["project"]
    for line in (*project["dependencies"], *(each for of in project["optional-dependencies"].values() for each in of)):
        requirement = Requirement(line)
        if canonicalize_name(requirement.name) != project["name"]:
            yield requirement


def test_every_requirement_is_pinned_to_a_version_that_it_allows() -> None:
    pinned = pins()
    for requirement in required():
        for pin in pinned[canonicalize_name(requirement.name)]:
            [version] = [each.version for each in pin.specifier]
            assert str(pin.specifier) == f"=={version}"
            assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: make constraints"


# ---- hooks ----------------------------------------------------------------------------------------------


def test_the_hooks_run_what_lint_runs() -> None:
    """The same programs from .venv, and so the same versions; what only reports in `lint` may also fix here."""
    [repository] = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    checked = {command.removesuffix(" .").replace(" --check", "") for command in recipe("lint")}
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        command = re.sub(r" --(force-exclude|fix)\b", "", hook["entry"].removeprefix(".venv/bin/"))
        assert command in checked, hook["id"]
    assert {hook["id"] for hook in repository["hooks"]} == {"ruff-format", "ruff-check", "mypy"}


# ---- GitHub ---------------------------------------------------------------------------------------------


def test_every_file_for_github_has_a_schema() -> None:
    assert {*GITHUB.rglob("*.yml"), *GITHUB.rglob("*.yaml")} == set(SCHEMAS)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_a_file_for_github_is_valid(path: Path) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{SCHEMAS[path]}"]
    done = subprocess.run([*check, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job.get("steps", [])]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_pins_its_actions_and_grants_little(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for action, comment in re.findall(r"uses: (\S+)(.*)", text):
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    assert read(path)["permissions"] == {"contents": "read"}
    granted = [job["permissions"] for job in read(path)["jobs"].values() if "permissions" in job]
    assert granted == ([{"id-token": "write"}] if path.stem == "release" else [])
    assert "secrets." not in text


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_what_exists(path: Path) -> None:
    commands = [step["run"] for step in steps(path) if "run" in step]
    assert commands
    for command in commands:
        for target in re.findall(r"\bmake (\w+)", command):
            assert re.search(rf"^{target}:", makefile(), re.MULTILINE), target
        for place in re.findall(r"(?<!\S)(?:order_sync_tests/\w+|\.ci/\w+|constraints\.txt)", command):
            assert (ROOT / place).exists(), place
        for extra in re.findall(r"\.\[(\w+)\]", command):
            assert extra in PROJECT["project"]["optional-dependencies"], extra


def test_every_python_that_the_package_names_is_tested() -> None:
    named = re.findall(r"Programming Language :: Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    assert PROJECT["project"]["requires-python"] == f">={named[0]}"
    jobs = read(GITHUB / "workflows" / "test.yml")["jobs"]
    assert jobs["linux"]["strategy"]["matrix"]["python"] == named
    assert jobs["sql-server"]["env"].keys() == {"ORDER_SYNC_TEST_MSSQL_URL"}
