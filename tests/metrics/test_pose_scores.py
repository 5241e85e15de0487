"""Every dialect against a loop over people and joints, against numbers worked out by hand, and in any order."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.metrics.people import People, Points, label_bins
from shgae.metrics.pose_scores import PERCENTILES, score
from shgae.skeleton import COCO_PERSON

SEEDS = st.integers(0, 10_000)
LIMBS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "nose")
Rule = Callable[[int, int], float | bool | None]
"""Person and joint -> what is measured; None where the joint does not count."""


def drawn(seed: int, n: int, names: tuple[str, ...] = LIMBS) -> tuple[Points, People]:
    """Predictions near the truth, in photos of one to three people; some people have no joint."""
    numbers = np.random.default_rng(seed)
    shape = (n, len(names))
    truth = numbers.uniform(0, 100, (*shape, 2))
    visibility = numbers.integers(0, 3, shape)
    visibility[numbers.random(n) < 0.2] = 0
    truth[visibility == 0] = np.nan  # what stands there must not matter
    cells = numbers.integers(0, 32, (*shape, 2))
    people = People(
        joints=names,
        xy_photo=truth,
        visibility=visibility,
        cells=cells,
        cell_visibility=np.where(numbers.random(shape) < 0.1, 0, visibility),
        map_size=32,
        box=np.concatenate([truth[:, 0] * 0, numbers.uniform(30, 200, (n, 2))], axis=1),
        photo_id=numbers.integers(0, max(1, n // 2), n),
        annotation_id=numbers.permutation(n),
    )
    predicted = np.nan_to_num(truth) + numbers.normal(0, 8, truth.shape)
    return Points(predicted, cells + numbers.integers(-2, 3, cells.shape), numbers.random(n), "by hand"), people


def metrics_of(points: Points, people: People) -> dict[str, Any]:
    return {metric.name: metric for metric in score(points, people).metrics}


def distance(points: Points, people: People, i: int, k: int, x: float = 1, y: float = 1) -> float:
    (px, py), (tx, ty) = points.xy_photo[i, k].tolist(), people.xy_photo[i, k].tolist()
    return math.hypot((px - tx) / x, (py - ty) / y)


def torso(people: People, i: int) -> float | None:
    joints = dict(zip(people.joints, range(len(people.joints)), strict=True))
    lengths = []
    for one, other in (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip")):
        a, b = joints[one], joints[other]
        if people.visibility[i, a] and people.visibility[i, b]:
            lengths.append(math.dist(people.xy_photo[i, a], people.xy_photo[i, b]))
    return sum(lengths) / len(lengths) if lengths else None


def rules(points: Points, people: People) -> dict[str, Rule]:
    """Whether a joint is correct, by the family of the metric."""

    def study(i: int, k: int) -> bool | None:
        if not people.cell_visibility[i, k]:
            return None
        return math.dist(points.cells[i, k].tolist(), people.cells[i, k].tolist()) < people.map_size / 20

    def box(radius: float) -> Rule:
        return lambda i, k: distance(points, people, i, k, *people.box[i, 2:]) < radius

    def longer(radius: float) -> Rule:
        return lambda i, k: distance(points, people, i, k) / max(people.box[i, 2:]) < radius

    def of_torso(i: int, k: int) -> bool | None:
        length = torso(people, i)
        return None if length is None else distance(points, people, i, k) < 0.2 * length

    boxes = {
        f"{name}@{r:g}": rule(r) for r in (0.05, 0.1, 0.2) for name, rule in (("box_pck", box), ("longer_pck", longer))
    }
    return {"pck": study, "torso_pck@0.2": of_torso, **boxes}


def averaged(values: list[list[float | None]], averaging: str) -> float | None:
    """The mean of a table of people x joints in which None counts nowhere."""
    lines = values if averaging == "person" else list(map(list, zip(*values, strict=True)))
    if averaging == "micro":
        lines = [[one for line in lines for one in line]]
    kept = [[float(one) for one in line if one is not None] for line in lines]
    means = [sum(line) / len(line) for line in kept if line]
    return sum(means) / len(means) if means else None


def selected(people: People, measured: Rule, keep: Callable[[int, int], bool]) -> list[list[Any]]:
    n, keypoints = people.visibility.shape
    return [
        [measured(i, k) if people.visibility[i, k] and keep(i, k) else None for k in range(keypoints)] for i in range(n)
    ]


def groups(people: People) -> dict[tuple[str, str], Callable[[int, int], bool]]:
    """Which joints each number of a metric is about."""
    counts = [sum(v > 0 for v in row) for row in people.visibility.tolist()]
    found: dict[tuple[str, str], Callable[[int, int], bool]] = {
        ("all", ""): lambda *_: True,
        ("v1", ""): lambda i, k: people.visibility[i, k] == 1,
        ("v2", ""): lambda i, k: people.visibility[i, k] == 2,
    }
    for place, name in enumerate(people.joints):
        found["joints", name] = lambda _, k, place=place: k == place
    for low, high in label_bins(len(people.joints)):
        found["labelled", f"{low}-{high}"] = lambda i, _, low=low, high=high: low <= counts[i] <= high
    return found


def value_of(metric: Any, kind: str, name: str) -> float | None:
    value = getattr(metric, kind)
    return value[name] if name else value


@settings(max_examples=60)
@given(SEEDS, st.integers(0, 9))
def test_every_pck_is_what_a_loop_finds(seed: int, n: int) -> None:
    points, people = drawn(seed, n)
    found = metrics_of(points, people)
    for family, rule in rules(points, people).items():
        for (kind, name), keep in groups(people).items():
            table = selected(people, rule, keep)
            for averaging in ("person", "micro", "joint"):
                wanted = averaged(table, averaging) if n else None
                value = value_of(found[f"{family}/{averaging}"], kind, name)
                assert value == (None if wanted is None else pytest.approx(wanted, abs=1e-12)), (family, kind, name)


@settings(max_examples=60)
@given(SEEDS, st.integers(0, 9))
def test_percentiles_of_errors_are_what_a_loop_finds(seed: int, n: int) -> None:
    points, people = drawn(seed, n)
    found = metrics_of(points, people)
    measured: dict[str, Rule] = {
        "px": lambda i, k: distance(points, people, i, k),
        "box": lambda i, k: distance(points, people, i, k) / max(people.box[i, 2:]),
    }
    for unit, rule in measured.items():
        for (kind, name), keep in groups(people).items():
            errors = sorted(one for row in selected(people, rule, keep) for one in row if one is not None)
            for percentile in PERCENTILES:
                value = value_of(found[f"error_{unit}/p{percentile}"], kind, name)
                if not errors:
                    assert value is None
                    continue
                place = percentile / 100 * (len(errors) - 1)
                low, high = errors[math.floor(place)], errors[math.ceil(place)]
                assert value == pytest.approx(low + (high - low) * (place - math.floor(place)), abs=1e-9)


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 6))
def test_similarity_is_what_a_loop_finds(seed: int, n: int) -> None:
    points, people = drawn(seed, n, COCO_PERSON.names)
    sigmas = [0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072]
    sigmas += [0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089]

    def alike(i: int, k: int) -> float:
        area = people.box[i, 2] * people.box[i, 3]
        return math.exp(-(distance(points, people, i, k) ** 2) / (2 * area * (2 * sigmas[k]) ** 2))

    found = metrics_of(points, people)["oks/person"]
    for (kind, name), keep in groups(people).items():
        wanted = averaged(selected(people, alike, keep), "person")
        assert value_of(found, kind, name) == (None if wanted is None else pytest.approx(wanted, abs=1e-9))


def rows_of(thing: Any, order: npt.NDArray[np.int64]) -> Any:
    """People or points in another order."""
    arrays = {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing)}
    return type(thing)(**{name: a[order] if isinstance(a, np.ndarray) else a for name, a in arrays.items()})


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 12))
def test_the_order_of_people_changes_no_bit(seed: int, n: int) -> None:
    points, people = drawn(seed, n, COCO_PERSON.names)
    order = np.random.default_rng(seed).permutation(n)
    assert metrics_of(rows_of(points, order), rows_of(people, order)) == metrics_of(points, people)


@settings(max_examples=40)
@given(SEEDS)
def test_people_without_joints_count_nowhere(seed: int) -> None:
    points, people = drawn(seed, 8, COCO_PERSON.names)
    has = np.flatnonzero((people.visibility > 0).any(1))
    assert metrics_of(rows_of(points, has), rows_of(people, has)) == metrics_of(points, people)


def by_hand() -> tuple[Points, People]:
    """Three people: a whole one, one without a right hip and left hip, and one without any joint."""
    xy = np.array([[[10, 10], [30, 10], [10, 50], [30, 50], [20, 0]]] * 3, np.float64)
    visibility = np.array([[2, 2, 2, 1, 1], [2, 2, 0, 0, 1], [0, 0, 0, 0, 0]])
    off = np.zeros_like(xy)
    off[0, 0] = 3, 4  # 5 px
    off[0, 4] = 0, 9
    off[1, 4] = 12, 0
    off[2] = 99
    box = np.array([[0, 0, 50, 100], [0, 0, 60, 40], [0, 0, 10, 10]], np.float64)
    cells = np.zeros(xy.shape, np.int64)
    ids = np.arange(3)
    people = People(LIMBS, xy, visibility, cells, visibility, 64, box, ids, ids)
    return Points(xy + off, cells + (off > 8) * 4, np.ones(3), "by hand"), people


def test_three_people_by_hand() -> None:
    points, people = by_hand()
    found = metrics_of(points, people)
    # Cells off by 4 (nose of both): 4 of 5 and 2 of 3.
    assert found["pck/person"].all == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found["pck/micro"].all == 6 / 8
    assert found["pck/joint"].all == pytest.approx((1 + 1 + 1 + 1 + 0) / 5)
    assert (found["pck/micro"].v1, found["pck/micro"].v2) == (1 / 3, 1.0)
    # Person 0: the shoulder is off by hypot(3/50, 4/100) = 0.072, the nose by 9/100; person 1: the nose by 12/60.
    assert found["box_pck@0.05/micro"].all == 5 / 8
    assert found["box_pck@0.1/micro"].all == 7 / 8
    assert found["box_pck@0.2/micro"].all == 7 / 8  # exactly at the radius is missed
    # By the longer side, 100 and 60: 0.05 (at the radius, missed), 0.09 and 0.2.
    assert found["longer_pck@0.05/micro"].all == 5 / 8
    # The torso of person 0 is hypot(20, 40) = 44.7 both ways; a fifth is 8.94. Person 1 has none.
    assert found["torso_pck@0.2/person"].all == 4 / 5
    assert found["error_px/p50"].all == 0
    assert found["error_px/p99"].all == pytest.approx(9 + 0.93 * 3)  # place 6.93 of 0 0 0 0 0 5 9 12
    assert found["pck/person"].labelled == {"1-5": found["pck/person"].all}
    metrics = metrics_of(points, people)
    assert (metrics["pck/person"].people, metrics["torso_pck@0.2/person"].people) == (2, 1)
    assert metrics["torso_pck@0.2/person"].left_out == {"missing torsos": 1}


def test_joints_that_coco_or_a_torso_need_are_missed_with_a_reason() -> None:
    points, people = drawn(0, 4, ("a", "b"))
    for name, metric in metrics_of(points, people).items():
        lacks = name.startswith(("oks", "torso"))
        assert (metric.all is None) == lacks
        assert bool(metric.reason) == lacks
        assert set(metric.joints) == {"a", "b"}


def test_a_torso_of_the_study_of_leeds_has_the_same_joints_in_another_order() -> None:
    points, people = by_hand()
    order = [3, 0, 4, 2, 1]
    turned = dataclasses.replace(
        people,
        joints=tuple(("R hip", "L_shoulder", "nose", "left hip", "Right-Shoulder")),
        **{name: getattr(people, name)[:, order] for name in ("xy_photo", "visibility", "cells", "cell_visibility")},
    )
    moved = dataclasses.replace(points, xy_photo=points.xy_photo[:, order], cells=points.cells[:, order])
    assert metrics_of(moved, turned)["torso_pck@0.2/person"].all == 4 / 5


def test_the_truth_scores_one_everywhere_and_is_off_by_nothing() -> None:
    _, people = drawn(3, 6, COCO_PERSON.names)
    points = Points(np.nan_to_num(people.xy_photo), people.cells, np.ones(6), "the truth")
    for name, metric in metrics_of(points, people).items():
        assert metric.all == (0 if name.startswith("error") else pytest.approx(1.0)), name


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_prediction_that_is_no_number_is_an_error(broken: float) -> None:
    points, people = drawn(0, 3)
    points.xy_photo[2, 1, 0] = broken
    with pytest.raises(ValueError, match="finite"):
        score(points, people)


def test_a_score_that_is_no_number_and_arrays_that_do_not_fit_are_errors() -> None:
    points, people = drawn(0, 3)
    with pytest.raises(ValueError, match="finite"):
        score(dataclasses.replace(points, score=np.array([1, np.nan, 1])), people)
    with pytest.raises(ValueError, match=r"predictions \(2, 5, 2\), people \(3, 5, 2\)"):
        score(dataclasses.replace(points, xy_photo=points.xy_photo[:2]), people)
    with pytest.raises(ValueError, match="scores"):
        score(dataclasses.replace(points, score=points.score[:2]), people)


@pytest.mark.parametrize(
    ("keypoints", "bins"),
    [
        (17, ((1, 4), (5, 8), (9, 12), (13, 17))),
        (16, ((1, 4), (5, 8), (9, 12), (13, 16))),
        (14, ((1, 4), (5, 8), (9, 14))),
        (3, ((1, 3),)),
        (1, ((1, 1),)),
    ],
)
def test_numbers_of_labelled_joints_go_in_fours(keypoints: int, bins: tuple[tuple[int, int], ...]) -> None:
    assert label_bins(keypoints) == bins


def test_a_metric_says_what_it_is_and_lists_its_numbers_beside() -> None:
    points, people = by_hand()
    entry = score(points, people).metrics[0]
    assert (entry.name, entry.unit, entry.people, entry.left_out, entry.reason) == ("pck/person", "share", 2, {}, None)
    assert (entry.all, entry.joints["nose"], entry.labelled["1-5"]) == (pytest.approx(11 / 15), 0, entry.all)
