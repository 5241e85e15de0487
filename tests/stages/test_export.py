"""The exported file says what the network says, tells what it is, and exists only if both are true."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import shgae
from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.cli.app import main
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution, StopFlag
from shgae.models.specs import HourglassSpec
from shgae.recipes import EvaluateConfig
from shgae.stages import evaluate, export
from tests.builders.chain import Chain
from tests.builders.exported import Exported

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

ROOT = Path(__file__).parents[2]
HOW, FORCE = Execution(), Execution(force=True)
Outputs = list[npt.NDArray[np.float32]]


def session_of(path: Path) -> Any:
    return onnxruntime.InferenceSession(path)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_onnxruntime_gives_torchs_maps_and_codes_for_any_number_of_images(exported: Exported, count: int) -> None:
    model = shgae.open_model(exported.model)
    images = torch.rand(count, 3, 128, 128, generator=torch.Generator().manual_seed(9)) - 0.4
    with torch.inference_mode():
        wanted = [model(images), model.hourglass().graft.encode(model.bottleneck(images))]
    found = session_of(exported.path).run(["maps", "code"], {"images": images.numpy()})
    for mine, theirs in zip(wanted, found, strict=True):
        assert mine.shape == theirs.shape
        assert mine.abs().max() > 0
        np.testing.assert_allclose(theirs, mine.numpy(), rtol=0, atol=1e-4 * mine.abs().max())


def test_the_file_alone_gives_the_joints_that_evaluate_predicts(exported: Exported, chain: Chain) -> None:
    """The way a stranger goes: the metadata, the crops' bytes, onnxruntime."""
    crops = Crops(open_artifact(chain.data), "test")
    session = session_of(exported.path)
    about = session.get_modelmeta().custom_metadata_map
    mean = np.array(json.loads(about["mean_rgb"]), np.float32)
    images = np.zeros((len(crops), 3, 128, 128), np.float32)
    for image, crop, (x0, y0, x1, y1) in zip(
        images, crops.read(np.arange(len(crops))), crops.people.valid, strict=True
    ):
        photo = crop[y0:y1, x0:x1].astype(np.float32) / 255 - mean
        image[:, y0:y1, x0:x1] = photo.transpose(2, 0, 1)
    maps = session.run(["maps"], {"images": images})[0][:, -1]
    y, x = np.divmod(maps.reshape(*maps.shape[:2], -1).argmax(-1), maps.shape[-1])
    scale, _, offset = about["cell_to_pixel"].partition(" * cell + ")
    xy_crop = np.stack([x, y], -1) * float(scale) + float(offset)
    predicted = evaluate.run([exported.model], chain.data, None, EvaluateConfig(precision="fp32"), HOW).predictions[0]
    truth = list(evaluate.coco_results(predicted, crops, category_id=1))
    assert len(np.unique(xy_crop.reshape(-1, 2), axis=0)) > 3
    for mine, theirs, (x0, y0, side) in zip(xy_crop, truth, crops.people.square, strict=True):
        xy_photo = np.array(theirs["keypoints"]).reshape(-1, 3)[:, :2]
        np.testing.assert_allclose(mine * side / 128 + [x0, y0], xy_photo, atol=1e-3)


def test_the_metadata_reads_back_with_onnx_alone(exported: Exported) -> None:
    graph = onnx.load(exported.path)
    about = {one.key: one.value for one in graph.metadata_props}
    manifest = json.loads((exported.model / "manifest.json").read_text())
    facts = manifest["facts"]
    assert about["model_id"] == manifest["id"] == exported.result.model
    assert about["crop_policy"] == facts["crop_policy"]
    assert about["shgae_version"] == shgae.__version__
    assert json.loads(about["joints"]) == facts["skeleton"]["names"]
    assert json.loads(about["limbs"]) == facts["skeleton"]["limbs"]
    for left, right in json.loads(about["flip_pairs"]):
        names = facts["skeleton"]["names"]
        assert names[left].replace("left", "right") == names[right]
    for name in ("mean_rgb", "crop_size", "margin", "spec"):
        assert json.loads(about[name]) == facts[name]
    assert int(about["stride"]) == 4
    assert HourglassSpec.from_json(json.loads(about["spec"])).grafts[0] is not None
    assert len(json.loads(about["flip_pairs"])) == 8


