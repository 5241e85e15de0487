"""Imported networks are read by their own rule of cells: an oracle of each family is right on average."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shgae.artifacts.checkpoint import MODEL
from shgae.artifacts.crops import Crops
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import open_artifact
from shgae.data import heatmaps
from shgae.evaluation import predictions
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_autoencoder, build_hourglass, load_hourglass, state_arrays
from shgae.recipes import CellRule, HeatmapConfig, PredictConfig
from shgae.skeleton import MPII_PERSON, Skeleton
from shgae.stages import export, graft, import_model, predict
from tests.builders.chain import Chain

pytestmark = pytest.mark.usefixtures("reads_here")


HOW = Execution()
STUDY, BEARPAW, PRINCETON = CHECKPOINT_FORMATS[0], CHECKPOINT_FORMATS[3], CHECKPOINT_FORMATS[4]
RULES: dict[str, CellRule] = {STUDY.family: "round", BEARPAW.family: "floor", PRINCETON.family: "floor"}
FAMILIES = pytest.mark.parametrize("dialect", [STUDY, BEARPAW, PRINCETON], ids=["study", "bearpaw", "princeton"])


def imported(folder: Path, dialect: object, keypoints: int = 16) -> Path:
    """An artefact made of a weight file of that family."""
    assert dialect in (STUDY, BEARPAW, PRINCETON)
    spec = HourglassSpec(keypoints, width=8)
    if dialect is not STUDY:
        spec = HourglassSpec(keypoints, residual="newell", width=8, bottleneck=2, head="newell")
    weights = state_arrays(build_hourglass(spec, seed=1))
    torch.save({dialect.name(name): torch.tensor(array) for name, array in weights.items()}, folder / "x.pth")  # type: ignore[attr-defined]
    import_model.run(folder / "x.pth", folder / "model", HOW)
    return folder / "model"


def cells_of_the_family(xy_crop: torch.Tensor, rule: CellRule) -> torch.Tensor:
    """What a network that learned its targets perfectly has its peaks at, written out anew."""
    if rule == "floor":
        return (xy_crop * 64 / 256).int()  # bearpaw: transform(...).astype(int); princeton: int(pt[0])
    return (xy_crop.int() / 4).round().int()


@FAMILIES
def test_an_oracle_of_each_family_is_right_on_average(tmp_path: Path, dialect: object) -> None:
    loaded = load_hourglass(imported(tmp_path, dialect))
    rule = RULES[dialect.family]  # type: ignore[attr-defined]
    assert loaded.cell_rule == rule
    xy = torch.rand(20_000, 1, 2, generator=torch.Generator().manual_seed(0)) * 250
    error = heatmaps.map_to_crop(cells_of_the_family(xy, rule), loaded.cell_rule) - xy
    assert error.mean((0, 1)).abs().max() < 0.1
    assert torch.equal(heatmaps.cells(xy, 256, rule).cells, cells_of_the_family(xy, rule).long())


@pytest.mark.parametrize("rule", ["round", "floor"])
@pytest.mark.parametrize("flip", [False, True])
def test_an_oracle_in_predict_is_right_on_average_with_and_without_its_mirror_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: CellRule, flip: bool
) -> None:
    """The crop of a photo of 256 pixels is the photo; a joint is where its one bright pixel is."""
    numbers = np.random.default_rng(3)
    places = numbers.integers(8, 248, (60, 2))
    (tmp_path / "photos").mkdir()
    for number, (x, y) in enumerate(places):
        pixels = np.zeros((256, 256, 3), np.uint8)
        pixels[y, x] = 255
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number + 1}.png")
    spec = HourglassSpec(1, residual="newell", width=8)
    facts = {"made_by": "test", "spec": spec.to_json(), "skeleton": Skeleton.from_names(["nose"]).to_json()}
    facts |= {"category_id": 1, "mean_rgb": [0.0] * 3, "crop_size": 256, "crop_policy": "pad", "margin": 0.0}
    facts |= {"cell_rule": rule} if rule == "floor" else {}
    with new_artifact(tmp_path / "model", kind="hourglass", config={}, parents={}, execution=HOW) as made:
        made.write_tensors(MODEL, state_arrays(build_hourglass(spec, seed=0)))
        made.commit(facts)

    def oracle(_self: object, _network: object, images: torch.Tensor) -> torch.Tensor:
        peak = images[:, 0].flatten(1).argmax(1)
        xy = torch.stack((peak % 256, peak // 256), -1)[:, None].float() + 0.5
        return heatmaps.encode(xy, torch.full((len(xy), 1), 2), HeatmapConfig(), 256, rule)[:, None]

    monkeypatch.setattr(Inference, "infer", oracle)
    config = PredictConfig(decode="argmax", flip_test=flip, overlays=False, precision="fp32")
    predict.run(tmp_path / "model", [tmp_path / "photos"], None, tmp_path / "out", config, HOW)
    entries = json.loads((tmp_path / "out" / "predictions.json").read_text())
    found = {entry["image_id"]: entry["keypoints"][:2] for entry in entries}
    error = np.array([found[number + 1] for number in range(60)]) - (places + 0.5)
    assert np.abs(error).max() <= 4
    assert np.abs(error.mean(0)).max() < 0.6, "60 joints: a standard error of 0.15 pixels"


@given(st.floats(0, 255.99))
@settings(max_examples=60)
def test_the_mirror_image_of_a_cell_of_floor_is_the_cell_of_the_mirrored_joint(x: float) -> None:
    here = heatmaps.cells(torch.tensor([[[x, 5.0]]]), 256, "floor").cells[0, 0, 0]
    there = heatmaps.cells(torch.tensor([[[256 - x, 5.0]]]), 256, "floor").cells[0, 0, 0]
    maps = torch.zeros(1, 1, 64, 64)
    maps[0, 0, 1, there] = 1
    back = heatmaps.decode(heatmaps.mirror_back(maps, [], "floor")).cells[0, 0, 0]
    assert back == here or x % 4 == 0, "a joint on a border between cells belongs to the other one there"


@FAMILIES
def test_a_model_and_the_file_of_its_predictions_score_alike(tmp_path: Path, dialect: object, chain: Chain) -> None:
    data = open_artifact(chain.data, "data")
    crops = Crops(data, "train")
    rule = RULES[dialect.family]  # type: ignore[attr-defined]
    cells = heatmaps.cells(torch.from_numpy(crops.people.xy_crop), crops.crop_size, rule).cells.numpy()
    found = predictions.from_cells("x", cells, None, crops, rule=rule)
    (tmp_path / "p.json").write_text(json.dumps(list(predictions.coco_results(found, crops, 1))))
    again = predictions.read_predictions(tmp_path / "p.json", "x", crops).predictions
    assert np.array_equal(again.xy_photo, found.xy_photo)
    is_labelled = crops.people.visibility > 0
    assert np.array_equal(again.cells[is_labelled], found.cells[is_labelled])
    scale = crops.people.square[:, 2] / crops.crop_size
    true = predictions.photo_points(crops.people.xy_crop.astype(np.float64), crops.people, crops.crop_size)
    error = ((found.xy_photo - true) / scale[:, None, None])[is_labelled]
    assert np.abs(error.mean(0)).max() < 0.35, "some 200 joints: a standard error of 0.08 pixels"


@FAMILIES
def test_the_rule_travels_into_grafts_and_onnx(tmp_path: Path, dialect: object) -> None:
    model = imported(tmp_path, dialect)
    rule = RULES[dialect.family]  # type: ignore[attr-defined]
    assert ("cell_rule" in open_artifact(model).facts) == (rule == "floor")
    code = AutoencoderSpec(width=8, code_size=5)
    with new_artifact(tmp_path / "code", kind="autoencoder", config={}, parents={}, execution=HOW) as made:
        made.write_tensors(MODEL, state_arrays(build_autoencoder(code, seed=0)))
        made.commit({"made_by": "test", "spec": code.to_json(), "parameters": 1})
    graft.run(model, [tmp_path / "code"], tmp_path / "grafted", HOW)
    grafted = load_hourglass(tmp_path / "grafted")
    assert grafted.cell_rule == rule
    assert export._rule(grafted) == ("4 * cell + 2" if rule == "floor" else "4 * cell + 0.5")
    assert len(grafted.skeleton) == len(MPII_PERSON)
