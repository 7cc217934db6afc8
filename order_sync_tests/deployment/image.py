"""`make image`: the Dockerfile's own steps, run without Docker.

In: deploy/docker/Dockerfile. Out: each instruction carried out in a root of its own, made by debootstrap; then the
demo, and the command that the image starts with. The exit code says whether all of it went well.
Never: a copy of the Dockerfile's lines, nor a change to this machine: the roots are in a folder that is deleted.

It needs root, debootstrap and the registries of Debian and PyPI. The roots are Debian's bookworm, as the image's base
is, with Debian's Python in place of that of python:3.12-slim-bookworm.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from order_sync_tests.deployment.dockerfile import Instruction, stages
from order_sync_tests.graph.stage import ROOT

DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
SUITE = "bookworm"
#: What is in an image of Python's and not in a root of debootstrap's.
BASE_PACKAGES = "ca-certificates,python3,python3-venv"
#: How this machine reaches the registries; a builder of images has ways of its own for it.
_WAYS_OUT = ("etc/resolv.conf", "etc/hosts", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt")
_SETTINGS = re.compile(
    r"(https?|no)_proxy|PIP_(CERT|INDEX_URL|EXTRA_INDEX_URL|DEFAULT_TIMEOUT)|SSL_CERT_FILE|REQUESTS_CA_BUNDLE",
    re.IGNORECASE,
)
T = TypeVar("T")
_ISOLATED = ["unshare", "--mount", "--pid", "--fork", "--net", "--kill-child"]


def obstacle() -> str | None:
    """Why the steps cannot run here."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it needs root on Linux: sudo .venv/bin/python -m order_sync_tests.deployment.image"
    for program in ("debootstrap", "unshare", "chroot", "ip"):
        if shutil.which(program) is None:
            return f"it needs {program}: apt-get install debootstrap util-linux iproute2"
    if subprocess.run([*_ISOLATED, "true"], capture_output=True, check=False).returncode:
        return "this machine allows no namespaces (a container may need --privileged)"
    return None


class Root:
    """A stage of the image on its way: a folder, and what its instructions have set so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.workdir, self.user = "/", "0"
        self.variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

    def apply(self, instruction: Instruction, built: Mapping[str, Root]) -> None:
        match instruction.kind:
            case "RUN":
                self.shell(instruction.text, ways_out=True)
            case "COPY":
                *sources, target = instruction.words
                for source in sources:
                    self._copy(built[instruction.stage].inside(source) if instruction.stage else sent(source), target)
            case "ENV":
                for name, value in instruction.variables.items():
                    self.variables[name] = value.replace("$PATH", self.variables["PATH"])
            case "WORKDIR":
                self.workdir = instruction.text
                self.inside(self.workdir).mkdir(parents=True, exist_ok=True)
            case "USER":
                self.user = instruction.text

    def inside(self, path: str) -> Path:
        return self.path / os.path.join(self.workdir, path).lstrip("/")

    def shell(self, text: str, *, ways_out: bool = False) -> None:
        """As the user and in the folder that the instructions set; without a network but its own, unless it builds."""
        settings = {name: value for name, value in os.environ.items() if _SETTINGS.fullmatch(name)} if ways_out else {}
        group, home = self._account()
        variables = [f"{name}={value}" for name, value in {**settings, "HOME": home, **self.variables}.items()]
        enter = ["chroot", f"--userspec={self.user}:{group}", str(self.path), "env", "-i", *variables]
        command = [*enter, "sh", "-ec", f"cd {shlex.quote(self.workdir)}\n{text}"]
        proc = shlex.quote(str(self.path / "proc"))
        network = "" if ways_out else "ip link set lo up && "
        before = f"mount -t proc proc {proc} && {network}exec {shlex.join(command)}"
        isolated = [word for word in _ISOLATED if not (ways_out and word == "--net")]
        subprocess.run([*isolated, "sh", "-ec", before], check=True)

    def _account(self) -> tuple[str, str]:
        """Group and home of the user, as the root's own list has them."""
        for line in (self.path / "etc" / "passwd").read_text(encoding="utf-8").splitlines():
            _, _, number, group, _, home, _ = line.split(":")
            if number == self.user:
                return group, home
        raise ValueError(f"the image has no user {self.user}")

    def _copy(self, source: Path, target: str) -> None:
        to = self.inside(target)
        if not source.is_dir():
            shutil.copy(source, to / source.name if to.is_dir() else to)
            return
        ignored = shutil.ignore_patterns("__pycache__") if source.is_relative_to(ROOT) else None
        shutil.copytree(source, to, symlinks=True, dirs_exist_ok=True, ignore=ignored)


def sent(source: str) -> Path:
    """A file of the project, if the builder gets to see it."""
    admitted = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    if f"!{source}" not in admitted:
        raise ValueError(f"{source} is not sent to the builder: see Dockerfile.dockerignore")
    return ROOT / source


def make_base(folder: Path) -> Path:
    """A minimal Debian that knows this machine's ways out, with a `python` as the image's base has it."""
    base = folder / "base"
    command = ["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", SUITE, str(base)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (base / "usr" / "local" / "bin" / "python").symlink_to("/usr/bin/python3")
    local = [str(path.relative_to("/")) for path in Path("/etc/apt/apt.conf.d").glob("99*")]
    for name in (*_WAYS_OUT, *local):
        if (Path("/") / name).is_file():
            shutil.copyfile(Path("/") / name, base / name)
    return base


def build(folder: Path) -> tuple[Root, list[str]]:
    """The last stage with everything in it, and the command that it starts with."""
    recipe = stages(DOCKERFILE.read_text(encoding="utf-8"))
    base = timed(f"debootstrap {SUITE}, in place of {recipe[-1].base}", lambda: make_base(folder))
    built: dict[str, Root] = {}
    command: list[str] = []
    for number, stage in enumerate(recipe):
        built[stage.name] = Root(folder / f"stage-{number}")
        subprocess.run(["cp", "-a", str(base), str(built[stage.name].path)], check=True)
        for given in stage.instructions:
            timed(f"{given.kind} {given.text}", partial(built[stage.name].apply, given, built))
            command = given.words if given.kind == "CMD" else command
    return built[recipe[-1].name], command


def start(root: Root, command: list[str]) -> None:
    """Starts what the image starts, and stops it once it answers; fails if it ends before."""
    port = command[command.index("-p") + 1]
    check = f"until dagster api grpc-health-check -p {port}; do kill -0 $server; done"
    root.shell(f"{shlex.join(command)} & server=$!\n{check}\nkill $server")


def timed(what: str, do: Callable[[], T]) -> T:
    print(f"== {' '.join(what.split())[:150]}", flush=True)
    began = time.monotonic()
    made = do()
    print(f"   {time.monotonic() - began:.1f} s", flush=True)
    return made


def main() -> int:
    reason = obstacle()
    if reason is not None:
        print(f"The image's steps cannot run here: {reason}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="order-sync-image-") as folder:
        try:
            root, command = build(Path(folder))
            timed("order-sync demo, as the image's user and without a network", partial(root.shell, "order-sync demo"))
            timed(f"CMD {shlex.join(command)}", partial(start, root, command))
        except subprocess.CalledProcessError as error:
            print(f"A step ended with {error.returncode}; its output is above", file=sys.stderr)
            return 1
    print("Every step of the Dockerfile ran, the demo synced its orders, and the image's command answered.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
