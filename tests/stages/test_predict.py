"""Predictions lie where the network says, whatever the batch, the threads, the order and the interruptions."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import open_artifact
from shgae.cli.app import main
from shgae.data import heatmaps
from shgae.data.boxes import Box
from shgae.data.photos import BoxedPhoto
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution, StopFlag
from shgae.inference.batches import Inference
from shgae.inference.pose_finder import PoseFinder, in_groups
from shgae.models.zoo import HourglassSpec, LoadedHourglass, build_hourglass, load_hourglass, state_arrays
from shgae.recipes import HeatmapConfig, PredictConfig
from shgae.skeleton import Skeleton
from shgae.stages import predict
from tests.builders.chain import Notes

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


@dataclasses.dataclass(frozen=True)
class Bounds:
    """A model without margin: a box of 128 x 128 whole pixels is a crop, pixel by pixel."""

    loaded: LoadedHourglass
    folder: Path


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Bounds:
    folder = tmp_path_factory.mktemp("exact")
    return Bounds(load_hourglass(make_model(folder / "model", margin=0.0)), folder)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    left=st.integers(-60, 130),
    top=st.integers(-60, 90),
    decode=st.sampled_from(["argmax", "quarter"]),
)
def test_a_mirrored_photo_has_mirrored_joints_under_the_flip_test(
    exact: Bounds, seed: int, left: int, top: int, decode: Any
) -> None:
    width, height = 200, 160
    photo = noise(seed, width, height)
    mirrored = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    config = dataclasses.replace(CONFIG, flip_test=True, decode=decode)
    asked = []
    for number, (picture, x) in enumerate(((photo, left), (mirrored, width - left - 128))):
        picture.save(exact.folder / f"{number}.png")
        asked.append(BoxedPhoto(exact.folder / f"{number}.png", f"{number}", number, (Box((x, top, 128, 128)),)))
    (rows,) = PoseFinder(exact.loaded, config, CPU, 0).over([tuple(asked)])
    one, other = (joints(row["people"][0]) for row in rows)
    for joint, partner in enumerate((2, 1, 0, 3)):
        # Cells of a crop begin at its left border, at pixel 0, and the last one at pixel 124 of 127: columns 1 to 31
        # mirror into each other exactly, and column 0, the border itself, into none. At columns 1 and 31 the quarter
        # offset sees column 0 or no neighbour: a quarter of a cell, one crop pixel.
        column = round((one[joint, 0] - left) / 4)
        partners_column = round((other[partner, 0] - (width - left - 128)) / 4)
        if 0 in (column, partners_column):
            continue
        assert partners_column == 32 - column
        bound = 1 if decode == "quarter" and column in (1, 31) else 0
        assert abs(one[joint, 0] + other[partner, 0] - width) <= bound + 1e-3
        assert one[joint, 1:].tolist() == pytest.approx(other[partner, 1:].tolist(), abs=1e-3)


def test_without_the_flip_test_a_mirrored_photo_has_other_joints(exact: Bounds) -> None:
    noise(5, 128, 128).save(exact.folder / "a.png")
    noise(5, 128, 128).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(exact.folder / "b.png")
    asked = tuple(BoxedPhoto(exact.folder / f"{name}.png", name, 0) for name in "ab")
    (rows,) = PoseFinder(exact.loaded, CONFIG, CPU, 0).over([asked])
    one, other = (joints(row["people"][0]) for row in rows)
    assert np.abs(one[:, 0] + other[[2, 1, 0, 3], 0] - 128).max() > 8


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


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 8))
def test_groups_are_full_batches_of_whole_photos_in_order(people: list[int], batch_size: int) -> None:
    photos = [BoxedPhoto(Path(f"{n}"), f"{n}", n, (Box((0, 0, 1, 1)),) * count) for n, count in enumerate(people)]
    groups = in_groups(photos, batch_size)
    assert [photo for group in groups for photo in group] == photos
    sizes = [sum(photo.people for photo in group) for group in groups]
    assert all(size <= batch_size or len(group) == 1 for size, group in zip(sizes, groups, strict=True))
    for size, following in zip(sizes, groups[1:], strict=False):
        assert size + following[0].people > batch_size, "the next photo had no room"


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
        lambda self, part, cut=PoseFinder._cut: (begun.append(part[0].file_name), cut(self, part))[1],
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


def test_bad_photos_are_named_and_the_others_go_on(tmp_path: Path, model: Path, photos: Path) -> None:
    whole = (photos / "00002.png").read_bytes()
    (photos / "00002.png").write_bytes(whole[: len(whole) // 2])
    (photos / "00004.png").write_text("no photo")
    notes = Notes()
    given = [photos, tmp_path / "missing.jpg"]
    result = predict.run(model, given, None, tmp_path / "out", CONFIG, Execution(progress=notes)).to_json()
    reasons = {one["file"]: one["reason"] for one in result["bad_photos"]}
    assert reasons.keys() == {"00002.png", "00004.png", "missing.jpg"}
    assert "cannot be decoded" in reasons["00002.png"]
    assert "no photo" in reasons["00004.png"]
    assert reasons["missing.jpg"] == "no such file"
    assert result["photos"] == result["people"] == len(entries(tmp_path / "out")) == 5
    assert [line.split(": ")[0] for line in notes.said if line.startswith("bad photo")] == [
        f"bad photo {path}" for path in (photos / "00002.png", photos / "00004.png", tmp_path / "missing.jpg")
    ]
    assert sorted(path.name for path in (tmp_path / "out" / "overlays").iterdir()) == [
        f"{number:05d}.jpg" for number in (0, 1, 3, 5, 6)
    ]


def test_when_every_photo_is_bad_the_run_is_refused_and_leaves_nothing(tmp_path: Path, model: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_text("no photo")
    with pytest.raises(Refused, match="nobody to predict") as refused:
        predict.run(model, [tmp_path / "a.jpg", tmp_path / "b.jpg"], None, tmp_path / "out", CONFIG, HOW)
    assert "none of JPEG, PNG" in refused.value.line()
    assert "1 more photo is bad" in refused.value.line()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "b.jpg"]


def test_boxes_of_another_photo_size_make_a_photo_bad(tmp_path: Path, model: Path, photos: Path, boxes: Path) -> None:
    document = json.loads(boxes.read_text())
    document["images"][2] |= {"width": 640, "height": 480}
    boxes.write_text(json.dumps(document))
    result = predict.run(model, [photos], boxes, tmp_path / "out", CONFIG, HOW).to_json()
    assert [one["file"] for one in result["bad_photos"]] == ["00002.png"]
    assert "the JSON says 640 x 480" in result["bad_photos"][0]["reason"]


def test_what_was_skipped_is_counted(tmp_path: Path, model: Path, photos: Path, boxes: Path) -> None:
    document = json.loads(boxes.read_text())
    first = document["annotations"][0]
    document["annotations"] += [
        first | {"id": 900, "iscrowd": 1},
        first | {"id": 901, "category_id": 2},
        first | {"id": 902, "bbox": [5000, 5000, 30, 30]},
        first | {"id": 903, "bbox": [0, 0, 1e9, 1e9]},
    ]
    boxes.write_text(json.dumps(document))
    (photos / "00006.png").unlink()
    notes = Notes()
    result = predict.run(model, [photos], boxes, tmp_path / "out", CONFIG, Execution(progress=notes)).to_json()
    assert result["boxes_skipped"] == {
        "crowd": 1,
        "of a photo that was not given": 6,
        "other category": 1,
        "too thin or too far off to fill a pixel of the crop": 2,
    }
    assert result["photos_without_box"] == 1
    assert (result["photos"], result["people"]) == (5, 15)
    assert "note: 1 of 6 photos have no box" in notes.said
    assert "note: 1 box skipped: crowd" in notes.said
    assert "note: 6 boxes skipped: of a photo that was not given" in notes.said
    assert not {900, 901, 902, 903} & {entry["annotation_id"] for entry in entries(tmp_path / "out")}


def test_boxes_that_all_lie_outside_are_refused(tmp_path: Path, model: Path, photos: Path) -> None:
    detection = {"image_id": 1, "bbox": [-500, -500, 20, 20]}
    (tmp_path / "b.json").write_text(json.dumps([detection] * 3))
    with pytest.raises(Refused, match="all 3 boxes are too thin or too far off"):
        predict.run(model, [photos], tmp_path / "b.json", tmp_path / "out", CONFIG, HOW)
    assert not list(tmp_path.glob("out*"))


def test_a_photo_too_thin_for_a_pixel_of_the_crop_is_bad_and_the_others_go_on(
    tmp_path: Path, model: Path, photos: Path
) -> None:
    noise(1, 3000, 1).save(photos / "thin.png")
    notes = Notes()
    result = predict.run(model, [photos], None, tmp_path / "out", CONFIG, Execution(progress=notes)).to_json()
    reason = "too thin or too far off to fill a pixel of the crop"
    assert result["bad_photos"] == [{"file": "thin.png", "reason": reason}]
    assert f"bad photo {photos / 'thin.png'}: {reason}" in notes.said
    assert (result["photos"], result["people"], result["boxes_skipped"]) == (7, 7, {})


def test_when_no_path_is_there_it_is_refused_before_anything_is_measured(tmp_path: Path, model: Path) -> None:
    notes = Notes()
    with pytest.raises(Refused, match="no such file or folder") as refused:
        predict.run(model, [tmp_path / "nowhere"], None, tmp_path / "out", CONFIG, Execution(progress=notes))
    assert refused.value.line().endswith("Try: check the path.")
    assert notes.said == []


@pytest.mark.parametrize(("count", "words"), [(1, "1 person in 1 photo,"), (7, "7 people in 7 photos,")])
def test_the_size_of_the_request_is_told(tmp_path: Path, model: Path, photos: Path, count: int, words: str) -> None:
    notes = Notes()
    given = sorted(photos.iterdir())[:count]
    predict.run(model, given, None, tmp_path / "out", CONFIG, Execution(progress=notes))
    assert any(words in line for line in notes.said)


def turn(path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.open(path).save(path, exif=exif)


def test_exif_turns_are_told_and_not_applied(tmp_path: Path, model: Path, photos: Path, boxes: Path) -> None:
    predict.run(model, [photos], None, tmp_path / "before", CONFIG, HOW)
    for number, orientation in ((0, 1), (1, 6), (2, 3), (3, 0)):
        turn(photos / f"{number:05d}.png", orientation)
    said = {}
    for name, asked in (("whole", None), ("boxed", boxes)):
        notes = Notes()
        predict.run(model, [photos], asked, tmp_path / name, CONFIG, Execution(progress=notes))
        said[name] = [line for line in notes.said if "EXIF" in line]
    note = "note: EXIF says to turn 2 photos, which is not done: they are no camera's JPEGs"
    assert said == {"whole": [note], "boxed": [note]}
    assert entries(tmp_path / "whole") == entries(tmp_path / "before")


@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12", b"Exif\0\0?"])
@pytest.mark.filterwarnings("error")
def test_a_torn_exif_block_does_not_spoil_a_photo(tmp_path: Path, model: Path, exif: bytes) -> None:
    given = [tmp_path / "a.jpg", tmp_path / "b.png"]
    for path in given:
        noise(1, 90, 70).save(path, exif=exif)
    result = predict.run(model, given, None, tmp_path / "out", CONFIG, HOW).to_json()
    assert (result["people"], result["bad_photos"]) == (2, [])


def test_the_turn_of_a_jpeg_is_told(tmp_path: Path, model: Path) -> None:
    noise(1, 90, 70).save(tmp_path / "a.jpg")
    turn(tmp_path / "a.jpg", 8)
    with pytest.raises(Refused, match="EXIF says to turn it.*--exif apply.*--exif ignore"):
        predict.run(model, [tmp_path / "a.jpg"], None, tmp_path / "out", CONFIG, HOW)
    for exif in ("ignore", "apply"):
        notes = Notes()
        config = dataclasses.replace(CONFIG, exif=exif)
        predict.run(model, [tmp_path / "a.jpg"], None, tmp_path / exif, config, Execution(progress=notes))
        assert any("EXIF" in line and f"--exif {exif}" in line for line in notes.said)


@pytest.mark.parametrize(("names", "told"), [(["nose", "chin"], 1), (["left_eye", "right_eye"], 0)])
def test_a_flip_test_that_swaps_nothing_is_told(tmp_path: Path, photos: Path, names: list[str], told: int) -> None:
    model = make_model(tmp_path / "model", Skeleton.from_names(names))
    notes = Notes()
    for flip in (True, False):
        config = dataclasses.replace(CONFIG, flip_test=flip, limit=1)
        predict.run(model, [photos], None, tmp_path / f"{flip}", config, Execution(progress=notes))
    line = f"note: no joint of {model} has a mirror partner; --flip-test mirrors without swapping any"
    assert notes.said.count(line) == told


def test_maps_that_are_no_numbers_are_refused(tmp_path: Path, photos: Path) -> None:
    def poison(module: Any) -> None:
        with torch.no_grad():
            module.stacks[-1].head.maps[-1].bias[0] = float("inf")

    sick = make_model(tmp_path / "sick", edit=poison)
    with pytest.raises(Refused, match="not finite"):
        predict.run(sick, [photos], None, tmp_path / "out", CONFIG, HOW)


def test_the_first_photos_are_those_that_have_a_box(tmp_path: Path, model: Path, photos: Path, boxes: Path) -> None:
    predict.run(model, [photos], boxes, tmp_path / "out", dataclasses.replace(CONFIG, limit=2), HOW)
    assert {entry["file_name"] for entry in entries(tmp_path / "out")} == {"00001.png", "00002.png"}


def test_a_crowd_is_cut_out_a_batch_at_a_time(
    tmp_path: Path, model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b.json").write_text(json.dumps([{"image_id": 0, "bbox": [n, n, 20, 20]} for n in range(9)]))
    seen: list[int] = []
    say(monkeypatch, lambda count: (seen.append(count), peaks([(n, n) for n in range(4)]).repeat(count, 1, 1, 1))[1])
    predict.run(model, [photos], tmp_path / "b.json", tmp_path / "out", CONFIG, HOW)
    assert seen == [4, 4, 1]
    assert [entry["bbox"][0] for entry in entries(tmp_path / "out")] == list(range(9))


def test_boxes_beyond_the_photo_neither_fill_a_batch_nor_overfill_one(
    tmp_path: Path, model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = {0, 5, 6}  # of the first part of four and of the second
    detections = [{"image_id": 0, "bbox": [9000 if n in far else n, n, 20, 20]} for n in range(10)]
    (tmp_path / "b.json").write_text(json.dumps(detections))
    seen: list[int] = []
    say(monkeypatch, lambda count: (seen.append(count), peaks([(n, n) for n in range(4)]).repeat(count, 1, 1, 1))[1])
    result = predict.run(model, [photos], tmp_path / "b.json", tmp_path / "out", CONFIG, HOW).to_json()
    assert seen == [3, 4], "parts of 3, 2 and 2 people"
    assert result["boxes_skipped"] == {"too thin or too far off to fill a pixel of the crop": 3}
    assert [entry["bbox"][1] for entry in entries(tmp_path / "out")] == [1, 2, 3, 4, 7, 8, 9]


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
    from shgae.plots.predicted_photos import Pictures

    def perfect(**facts: Any) -> float:
        loaded = load_hourglass(make_model(tmp_path / f"m{len(list(tmp_path.iterdir()))}", **facts))
        return Pictures(loaded, [], CONFIG)._perfect

    assert perfect() == 1, "nobody knows"
    assert perfect(heatmap=dataclasses.asdict(HeatmapConfig(peak="one"))) == 1
    mass = HeatmapConfig(peak="mass", sigma_visible=2.0)
    assert perfect(heatmap=dataclasses.asdict(mass)) == pytest.approx(1 / (2 * np.pi * 4), rel=0.01)


def test_the_output_may_not_hold_its_own_photos(tmp_path: Path, model: Path, photos: Path) -> None:
    predict.run(model, [photos], None, tmp_path / "out", CONFIG, HOW)
    before = files(tmp_path / "out")
    with pytest.raises(Refused, match="an input of this step"):
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
