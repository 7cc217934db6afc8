# The two commands of the README are `make demo` and `make test`; each makes its own virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo ui test faults lint clean

demo: $(VENV)/.installed
	$(BIN)/order-sync demo

ui: $(VENV)/.installed
	$(BIN)/order-sync demo --ui

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest

# The long form of order_sync_tests/faults: every step of a run, in every way that it can fail.
faults: $(VENV)/.installed-test
	$(BIN)/python -m order_sync_tests.faults.sweep

lint: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'order_sync needs Python 3.11 or newer')"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .order_sync
