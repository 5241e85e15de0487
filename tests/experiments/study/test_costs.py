"""What a network costs: operations as its layers count them, and the shortest of a few times."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from shgae.errors import Interrupted
from shgae.execution import Execution, StopFlag
from shgae.experiments.study import costs
from shgae.experiments.study.parts import Study
from shgae.inference.batches import Inference
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_hourglass
from shgae.recipes import StudyConfig

SMALL = HourglassSpec(keypoints=3, crop_size=128, width=8)
GRAFTED = HourglassSpec(keypoints=3, crop_size=128, width=8, grafts=(AutoencoderSpec(8, 4),))
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def measured_thrice(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users have it; other tests measure once."""
    monkeypatch.setattr(costs, "_MEASURED", 3)
    monkeypatch.setattr(costs, "_TURNS", 3)


class Clock:
    """A time that goes on only where it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(costs, "time", made)
    return made


@pytest.mark.parametrize("spec", [SMALL, GRAFTED])
def test_operations_are_two_of_each_weight_wherever_it_is_applied(
    spec: HourglassSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    counted = 0
    module = build_hourglass(spec, seed=0).eval()

    def hook(layer: Any, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal counted
        if isinstance(layer, nn.ConvTranspose2d):
            counted += 2 * layer.weight.numel() * inputs[0][0, 0].numel()
        else:
            counted += 2 * layer.weight.shape[1:].numel() * output.numel()

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.ConvTranspose2d):
            layer.register_forward_hook(hook)
    with torch.no_grad():
        module(torch.zeros(1, 3, 128, 128))
    assert costs.gflop(spec) == pytest.approx(counted / 1e9, rel=1e-9)
    assert capsys.readouterr().out == "", "the counter's own table"


def test_an_autoencoder_and_a_larger_crop_cost_more() -> None:
    plain = costs.gflop(SMALL)
    assert plain < costs.gflop(GRAFTED)
    larger = costs.gflop(HourglassSpec(keypoints=3, crop_size=256, width=8))
    assert larger == pytest.approx(4 * plain, rel=1e-6)


@pytest.mark.parametrize("seconds", [(9, 1, 2, 3), (0, 3, 1, 2), (5, 2, 2, 90), (0, 0.5, 2, 7)])
def test_the_time_of_a_step_is_the_median_of_three_after_one_that_warms_up(
    clock: Clock, seconds: tuple[float, ...]
) -> None:
    left = list(seconds)

    def step() -> None:
        clock.now += left.pop(0)

    assert costs.timed(step, CPU) == 2
    assert left == []


def test_the_time_of_a_device_that_works_on_its_own_ends_when_it_has_done_its_work(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[torch.device] = []

    def synchronize(device: torch.device) -> None:
        waited.append(device)
        clock.now += 3

    monkeypatch.setattr(torch.accelerator, "synchronize", synchronize)
    assert costs.timed(lambda: None, torch.device("meta")) == 3
    assert waited == [torch.device("meta")] * 4
    assert costs.timed(lambda: None, CPU) == 0


def test_the_time_of_a_crop_is_that_of_its_batch_divided_by_its_size_until_all_was_read(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, crops, how, rows = nn.Identity(), object(), Execution(), np.arange(5)
    asked: list[tuple[Any, ...]] = []

    def over(_inference: Inference, *given: Any) -> Iterator[int]:
        asked.append(given)
        for part in range(2):
            clock.now += 2.5
            yield part

    monkeypatch.setattr(Inference, "over", over)
    monkeypatch.setattr(costs, "load_hourglass", lambda *_, **__: SimpleNamespace(module=network, mean_rgb=(0, 0, 0)))
    assert costs.forward_time(Path("model"), "fp32", CPU, crops, rows, how) == 1  # type: ignore[arg-type]
    assert len(asked) == 4
    for given in asked:
        assert given[:3] == (network, crops, how)
        assert len(given[3]) == 1 and given[3][0] is rows


class Small:
    """A study of networks that are one layer each, on so many crops; writes down what is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, crops: int) -> None:
        self.crops, self.opened, self.cut, self.run = crops, list[Path](), list[Any](), list[Any]()
        self.clock = Clock()
        monkeypatch.setattr(costs, "open_artifact", lambda path, kind, **_: (path, kind))
        monkeypatch.setattr(costs, "Crops", self._crops)
        monkeypatch.setattr(costs, "load_hourglass", self._load)
        monkeypatch.setattr(costs, "load_pose_batch", self._read)
        monkeypatch.setattr(costs, "to_images", lambda crops, valid, mean_rgb: (crops, valid, mean_rgb))
        monkeypatch.setattr(costs, "time", self.clock)
        monkeypatch.setattr(Inference, "infer", lambda *given: self._infer(*given))

    def _crops(self, *given: Any) -> Sequence[int]:
        self.cut.append(given)
        return range(self.crops)

    def _load(self, path: Path, verify: bool) -> SimpleNamespace:
        self.opened.append(path)
        return SimpleNamespace(module=nn.Conv2d(2, 2, 2), mean_rgb=(0.1, 0.2, len(self.opened)))

    def _read(self, _crops: Any, rows: np.ndarray) -> SimpleNamespace:
        self.clock.now += 1e6  # reading is not timed
        return SimpleNamespace(rows=rows, crops=torch.zeros(len(rows)), valid="valid")

    def _infer(self, *given: Any) -> None:
        """The first network takes 0.25 s a crop, the next 0.5 s, and so on; a disturbance of 9 s each turn but one."""
        number, turn = len(self.run) % len(self.opened), len(self.run) // len(self.opened)
        self.run.append(given)
        self.clock.now += 0.25 * (number + 1) * min(self.crops, 8) + 9 * (turn != 2)


