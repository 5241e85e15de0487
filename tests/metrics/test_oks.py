"""COCO's precision and recall, against pycocotools' own evaluation from end to end."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from shgae.arrays import Floats
from shgae.metrics.oks import Precision, Similarities
from shgae.metrics.people import People, Points, Regions
from shgae.skeleton import COCO_PERSON


def as_coco(annotations: list[dict[str, Any]]) -> COCO:
    made = COCO()
    images = [{"id": photo} for photo in sorted({one["image_id"] for one in annotations})]
    made.dataset = {"images": images, "annotations": annotations, "categories": [{"id": 1}]}
    made.createIndex()
    return made


def by_pycocotools(
    predicted: Floats,
    truth: Floats,
    visibility: npt.NDArray[np.int64],
    area: Floats,
    score: Floats,
    photo: Any,
    regions: Regions | None = None,
) -> list[float]:
    people, found = [], []
    for i in range(len(truth)):
        if not visibility[i].any():
            continue
        about = {"id": i + 1, "image_id": int(photo[i]), "category_id": 1, "area": float(area[i])}
        joints = np.column_stack([truth[i], visibility[i]]).ravel().tolist()
        labelled = int((visibility[i] > 0).sum())
        box = [0.0, 0.0, 1.0, 1.0]
        people.append(about | {"keypoints": joints, "num_keypoints": labelled, "iscrowd": 0, "bbox": box})
        guess = np.column_stack([predicted[i], np.ones(17)]).ravel().tolist()
        found.append(about | {"keypoints": guess, "score": float(score[i]), "bbox": box})
    for i in range(len(regions) if regions else 0):
        assert regions is not None
        labelled = int((regions.visibility[i] > 0).sum())
        about = {"id": len(truth) + i + 1, "image_id": int(regions.photo_id[i]), "category_id": 1}
        joints = np.column_stack([regions.xy_photo[i], regions.visibility[i]]).ravel().tolist()
        box, own = regions.box[i].tolist(), regions.area[i]
        about |= {"keypoints": joints, "num_keypoints": labelled, "iscrowd": int(regions.is_crowd[i]), "bbox": box}
        people.append(about | {"area": float(box[2] * box[3] if np.isnan(own) else own)})
    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(as_coco(people), as_coco(found), "keypoints")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    ap, ap50, ap75, _, _, ar = judge.stats[:6]
    return [float(one) for one in (ap, ap50, ap75, ar)]


def scene(seed: int, n: int, photos: int) -> dict[str, Any]:
    """People that stand close together, so that a prediction may be more like the neighbour."""
    numbers = np.random.default_rng(seed)
    truth = numbers.uniform(0, 60, (n, 17, 2)).round(2)
    noise = numbers.uniform(0, 12, (n, 1, 1)) * numbers.standard_normal(truth.shape)
    return {
        "predicted": truth[numbers.integers(0, n, n)] * 0.2 + truth * 0.8 + noise,
        "truth": truth,
        "visibility": numbers.integers(0, 3, (n, 17)),
        "area": numbers.uniform(500, 6000, n),
        "score": numbers.integers(0, 6, n) / 5,  # with ties
        "photo": numbers.integers(0, photos, n),
    }


def ignored(seed: int, n: int, photos: int) -> Regions:
    """Crowds, with and without joints, and people without joints, where the people of :func:`scene` stand."""
    numbers = np.random.default_rng(seed)
    is_crowd = numbers.random(n) < 0.5
    visibility = numbers.integers(0, 3, (n, 17)) * (is_crowd & (numbers.random(n) < 0.5))[:, None]
    box = np.column_stack([numbers.integers(0, 60, (n, 2)), numbers.integers(1, 25, (n, 2))]).astype(np.float64)
    area = np.where(numbers.random(n) < 0.3, np.nan, numbers.uniform(50, 900, n))
    if n > 1:  # two that are equally like everybody
        box[-1], area[-1], visibility[-1], visibility[0] = box[0], area[0], 0, 0
    xy = numbers.uniform(0, 60, (n, 17, 2)).round(2)
    return Regions(numbers.integers(0, photos, n), is_crowd, box, area, xy, visibility)


def similarities(of: dict[str, Any]) -> Similarities:
    cells, box = np.zeros(of["truth"].shape, np.int64), np.ones((len(of["truth"]), 4))
    people = People(
        joints=COCO_PERSON.names,
        xy_photo=of["truth"],
        visibility=of["visibility"],
        cells=cells,
        cell_visibility=of["visibility"],
        map_size=64,
        box=box,
        photo_id=of["photo"],
        annotation_id=np.arange(len(box)),
        area=of["area"],
        regions=of.get("regions"),
    )
    return Similarities(Points(of["predicted"], cells, of["score"], ""), people)


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 8))
def test_precision_and_recall_are_those_of_pycocotools(seed: int, n: int, photos: int) -> None:
    of = scene(seed, n, photos)
    of["visibility"][np.random.default_rng(seed).random(n) < 0.2] = 0
    of["visibility"][0, 0] = 2
    found = similarities(of).precision(of["visibility"] > 0)
    assert [found.ap, found.ap50, found.ap75, found.ar] == by_pycocotools(**of), "to the last bit"


@given(st.integers(0, 10_000), st.integers(3, 30), st.integers(1, 4), st.integers(0, 8))
def test_predictions_in_ignored_regions_count_neither_way_as_pycocotools_has_it(
    seed: int, n: int, photos: int, regions: int
) -> None:
    of = scene(seed, n, photos) | {"regions": ignored(seed + 1, regions, photos)}
    of["visibility"][0, 0] = 2
    of["visibility"][:, 1] = np.maximum(of["visibility"][:, 1], 1)  # everybody has a joint
    found = similarities(of).precision(of["visibility"] > 0)
    assert [found.ap, found.ap50, found.ap75, found.ar] == by_pycocotools(**of), "to the last bit"


def test_a_crowd_takes_all_that_is_left_over_and_a_person_without_joints_one() -> None:
    of = scene(7, 4, 1)
    of["visibility"][:] = 2
    of["predicted"], of["score"] = of["truth"] + 1e3, np.array([0.9, 0.8, 0.7, 0.6])
    of["predicted"][3] = of["truth"][3]
    box = np.array([[1000.0, 1000, 60, 60]])
    nobody = {"area": np.array([3600.0]), "xy_photo": np.zeros((1, 17, 2)), "visibility": np.zeros((1, 17), np.uint8)}
    found = {}
    for crowd in (True, False):
        region = Regions(np.array([0]), np.array([crowd]), box, **nobody)
        found[crowd] = similarities(of | {"regions": region}).precision(of["visibility"] > 0).ap50
    without = similarities(of).precision(of["visibility"] > 0).ap50
    # One of four people is found, at a precision of 1, 1/3 and 1/4.
    share = 26 / 101
    assert found[True] == pytest.approx(share)
    assert found[False] == pytest.approx(share / 3)
    assert without == pytest.approx(share / 4)


def test_the_hidden_joints_alone_are_like_a_file_that_labels_no_others() -> None:
    of = scene(1, 40, 15)
    hidden = np.where(of["visibility"] == 1, 1, 0)
    found = similarities(of).precision(hidden > 0)
    assert [found.ap, found.ap50, found.ap75, found.ar] == by_pycocotools(**of | {"visibility": hidden})


def test_coco_looks_at_twenty_predictions_of_a_photo() -> None:
    of = scene(2, 30, 1)
    of["predicted"] = of["truth"]
    of["visibility"][:] = 2
    found = similarities(of).precision(of["visibility"] > 0)
    assert found.ar == pytest.approx(20 / 30)
    assert found.ap == by_pycocotools(**of)[0]


def test_nobody_has_no_precision() -> None:
    of = scene(3, 4, 2)
    assert similarities(of).precision(np.zeros((4, 17), bool)) == Precision(None, None, None, None)


def test_own_similarity_goes_by_the_persons_row_and_not_by_the_photos() -> None:
    of = scene(4, 12, 4)
    own = similarities(of).own()
    for i in range(12):
        alone = {key: value[i : i + 1] for key, value in of.items()}
        np.testing.assert_allclose(similarities(alone).own()[0], own[i], rtol=1e-12)


@pytest.mark.parametrize("photo", [[0, 0], [0, 1]])
@pytest.mark.parametrize("less_first", [True, False])
def test_between_two_people_that_are_equally_like_it_coco_takes_the_last(less_first: bool, photo: list[int]) -> None:
    """Both stand in one place, and one of them has a joint less; the sure prediction fits both, the other only that."""
    truth = np.random.default_rng(5).uniform(0, 60, (1, 17, 2)).repeat(2, axis=0)
    visibility = np.zeros((2, 17), np.int64)
    visibility[:, 0] = 2
    more = 1 if less_first else 0
    visibility[more, 1] = 2
    predicted = truth.copy()
    predicted[1 - more, 1] += 1000
    score = np.array([0.5, 0.5])
    score[more] = 0.9
    rest = {"area": np.full(2, 3000.0), "score": score, "photo": np.array(photo)}
    of = {"predicted": predicted, "truth": truth, "visibility": visibility} | rest
    found = similarities(of).precision(visibility > 0)
    assert [found.ap, found.ap50, found.ap75, found.ar] == by_pycocotools(**of)
    assert (found.ap == pytest.approx(1)) == (less_first or photo == [0, 1])
