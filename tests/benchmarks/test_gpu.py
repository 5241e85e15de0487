"""The measurements for a GPU run, on a CPU and a tiny network; how fast, they say where there is a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.benchmarks.gpu import Trial, network, operations, rows


@pytest.mark.bench
def test_every_measurement_runs_and_says_what_it_found(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(torch.nn.Module, "compile", lambda *_, **__: None)  # a minute of a C++ compiler
    trial = Trial(torch.device("cpu"), people=8, width=8, crop_size=128, batch_size=4, extracted=4)
    machine, *found = rows(trial, tmp_path)
    assert machine["bf16_gflop_per_second"] > 0
    assert [row["what"] for row in found if "failed" in row] == []
    assert {row["what"]: row["target"] for row in found if row["target"]} == {"fine-tuning epoch": 60, "extraction": 20}
    assert all(row["seconds_for_coco"] > 0 for row in found)


def test_the_study_s_network_takes_the_operations_that_the_study_tells() -> None:
    trial = Trial(torch.device("meta"))
    with torch.device("meta"):
        model, image = network(trial), torch.zeros(1, 3, 256, 256)
    assert round(operations(lambda: model(image), trained=False), 2) == 60.46
    assert round(operations(lambda: model(image), trained=True)) == 180
    assert 0.71 < operations(lambda: model.bottleneck(image), trained=False) / 60.46 < 0.73
