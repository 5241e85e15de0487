"""The greedy matching against pycocotools' own, on photos of several people and predictions."""

from __future__ import annotations

import contextlib
import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from shgae.metrics import oks

TINY = 1e-300


def drawn(seed: int, people: int, predictions: int) -> tuple[np.ndarray, ...]:
    """People and predictions near some of them; scores and points may be equal."""
    numbers = np.random.default_rng(seed)
    xy = numbers.integers(0, 200, (people, 17, 2)).astype(np.float64)
    visibility = numbers.integers(0, 3, (people, 17))
    visibility[:, 0] = 2
    area = numbers.integers(500, 9000, people).astype(np.float64)
    if seed % 2 and people > 1:  # two equal people
        xy[-1], visibility[-1], area[-1] = xy[0], visibility[0], area[0]
    of = numbers.integers(0, people, predictions)
    predicted = xy[of] + numbers.integers(-12, 13, (predictions, 17, 2)) * numbers.integers(0, 2, (predictions, 1, 1))
    score = np.sort(numbers.integers(0, 5, predictions) / 5)[::-1]
    return xy, visibility, area, predicted, score


def of_pycocotools(
    xy: np.ndarray, visibility: np.ndarray, area: np.ndarray, predicted: np.ndarray, score: np.ndarray, least: float
) -> tuple[np.ndarray, list[int]]:
    truth, found = COCO(), COCO()
    joints = np.concatenate([xy, visibility[..., None]], axis=2)
    truth.dataset = {
        "images": [{"id": 1}],
        "categories": [{"id": 1}],
        "annotations": [
            {"id": i + 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": float(area[i]), "bbox": [0, 0, 9, 9]}
            | {"keypoints": joints[i].ravel().tolist(), "num_keypoints": int((visibility[i] > 0).sum())}
            for i in range(len(xy))
        ],
    }
    thirds = np.ones((*predicted.shape[:2], 1))
    found.dataset = truth.dataset | {
        "annotations": [
            {"id": i + 1, "image_id": 1, "category_id": 1, "score": float(score[i]), "area": 1.0, "bbox": [0, 0, 1, 1]}
            | {"keypoints": np.concatenate([predicted[i], thirds[i]], axis=1).ravel().tolist()}
            for i in range(len(predicted))
        ]
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found.createIndex()
        judge = COCOeval(truth, found, "keypoints")
        judge.params.iouThrs = np.array([least])
        judge._prepare()
        similarity = np.asarray(judge.computeOks(1, 1))
        judge.ious = {(1, 1): similarity}
        one = judge.evaluateImg(1, 1, [0, 1e10], 20)
    return similarity, [int(match) - 1 for match in one["dtMatches"][0]]


@settings(max_examples=60)
@given(st.integers(0, 100_000), st.integers(1, 6), st.integers(1, 25), st.sampled_from([TINY, 0.5]))
def test_it_is_cocos_matching(seed: int, people: int, predictions: int, least: float) -> None:
    xy, visibility, area, predicted, score = drawn(seed, people, predictions)
    similarity, matches = of_pycocotools(xy, visibility, area, predicted, score, least)
    found = oks.similarity(predicted, xy, visibility > 0, area)
    np.testing.assert_allclose(found[:20], similarity, rtol=1e-9)
    assert oks.match(found, [least])[:20].tolist() == matches
    assert (oks.match(found)[20:] == -1).all()


def test_everybody_is_taken_once_and_likeness_0_is_no_match() -> None:
    alike = np.array([[0.9, 0.8], [0.95, 0.1], [0.9, 0.9]])
    assert oks.match(alike).tolist() == [0, -1, 1]
    assert oks.match(alike, [0.0]).tolist() == [0, 1, -1]
    assert oks.match(np.array([[0.1, 0.3], [0.0, 0.6]])).tolist() == [
        0,
        1,
    ]  # a false alarm takes nobody from the second
    assert oks.match(np.array([[0.0, 0.0]])).tolist() == [-1]
    assert oks.match(np.zeros((0, 3))).tolist() == []


def test_other_sigmas_make_other_likenesses() -> None:
    xy = np.zeros((1, 2, 2))
    off = np.full((1, 2, 2), 3.0)
    labelled, area = np.ones((1, 2), bool), np.array([100.0])
    found = oks.similarity(off, xy, labelled, area, np.array([0.1, 0.5]))
    wanted = (np.exp(-18 / (2 * 100 * 0.04)) + np.exp(-18 / (2 * 100 * 1.0))) / 2
    np.testing.assert_allclose(found, [[wanted]])
