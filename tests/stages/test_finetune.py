"""Fine-tuning a part of a network, and on other joints than it knows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from shgae.artifacts.store import open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.data.synthetic import SyntheticConfig, draw_dataset
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution
from shgae.models.zoo import load_hourglass
from shgae.recipes import EvaluateConfig, FinetuneConfig, PrepareConfig
from shgae.stages import evaluate, finetune, prepare
from tests.builders.chain import Chain
from tests.builders.line import StopAfter
from tests.builders.tiny import TINY_FINETUNE

HOW = Execution()
FEWER = ("right_knee", "r_hip", "Left-Hip", "neck")
"""Joints of another dataset: three of COCO's in other words, and one of its own."""


def data_of(root: Path, names: tuple[str, ...]) -> Path:
    """Drawn people, prepared with the right knee, both hips and the nose of COCO, under other names."""
    annotations = draw_dataset(root, SyntheticConfig(photos=6, seed=3))
    dataset = json.loads(annotations.read_text())
    known = dataset["categories"][0]["keypoints"]
    places = [known.index(name) for name in ("right_knee", "right_hip", "left_hip", "nose")]
    dataset["categories"][0] |= {"keypoints": list(names), "skeleton": [[1, 2], [3, 4]]}
    for annotation in dataset["annotations"]:
        joints = np.reshape(annotation["keypoints"], (-1, 3))[places]
        annotation["keypoints"] = joints.ravel().tolist()
        annotation["num_keypoints"] = int((joints[:, 2] > 0).sum())
    annotations.write_text(json.dumps(dataset))
    source = prepare.Source(annotations, root / "photos")
    prepare.run({"train": source, "val": source}, root / "data", PrepareConfig(crop_size=128), HOW)
    return root / "data"


@pytest.fixture(scope="session")
def other_joints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data of :data:`FEWER` joints."""
    return data_of(tmp_path_factory.mktemp("other"), FEWER)


def config(**changes: object) -> FinetuneConfig:
    return dataclasses.replace(TINY_FINETUNE, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "belongs"),
    [
        ("decoder", ("hourglass.ups", "head", "merge")),
        ("autoencoder", ("hourglass.graft",)),
        ("head", ("head",)),
    ],
)
def test_training_a_part_leaves_the_rest_as_it_was(
    chain: Chain, tmp_path: Path, part: str, belongs: tuple[str, ...]
) -> None:
    result = finetune.run(chain.grafted, chain.data, tmp_path / "tuned", config(trainable=part), HOW)
    before, after = (load_tensors(run / "model.safetensors") for run in (chain.grafted, tmp_path / "tuned"))
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    learned = {name for name in before if name.startswith(tuple(f"stacks.0.{piece}." for piece in belongs))}
    assert moved
    assert moved <= learned
    assert 0 < result.trained_parameters < result.parameters


def test_a_frozen_training_resumes_to_the_same_artefact(chain: Chain, tmp_path: Path) -> None:
    frozen = config(trainable="autoencoder", epochs=2)
    whole = finetune.run(chain.grafted, chain.data, tmp_path / "whole", frozen, HOW)
    with pytest.raises(Interrupted):
        finetune.run(chain.grafted, chain.data, tmp_path / "torn", frozen, Execution(stop=StopAfter(4)))
    again = finetune.run(chain.grafted, chain.data, tmp_path / "torn", frozen, Execution(resume=True))
    assert again.artifact.id == whole.artifact.id


def test_other_joints_are_refused_until_it_is_said_what_to_do(chain: Chain, other_joints: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"17 joints.* has 4") as refused:
        finetune.run(chain.grafted, other_joints, tmp_path / "tuned", config(), HOW)
    assert "--joint-mismatch match" in refused.value.line()
    assert "--joint-mismatch reset" in refused.value.line()
    assert not list(tmp_path.iterdir())


def test_matching_joints_are_named_and_their_model_predicts_the_new_set(
    chain: Chain, other_joints: Path, tmp_path: Path
) -> None:
    result = finetune.run(chain.grafted, other_joints, tmp_path / "tuned", config(joint_mismatch="match"), HOW)
    joints = result.to_json()["joints"]
    assert joints["trained"] == ["right_knee", "r_hip", "Left-Hip"]
    assert joints["new"] == ["neck"]
    assert len(joints["gone"]) == 14
    loaded = load_hourglass(tmp_path / "tuned")
    assert loaded.skeleton.names == FEWER
    assert loaded.skeleton.limbs == ((0, 1), (2, 3))
    assert loaded.spec.autoencoder(-1) is not None
    scored = evaluate.run([tmp_path / "tuned"], other_joints, None, EvaluateConfig(split="val", precision="fp32"), HOW)
    assert list(scored.report.models[0].joints) == list(FEWER)


def test_the_colour_that_is_taken_off_stays_the_models(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = dataclasses.replace(load_hourglass(chain.baseline), mean_rgb=(0.5, 0.25, 0.125))
    monkeypatch.setattr(finetune, "load_hourglass", lambda _: loaded)
    tuned = finetune.run(chain.baseline, chain.data, tmp_path / "tuned", config(), HOW)
    assert tuned.artifact.facts["mean_rgb"] == [0.5, 0.25, 0.125]


def test_a_new_head_starts_all_joints_anew(chain: Chain, other_joints: Path, tmp_path: Path) -> None:
    tuned = finetune.run(chain.baseline, other_joints, tmp_path / "tuned", config(joint_mismatch="reset"), HOW)
    assert tuned.artifact.facts["joints"]["trained"] == []
    assert tuned.artifact.facts["joints"]["new"] == list(FEWER)
    assert len(tuned.artifact.facts["joints"]["gone"]) == 14  # by name, as with match


def test_matching_where_no_name_is_in_common_is_refused(chain: Chain, tmp_path: Path) -> None:
    strangers = data_of(tmp_path, ("petal", "leaf", "stem", "root"))
    with pytest.raises(Refused, match="--joint-mismatch reset") as refused:
        finetune.run(chain.baseline, strangers, tmp_path / "tuned", config(), HOW)
    assert "--joint-mismatch match" not in refused.value.line()
    with pytest.raises(Refused, match="17 joints .* 4") as refused:
        finetune.run(chain.baseline, strangers, tmp_path / "tuned", config(joint_mismatch="match"), HOW)
    assert "reset" in refused.value.line()


def test_the_same_joints_match_themselves(chain: Chain, tmp_path: Path) -> None:
    plain = finetune.run(chain.baseline, chain.data, tmp_path / "plain", config(), HOW)
    match = finetune.run(chain.baseline, chain.data, tmp_path / "match", config(joint_mismatch="match"), HOW)
    weights = [load_tensors(run.artifact.file("model.safetensors")) for run in (plain, match)]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_what_was_trained_stands_in_the_manifest(chain: Chain) -> None:
    facts = open_artifact(chain.finetuned).facts
    assert "joints" not in facts
    assert facts["trained_parameters"] == facts["parameters"]
