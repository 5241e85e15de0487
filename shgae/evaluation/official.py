"""The truth of whole photos for COCO's official numbers, and results as COCOeval takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shgae.artifacts import strict_json
from shgae.data.coco_json import read_dataset
from shgae.errors import Refused
from shgae.metrics.official import official_scores

_NEEDED = ("area", "bbox", "num_keypoints", "iscrowd")
_FIX = "the JSON that shgae prepare took for this split, with COCO's area, iscrowd and num_keypoints"


@dataclass(frozen=True)
class Truth:
    """A COCO keypoint JSON, whole."""

    path: Path
    sha256: str
    dataset: Mapping[str, Any]
    category_id: int

    def scores(
        self, results: Sequence[Mapping[str, Any]], name: str, sigmas: npt.NDArray[np.float64] | None
    ) -> dict[str, float | None]:
        """COCO's ten numbers of results; those that say ``"found": false`` are none.

        Raises:
            Refused: a result is of a photo that the truth does not have.
        """
        photos = {image["id"] for image in self.dataset["images"]}
        given = [one for one in results if one.get("found") is not False]
        for one in given:
            if one.get("image_id") not in photos:
                why = f"{name} has a result of photo {one.get('image_id')}, which is not in it"
                raise Refused("--official", self.path, why, _FIX)
        keys = ("image_id", "keypoints", "score")
        whole = [{key: one[key] for key in keys} | {"category_id": self.category_id} for one in given]
        return official_scores(self.dataset, whole, sigmas)


def read_truth(path: Path, joints: Sequence[str]) -> Truth:
    """Reads a COCO keypoint JSON for COCOeval.

    Raises:
        Refused: the file is missing or malformed, of other joints, or lacks what COCOeval needs.
    """
    file = read_dataset(path)
    category, sha256 = file.category, file.sha256
    if list(category["keypoints"]) != list(joints):
        raise Refused("--official", path, "its joints are not those of the data", _FIX)
    dataset, again = strict_json.read(path, "--official", _FIX, constant=float)
    if again != sha256:
        raise Refused("--official", path, "it was changed while it was read", "the same command again")
    people = [one for one in dataset["annotations"] if one["category_id"] == category["id"]]
    for person in people:
        for key in _NEEDED:
            value = person.get(key)
            if type(value) not in (int, float, list) or (isinstance(value, list) != (key == "bbox")):
                raise Refused("--official", path, f"annotation {person['id']} has no {key}", _FIX)
    # Only what COCOeval reads: other categories and outlines are nothing to keypoints.
    kept = ("id", "image_id", "category_id", "keypoints", *_NEEDED)
    images = [{"id": image["id"]} for image in dataset["images"]]
    annotations = [{key: person[key] for key in kept} for person in people]
    whole = {"images": images, "annotations": annotations, "categories": [{"id": category["id"], "name": "person"}]}
    return Truth(path, sha256, whole, category["id"])
