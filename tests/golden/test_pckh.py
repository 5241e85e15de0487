"""Published predictions for MPII's 2,958 validation people, scored by bearpaw's evaluator and by plain formulas.

``pckh.npz`` keeps of each joint at how many of the radii 0, 0.01 ... 0.5 it is missed (51: at all of them), which is
all that these scores depend on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shgae.metrics.people import Metric, People, Points
from shgae.metrics.pose_scores import Scores, score
from shgae.skeleton import MPII_PERSON

GOLDEN = Path(__file__).parent
WANTED: dict[str, Any] = json.loads((GOLDEN / "pckh.json").read_text())
SHORT = ["rank", "rkne", "rhip", "lhip", "lkne", "lank", "pelv", "thor", "neck", "head", "rwri", "relb", "rsho", "lsho"]
SHORT += ["lelb", "lwri"]
"""The names of MPII's file, in the order of its joints."""


@pytest.fixture(scope="module")
def scores() -> Scores:
    """Heads of one pixel, and predictions to the right of joints by what they are off."""
    kept = np.load(GOLDEN / "pckh.npz")
    visibility, missed = kept["visibility"].astype(np.int64), kept["missed_radii"].astype(np.float64)
    n = len(visibility)
    truth, cells = np.zeros((n, 16, 2)), np.zeros((n, 16, 2), np.int64)
    box, each = np.tile([0.0, 0.0, 1.0, 1.0], (n, 1)), np.arange(n)
    head = {"head_size": np.ones(n)}
    people = People(MPII_PERSON.names, truth, visibility, cells, visibility, 64, box, each, each, **head)
    points = np.stack([0.01 * missed - 0.005, np.zeros((n, 16))], axis=2)
    return score(Points(points, cells, np.ones(n), "published"), people)


def values(scores: Scores, name: str) -> Metric:
    return next(metric for metric in scores.metrics if metric.name == name)


@pytest.mark.parametrize("radius", ["0.5", "0.1"])
def test_every_averaging_and_every_joint_is_the_published_one(scores: Scores, radius: str) -> None:
    wanted = WANTED[f"pckh@{radius}"]
    found = {name: values(scores, f"pckh@{radius}/{name}") for name in ("bearpaw", "mmpose", "princeton")}
    ours = [found["bearpaw"].all, found["mmpose"].all, found["princeton"].all, found["mmpose"].v2, found["mmpose"].v1]
    theirs = ["bearpaw_mean_14", "weighted_14", "micro_16", "micro_14_visible", "micro_14_hidden"]
    assert [100 * (one or 0) for one in ours] == pytest.approx([wanted[name] for name in theirs], abs=1e-6)
    joints = [100 * (found["princeton"].joints[name] or 0) for name in MPII_PERSON.names]
    assert joints == pytest.approx([wanted["joints"][name] for name in SHORT], abs=1e-6)


def test_the_labels_are_those_of_the_file(scores: Scores) -> None:
    kept = np.load(GOLDEN / "pckh.npz")["visibility"]
    assert len(kept) == WANTED["people"] == 2958
    assert (kept > 0).sum(0).tolist() == [WANTED["labelled_by_joint"][name] for name in SHORT]
    assert ((kept > 0).sum(), (kept == 2).sum()) == (44_240, 33_997)
    assert scores.original.joint_labels[0].sum() == WANTED["labelled"]


def test_the_curve_is_bearpaws_and_its_area_that_of_its_trapezoids(scores: Scores) -> None:
    curve, wanted = scores.curves["pckh"], WANTED["bearpaw_curve_0_to_0.49"]
    shares = 100 * np.array(curve.shares)
    np.testing.assert_allclose(shares[:50], wanted, atol=1e-6)
    whole = [*wanted, WANTED["pckh@0.5"]["bearpaw_mean_14"]]
    area = sum((a + b) / 2 for a, b in zip(whole, whole[1:], strict=False)) / 50
    assert 100 * curve.auc == pytest.approx(area, abs=1e-6)
