"""Twice the people cost twice the time, and no more memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shgae.execution import Execution
from shgae.recipes import PrepareConfig, TrainConfig
from shgae.stages import prepare, train
from tests.benchmarks.conftest import Bench
from tests.benchmarks.growth import STEPS
from tests.builders.detailed_photos import coco

ONCE, TWICE = 4_096, 8_192
"""People of each split: a shard of activations, and two."""
pytestmark = [
    pytest.mark.bench,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(sys.platform != "linux", reason="a process's own memory is read from /proc"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of both sizes, and a tiny network."""
    root = tmp_path_factory.mktemp("growth")
    for people in (ONCE, TWICE):
        source = coco(root / str(people), people)
    few = PrepareConfig(crop_size=128, limit=8)
    prepare.run({"train": source, "val": source}, root / "few", few, Execution())
    tiny = TrainConfig(residual="newell", width=16, epochs=1, batch_size=4, precision="fp32")
    train.run(root / "few", root / "model", tiny, Execution())
    return root


def test_growth(bench: Bench, folder: Path) -> None:
    found: dict[tuple[str, int], dict[str, float]] = {}

    def measure() -> None:
        for step in STEPS:
            for people in (ONCE, TWICE):  # what twice the people leave is what the next step reads
                found[step, people] = one(step, people, folder)

    bench.seconds(measure, rounds=1, warm_up=0)
    for step in STEPS:
        few, many = found[step, ONCE], found[step, TWICE]
        how = f"{ONCE:,} and {TWICE:,} people a split, once, 128-pixel crops, a network of 16 channels: "
        seconds = f"{few['seconds']:.1f} and {many['seconds']:.1f} s"
        memory = f"{few['peak'] / 1e6:.0f} and {many['peak'] / 1e6:.0f} MB"
        time_ratio, memory_ratio = many["seconds"] / few["seconds"], many["peak"] / few["peak"]
        bench.add(f"{step}: time of twice the people", time_ratio, 2.1, "x", how + seconds, at_most=True)
        bench.add(f"{step}: memory of twice the people", memory_ratio, 1.05, "x", memory, at_most=True)


def one(step: str, people: int, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.growth", step, str(people), str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1800)
    return dict(json.loads(made.stdout))
