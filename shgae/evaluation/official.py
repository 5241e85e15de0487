"""The truth of whole photos for COCO's official numbers, and results as COCOeval takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shgae.artifacts import strict_json
from shgae.artifacts.strict_json import JsonFault
from shgae.data.coco_json import read_dataset
from shgae.data.text_input import there
from shgae.errors import Refused
from shgae.metrics.official import official_scores

_FIX = "the JSON that shgae prepare took for this split, with COCO's area, iscrowd and num_keypoints"
_FAR = 1e12
"""No area and no coordinate is larger."""
_NEEDED: Mapping[str, Callable[[Any], bool]] = {
    "area": lambda value: _is_number(value) and value >= 0,
    "bbox": lambda value: isinstance(value, list) and len(value) == 4 and all(map(_is_number, value)),
    "num_keypoints": lambda value: _is_number(value) and value >= 0,
    "iscrowd": lambda value: isinstance(value, int | float) and value in (0, 1),
}
"""What COCOeval reads of a person beside its joints, and what is sound."""


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
            if one.get("image_id") is None:
                raise Refused("--official", self.path, f"{name} has results without image_id", "results with image_id")
            if one["image_id"] not in photos:
                why = f"{name} has a result of photo {one['image_id']}, which is not in it"
                raise Refused("--official", self.path, why, _FIX)
        keys = ("image_id", "keypoints", "score")
        whole = [{key: one[key] for key in keys} | {"category_id": self.category_id} for one in given]
        return official_scores(self.dataset, whole, sigmas)


def read_truth(path: Path, joints: Sequence[str], called: str | None = None) -> Truth:
    """Reads a COCO keypoint JSON for COCOeval; ``called`` is the people's category, where several have keypoints.

    Raises:
        Refused: the file is missing or malformed, of other joints, or lacks what COCOeval needs of a person.
    """
    file = read_dataset(path, called)
    category, sha256 = file.category, file.sha256
    if file.strays:
        first = min(file.strays)
        raise Refused("--official", path, f"annotation {first} is {file.strays[first].reason}", _FIX)
    if list(category["keypoints"]) != list(joints):
        raise Refused("--official", path, "its joints are not those of the data", _FIX)
    dataset, again = strict_json.read(path, "--official", _FIX, constant=float)
    if again != sha256:
        raise Refused("--official", path, "it was changed while it was read", "the same command again")
    people = [one for one in dataset["annotations"] if one.get("category_id") == category["id"]]
    try:
        annotations = [_as_cocoeval_reads(person, len(joints)) for person in people]
    except JsonFault as fault:
        raise Refused("--official", path, str(fault), _FIX) from fault
    images = [{"id": image["id"]} for image in dataset["images"] if type(image.get("id")) is int]
    whole = {"images": images, "annotations": annotations, "categories": [{"id": category["id"], "name": "person"}]}
    return Truth(path, sha256, whole, category["id"])


def _as_cocoeval_reads(person: Mapping[str, Any], joints: int) -> dict[str, Any]:
    """What COCOeval reads of a person; other categories and outlines are nothing to keypoints.

    Raises:
        JsonFault: it would stumble over it, or score it in silence.
    """
    here = f"annotation {person['id']}"
    for key, is_right in _NEEDED.items():
        if not is_right(person.get(key)):
            raise JsonFault(f"{here} has no {key}" if person.get(key) is None else f"{here} has an unusable {key}")
    keypoints = _keypoints(person.get("keypoints"), joints)
    if keypoints is None or (person["num_keypoints"] and not any(keypoints[2::3])):
        raise JsonFault(f"{here} has unusable keypoints")
    return {key: person[key] for key in ("id", "image_id", "category_id", *_NEEDED)} | {"keypoints": keypoints}


def _keypoints(given: Any, joints: int) -> list[float] | None:
    """The joints' numbers, zeros where nobody labelled them; None for what is not K joints."""
    if given is None or given == []:
        return [0.0] * (3 * joints)
    if not isinstance(given, list) or len(given) != 3 * joints:
        return None
    labelled = [there(v) not in (0, None) for v in given[2::3]]
    numbers = [one if labelled[place // 3] else 0 for place, one in enumerate(given)]
    is_known = all(v in (0, 1, 2) for v in numbers[2::3]) and all(map(_is_number, numbers))
    return numbers if is_known else None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < _FAR  # False for NaN too
