"""COCO's official keypoint numbers: pycocotools' COCOeval as it is, over whole photos."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from shgae.arrays import Floats

NAMES = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")
"""In COCO's order; m and l: people of medium and large area."""


def official_scores(
    truth: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    sigmas: Floats | None = None,
    photos: Collection[int] | None = None,
) -> dict[str, float | None]:
    """The ten numbers of :data:`NAMES`, in [0, 1]; None where COCOeval has nobody to count.

    Args:
        truth: COCO keypoint JSON, with area, iscrowd, bbox and num_keypoints of each annotation.
        results: in COCO's results format, of photos of the truth and its category.
        sigmas: (K,) of OKS; None takes COCO's, of its 17 joints.
        photos: ids of the photos of the truth that are scored; None scores all.
    """
    if not truth["images"]:
        return dict.fromkeys(NAMES, None)
    with contextlib.redirect_stdout(io.StringIO()):
        index = COCO()
        index.dataset = copy.deepcopy(dict(truth))
        for number, one in enumerate(index.dataset["annotations"], 1):
            one["id"] = number  # an id of 0 is nobody's to COCOeval
        index.createIndex()
        judge = COCOeval(index, index.loadRes([dict(one) for one in results] or [_nobody(truth, sigmas)]), "keypoints")
        if sigmas is not None:
            judge.params.kpt_oks_sigmas = sigmas
        if photos is not None:
            judge.params.imgIds = sorted(photos)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return {name: None if value < 0 else float(value) for name, value in zip(NAMES, judge.stats, strict=True)}


def _nobody(truth: Mapping[str, Any], sigmas: Floats | None) -> dict[str, Any]:
    """A result that finds nobody: COCO reads no list without any."""
    joints = 17 if sigmas is None else len(sigmas)
    where = {"image_id": truth["images"][0]["id"], "category_id": truth["categories"][0]["id"]}
    return where | {"keypoints": [-1e9, -1e9, 0] * joints, "score": 0.0}
