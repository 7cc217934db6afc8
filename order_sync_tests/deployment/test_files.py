"""The files in deploy/, held against what there is to hold them against: Dagster's own loaders, schemas and commands.

No container and no cluster starts here; docs/deployment.md says what that leaves unchecked.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, cast

import click
import dagster as dg
import pytest
import yaml
from dagster._cli import cli as dagster_cli
from dagster._config import process_config
from dagster._config.field import resolve_to_config_type
from dagster._core.instance.config import ConcurrencyConfig, dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.storage.config import pg_config
from dagster._daemon.cli import cli as dagster_daemon_cli
from dagster_docker import DockerRunLauncher
from dagster_k8s import K8sRunLauncher
from dagster_k8s.job import construct_dagster_k8s_job
from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict
from dagster_webserver.cli import dagster_webserver as dagster_webserver_cli
from docker.models.containers import RUN_CREATE_KWARGS, RUN_HOST_CONFIG_KWARGS
from kubernetes.client import ApiClient, V1PodSecurityContext, V1Probe, V1ResourceRequirements, V1SecurityContext

from order_sync import __version__
from order_sync.cli.launch import INSTANCE_FILE, SHIPPED
from order_sync.definitions import defs
from order_sync.settings import PREFIX, Settings
from order_sync_tests.deployment.dockerfile import Instruction, stages
from order_sync_tests.deployment.image import sent
from order_sync_tests.graph.stage import ROOT, Stage

DEPLOY = ROOT / "deploy"
DOCKER = DEPLOY / "docker"
POSTGRES_VARIABLES = {f"DAGSTER_PG_{name}" for name in ("HOST", "PORT", "DB", "USERNAME", "PASSWORD")}
#: What each place has of its own; the rest of the instance is that of the top folder.
OF_THE_PLACE = {"storage", "local_artifact_storage", "compute_logs", "run_launcher"}
COMMANDS: dict[str, click.Command] = {
    "dagster": dagster_cli,
    "dagster-daemon": dagster_daemon_cli,
    "dagster-webserver": dagster_webserver_cli,
}

K8S_LAUNCHER: Any = K8sRunLauncher  # without types of its own

Yaml = dict[str, Any]


def read(path: Path) -> Yaml:
    return cast("Yaml", yaml.safe_load(path.read_text(encoding="utf-8")))


def check_command(words: list[str]) -> None:
    """Fails if Dagster has no such command, or no such option of it."""
    command, rest = COMMANDS[words[0]], words[1:]
    while isinstance(command, click.Group):
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_parser(click.Context(command)).parse_args(list(rest))


def config_of(kind: Any, value: Yaml) -> Yaml:
    """The value as Dagster takes it; fails with what Dagster has against it."""
    processed = process_config(resolve_to_config_type(kind), value)
    assert processed.success, processed.errors
    return cast("Yaml", processed.value)


def project() -> Yaml:
    return cast("Yaml", tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])


# ---- the instances ------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["postgres", "docker"])
def test_dagster_takes_the_instance(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in POSTGRES_VARIABLES:
        monkeypatch.setenv(name, "5432")
    text = (DEPLOY / place / INSTANCE_FILE).read_text(encoding="utf-8")
    (tmp_path / INSTANCE_FILE).write_text(text, encoding="utf-8")
    config, _ = dagster_instance_config(str(tmp_path))  # raises where Dagster has something against it
    storage = config_of(pg_config(), config["storage"]["postgres"])
    assert storage["postgres_db"]["port"] == 5432
    launcher = InstanceRef.from_dir(str(tmp_path)).run_launcher
    assert isinstance(launcher, DockerRunLauncher) == (place == "docker")


def test_the_package_brings_the_same_instance() -> None:
    assert SHIPPED.read_bytes() == (ROOT / INSTANCE_FILE).read_bytes()


@pytest.mark.parametrize("place", ["postgres", "docker"])
def test_instances_differ_only_in_their_place(place: str) -> None:
    shipped, here = read(ROOT / INSTANCE_FILE), read(DEPLOY / place / INSTANCE_FILE)
    for instance in (shipped, here):
        for key in OF_THE_PLACE:
            instance.pop(key, None) if key != "storage" else None
    database = here.pop("storage")["postgres"]["postgres_db"]
    shipped.pop("storage")
    assert here == shipped
    assert {value["env"] for value in database.values() if isinstance(value, dict)} == POSTGRES_VARIABLES


# ---- Docker -------------------------------------------------------------------------------------


def test_compose_is_of_the_compose_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*check, DOCKER / "compose.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_runs_existing_commands() -> None:
    services = read(DOCKER / "compose.yaml")["services"]
    for service in services.values():
        for words in (service.get("command"), service["healthcheck"]["test"][1:]):
            if words and words[0].startswith("dagster"):
                check_command(words)
    assert services["webserver"]["ports"] == ["127.0.0.1:3000:3000"]
    (server,) = read(DOCKER / "workspace.yaml")["load_from"]
    assert server["grpc_server"]["host"] in services
    check_command(last_command())
    assert last_command()[last_command().index("-p") + 1] == str(server["grpc_server"]["port"])


def test_a_docker_run_has_its_network_volume_and_settings() -> None:
    compose, launcher = read(DOCKER / "compose.yaml"), read(DOCKER / INSTANCE_FILE)["run_launcher"]["config"]
    assert launcher["network"] == compose["networks"]["order_sync"]["name"]
    volumes = [f"{compose['volumes']['logs']['name']}:/opt/dagster/logs"]
    assert launcher["container_kwargs"]["volumes"] == volumes
    assert "logs:/opt/dagster/logs" in compose["services"]["webserver"]["volumes"]
    # stop_timeout is the launcher's own; the rest is handed to Docker's client.
    known = {*RUN_CREATE_KWARGS, *RUN_HOST_CONFIG_KWARGS, "volumes", "stop_timeout"}
    assert set(launcher["container_kwargs"]) <= known
    lines = (DOCKER / "order_sync.env.example").read_text(encoding="utf-8").splitlines()
    example = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    assert set(launcher["env_vars"]) == example - {"DOCKER_GID"}
    assert set(re.findall(r"\$\{(\w+)", (DOCKER / "compose.yaml").read_text(encoding="utf-8"))) <= example
    settings = {name.removeprefix(PREFIX).lower() for name in example if name.startswith(PREFIX)}
    assert settings <= set(Settings.model_fields)


def dockerfile(kind: str) -> list[Instruction]:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    return [each for stage in stages(text) for each in stage.instructions if each.kind == kind]


def last_command() -> list[str]:
    (command,) = dockerfile("CMD")
    return command.words


def test_the_image_builds_from_existing_files_without_root() -> None:
    for copy in dockerfile("COPY"):
        for source in copy.words[:-1] if copy.stage is None else ():
            assert sent(source).exists()
    assert [user.text for user in dockerfile("USER")] == ["10001"]
    (extras,) = re.findall(r"\.\[([\w,]+)\]", (DOCKER / "Dockerfile").read_text(encoding="utf-8"))
    assert set(extras.split(",")) <= set(project()["optional-dependencies"])


def test_one_version_of_the_image() -> None:
    services = read(DOCKER / "compose.yaml")["services"]
    image = f"order-sync:{__version__}"
    assert {service["image"] for name, service in services.items() if name != "postgres"} == {image}
    assert services["code"]["environment"]["DAGSTER_CURRENT_IMAGE"] == image
    assert read(DEPLOY / "kubernetes" / "values.yaml")["dagsterDaemon"]["image"]["tag"] == __version__


# ---- Kubernetes ---------------------------------------------------------------------------------


def values() -> Yaml:
    return read(DEPLOY / "kubernetes" / "values.yaml")


def run_launcher(values: Yaml) -> Yaml:
    """The launcher's part of the instance, as the chart writes it for a release of the name `dagster`."""
    given = values["runLauncher"]["config"]["k8sRunLauncher"]
    run = given["runK8sConfig"]
    return {
        "load_incluster_config": given["loadInclusterConfig"],
        "job_namespace": "orders",
        "image_pull_policy": given["imagePullPolicy"],
        "service_account_name": "dagster",
        "dagster_home": "/opt/dagster/dagster_home",
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": values["global"]["postgresqlSecretName"],
        "security_context": given["securityContext"],
        "run_k8s_config": {"pod_spec_config": run["podSpecConfig"], "job_spec_config": run["jobSpecConfig"]},
    }


