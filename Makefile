# Everything runs in .venv. The first target that needs .venv builds it. Install Python 3.11+, make and git before.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest
# One process for each core. The tests of one file stay in one process, because they share servers.
PARALLEL := -n logical --dist loadfile
# With one process for each core, the cores were idle for a third of the time of the integration tests.
WAITING = -n $(shell $(BIN)/python -c 'import os; print(os.cpu_count() * 3 // 2)') --dist loadfile
# These tests install TRAC's own runtimes, so they have a target of their own.
TRAC := tests/integration/trac_real
INTEGRATION := tests/integration tests/mill --ignore $(TRAC)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
AIRFLOW := apache-airflow==3.3.2
BENCH_VENV := .venv-bench
BENCH := $(BENCH_VENV)/bin/python
BENCH_READY := $(BENCH_VENV)/.ready
BENCH_FIGURES := benchmarks/results/triggers.json
PEERS := dbt-cloud airbyte fivetran databricks http-sensor http-event
BENCH_LARGE := quantemplate toucan tamr tailer tailer-each trac floor idle
NEEDS_POSTGRES = ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || command -v initdb > /dev/null || { echo "make $@ needs PostgreSQL; on Debian: apt-get install postgresql" >&2; exit 1; }
NEEDS_REDIS = command -v redis-server > /dev/null || { echo "make $@ needs Redis; on Debian: apt-get install redis-server" >&2; exit 1; }
NEEDS_CURL = command -v curl > /dev/null || { echo "make $@ needs curl; on Debian: apt-get install curl" >&2; exit 1; }
NEEDS_CHROMIUM = command -v chromium > /dev/null || { echo "make $@ needs Chromium; on Debian: apt-get install chromium" >&2; exit 1; }

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help venv demo up down test lint unit integration replay system slow trac chaos-fast browser postgres cluster chaos explore format bench-venv bench-triggers bench-files bench-imports bench-airflow bench-smoke bench-soak bench-triggerers constraints audit clean bench-page lineage events versions

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | while IFS='|' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

# This file is written last. If the installation fails, the file is missing, and make installs again.
$(READY): pyproject.toml sandbox/pyproject.toml constraints.txt airflow_provider_dataops/__init__.py
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: python3.11 or python3 on PATH, or PYTHON=/path/to/it." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; $(PYTHON) is older." >&2; exit 1; }
	@echo "Building $(VENV) (about two minutes, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -c constraints.txt $(AIRFLOW) -e ./sandbox -e '.[dev]'
	@touch $@

venv: $(READY)  ## Build .venv

demo: $(READY)  ## Run the example DAGs in a real Airflow against the sandbox, print a report, and stop everything
	@$(BIN)/python -m devtools.demo run

up: $(READY)  ## Like demo, but leave Airflow and the sandbox running, and print the address of the UI
	@$(BIN)/python -m devtools.demo up

down: $(READY)  ## Stop what `make up` started
	@$(BIN)/python -m devtools.demo down

# On 2 cores, unit and system tests took 8:14 side by side, and 10:05 one after the other.
test: lint  ## Run lint, the unit and integration tests, most system tests, and the fast kills
	$(BIN)/python -m devtools.side_by_side build/system-tests.log $(PYTEST) -m "not slow" tests/system -- $(PYTEST) $(PARALLEL) tests/unit
	$(PYTEST) $(WAITING) $(INTEGRATION)
	$(PYTEST) --sqlite -m fast tests/chaos

lint: $(READY)  ## Run ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: docs  # there is a folder of this name
docs: $(READY)  ## Build the documentation in build/docs; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs

unit: $(READY)  ## Run the unit tests: no network, no clock, no Airflow database
	$(PYTEST) $(PARALLEL) tests/unit

integration: $(READY)  ## Test hooks, operators and triggers against the sandbox, over HTTP on this machine
	$(PYTEST) $(WAITING) $(INTEGRATION)

