"""The same checks at every reader: not finite, without area, of another category, written by Windows."""

from __future__ import annotations

import json
import os
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.artifacts.activations import Activations, shard_name
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import open_artifact
from shgae.artifacts.strict_json import decode
from shgae.cli.config_file import read as read_config
from shgae.data.boxes import read_boxes
from shgae.data.photos import boxed_photos
from shgae.data.text_input import leads_out, name_parts, whole
from shgae.errors import Diverged, Refused
from shgae.execution import Execution
from shgae.models.hourglass import StackedHourglass
from shgae.stages import extract, import_model
from tests.builders.chain import Chain
from tests.builders.tiny import TINY_EXTRACT

HOW = Execution()


def spoiled(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    """Every network has this number at one place of the bottleneck of the last person of a batch."""
    real = StackedHourglass.bottlenecks

    def bottlenecks(self: StackedHourglass, *arguments: Any) -> list[torch.Tensor]:
        found = [one.clone() for one in real(self, *arguments)]
        for one in found:
            one[-1, 3, 2, 1] = value
        return found

    monkeypatch.setattr(StackedHourglass, "bottlenecks", bottlenecks)


@pytest.mark.parametrize("dtype", ["fp32", "fp16"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_bottleneck_that_is_not_finite_ends_extract_and_names_the_person(
    tmp_path: Path, chain: Chain, monkeypatch: pytest.MonkeyPatch, dtype: Any, value: float
) -> None:
    spoiled(monkeypatch, value)
    with pytest.raises(Diverged, match="bottleneck of annotation .* finite") as ended:
        extract.run(chain.baseline, chain.data, tmp_path / "out", replace(TINY_EXTRACT, dtype=dtype), HOW)
    assert ended.value.exit_code == 4
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.rglob("bottleneck-*"))


def test_numbers_beyond_fp16_are_told_with_their_share_and_the_way_out(
    tmp_path: Path, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiled(monkeypatch, 70_000.0)
    with pytest.raises(
        Diverged, match=r"% of .* beyond 65,504.* largest is 70,000 .*annotation.*--dtype fp32"
    ) as ended:
        extract.run(chain.baseline, chain.data, tmp_path / "out", replace(TINY_EXTRACT, dtype="fp16"), HOW)
    share = float(ended.value.why.split(" %")[0])
    assert share == pytest.approx(100 / (4 * 16 * 16), rel=0.01), "one number of four people's"
    extract.run(chain.baseline, chain.data, tmp_path / "fp32", TINY_EXTRACT, HOW)
    spoiled(monkeypatch, 65_504.0)
    extract.run(chain.baseline, chain.data, tmp_path / "most", replace(TINY_EXTRACT, dtype="fp16"), HOW)
    assert np.isfinite(Activations(open_artifact(tmp_path / "most"), "train").read(np.arange(4))).all()


def test_activations_of_an_older_version_that_are_not_finite_are_refused(tmp_path: Path, chain: Chain) -> None:
    now = open_artifact(chain.activations)
    with new_artifact(tmp_path / "old", kind="activations", config={}, parents={}, execution=HOW) as made:
        for name in now.manifest.files:
            target = made.file(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            data = bytearray((now.path / name).read_bytes())
            if name.startswith("train/statistics"):
                data[-8:] = np.float64("nan").tobytes()  # the last number of the last of its tensors
            target.write_bytes(data)
        made.commit(dict(now.facts))
    old = open_artifact(tmp_path / "old")
    assert shard_name("train", 0) in old.manifest.files
    with pytest.raises(Refused, match="statistics.safetensors: .*not finite"):
        Activations(old, "train")
    assert len(Activations(old, "val"))


def boxes_of(content: Any, photos: list[str], folder: Path) -> Any:
    (folder / "boxes.json").write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return boxed_photos([folder / name for name in photos], read_boxes(folder / "boxes.json", 1))


BOX = {"bbox": [1, 2, 3, 4], "score": 0.5}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "it holds no box: its detector found nobody"),
        (
            [{**BOX, "image_id": 1, "category_id": 0}],
            "people have category_id 1, most boxes have 0.* Try: category_id 1",
        ),
        ([{"image_id": 1, "bbox": [1, 2, 0, 4]}], "box without area: 1.* Try: boxes with an area"),
        ([{"image_id": 1, "box": [1, 2, 3, 4]}], "no box: 1.* Try: bbox as its key"),
        ([{**BOX, "file_name": "images\\1.jpg"}], "Try: photos with a path that ends in images/1.jpg"),
    ],
)
def test_boxes_that_are_of_nobody_are_refused_with_a_fix_that_fits(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(Refused, match=words):
        boxes_of(content, ["1.jpg"], tmp_path)


@pytest.mark.parametrize("photo", ["7.jpg", "0007.png", "000000000007.jpg"])
@pytest.mark.parametrize("said", ["7", "07", "0007"])
def test_an_id_may_be_a_text(tmp_path: Path, said: str, photo: str) -> None:
    [found], skipped = boxes_of([{**BOX, "image_id": said}], ["8.jpg", photo], tmp_path)
    assert (found.path.name, found.people, dict(skipped)) == (photo, 1, {})


@pytest.mark.parametrize("key", ["image_id", "file_name"])
def test_a_name_that_is_not_utf8_is_found(tmp_path: Path, key: str) -> None:
    name = os.fsdecode(b"b\xff.jpg")
    [found], skipped = boxes_of([{**BOX, key: name}], ["a.jpg", name], tmp_path)
    assert (found.file_name, found.people, dict(skipped)) == (name, 1, {})


def test_a_box_without_area_among_others_is_counted(tmp_path: Path) -> None:
    entries = [{**BOX, "image_id": 1}, {"image_id": 1, "bbox": [5, 5, 0, 50]}, {"image_id": 1.0, "bbox": [5, 5, 9, -1]}]
    [photo], skipped = boxes_of(entries, ["1.jpg"], tmp_path)
    assert (photo.people, dict(skipped)) == (1, {"box without area": 2})


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_boxes_find_photos_as_windows_and_macs_name_them(tmp_path: Path, form: str, on_disk: str, mark: bytes) -> None:
    name = unicodedata.normalize(form, "sub\\Übung.jpg")
    content = mark + json.dumps([{**BOX, "file_name": name}], ensure_ascii=False).encode()
    [photo], _ = boxes_of(content, [unicodedata.normalize(on_disk, "sub/Übung.jpg")], tmp_path)
    assert photo.people == 1


ENCODINGS: tuple[Callable[[str], bytes], ...] = (
    str.encode,
    lambda text: b"\xef\xbb\xbf" + text.encode(),
)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\0")), st.sampled_from(ENCODINGS))
def test_text_is_read_whatever_program_saved_it(text: str, encode: Callable[[str], bytes]) -> None:
    assert decode(encode(text)) == text


@given(st.lists(st.sampled_from(["a", "Übung", "Ü", "..", ".", "b c"]), min_size=1, max_size=4), st.sampled_from("/\\"))
def test_a_path_means_the_same_with_either_slash(parts: list[str], slash: str) -> None:
    name = slash.join(parts)
    assert leads_out(name) == (".." in parts)
    assert leads_out(slash + name) and leads_out(f"C:\\{name}")
    if ".." not in parts:
        wanted = tuple(unicodedata.normalize("NFC", part) for part in parts if part != ".")
        assert name_parts(name) == wanted


@given(st.integers(-(2**53), 2**53))
@settings(max_examples=50)
def test_whole_numbers_keep_their_value(number: int) -> None:
    assert whole(float(number)) == whole(number) == number
    assert type(whole(float(number))) is int


@pytest.mark.parametrize("value", [0.5, True, None, "1", [1.0], float("nan"), float("inf"), 2.0**60])
def test_what_is_no_whole_number_is_left_as_it_is(value: Any) -> None:
    assert whole(value) is value


@pytest.mark.parametrize("encode", ENCODINGS)
def test_a_config_is_read_whatever_program_saved_it(encode: Callable[[str], bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "c.toml").write_bytes(encode('[prepare]\r\nexif = "apply"\r\ncategory = "Käfer"\r\n'))
        assert read_config(Path(folder) / "c.toml").values["prepare"] == {"exif": "apply", "category": "Käfer"}


def test_joints_of_an_import_are_of_the_category_that_is_named(tmp_path: Path) -> None:
    categories = [{"id": i, "name": name, "keypoints": [name]} for i, name in enumerate(("dog", "cat"), 1)]
    people = [{"id": i, "image_id": 1, "category_id": i} for i in (1, 2)]
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": people, "categories": categories}
    (tmp_path / "j.json").write_text(json.dumps(content))
    assert import_model._read_joints(tmp_path / "j.json", "cat").skeleton.names == ("cat",)
    with pytest.raises(Refused, match=r"dog \(1 annotations\), cat \(1 annotations\).*--category dog"):
        import_model._read_joints(tmp_path / "j.json", None)
