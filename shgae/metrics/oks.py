"""COCO's object keypoint similarity, and the average precision and recall that follow from it.

Similarity and matching are COCO's rules over all photos at once; the curve of precision against recall is read by
pycocotools' own ``COCOeval.accumulate``. People who have no joint of a group are left out, with their predictions.
"""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools.cocoeval import COCOeval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
MOST_IN_A_PHOTO = 20
"""COCO looks at so many predictions of a photo, those of the highest scores."""
LOWEST = 0.5
"""The lowest similarity at which COCO takes a prediction for a person's."""
_JUST_BELOW_ONE = 1 - 1e-10


@dataclass(frozen=True)
class Precision:
    """COCO's four numbers, 0 to 1; None where nobody counts."""

    ap: float | None
    """Mean over the thresholds 0.50, 0.55 ... 0.95."""
    ap50: float | None
    ap75: float | None
    ar: float | None
    """Mean recall over the thresholds."""


class Similarities:
    """How like every prediction of a photo is to every person of that photo, joint by joint."""

    def __init__(
        self,
        predicted: Floats,
        xy_photo: Floats,
        area: Floats,
        score: Floats,
        photo_id: Ints,
        annotation_id: Ints,
        sigmas: Floats | None = None,
    ) -> None:
        """Compares N predictions with N people.

        Args:
            predicted: (N, K, 2) in photo pixels, row by row of the people.
            xy_photo: (N, K, 2) the people's joints in photo pixels; finite, also where not labelled.
            area: (N,) of the people, in square photo pixels.
            score: (N,) of the predictions.
            photo_id: (N,).
            annotation_id: (N,) of the people: decides between equal scores.
            sigmas: (K,) of the joints; None takes COCO's, of its 17.
        """
        order = np.lexsort((annotation_id, photo_id))
        _, self._photo, in_photo = np.unique(photo_id[order], return_inverse=True, return_counts=True)
        self._score = score[order]
        self._order = order
        each = in_photo[self._photo]
        first = np.repeat(np.cumsum(in_photo) - in_photo, in_photo)
        self._prediction = np.repeat(np.arange(len(order)), each)
        starts = np.repeat(np.cumsum(each) - each, each)
        self._person = first[self._prediction] + np.arange(len(self._prediction)) - starts
        off = predicted[order][self._prediction] - xy_photo[order][self._person]
        self._alike: Floats = joint_similarity(off, area[order][self._person], sigmas)

    def own(self) -> Floats:
        """(N, K): each person's joints against the person's own prediction."""
        out = np.empty((len(self._order), self._alike.shape[1]))
        out[self._order] = self._alike[self._prediction == self._person]
        return out

    def precision(self, counted: Bools) -> Precision:
        """Average precision and recall if only these joints (N, K) were labelled."""
        counted = counted[self._order]
        kept: Bools = np.asarray(counted.any(1))
        if not kept.any():
            return Precision(None, None, None, None)
        rank = _places(self._photo, kept, -self._score)
        slot = _places(self._photo, kept, np.zeros(len(kept)))
        pair = np.flatnonzero(kept[self._prediction] & kept[self._person])
        of_person = counted[self._person[pair]]
        alike = (self._alike[pair] * of_person).sum(1) / of_person.sum(1)
        matched = np.zeros((len(_thresholds()), len(kept)), bool)
        people = np.bincount(self._photo, kept).astype(np.int64)[self._photo]
        for count in np.unique(people[kept]):  # photos with as many people at once
            here = people[self._prediction[pair]] == count
            first, second = self._prediction[pair[here]], self._person[pair[here]]
            photos, place = np.unique(self._photo[first], return_inverse=True)
            table = np.empty((count, count, len(photos)))
            table[rank[first], slot[second], place] = alike[here]
            matched[:, first] = _match(table)[:, rank[first], place]
        shown = np.flatnonzero(kept & (rank < MOST_IN_A_PHOTO))
        shown = shown[np.lexsort((rank[shown], self._photo[shown]))]
        return _accumulate(matched[:, shown], self._score[shown], int(kept.sum()))


def similarity(
    predicted: Floats, xy_photo: Floats, labelled: Bools, area: Floats, sigmas: Floats | None = None
) -> Floats:
    """(D, G) how like each of D predictions of a photo is to each of its G people: the mean over labelled joints.

    Args:
        predicted: (D, K, 2) in photo pixels.
        xy_photo: (G, K, 2) the people's joints; finite, also where not labelled.
        labelled: (G, K) which joints count; one a person at least.
        area: (G,) in square photo pixels.
        sigmas: (K,) of the joints; None takes COCO's, of its 17.
    """
    alike = joint_similarity(
        predicted[:, None] - xy_photo[None], np.broadcast_to(area, (len(predicted), len(area))), sigmas
    )
    mean: Floats = (alike * labelled).sum(-1) / labelled.sum(-1)
    return mean


