"""Joints that a mirror image leaves in place are named where data are prepared and where crops are mirrored."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from shgae.execution import Execution
from shgae.recipes import PrepareConfig, ShowConfig, Split
from shgae.stages import prepare, show, train
from tests.builders.chain import Notes
from tests.builders.tiny import TINY


def renamed(source: prepare.Source, path: Path) -> prepare.Source:
    """The same people with wrists that no mirror pair is known of."""
    text = source.annotations.read_text()
    path.write_text(text.replace('"left_wrist"', '"wrist A"').replace('"right_wrist"', '"wrist B"'))
    assert "wrist A" in str(json.loads(path.read_text())["categories"])
    return dataclasses.replace(source, annotations=path)


@pytest.mark.parametrize("flip", [0.0, 0.5])
def test_wrists_without_a_side_are_named(drawn: dict[Split, prepare.Source], tmp_path: Path, flip: float) -> None:
    told, notes, seen = Notes(), Notes(), Notes()
    sources = {split: renamed(source, tmp_path / f"{split}.json") for split, source in drawn.items()}
    prepare.run(sources, tmp_path / "data", PrepareConfig(crop_size=128, limit=4), Execution(progress=told))
    config = dataclasses.replace(TINY, epochs=1, augment="newell", flip=flip)
    train.run(tmp_path / "data", tmp_path / "run", config, Execution(progress=notes))
    look = ShowConfig(people=1, augment="newell", flip=flip)
    show.run(tmp_path / "data", None, tmp_path / "sheet.png", look, Execution(progress=seen))
    said = [["place: wrist A, wrist B (" in line for line in one.said].count(True) for one in (told, notes, seen)]
    assert said == [1, int(flip > 0), int(flip > 0)]
