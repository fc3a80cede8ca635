# The two commands that matter: `make demo` shows it working, `make test` checks everything.
# A bare Debian or Ubuntu with Python 3.11 or newer and make is enough; see docs/guides/install.md.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# One test process a core, but no more than memory is for: each loads napari and torch.
TEST_PROCESSES ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 4 ? n : 4)))

.DEFAULT_GOAL := help
.PHONY: help demo test check format docs constraints clean setup system-libraries

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: setup ## Open the viewer with a sample; without a display, do it under a virtual screen
	@scripts/demo.sh $(BIN)

test: check ## Linters and types, then the whole test suite
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS)

check: setup ## Style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: setup ## Write the generated reference pages, then the site into site/
	$(BIN)/python scripts/reference.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

constraints: setup ## Choose new versions of everything that `make setup` installs
	$(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.11 --no-header --no-annotate \
		--extra all --extra dev pyproject.toml --output-file constraints.txt

setup: system-libraries $(VENV)/.installed ## Create .venv and install everything into it

system-libraries:
	@scripts/system-libraries.sh

$(VENV)/.installed: pyproject.toml constraints.txt
	@scripts/create-environment.sh "$(PYTHON)" $(VENV)
	@touch $@

clean: ## Remove what was built; the environment stays (rm -r .venv removes that)
	rm -rf build dist site demo-output .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
