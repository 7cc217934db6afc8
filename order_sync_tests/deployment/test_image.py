"""How `make image` reads the Dockerfile and carries out what needs no root; the rest runs there, and takes minutes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from order_sync_tests.deployment.dockerfile import Instruction, stages
from order_sync_tests.deployment.image import DOCKERFILE, Root
from order_sync_tests.graph.stage import ROOT

TEXT = """# A comment, and one between two lines of a step.
FROM base:1 AS build
COPY --from=other a b c/
FROM base:1
RUN one \\
# inside
 && two
ENV A=1 \\
    B=$PATH
CMD ["serve", "-p", "1"]
"""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


def test_a_dockerfile_is_read_as_stages() -> None:
    build, last = stages(TEXT)
    assert (build.base, build.name, last.name) == ("base:1", "build", "")
    [copy] = build.instructions
    assert (copy.stage, copy.words) == ("other", ["a", "b", "c/"])
    run, env, command = last.instructions
    assert run.text.split() == ["one", "&&", "two"]
    assert env.variables == {"A": "1", "B": "$PATH"}
    assert command.words == ["serve", "-p", "1"]


@pytest.mark.parametrize("line", ["ADD a b", 'SHELL ["bash"]', "RUN before any FROM"])
def test_an_instruction_that_is_not_read_stops(line: str) -> None:
    text = line if "before" in line else f"FROM base:1\n{line}\n"
    with pytest.raises(ValueError, match="not read here"):
        stages(text)


def test_the_projects_dockerfile_is_read_to_its_end() -> None:
    build, last = stages(DOCKERFILE.read_text(encoding="utf-8"))
    assert build.base == last.base
    assert [each.kind for each in last.instructions][-1] == "CMD"


def test_files_of_the_project_land_where_they_are_copied(root: Root) -> None:
    for kind, text in (
        ("WORKDIR", "/source"),
        ("COPY", "pyproject.toml README.md ./"),
        ("COPY", "order_sync order_sync"),
        ("ENV", "PATH=/opt/bin:$PATH HOME_OF=x"),
    ):
        root.apply(Instruction(kind, text), {})
    copied = root.path / "source"
    assert (copied / "README.md").read_bytes() == (ROOT / "README.md").read_bytes()
    assert (copied / "order_sync" / "mapping.toml").is_file()
    assert not list(copied.rglob("__pycache__"))
    assert root.variables["PATH"].startswith("/opt/bin:/usr/local/sbin:")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only administrators make links")
def test_files_come_from_another_stage_as_well(root: Root, tmp_path: Path) -> None:
    built = Root(tmp_path / "built")
    (built.path / "opt" / "made").mkdir(parents=True)
    (built.path / "opt" / "made" / "it").symlink_to("/usr/bin/env")
    root.apply(Instruction("COPY", "--from=build /opt/made /opt/made"), {"build": built})
    assert (root.path / "opt" / "made" / "it").is_symlink()


def test_only_what_the_builder_is_sent_can_be_copied(root: Root) -> None:
    with pytest.raises(ValueError, match="is not sent to the builder"):
        root.apply(Instruction("COPY", "Makefile ."), {})


def test_where_it_cannot_run_it_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "order_sync_tests.deployment.image"]
    without_programs = {**os.environ, "PATH": str(tmp_path)}
    ended = subprocess.run(command, cwd=ROOT, env=without_programs, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("The image's steps cannot run here: it needs")
