"""A fact that is lacking, or that no step would have written, is refused by its name when it is read."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.artifacts.facts import Facts
from shgae.artifacts.store import Artifact
from shgae.config import fields_of
from shgae.errors import Refused
from shgae.recipes import HeatmapConfig, PrepareConfig, as_json
from shgae.skeleton import COCO_PERSON, Skeleton
from tests.builders.manifests import MANIFEST

TWO = {"names": ["a", "b"], "limbs": [[0, 1]], "flip_pairs": [[0, 1]]}
TRUE: dict[str, list[Any]] = {
    "category_id": [1, 0, -3, 2**60],
    "crop_policy": ["pad", "inside"],
    "crop_size": [1, 128, 256, 4096],
    "dropped": [{}, {"crowd": 3, "bad photo": 0}],
    "figures": [[], ["curves"]],
    "heatmap": [{}, {"peak": "mass", "sigma_visible": 0.5, "sigma_hidden": 1, "unlabelled": "empty"}],
    "made_by": ["train"],
    "margin": [0, 0.1],
    "mean_rgb": [[0, 0.5, 1]],
    "model_stacks": [0, 8],
    "parameters": [0, 14_526_053],
    "shape": [[256, 4, 4]],
    "skeleton": [COCO_PERSON.to_json(), {"names": ["a"], "limbs": []}, TWO],
    "spec": [{}, {"width": 256}],
    "splits": [{"train": 3, "val": 0}],
    "stacks": [[-1], [0, 1]],
}
"""What steps write, and have written."""
ODD: tuple[Any, ...] = (None, True, 2**70, math.nan, [None], ["x", 3])
"""What is written for none of them."""
FALSE: dict[str, list[Any]] = {
    "category_id": [0.25, True, "1", 2**63, -(2**63) - 1],
    "crop_size": [0, -128, 4097, 128.0, "128"],
    "crop_policy": ["", "x", ["pad"], {"pad": 1}],
    "dropped": [3, [1], {"crowd": 0.5}, {"crowd": 2**53}],
    "figures": ["curves", {"curves": 1}],
    "heatmap": [{"sigma": 1}, {"peak": "two"}, {"unlabelled": 0}, {"sigma_visible": 0}, {"sigma_hidden": math.inf}],
    "made_by": [3, {}],
    "margin": [-0.1, math.inf, "0.1"],
    "mean_rgb": [[0.5, 0.5], [0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 1.1], [-0.1, 0.5, 0.5], [0.5, 0.5, "0"], [True, 0, 0]],
    "model_stacks": [-1, 1.0],
    "parameters": ["14", -1],
    "shape": [[256, 4], [256, 4, 4, 4], [0, 4, 4], [256, 4, 4.0], "256"],
    "skeleton": [
        *([], {}, {"names": ["a"]}, {"names": [1], "limbs": []}, {"names": "ab", "limbs": []}),
        *(
            TWO | {"limbs": [[0, 2]]},
            TWO | {"limbs": [[-1, 1]]},
            TWO | {"limbs": [[0]]},
            TWO | {"flip_pairs": [[0, 2]]},
        ),
    ],
    "spec": ["x", 3, []],
    "splits": [{"train": -1}, {"train": True}, {"train": None}, {"train": "3"}, ["train"], {"train": 3.0}],
    "stacks": [[], [-2], ["0"], [0.0], [-1.0], [2**53], 0, [True]],
}
"""What none would write, beside :data:`ODD`."""


def refused(name: str, value: Any) -> str:
    with pytest.raises(Refused) as caught:
        Facts({name: value}, Path("runs/a"))[name]
    assert caught.value.line().startswith(f"fact {name} in runs/a: ")
    assert len(caught.value.line()) < 150
    return caught.value.why


@pytest.mark.parametrize("name", TRUE)
def test_what_steps_write_is_believed(name: str) -> None:
    for value in TRUE[name]:
        facts = Facts({name: value}, Path("a"))
        assert facts[name] == facts.get(name) == value
        assert name in facts


@pytest.mark.parametrize("name", TRUE)
def test_what_no_step_would_write_is_refused_and_shown(name: str) -> None:
    for value in (*FALSE[name], *ODD):
        assert refused(name, value).endswith("makes no sense")


@pytest.mark.parametrize("name", [*TRUE, "anything"])
def test_what_is_lacking_is_refused_unless_it_may_be(name: str) -> None:
    facts = Facts({"other": 1}, Path("a"))
    with pytest.raises(Refused, match=f"fact {name} in a: .*lacks"):
        facts[name]
    assert facts.get(name) is None
    assert facts.get(name, 7) == 7
    assert name not in facts


def test_an_optional_fact_that_is_nonsense_is_refused_too() -> None:
    with pytest.raises(Refused, match="fact stacks"):
        Facts({"stacks": "all"}, Path("a")).get("stacks", (-1,))


def test_facts_that_only_people_read_are_what_they_are() -> None:
    said = {"says": [None], "epochs": "many"}
    assert dict(Facts(said, Path("a"))) == said
    assert len(Facts(said, Path("a"))) == 2
    assert list(Facts(said, Path("a"))) == ["says", "epochs"]


def test_a_long_lie_is_not_quoted_at_length() -> None:
    assert len(refused("crop_policy", "x" * 100_000)) < 100


def test_the_skeleton_that_is_believed_can_be_read() -> None:
    assert Skeleton.from_json(Facts({"skeleton": TWO}, Path("a"))["skeleton"]).names == ("a", "b")


@pytest.mark.parametrize("name", ["margin", "context"])
def test_a_fact_that_is_an_option_has_the_limit_of_the_option(name: str) -> None:
    limit = next(one.limit for one in fields_of(PrepareConfig) if one.name == name)
    assert limit is not None
    for value in (limit.low, limit.high, (limit.low + limit.high) / 2):
        PrepareConfig(**{name: value})
        assert Facts({name: value}, Path("x"))[name] == value
    for value in (limit.low - 1, limit.high + 1, 1e300, math.nan, "1", True):
        with pytest.raises(Refused):
            Facts({name: value}, Path("x"))[name]


@given(st.floats(0, 1001, exclude_min=True))
def test_a_sigma_is_read_exactly_where_it_was_accepted(sigma: float) -> None:
    try:
        stored = as_json(HeatmapConfig(sigma_visible=sigma))
    except Refused:
        stored = as_json(HeatmapConfig()) | {"sigma_visible": sigma}
        with pytest.raises(Refused):
            Facts({"heatmap": stored}, Path("x"))["heatmap"]
    else:
        assert Facts({"heatmap": stored}, Path("x"))["heatmap"] == stored


@pytest.mark.parametrize("value", [None, 1, 5000, 0, -1, True, 2.0, "3", {"x": {}}, [3], 2**53])
def test_an_option_that_is_read_again_makes_sense_too(value: Any) -> None:
    artifact = Artifact(Path("e"), dataclasses.replace(MANIFEST, config={"limit": value}))
    if value in (None, 1, 5000) and value is not True:
        assert artifact.config["limit"] == value
        return
    with pytest.raises(Refused, match="fact limit in e: "):
        artifact.config.get("limit")
