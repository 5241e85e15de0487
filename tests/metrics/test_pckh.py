"""PCKh in the published dialects: by hand, against a loop, and its curve."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.metrics import pckh
from shgae.metrics.people import Metric, People, Points
from shgae.metrics.pose_scores import BOX_AREA, score
from shgae.skeleton import COCO_PERSON, LSP_PERSON, MPII_PERSON

WITHOUT = {"pelvis", "thorax"}


def drawn(seed: int, n: int) -> tuple[Points, People]:
    """MPII people whose predictions are off by some tenths of a head; the first one has no head size."""
    numbers = np.random.default_rng(seed)
    truth = numbers.uniform(0, 100, (n, 16, 2))
    visibility = numbers.integers(0, 3, (n, 16))
    head = numbers.uniform(5, 30, n)
    head[:1] = np.nan
    people = People(
        joints=MPII_PERSON.names,
        xy_photo=truth,
        visibility=visibility,
        cells=np.zeros((n, 16, 2), np.int64),
        cell_visibility=visibility,
        map_size=64,
        box=np.tile([0.0, 0, 50, 80], (n, 1)),
        photo_id=np.arange(n),
        annotation_id=np.arange(n),
        head_size=head,
    )
    predicted = truth + numbers.normal(0, 6, truth.shape)
    return Points(predicted, people.cells, np.ones(n), "by hand"), people


def metrics_of(points: Points, people: People) -> dict[str, Metric]:
    return {metric.name: metric for metric in score(points, people).metrics}


def by_loop(points: Points, people: People, radius: float, dialect: str) -> float | None:
    found: dict[str, list[bool]] = {}
    assert people.head_size is not None
    for i, size in enumerate(people.head_size.tolist()):
        for k, joint in enumerate(people.joints):
            if math.isnan(size) or not people.visibility[i, k] or (dialect != "princeton" and joint in WITHOUT):
                continue
            off = math.dist(points.xy_photo[i, k].tolist(), people.xy_photo[i, k].tolist())
            found.setdefault(joint, []).append(off / size < radius)
    if not found:
        return None
    if dialect == "bearpaw":
        return sum(sum(hits) / len(hits) for hits in found.values()) / len(found)
    return sum(map(sum, found.values())) / sum(map(len, found.values()))


@settings(max_examples=50)
@given(st.integers(0, 10_000), st.integers(0, 7))
def test_every_dialect_is_what_a_loop_finds(seed: int, n: int) -> None:
    points, people = drawn(seed, n)
    found = metrics_of(points, people)
    for radius in (0.5, 0.1):
        for dialect in ("bearpaw", "mmpose", "princeton"):
            wanted = by_loop(points, people, radius, dialect)
            value = found[f"pckh@{radius:g}/{dialect}"].all
            assert value == (None if wanted is None else pytest.approx(wanted, abs=1e-12))


def test_a_rare_joint_weighs_as_much_as_any_in_the_mean_over_joints() -> None:
    points, people = drawn(0, 4)
    visibility = np.zeros((4, 16), int)
    visibility[1:, 0], visibility[1, 1], visibility[1, 6] = 2, 1, 2  # 3 right ankles, 1 right knee, 1 pelvis
    off = np.full((4, 16), 1e3)
    off[1:, 0] = 0.0
    points = dataclasses.replace(points, xy_photo=people.xy_photo + off[..., None])
    found = metrics_of(points, dataclasses.replace(people, visibility=visibility))
    assert found["pckh@0.5/bearpaw"].all == 1 / 2
    assert found["pckh@0.5/mmpose"].all == 3 / 4
    assert found["pckh@0.5/princeton"].all == 3 / 5
    assert (found["pckh@0.5/mmpose"].v1, found["pckh@0.5/mmpose"].v2) == (0, 1)
    assert found["pckh@0.5/princeton"].joints["right_ankle"] == 1


def test_people_without_a_head_size_are_left_out_and_counted() -> None:
    points, people = drawn(0, 5)
    metric = metrics_of(points, people)["pckh@0.5/princeton"]
    assert (metric.people, metric.left_out) == (4, {"missing heads": 1})
    nobody = dataclasses.replace(people, head_size=np.full(5, np.nan))
    assert metrics_of(points, nobody)["pckh@0.5/bearpaw"].all is None


def test_data_without_head_sizes_has_no_pckh() -> None:
    points, people = drawn(0, 5)
    without = score(points, dataclasses.replace(people, head_size=None))
    assert not any(metric.name.startswith("pckh") for metric in without.metrics)
    assert "pckh" not in without.curves


def test_a_head_is_six_tenths_of_its_boxs_diagonal() -> None:
    assert pckh.head_sizes(np.array([[7.0, 8, 30, 40]])).tolist() == [30]


@pytest.mark.parametrize(("joints", "counted"), [(MPII_PERSON, 14), (LSP_PERSON, 14), (COCO_PERSON, 17)])
def test_pelvis_and_thorax_are_known_by_name(joints: object, counted: int) -> None:
    names = joints.names  # type: ignore[attr-defined]
    found = {name: pckh.counted_joints(one, names).sum() for name, one in pckh.VARIANTS.items()}
    assert found == {"bearpaw": counted, "mmpose": counted, "princeton": len(names)}


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_a_curve_rises_and_passes_through_the_score_at_its_radius(seed: int) -> None:
    points, people = drawn(seed, 6)
    scores = score(points, people)
    curve = scores.curves["pckh"]
    assert (curve.radii[0], curve.radii[-1], len(curve.radii)) == (0.0, 0.5, 51)
    assert list(curve.shares) == sorted(curve.shares)
    metrics = {metric.name: metric for metric in scores.metrics}
    assert curve.shares[50] == metrics["pckh@0.5/bearpaw"].all
    assert curve.shares[10] == metrics["pckh@0.1/bearpaw"].all


def test_the_area_under_a_curve_is_a_share_of_its_most() -> None:
    distance, visibility = np.array([[0.25, 0.0]]), np.array([[2, 2]])
    found = pckh.curve(distance, visibility, (0.0, 0.25, 0.5, 1.0), "micro")
    assert found is not None
    assert found.shares == (0, 0.5, 1, 1)
    assert found.auc == pytest.approx(0.25 * 0.25 + 0.25 * 0.75 + 0.5)
    assert pckh.curve(distance, visibility * 0, (0.0, 1.0)) is None


def test_similarity_takes_the_annotated_area_and_says_where_it_has_none() -> None:
    numbers = np.random.default_rng(1)
    truth = numbers.uniform(0, 100, (3, 17, 2))
    ids = np.arange(3)
    rest = (
        np.full((3, 17), 2),
        np.zeros((3, 17, 2), np.int64),
        np.full((3, 17), 2),
        64,
        np.tile([0, 0, 40, 50], (3, 1)),
    )
    people = People(COCO_PERSON.names, truth, *rest, ids, ids)
    points = Points(truth + 5, np.zeros((3, 17, 2), np.int64), np.ones(3), "by hand")
    by_box = metrics_of(points, people)["oks/person"]
    same = metrics_of(points, dataclasses.replace(people, area=np.full(3, 2000.0)))["oks/person"]
    assert dataclasses.replace(same, rule=by_box.rule) == by_box
    assert BOX_AREA in by_box.rule
    assert BOX_AREA not in same.rule
    half = metrics_of(points, dataclasses.replace(people, area=np.array([500.0, 500.0, np.nan])))["oks/person"]
    assert half.all is not None
    assert by_box.all is not None
    assert half.all < by_box.all
    assert BOX_AREA in half.rule
