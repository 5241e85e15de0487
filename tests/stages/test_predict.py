"""Predictions lie where the network says, whatever the batch, the threads, the order and the interruptions."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from shgae.artifacts.store import open_artifact
from shgae.cli.app import main
from shgae.data import heatmaps
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution, StopFlag
from shgae.inference.batches import Inference
from shgae.inference.pose_finder import PoseFinder
from shgae.models.zoo import load_hourglass
from shgae.recipes import HeatmapConfig
from shgae.skeleton import Skeleton
from shgae.stages import predict
from tests.builders.chain import Notes
from tests.builders.photo_models import (
    CONFIG,
    FOUR,
    HOW,
    entries,
    joints,
    make_model,
    noise,
    peaks,
    say,
)

pytestmark = pytest.mark.usefixtures("sketched")


def test_cells_become_photo_pixels_by_the_square_around_the_box(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (200, 100)).save(tmp_path / "0042.png")
    detection = {"image_id": 42, "category_id": 1, "score": 0.5, "bbox": [60, 30, 40, 20]}
    (tmp_path / "b.json").write_text(json.dumps([detection]))
    cells = [(0, 0), (16, 16), (31, 2), (7, 30)]
    say(monkeypatch, lambda _: peaks(cells))
    config = dataclasses.replace(CONFIG, decode="argmax")
    predict.run(model, [tmp_path / "0042.png"], tmp_path / "b.json", tmp_path / "out", config, HOW)
    (entry,) = entries(tmp_path / "out")
    # The square: 44 pixels around (80, 40), so 44 / 128 photo pixels to a crop pixel.
    wanted = [((4 * x + 0.5) * 44 / 128 + 58, (4 * y + 0.5) * 44 / 128 + 18) for x, y in cells]
    np.testing.assert_allclose(joints(entry)[:, :2], wanted, atol=1e-4)
    np.testing.assert_allclose(joints(entry)[:, 2], [0.5, 0.6, 0.7, 0.8], atol=1e-6)
    assert entry["score"] == pytest.approx(0.65 * 0.5)
    rest = {"image_id": 42, "category_id": 1, "file_name": "0042.png", "bbox": [60, 30, 40, 20]}
    assert {key: entry[key] for key in entry.keys() - {"keypoints", "score"}} == rest


def test_the_flip_test_takes_its_lag_back(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (128, 128)).save(tmp_path / "a.png")
    say(monkeypatch, lambda _: peaks([(16, 16)] * 4))
    found = []
    for flip in (False, True):
        config = dataclasses.replace(CONFIG, flip_test=flip)
        predict.run(model, [tmp_path / "a.png"], None, tmp_path / f"{flip}", config, HOW)
        found.append(joints(entries(tmp_path / f"{flip}")[0]))
    # The photo is the middle of a square of 1.1 x 128 pixels.
    np.testing.assert_allclose((found[0] - found[1])[:, :2], [[0.55, 0.0]] * 4, atol=1e-4)


@pytest.mark.parametrize(("facts", "told"), [({}, 0), ({"square": "coco"}, 0), ({"square": "mpii"}, 1)])
def test_squares_that_predict_cannot_make_are_told(
    tmp_path: Path, photos: Path, boxes: Path, facts: dict[str, Any], told: int
) -> None:
    model, notes = make_model(tmp_path / "m", margin=0.25, **facts), Notes()
    predict.run(model, [photos], boxes, tmp_path / "out", CONFIG, Execution(progress=notes))
    assert sum("MPII's squares" in note for note in notes.said) == told


def test_a_flat_map_is_declared_and_has_no_place(tmp_path: Path, photos: Path) -> None:
    def flatten(module: Any) -> None:
        last = module.stacks[-1].head.maps[-1]
        with torch.no_grad():
            last.weight[1] = 0

    flat = make_model(tmp_path / "flat", edit=flatten)
    result = predict.run(flat, [photos], None, tmp_path / "out", CONFIG, HOW).to_json()
    for entry in entries(tmp_path / "out"):
        assert entry["undecided"] == ["nose"]
        assert joints(entry)[1].tolist() == [0, 0, 0]
        assert joints(entry)[[0, 2, 3]].any(1).all()
        assert entry["score"] == pytest.approx(joints(entry)[:, 2].mean(), abs=1e-4)
    assert result["undecided"] == {"nose": 7}


def test_a_joint_beyond_the_photo_keeps_its_place_and_is_declared(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (100, 100)).save(tmp_path / "1.png")
    detection = {"image_id": 1, "category_id": 1, "bbox": [-50, 40, 100, 20]}
    (tmp_path / "b.json").write_text(json.dumps([detection]))
    say(monkeypatch, lambda _: peaks([(1, 16), (20, 16), (30, 1), (17, 31)]))
    result = predict.run(model, [tmp_path / "1.png"], tmp_path / "b.json", tmp_path / "out", CONFIG, HOW).to_json()
    (entry,) = entries(tmp_path / "out")
    # The square: 110 pixels around (0, 50).
    np.testing.assert_allclose(joints(entry)[0, :2], (4.5 * 110 / 128 - 55, 64.5 * 110 / 128 - 5), atol=1e-4)
    assert entry["outside_photo"] == ["left_hand", "right_hand", "chin"]
    assert [name for name, (x, y, _) in zip(FOUR.names, joints(entry), strict=True) if x < 0 or y < 0 or y > 100]
    assert "undecided" not in entry
    assert result["outside_photo"] == {"left_hand": 1, "right_hand": 1, "chin": 1}


def test_the_joints_that_maps_were_made_from_come_back(
    tmp_path: Path, model: Path, photos: Path, boxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = torch.rand(21, 4, 2, generator=torch.Generator().manual_seed(1)) * 120 + 4
    at = [0]

    def maps(count: int) -> torch.Tensor:
        at[0] += count
        return heatmaps.encode(truth[at[0] - count : at[0]], torch.full((count, 4), 2), HeatmapConfig(), 128)

    say(monkeypatch, maps)
    predict.run(model, [photos], boxes, tmp_path / "out", CONFIG, HOW)
    found = entries(tmp_path / "out")
    assert len(found) == 21
    for entry, wanted in zip(found, truth, strict=True):
        x, y, width, height = entry["bbox"]
        side = max(max(width, height) * 1.1, 8)
        back = (joints(entry)[:, :2] - (x + width / 2 - side / 2, y + height / 2 - side / 2)) * 128 / side
        assert np.abs(back - wanted.numpy()).max() <= 3.001, "half a cell of 4 pixels, rounding and the cut to pixels"


def test_a_model_of_one_joint_works(tmp_path: Path, photos: Path) -> None:
    nose = make_model(tmp_path / "nose", Skeleton.from_names(["nose"]))
    predict.run(nose, [photos], None, tmp_path / "out", dataclasses.replace(CONFIG, flip_test=True), HOW)
    assert [joints(entry).shape for entry in entries(tmp_path / "out")] == [(1, 3)] * 7


@pytest.mark.parametrize("facts", [{"crop_policy": "inside"}, {"margin": 0.5}])
def test_people_are_cut_out_as_in_training(tmp_path: Path, photos: Path, boxes: Path, facts: dict[str, Any]) -> None:
    found = []
    for told in ({}, facts):
        path = make_model(tmp_path / f"model{len(told)}", **told)
        predict.run(path, [photos], boxes, tmp_path / f"out{len(told)}", CONFIG, HOW)
        found.append(entries(tmp_path / f"out{len(told)}"))
    assert len(found[0]) == len(found[1]) == 21, "a box that no square inside the photo holds is padded"
    assert found[0] != found[1]


@pytest.mark.parametrize("flip_test", [False, True])
@pytest.mark.parametrize(("batch_size", "workers", "backwards"), [(1, 0, False), (3, 4, True), (64, 2, False)])
def test_batches_threads_and_order_do_not_change_the_results(
    tmp_path: Path, model: Path, photos: Path, boxes: Path, batch_size: int, workers: int, backwards: bool, flip_test
) -> None:
    config = dataclasses.replace(CONFIG, flip_test=flip_test)
    predict.run(model, [photos], boxes, tmp_path / "one", config, HOW)
    other = dataclasses.replace(config, batch_size=batch_size)
    order = sorted(photos.iterdir(), reverse=backwards)
    predict.run(model, order, boxes, tmp_path / "other", other, Execution(workers=workers))
    one, again = (sorted(entries(tmp_path / name), key=lambda e: e["annotation_id"]) for name in ("one", "other"))
    assert [e["annotation_id"] for e in one] == [e["annotation_id"] for e in again]
    for a, b in zip(one, again, strict=True):
        np.testing.assert_allclose(joints(a), joints(b), atol=2e-4)  # the last of four digits
        assert {**a, "keypoints": 0, "score": 0} == {**b, "keypoints": 0, "score": 0}


class StopAt(StopFlag):
    """A signal that is seen after so many groups."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.left = groups

    def raise_if_set(self, where: object, fix: str, *, saved: bool = True) -> None:
        self.left -= 1
        self.signal_number = 15 if self.left == 0 else None
        super().raise_if_set(where, fix, saved=saved)


