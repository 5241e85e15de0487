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
_KNOWN = ("what", "target", "took", "failed", "left_out", _SECONDS)
_FLOAT32 = 1e-4
"""Float32 maps of two devices may differ by this share of the largest number."""


def tested(counts: Mapping[str, int] | None) -> str:
    """A sentence on the correctness tests."""
    if counts is None:
        return "Correctness (`tests/gpu`): **the tests did not end**."
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
    if "left_out" in row:
        found, details = "not measured", row["left_out"]
    if "failed" in row:
        found, details = "**failed**", str(row["failed"]).replace("|", "/").replace("\n", " ")
    if target and seconds is not None:
        reached = "yes" if seconds <= target else "no"
    return row["what"], found, f"at most {target:g} s" if target else "", reached, details


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def counted(junit: Path) -> dict[str, int] | None:
    """Tests, failures, errors and skipped tests of a JUnit file; None where there is none: pytest writes it last."""
    if not junit.is_file():
        return None
    suite = next(ET.parse(junit).iter("testsuite"))
    return {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}


def is_sound(counts: Mapping[str, int] | None, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether everything ran and was right."""
    if counts is None or counts["failures"] or counts["errors"]:
        return False
    differs = any(row["maps_differ_by"] > _FLOAT32 * row["maps_up_to"] for row in rows if "maps_differ_by" in row)
    wrong = any(key.endswith("_exactly") and not value for row in rows for key, value in row.items())
    return not (differs or wrong or any("failed" in row for row in rows))


def main(source: str, junit: str, target: str) -> int:
    """Writes the page; the exit code."""
    machine, *rows = [json.loads(line) for line in Path(source).read_text().splitlines()]
    counts, page = counted(Path(junit)), Path(target)
    about = f"Measured {machine['date']} on {machine['device']}, torch {machine['torch']}."
    page.write_text(put_into(page.read_text(), "\n".join([tested(counts), "", *table(rows), "", about]), MARKS))
    return 0 if is_sound(counts, rows) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
