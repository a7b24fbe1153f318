# `make demo` and `make test` do all the set-up they need: a virtual environment in .venv, installed from
# requirements.lock. It is made anew only when requirements.lock or pyproject.toml change.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# A worker a core, with servers of its own; a file's tests share fixtures and stay on one worker, the longest come first.
WORKERS := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-faults test-pages test-all lint types format docs clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## the virtual environment in .venv

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Headwater needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	@echo "Setting up .venv (once; a few minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(READY)  ## the whole chain on an invented Korean world: eight minutes on two cores
	@$(BIN)/headwater run recipes/demo.yaml

test: $(READY)  ## all tests but those marked real or slow
	@$(BIN)/pytest $(WORKERS)
	@echo "Next: make demo (the whole chain), make test-all (adds real data and long tests; set HEADWATER_DATA)"

test-slow: $(READY)  ## the tests marked slow, but for those on real data and the two below
	@$(BIN)/pytest $(WORKERS) -m "slow and not real" --ignore tests/faults --ignore tests/pages

test-faults: $(READY)  ## kills, outages, cancelling, disks that are full: what becomes of a run at each place
	@$(BIN)/pytest -n0 -m "" tests/faults

test-pages: $(READY)  ## what a user sees of a run on the real pages, in chromium
	@$(BIN)/pytest -n0 -m "" tests/pages

test-all: $(READY)  ## every test; those marked real read $$HEADWATER_DATA
	@$(BIN)/pytest $(WORKERS) -m ""
	@echo "Next: make demo (the whole chain)"

lint: $(READY)  ## ruff and import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(READY)  ## pyright
	@$(BIN)/pyright --pythonpath $(BIN)/python

format: $(READY)  ## rewrite the code in the one format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(READY)  ## docs/settings.md and the JSON schema of recipes, from the code
	@$(BIN)/python -m flows.commands.settings

clean:  ## remove the environment and caches; runs and models in .headwater stay
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
