# The two commands of the README are `make demo` and `make test`; each makes its own virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCHMARK_VENV := .venv-benchmark
AUDIT_VENV := .venv-audit
MUTANTS_VENV := .venv-mutants
FUZZ_VENV := .venv-fuzz
CONSTRAINTS_VENV := .venv-constraints
PACKAGE_VENV := .venv-package
SECONDS ?= 60

.PHONY: demo ui test check faults fuzz model simulate mutants benchmark lint dg audit image docs reference diagrams \
	constraints package clean

demo ui: export PYTHONDONTWRITEBYTECODE :=
demo: $(VENV)/.installed
	$(BIN)/order-sync demo

ui: $(VENV)/.installed
	$(BIN)/order-sync demo --ui

# Several files at a time, more than there are cores: much of a test's time is waiting. The tests start hundreds of
# processes, and where Python may not keep its bytecode each of them would compile the whole package again.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.installed-test
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder --durations 40

# What most changes need, in a few minutes: lint, types, and the tests that start neither whole runs nor a browser.
check: export PYTHONDONTWRITEBYTECODE :=
check: lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(addprefix order_sync_tests/,orders text database monday contract sync)

# The long form of order_sync_tests/faults: every step of a run, in every way that it can fail.
faults: $(VENV)/.installed-test
	$(BIN)/python -m order_sync_tests.faults.sweep

# Bad input for everything that reads what others wrote, SECONDS a target (`make fuzz SECONDS=300 TARGET="reply answer"`).
# The fuzzer lives in an environment of its own. `-c`: the fuzzer must meet the same packages as the tests.
fuzz: export PYTHONDONTWRITEBYTECODE :=
fuzz: $(FUZZ_VENV)/.installed
	$(FUZZ_VENV)/bin/python -m order_sync_tests.fuzz --seconds $(SECONDS) $(TARGET)

$(FUZZ_VENV)/.installed: pyproject.toml constraints.txt order_sync_tests/fuzz/requirements.txt
	$(PYTHON) -m venv $(FUZZ_VENV)
	$(FUZZ_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]' \
		-r order_sync_tests/fuzz/requirements.txt
	touch $@

# The modules that keep the promises, with one thing changed at a time: a test must fail. `make mutants MODULE="decide"`
# for some of them. What changes the code lives in an environment of its own.
mutants: export PYTHONDONTWRITEBYTECODE :=
mutants: $(MUTANTS_VENV)/.installed
	$(MUTANTS_VENV)/bin/python -m order_sync_tests.mutants $(MODULE)

$(MUTANTS_VENV)/.installed: pyproject.toml constraints.txt order_sync_tests/mutants/requirements.txt
	$(PYTHON) -m venv $(MUTANTS_VENV)
	$(MUTANTS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]' \
		-r order_sync_tests/mutants/requirements.txt
	touch $@

# The journal protocol as a model: every state that it can reach, and what breaks it; needs spin and gcc.
model: $(VENV)/.installed-test
	$(BIN)/python -m order_sync_tests.model

# Random worlds in virtual time, from seeds: order_sync_tests/simulation.
SEEDS ?= 1000
simulate: $(VENV)/.installed-test
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m order_sync_tests.simulation $(SEEDS)

# order_sync against public packages, and what a record costs. The other tools live in an environment of their own.
# `-`: a target that is missed must not hide the figures that come after it.
benchmark: $(BENCHMARK_VENV)/.installed
	-$(BENCHMARK_VENV)/bin/python -m benchmarks.client_cost
	-$(BENCHMARK_VENV)/bin/python -m benchmarks.size
	-$(BENCHMARK_VENV)/bin/python -m benchmarks.history
	-$(BENCHMARK_VENV)/bin/python -m benchmarks.latency
	-$(BENCHMARK_VENV)/bin/python -m benchmarks.against_peers

