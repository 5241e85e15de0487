"""The people on a page are the extreme ones by a count by hand, and each is drawn as it was scored."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.evaluation.people import people_of
from shgae.evaluation.predictions import Predictions
from shgae.execution import Execution
from shgae.metrics.people import People
from shgae.recipes import ReportConfig
from shgae.reporting.page.people import PANEL_BYTES, PANEL_PIXELS, _chosen, _figure, _Scored, people_section
from shgae.skeleton import COCO_PERSON
from tests.builders.networks import first_people

K, SIZE = 4, 20
"""Joints, and cells of a map's side: a joint is right within less than one cell, so in its own only."""


def scored_of(seed: int, people: int, models: int = 2) -> _Scored:
    """Models that are right about a share of the joints of made-up people, some of whom have none."""
    rng = np.random.default_rng(seed)
    cells, visibility = rng.integers(0, SIZE, (people, K, 2)), rng.integers(0, 3, (people, K))
    visibility[rng.uniform(size=people) < 0.2] = 0
    ids, nothing = np.arange(people), np.zeros((people, K, 2))
    truth = People(tuple("abcd"), nothing, visibility, cells, visibility, SIZE, np.zeros((people, 4)), ids, 100 + ids)
    said = []
    for model in range(models):
        found = np.where(rng.uniform(size=(people, K, 1)) < 0.5, cells, (cells + 5) % SIZE)
        there = rng.uniform(size=people) < 0.8 if model else None
        said.append(Predictions(f"m{model}", found, np.zeros((people, K), np.float32), nothing, ids * 0.0, found=there))
    return _Scored(tuple(said), truth, None, None, {})  # type: ignore[arg-type]


def share(scored: _Scored, model: int, row: int) -> float | None:
    """PCK of one person by a loop; None where nothing is labelled."""
    one, truth = scored.predictions[model], scored.people
    labelled = [k for k in range(K) if truth.visibility[row, k]]
    if not labelled:
        return None
    right = [k for k in labelled if one.is_found[row] and one.cells[row, k].tolist() == truth.cells[row, k].tolist()]
    return len(right) / len(labelled)


@given(st.integers(0, 10**6), st.integers(1, 12))
def test_shares_are_those_of_a_loop_over_people(seed: int, people: int) -> None:
    scored = scored_of(seed, people)
    for model, row in np.ndindex(2, people):
        wanted = share(scored, model, row)
        assert scored.shares[model, row] == pytest.approx(np.nan if wanted is None else wanted, nan_ok=True)


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 4))
def test_the_chosen_are_the_extreme_ones_of_those_with_labelled_joints(seed: int, people: int, count: int) -> None:
    scored = scored_of(seed, people)
    best, worst, gained, lost = (one.rows for one in _chosen(scored, ("m0", "m1"), count))
    there = {row: (share(scored, 0, row), share(scored, 1, row)) for row in range(people)}
    means = {row: (a + b) / 2 for row, (a, b) in there.items() if a is not None and b is not None}
    changes = {row: b - a for row, (a, b) in there.items() if a is not None and b is not None}
    for rows, values, is_wanted in (
        (best, {row: -mean for row, mean in means.items()}, lambda _: True),
        (worst, means, lambda _: True),
        (gained, {row: -change for row, change in changes.items()}, lambda value: value < 0),
        (lost, changes, lambda value: value < 0),
    ):
        ranked = sorted(value for value in values.values() if is_wanted(value))
        assert [values[row] for row in rows] == pytest.approx(ranked[:count])
        assert len(set(rows)) == len(rows)


def test_of_equal_people_those_with_more_labelled_joints_come_first() -> None:
    scored = scored_of(0, 30)
    for sort in _chosen(scored, ("m0", "m1"), 30):
        value = scored.shares.mean(0) if "found" in sort.title else scored.shares[1] - scored.shares[0]
        pairs = [(value[row], scored.labelled[row].sum()) for row in sort.rows]
        assert all(one[1] >= other[1] for one, other in zip(pairs, pairs[1:], strict=False) if one[0] == other[0])


def test_one_model_alone_has_no_change() -> None:
    assert len(_chosen(scored_of(1, 9, models=1), ("m0",), 3)) == 2


def test_nobody_is_drawn_unasked() -> None:
    assert people_section([], [], ReportConfig(people=3), Execution()) is None


@pytest.fixture(scope="module")
def drawn_people(tiny_data: Path) -> _Scored:
    """One model that is right about everybody, and one that finds nobody's joints."""
    crops, _, _ = first_people(tiny_data)
    people = people_of(crops, COCO_PERSON)
    right = Predictions(
        "right", people.cells, np.ones((len(people), 17), np.float32), people.xy_photo, np.ones(len(people))
    )
    wrong = dataclasses.replace(right, name="wrong", cells=(people.cells + 16) % 32, xy_photo=people.xy_photo + 40)
    return _Scored((right, wrong), people, crops, COCO_PERSON, {int(people.photo_id[0]): "a.png"})


def test_a_person_is_drawn_as_annotated_and_by_each_model(drawn_people: _Scored) -> None:
    figure = _figure(drawn_people, 0)
    labelled = int((drawn_people.people.visibility[0] > 0).sum())
    assert len(figure.pictures) == 3
    assert figure.titles == ("annotation", "right 100 %", "wrong 0 %")
    assert f"{labelled} of {labelled}" in figure.pictures[1].alt
    assert f"0 of {labelled}" in figure.pictures[2].alt
    assert "(a.png)" in figure.caption
    elsewhere = np.flatnonzero(drawn_people.people.photo_id != drawn_people.people.photo_id[0])
    assert "(a.png)" not in _figure(drawn_people, int(elsewhere[0])).caption
    for picture in figure.pictures:
        assert (picture.width, picture.height) == (PANEL_PIXELS, PANEL_PIXELS)
        assert len(picture.data) <= PANEL_BYTES
    assert len({picture.data for picture in figure.pictures}) == 3
