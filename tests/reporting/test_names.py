"""Folders of one name are told apart by the shortest ends of their paths; options have the names of the help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.cli.fields import stages
from shgae.config import fields_of
from shgae.reporting.names import RENAMED, options_named, shortest_ends

PATHS = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        ([], []),
        (["/made/baseline"], ["baseline"]),
        (["/made/baseline", "/made/full"], ["baseline", "full"]),
        (["/seed-0/full/tuned", "/seed-1/full/tuned"], ["seed-0/full/tuned", "seed-1/full/tuned"]),
        (["/seed-0/none/tuned", "/seed-0/full/tuned"], ["none/tuned", "full/tuned"]),
        (["/tuned", "/full/tuned"], ["tuned", "full/tuned"]),
        (["/a/tuned", "/a/tuned"], ["tuned", "tuned"]),
        (["/a/tuned", "/a/tuned", "/b/tuned", "/c"], ["a/tuned", "a/tuned", "b/tuned", "c"]),
        (["/", "/a"], ["(root)", "a"]),
    ],
)
def test_a_name_is_as_long_as_it_has_to_be(paths: list[str], names: list[str]) -> None:
    assert shortest_ends([Path(path) for path in paths]) == names


@settings(max_examples=50)
@given(PATHS)
def test_a_name_is_the_end_of_its_path_and_of_no_other_and_no_shorter_one_is(parts: list[list[str]]) -> None:
    names = shortest_ends([Path("/", *one) for one in parts])
    ends = [{"/".join(one[start:]) for start in range(len(one))} for one in parts]
    for mine, name in zip(parts, names, strict=True):
        others = [end for end, other in zip(ends, parts, strict=True) if other != mine]
        alone = [end for end in ("/".join(mine[-k:]) for k in range(1, len(mine))) if not any(end in o for o in others)]
        assert name == (alone[0] if alone else "/".join(mine))


@settings(max_examples=50)
@given(PATHS)
def test_only_equal_paths_have_equal_names(parts: list[list[str]]) -> None:
    names = shortest_ends([Path("/", *one) for one in parts])
    assert len(set(names)) == len({tuple(one) for one in parts})


@pytest.mark.parametrize(
    ("kind", "stored", "named"),
    [
        ("hourglass", {"train": "all", "joints": "new-head"}, {"trainable": "all", "joint_mismatch": "reset"}),
        ("hourglass", {"stacks": [1]}, {"stacks": [1]}),
        ("rate", {"ks": "0,1", "data": "1" * 64}, {"components": "0,1", "data": "1" * 64}),
        ("analysis", {"walks": 3, "tried": 200}, {"traversals": 3, "unit_people": 200}),
        ("evaluation", {"draws": 100}, {"resamples": 100}),
        ("data", {"joints": "same"}, {"joints": "same"}),
    ],
)
def test_options_have_the_names_that_the_help_has(kind: str, stored: dict[str, Any], named: dict[str, Any]) -> None:
    assert options_named(kind, stored) == named


def test_every_option_that_has_had_another_name_is_of_a_kind_that_knows_it() -> None:
    having = {type_ for type_ in stages().values() if any(one.stored.name != one.name for one in fields_of(type_))}
    assert having == set(RENAMED.values())