$(BENCHMARK_VENV)/.installed: pyproject.toml constraints.txt benchmarks/requirements.txt
	$(PYTHON) -m venv $(BENCHMARK_VENV)
	$(BENCHMARK_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . -r benchmarks/requirements.txt
	touch $@

lint: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml order_sync

# Dagster's own command checks what it loads: this project, and the example of a project that adds order_sync.
dg: export DAGSTER_HOME := $(CURDIR)
dg: $(VENV)/.installed-test
	$(BIN)/dg check toml
	$(BIN)/dg check defs
	$(BIN)/dg list defs >/dev/null
	$(BIN)/dg list components | grep order_sync.OrderSync
	$(BIN)/dg check defs --target-path examples/dagster_project

# Known vulnerabilities of every pinned package, from PyPI. --strict: a package that PyPI was not asked about is a fault.
audit: $(AUDIT_VENV)/.installed
	$(AUDIT_VENV)/bin/pip-audit --strict --disable-pip --no-deps --requirement constraints.txt

# An environment of its own: what looks for faults in packages is not installed beside them.
$(AUDIT_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(AUDIT_VENV)
	$(AUDIT_VENV)/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	touch $@

# The Dockerfile's own steps in a root of their own, without Docker: as root, with debootstrap, some minutes.
image: $(VENV)/.installed-test
	$(BIN)/python -m order_sync_tests.deployment.image

# Writes constraints.txt from pyproject.toml, for every Python and system that it supports. Versions that still fit are
# kept: `make constraints UPGRADE=--upgrade` takes the newest of all, UPGRADE="--upgrade-package rich" of one.
constraints: $(CONSTRAINTS_VENV)/.installed
	$(CONSTRAINTS_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-header --no-annotate \
		--no-emit-package order-sync --no-emit-package setuptools $(UPGRADE) pyproject.toml --output-file constraints.txt

$(CONSTRAINTS_VENV)/.installed: Makefile
	$(PYTHON) -m venv $(CONSTRAINTS_VENV)
	$(CONSTRAINTS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==0.9.30
	touch $@

# What a release publishes, in dist/, checked and tried out: the wheel in a new environment, and a folder with dagster.yaml.
package: $(PACKAGE_VENV)/.installed
	rm -rf dist build
	$(PACKAGE_VENV)/bin/python -m build
	$(PACKAGE_VENV)/bin/python -m twine check --strict dist/*
	$(PYTHON) -m venv --clear $(PACKAGE_VENV)/tried
	$(PACKAGE_VENV)/tried/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt dist/*.whl
	tried=$$(mktemp -d) && cp dagster.yaml "$$tried" && cd "$$tried" && $(CURDIR)/$(PACKAGE_VENV)/tried/bin/order-sync demo && rm -r "$$tried"

$(PACKAGE_VENV)/.installed: Makefile
	$(PYTHON) -m venv $(PACKAGE_VENV)
	$(PACKAGE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check build==1.6.1 twine==7.0.0
	touch $@

# The documentation as a site, in site/. A broken link or anchor fails.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# Writes the table of settings and the page of commands from the code.
reference: $(VENV)/.installed
	$(BIN)/python docs/tools/reference.py

# Draws the Mermaid diagrams of the pages that have no picture yet; needs npm and chromium.
diagrams: $(VENV)/.installed-test
	$(BIN)/python docs/tools/diagrams.py

$(VENV)/bin/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'order_sync needs Python 3.11 or newer')"
	$(PYTHON) -m venv $(VENV)

# Nothing is compiled beforehand: the demo needs a part of it only, and a third of the time would go into the rest.
$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@ $(VENV)/.installed $(VENV)/.installed-docs

$(VENV)/.installed-docs: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) $(BENCHMARK_VENV) $(AUDIT_VENV) $(MUTANTS_VENV) $(FUZZ_VENV) $(CONSTRAINTS_VENV) $(PACKAGE_VENV) .fuzz .mutants .order_sync \
		build dist site
