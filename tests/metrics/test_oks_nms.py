"""OKS non-maximum suppression against HRNet's own lines, written out one pair at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.metrics.oks import coco_sigmas, oks_nms


def drawn(seed: int, n: int) -> dict[str, np.ndarray]:
    """Predictions of a few people: some the same twice, scores with ties, some joints without a place."""
    numbers = np.random.default_rng(seed)
    people = numbers.uniform(0, 100, (3, 17, 2)).round(1)
    of = numbers.integers(0, 3, n)
    spread = numbers.choice([0.0, 0.5, 3.0, 20.0], (n, 1, 1))
    return {
        "xy_photo": people[of] + spread * numbers.standard_normal((n, 17, 2)),
        "decided": numbers.random((n, 17)) < numbers.choice([0.0, 0.5, 1.0], (n, 1), p=[0.1, 0.3, 0.6]),
        "score": numbers.integers(0, 4, n) / 4,
        "area": numbers.uniform(500, 6000, n),
    }


def by_pairs(of: dict[str, np.ndarray], limit: float, sigmas: list[float]) -> list[int]:
    """Goes through predictions from the best on; one is kept unless a kept one is too much like it."""
    kept: list[int] = []
    for i in sorted(range(len(of["score"])), key=lambda i: (-of["score"][i], i)):
        if all(likeness(of, i, j, sigmas) <= limit for j in kept):
            kept.append(i)
    return sorted(kept)


def likeness(of: dict[str, np.ndarray], i: int, j: int, sigmas: list[float]) -> float:
    both = [k for k in range(17) if of["decided"][i, k] and of["decided"][j, k]]
    area = (of["area"][i] + of["area"][j]) / 2
    each = []
    for k in both:
        squared = sum((a - b) ** 2 for a, b in zip(of["xy_photo"][i, k], of["xy_photo"][j, k], strict=True))
        each.append(math.exp(-squared / (2 * sigmas[k]) ** 2 / (area + np.spacing(1)) / 2))
    return sum(each) / len(each) if each else 0.0


@given(st.integers(0, 100_000), st.integers(0, 30), st.sampled_from([0.3, 0.9]), st.booleans())
def test_it_keeps_what_a_look_at_every_pair_keeps(seed: int, n: int, limit: float, own: bool) -> None:
    of = drawn(seed, n)
    sigmas = np.random.default_rng(seed).uniform(0.02, 0.3, 17) if own else None
    found = oks_nms(**of, limit=limit, sigmas=sigmas)
    assert np.flatnonzero(found).tolist() == by_pairs(of, limit, list(coco_sigmas() if sigmas is None else sigmas))


def test_of_equal_scores_the_first_is_kept_and_equal_people_at_a_limit_of_1_both() -> None:
    xy = np.random.default_rng(0).uniform(0, 50, (1, 17, 2)).repeat(3, axis=0)
    rest = (np.ones((3, 17), bool), np.array([0.5, 0.5, 0.5]), np.full(3, 900.0))
    assert oks_nms(xy, *rest, 0.9).tolist() == [True, False, False]
    assert oks_nms(xy, *rest, 1.0).tolist() == [True, True, True]


def test_who_was_dropped_drops_nobody() -> None:
    """The second is like the first, the third like the second alone."""
    xy = np.zeros((3, 17, 2))
    xy[1], xy[2] = 0.8, 1.6
    sigmas, area = np.full(17, 0.1), np.full(3, 100.0)
    found = oks_nms(xy, np.ones((3, 17), bool), np.array([0.9, 0.8, 0.7]), area, 0.8, sigmas)
    assert likeness({"xy_photo": xy, "decided": np.ones((3, 17), bool), "area": area}, 0, 1, list(sigmas)) > 0.8
    assert found.tolist() == [True, False, True]


@pytest.mark.parametrize("decided", [(0, 1), (1, 0)])
def test_people_without_a_joint_in_common_are_kept(decided: tuple[int, int]) -> None:
    has = np.zeros((2, 17), bool)
    has[0, decided[0]] = has[1, decided[1]] = True
    assert oks_nms(np.zeros((2, 17, 2)), has, np.array([1.0, 0.5]), np.full(2, 100.0), 0.9).all()
