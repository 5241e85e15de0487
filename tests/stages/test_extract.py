"""Bottlenecks of one stack and of several: one pass, the same tensors."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import shgae
from shgae.artifacts.activations import Activations, split_size
from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tensors import map_tensor
from shgae.data.datasets import load_pose_batch, to_images
from shgae.errors import DiskError, Interrupted, Refused
from shgae.execution import Execution
from shgae.models.zoo import load_hourglass
from shgae.recipes import Stack
from shgae.skeleton import Skeleton
from shgae.stages import extract
from tests.builders.chain import Chain, Notes, Sites, as_before
from tests.builders.line import StopAfter
from tests.builders.tiny import TINY_EXTRACT

HOW = Execution()
ALL = replace(TINY_EXTRACT, stack="all")
FEW = replace(ALL, limit=8)


def tensors_of(folder: Path) -> dict[str, bytes]:
    """The content of every file of tensors."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.safetensors"))}


def test_each_stacks_tensors_are_what_its_slot_sees_in_the_full_network(sites: Sites) -> None:
    data = open_artifact(sites.data)
    batch = load_pose_batch(Crops(data, "train"), np.arange(4))
    model = shgae.open_model(sites.baseline).to(memory_format=torch.channels_last)
    seen: list[torch.Tensor] = []
    for stack in range(3):
        model.hourglass(stack).graft.register_forward_hook(lambda _m, args, _o: seen.append(args[0]))
    with torch.inference_mode():
        model(to_images(batch.crops, batch.valid, data.facts["mean_rgb"]))
    for stack in range(3):
        stored = Activations(open_artifact(sites.activations), "train", stacks=(stack,)).read(np.arange(4))
        np.testing.assert_array_equal(stored, seen[stack].numpy())


@pytest.mark.parametrize("stack", ["0", "1", "2"])
def test_a_stack_extracted_alone_has_the_tensors_that_it_has_among_all(
    sites: Sites, tmp_path: Path, stack: Stack
) -> None:
    extract.run(sites.baseline, sites.data, tmp_path / "one", replace(TINY_EXTRACT, stack=stack), HOW)
    among_all = tensors_of(sites.activations)
    alone = tensors_of(tmp_path / "one")
    assert len(among_all) == 3 * len(alone) == 18
    for name, content in alone.items():
        split, file = name.split("/")
        assert among_all[f"{split}/stack-{stack}/{file}"] == content


def test_all_of_one_stack_are_the_last_one_byte_for_byte(chain: Chain, tmp_path: Path) -> None:
    result = extract.run(chain.baseline, chain.data, tmp_path / "all", ALL, HOW)
    assert tensors_of(tmp_path / "all") == tensors_of(chain.activations)
    assert (result.stacks, result.model_stacks) == ((0,), 1)


@pytest.mark.parametrize(("stack", "stacks"), [("last", [2]), ("1", [1]), ("all", [0, 1, 2])])
def test_the_manifest_says_which_stacks_of_how_many(
    sites: Sites, tmp_path: Path, stack: Stack, stacks: list[int]
) -> None:
    config = replace(TINY_EXTRACT, stack=stack, limit=2)
    result = extract.run(sites.baseline, sites.data, tmp_path / "out", config, HOW)
    facts = open_artifact(tmp_path / "out", "activations").facts
    assert (facts["stacks"], facts["model_stacks"]) == (stacks, 3)
    assert (result.to_json()["stacks"], result.to_json()["model_stacks"]) == (stacks, 3)
    assert result.size == len(stacks) * sum(result.splits.values()) * 16 * 4 * 4 * 4
    rows = [Activations(result.artifact, "train", stacks=(one,)) for one in stacks]
    expected = [(one.read(np.arange(len(one))) < 0).mean() for one in rows]
    np.testing.assert_allclose(result.negative_share, expected)


