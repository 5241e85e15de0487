"""``make bench``: every test adds rows, and at the end one table of all of them is printed and written.

A row that falls short of its target is reported, not failed: how fast a machine is, is no fault. A test fails where
what was made faster gives something else.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.benchmarks.table import Row, machine, markdown

# As the command line does, before torch takes any memory; whatever a row compares shares the process.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

FOLDER, FILE = ".benchmarks", "how-fast.json"
_ROWS = pytest.StashKey[list[Row]]()


class Bench:
    """Measures by pytest-benchmark, once a test, and keeps what is to be reported."""

    def __init__(self, benchmark: Any, rows: list[Row]) -> None:
        self._benchmark, self._rows = benchmark, rows

    def seconds(self, run: Callable[[], object], rounds: int = 5, warm_up: int = 1) -> float:
        """The median time of so many runs, after some that do not count."""
        self._benchmark.pedantic(run, rounds=rounds, warmup_rounds=warm_up)
        return float(self._benchmark.stats.stats.median)

    def in_turn(self, ours: Callable[[], object], *others: Callable[[], object], rounds: int = 5) -> tuple[float, ...]:
        """The median times of things that run in turn, ours first, so that all see the same machine."""
        taken: list[list[float]] = [[] for _ in others]

        def before() -> None:
            for run, seconds in zip(others, taken, strict=True):
                begun = time.perf_counter()
                run()
                seconds.append(time.perf_counter() - begun)

        self._benchmark.pedantic(ours, setup=before, rounds=rounds, warmup_rounds=1)
        return float(self._benchmark.stats.stats.median), *(statistics.median(seconds[1:]) for seconds in taken)

    def add(self, what: str, measured: float, target: float, unit: str, how: str, *, at_most: bool = False) -> None:
        """Reports a row; ``unit`` is ``x`` for a ratio, ``%`` for a share."""
        self._rows.append(Row(what, measured, target, unit, how, at_most))


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ROWS] = []


@pytest.fixture
def bench(benchmark: Any, request: pytest.FixtureRequest) -> Bench:
    """What a test measures with."""
    return Bench(benchmark, request.config.stash[_ROWS])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash[_ROWS]
    if not rows:
        return
    facts = machine()
    folder = config.rootpath / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_text(json.dumps({"machine": facts, "rows": [row.to_json() for row in rows]}, indent=2) + "\n")
    terminalreporter.section("how fast")
    for line in markdown(rows):
        terminalreporter.write_line(line)
    terminalreporter.write_line("")
    terminalreporter.write_line(", ".join(f"{name}: {value}" for name, value in facts.items()))
    terminalreporter.write_line(f"written to {FOLDER}/{FILE}")
