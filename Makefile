# Two commands need nothing first: `make demo` and `make test` set up .venv by themselves.
# The first Python that really runs, is of a version we support and can make an environment.
FITS := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c "$(FITS)" >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin

.PHONY: demo test tests torture mutants simulations bench gpu check format completions clean

.venv/.ready: pyproject.toml .ci/constraints.txt
	@test -n "$(PYTHON)" || { echo "error: Python in PATH: none from 3.11 up found. Try: make PYTHON=/path/to/python3"; exit 2; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[dev]'
	touch $@

demo: .venv/.ready
	$(BIN)/shgae demo -o demo $(if $(wildcard demo/demo.json),--resume)

test: .venv/.ready
	@# Side by side: the types keep one processor for half a minute.
	@$(MAKE) --no-print-directory --jobs 2 check tests

tests: .venv/.ready
	@# What Python compiled is kept for the next run, whatever the shell says: each process would do it again.
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

torture: .venv/.ready
	$(BIN)/pytest -m torture --numprocesses auto --maxprocesses 2 --dist worksteal --promises .promises.json
	$(BIN)/python -m tests.promises .promises.json docs/reliability.md

mutants: .venv/.ready
	$(BIN)/python -m tests.mutants --page docs/reliability.md

simulations: .venv/.ready
	$(BIN)/python -m tests.simulations docs/statistics.md

bench: .venv/.ready
	$(BIN)/pytest -m bench --benchmark-columns=median,iqr,rounds tests/benchmarks
	$(BIN)/python -m tests.benchmarks.table .benchmarks/how-fast.json docs/performance.md

gpu: .venv/.ready
	@$(BIN)/python -m tests.benchmarks.gpu --check
	@mkdir -p .benchmarks && rm -f .benchmarks/gpu-tests.xml .benchmarks/gpu.jsonl
	@# A test that hangs in a kernel hears no signal of its own; without a file of results they count as failed.
	-timeout --kill-after 10 300 $(BIN)/pytest -m gpu -rs --junit-xml .benchmarks/gpu-tests.xml tests/gpu
	$(BIN)/python -m tests.benchmarks.gpu --output .benchmarks/gpu.jsonl
	$(BIN)/python -m tests.benchmarks.gpu_page .benchmarks/gpu.jsonl .benchmarks/gpu-tests.xml docs/performance.md

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
