"""COCO's object keypoint similarity, and what follows from it: average precision and recall, people found twice.

Similarity and matching are COCO's rules over all photos at once; the curve of precision against recall is read by
pycocotools' own ``COCOeval.accumulate``. People who have no joint of a group are left out, with their predictions. A
prediction that fits no person, but an ignored region, counts neither way.
"""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools.cocoeval import COCOeval

from shgae.arrays import Bools, Floats, Ints
from shgae.metrics.people import People, Points, Regions, area_of

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

    def __init__(self, points: Points, people: People) -> None:
        """Compares the predictions of N people with them; their ids decide between equal scores."""
        predicted, regions, sigmas = points.xy_photo, people.regions, people.sigmas
        order = np.lexsort((people.annotation_id, people.photo_id))
        photo_id = people.photo_id[order]
        photos, self._photo = np.unique(photo_id, return_inverse=True)
        self._score = points.score[order]
        self._order = order
        self._prediction, self._person = pairs_in_photos(photo_id)
        xy_photo = np.where((people.visibility > 0)[..., None], people.xy_photo, 0.0)
        off = predicted[order][self._prediction] - xy_photo[order][self._person]
        self._alike: Floats = joint_similarity(off, people.areas[order][self._person], sigmas)
        self._near: list[tuple[Ints, Floats, Bools]] = []
        """Of each photo with regions the rows of its predictions, how like they are to them, and which are crowds."""
        if regions is not None:
            for place in np.flatnonzero(np.isin(photos, regions.photo_id)).tolist():
                rows = np.flatnonzero(self._photo == place)
                here = np.flatnonzero(regions.photo_id == photos[place])
                alike = region_similarity(predicted[order[rows]], regions, here, sigmas)
                self._near.append((rows, alike, regions.is_crowd[here]))

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
        matched = np.zeros((len(thresholds()), len(kept)), bool)
        people = np.bincount(self._photo, kept).astype(np.int64)[self._photo]
        for count in np.unique(people[kept]):  # photos with as many people at once
            here = people[self._prediction[pair]] == count
            first, second = self._prediction[pair[here]], self._person[pair[here]]
            photos, place = np.unique(self._photo[first], return_inverse=True)
            table = np.empty((count, count, len(photos)))
            table[rank[first], slot[second], place] = alike[here]
            everybody, nobody = np.ones((len(matched), count, len(photos)), bool), np.zeros(count, bool)
            matched[:, first] = _match(table, everybody, nobody)[:, rank[first], place]
        shown = np.flatnonzero(kept & (rank < MOST_IN_A_PHOTO))
        shown = shown[np.lexsort((rank[shown], self._photo[shown]))]
        ignored = self._ignored(matched, kept, rank)
        return _accumulate(matched[:, shown], ignored[:, shown], self._score[shown], int(kept.sum()))

    def _ignored(self, matched: Bools, kept: Bools, rank: Ints) -> Bools:
        """(10, N) which predictions are of a region, and of no person."""
        found = np.zeros_like(matched)
        for rows, alike, is_crowd in self._near:
            ranked = np.flatnonzero(kept[rows])
            ranked = ranked[np.argsort(rank[rows[ranked]])][:MOST_IN_A_PHOTO]
            is_left = ~matched[:, rows[ranked], None]
            found[:, rows[ranked]] = _match(alike[ranked, :, None], is_left, is_crowd)[..., 0]
        return found


def region_similarity(predicted: Floats, regions: Regions, rows: Ints, sigmas: Floats | None) -> Floats:
    """(D, G) how like each of D predictions (D, K, 2) is to each of G rows of the regions.

    By a region's labelled joints; where it has none, by how far the joints lie beyond a box of three times the width
    and height around its own, as COCO has it.
    """
    xy, labelled = predicted[:, None], regions.visibility[rows] > 0
    corner, size = regions.box[rows, None, :2], regions.box[rows, None, 2:]
    beyond = np.maximum(0, corner - size - xy) + np.maximum(0, xy - (corner + 2 * size))
    has: Bools = np.asarray(labelled.any(1))[:, None]
    off = np.where(has[..., None], xy - regions.xy_photo[rows], beyond)
    return _mean_similarity(off, labelled | ~has, area_of(regions.area[rows], regions.box[rows]), sigmas)


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
    return _mean_similarity(predicted[:, None] - xy_photo, labelled, area, sigmas)