versions: $(READY)  ## Run the unit and integration tests and the example DAGs with Airflow 3.1, 3.2 and 3.3; takes over half an hour
	@$(BIN)/python -m devtools.versions $(VERSIONS)

replay: $(READY)  ## Send TRAC's recorded requests to the sandbox, and print how many responses are equal
	@$(BIN)/python -m tests.integration.trac_replay

trac: $(READY)  ## Run jobs in TRAC's own runtimes, and compare the sandbox with them; installs them once
	$(PYTEST) $(PARALLEL) $(TRAC)

system: $(READY)  ## Run DAGs in a real Airflow, which the tests start and stop
	$(PYTEST) tests/system

slow: $(READY)  ## Run the system tests that `make test` leaves out: they stop triggerers, or wait half a minute
	$(PYTEST) -m slow tests/system

lineage: $(READY)  ## Run DAGs in a real Airflow with OpenLineage, and check its events and the events of assets
	$(PYTEST) tests/lineage

chaos-fast: $(READY)  ## Kill processes at a few points, on SQLite: the fast part of `make chaos`
	$(PYTEST) --sqlite -m fast tests/chaos

browser: $(READY)  ## Use the forms, the Test button and the links in Chromium; SCREENSHOTS=docs/images writes the pictures of the docs; needs chromium
	@$(NEEDS_CHROMIUM)
	$(BIN)/python -m pytest tests/browser

postgres: $(READY)  ## Send events that are hard to store through a real triggerer on PostgreSQL; needs Debian's package postgresql
	@$(NEEDS_POSTGRES)
	$(PYTEST) tests/postgres

events: $(READY)  ## Stop a triggerer at the moments when event triggers fire, and count the events; STOPS=4 is quicker
	$(PYTEST) tests/events

cluster: $(READY)  ## Start the services of docker-compose.yaml without Docker, and kill a worker and a triggerer; needs postgresql, redis-server, curl
	@$(NEEDS_POSTGRES)
	@$(NEEDS_REDIS)
	@$(NEEDS_CURL)
	$(PYTEST) tests/cluster

chaos: $(READY)  ## Kill processes of a real Airflow, and count the remote runs; SEED=... repeats a sequence; needs postgresql
	@$(NEEDS_POSTGRES)
	$(PYTEST) tests/chaos

explore: $(READY)  ## Generate more examples of the model and of the property tests, other ones for each SEED=...
	DATAOPS_EXAMPLES=6 $(PYTEST) $(PARALLEL) --hypothesis-seed=$(or $(SEED),0) tests/unit/model tests/unit/answers

bench-airflow: $(READY)  ## Measure 500 deferred tasks in a real Airflow, on PostgreSQL if it is installed; takes 20 minutes
	$(BIN)/python -m benchmarks.airflow_load --json benchmarks/results/airflow_load.json
	$(BIN)/python -m benchmarks.report airflow_load

bench-page: $(READY)  ## Measure the data of the page "Remote runs"; also on PostgreSQL if it is installed
	$(BIN)/python -m benchmarks.remote_runs --json benchmarks/results/page.json

format: $(READY)  ## Format the code, and correct what ruff can correct; `make lint` lists the rest
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

# This venv also has the packages of other vendors with which the benchmark compares.
$(BENCH_READY): pyproject.toml sandbox/pyproject.toml constraints.txt benchmarks/constraints.txt
	@echo "Building $(BENCH_VENV) (a few minutes, once) ..."
	@$(PYTHON) -m venv $(BENCH_VENV)
	@$(BENCH) -m pip --disable-pip-version-check --quiet --no-input install -c constraints.txt -c benchmarks/constraints.txt $(AIRFLOW) -e ./sandbox -e '.[benchmarks]'
	@touch $@

bench-venv: $(BENCH_READY)  ## Build .venv-bench, for the benchmarks

# The next four targets, and bench-airflow, write their parts of docs/performance.md.