def study_of(root: Path, **options: Any) -> Study:
    config = StudyConfig(arms="none,full", seed=7, seeds=2, precision="bf16", **options)
    return Study(root / "model", root / "data", root / "study", config, width=16, stack=0, split="test")


def test_the_baseline_and_each_arm_with_the_first_seed_are_timed_in_turns_and_the_shortest_time_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, study = Small(monkeypatch, 20), study_of(tmp_path, limit=30)
    found = costs.measured(study, Execution(device="cpu"))
    assert small.opened == [study.model, study.finetuned("none", 7), study.finetuned("full", 7)]
    assert found.milliseconds == {"baseline": 250, "none": 500, "full": 750}
    assert (found.precision, found.batch) == ("bf16", 8)
    assert found.device.startswith("cpu")
    assert small.cut == [((study.data, "data"), "val", 30)]


def test_networks_are_timed_as_they_are_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Small(monkeypatch, 20)
    costs.measured(study_of(tmp_path), Execution(device="cpu"))
    assert len(small.run) == 3 * (1 + 3)
    for place, (inference, network, (crops, valid, mean_rgb)) in enumerate(small.run):
        assert inference == Inference(CPU, "bf16", 8, (0.1, 0.2, place % 3 + 1)), "in turns"
        assert not network.training and network.weight.is_contiguous(memory_format=torch.channels_last)
        assert (len(crops), valid, mean_rgb) == (8, "valid", inference.mean_rgb)


@pytest.mark.parametrize(("crops", "batch"), [(1, 1), (7, 7), (8, 8), (9, 8)])
def test_a_batch_has_eight_crops_or_all_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crops: int, batch: int
) -> None:
    small = Small(monkeypatch, crops)
    assert costs.measured(study_of(tmp_path), Execution(device="cpu")).batch == batch
    assert {len(given[0]) for *_, given in small.run} == {batch}


def test_a_signal_ends_it_before_the_next_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, study, stop = Small(monkeypatch, 20), study_of(tmp_path), StopFlag()
    stop.signal_number = signal.SIGTERM
    with pytest.raises(Interrupted) as caught:
        costs.measured(study, Execution(device="cpu", stop=stop))
    assert small.opened == []
    assert caught.value.where == str(study.output)
