"""Predicted joints of N people -> every score that the field has a name for.

A score depends on what is averaged over what, on which joints count and on how a point was read off a map, so each
:class:`~shgae.metrics.people.Metric` says all three. Radii are strict: a joint *at* the radius is missed.

==============  ====================================================================================================
``pck``         the original study's: cells nearer than a twentieth of the map's side, the target's own cell as truth
``box_pck``     distance / (width, height) of the annotated box, axis by axis (mmpose's ``keypoint_pck_accuracy``)
``longer_pck``  distance / longer side of that box (mmpose's ``PCKAccuracy``)
``torso_pck``   distance / that from shoulder to opposite hip, the mean of the labelled ones of the two
``pckh``        distance / size of the head, in three published averagings (:mod:`shgae.metrics.pckh`)
``error_px``    percentiles of the distance in photo pixels; ``error_box`` in longer sides of the box
``oks``         COCO's similarity, its mean, and from it ``oks_ap``, ``oks_ap50``, ``oks_ap75`` and ``oks_ar``
==============  ====================================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter, itemgetter

import numpy as np

from shgae.arrays import Bools, Floats
from shgae.errors import Inconsistent
from shgae.metrics import pck, pckh
from shgae.metrics.oks import Similarities
from shgae.metrics.pck import Averaging, PCKCounts
from shgae.metrics.people import Groups, Metric, People, Points, Values, Visibility
from shgae.skeleton import COCO_PERSON, Skeleton

BOX_RADII = (0.05, 0.1, 0.2)
TORSO_RADIUS = 0.2
PERCENTILES = (50, 75, 90, 95, 99)
PEOPLE_NOT_FOUND, JOINTS_NOT_FOUND = "people not found", "joints not found"
"""Keys of :attr:`~shgae.metrics.people.Metric.left_out` of errors in pixels."""
_TORSO_ENDS = ("left_shoulder", "right_hip", "right_shoulder", "left_hip")
_LABELLED = "labelled joints (v = 1, 2)"
_IN_CROP = "labelled joints (v = 1, 2) inside the crop"
_AVERAGING: Mapping[Averaging, str] = {
    "person": "over a person's joints, then over people",
    "micro": "over all joints of all people at once",
    "joint": "over the people who have a joint, then over joints",
}
_WAYS: Mapping[str, tuple[Averaging, str]] = {one: (one, words) for one, words in _AVERAGING.items()}
BOX_AREA = "the person's area is box width x height"
"""Appended to the rule of an OKS where some annotations lack ``area``."""
NO_REGIONS = "crowds and people without joints are not ignored regions"
"""Appended to the rule of an average precision of data that was prepared before these were kept."""
_OUTLINE_AREA = "the person's area is that of the annotation"
_ALIKE = "exp(-d^2 / (2 area (2 sigma)^2)) with {}'s sigma of each joint"
_CURVE_RADII = tuple(round(0.01 * step, 2) for step in range(51))
_PRECISIONS = {
    "oks_ap": "COCO's average precision at similarities 0.50, 0.55 ... 0.95",
    "oks_ap50": "COCO's average precision at similarity 0.50",
    "oks_ap75": "COCO's average precision at similarity 0.75",
    "oks_ar": "COCO's average recall at similarities 0.50, 0.55 ... 0.95",
}
_FALSE_ALARMS = "the results are of whole photos, where false alarms count: see --official"
_NO_JOINT = "COCO scores whole people; a joint's own figure is oks/person"


@dataclass(frozen=True, eq=False)
class Scores:
    """What :func:`score` finds."""

    original: PCKCounts
    """The original study's PCK as counts."""
    hits: Bools
    """(N, K) the joints correct by the original study's rule; without meaning where ``People.cell_visibility`` is 0."""
    metrics: tuple[Metric, ...]
    """Every dialect; the first one is the original study's, the person mean of :attr:`original`."""
    curves: Mapping[str, pckh.Curve] = field(default_factory=dict)
    """Over radii of 0 to 0.5, mean over joints: ``torso_pck``, and ``pckh`` as bearpaw counts; those that there are."""


