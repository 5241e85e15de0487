"""Whatever a program has set in torch and numpy, a command that it calls computes the same."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import shgae
from shgae.artifacts.store import open_artifact
from shgae.execution import Execution
from shgae.experiments.study import run as study
from shgae.inference.device import autocast
from shgae.inference.torch_settings import settled
from shgae.recipes import EvaluateConfig
from shgae.stages import evaluate, extract, finetune, graft, pretrain_ae, train
from tests.builders.chain import Chain
from tests.builders.studies import TINY as TINY_STUDY
from tests.builders.tiny import TINY, TINY_AE, TINY_EXTRACT, TINY_FINETUNE

HOW, SCORED = Execution(), EvaluateConfig(decode="dark", flip_test=True, precision="fp32")


@contextmanager
def doubles() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def default_device() -> Iterator[None]:
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


CALLERS = [
    doubles(),
    default_device(),
    torch.device("meta"),
    torch.no_grad(),
    torch.inference_mode(),
    torch.autocast("cpu", torch.bfloat16),
    np.errstate(all="raise"),
]


def settings() -> tuple[Any, ...]:
    grad = torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")
    return torch.get_default_dtype(), torch.get_default_device(), *grad, *np.geterr().items()


@pytest.fixture(scope="module")
def scores(chain: Chain) -> Any:
    return evaluate.run([chain.finetuned], chain.data, None, SCORED, HOW).to_json()


@pytest.mark.parametrize(
    "caller", CALLERS, ids=["dtype", "device", "device-block", "no-grad", "inference", "autocast", "numpy"]
)
def test_the_chain_is_the_same_bit_for_bit_and_the_settings_stay(
    caller: AbstractContextManager[Any], chain: Chain, scores: Any, tmp_path: Path
) -> None:
    with caller:
        before = settings()
        train.run(chain.data, tmp_path / "baseline", TINY, HOW)
        extract.run(chain.baseline, chain.data, tmp_path / "activations", TINY_EXTRACT, HOW)
        pretrain_ae.run(chain.activations, tmp_path / "autoencoder", TINY_AE, HOW)
        graft.run(chain.baseline, [chain.autoencoder], tmp_path / "grafted", HOW)
        finetune.run(chain.grafted, chain.data, tmp_path / "finetuned", TINY_FINETUNE, HOW)
        found = evaluate.run([chain.finetuned], chain.data, None, SCORED, HOW).to_json()
        opened = shgae.open_model(chain.finetuned), shgae.open_autoencoder(chain.autoencoder)
        assert settings() == before
    for made in ("baseline", "activations", "autoencoder", "grafted", "finetuned"):
        assert open_artifact(tmp_path / made).id == open_artifact(getattr(chain, made)).id
    assert found == scores
    tensors = [one for network in opened for one in network.parameters()]
    assert {(one.dtype, one.device.type, one.is_inference()) for one in tensors} == {(torch.float32, "cpu", False)}


@pytest.mark.parametrize("caller", [doubles(), torch.device("meta")], ids=["dtype", "device"])
def test_a_part_of_a_study_its_list_and_its_dry_run_are_those_of_any_caller(
    caller: AbstractContextManager[Any], chain: Chain, tmp_path: Path
) -> None:
    def made(output: Path) -> tuple[Any, ...]:
        of = (chain.baseline, chain.data, output, replace(TINY_STUDY, arms="none,random", seeds=1))
        (name,) = (part.name for part in study.listing(*of, HOW).parts if part.step == "random")
        return study.only(*of, name, HOW).artifact.id, len(study.dry_run(*of, HOW).costs)

    with caller:
        found = made(tmp_path / "caller's")
    assert found == made(tmp_path / "plain")


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_step_in_bf16_takes_no_cast_of_the_weights_of_a_step_before(depth: int) -> None:
    layer, ones = torch.nn.Linear(4, 1, bias=False), torch.ones(1, 4)
    said = []
    with ExitStack() as callers:
        for _ in range(depth):
            callers.enter_context(torch.autocast("cpu", torch.bfloat16))
        layer(ones)
        with settled():
            for weight in (1.0, 2.0):
                torch.nn.init.constant_(layer.weight, weight)
                with autocast(torch.device("cpu"), "bf16"):
                    said.append(float(layer(ones).detach()))
        assert torch.autocast_increment_nesting() == depth + 1
        torch.autocast_decrement_nesting()
    assert said == [4.0, 8.0]
