# Two commands on a fresh machine: `make demo` and `make test`. They need make and Python 3.11 or
# newer; uv is used where it is on the PATH. Two environments, each made on first use and again
# when its lock file changes:
#   .venv      what a user gets: the light core, and nothing that hides a missing dependency
#   .venv-dev  the core and the tools of development
# `make parity` makes a third, with the trainers that ours is compared with.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

CORE := .venv
DEV := .venv-dev
PARITY := .venv-parity
BIN := $(DEV)/bin
# Judged queries and texts that some benchmarks measure with: cranfield/, xquad/, ragtruth/.
DATA ?= ../shared/data
# torch, for training: a CPU build where pip finds one. TORCH= goes without; tests then skip.
TORCH ?= torch==2.13.0
# Parallel test processes; JOBS=0 runs the tests in one process.
JOBS ?= 2
# Numeric libraries start a thread a core each, which only gets in the way of JOBS.
export OMP_NUM_THREADS ?= 1

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(CORE)/.installed ## The whole journey on the bundled documents: offline, no key
	@$(CORE)/bin/wellread demo

.PHONY: setup
setup: $(CORE)/.installed $(DEV)/.installed ## Make both environments, run nothing

$(CORE)/.installed: requirements/core.txt requirements/build.txt pyproject.toml tools/environment.sh
	@tools/environment.sh $(CORE) requirements/core.txt requirements/build.txt

$(DEV)/.installed: requirements/dev.txt requirements/models.txt pyproject.toml \
    tools/environment.sh
	@tools/environment.sh $(DEV) requirements/dev.txt requirements/models.txt \
	    --torch "$(TORCH)"

.PHONY: test
test: $(DEV)/.installed ## Every test, the slow ones too
	@$(BIN)/pytest -n $(JOBS)

.PHONY: test-all
test-all: test ## The same as test

.PHONY: test-fast
test-fast: $(DEV)/.installed ## Every test but the slow ones
	@$(BIN)/pytest -n $(JOBS) -m "not slow"

.PHONY: parity
parity: $(DEV)/.installed $(PARITY)/.installed ## Our ids and labels beside those of TRL and Axolotl
	@WELLREAD_PARITY_PYTHON=$(PARITY)/bin/python $(BIN)/pytest tests/parity

$(PARITY)/.installed: tools/parity_environment.sh
	@tools/parity_environment.sh $(PARITY)

.PHONY: lint
lint: $(DEV)/.installed ## Rules and layout of the code
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

.PHONY: types
types: $(DEV)/.installed ## Types, strictly
	@$(BIN)/mypy

.PHONY: floors
floors: $(DEV)/.installed ## Imports go down only
	@$(BIN)/lint-imports

.PHONY: check
check: lint types floors test ## What has to pass before a commit

.PHONY: golden
golden: $(DEV)/.installed ## Write the golden files anew and show what changed
	@WELLREAD_GOLDEN=update $(BIN)/pytest -q -k golden
	@git --no-pager diff --stat -- tests
	@git --no-pager diff -- tests

.PHONY: perf
perf: $(DEV)/.installed ## Run every benchmark; each prints ratios measured in one run
	@failed=0; for script in benchmarks/[a-z]*.py; do \
	    echo "== $$script"; name=benchmarks.$$(basename "$$script" .py); data=; \
	    if grep -q '"data", type=Path)' "$$script"; then data=$(DATA); fi; \
	    $(BIN)/python -m "$$name" $$data || failed=1; \
	done; exit $$failed

.PHONY: lock
lock: ## Write the lock files anew (needs uv); versions move only with UPGRADE=1
	@tools/lock.sh $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## Delete the environments, caches and what demo and build wrote
	@rm -rf $(CORE) $(DEV) $(PARITY) build dist demo-output .mypy_cache .ruff_cache .pytest_cache \
	    .hypothesis .import_linter_cache
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
