# Everything runs in .venv, which is built on first use; the only tools needed beforehand are Python 3.11+, make and git.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
AIRFLOW := apache-airflow==3.3.2
NEEDS_POSTGRES = ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || command -v initdb > /dev/null || { echo "make $@ needs PostgreSQL; on Debian: apt-get install postgresql" >&2; exit 1; }

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help venv demo up down test lint unit integration replay system chaos-fast postgres chaos format constraints audit clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | while IFS='|' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

# The stamp is written last, so that a broken installation is built anew.
$(READY): pyproject.toml sandbox/pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: python3.11 or python3 on PATH, or PYTHON=/path/to/it." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; $(PYTHON) is older." >&2; exit 1; }
	@echo "Building $(VENV) (about a minute, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -c constraints.txt $(AIRFLOW) -e ./sandbox -e '.[dev]'
	@touch $@

venv: $(READY)  ## Build .venv

demo: $(READY)  ## Run the example DAGs in a real Airflow against the sandbox, show what happened, leave nothing running
	@$(BIN)/python -m devtools.demo run

up: $(READY)  ## The same, kept open to look around; prints the UI's address
	@$(BIN)/python -m devtools.demo up

down: $(READY)  ## End what `make up` started
	@$(BIN)/python -m devtools.demo down

test: lint  ## Lint and all tests
	$(BIN)/python -m pytest tests/unit tests/integration tests/mill
	$(BIN)/python -m pytest tests/system
	$(BIN)/python -m pytest --sqlite -m fast tests/chaos

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(READY)  ## Unit tests: no network, no clock
	$(BIN)/python -m pytest tests/unit

integration: $(READY)  ## Hooks, operators and triggers against the sandbox over real sockets
	$(BIN)/python -m pytest tests/integration tests/mill

replay: $(READY)  ## TRAC's recorded steps against the sandbox; prints how many are answered alike
	@$(BIN)/python -m tests.integration.trac_replay

system: $(READY)  ## DAGs in a real Airflow that the tests start themselves
	$(BIN)/python -m pytest tests/system

chaos-fast: $(READY)  ## A few kills of `make chaos` on SQLite; no PostgreSQL needed
	$(BIN)/python -m pytest --sqlite -m fast tests/chaos

postgres: $(READY)  ## The nastiest events through a real triggerer on PostgreSQL; needs Debian's package postgresql
	@$(NEEDS_POSTGRES)
	$(BIN)/python -m pytest tests/postgres

chaos: $(READY)  ## Kill tasks, workers, triggerers and services in real Airflows, and count the remote runs; SEED=... repeats the acts
	@$(NEEDS_POSTGRES)
	$(BIN)/python -m pytest tests/chaos

format: $(READY)  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

constraints:  ## Renew constraints.txt from the newest releases
	@rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	@build/constraints/bin/python -m pip --quiet --no-input install $(AIRFLOW) ./sandbox '.[dev]'
	@{ sed -n '/^#/p' constraints.txt; build/constraints/bin/python -m pip freeze --exclude airflow-provider-dataops --exclude dataops-sandbox | grep -E '^[A-Za-z0-9._-]+==[^ ]+$$' | sort -f; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf build/constraints

audit:  ## Ask an advisory source about the pinned dependencies; needs the Internet, and is no part of `make test`
	@$(PYTHON) -m devtools.audit $(ARGS)

clean: ## Remove .venv and everything that was built or left behind
	@if [ -x $(BIN)/python ] && [ -d .demo ]; then $(BIN)/python -m devtools.demo down; fi
	rm -rf $(VENV) .demo build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
