"""An input that is written to while it is read ends the step; nothing is made of what nobody checked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shgae.errors import Refused
from shgae.execution import Execution, Progress
from shgae.recipes import AnalyzeConfig, EvaluateConfig, RateConfig, SpliceConfig
from shgae.stages import analyze, evaluate, extract, finetune, pretrain_ae, rate, splice, train
from tests.builders.chain import Chain
from tests.builders.tiny import TINY, TINY_AE, TINY_EXTRACT, TINY_FINETUNE

CROPS, ROWS = "{}/crops-00000.safetensors", "{}/bottleneck-00000.safetensors"
EVALUATE = EvaluateConfig(batch_size=2, precision="fp32", resamples=100)
SPLICE = SpliceConfig(precision="fp32", batch_size=2)
RATE = RateConfig(precision="fp32", batch_size=2)
ANALYZE = AnalyzeConfig(precision="fp32", batch_size=2)
STEPS: dict[str, tuple[str, Callable[[Chain, Path, Execution], object]]] = {
    "train": (CROPS.format("train"), lambda at, out, how: train.run(at.data, out, TINY, how)),
    "finetune": (CROPS.format("val"), lambda at, out, how: finetune.run(at.grafted, at.data, out, TINY_FINETUNE, how)),
    "pretrain-ae": (ROWS.format("train"), lambda at, out, how: pretrain_ae.run(at.activations, out, TINY_AE, how)),
    "extract": (CROPS.format("train"), lambda at, out, how: extract.run(at.baseline, at.data, out, TINY_EXTRACT, how)),
    "evaluate": (CROPS.format("test"), lambda at, out, how: evaluate.run([at.baseline], at.data, out, EVALUATE, how)),
    "splice": (CROPS.format("test"), lambda at, out, how: splice.run(at.grafted, at.data, out, SPLICE, how)),
    "rate": (CROPS.format("test"), lambda at, out, how: rate.run(at.baseline, at.activations, at.data, out, RATE, how)),
    "analyze": (ROWS.format("train"), lambda at, out, how: analyze.run([at.activations], out, ANALYZE, how)),
}  # fmt: skip


class Meanwhile(Progress):
    """At the first step of the work, does something to a file."""

    def __init__(self, file: Path, change: Callable[[Path], None]) -> None:
        self._file, self._change = file, change
        self.is_done = False

    def advance(self, count: int = 1, figures: str = "") -> None:
        if not self.is_done:
            self.is_done = True
            self._change(self._file)


def overwritten(file: Path) -> None:
    content = bytearray(file.read_bytes())
    third = len(content) // 3
    content[third : 2 * third] = bytes(third)
    with file.open("r+b") as same:
        same.write(content)


def shortened(file: Path) -> None:
    with file.open("r+b") as same:
        same.truncate(5000)


@pytest.mark.parametrize("change", [overwritten, shortened])
@pytest.mark.parametrize("step", STEPS)
def test_a_file_that_is_written_to_while_it_is_read_ends_the_step(
    chain: Chain, tmp_path: Path, step: str, change: Callable[[Path], None]
) -> None:
    (tmp_path / "in").mkdir()
    mine = {name: tmp_path / "in" / name for name in ("data", "activations")}
    for name, copy in mine.items():
        shutil.copytree(getattr(chain, name), copy)
    name, run = STEPS[step]
    watched = Meanwhile(mine["activations" if "bottleneck" in name else "data"] / name, change)
    with pytest.raises(Refused, match=f"{name} was changed while it was read. Try: make the artefact again"):
        run(replace(chain, **mine), tmp_path / "out", Execution(workers=0, progress=watched))
    assert watched.is_done
    assert not (tmp_path / "out").exists()
