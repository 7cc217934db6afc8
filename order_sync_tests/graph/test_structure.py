"""How the parts fit: the asset graph as designed, what each asset tells of itself, and which way imports point."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from order_sync.definitions import build_definitions, defs
from order_sync_tests.graph.stage import ROOT, Stage

PACKAGE = ROOT / "order_sync"

# Each asset and what it is made from.
EDGES = {
    "ORDER_LIST_DELTA": set(),
    "ORDER_LIST_LINES_DELTA": set(),
    "pending_headers": {"ORDER_LIST_DELTA"},
    "pending_lines": {"ORDER_LIST_LINES_DELTA", "pending_headers"},
    "monday_groups": {"pending_headers"},
    "monday_items": {"pending_headers", "monday_groups"},
    "monday_subitems": {"pending_lines", "monday_items"},
    "order_list": {"monday_items", "monday_subitems"},
    "order_list_lines": {"monday_items", "monday_subitems"},
}
GROUPS = {
    "queue": {"ORDER_LIST_DELTA", "ORDER_LIST_LINES_DELTA", "pending_headers", "pending_lines"},
    "monday": {"monday_groups", "monday_items", "monday_subitems"},
    "main_tables": {"order_list", "order_list_lines"},
}


@pytest.fixture
def definitions(stage: Stage) -> dg.Definitions:
    return build_definitions(stage.settings)


def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_the_definitions_load(stage: Stage) -> None:
    loaded = defs()
    dg.Definitions.validate_loadable(loaded)
    assert loaded.resolve_job_def("sync_orders").executor_def is dg.in_process_executor
    assert [check.name for check in loaded.resolve_asset_graph().asset_check_keys] != []


def test_the_graph_is_the_one_designed(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    edges = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert edges == EDGES


def test_order_list_lines_goes_back_to_both_queues(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    found, waiting = set(), {dg.AssetKey("order_list_lines")}
    while waiting:
        found |= waiting
        waiting = {parent for key in waiting for parent in graph.get(key).parent_keys} - found
    assert {key.to_user_string() for key in found} == set(EDGES) - {"order_list"}
    assert {key.to_user_string() for key in graph.external_asset_keys} == {"ORDER_LIST_DELTA", "ORDER_LIST_LINES_DELTA"}


def test_every_asset_tells_of_itself(definitions: dg.Definitions) -> None:
    found = specs(definitions)
    assert set(found) == set(EDGES)
    for name, spec in found.items():
        assert spec.kinds, name
        assert list(spec.owners) == ["team:order-operations"], name
        assert spec.description, name
        assert spec.description.endswith("."), name
        assert spec.metadata["dagster/column_schema"].columns, name
    groups: dict[str, set[str]] = {}
    for name, spec in found.items():
        groups.setdefault(spec.group_name or "", set()).add(name)
    assert groups == GROUPS


def test_every_asset_that_a_run_makes_has_checks_and_one_of_them_blocks(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert {key.asset_key.to_user_string() for key in graph.asset_check_keys} == set(EDGES) - {
        "ORDER_LIST_DELTA",
        "ORDER_LIST_LINES_DELTA",
    }
    assert [key.name for key in graph.asset_check_keys if graph.get(key).blocking] == ["mapping_fits_board"]


def test_a_dry_run_has_no_checks(stage: Stage) -> None:
    dry = build_definitions(stage.settings.model_copy(update={"dry_run": True}))
    assert not dry.resolve_asset_graph().asset_check_keys


def test_main_tables_are_one_step(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    both = {dg.AssetKey("order_list"), dg.AssetKey("order_list_lines")}
    assert graph.get(dg.AssetKey("order_list")).assets_def.keys == both


# ---- imports --------------------------------------------------------------------------------------------


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(name: str, tree: ast.Module) -> set[str]:
    """Every module that is imported anywhere in it, with relative names made absolute."""
    package = ["order_sync", *Path(name).parent.parts]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def within(name: str, *modules: str) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def of_ours(part: str) -> str:
    return f"order_sync.{part}"


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("orders", ["dagster", "order_sync.monday", "pandas"]),
        ("monday", ["dagster", "pandas"]),
        ("emulator", ["dagster", "order_sync.orders", "order_sync.monday", "order_sync.assets"]),
    ],
)
def test_a_side_knows_nothing_of_what_is_above_it(folder: str, forbidden: list[str]) -> None:
    above = ["assets", "io_managers", "resources", "sensors", "jobs", "definitions", "launch", "cli", "demo"]
    looked_at = [(name, tree) for name, tree in modules() if name.startswith(f"{folder}/")]
    assert len(looked_at) > 3
    for name, tree in looked_at:
        wrong = {i for i in imported(name, tree) if within(i, *forbidden, *map(of_ours, above))}
        assert wrong == set(), name


def test_only_the_demo_knows_the_emulator() -> None:
    users = {
        name
        for name, tree in modules()
        if any(within(module, "order_sync.emulator") for module in imported(name, tree))
        and not name.startswith("emulator/")
    }
    assert users
    assert {name.split("/")[0] for name in users} == {"demo"}


def test_imports_point_one_way() -> None:
    """A later one may import an earlier one, never the other way round."""
    layers = [
        ("orders/", "monday/"),
        ("resources/",),
        ("io_managers/",),
        ("assets/",),
        ("jobs.py", "sensors.py", "freshness.py", "notifications.py"),
        ("definitions.py",),
        ("launch.py",),
        ("console.py", "demo/", "cli.py"),
    ]
    # deployments.py puts whole resource sets together, IO managers included.
    for number, layer in enumerate(layers):
        above = [part.rstrip("/").removesuffix(".py") for later in layers[number + 1 :] for part in later]
        for name, tree in modules():
            if name.startswith(layer) and name != "resources/deployments.py":
                wrong = {i for i in imported(name, tree) if within(i, *map(of_ours, above))}
                assert wrong == set(), name


def test_every_exception_to_a_security_rule_says_why() -> None:
    found = [
        (str(path.relative_to(ROOT)), line)
        for folder in ("order_sync", "order_sync_tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"# (noqa: S\d|nosec)", line)
    ]
    assert found
    assert [place for place in found if not re.search(r"# (noqa: S\d+|nosec B\d+) - \w", place[1])] == []


def validate() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_dagster_shows_what_is_set_wrongly(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_SYNC_DRYRUN", "1")
    monkeypatch.setenv("ORDER_SYNC_WRITERS", "many")
    done = validate()
    assert done.returncode == 1
    assert (
        "ConfigurationError: Wrong settings: ORDER_SYNC_DRYRUN is not a setting (did you mean ORDER_SYNC_DRY_RUN?); "
        "ORDER_SYNC_WRITERS must be a whole number.\n"
    ) in done.stdout + done.stderr
    assert "pydantic" not in done.stdout + done.stderr


def test_dagster_validates_it_from_the_root(stage: Stage) -> None:
    done = validate()
    assert done.returncode == 0, done.stderr
    assert "order_sync" in done.stdout + done.stderr
    assert "Validation successful" in done.stdout + done.stderr
