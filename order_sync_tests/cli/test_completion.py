"""Completion of commands and options, by click's protocol, in a real bash and as PowerShell asks for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from order_sync_tests.graph.stage import ROOT

SCRIPT = f"#!{sys.executable}\nfrom order_sync.__main__ import main\nmain()\n"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """With `order-sync` on the path, as an installation has it."""
    script = tmp_path / "order-sync"
    script.write_text(SCRIPT, encoding="utf-8")
    script.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


def output(environment: dict[str, str], folder: Path, *command: str, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment | variables, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["do"], "doctor"),
        (["db", "up"], "upgrade"),
        (["plan", "--exi"], "--exit-code"),
    ],
)
def test_bash_completes(environment: dict[str, str], tmp_path: Path, words: list[str], found: str) -> None:
    script = f"""
        eval "$(_ORDER_SYNC_COMPLETE=bash_source order-sync)"
        COMP_WORDS=(order-sync {" ".join(words)}); COMP_CWORD={len(words)}
        _order_sync_completion order-sync
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    assert found in output(environment, tmp_path, "bash", "-c", script).split()


def test_powershell_gets_type_value_and_help(environment: dict[str, str], tmp_path: Path) -> None:
    asked = {"_ORDER_SYNC_COMPLETE": "powershell_complete", "COMP_WORDS": "order-sync do", "COMP_CWORD": "1"}
    kind, value, text = output(environment, tmp_path, "order-sync", **asked).splitlines()
    assert (kind, value) == ("plain", "doctor")
    assert text.startswith("Check everything")


@pytest.mark.parametrize(
    ("shell", "registers"),
    [
        ("bash", "complete -o nosort"),
        ("zsh", "compdef"),
        ("powershell", "Register-ArgumentCompleter -Native -CommandName order-sync"),
    ],
)
def test_each_shell_has_its_script(environment: dict[str, str], tmp_path: Path, shell: str, registers: str) -> None:
    assert registers in output(environment, tmp_path, "order-sync", _ORDER_SYNC_COMPLETE=f"{shell}_source")
