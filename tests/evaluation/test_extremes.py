"""The extreme people are those of a count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.evaluation.extremes import ScoredPeople, extremes
from shgae.evaluation.predictions import Predictions
from shgae.metrics.people import People

K, SIZE = 4, 20
"""Joints, and cells of a map's side: a joint is right within less than one cell, so in its own only."""


def scored_of(seed: int, people: int, models: int = 2) -> ScoredPeople:
    """Models that are right about a share of the joints of made-up people, some of whom have none."""
    rng = np.random.default_rng(seed)
    cells, visibility = rng.integers(0, SIZE, (people, K, 2)), rng.integers(0, 3, (people, K))
    visibility[rng.uniform(size=people) < 0.2] = 0
    in_crop = np.where(rng.uniform(size=(people, K)) < 0.8, visibility, 0)
    ids, nothing = np.arange(people), np.zeros((people, K, 2))
    truth = People(tuple("abcd"), nothing, visibility, cells, in_crop, SIZE, np.zeros((people, 4)), ids, 100 + ids)
    said = []
    for model in range(models):
        found = np.where(rng.uniform(size=(people, K, 1)) < 0.5, cells, (cells + 5) % SIZE)
        there = rng.uniform(size=people) < 0.8 if model else None
        sure = (rng.uniform(size=(people, K)) < 0.9).astype(np.float32)
        how = {"name": f"m{model}", "joint_score": sure}
        said.append(Predictions(nothing, found, ids * 0.0, "by hand", found=there, **how))
    return ScoredPeople(tuple(said), truth)


def share(scored: ScoredPeople, model: int, row: int) -> float | None:
    """PCK of one person by a loop; None where nothing is labelled inside the crop."""
    one, truth = scored.predictions[model], scored.people
    labelled = [k for k in range(K) if truth.cell_visibility[row, k]]
    if not labelled:
        return None
    is_there = [bool(one.is_found[row] and one.joint_score[row, k]) for k in range(K)]
    right = [k for k in labelled if is_there[k] and one.cells[row, k].tolist() == truth.cells[row, k].tolist()]
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
    found = extremes(scored)
    best, worst, gained, lost = (rows[:count] for rows in (found.best, found.worst, found.gained, found.lost))
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
    found, mean, change = extremes(scored), scored.shares.mean(0), scored.shares[1] - scored.shares[0]
    for rows, value in ((found.best, mean), (found.worst, mean), (found.gained, change), (found.lost, change)):
        pairs = [(value[row], scored.labelled[row].sum()) for row in rows]
        assert all(one[1] >= other[1] for one, other in zip(pairs, pairs[1:], strict=False) if one[0] == other[0])


def test_one_model_alone_has_no_change() -> None:
    found = extremes(scored_of(1, 9, models=1))
    assert (found.gained, found.lost, found.unchanged) == ([], [], len(found.best))