@pytest.mark.parametrize("stack", ["3", "7"])
def test_a_stack_that_the_model_lacks_is_refused_saying_which_it_has(
    sites: Sites, tmp_path: Path, stack: Stack
) -> None:
    with pytest.raises(Refused, match=f"stack {stack} in .*baseline: .* 0, 1 and 2 only. Try: --stack 2 or all"):
        extract.run(sites.baseline, sites.data, tmp_path / "out", replace(TINY_EXTRACT, stack=stack), HOW)
    assert not list(tmp_path.iterdir())


def test_a_shard_that_some_stacks_lack_is_made_again_for_all(
    sites: Sites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shgae.artifacts.activations.SHARD_ROWS", 16)
    whole = extract.run(sites.baseline, sites.data, tmp_path / "whole", FEW, HOW).artifact
    with pytest.raises(Interrupted):
        extract.run(sites.baseline, sites.data, tmp_path / "out", FEW, Execution(stop=StopAfter(3)))
    (tmp_path / "out.partial" / "train" / "stack-1" / "bottleneck-00001.safetensors").unlink()
    resumed = extract.run(sites.baseline, sites.data, tmp_path / "out", FEW, Execution(resume=True)).artifact
    assert resumed.id == whole.id


def test_the_room_on_the_disk_is_that_of_all_stacks(
    sites: Sites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = open_artifact(sites.data).facts["splits"].values()
    people, wanted = sum(splits), sum(split_size(count, 3, 16, "F32") for count in splits)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=64_000_000 + wanted * 2 // 3))
    with pytest.raises(DiskError, match=f"{3 * people} bottleneck tensors need"):
        extract.run(sites.baseline, sites.data, tmp_path / "out", ALL, HOW)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=64_000_000 + wanted))
    extract.run(sites.baseline, sites.data, tmp_path / "out", ALL, HOW)


def test_the_shards_of_all_stacks_together_hold_no_more_than_one_of_one_stack(
    sites: Sites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shgae.artifacts.activations.SHARD_ROWS", 8)
    extract.run(sites.baseline, sites.data, tmp_path / "all", ALL, HOW)
    shards = sorted((tmp_path / "all" / "train").rglob("bottleneck-*"))
    rows = [len(map_tensor(shard, "bottleneck")) for shard in shards]
    people = open_artifact(sites.data).facts["splits"]["train"]
    assert sum(rows) == 3 * people
    assert max(rows) == 2  # three of them are written in one pass: 6 of at most 8
    read = Activations(open_artifact(tmp_path / "all"), "train", stacks=(1,)).read(np.arange(people))
    one = sites.activations / "train" / "stack-1" / "bottleneck-00000.safetensors"
    np.testing.assert_allclose(read, map_tensor(one, "bottleneck"), rtol=1e-4, atol=1e-5)  # other batches


def test_activations_from_before_there_was_a_choice_are_those_of_the_last_stack(sites: Sites, tmp_path: Path) -> None:
    extract.run(sites.baseline, sites.data, tmp_path / "now", TINY_EXTRACT, HOW)
    rows = Activations(as_before(open_artifact(tmp_path / "now"), tmp_path / "before"), "val")
    last = Activations(open_artifact(sites.activations), "val", stacks=(2,))
    assert rows.stacks == (-1,)
    np.testing.assert_array_equal(rows.read(np.arange(len(rows))), last.read(np.arange(len(last))))


def test_data_of_other_joints_gives_the_same_bottlenecks_with_a_note(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_hourglass(chain.baseline)
    renamed = replace(loaded, skeleton=Skeleton.from_names([f"joint_{k}" for k in range(17)]))
    monkeypatch.setattr(extract, "load_hourglass", lambda _: renamed)
    notes = Notes()
    extract.run(chain.baseline, chain.data, tmp_path / "x", TINY_EXTRACT, Execution(progress=notes))
    assert any("trained on 17 joints" in note and "joint 1 is joint_0 there, nose here" in note for note in notes.said)
    assert tensors_of(tmp_path / "x") == tensors_of(chain.activations)
