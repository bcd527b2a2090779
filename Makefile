# Set-up needs Python 3.11 to 3.13 with pip and venv, and the network; every target does it first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

# What is imported is compiled once, by set-up, tests and commands alike, wherever a machine says otherwise.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup sweep report test test-fast style types suite ui server verify bench docs lock clean

help:  ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY)  ## The environment in .venv, from the locked versions

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src
	touch $(READY)

sweep: $(READY)  ## The main job: four bucket sizes, ten seeds each, on every core; leaderboard and report
	$(BIN)/qsweep train -m +sweep=buckets
	$(BIN)/qsweep report buckets --out report

report: $(READY)  ## Compare the runs of the main job again: report/report.html
	$(BIN)/qsweep report buckets --out report

test: style  ## Lint, types and all tests; some ten minutes on two cores
	@$(MAKE) --jobs 2 --no-print-directory types suite

test-fast: $(READY)  ## The unit tests: no servers, no browser, no long runs; a minute and a half
	$(BIN)/pytest -m "not slow and not integration"

style: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

suite: $(READY)
	$(BIN)/pytest

ui: $(READY)  ## The MLflow UI on this checkout's runs
	$(BIN)/qsweep ui

server: $(READY)  ## A tracking server for many users, on PostgreSQL; MLFLOW_AUTH_ADMIN_PASSWORD is its first admin's
	$(BIN)/qsweep server

verify: $(READY)  ## Published and exact numbers, reproduced and judged; some minutes
	$(BIN)/qsweep verify

bench: $(READY)  ## Speed and growth beside what one would use instead: docs/performance.md; installs 2 GB of peers
	$(BIN)/python benchmarks/bench.py $(OPTIONS)

docs: $(READY)  ## The pictures in docs/, from runs made on the spot; some ten minutes (needs chromium)
	$(BIN)/python docs/pictures.py
	$(BIN)/python docs/study.py

lock:  ## Resolve the versions anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --upgrade --group dev pyproject.toml --output-file requirements.lock

clean:  ## Remove the environment and caches; runs stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
