"""The measurements for a GPU run, on a CPU and a tiny network; how fast, they say where there is a GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from shgae.execution import Execution
from shgae.recipes import FitConfig
from shgae.training import compiling
from tests.benchmarks import gpu
from tests.benchmarks.gpu import PARTS, apart, measured, operations, rows
from tests.benchmarks.gpu_trial import Trial, network, pose_objective, prepared


@pytest.mark.bench
def test_every_measurement_runs_and_says_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "eager")  # else a minute of a C++ compiler
    trial = Trial("cpu", people=24, width=8, crop_size=128, batch_size=4, extracted=4)
    here = lambda name, trial, folder, _seconds: measured(name, trial, folder)  # noqa: E731
    machine, *found = rows(trial, tmp_path, here)
    assert machine["device"].startswith("cpu")
    graphs = {f"{name} epoch, --cuda-graphs" for name in ("fine-tuning", "autoencoder")}
    assert {row["what"] for row in found if "failed" in row} == graphs, "a CPU has none, which is told and not measured"
    assert [row["what"] for row in found] == list(PARTS)
    targets = {row["what"]: row["target"] for row in found if row["target"]}
    wanted = {"fine-tuning epoch": 60, "extraction": 20, "autoencoder epoch": 2}
    assert targets == wanted | {
        f"{name} epoch, {option}": wanted[f"{name} epoch"]
        for name in ("fine-tuning", "autoencoder")
        for option in ("--cuda-graphs", "--compile")
    }
    assert all(row["seconds_for_coco"] > 0 for row in found if row["target"] and row["what"] not in graphs)
    by_name = {row["what"]: row for row in found}
    assert all(by_name["correctness"][f"{name}_resumes_exactly"] for name in ("rmsprop", "adam", "sgd"))
    assert by_name["correctness"]["maps_differ_by"] == 0
    assert by_name["a large convolution"]["gflop_per_second"] > 0


def test_what_there_is_no_time_for_is_left_out_and_did_not_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "WITHIN", 0.0)
    _, *found = rows(Trial("cpu"), tmp_path, lambda *_: pytest.fail("it was run"))
    assert len(found) == len(PARTS)
    assert all("left_out" in row and "failed" not in row for row in found)


@pytest.mark.parametrize("work", [gpu.fitted, gpu.launches])
def test_float32_of_a_backward_pass_is_no_tf32_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Any
) -> None:
    trial, seen = Trial("cpu", people=8, width=8, crop_size=128, batch_size=4), set()
    prepared(trial, tmp_path)
    backward = torch.Tensor.backward

    def watched(loss: torch.Tensor) -> None:
        seen.add(torch.backends.cudnn.conv.fp32_precision)  # type: ignore[attr-defined]
        backward(loss)

    monkeypatch.setattr(torch.Tensor, "backward", watched)
    monkeypatch.setattr(Trial, "precision", "fp32")
    if work is gpu.launches:
        work(trial, tmp_path)
    else:
        config = FitConfig(epochs=1, batch_size=4, precision="fp32")
        work(network(trial), pose_objective(trial, tmp_path, "fp32"), config, tmp_path / "run", Execution())
    assert seen == {"ieee"}


def test_a_part_that_takes_too_long_is_ended_and_the_others_go_on(tmp_path: Path) -> None:
    found = apart("loader alone", Trial("cpu"), tmp_path, 0.2)
    assert found == {"what": "loader alone", "failed": "not done in 0 s"}


def test_the_study_s_network_takes_the_operations_that_the_study_tells() -> None:
    trial = Trial("meta")
    with torch.device("meta"):
        model, image = network(trial), torch.zeros(1, 3, 256, 256)
    assert round(operations(lambda: model(image), trained=False), 2) == 60.46
    assert round(operations(lambda: model(image), trained=True)) == 180
    assert 0.71 < operations(lambda: model.bottleneck(image), trained=False) / 60.46 < 0.73


def test_the_measurements_need_neither_pictures_nor_tables_nor_a_test_runner() -> None:
    """Torch and NumPy are what a rented machine has."""
    block = (
        "import sys\n"
        "absent = {'pycocotools', 'matplotlib', 'sklearn', 'scipy', 'typer', 'rich', 'jinja2', 'PIL', 'pytest'}\n"
        "sys.modules.update(dict.fromkeys(absent))\n"
        "import tests.benchmarks.gpu\n"
    )
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
