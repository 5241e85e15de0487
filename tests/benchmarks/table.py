"""What ``make bench`` says: a row a target, and the machine that it was measured on.

``.benchmarks/how-fast.json``::

    machine     processor, cores, threads, memory, versions, date, and how fast its convolutions can be
    rows        what, measured, target, unit, at_most, reached, how

``python -m tests.benchmarks.table FILE PAGE`` puts it into a page, between its two marks; ``make bench`` into
docs/performance.md.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shgae.inference.device import resolve_precision
from tests.promises import put_into

MARKS = ("<!-- how fast: make bench -->", "<!-- end of how fast -->")
_CONVOLUTION = (8, 256, 64, 64)
"""Of the peaks: images, channels in and out, rows, columns; 3 x 3, channels last."""


@dataclass(frozen=True)
class Row:
    """One target and what was measured."""

    what: str
    measured: float
    target: float
    unit: str
    """``x`` for a ratio, ``%`` for a share, else the unit of both numbers."""
    how: str
    """What ran, and on how much."""
    at_most: bool = False
    """Whether the target is an upper bound."""

    @property
    def reached(self) -> bool:
        """Whether the target is met."""
        return self.measured <= self.target if self.at_most else self.measured >= self.target

    def to_json(self) -> dict[str, Any]:
        """The row in the file."""
        return dataclasses.asdict(self) | {"reached": self.reached}

    def cells(self) -> tuple[str, ...]:
        """The row in the table."""
        bound = "at most" if self.at_most else "at least"
        target = f"{bound} {_number(self.target)} {self.unit}"
        return self.what, f"{_number(self.measured)} {self.unit}", target, "yes" if self.reached else "no", self.how


def markdown(rows: Sequence[Row]) -> list[str]:
    """The table, a line a row."""
    head = ("row", "measured", "target", "reached", "how")
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *(row.cells() for row in rows))]


def sentence(facts: Mapping[str, Any]) -> str:
    """The machine in words."""
    return (
        f"Measured {facts['date'][:10]} on {facts['processor']}, {facts['cores']} cores, {facts['threads']} computing "
        f"thread{'s' * (facts['threads'] > 1)} unless said otherwise, torch {facts['torch']}; a large convolution does "
        f"{facts['fp32_gflop_per_second']} GFLOP/s in fp32 and {facts['bf16_gflop_per_second']} in bf16 there; "
        f"load {facts['load']:.1f}."
    )


def machine() -> dict[str, Any]:
    """What may change a time; measures the convolutions, which takes a second or two."""
    cpu = torch.device("cpu")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "precision": resolve_precision("auto", cpu),
        "fp32_gflop_per_second": round(peak(torch.float32)),
        "bf16_gflop_per_second": round(peak(torch.bfloat16)),
        "load": os.getloadavg()[0],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def peak(dtype: torch.dtype) -> float:
    """10^9 operations (2 a multiply-add) a second of one large convolution: what a network could at most reach."""
    images, width, height, columns = _CONVOLUTION
    x = torch.randn(_CONVOLUTION).to(dtype, memory_format=torch.channels_last)
    module = torch.nn.Conv2d(width, width, 3, padding=1).to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    taken = []
    with torch.inference_mode():
        for _ in range(6):
            begun = time.perf_counter()
            module(x)
            taken.append(time.perf_counter() - begun)
    return 2 * 9 * width * width * images * height * columns / statistics.median(taken[1:]) / 1e9


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0].partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main(source: str, target: str) -> None:
    """Puts the table of a JSON file into a text."""
    found = json.loads(Path(source).read_text())
    names = [field.name for field in dataclasses.fields(Row)]
    rows = [Row(**{name: row[name] for name in names}) for row in found["rows"]]
    path = Path(target)
    path.write_text(put_into(path.read_text(), "\n".join([*markdown(rows), "", sentence(found["machine"])]), MARKS))


if __name__ == "__main__":
    main(*sys.argv[1:])
