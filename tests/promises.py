"""What the tests promise, counted: the table of docs/reliability.md.

A test that tries something many times says so with the fixture ``kept``::

    @pytest.mark.torture
    def test_a_killed_training_ends_with_the_same_bits(kept: Kept) -> None:
        for kill in kills:
            ...  # fails when one of them breaks the promise
        kept("A step that is killed and resumed ends with the same bits", len(kills), "kills")

One sentence may stand in several tests: counts of the same unit are added. ``pytest --promises FILE`` prints the table
and writes it as JSON (``make torture`` does); a promise that any of its tests breaks is written as broken. Then
``python -m tests.promises FILE PAGE`` puts the table between the two marks in a text.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from shgae.wording import counted

BEGIN, END = "<!-- promises: make torture -->", "<!-- end of promises -->"
"""The table stands between these lines."""
_PROPERTY = "promise"


class Kept(Protocol):
    """What the fixture ``kept`` hands out."""

    def __call__(self, promise: str, count: int, unit: str) -> None:
        """Tells how often a promise was put to the test; say it after the last check.

        Args:
            promise: one sentence without a full stop; the row of the table.
            count: how many of ``unit`` were tried, at least one.
            unit: what was counted, in the plural: "kills", "flipped bits", "failing calls".
        """


@dataclass
class Promise:
    """A row of the table."""

    promise: str
    counts: dict[str, int] = field(default_factory=dict)
    """By unit."""
    tests: list[str] = field(default_factory=list)
    """Files of the tests that counted."""
    broken: bool = False
    """Whether one of these tests failed."""


@pytest.fixture
def kept(request: pytest.FixtureRequest) -> Kept:
    """Counts how often a promise was put to the test; see the top of tests/promises.py."""

    def count(promise: str, count: int, unit: str) -> None:
        assert count > 0, f"nothing was tried: {promise}"
        # Properties reach the report of the test, from another process too.
        request.node.user_properties.append((_PROPERTY, [promise, count, unit]))

    return count


def collect(reports: Iterable[pytest.TestReport]) -> list[Promise]:
    """The promises that these reports of tests hold, in order of their sentences."""
    found: dict[str, Promise] = {}
    for report in reports:
        for name, value in report.user_properties:
            if name != _PROPERTY:
                continue
            sentence, count, unit = value
            row = found.setdefault(sentence, Promise(sentence))
            row.counts[unit] = row.counts.get(unit, 0) + count
            row.broken |= report.failed
            test = report.nodeid.partition("::")[0]
            if test not in row.tests:
                row.tests.append(test)
    return [found[sentence] for sentence in sorted(found)]


def table(promises: Sequence[Promise]) -> str:
    """The promises as a Markdown table."""
    lines = ["| what is promised | how often it was tried | by |", "| --- | --- | --- |"]
    for row in promises:
        counts = ", ".join(_tried(count, unit) for unit, count in row.counts.items())
        outcome = f"**broken** ({counts})" if row.broken else counts
        lines.append(f"| {row.promise} | {outcome} | {', '.join(f'`{test}`' for test in row.tests)} |")
    return "\n".join(lines)


def _tried(count: int, unit: str) -> str:
    """``1 run``, ``83 kills at a random time``: units are given in the plural of their first word."""
    noun, space, rest = unit.partition(" ")
    return counted(count, re.sub(r"s$", "", re.sub(r"ies$", "y", noun)) + space + rest, unit)


def put_into(text: str, rows: str, marks: tuple[str, str] = (BEGIN, END)) -> str:
    """The text with the table between its two marks."""
    before, begin, rest = text.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not (begin and end):
        raise ValueError(f"the text lacks the lines {marks[0]} and {marks[1]}")
    return f"{before}{begin}\n{rows}\n{end}{after}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds ``--promises FILE``."""
    parser.addoption("--promises", metavar="FILE", help="count promises, and write the table as JSON")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the table and writes the file."""
    path: str | None = config.getoption("--promises")
    if path is None:
        return
    stats = terminalreporter.stats
    called = [one for word in ("passed", "failed") for one in stats.get(word, []) if one.when == "call"]
    promises = collect(called)
    Path(path).write_text(json.dumps([asdict(one) for one in promises], indent=2) + "\n")
    terminalreporter.section("promises")
    terminalreporter.write_line(table(promises))


def main(source: str, target: str) -> None:
    """Puts the table of a JSON file into a text."""
    promises = [Promise(**row) for row in json.loads(Path(source).read_text())]
    path = Path(target)
    path.write_text(put_into(path.read_text(), table(promises)))


if __name__ == "__main__":
    main(*sys.argv[1:])
