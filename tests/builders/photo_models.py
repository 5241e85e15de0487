"""Networks of random weights as artefacts, photos and boxes for them, and maps that say what a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from shgae.artifacts.draft import new_artifact
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import build_hourglass, state_arrays
from shgae.recipes import PredictConfig
from shgae.skeleton import Skeleton
from shgae.stages import predict

FOUR = Skeleton.from_names(["left_hand", "nose", "right_hand", "chin"], [(0, 1), (2, 1)])


CONFIG = PredictConfig(batch_size=4, precision="fp32")


HOW = Execution()


CPU = torch.device("cpu")


def make_model(
    path: Path, skeleton: Skeleton = FOUR, edit: Callable[[torch.nn.Module], Any] = lambda _: None, **facts: Any
) -> Path:
    """A network of random weights, kept as an artefact."""
    spec = HourglassSpec(keypoints=len(skeleton), crop_size=128, residual="newell", width=16)
    module = build_hourglass(spec, seed=3)
    edit(module)
    told = {"mean_rgb": [0.4, 0.5, 0.6], "category_id": 1, "crop_policy": "pad", "margin": 0.1} | facts
    told |= {"spec": spec.to_json(), "skeleton": skeleton.to_json(), "crop_size": 128}
    with new_artifact(path, kind="hourglass", config={}, parents={}, execution=HOW) as draft:
        draft.write_tensors("model.safetensors", state_arrays(module))
        draft.commit(told)
    return path


def noise(seed: int, width: int, height: int) -> Image.Image:
    """A photo of coarse random colours."""
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture(autouse=True)
def small_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of one photo: drawing it would take most of the time."""
    monkeypatch.setattr(predict, "SHEET_PHOTOS", 1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("m") / "model")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Seven photos of different sizes."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(7):
        noise(number, 60 + 20 * number, 150 - 15 * number).save(folder / f"{number:05d}.png")
    return folder


@pytest.fixture
def boxes(tmp_path: Path, photos: Path) -> Path:
    """A COCO dataset with 0 to 6 people a photo, some of them partly beyond it."""
    images = [{"id": 100 + n, "file_name": f"{n:05d}.png"} for n in range(7)]
    annotations = [
        {"id": 10 * n + i, "image_id": 100 + n, "category_id": 1, "bbox": [12 * i - 12, 7 * i, 40 + n, 30 + 5 * i]}
        for n in range(7)
        for i in range(n)
    ]
    (tmp_path / "people.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return tmp_path / "people.json"


def entries(folder: Path) -> list[dict[str, Any]]:
    found = json.loads((folder / "predictions.json").read_text())
    assert isinstance(found, list)
    return found


def joints(entry: dict[str, Any]) -> np.ndarray:
    return np.array(entry["keypoints"]).reshape(-1, 3)


def say(monkeypatch: pytest.MonkeyPatch, maps: Callable[[int], torch.Tensor]) -> None:
    """Puts made-up maps in place of the network's: maps(N)."""
    monkeypatch.setattr(
        Inference, "last_maps", lambda _self, _network, crops, _valid, _pairs=None, _rule="round": maps(len(crops))
    )


def peaks(cells: Sequence[tuple[int, int]]) -> torch.Tensor:
    """(1, K, 32, 32): each joint's map is 0 but for its cell x, y."""
    maps = torch.zeros(1, len(cells), 32, 32)
    for joint, (x, y) in enumerate(cells):
        maps[0, joint, y, x] = 0.5 + 0.1 * joint
    return maps


def exif_of(orientation: int) -> Image.Exif:
    """What a camera writes that was held this way."""
    made = Image.Exif()
    made[0x0112] = orientation
    return made


def turn(path: Path, orientation: int) -> None:
    """Writes a photo again, of a camera that was held this way."""
    Image.open(path).save(path, exif=exif_of(orientation))