def score(points: Points, people: People) -> Scores:
    """Scores a predictor in every dialect; people without a joint count nowhere.

    Raises:
        ValueError: shapes do not fit.
        Inconsistent: a prediction is not a finite number.
    """
    _check(points, people)
    found = points.joints_found
    hits = pck.hits(points.cells, people.cells, people.map_size) & found
    # Infinitely far from every joint: missed at any radius, and like nobody.
    points = replace(points, xy_photo=np.where(found[..., None], points.xy_photo, np.inf))
    off = np.where((people.visibility > 0)[..., None], points.xy_photo - people.xy_photo, 0.0)
    study = "the predicted point's cell is nearer to the target's cell than 0.05 of the map's side"
    by_cell = replace(points, decoding=points.cell_decoding or points.decoding)
    metrics = [
        *_shares("pck", study, hits, people.cell_visibility, by_cell, people, mask=_IN_CROP),
        *_box_pck(off, points, people),
        *_torso_pck(off, points, people),
        *_pckh(off, points, people),
        *_errors(off, points, people),
        *_oks(points, people),
    ]
    return Scores(pck.tally(hits, people.cell_visibility), hits, tuple(metrics), _curves(off, people))


def _torso_lengths(people: People) -> Floats | None:
    """(N,) mean of the distances left shoulder - right hip and right shoulder - left hip that are labelled.

    0 where neither is; None if these joints are not among the K.
    """
    joints = Skeleton.from_names(people.joints)
    ends = [end for end in Skeleton.from_names(_TORSO_ENDS).sources(joints) if end is not None]
    if len(ends) < len(_TORSO_ENDS):
        return None
    shoulders, hips = ends[::2], ends[1::2]
    has = (people.visibility[:, shoulders] > 0) & (people.visibility[:, hips] > 0)
    across = np.where(has[..., None], people.xy_photo[:, shoulders] - people.xy_photo[:, hips], 0.0)
    mean: Floats = _norm(across).sum(1) / np.maximum(has.sum(1), 1)
    return mean


def _check(points: Points, people: People) -> None:
    shape = (*people.visibility.shape, 2)
    for name, array in (("predictions", points.xy_photo), ("predicted cells", points.cells)):
        if array.shape != shape:
            raise ValueError(f"{name} {array.shape}, people {shape}")
    if points.score.shape != shape[:1]:
        raise ValueError(f"scores {points.score.shape}, people {shape[:1]}")
    if not (np.isfinite(points.xy_photo).all() and np.isfinite(points.score).all()):
        raise Inconsistent("a prediction is not a finite number")


def _shares(
    family: str,
    rule: str,
    correct: Bools,
    visibility: Visibility,
    points: Points,
    people: People,
    *,
    mask: str = _LABELLED,
    left_out: Mapping[str, int] | None = None,
    ways: Mapping[str, tuple[Averaging, str]] = _WAYS,
) -> Iterator[Metric]:
    """A PCK in its three averagings, or in other ones by name, each with its words."""
    whole = pck.tally(correct, visibility)
    parts = {name: pck.tally(correct[rows], visibility[rows]) for name, rows in people.bins.items()}
    joints = {name: found.all for name, found in whole.joints(people.joints).items()}
    for way, (averaging, words) in ways.items():
        share = whole.pck(averaging)
        labelled = {name: part.pck(averaging).all for name, part in parts.items()}
        about = (rule, words, mask, points.decoding)
        values = Groups(share.all, share.v1, share.v2, joints, labelled)
        yield _metric(f"{family}/{way}", "share", about, values, whole.counted, left_out)


def _box_pck(off: Floats, points: Points, people: People) -> Iterator[Metric]:
    size = people.box[:, None, 2:]
    for family, distance, words in (
        ("box_pck", _norm(off / size), "of the annotated box, x by its width and y by its height"),
        ("longer_pck", _norm(off) / size.max(-1), "of the annotated box's longer side"),
    ):
        for radius in BOX_RADII:
            rule = f"the point is nearer to the annotation than {radius:g} {words}"
            yield from _shares(f"{family}@{radius:g}", rule, distance < radius, people.visibility, points, people)


