"""An autoencoder learns one stack's bottlenecks, or those of several together."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

import shgae
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution
from shgae.recipes import Stack
from shgae.stages import extract, pretrain_ae
from tests.builders.chain import Sites, as_before
from tests.builders.line import StopAfter
from tests.builders.tiny import TINY_AE, TINY_EXTRACT

HOW = Execution()
ONE = replace(TINY_AE, epochs=1)


def rows_of(artifact: Artifact, split: str, stack: int) -> npt.NDArray[np.float64]:
    """A stack's tensors as they lie on the disk."""
    return load_tensors(artifact.file(f"{split}/stack-{stack}/bottleneck-00000.safetensors"))["bottleneck"].astype("f8")


def weights(run: Path) -> dict[str, list[float]]:
    return {name: array.tolist() for name, array in load_tensors(run / "model.safetensors").items()}


def fvu(run: Path, x: npt.NDArray[np.float64], mean: npt.NDArray[np.float64]) -> float:
    """The fraction of variance that an autoencoder leaves unexplained."""
    with torch.inference_mode():
        decoded = shgae.open_autoencoder(run)(torch.from_numpy(x).float()).double().numpy()
    return float(((x - decoded) ** 2).sum() / ((x - mean) ** 2).sum())


@pytest.mark.parametrize("stack", [0, 1, 2])
def test_one_stack_of_several_is_learned_as_if_it_had_been_extracted_alone(
    sites: Sites, tmp_path: Path, stack: int
) -> None:
    alone = replace(TINY_EXTRACT, stack=str(stack))
    extract.run(sites.baseline, sites.data, tmp_path / "alone", alone, HOW)
    result = pretrain_ae.run(tmp_path / "alone", tmp_path / "code", ONE, HOW)
    assert weights(tmp_path / "code") == weights(sites.codes[stack])
    there = open_artifact(sites.codes[stack]).facts
    assert result.artifact.facts["validation"] == there["validation"]
    assert (there["stacks"], there["model_stacks"]) == ([stack], 3)
    assert "validation_by_stack" not in there


def test_the_last_of_the_extracted_stacks_is_learned_unless_told_otherwise(sites: Sites, tmp_path: Path) -> None:
    result = pretrain_ae.run(sites.activations, tmp_path / "code", ONE, HOW)
    assert result.stacks == (2,)
    assert weights(tmp_path / "code") == weights(sites.codes[2])


def test_all_stacks_are_learned_from_the_rows_of_each(sites: Sites) -> None:
    facts, source = open_artifact(sites.pooled).facts, open_artifact(sites.activations)
    train, val = ([rows_of(source, split, stack) for stack in range(3)] for split in ("train", "val"))
    assert (facts["stacks"], facts["model_stacks"]) == ([0, 1, 2], 3)
    pooled = fvu(sites.pooled, np.concatenate(val), np.concatenate(train).mean(0))
    assert facts["validation"]["fvu"] == pytest.approx(pooled, rel=1e-5)
    for stack in range(3):
        found = facts["validation_by_stack"][str(stack)]["fvu"]
        assert found == pytest.approx(fvu(sites.pooled, val[stack], train[stack].mean(0)), rel=1e-5)


def test_a_limit_counts_people_and_not_rows(sites: Sites, tmp_path: Path) -> None:
    config = replace(ONE, stack="all", limit=2)
    result = pretrain_ae.run(sites.activations, tmp_path / "code", config, HOW)
    assert result.summary.history[0]["samples"] == 6
    source = open_artifact(sites.activations)
    train, val = (
        np.concatenate([rows_of(source, split, stack)[:2] for stack in range(3)]) for split in ("train", "val")
    )
    assert result.reconstruction.fvu == pytest.approx(fvu(tmp_path / "code", val, train.mean(0)), rel=1e-5)


