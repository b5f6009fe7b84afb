# Callsheet. `make demo` and `make test` do all set-up themselves; both are quick the second time.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := manifests model pipeline flows tests benchmarks examples infra

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench docs parity clean

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## a virtual environment with the pinned packages, and the default weights

$(READY): locks/cpu.txt pyproject.toml infra/setup.sh infra/mend_torchaudio.py
	@PYTHON=$(PYTHON) VENV=$(VENV) bash infra/setup.sh
	@touch $(READY)

demo: $(READY) ## render examples/lighthouse from script to delivered episode
	@$(BIN)/callsheet render examples/lighthouse

test: $(READY) ## the default test suite
	@$(BIN)/python -m pytest

check: $(READY) ## format, lint, types, layers
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## format the sources
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

docs: $(READY) ## write the generated pages
	@$(BIN)/python -m infra.generated_docs

clean: ## remove what was rendered and cached inside the checkout (not the environment)
	rm -rf examples/*/build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