def files(folder: Path) -> dict[str, bytes]:
    made = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in made.items() if name not in ("manifest.json", "sheet.png")}


@pytest.mark.parametrize("groups", [1, 3, 5])
def test_an_interrupted_run_goes_on_to_the_same_bytes(
    tmp_path: Path, model: Path, photos: Path, boxes: Path, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "00003.png").write_bytes(b"torn")
    whole = predict.run(model, [photos], boxes, tmp_path / "whole", CONFIG, HOW)
    torn = tmp_path / "torn"
    with pytest.raises(Interrupted, match="--resume"):
        predict.run(model, [photos], boxes, torn, CONFIG, Execution(stop=StopAt(groups)))
    with (tmp_path / "torn.partial" / "groups.jsonl").open("a") as table:
        table.write('{"photos": [{"file_na')  # a kill in the middle of a line
    begun: list[str] = []
    monkeypatch.setattr(
        PoseFinder,
        "_cut",
        lambda self, photo, cut=PoseFinder._cut: (begun.append(photo.file_name), cut(self, photo))[1],
    )
    again = predict.run(model, [photos], boxes, torn, CONFIG, Execution(resume=True))
    assert len(begun) < sum(range(7)), "what was done is not done again"
    assert "00001.png" not in begun
    assert again.artifact.id == whole.artifact.id
    assert files(torn) == files(tmp_path / "whole")
    assert not list(torn.rglob(".*")), "nothing of the work is left"


