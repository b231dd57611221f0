# One door for everything; `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup fmt format-check lint types imports test test-gpu check demo serve bench dist clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 18

setup: $(STAMP) ## make .venv and install srstream and its tools into it

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "srstream needs Python 3.11 or newer: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	touch $@

fmt: setup ## format, and fix what can be fixed safely
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

format-check: setup ## is everything formatted?
	$(BIN)/ruff format --check .

lint: setup ## ruff
	$(BIN)/ruff check .

types: setup ## mypy, strict
	$(BIN)/mypy

imports: setup ## who may import whom
	$(BIN)/lint-imports --no-logo

test: setup ## set up, then all tests
	$(BIN)/python -m pytest

test-gpu: setup ## the engine on a CUDA device; skipped where there is none
	$(BIN)/python -m pytest tests/gpu

check: format-check lint types imports test ## all of it: before every commit

demo: setup ## set up, then the daemon at work on real photographs
	$(BIN)/srstream demo

serve: setup ## the daemon on config/srstream.toml: inbox/ to outbox/
	$(BIN)/srstream serve --config config/srstream.toml

bench: setup ## figures: bench/README.md
	$(BIN)/python -m bench --help

dist: setup ## build the wheel, install it in a fresh environment, run it
	rm -rf dist && mkdir dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(PYTHON) -m venv dist/venv
	dist/venv/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl
	cd dist && venv/bin/srstream version && venv/bin/srstream config check ../config/reference.toml

clean: ## remove what make made, but no pictures
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
