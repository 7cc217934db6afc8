"""How the parts fit: the asset graph as designed, what each asset says of itself, and which way imports point."""

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


def test_every_asset_has_a_description(definitions: dg.Definitions) -> None:
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


def test_every_asset_has_checks_and_one_blocks(definitions: dg.Definitions) -> None:
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


def room_of(name: str) -> str:
    """The room of a file, or of what an import names: a folder of order_sync, or one of the modules beside them."""
    return re.split(r"[./]", name.removeprefix("order_sync."))[0]


# What each room may import of ours, beside itself. A room that is not here has no place in the house.
TEXT = {"text"}
DOMAIN = TEXT | {"orders"}
ENGINE = DOMAIN | {"database", "monday"}
RESOURCES = ENGINE | {"sync", "reports", "settings", "variables"}
GRAPH = RESOURCES | {"resources"}
MAY_IMPORT = {
    "text": set[str](),
    "emulator": set[str](),
    "orders": TEXT,
    "database": DOMAIN,
    "monday": DOMAIN,
    "sync": ENGINE,
    "reports": ENGINE | {"sync"},
    "variables": DOMAIN,
    "settings": ENGINE | {"variables"},
    "resources": RESOURCES,
    "io_managers": GRAPH,
    "assets": GRAPH | {"io_managers"},
    "automation": GRAPH | {"io_managers"},
    "deployments": GRAPH | {"io_managers"},
    "definitions": GRAPH | {"io_managers", "assets", "automation", "deployments"},
    "demo": ENGINE | {"settings", "emulator"},
    "cli": GRAPH | {"io_managers", "automation", "definitions", "demo"},
    "component": {"settings", "orders", "automation", "definitions"},
    "__init__": {"component", "definitions", "orders", "settings"},
    "__main__": {"cli"},
}
# Libraries that only some rooms may know.
KEPT_OUT = {
    "dagster": {"text", "orders", "database", "monday", "sync", "reports", "demo", "emulator"},
    "pandas": {"text", "orders", "database", "monday", "sync", "reports", "demo", "emulator", "cli"},
    "sqlalchemy": {"text", "orders", "monday", "emulator"},
    "gql": set(MAY_IMPORT) - {"monday"},
}


def test_imports_point_one_way() -> None:
    wrong = set()
    for name, tree in modules():
        room = room_of(name.removesuffix(".py"))
        found = imported(name, tree)
        ours = {room_of(module) for module in found if module.startswith("order_sync.")} - {"__version__"}
        wrong |= {f"{name} imports {other}" for other in ours - {room} - MAY_IMPORT.get(room, set())}
        others = {module.split(".")[0] for module in found}
        wrong |= {f"{name} imports {other}" for other in others if room in KEPT_OUT.get(other, set())}
    assert wrong == set()


def test_every_room_is_in_the_table() -> None:
    rooms = {room_of(name.removesuffix(".py")) for name, _ in modules()}
    assert rooms == set(MAY_IMPORT)


# ---- size -----------------------------------------------------------------------------------------------

# A module, a class and a function have at most these lines, and a function these parameters.
MODULE_LINES, CLASS_LINES, FUNCTION_LINES, PARAMETERS = 400, 300, 60, 6


def too_large(tree: ast.Module, lines: int) -> Iterator[str]:
    if lines > MODULE_LINES:
        yield f"{lines} lines"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > (CLASS_LINES if isinstance(node, ast.ClassDef) else FUNCTION_LINES):
                yield f"{node.name}: {length} lines"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
            if len(set(names) - {"self", "cls"}) > PARAMETERS:
                yield f"{node.name}: {len(names)} parameters"


def test_nothing_is_larger_than_a_reader_can_hold() -> None:
    found = {
        name: large
        for name, tree in modules()
        if (large := list(too_large(tree, (PACKAGE / name).read_text(encoding="utf-8").count("\n"))))
    }
    assert found == {}


def test_a_test_name_has_at_most_ten_words() -> None:
    names = [
        name
        for path in (ROOT / "order_sync_tests").rglob("*.py")
        for name in re.findall(r"^ *def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert len(names) > 1_000
    assert [name for name in names if name.count("_") > 10] == []


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
        "ConfigurationError: OS-101: Invalid settings: ORDER_SYNC_DRYRUN is not a setting (did you mean "
        "ORDER_SYNC_DRY_RUN?); ORDER_SYNC_WRITERS must be a whole number.\n"
    ) in done.stdout + done.stderr
    assert "pydantic" not in done.stdout + done.stderr


def test_dagster_validates_it_from_the_root(stage: Stage) -> None:
    done = validate()
    assert done.returncode == 0, done.stderr
    assert "order_sync" in done.stdout + done.stderr
    assert "Validation successful" in done.stdout + done.stderr
