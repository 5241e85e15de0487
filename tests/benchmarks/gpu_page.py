"""What ``make gpu`` found, in words: correctness first, then a row a measurement.

``python -m tests.benchmarks.gpu_page ROWS TESTS PAGE`` puts what ``tests.benchmarks.gpu`` wrote (a JSON object a line)
and pytest's JUnit file between the two marks of a page (docs/performance.md), and exits with 1 if anything failed.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.promises import put_into

MARKS = ("<!-- on a GPU: make gpu -->", "<!-- end of on a GPU -->")
_SECONDS = "seconds_for_coco"
_KNOWN = ("what", "target", "took", "failed", _SECONDS)


def tested(counts: Mapping[str, int]) -> str:
    """A sentence on the correctness tests."""
    failed, skipped = counts["failures"] + counts["errors"], counts["skipped"]
    passed = counts["tests"] - failed - skipped
    rest = [f"{failed} failed"] * bool(failed) + [f"{skipped} skipped (they want more GPUs)"] * bool(skipped)
    said = ", ".join([f"{passed} of {counts['tests']} tests passed", *rest])
    return f"Correctness (`tests/gpu`): {said}."


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The measurements, a line a row."""
    head = ("measurement", "for COCO (124,040 people)", "target", "reached", "details")
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *map(_cells, rows))]


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    seconds, target = row.get(_SECONDS), row.get("target")
    details = "; ".join(f"{key.replace('_', ' ')} {_said(value)}" for key, value in row.items() if key not in _KNOWN)
    found, reached = ("" if seconds is None else f"{seconds:.3g} s"), ""
    if "failed" in row:
        found, details = "**failed**", str(row["failed"]).replace("|", "/").replace("\n", " ")
    if target and seconds is not None:
        reached = "yes" if seconds <= target else "no"
    return row["what"], found, f"at most {target:g} s" if target else "", reached, details


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def counted(junit: Path) -> dict[str, int]:
    """Tests, failures, errors and skipped tests of a JUnit file."""
    suite = next(ET.parse(junit).iter("testsuite"))
    return {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}


def is_sound(counts: Mapping[str, int], rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether everything ran and was right."""
    wrong = [value for row in rows for key, value in row.items() if key.endswith("_exactly") and not value]
    return not (counts["failures"] or counts["errors"] or wrong or any("failed" in row for row in rows))


def main(source: str, junit: str, target: str) -> int:
    """Writes the page; the exit code."""
    machine, *rows = [json.loads(line) for line in Path(source).read_text().splitlines()]
    counts, page = counted(Path(junit)), Path(target)
    about = (
        f"Measured {machine['date']} on {machine['device']}, torch {machine['torch']}; a large convolution does "
        f"{machine['bf16_gflop_per_second']:,} GFLOP/s in bf16 there."
    )
    page.write_text(put_into(page.read_text(), "\n".join([tested(counts), "", *table(rows), "", about]), MARKS))
    return 0 if is_sound(counts, rows) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
