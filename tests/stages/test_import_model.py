"""``shgae import``: what is known of the file's family goes into the artefact, and the rest is said or asked for."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import shgae
from shgae.artifacts.store import open_artifact
from shgae.cli.app import main
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS, CheckpointFormat
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_autoencoder, build_hourglass, load_hourglass
from shgae.skeleton import COCO_PERSON, MPII_PERSON
from shgae.stages import import_model
from tests.builders.chain import Notes

pytestmark = pytest.mark.usefixtures("reads_here")

HOURGLASS, AUTOENCODER, GRAFTED, BEARPAW, PRINCETON = CHECKPOINT_FORMATS
NEWELL = HourglassSpec(16, residual="newell", stacks=2, width=8, bottleneck=2, head="newell")
BEARPAWS_MEAN, COCO_MEAN = [0.4404, 0.4440, 0.4327], [0.4103, 0.3741, 0.3536]


def file_of(folder: Path, form: CheckpointFormat, spec: HourglassSpec | AutoencoderSpec) -> Path:
    """A weight file as this family writes it, in the midst of a training."""
    module = build_hourglass(spec) if isinstance(spec, HourglassSpec) else build_autoencoder(spec)
    state = {f"module.{form.name(name)}": tensor for name, tensor in module.state_dict().items()}
    path = folder / "model_best.pth.tar"
    torch.save({"epoch": 3, "state_dict": state, "best_acc": np.float64(0.7)}, path)
    return path


def coco_json(path: Path, names: list[str], category_id: int = 7) -> Path:
    category = {"id": category_id, "name": "person", "keypoints": names, "skeleton": [[1, 2]]}
    person = {"id": 1, "image_id": 1, "category_id": category_id, "bbox": [0, 0, 9, 9], "iscrowd": 0}
    person["keypoints"] = [1, 1, 2] * len(names)
    image = {"id": 1, "file_name": "a.jpg", "width": 10, "height": 10}
    path.write_text(json.dumps({"images": [image], "annotations": [person], "categories": [category]}))
    return path


def imported(
    folder: Path, form: CheckpointFormat, spec: HourglassSpec, **options: Any
) -> tuple[dict[str, Any], list[str]]:
    """The facts of the artefact, and what was noted."""
    notes = Notes()
    result = import_model.run(file_of(folder, form, spec), folder / "model", Execution(progress=notes), **options)
    assert open_artifact(folder / "model", "hourglass").id == result.artifact.id
    return dict(result.artifact.facts), notes.said


@pytest.mark.parametrize(("form", "mean"), [(BEARPAW, BEARPAWS_MEAN), (PRINCETON, [0, 0, 0])])
def test_mpiis_joints_mean_colour_and_squares_travel_with_the_weights(
    tmp_path: Path, form: CheckpointFormat, mean: list[float]
) -> None:
    facts, notes = imported(tmp_path, form, NEWELL)
    assert facts["skeleton"] == MPII_PERSON.to_json()
    assert facts["mean_rgb"] == mean
    assert (facts["crop_size"], facts["crop_policy"], facts["margin"], facts["category_id"]) == (256, "pad", 0.25, 1)
    assert ("heatmap" in facts) == (form is PRINCETON)
    assert notes == []


def test_the_imported_artefact_opens_as_the_network_it_was(tmp_path: Path) -> None:
    imported(tmp_path, BEARPAW, NEWELL)
    loaded = load_hourglass(tmp_path / "model")
    assert (loaded.spec, loaded.skeleton, loaded.mean_rgb) == (NEWELL, MPII_PERSON, tuple(BEARPAWS_MEAN))
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        maps = shgae.open_model(tmp_path / "model")(images)
        assert maps.shape == (1, 2, 16, 16, 16)
        assert torch.equal(maps, build_hourglass(NEWELL).eval()(images))


@pytest.mark.parametrize("form", [HOURGLASS, GRAFTED])
def test_the_studys_colour_squares_and_targets_travel_with_its_weights(tmp_path: Path, form: CheckpointFormat) -> None:
    spec = HourglassSpec(17, width=8)
    facts, _ = imported(
        tmp_path,
        form,
        spec.with_graft(AutoencoderSpec(8, 5, "relu")) if form is GRAFTED else spec,
    )
    assert facts["skeleton"] == COCO_PERSON.to_json()
    assert facts["mean_rgb"] == COCO_MEAN
    assert (facts["crop_policy"], facts["margin"]) == ("inside", 0.1)
    assert facts["heatmap"] == {"peak": "mass", "sigma_visible": 0.5, "sigma_hidden": 1.0, "unlabelled": "empty"}


@pytest.mark.parametrize(
    ("form", "keypoints", "names"),
    [(BEARPAW, 17, list(COCO_PERSON.names)), (BEARPAW, 3, ["joint_0", "joint_1", "joint_2"]), (HOURGLASS, 16, None)],
)
def test_joints_of_another_number_are_cocos_or_nameless_and_the_colour_is_said_to_be_a_guess(
    tmp_path: Path, form: CheckpointFormat, keypoints: int, names: list[str] | None
) -> None:
    spec = HourglassSpec(16, width=8) if form is HOURGLASS else dataclasses.replace(NEWELL, keypoints=keypoints)
    facts, notes = imported(tmp_path, form, spec)
    assert facts["skeleton"]["names"] == (names or [f"joint_{joint}" for joint in range(16)])
    assert len(notes) == 1
    assert "--mean-rgb" in notes[0]


def test_joints_and_colour_can_be_given(tmp_path: Path) -> None:
    json_ = coco_json(tmp_path / "people.json", [f"part {i}" for i in range(16)])
    facts, notes = imported(tmp_path, BEARPAW, NEWELL, joints=json_, mean_rgb=(0.5, 0, 1))
    assert facts["skeleton"]["names"][:2] == ["part 0", "part 1"]
    assert facts["skeleton"]["limbs"] == [[0, 1]]
    assert (facts["category_id"], facts["mean_rgb"]) == (7, [0.5, 0, 1])
    assert notes == []
    config = open_artifact(tmp_path / "model").manifest.config
    assert config["mean_rgb"] == [0.5, 0, 1]
    assert len(config["joints_sha256"]) == 64


def test_a_json_without_people_names_joints_all_the_same(tmp_path: Path) -> None:
    json_ = coco_json(tmp_path / "people.json", [f"part {i}" for i in range(16)])
    categories = json.loads(json_.read_text())["categories"]
    json_.write_text(json.dumps({"images": [], "annotations": [], "categories": categories}))
    facts, _ = imported(tmp_path, BEARPAW, NEWELL, joints=json_)
    assert facts["skeleton"]["names"][15] == "part 15"


def test_joints_of_another_number_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    json_ = coco_json(tmp_path / "people.json", ["a", "b"])
    with pytest.raises(Refused, match="2 joints, .* 16"):
        imported(tmp_path, BEARPAW, NEWELL, joints=json_)
    assert not list(tmp_path.glob("model*")) or [path.name for path in tmp_path.glob("model*")] == [
        "model_best.pth.tar"
    ]


@pytest.mark.parametrize("mean", [(0.5, 0.5), (0.1, 0.2, 1.01), (-0.1, 0, 0), (float("nan"), 0, 0), ()])
def test_a_colour_that_is_none_is_refused_before_the_file_is_read(tmp_path: Path, mean: tuple[float, ...]) -> None:
    with pytest.raises(Refused, match="three numbers"):
        import_model.run(tmp_path / "none.pth", tmp_path / "model", Execution(), mean_rgb=mean)


def test_a_category_without_the_json_that_it_is_of_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="--category.*--joints"):
        import_model.run(tmp_path / "none.pth", tmp_path / "model", Execution(), category="person")


@pytest.mark.parametrize("option", ["joints", "mean_rgb"])
def test_an_autoencoder_has_neither_joints_nor_colour(tmp_path: Path, option: str) -> None:
    file = file_of(tmp_path, AUTOENCODER, AutoencoderSpec(8, 5, "relu"))
    given = {"joints": coco_json(tmp_path / "people.json", ["a", "b"]), "mean_rgb": (0, 0, 0)}[option]
    with pytest.raises(Refused, match=f"option in --{option.replace('_', '-')}: .* is an autoencoder"):
        import_model.run(file, tmp_path / "model", Execution(), **{option: given})


def princetons_file(folder: Path) -> tuple[Path, int]:
    """With the convolutions that its forward pass never calls, and how many tensors these are."""
    path = file_of(folder, PRINCETON, NEWELL)
    state = torch.load(path, weights_only=False)["state_dict"]
    before = len(state)
    for name in [name for name in state if name.endswith(".bn1.weight")]:
        width, shortcut = len(state[name]), name.replace("bn1.weight", "skip_layer.conv")
        state.setdefault(f"{shortcut}.weight", torch.zeros(width, width, 1, 1))
        state.setdefault(f"{shortcut}.bias", torch.zeros(width))
    torch.save({"state_dict": state}, path)
    return path, len(state) - before


def test_the_command_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, unused = princetons_file(tmp_path)
    parameters = sum(parameter.numel() for parameter in build_hourglass(NEWELL).parameters())
    command = ["import", str(file), "-o", str(tmp_path / "model"), "--mean-rgb", "0.1,0.2,0.3"]
    assert main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    found = {key: value for key, value in result.items() if key not in ("output", "id")}
    assert found == {
        "kind": "hourglass",
        "family": "princeton-vl/pytorch_stacked_hourglass",
        "parameters": parameters,
        "stacks": 2,
        "joints": list(MPII_PERSON.names),
        "mean_rgb": [0.1, 0.2, 0.3],
        "dropped_tensors": unused,
    }
    assert unused > 50
    assert main([*command, "--force"]) == 0
    shown = capsys.readouterr().out
    assert all(
        word in shown for word in ("princeton-vl", "16 joints: right_ankle, right_knee", "0.1, 0.2, 0.3", str(unused))
    )


def test_which_of_several_networks_was_taken_is_told_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, _ = princetons_file(tmp_path)
    state = torch.load(file)["state_dict"]
    told = []
    for content in ({"model": state}, {"ema": {"module": {k: v + 1 for k, v in state.items()}}, "model": state}):
        torch.save(content, file)
        assert main(["import", str(file), "-o", str(tmp_path / "model"), "--force", "--json"]) == 0
        facts = open_artifact(tmp_path / "model").facts
        told.append([json.loads(capsys.readouterr().out).get("network"), facts.get("network")])
    assert told == [[None, None], ["model.module", "model.module"]]


@pytest.mark.parametrize("text", ["0.4,0.4", "0.4;0.4;0.4", "red", "1,2,3", ""])
def test_the_command_refuses_a_colour_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "x.pth").touch()
    assert main(["import", str(tmp_path / "x.pth"), "-o", str(tmp_path / "model"), "--mean-rgb", text]) == 2
    assert "error: value in --mean-rgb: " in capsys.readouterr().err


def test_the_help_names_every_repository_whose_files_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    main(["import", "--help"])
    shown = "".join(capsys.readouterr().out.split())
    named = {word for form in CHECKPOINT_FORMATS for word in form.family.split() if "/" in word}
    assert len(named) == 3
    assert all(word in shown for word in named)


def test_an_output_that_holds_the_file_is_refused_and_the_file_is_spared(tmp_path: Path) -> None:
    made = tmp_path / "model"
    file = file_of(tmp_path, BEARPAW, NEWELL)
    import_model.run(file, made, Execution())
    inside = made / file.name
    inside.write_bytes(file.read_bytes())
    with pytest.raises(Refused, match="input"):
        import_model.run(inside, made, Execution(force=True))
    assert inside.is_file()
