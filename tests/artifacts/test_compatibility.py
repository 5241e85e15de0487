"""Networks and data fit by their joints and crops; crops that were cut otherwise are allowed, and told."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts.compatibility import (
    TRAVELS,
    Bottlenecks,
    check_autoencoder,
    check_crops,
    check_fits,
    check_trained_on,
    copied,
    find_stacks,
    from_start,
    other_joints,
    scored_split,
    seen,
)
from shgae.artifacts.manifest import Parent
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


def network_with(**facts: Any) -> Artifact:
    return Artifact(Path("my/model"), dataclasses.replace(MANIFEST, kind="hourglass", facts=FACTS | facts))


def test_what_a_network_keeps_of_its_data_is_what_is_compared_here() -> None:
    assert set(TRAVELS) == FACTS.keys()


@pytest.mark.parametrize("facts", [{}, {"category_id": 7}, {"mean_rgb": [0.9, 0.9, 0.9]}])
def test_data_of_the_same_joints_and_crops_fits_without_a_word(facts: dict[str, Any]) -> None:
    notes = Notes()
    check_fits(network_with(), data_with(**facts), notes)
    assert notes.said == []


@pytest.mark.parametrize("names", [["nose"], ["hand", "nose"], ["nose", "hand", "foot"], ["nose", "Hand"]])
def test_other_joints_are_refused_with_the_models_folder_but_their_crops_fit(names: list[str]) -> None:
    data = data_with(skeleton={"names": names, "flip_pairs": [], "limbs": []})
    with pytest.raises(Refused) as caught:
        check_fits(network_with(), data, Notes())
    assert caught.value.where == "my/model"
    assert "--joint-mismatch match" in caught.value.fix and "--joint-mismatch reset" in caught.value.fix
    check_crops(network_with(), data, Notes())


def test_joints_are_to_be_matched_only_where_some_have_the_same_name() -> None:
    data = data_with(skeleton={"names": ["petal", "leaf"], "flip_pairs": [], "limbs": []})
    with pytest.raises(Refused) as caught:
        check_fits(network_with(), data, Notes())
    assert "match" not in caught.value.fix.replace("--joint-mismatch", "") and "reset" in caught.value.fix


@pytest.mark.parametrize("check", [check_fits, check_crops])
def test_another_crop_size_is_refused(check: Any) -> None:
    with pytest.raises(Refused) as caught:
        check(network_with(), data_with(crop_size=256), Notes())
    assert "--crop-size" in caught.value.fix
    assert ("128" in caught.value.why, "256" in caught.value.why) == (True, True)


@pytest.mark.parametrize("check", [check_fits, check_crops])
@pytest.mark.parametrize(
    "facts", [{"crop_policy": "inside"}, {"margin": 0.2}, {"crop_policy": "inside", "margin": 0.2}]
)
def test_crops_cut_in_another_way_are_told_one_by_one(check: Any, facts: dict[str, Any]) -> None:
    notes = Notes()
    check(network_with(), data_with(**facts), notes)
    assert len(notes.said) == len(facts)
    for note, (key, value) in zip(notes.said, facts.items(), strict=True):
        assert f"{key} = {FACTS[key]}, this data has {value}" in note


@pytest.mark.parametrize(
    ("mine", "theirs", "told"),
    [
        ({"square": "mpii"}, {}, ["square = mpii, this data has study"]),
        ({"square": "mpii"}, {"square": "coco"}, ["square = mpii, this data has coco"]),
        ({"square": "coco"}, {"square": "coco"}, []),
        ({}, {"square": "mpii"}, []),
    ],
)
def test_squares_of_another_kind_are_told_where_the_network_knows_its_own(
    mine: dict[str, Any], theirs: dict[str, Any], told: list[str]
) -> None:
    notes = Notes()
    check_crops(network_with(**mine), data_with(**theirs), notes)
    assert [note.split("trained with ")[1] for note in notes.said] == told


def test_what_networks_keep_goes_on_from_data_to_network_to_network() -> None:
    data = FACTS | {"square": "mpii", "splits": {"train": 3}}
    assert seen(data) == FACTS | {"square": "mpii"}
    assert seen(FACTS) == FACTS
    with pytest.raises(KeyError):
        seen({key: value for key, value in FACTS.items() if key != "margin"})
    network = seen(data) | {"cell_rule": "floor", "heatmap": {}, "made_by": "train"}
    assert copied(network) == FACTS | {"square": "mpii", "cell_rule": "floor", "heatmap": {}}


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


@pytest.mark.parametrize(
    ("stack", "there", "found"),
    [
        ("last", (0, 2), (2,)),
        ("last", (0,), (0,)),
        ("all", (0, 2), (0, 2)),
        ("0", (0, 2), (0,)),
        ("2", (0, 2), (2,)),
        (2, (0, 2), (2,)),
        (-1, range(3), (2,)),
        (-3, range(3), (0,)),
        (-1, (1, 2), (2,)),
        (-2, (0, 2), (0,)),
        ("last", (-1,), (-1,)),
        (-1, (-1,), (-1,)),
    ],
)
def test_a_stack_is_found_by_its_number_its_place_or_all_at_once(
    stack: Any, there: Sequence[int], found: tuple[int, ...]
) -> None:
    assert find_stacks(stack, there, "here", "") == found


@pytest.mark.parametrize(
    ("stack", "there", "told"),
    [
        ("1", (0, 2), "stacks 0 and 2"),
        (3, range(3), "stacks 0, 1 and 2"),
        (-4, range(3), "stacks 0, 1 and 2"),
        ("0", (-1,), "the last stack"),
    ],
)
def test_a_stack_that_is_not_there_is_refused_with_those_that_are(stack: Any, there: Sequence[int], told: str) -> None:
    with pytest.raises(Refused) as caught:
        find_stacks(stack, there, "here", "another")
    assert (caught.value.what, caught.value.where, caught.value.fix) == (f"stack {stack}", "here", "another")
    assert told in caught.value.why


@pytest.mark.parametrize(("stack", "number"), [(0, 0), (2, 2), (-1, 2), (-3, 0)])
def test_a_negative_stack_counts_from_the_end(stack: int, number: int) -> None:
    assert from_start(stack, 3) == number


NETWORK = Artifact(Path("base"), dataclasses.replace(MANIFEST, kind="hourglass"))
ACTIVATIONS = Parent(
    "activations", "activations", "3" * 64, "acts", (Parent("model", "hourglass", NETWORK.id, "base"),)
)
INTO = Bottlenecks(NETWORK, width=16, stack_count=3, stacks=[2])


def code_of(*parents: Parent, **facts: Any) -> Artifact:
    return Artifact(Path("code"), dataclasses.replace(MANIFEST, kind="autoencoder", facts=facts, parents=parents))


@pytest.mark.parametrize("stacks", [[2], [0, 2], [-1]])
def test_an_autoencoder_of_these_bottlenecks_belongs_to_them_without_a_word(stacks: list[int]) -> None:
    notes = Notes()
    check_autoencoder(code_of(ACTIVATIONS, stacks=stacks), 16, INTO, notes)
    assert notes.said == []


@pytest.mark.parametrize(
    ("change", "width", "stacks", "told"),
    [
        ({"taken": [2]}, 16, [2], "of its own at stack 2"),
        ({}, 20, [2], "20 channels, the bottleneck of base has 16"),
        ({"model": Artifact(Path("other"), MANIFEST)}, 16, [2], "not of other"),
        ({}, 16, [0, 1], "stacks 0 and 1 of base, not on stack 2"),
    ],
)
def test_an_autoencoder_of_something_else_is_refused_by_its_folder(
    change: dict[str, Any], width: int, stacks: list[int], told: str
) -> None:
    with pytest.raises(Refused) as caught:
        check_autoencoder(code_of(ACTIVATIONS, stacks=stacks), width, dataclasses.replace(INTO, **change), Notes())
    assert (caught.value.what, caught.value.where) == ("autoencoder", "code")
    assert told in caught.value.why


def test_a_stack_that_carries_one_elsewhere_and_a_network_of_the_same_bottlenecks_do_no_harm() -> None:
    other = Artifact(Path("grafted"), MANIFEST)
    into = dataclasses.replace(INTO, model=other, taken=[0], same=[NETWORK.id])
    check_autoencoder(code_of(ACTIVATIONS, stacks=[2]), 16, into, Notes())


@pytest.mark.parametrize(("parents", "stacks"), [((), [2]), ((ACTIVATIONS,), [0, 2])])
def test_what_is_not_known_or_goes_further_is_told(parents: tuple[Parent, ...], stacks: list[int]) -> None:
    notes = Notes()
    into = dataclasses.replace(INTO, stacks=[1, 2])
    check_autoencoder(code_of(*parents, stacks=stacks), 16, into, notes)
    assert len(notes.said) == 1


def test_without_a_network_only_the_very_activations_will_do() -> None:
    mine = Artifact(Path("acts"), MANIFEST)
    check_trained_on(code_of(dataclasses.replace(ACTIVATIONS, id=mine.id)), mine)
    for code in (code_of(ACTIVATIONS), code_of()):
        with pytest.raises(Refused) as caught:
            check_trained_on(code, mine)
        assert "acts" in caught.value.why