def _mean_similarity(off: Floats, counted: Bools, area: Floats, sigmas: Floats | None) -> Floats:
    """(D, G) over the joints (G, K) that count, which are off (D, G, K, 2) by so much; areas (G,)."""
    alike = joint_similarity(off, np.broadcast_to(area, off.shape[:2]), sigmas)
    mean: Floats = (alike * counted).sum(-1) / counted.sum(-1)
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
    """(..., K) COCO's similarity of joints: exp(-d^2 / (2 area (2 sigma)^2)).

    Args:
        off: (..., K, 2) how far they are from the person's joints, in photo pixels.
        area: (...) of the people, in square photo pixels.
        sigmas: (K,) of the joints; None takes COCO's, of its 17.
    """
    scale = (2 * (coco_sigmas() if sigmas is None else sigmas)) ** 2 * (area[..., None] + np.spacing(1)) * 2
    alike: Floats = np.exp(-(off**2).sum(-1) / scale)
    return alike


def pairs_in_photos(photo_id: Ints) -> tuple[Ints, Ints]:
    """Of N people in photos (N,): the rows of all P pairs in one photo, also of each person with itself; (P,) of the
    first ones, which rise, and (P,) of the second ones."""
    order = np.argsort(photo_id, kind="stable")
    _, start, count = np.unique(photo_id[order], return_index=True, return_counts=True)
    place = np.empty(len(photo_id), np.int64)
    place[order] = np.repeat(np.arange(len(start)), count)
    each = count[place]
    first = np.repeat(np.arange(len(photo_id)), each)
    step = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
    return first, order[start[place[first]] + step]


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


def _match(table: Floats, is_left: Bools, is_crowd: Bools) -> Bools:
    """COCO's greedy matching, in many photos at once.

    Args:
        table: (D, G, P) similarity of each photo's predictions, the best score first, to its people or regions.
        is_left: (10, D, P) which predictions may have one, at each threshold.
        is_crowd: (G,) which take any number of predictions; the others take one.

    Returns:
        (10, D, P) whether a prediction has one, at each threshold.
    """
    least = thresholds()[:, None]
    predictions, people, photos = table.shape
    free = np.ones((len(least), people, photos), bool)
    matched = is_left.copy()
    for rank in range(predictions):
        offered = np.where(free, table[rank], -1.0)
        # Among equally similar people COCO takes the last.
        best = people - 1 - offered[:, ::-1].argmax(1)
        matched[:, rank] &= offered.max(1) >= least
        level, photo = np.nonzero(matched[:, rank])
        taken = best[level, photo]
        free[level, taken, photo] = is_crowd[taken]
    return matched


@functools.cache
def thresholds() -> Floats:
    """(10,) COCO's limits of similarity, ascending; one of 1 would be out of reach."""
    return np.minimum(np.asarray(COCOeval(iouType="keypoints").params.iouThrs, np.float64), _JUST_BELOW_ONE)


def _accumulate(matched: Bools, ignored: Bools, score: Floats, people: int) -> Precision:
    """Hands what was matched to pycocotools as if it were a single photo of n predictions."""
    judge: Any = COCOeval(iouType="keypoints")
    judge.params.imgIds, judge.params.catIds, judge.params.maxDets = [0], [1], [len(score)]
    judge.params.areaRng, judge.params.areaRngLbl = judge.params.areaRng[:1], ["all"]
    judge._paramsEval = judge.params
    judge.evalImgs = [
        {
            "dtScores": score.tolist(),
            "dtMatches": matched.astype(np.float64),
            "dtIgnore": ignored,
            "gtIgnore": np.zeros(people),
        }
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        judge.accumulate()
    precision, recall = judge.eval["precision"], judge.eval["recall"]
    return Precision(*(float(part.mean()) for part in (precision, precision[0], precision[5], recall)))


def oks_nms(
    xy_photo: Floats, decided: Bools, score: Floats, area: Floats, limit: float, sigmas: Floats | None = None
) -> Bools:
    """(N,) which predictions of one photo OKS non-maximum suppression keeps: of several of one person the best scored.

    Greedy, as Xiao et al. 2018 (Simple Baselines, 1804.06208) and HRNet (``lib/nms/nms.py``) have it: the best scored
    prediction is kept, those that are more similar to it than the limit are not, and so on with what is left. Two
    predictions are compared by COCO's similarity with the mean of their areas. Theirs are of the padded crops, here
    they are of the boxes themselves, so a limit keeps a little more.

    Args:
        xy_photo: (N, K, 2) joints in photo pixels.
        decided: (N, K) which joints have a place; two predictions are compared by those that both have, and are not
            similar without any.
        score: (N,); of equal scores the first one counts as better.
        area: (N,) in square photo pixels.
        limit: the highest similarity at which both are kept, 0 to 1.
        sigmas: (K,) of the joints; None takes COCO's, of its 17.
    """
    kept = np.zeros(len(score), bool)
    left = np.argsort(-score, kind="stable")
    while len(left):
        best, left = left[0], left[1:]
        kept[best] = True
        alike = joint_similarity(xy_photo[left] - xy_photo[best], (area[left] + area[best]) / 2, sigmas)
        shared = decided[left] & decided[best]
        mean = (alike * shared).sum(1) / np.maximum(shared.sum(1), 1)
        left = left[mean <= limit]
    return kept
