# Two commands need nothing first: `make demo` and `make test` set up .venv by themselves.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p && break; done)
BIN := .venv/bin

.PHONY: demo test check format completions clean

.venv/.ready: pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[dev]'
	touch $@

demo: .venv/.ready
	$(BIN)/shgae demo -o demo --force

test: check
	$(BIN)/pytest

check: .venv/.ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: .venv/.ready
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

completions: .venv/.ready
	$(BIN)/python -m shgae.cli.completions completions

clean:
	rm -rf .venv demo
