# Everything a clone needs: `make run` and `make test`. Python 3.11 or newer is the only thing that must be there.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
SAMPLE ?= hello

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: run
run: $(VENV)/.run ## Install, make the sample project in ./hello on the first run, and start it
	@test -e $(SAMPLE)/howdah.toml || $(BIN)/howdah quickstart $(SAMPLE)
	@exec $(BIN)/howdah --project $(SAMPLE) dev

.PHONY: test
test: $(VENV)/.dev ## Run every test
	@$(BIN)/python -m pytest -n auto $(TESTS)

.PHONY: test-long
test-long: $(VENV)/.dev ## Run what is made up at random many times over (some twelve thousand requests; takes a quarter of an hour)
	@HOWDAH_TEST_EXAMPLES=2000 $(BIN)/python -m pytest -n auto $(or $(TESTS),tests/data)

.PHONY: check
check: $(VENV)/.dev ## Format, lint, types and import contracts, as CI does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/.dev ## Rewrite what the formatter and the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(VENV)/.dev ## Measure `howdah serve` beside pgbench; BENCH=--quick for a minute of it (needs wrk: make test-deps)
	@$(BIN)/python -m bench.run $(BENCH)

.PHONY: test-deps
test-deps: ## As root: install what the bench and a few tests use (wrk, chromium, pgbouncer, nginx, haproxy, oathtool, PostGIS)
	@test "$$(id -u)" = 0 || { echo "make test-deps installs distribution packages: run it as root"; exit 1; }
	apt-get update -qq && apt-get install -y -qq --no-install-recommends wrk chromium pgbouncer nginx haproxy oathtool \
	  "$$(apt-cache pkgnames postgresql- | grep -E '^postgresql-[0-9]+-postgis-3$$' | sort -V | tail -1)"

.PHONY: lock
lock: $(VENV)/.dev ## Pin the newest allowed versions into requirements*.lock
	$(PIP) install uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --all-extras --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --all-extras --group build --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

.PHONY: clean
clean: ## Remove the virtual environment and caches (never the sample project)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "howdah needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 run")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements.lock pyproject.toml
	@echo "Installing the locked dependencies into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