# With Basic authentication, 10,000 waits would take many minutes, and show only the limit of four requests at a time.
bench-triggers: $(BENCH_READY)  ## Measure up to 10,000 triggers, also those of other packages; takes an hour
	rm -f $(BENCH_FIGURES)
	$(BENCH) -m benchmarks.triggers $(PEERS:%=--client %) --n 100 --n 1000 --n 3000 --limit 600 --json $(BENCH_FIGURES)
	$(BENCH) -m benchmarks.triggers --client tamr --n 90 --json $(BENCH_FIGURES)
	$(BENCH) -m benchmarks.triggers --n 100 --n 1000 --n 3000 --limit 900 --json $(BENCH_FIGURES)
	$(BENCH) -m benchmarks.triggers $(BENCH_LARGE:%=--client %) --n 10000 --limit 900 --json $(BENCH_FIGURES)
	$(BENCH) -m benchmarks.report triggers

bench-triggerers: $(READY)  ## Measure the load on a platform with 1, 2 and 4 triggerers, and when one of them is lost; takes 13 minutes
	$(BIN)/python -m benchmarks.triggerers --json benchmarks/results/triggerers.json
	$(BIN)/python -m benchmarks.report triggerers

bench-files: $(BENCH_READY)  ## Measure uploads and downloads of 1 GiB with the hooks, other clients and curl; takes 10 minutes
	$(BENCH) -m benchmarks.files --json benchmarks/results/files.json
	$(BENCH) -m benchmarks.report files

bench-imports: $(BENCH_READY)  ## Measure the imports of DAG files and triggers, also those of other packages
	$(BENCH) -m benchmarks.imports --json benchmarks/results/imports.json
	$(BENCH) -m benchmarks.report imports

bench-smoke: $(READY)  ## Run a small part of the benchmarks, and write the ratios to build/
	rm -f build/bench-*.json
	$(BIN)/python -m benchmarks.imports --runs 1 --platform tamr --json build/bench-imports.json
	$(BIN)/python -m benchmarks.files --mebibytes 64 --rounds 1 --tls --client ours --client requests --client curl --json build/bench-files.json
	$(BIN)/python -m benchmarks.triggers --client quantemplate --client toucan --client floor --client idle --interval 1 --shortest 7 --longest 8 --json build/bench-triggers.json
	$(BIN)/python -m benchmarks.airflow_load --small --json build/bench-airflow.json
	$(BIN)/python -m benchmarks.remote_runs --small --json build/bench-page.json

bench-soak: $(READY)  ## Send 200,000 polls, and compare the objects, sockets and asyncio tasks of before and after
	DATAOPS_SOAK_POLLS=200000 $(PYTEST) -s tests/integration/test_soak.py

.PHONY: dist  # there is a folder of this name afterwards
dist: $(READY)  ## Build wheels and sdists in dist/, check them, and follow the quick start with them in a new virtual environment
	@$(BIN)/python -m devtools.distributions $(AIRFLOW)

constraints:  ## Write the newest versions of all dependencies to constraints.txt
	@rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	@build/constraints/bin/python -m pip --quiet --no-input install $(AIRFLOW) ./sandbox '.[dev]'
	@{ sed -n '/^#/p' constraints.txt; build/constraints/bin/python -m pip freeze --exclude airflow-provider-dataops --exclude dataops-sandbox | grep -E '^[A-Za-z0-9._-]+==[^ ]+$$' | sort -f; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf build/constraints

audit:  ## Ask a database of advisories about the pinned dependencies; needs the Internet
	@$(PYTHON) -m devtools.audit $(ARGS)

clean: ## Stop the demo; remove .venv, build results and caches
	@if [ -x $(BIN)/python ] && [ -d .demo ]; then $(BIN)/python -m devtools.demo down; fi
	rm -rf $(VENV) $(BENCH_VENV) .demo build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