def container_context(values: Yaml) -> Yaml:
    """What the chart hands from the code's deployment to its runs."""
    (code,) = values["dagster-user-deployments"]["deployments"]
    assert code["includeConfigInLaunchedRuns"] == {"enabled": True}
    return {
        "k8s": {
            "image_pull_policy": code["image"]["pullPolicy"],
            "env_secrets": [secret["name"] for secret in code["envSecrets"]],
            "env": code["env"],
            "resources": code["resources"],
            "namespace": "orders",
            "service_account_name": "dagster-user-deployments",
        }
    }


def test_dagster_takes_the_launcher_and_the_queue() -> None:
    given = values()
    config_of(K8S_LAUNCHER.config_type(), run_launcher(given))
    queue = given["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    coordinator = {
        "max_concurrent_runs": queue["maxConcurrentRuns"],
        "tag_concurrency_limits": queue["tagConcurrencyLimits"],
    }
    made = QueuedRunCoordinator(**config_of(QueuedRunCoordinator.config_type(), coordinator))
    here = given["additionalInstanceConfig"]["concurrency"]
    shipped = read(ROOT / INSTANCE_FILE)["concurrency"]
    assert here["pools"] == shipped["pools"]
    limits = ConcurrencyConfig.from_concurrency_settings(here, made.get_run_queue_config()).run_queue_config
    assert limits is not None
    assert limits.max_concurrent_runs == shipped["runs"]["max_concurrent_runs"]
    assert limits.tag_concurrency_limits == shipped["runs"]["tag_concurrency_limits"]
    watch = given["dagsterDaemon"]["runMonitoring"]
    assert watch["maxResumeRunAttempts"] == 0  # the next run goes on; this one is never begun again in the middle
    # SQLAlchemy's own choice for postgresql:// is a driver that Dagster does not bring.
    assert given["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"


def test_the_job_of_a_run_is_as_meant(stage: Stage, tmp_path: Path) -> None:
    """Dagster's own launcher makes the manifest that it would send to the cluster."""
    nowhere = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "none",
        "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
        "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "none", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(nowhere), encoding="utf-8")
    outside = {"load_incluster_config": False, "kubeconfig_file": str(tmp_path / "kubeconfig")}
    config = config_of(K8S_LAUNCHER.config_type(), run_launcher(values()) | outside)
    launcher = K8S_LAUNCHER.from_config_value(None, config)
    image = f"registry.example.internal/order-sync:{__version__}"
    with stage.instance() as instance:
        run = instance.create_run_for_job(
            defs().resolve_job_def("sync_orders"),
            job_code_origin=dg._core.origin.JobPythonOrigin(
                "sync_orders",
                dg._core.origin.RepositoryPythonOrigin(
                    executable_path=sys.executable,
                    code_pointer=dg._core.code_pointer.ModuleCodePointer("order_sync.definitions", "defs"),
                    container_image=image,
                    container_context=container_context(values()),
                ),
            ),
        )
    context = launcher.get_container_context_for_run(run)
    job = construct_dagster_k8s_job(
        job_config=context.get_k8s_job_config(job_image=image, run_launcher=launcher),
        args=["dagster", "api", "execute_run"],
        job_name="dagster-run",
        user_defined_k8s_config=context.run_k8s_config,
    )
    manifest = ApiClient().sanitize_for_serialization(job)
    pod = manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == image
    assert {"secretRef": {"name": "order-sync"}} in container["envFrom"]
    environment = {variable["name"]: variable for variable in container["env"]}
    assert environment["ORDER_SYNC_DEPLOYMENT"]["value"] == "production"
    password = environment["DAGSTER_PG_PASSWORD"]["valueFrom"]["secretKeyRef"]
    assert password == {"key": "postgresql-password", "name": "order-sync-postgresql"}
    assert container["resources"]["limits"] == {"memory": "1Gi"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert pod["securityContext"] == {"runAsNonRoot": True, "runAsUser": 10001}
    assert pod["terminationGracePeriodSeconds"] == 90
    assert pod["restartPolicy"] == "Never"
    assert manifest["spec"]["backoffLimit"] == 0


def test_kubernetes_knows_every_key_of_a_pod() -> None:
    given = values()
    (code,) = given["dagster-user-deployments"]["deployments"]
    check_command(["dagster", "api", "grpc", "-p", str(code["port"]), *code["dagsterApiGrpcArgs"]])
    kinds = {
        "podSecurityContext": V1PodSecurityContext,
        "securityContext": V1SecurityContext,
        "resources": V1ResourceRequirements,
        "livenessProbe": V1Probe,
        "readinessProbe": V1Probe,
        "startupProbe": V1Probe,
    }
    for part in (code, given["dagsterDaemon"], given["dagsterWebserver"]):
        for key in kinds.keys() & part.keys():
            value = {name: inner for name, inner in part[key].items() if name != "enabled"}  # the chart's own switch
            k8s_model_from_dict(kinds[key], k8s_snake_case_dict(kinds[key], value))
            if "exec" in value:
                check_command(value["exec"]["command"])
    probe = given["dagsterWebserver"]["readinessProbe"]["httpGet"]
    assert probe == {"path": "/server_info", "port": given["dagsterWebserver"]["service"]["port"]}


# ---- systemd ------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda unit: unit.name)
def test_units_start_existing_commands(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    (start,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    program, *rest = shlex.split(start.replace("%i", "4000"))
    assert Path(program).parent == Path("/opt/order_sync/.venv/bin")
    check_command([Path(program).name, *rest])
    assert "User=order_sync" in text
    (server,) = read(DEPLOY / "postgres" / "workspace.yaml")["load_from"]
    assert server["grpc_server"]["port"] == 4000
