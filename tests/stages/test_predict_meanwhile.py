"""A photo that is replaced while predict is at work: its joints are never drawn on, or kept for, another photo."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from shgae.errors import Refused
from shgae.execution import Execution
from shgae.inference.pose_finder import PoseFinder
from shgae.stages import predict
from tests.builders.photo_models import CONFIG, HOW, noise

pytestmark = pytest.mark.usefixtures("sketched")


@pytest.mark.parametrize("overlays", [True, False])
def test_a_photo_that_is_replaced_after_its_joints_were_found_is_looked_at_again(
    tmp_path: Path, model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, overlays: bool
) -> None:
    config = dataclasses.replace(CONFIG, overlays=overlays)
    noise(1, 30, 30).save(photos / "00000.bmp")
    found = PoseFinder._find

    def then_replaced(self: PoseFinder, *arguments: Any) -> Any:
        rows = found(self, *arguments)
        noise(2, 30, 30).save(photos / "00000.bmp")
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(PoseFinder, "_find", then_replaced)
        with pytest.raises(Refused, match="00000.bmp: .*changed while"):
            predict.run(model, [photos], None, tmp_path / "out", config, HOW)
    again = predict.run(model, [photos], None, tmp_path / "out", config, Execution(resume=True))
    whole = predict.run(model, [photos], None, tmp_path / "whole", config, HOW)
    assert again.artifact.id == whole.artifact.id


def test_a_crowd_with_a_photo_that_is_replaced_between_its_parts_is_a_bad_photo(
    tmp_path: Path, model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = PoseFinder._cut
    hashes = iter("abcdefghijklmnopqrstuvwxyz" * 9)
    monkeypatch.setattr(
        PoseFinder,
        "_cut",
        lambda self, part: cut(self, part)._replace(sha256=next(hashes)),  # each part of another
    )
    (tmp_path / "b.json").write_text(
        '[{"image_id": 1, "bbox": [1, 1, 20, 20]}, {"image_id": 1, "bbox": [2, 2, 20, 20]},'
        ' {"image_id": 2, "bbox": [1, 1, 20, 20]}]'
    )
    config = dataclasses.replace(CONFIG, overlays=False, batch_size=1)
    monkeypatch.setattr(predict.PhotoPictures, "sheet", lambda *_: None)
    result = predict.run(model, [photos], tmp_path / "b.json", tmp_path / "out", config, HOW)
    assert result.to_json()["bad_photos"] == [{"file": "00001.png", "reason": "it was changed while it was looked at"}]
    assert result.to_json()["people"] == 1