def _torso_pck(off: Floats, points: Points, people: People) -> Iterator[Metric]:
    family = f"torso_pck@{TORSO_RADIUS:g}"
    rule = f"the point is nearer to the annotation than {TORSO_RADIUS:g} of the way from shoulder to opposite hip"
    length = _torso_lengths(people)
    if length is None:
        reason = "these joints do not name left and right shoulders and hips"
        for averaging, words in _AVERAGING.items():
            yield _nothing(f"{family}/{averaging}", rule, words, points, people, reason)
        return
    has = length > 0
    missing = int((~has & (people.visibility > 0).any(1)).sum())
    near = _norm(off) < TORSO_RADIUS * length[:, None]
    visibility = np.where(has[:, None], people.visibility, 0)
    mask = f"{_LABELLED} of people with a torso"
    left_out = {"missing torsos": missing}
    yield from _shares(family, rule, near, visibility, points, people, mask=mask, left_out=left_out)


def _pckh(off: Floats, points: Points, people: People) -> Iterator[Metric]:
    if people.head_size is None:
        return
    distance, visibility = _in_sizes(off, people.head_size, people.visibility)
    missing = int(((people.visibility > 0).any(1) & ~(visibility > 0).any(1)).sum())
    mask = f"{_LABELLED} of people with a head size"
    left_out = {"missing heads": missing}
    for radius in pckh.RADII:
        family, near = f"pckh@{radius:g}", distance < radius
        rule = f"the point is nearer to the annotation than {radius:g} of 0.6 x the head box's diagonal"
        for name, one in pckh.VARIANTS.items():
            counted = np.where(pckh.counted_joints(one, people.joints), visibility, 0)
            ways = {name: (one.averaging, one.words)}
            yield from _shares(family, rule, near, counted, points, people, mask=mask, left_out=left_out, ways=ways)


def _in_sizes(off: Floats, size: Floats, visibility: Visibility) -> tuple[Floats, Visibility]:
    """(N, K) distances in sizes (N,) of heads or torsos, and v, which is 0 for everybody without one."""
    has = (np.isfinite(size) & (size > 0))[:, None]
    return _norm(off) / np.where(has, size[:, None], 1.0), np.where(has, visibility, 0)


def _curves(off: Floats, people: People) -> dict[str, pckh.Curve]:
    found = {}
    if people.head_size is not None:
        distance, visibility = _in_sizes(off, people.head_size, people.visibility)
        visibility = np.where(pckh.counted_joints(pckh.VARIANTS["bearpaw"], people.joints), visibility, 0)
        found["pckh"] = pckh.curve(distance, visibility, _CURVE_RADII)
    length = _torso_lengths(people)
    if length is not None:
        found["torso_pck"] = pckh.curve(*_in_sizes(off, length, people.visibility), _CURVE_RADII)
    return {name: one for name, one in found.items() if one is not None}


def _errors(off: Floats, points: Points, people: People) -> Iterator[Metric]:
    distance = _norm(off)
    relative = distance / people.box[:, 2:].max(1, keepdims=True)
    found = np.isfinite(distance)
    masks = people.masks.map(lambda mask: mask & found)
    has_any = masks.all.any(1)
    counted, lost = int(has_any.sum()), int((people.masks.all & ~found)[has_any].sum())
    missed = people.with_joints - counted
    left_out = {PEOPLE_NOT_FOUND: missed} if missed or points.found is not None else {}
    left_out |= {JOINTS_NOT_FOUND: lost} if lost else {}
    for unit, words, lengths in (("px", "photo pixels", distance), ("box", "longer sides of the box", relative)):
        values = masks.map(partial(_percentiles, lengths))
        for place, percentile in enumerate(PERCENTILES):
            rule = f"distance from the annotation in {words} that {percentile} % of the joints stay within"
            about = (rule, _AVERAGING["micro"], _LABELLED, points.decoding)
            yield _metric(f"error_{unit}/p{percentile}", unit, about, values.map(itemgetter(place)), counted, left_out)


