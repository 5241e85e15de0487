"""Which test files run in one process of ``make test``, and which begin first.

Files that share what takes seconds to make stay together, so that it is made once. Rooms with slow files come first, so
that no process is left alone with one of them in the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

TOGETHER: tuple[tuple[str, ...], ...] = (
    tuple(f"tests/experiments/study/test_{name}.py" for name in ("run", "registration", "damaged")),  # whole
    ("tests/end_to_end/test_readme.py", "tests/stages/test_export"),  # exported
    (
        *("tests/faults/test_damage.py", "tests/faults/test_failing_disk.py", "tests/faults/test_kills.py"),  # world
        *("tests/faults/test_memory.py", "tests/faults/test_offline.py", "tests/faults/test_order.py"),
    ),
    ("tests/stages/test_report", "tests/end_to_end/test_report_page.py"),  # reported
)
"""Files by how their names begin; behind them the fixture that they share."""
FIRST = (
    "tests/end_to_end/",
    "tests/experiments/",
    "tests/faults/",
    "tests/stages/",
    "tests/training/",
    "tests/golden/",
)
"""Rooms that begin first, in this order."""


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """Deals out files, or files that stay together."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((names[0] for names in TOGETHER if file.startswith(names)), file)

    def _assign_work_unit(self, node: Any) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=_turn), last=False)
        super()._assign_work_unit(node)


def _turn(scope: str) -> int:
    """Of equal ones the first comes first: that with the most tests."""
    groups = [names[0] for names in TOGETHER]
    if scope in groups:
        return groups.index(scope)
    return len(groups) + next((place for place, room in enumerate(FIRST) if scope.startswith(room)), len(FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Callable[..., Any]) -> Scheduling | None:
    """For ``--dist loadfile``, as ``make test`` has it."""
    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None
