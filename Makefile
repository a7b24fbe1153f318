# `make demo` and `make test` do all the set-up they need: a virtual environment in .venv, installed from the lock of its
# Python in locks/, and torch for the CPU or, where there is an NVIDIA GPU, for CUDA (TORCH=cpu, TORCH=cuda). It is
# installed again only when a lock or pyproject.toml changes.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# A worker a core, with servers of its own; a file's tests share fixtures and stay on one worker, the longest come first.
WORKERS := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
READY := .venv/.ready
COMPOSE ?= docker compose
PYTHONS := 3.11 3.12 3.13 3.14
COMPILE = $(BIN)/uv pip compile -q --no-config --custom-compile-command "make lock" --no-annotate --generate-hashes $(UPGRADE) \
	--python-platform x86_64-manylinux_2_28 --constraints locks/torch.txt --excludes locks/cuda.txt --no-emit-package torch pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-faults test-pages test-all bench lint types format docs lock team clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## the virtual environment in .venv

$(READY): $(wildcard locks/*) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15) and "Headwater needs Python 3.11 to 3.14: make PYTHON=/path/to/python3.11")'
	@echo "Setting up .venv (once; a few minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@locks/install $(BIN)/python dev
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(READY)  ## the whole chain on an invented Korean world: three minutes on two cores
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

bench: $(READY)  ## the short form of every benchmark: how it goes, no figures to quote
	@$(BIN)/python -m benchmarks

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

# Versions that are pinned stay, where they can; `make lock UPGRADE=--upgrade` takes the newest.
lock: $(READY)  ## locks/: for each Python what running takes, and with `-dev` what developers need beside
	@for version in $(PYTHONS); do lock=locks/py$$(echo $$version | tr -d .); \
		$(COMPILE) --python-version $$version --extra auth --extra postgres --extra ray --extra s3 -o $$lock.txt && \
		$(COMPILE) --python-version $$version --extra dev --constraints $$lock.txt -o $$lock-dev.txt || exit 1; \
	done

team:  ## a team's servers and a worker in containers, with logins (COMPOSE="podman-compose" for another engine)
	@deploy/passwords
	@$(COMPOSE) up --build --detach --wait

clean:  ## remove the environment and caches; runs and models in .headwater stay
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