def _oks(points: Points, people: People) -> Iterator[Metric]:
    alike_by = f"{_ALIKE.format('COCO' if people.sigmas is None else 'the given file')}; {about_areas(people)}"
    rules = {"oks/person": f"similarity of a joint: {alike_by}"}
    rules |= {
        name: f"{words}, a person's being the mean over joints of {alike_by}; {_regions(people)}"
        for name, words in _PRECISIONS.items()
    }
    averagings = {name: "over people, in the order of their scores" for name in rules}
    averagings["oks/person"] = _AVERAGING["person"]
    if people.sigmas is None and people.joints != COCO_PERSON.names:
        for name, rule in rules.items():
            reason = "these are not COCO's 17 joints, for which alone there are sigmas (--sigmas FILE gives others)"
            yield _nothing(name, rule, averagings[name], points, people, reason)
        return
    alike = Similarities(points, people)
    own, masks = alike.own(), people.masks
    nobody = np.zeros_like(masks.all)  # COCO scores whole people; a joint's own figure is its similarity
    precision = replace(masks, joints=dict.fromkeys(people.joints, nobody)).map(alike.precision)
    found: dict[str, Values] = {"oks/person": masks.map(lambda mask: _person_mean(own, mask))}
    if points.found is None:
        found |= {name: precision.map(attrgetter(name.removeprefix("oks_"))) for name in _PRECISIONS}
    else:
        for name in _PRECISIONS:
            yield _nothing(name, rules[name], averagings[name], points, people, _FALSE_ALARMS)
    for name, values in found.items():
        about = (rules[name], averagings[name], _LABELLED, points.decoding)
        why = _NO_JOINT if name in _PRECISIONS else None
        yield _metric(name, "share", about, values, people.with_joints, reason=why)


def about_areas(people: People) -> str:
    """Where the areas of people come from, in words."""
    if people.area is None:
        return f"{BOX_AREA}, for the data has no other"
    lacks = ~np.isfinite(people.area) & (people.visibility > 0).any(1)
    return f"{BOX_AREA} for the {int(lacks.sum())} people without one" if lacks.any() else _OUTLINE_AREA


def _regions(people: People) -> str:
    """What is done about crowds and people without joints, in words."""
    if people.regions is None:
        return f"{NO_REGIONS}, for the data does not keep them"
    lacks = int((~np.isfinite(people.regions.area)).sum())
    of_box = f"; the area of {lacks} of them is box width x height" if lacks else ""
    return f"predictions that fit no person but one of {len(people.regions)} ignored regions count neither way{of_box}"


def _nothing(name: str, rule: str, averaging: str, points: Points, people: People, reason: str) -> Metric:
    """A share that these joints do not have."""
    values: Values = people.masks.map(lambda _: None)
    return _metric(name, "share", (rule, averaging, _LABELLED, points.decoding), values, people=0, reason=reason)


def _metric(
    name: str,
    unit: str,
    about: tuple[str, str, str, str],
    values: Values,
    people: int,
    left_out: Mapping[str, int] | None = None,
    reason: str | None = None,
) -> Metric:
    """A score with the rule, averaging, mask and decoding of ``about``."""
    return Metric(name, unit, *about, **vars(values), people=people, left_out=left_out or {}, reason=reason)


def _norm(off: Floats) -> Floats:
    length: Floats = np.hypot(off[..., 0], off[..., 1])
    return length


def _percentiles(values: Floats, mask: Bools) -> list[float | None]:
    chosen = values[mask]
    return [float(p) for p in np.percentile(chosen, PERCENTILES)] if len(chosen) else [None] * len(PERCENTILES)


def _person_mean(values: Floats, mask: Bools) -> float | None:
    rows = mask.any(1)
    means = (values[rows] * mask[rows]).sum(1) / mask[rows].sum(1)
    return math.fsum(means) / len(means) if len(means) else None  # an exact sum: the order of people cannot matter