def test_the_description_says_what_goes_in_and_out(exported: Exported) -> None:
    graph = onnx.load(exported.path)
    text = graph.doc_string
    for words in (
        "images (batch, 3, 128, 128)",
        "maps (batch, 1, 17, 32, 32)",
        "code (batch, 6)",
        "4 * cell + 0.5",
        "stack 0",
    ):
        assert words in text
    assert exported.result.inputs == {"images": ("batch", 3, 128, 128)}
    assert exported.result.outputs == {"maps": ("batch", 1, 17, 32, 32), "code": ("batch", 6)}


def test_it_is_one_file_in_a_folder_that_was_made_and_the_result_describes_it(exported: Exported) -> None:
    assert [path.name for path in exported.path.parent.iterdir()] == ["pose.onnx"]
    data = exported.path.read_bytes()
    assert (exported.result.sha256, exported.result.size) == (hashlib.sha256(data).hexdigest(), len(data))
    onnx.checker.check_model(data, full_check=True)
    assert str(ROOT).encode() not in data
    assert list(exported.result.checked) == [1, 2, 5]
    for differences in exported.result.checked.values():
        assert differences.keys() == {"maps", "code"}
        assert all(0 <= difference < 1e-4 for difference in differences.values())


@pytest.mark.slow
def test_another_process_makes_the_same_bytes_and_speaks_json_only(exported: Exported, tmp_path: Path) -> None:
    words = ["export", exported.model, "-o", tmp_path / "again.onnx", "--json", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-m", "shgae", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert result == exported.result.to_json() | {"output": str(tmp_path / "again.onnx")}
    assert (tmp_path / "again.onnx").read_bytes() == exported.path.read_bytes()


def test_people_read_a_table_of_file_shapes_and_differences(quick: Exported, tmp_path: Path, capsys) -> None:
    assert main(["export", str(quick.model), "-o", str(tmp_path / "pose.onnx"), "--quiet"]) == 0
    text = "\n".join(" ".join(line.split()) for line in capsys.readouterr().out.splitlines())
    assert f"file {tmp_path / 'pose.onnx'}" in text
    assert "input images (batch, 3, 128, 128)" in text
    assert "output code (batch, 6)" in text
    assert text.count("off torch, ") == 3


def test_what_is_no_hourglass_is_refused(chain: Chain, tmp_path: Path) -> None:
    for path, why in ((chain.data, "it holds prepared data"), (tmp_path / "none", "no such folder")):
        with pytest.raises(Refused, match=why):
            export.run(path, tmp_path / "new" / "pose.onnx", HOW)
    assert list(tmp_path.iterdir()) == []


def test_a_network_too_large_for_one_file_is_refused(
    quick: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_MOST_BYTES", 20_000)
    with pytest.raises(Refused, match=r"20\.0 kB"):
        export.run(quick.model, tmp_path / "pose.onnx", HOW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("hidden", "words"),
    [
        (("onnx",), "package onnx is"),
        (("onnxscript", "onnxruntime"), "packages onnxscript, onnxruntime are"),
    ],
)
def test_without_the_extra_it_says_what_to_install_before_anything_else(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, hidden: tuple[str, ...], words: str
) -> None:
    for name in hidden:
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["export", str(chain.baseline), "-o", str(tmp_path / "pose.onnx")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err and all(name in err for name in ("pip", *hidden)) and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


class StopAt(StopFlag):
    """A signal that comes before the n-th question."""

    def __init__(self, question: int) -> None:
        super().__init__()
        self._left = question

    def raise_if_set(self, where: object, fix: str, *, saved: bool = True) -> None:
        self._left -= 1
        if self._left == 0:
            self.signal_number = 2
        super().raise_if_set(where, fix, saved=saved)


@pytest.mark.parametrize("question", [1, 2, 4])
def test_a_signal_leaves_nothing(quick: Exported, tmp_path: Path, question: int) -> None:
    how = dataclasses.replace(HOW, stop=StopAt(question))
    with pytest.raises(Interrupted, match="nothing was written") as told:
        export.run(quick.model, tmp_path / "pose.onnx", how)
    assert told.value.exit_code == 130
    assert list(tmp_path.iterdir()) == []
