# kfx: `make run` and `make test` need nothing but Python 3.10-3.13 and make.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The interpreter: PYTHON=python3.12 make run. By default the first suitable one on PATH.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python3.10,$(shell \
  $(name) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $(name))))
VENV ?= .venv
BIN := $(VENV)/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-annotate

.PHONY: help run test lint type bench docs lock image clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run  ## Install kfx in .venv and run sklearn_train on a real table
	@$(BIN)/kfx run sklearn_train

test: $(VENV)/.test  ## Install what tests need and run them all
	@$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.test  ## Check style and layers: ruff, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

type: $(VENV)/.test  ## Check types: mypy --strict
	@$(BIN)/mypy

bench: $(VENV)/.test  ## Measure: benchmarks/*.py
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file; done

docs: $(VENV)/.test  ## Write the reference page and type stub from the components
	@$(BIN)/python docs/generate.py

lock: $(VENV)/.test  ## Lock the images' packages again after a change to pyproject.toml
	@$(LOCK) pyproject.toml --extra gcp --extra sklearn --extra tfdv --constraint constraints.txt -o requirements.txt
	@$(LOCK) pyproject.toml --extra gcp --extra sklearn --constraint constraints.txt --constraint requirements.txt \
	  -o requirements-slim.txt
	@echo 'setuptools>=77' | $(LOCK) - -o requirements-build.txt
	@$(LOCK) trainer/pyproject.toml --extra gcp --constraint constraints.txt -o trainer/requirements.txt

image: $(VENV)/.run  ## Build the images: full, slim, trainer
	@$(BIN)/kfx build --target full
	@$(BIN)/kfx build --target slim
	@$(BIN)/kfx build trainer --target trainer
	@echo 'Budgets, uncompressed:' \
	  $$(sed -nE 's/^\| `(\w+)`.* budget ([0-9.]+ GB) \|.*/\1 \2,/p' docs/images.md) 'see docs/images.md'

clean:  ## Remove .venv and what runs and builds left
	@rm -rf $(VENV) kfx-runs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache

# A venv is made once; its packages are installed again only when pyproject.toml changes.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "kfx needs Python 3.10-3.13; none is on PATH. Name one: make run PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(BIN)/python
	@echo "Installing kfx (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[sklearn]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	@echo "Installing kfx and what its tests need (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.run