def test_learning_all_stacks_repeats_whatever_the_threads_and_goes_on_after_an_interruption(
    sites: Sites, tmp_path: Path
) -> None:
    again = pretrain_ae.run(sites.activations, tmp_path / "a", replace(ONE, stack="all"), Execution(workers=0))
    assert again.artifact.id == open_artifact(sites.pooled).id
    with pytest.raises(Interrupted):
        stopped = Execution(stop=StopAfter(3))
        pretrain_ae.run(sites.activations, tmp_path / "b", replace(ONE, stack="all"), stopped)
    resumed = pretrain_ae.run(sites.activations, tmp_path / "b", replace(ONE, stack="all"), Execution(resume=True))
    assert resumed.artifact.id == again.artifact.id


def test_in_bf16_where_weights_lie_otherwise_in_memory_it_goes_on_to_the_same_bits_too(
    sites: Sites, tmp_path: Path
) -> None:
    config = replace(ONE, epochs=1, precision="bf16", optimizer="adam")
    whole = pretrain_ae.run(sites.activations, tmp_path / "a", config, Execution())
    with pytest.raises(Interrupted):
        pretrain_ae.run(sites.activations, tmp_path / "b", config, Execution(stop=StopAfter(2)))
    assert pretrain_ae.run(sites.activations, tmp_path / "b", config, Execution(resume=True)).artifact.id == (
        whole.artifact.id
    )


@pytest.mark.parametrize("stack", ["0", "2", "7"])
def test_a_stack_that_was_not_extracted_is_refused_naming_those_that_were(
    sites: Sites, tmp_path: Path, stack: Stack
) -> None:
    extract.run(sites.baseline, sites.data, tmp_path / "one", replace(TINY_EXTRACT, stack="1", limit=2), HOW)
    with pytest.raises(Refused, match=f"stack {stack} in .*: it has stack 1 only. Try: ") as refused:
        pretrain_ae.run(tmp_path / "one", tmp_path / "code", replace(ONE, stack=stack), HOW)
    # Of a stack that the model does not have there are no activations to be had.
    assert (f"shgae extract with --stack {stack}" in str(refused.value)) == (stack != "7")
    assert not (tmp_path / "code").exists()


def test_a_refusal_names_all_stacks_that_there_are(sites: Sites, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="has stacks 0, 1 and 2 only"):
        pretrain_ae.run(sites.activations, tmp_path / "code", replace(ONE, stack="5"), HOW)


def test_a_changed_byte_stops_a_step_only_where_it_is_read(sites: Sites, tmp_path: Path) -> None:
    copy = tmp_path / "activations"
    shutil.copytree(sites.activations, copy)
    shard = copy / "val" / "stack-1" / "bottleneck-00000.safetensors"
    content = bytearray(shard.read_bytes())
    content[-3] ^= 1
    shard.write_bytes(content)
    stacks: tuple[Stack, ...] = ("1", "all")
    for stack in stacks:
        with pytest.raises(Refused, match=r"val/stack-1/bottleneck-00000\.safetensors was changed"):
            pretrain_ae.run(copy, tmp_path / "code", replace(ONE, stack=stack), HOW)
    pretrain_ae.run(copy, tmp_path / "code", replace(ONE, stack="0"), HOW)


def test_activations_from_before_stacks_were_numbered_are_learned_as_the_last(sites: Sites, tmp_path: Path) -> None:
    extract.run(sites.baseline, sites.data, tmp_path / "now", TINY_EXTRACT, HOW)
    as_before(open_artifact(tmp_path / "now"), tmp_path / "before")
    result = pretrain_ae.run(tmp_path / "before", tmp_path / "code", ONE, HOW)
    assert result.stacks == (-1,)
    assert weights(tmp_path / "code") == weights(sites.codes[2])
    with pytest.raises(Refused, match="Try: --stack last"):
        pretrain_ae.run(tmp_path / "before", tmp_path / "other", replace(ONE, stack="0"), HOW)
