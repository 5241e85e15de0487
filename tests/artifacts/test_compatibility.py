"""Networks and data fit by their joints and crops; crops that were cut otherwise are allowed, and told."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts.compatibility import TRAVELS, check_crops, check_fits, other_joints, scored_split
from shgae.artifacts.store import Artifact
from shgae.errors import Refused
from tests.builders.chain import Notes
from tests.builders.manifests import MANIFEST

FACTS: dict[str, Any] = {
    "skeleton": {"names": ["nose", "hand"], "flip_pairs": [], "limbs": []},
    "category_id": 1,
    "mean_rgb": [0.1, 0.2, 0.3],
    "crop_size": 128,
    "crop_policy": "pad",
    "margin": 0.1,
}


def data_with(**facts: Any) -> Artifact:
    return Artifact(Path("data"), dataclasses.replace(MANIFEST, kind="data", facts=FACTS | facts))


def test_what_a_network_keeps_of_its_data_is_what_is_compared_here() -> None:
    assert set(TRAVELS) == FACTS.keys()


@pytest.mark.parametrize("facts", [{}, {"category_id": 7}, {"mean_rgb": [0.9, 0.9, 0.9]}])
def test_data_of_the_same_joints_and_crops_fits_without_a_word(facts: dict[str, Any]) -> None:
    notes = Notes()
    check_fits(FACTS, data_with(**facts), "model", notes)
    assert notes.said == []


@pytest.mark.parametrize("names", [["nose"], ["hand", "nose"], ["nose", "hand", "foot"], ["nose", "Hand"]])
def test_other_joints_are_refused_with_the_models_folder_but_their_crops_fit(names: list[str]) -> None:
    data = data_with(skeleton={"names": names, "flip_pairs": [], "limbs": []})
    with pytest.raises(Refused) as caught:
        check_fits(FACTS, data, "my/model", Notes())
    assert caught.value.where == "my/model"
    assert "--joint-mismatch" in caught.value.fix
    check_crops(FACTS, data, "my/model", Notes())


@pytest.mark.parametrize("check", [check_fits, check_crops])
def test_another_crop_size_is_refused(check: Any) -> None:
    with pytest.raises(Refused) as caught:
        check(FACTS, data_with(crop_size=256), "model", Notes())
    assert "--crop-size" in caught.value.fix
    assert ("128" in caught.value.why, "256" in caught.value.why) == (True, True)


@pytest.mark.parametrize("check", [check_fits, check_crops])
@pytest.mark.parametrize(
    "facts", [{"crop_policy": "inside"}, {"margin": 0.2}, {"crop_policy": "inside", "margin": 0.2}]
)
def test_crops_cut_in_another_way_are_told_one_by_one(check: Any, facts: dict[str, Any]) -> None:
    notes = Notes()
    check(FACTS, data_with(**facts), "model", notes)
    assert len(notes.said) == len(facts)
    for note, (key, value) in zip(notes.said, facts.items(), strict=True):
        assert f"{key} = {FACTS[key]}, this data has {value}" in note


@pytest.mark.parametrize(
    ("mine", "theirs", "place"),
    [(["a", "b"], ["a", "c"], "joint 2 is b there, c here"), (["a"], ["a", "b"], "the first ones agree")],
)
def test_the_first_joint_that_differs_is_named(mine: list[str], theirs: list[str], place: str) -> None:
    assert other_joints(mine, theirs, "data") == f"{len(mine)} joints, the data in data has {len(theirs)} ({place})"


@pytest.mark.parametrize(
    ("asked", "splits", "scored"),
    [
        ("auto", {"train": 3, "val": 2, "test": 1}, "test"),
        ("auto", {"train": 3, "val": 2}, "val"),
        ("auto", {"train": 3, "val": 2, "test": 0}, "val"),
        ("val", {"train": 3, "val": 2, "test": 1}, "val"),
        ("train", {"train": 3, "val": 2, "test": 1}, "train"),
    ],
)
def test_the_test_split_is_scored_where_there_is_one_and_nothing_else_is_asked(
    asked: Any, splits: dict[str, int], scored: str
) -> None:
    assert scored_split(data_with(splits=splits), asked) == scored
