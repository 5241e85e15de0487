"""Numbers that are not finite, in files with hashes that fit: every step names the file, and blames no training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shgae.artifacts.checkpoint import CHECKPOINT, MODEL, load_checkpoint, save_checkpoint
from shgae.artifacts.pieces import Pieces
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution
from shgae.recipes import AnalyzeConfig, EvaluateConfig, RateConfig, SpliceConfig
from shgae.stages import analyze, evaluate, extract, finetune, graft, pretrain_ae, rate, splice, train
from tests.builders.chain import Chain
from tests.builders.forged import forged, poisoned
from tests.builders.line import StopAfter
from tests.builders.tiny import TINY, TINY_AE, TINY_EXTRACT, TINY_FINETUNE

HOW = Execution()
VALUES = pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
SHARD = "train/bottleneck-00000.safetensors"
ROW = 5

READERS: dict[str, Callable[[Chain, Path, Path], Any]] = {
    "pretrain-ae": lambda _, rows, out: pretrain_ae.run(rows, out, TINY_AE, HOW),
    "pretrain-ae --limit": lambda _, rows, out: pretrain_ae.run(rows, out, replace(TINY_AE, limit=8), HOW),
    "analyze": lambda _, rows, out: analyze.run([rows], out, AnalyzeConfig(), HOW),
    "analyze all": lambda chain, rows, out: analyze.run(
        [rows, chain.baseline, chain.data], out, AnalyzeConfig(precision="fp32"), HOW
    ),
    "splice": lambda chain, rows, out: splice.run(
        chain.baseline, chain.data, out, SpliceConfig(precision="fp32"), HOW, None, rows
    ),
    "rate": lambda chain, rows, out: rate.run(
        chain.baseline, rows, chain.data, out, RateConfig(components="2", precision="fp32"), HOW
    ),
}


@VALUES
@pytest.mark.parametrize("step", READERS)
def test_a_bottleneck_that_is_not_finite_is_told_by_its_file_and_row(
    step: str, value: float, chain: Chain, tmp_path: Path
) -> None:
    rows = forged(chain.activations, tmp_path / "rows", SHARD, poisoned(value, "bottleneck", ROW))
    with pytest.raises(Refused, match="not finite") as refused:
        READERS[step](chain, rows, tmp_path / "out")
    assert refused.value.where == str(rows / SHARD)
    assert f"row {ROW} " in refused.value.why


LOADERS: dict[str, Callable[[Chain, Path, Path], Any]] = {
    "extract": lambda chain, model, out: extract.run(model, chain.data, out, TINY_EXTRACT, HOW),
    "finetune": lambda chain, model, out: finetune.run(model, chain.data, out, TINY_FINETUNE, HOW),
    "evaluate": lambda chain, model, out: evaluate.run([model], chain.data, out, EvaluateConfig(precision="fp32"), HOW),
    "graft": lambda chain, model, out: graft.run(model, [chain.autoencoder], out, HOW),
}


@VALUES
@pytest.mark.parametrize("step", LOADERS)
def test_a_weight_that_is_not_finite_is_told_by_its_file(step: str, value: float, chain: Chain, tmp_path: Path) -> None:
    model = forged(chain.baseline, tmp_path / "model", MODEL, poisoned(value))
    with pytest.raises(Refused, match="not finite") as refused:
        LOADERS[step](chain, model, tmp_path / "out")
    assert refused.value.where == str(model / MODEL)


@VALUES
def test_an_autoencoder_with_a_weight_that_is_not_finite_is_not_grafted(
    value: float, chain: Chain, tmp_path: Path
) -> None:
    code = forged(chain.autoencoder, tmp_path / "code", MODEL, poisoned(value, "to_code.bias"))
    with pytest.raises(Refused, match="tensor to_code.bias .* not finite") as refused:
        graft.run(chain.baseline, [code], tmp_path / "out", HOW)
    assert refused.value.where == str(code / MODEL)


def test_a_variance_below_zero_is_no_weight_of_a_network(chain: Chain, tmp_path: Path) -> None:
    def below(tensors: dict[str, Any]) -> None:
        tensors[next(name for name in tensors if name.endswith("running_var"))][0] = -1.0

    model = forged(chain.baseline, tmp_path / "model", MODEL, below)
    with pytest.raises(Refused, match="variance below 0"):
        graft.run(model, [chain.autoencoder], tmp_path / "out", HOW)


def test_weights_of_another_number_format_are_refused(chain: Chain, tmp_path: Path) -> None:
    """1e300 is finite, and infinite as the float32 that the network has."""

    def wider(tensors: dict[str, Any]) -> None:
        tensors["to_code.bias"] = np.full(tensors["to_code.bias"].shape, 1e300)

    code = forged(chain.autoencoder, tmp_path / "code", MODEL, wider)
    with pytest.raises(Refused, match="tensor to_code.bias"):
        graft.run(chain.baseline, [code], tmp_path / "out", HOW)


@VALUES
@pytest.mark.parametrize("kind", ["model.", "optimizer."])
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
def test_a_state_that_is_not_finite_is_not_gone_on_from(
    kind: str, optimizer: Any, value: float, tiny_data: Path, tmp_path: Path
) -> None:
    config = replace(TINY, optimizer=optimizer)
    with pytest.raises(Interrupted):
        train.run(tiny_data, tmp_path / "run", config, Execution(stop=StopAfter(1)))
    path = tmp_path / "run.partial" / CHECKPOINT
    tensors, position = load_checkpoint(path)
    chosen = next(name for name, array in tensors.items() if name.startswith(kind) and array.ndim)
    tensors[chosen].flat[0] = value
    save_checkpoint(path, tensors, position)
    Pieces(path.parent).expect(CHECKPOINT, path.read_bytes())
    with pytest.raises(Refused, match="not finite") as refused:
        train.run(tiny_data, tmp_path / "run", config, Execution(resume=True))
    assert refused.value.where == str(path)