def match(similarities: Floats, least: Sequence[float] = (LOWEST, 0.0)) -> Ints:
    """COCO's greedy matching in one photo: (D,) the person of each prediction, or -1.

    Each prediction, the best score first, takes the likest person who is left, if similar enough; the last of
    several equally like ones. Then the predictions and people that are left are matched with the next, lower limit, so
    that a poor prediction counts by its joints, but takes nobody from a good one.

    Args:
        similarities: (D, G), the prediction of the best score first; beyond the first 20 none is matched.
        least: limits, descending; a similarity of 0 is never enough.
    """
    left = similarities.copy()
    taken = np.full(len(left), -1, np.int64)
    for limit in least if left.size else ():
        for place, row in enumerate(left[:MOST_IN_A_PHOTO]):
            best = len(row) - 1 - int(row[::-1].argmax())
            if taken[place] < 0 and row[best] > 0 and row[best] >= limit:
                taken[place] = best
                left[:, best] = -1.0
    return taken


def joint_similarity(off: Floats, area: Floats, sigmas: Floats | None) -> Floats:
    """(..., K) similarity of joints that are off by (..., K, 2) from those of people of these areas (...).

    It is exp(-d^2 / (2 area (2 sigma)^2)), as pycocotools has it; sigmas (K,), None takes COCO's.
    """
    scale = (2 * (coco_sigmas() if sigmas is None else sigmas)) ** 2 * (area[..., None] + np.spacing(1)) * 2
    alike: Floats = np.exp(-(off**2).sum(-1) / scale)
    return alike


@functools.cache
def coco_sigmas() -> Floats:
    """(17,) COCO's sigmas of its joints."""
    return np.asarray(COCOeval(iouType="keypoints").params.kpt_oks_sigmas, np.float64)


def _places(photo: Ints, kept: Bools, key: Floats) -> Ints:
    """(N,) the place of each kept row among those of its photo, by key; equal keys keep their order."""
    rows = np.flatnonzero(kept)
    rows = rows[np.lexsort((rows, key[rows], photo[rows]))]
    _, counts = np.unique(photo[rows], return_counts=True)
    places = np.zeros(len(photo), np.int64)
    places[rows] = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return places


def _match(table: Floats) -> Bools:
    """COCO's greedy matching, in many photos at once.

    Args:
        table: (D, G, P) similarity of each photo's predictions, the best score first, to its people.

    Returns:
        (10, D, P) whether a prediction has a person, at each threshold.
    """
    thresholds = np.minimum(_thresholds(), _JUST_BELOW_ONE)[:, None]
    predictions, people, photos = table.shape
    free = np.ones((len(thresholds), people, photos), bool)
    matched = np.zeros((len(thresholds), predictions, photos), bool)
    for rank in range(predictions):
        offered = np.where(free, table[rank], -1.0)
        # Among equally similar people COCO takes the last.
        best = people - 1 - offered[:, ::-1].argmax(1)
        matched[:, rank] = offered.max(1) >= thresholds
        level, photo = np.nonzero(matched[:, rank])
        free[level, best[level, photo], photo] = False
    return matched


@functools.cache
def _thresholds() -> Floats:
    return np.asarray(COCOeval(iouType="keypoints").params.iouThrs, np.float64)


def _accumulate(matched: Bools, score: Floats, people: int) -> Precision:
    """Hands what was matched to pycocotools as if it were a single photo of n predictions."""
    judge: Any = COCOeval(iouType="keypoints")
    judge.params.imgIds, judge.params.catIds, judge.params.maxDets = [0], [1], [len(score)]
    judge.params.areaRng, judge.params.areaRngLbl = judge.params.areaRng[:1], ["all"]
    judge._paramsEval = judge.params
    judge.evalImgs = [
        {
            "dtScores": score.tolist(),
            "dtMatches": matched.astype(np.float64),
            "dtIgnore": np.zeros(matched.shape, bool),
            "gtIgnore": np.zeros(people),
        }
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        judge.accumulate()
    precision, recall = judge.eval["precision"], judge.eval["recall"]
    return Precision(*(float(part.mean()) for part in (precision, precision[0], precision[5], recall)))