def test_a_run_that_fails_at_its_very_end_goes_on_without_the_network(
    tmp_path: Path, model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = predict.run(model, [photos], None, tmp_path / "whole", CONFIG, HOW)
    with monkeypatch.context() as patch:
        patch.setattr("shgae.artifacts.draft.put_in_place", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            predict.run(model, [photos], None, tmp_path / "out", CONFIG, HOW)
    monkeypatch.setattr(Inference, "last_maps", None)
    again = predict.run(model, [photos], None, tmp_path / "out", CONFIG, Execution(resume=True))
    assert again.artifact.id == whole.artifact.id
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_a_photo_of_another_content_is_looked_at_again(tmp_path: Path, model: Path, photos: Path) -> None:
    noise(1, 30, 30).save(photos / "00000.bmp")
    with pytest.raises(Interrupted):
        predict.run(model, [photos], None, tmp_path / "out", CONFIG, Execution(stop=StopAt(1)))
    noise(2, 30, 30).save(photos / "00000.bmp")  # of the same size in bytes
    again = predict.run(model, [photos], None, tmp_path / "out", CONFIG, Execution(resume=True))
    whole = predict.run(model, [photos], None, tmp_path / "whole", CONFIG, HOW)
    assert again.artifact.id == whole.artifact.id


@pytest.mark.parametrize("change", ["photo", "list", "boxes"])
def test_other_photos_or_boxes_do_not_continue_a_run(
    tmp_path: Path, model: Path, photos: Path, boxes: Path, change: str
) -> None:
    with pytest.raises(Interrupted):
        predict.run(model, [photos], boxes, tmp_path / "out", CONFIG, Execution(stop=StopAt(1)))
    if change == "photo":
        noise(9, 30, 30).save(photos / "00001.png")
    elif change == "list":
        (photos / "00006.png").unlink()
    else:
        boxes.write_text(boxes.read_text() + " ")
    with pytest.raises(Refused, match="begun otherwise"):
        predict.run(model, [photos], boxes, tmp_path / "out", CONFIG, Execution(resume=True))


def test_overlays_of_one_name_do_not_meet(tmp_path: Path, model: Path) -> None:
    given = []
    for folder, name in (("x", "a.png"), ("y", "A.jpg"), ("y", "a.bmp"), ("x", "a-2.png"), ("x", f"{'n' * 250}.png")):
        (tmp_path / folder).mkdir(exist_ok=True)
        noise(1, 40, 30).save(tmp_path / folder / name)
        given.append(tmp_path / folder / name)
    predict.run(model, given, None, tmp_path / "out", CONFIG, HOW)
    made = {path.name: Image.open(path).size for path in (tmp_path / "out" / "overlays").iterdir()}
    assert made == dict.fromkeys(["a.jpg", "A-2.jpg", "a-3.jpg", "a-2-2.jpg", f"{'n' * 200}.jpg"], (40, 30))


def test_an_overlay_is_the_photo_with_something_on_it(tmp_path: Path, model: Path) -> None:
    Image.new("RGB", (90, 70), (90, 90, 90)).save(tmp_path / "a.png")
    predict.run(model, [tmp_path / "a.png"], None, tmp_path / "out", CONFIG, HOW)
    picture = np.asarray(Image.open(tmp_path / "out" / "overlays" / "a.jpg")).astype(int)
    changed = np.abs(picture - 90).max(2) > 40
    assert 10 < changed.sum() < 2000
    without = dataclasses.replace(CONFIG, overlays=False)
    predict.run(model, [tmp_path / "a.png"], None, tmp_path / "without", without, HOW)
    assert sorted(files(tmp_path / "without")) == ["predictions.json"]
    assert (tmp_path / "without" / "sheet.png").is_file()


def test_scores_are_drawn_against_the_height_of_a_perfect_map(tmp_path: Path) -> None:
    from shgae.reporting.predicted_photos import PhotoPictures

    def perfect(**facts: Any) -> float:
        loaded = load_hourglass(make_model(tmp_path / f"m{len(list(tmp_path.iterdir()))}", **facts))
        return PhotoPictures(loaded, [], CONFIG)._perfect

    assert perfect() == 1, "nobody knows"
    assert perfect(heatmap=dataclasses.asdict(HeatmapConfig(peak="one"))) == 1
    mass = HeatmapConfig(peak="mass", sigma_visible=2.0)
    assert perfect(heatmap=dataclasses.asdict(mass)) == pytest.approx(1 / (2 * np.pi * 4), rel=0.01)


def test_the_output_may_not_hold_its_own_photos(tmp_path: Path, model: Path, photos: Path) -> None:
    predict.run(model, [photos], None, tmp_path / "out", CONFIG, HOW)
    before = files(tmp_path / "out")
    with pytest.raises(Refused, match="input"):
        predict.run(model, [tmp_path / "out" / "overlays"], None, tmp_path / "out", CONFIG, Execution(force=True))
    assert files(tmp_path / "out") == before


def test_the_command_tells_what_a_person_wants_to_know(
    tmp_path: Path, model: Path, photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(12):
        (photos / f"bad{number:02d}.jpg").write_text("no photo")
    assert main(["predict", str(model), "photos", "-o", "out", "--flip-test"]) == 0
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if line.split() == ["photos", "7"]]
    assert out.count("bad photo bad") == 10
    assert "and 2 more" in out
    assert "picture: out/sheet.png" in out
    assert "next: shgae info out" in out
    assert err.count("bad photo photos/bad") == 12
    assert main(["verify", "out"]) == 0
    capsys.readouterr()
    assert main(["predict", str(model), "photos", "-o", "again", "--json", "-q"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["kind"] == "predictions"
    assert result["people"] == 7
    assert len(result["bad_photos"]) == 12
    artifact = open_artifact(tmp_path / "again", "predictions")
    assert artifact.parent("model").id == open_artifact(model).id  # type: ignore[union-attr]
    assert artifact.facts["skeleton"] == FOUR.to_json()


def test_the_command_counts_joints_by_their_very_names(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def flatten(module: Any) -> None:
        with torch.no_grad():
            module.stacks[-1].head.maps[-1].weight.zero_()

    model = make_model(tmp_path / "model", Skeleton.from_names(["head_top", "left__knee"]), flatten)
    assert main(["predict", str(model), str(photos), "-o", str(tmp_path / "out")]) == 0
    assert "head_top: 7, left__knee: 7" in capsys.readouterr().out
