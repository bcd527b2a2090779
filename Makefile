# Set-up needs Python 3.11 to 3.14 with pip and venv, and network access; where uv is installed, it uses uv.
# Every target sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
DEV := $(VENV)/ready-dev
LOWEST := $(VENV)/lowest

ifneq ($(shell command -v uv),)
CREATE := uv venv --quiet --allow-existing --seed --python "$$(command -v $(PYTHON))" $(VENV)
INSTALL := uv pip install --quiet --python $(BIN)/python
else
CREATE := $(PYTHON) -m venv $(VENV)
INSTALL := $(BIN)/pip install --quiet --no-compile
endif

# Bytecode is written, also where the machine's settings forbid it: when a module is first imported, because
# compiling all packages would take as long as installing them.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup sweep report test test-fast test-lowest style types suite ui server verify bench docs atlas site package \
  lock clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY)  ## Create .venv from the locked versions: what qsweep itself needs

$(READY): requirements.lock pyproject.toml
	$(CREATE)
	$(INSTALL) --require-hashes --requirement requirements.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src
	touch $@

$(VENV)/ready-%: requirements-%.lock $(READY)
	$(INSTALL) --require-hashes --requirement $<
	touch $@

sweep: $(READY)  ## Run the main sweep: four bucket sizes, ten seeds each, on all cores; write its report
	$(BIN)/qsweep train -m +sweep=buckets
	$(BIN)/qsweep report buckets --out report

report: $(READY)  ## Write the report of the main sweep again: report/report.html
	$(BIN)/qsweep report buckets --out report

test: style  ## Lint, check types and run all tests; about half an hour on two cores
	@$(MAKE) --jobs 2 --no-print-directory types suite

test-fast: $(DEV)  ## Run the unit tests: no servers, no browser, no long runs; some minutes
	$(BIN)/pytest -m "not slow and not integration"

test-lowest:  ## Run all tests but those of servers and processes, and a sweep, with the lowest versions that pyproject.toml declares (needs uv)
	uv venv --quiet --clear --python 3.11 $(LOWEST)
	uv pip compile --quiet --python-version 3.11 --resolution lowest-direct \
	  --extra postgresql --extra minigrid --extra server pyproject.toml --output-file $(LOWEST)/lowest.txt
	uv pip install --quiet --python $(LOWEST) --requirement $(LOWEST)/lowest.txt --group dev --editable .
	$(LOWEST)/bin/pytest -m "not integration"
	cd $(LOWEST) && bin/qsweep train -m sweep.name=lowest buckets=5,10 seed=1,2 episodes=500 && bin/qsweep report lowest

style: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(DEV)
	$(BIN)/mypy

suite: $(DEV)
	$(BIN)/pytest

ui: $(READY)  ## Start the MLflow UI for the runs of this checkout
	$(BIN)/qsweep ui

server: $(VENV)/ready-server  ## Start a tracking server with users, on PostgreSQL; needs MLFLOW_AUTH_ADMIN_PASSWORD at first
	$(BIN)/qsweep server

verify: $(READY)  ## Check qsweep against published and exact results; some minutes
	$(BIN)/qsweep verify

bench: $(DEV)  ## Measure speed and growth against alternatives (installs 2 GB): docs/performance.md
	$(BIN)/python benchmarks/bench.py $(OPTIONS)

docs: $(DEV)  ## Make the pictures in docs/ from new runs; about ten minutes (needs chromium)
	$(BIN)/python docs/pictures.py
	$(BIN)/python docs/study.py

atlas: $(READY)  ## Run the atlas's small budget, and publish it: docs/atlas/ and the policies; about two hours
	$(BIN)/qsweep atlas
	cp atlas/*.* docs/atlas/
	cp atlas/policies/*.zip src/qsweep/policies/registry/atlas/

site: $(VENV)/ready-docs  ## Build the documentation as a static site: site/index.html; some minutes
	$(BIN)/python docs/site/build.py

package: $(DEV)  ## Build the sdist and the wheel in dist/, and check them
	rm -rf dist
	$(BIN)/hatchling build
	$(BIN)/twine check --strict dist/*

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-annotate --no-header --group build pyproject.toml

lock:  ## Update the locked versions (needs uv)
	$(LOCK) --upgrade --group dev --output-file requirements-dev.lock
	$(LOCK) --constraint requirements-dev.lock --output-file requirements.lock
	$(LOCK) --constraint requirements-dev.lock --extra server --output-file requirements-server.lock
	$(LOCK) --constraint requirements.lock --extra docs --output-file requirements-docs.lock

clean:  ## Remove the environment and caches; keep the runs
	rm -rf .venv* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
