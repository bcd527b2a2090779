# Set-up needs Python 3.11 to 3.13 with pip and venv, and network access. Every target runs it first if needed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
LOWEST := .venv/lowest

# Set-up, tests and commands write bytecode, also where the machine's settings forbid it: imports are compiled once.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup sweep report test test-fast test-lowest style types suite ui server verify bench docs lock clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY)  ## Create .venv from the locked versions

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src
	touch $(READY)

sweep: $(READY)  ## Run the main sweep: four bucket sizes, ten seeds each, on all cores; write its report
	$(BIN)/qsweep train -m +sweep=buckets
	$(BIN)/qsweep report buckets --out report

report: $(READY)  ## Write the report of the main sweep again: report/report.html
	$(BIN)/qsweep report buckets --out report

test: style  ## Lint, check types and run all tests; about a quarter of an hour on two cores
	@$(MAKE) --jobs 2 --no-print-directory types suite

test-fast: $(READY)  ## Run the unit tests: no servers, no browser, no long runs; under three minutes
	$(BIN)/pytest -m "not slow and not integration"

test-lowest:  ## Run unit tests and a sweep with the lowest versions that pyproject.toml declares (needs uv)
	uv venv --quiet --clear --python 3.11 $(LOWEST)
	uv pip compile --quiet --python-version 3.11 --resolution lowest-direct --extra postgresql --extra minigrid \
	  pyproject.toml --output-file $(LOWEST)/lowest.txt
	uv pip install --quiet --python $(LOWEST) --requirement $(LOWEST)/lowest.txt --group dev --editable .
	$(LOWEST)/bin/pytest -m "not slow and not integration"
	cd $(LOWEST) && bin/qsweep train -m sweep.name=lowest buckets=5,10 seed=1,2 episodes=500 && bin/qsweep report lowest

style: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

suite: $(READY)
	$(BIN)/pytest

ui: $(READY)  ## Start the MLflow UI for the runs of this checkout
	$(BIN)/qsweep ui

server: $(READY)  ## Start a tracking server with users, on PostgreSQL; needs MLFLOW_AUTH_ADMIN_PASSWORD at first
	$(BIN)/qsweep server

verify: $(READY)  ## Check qsweep against published and exact results; some minutes
	$(BIN)/qsweep verify

bench: $(READY)  ## Measure speed and growth against alternatives (installs 2 GB): docs/performance.md
	$(BIN)/python benchmarks/bench.py $(OPTIONS)

docs: $(READY)  ## Make the pictures in docs/ from new runs; about ten minutes (needs chromium)
	$(BIN)/python docs/pictures.py
	$(BIN)/python docs/study.py

lock:  ## Update the locked versions (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --upgrade --group dev pyproject.toml --output-file requirements.lock

clean:  ## Remove the environment and caches; keep the runs
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
