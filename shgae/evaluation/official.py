"""COCO's official keypoint numbers over whole photos: pycocotools' COCOeval as it is, and a truth that it can take."""

from __future__ import annotations

import contextlib
import copy
import io
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from shgae.arrays import Floats
from shgae.artifacts.crops import PeopleTable, all_people, photo_of_row
from shgae.artifacts.store import Artifact
from shgae.artifacts.strict_json import JsonFault, is_number
from shgae.data.coco import Person, read_person
from shgae.data.coco_json import read_dataset
from shgae.data.selection import BAD_PHOTO, BEYOND_LIMIT
from shgae.data.text_input import plain_name, said_size
from shgae.errors import Refused
from shgae.evaluation.matching import without_strangers
from shgae.wording import counted_people

_FIX = "the JSON that shgae prepare took for this split, with COCO's area, bbox and iscrowd"
_FAR = 1e12
"""No area and no coordinate is larger."""
_ROUNDING = 0.51
"""Pixels of the photo by which a joint may differ: half of one, as in whole numbers, and what a crop's frame rounds."""
_NEEDED: Mapping[str, tuple[Callable[[Any], bool], str, Any]] = {
    "area": (lambda value: _is_near(value) and value >= 0, f"a number from 0 to {_FAR:g}", 0.0),
    "bbox": (
        lambda value: isinstance(value, array) and len(value) == 4 and all(map(_is_near, value)),
        f"four numbers up to {_FAR:g}",
        [0.0] * 4,
    ),
    "iscrowd": (lambda value: isinstance(value, int | float) and value in (0, 1), "0 or 1", 0),
}
"""What COCOeval reads of a person besides its joints: what is sound, also in words, and what is handed for a person who
was dropped where it is not."""

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


@dataclass(frozen=True)
class OfficialPhotos:
    """What COCO's official numbers are of."""

    scored: int
    """Photos of the truth that are scored."""
    given: int
    """Photos of the truth."""
    people: int
    """People that COCO counts in the scored photos: with labelled joints, and not a crowd."""
    outside: int
    """Of these, people that the evaluation has no crop of, as ``prepare`` dropped them."""

    def notes(self) -> list[str]:
        """What a reader of the numbers should know of them."""
        said = []
        if self.scored < self.given:
            said.append(f"{self.scored:,} of {self.given:,} photos, those of which all people are scored")
        if self.outside:
            who = f"{counted_people(self.outside)} of {self.people:,} without a crop"
            said.append(f"{who} (dropped by shgae prepare) count too, as missed where nothing is predicted")
        return said


@dataclass(frozen=True)
class OfficialTruth:
    """A COCO keypoint JSON, whole."""

    path: Path
    sha256: str
    dataset: Mapping[str, Any]
    category_id: int
    photos: frozenset[int] | None = None
    """Ids of the photos that are scored; None scores all."""
    put_right: tuple[str, ...] = ()
    """What COCOeval is handed otherwise than the JSON has it, since it would score that in silence."""

    def of_split(self, data: Artifact, split: str, people: PeopleTable) -> OfficialTruth:
        """The same for these people of a split: only photos of which all people are theirs are scored.

        A photo counts whole or not at all. It is left out where ``prepare`` put one of its people into another split,
        left one out by its ``--limit`` or for a broken file, or where the evaluation's ``--limit`` leaves one out.
        Photos in which ``prepare`` kept nobody count if the split is all of its JSON.

        Raises:
            Refused: no photo is left, or one of these people is not in the truth, or otherwise than in the data.
        """
        known, left_out, is_whole = _photos_of_json(data, split, people)
        given, counts, scored = self._given, self._counted, frozenset(people.photo_id.tolist())
        others = {photo for photo in given if photo in known or not counts[photo]} if is_whole else set()
        photos = (given & (scored | others)) - left_out
        if not photos & scored:
            if not given & scored:
                raise Refused("--official", self.path, f"it has no photo of the people of split {split}", _FIX)
            why = f"none of its photos has all its people among those of split {split} that are scored"
            raise Refused("--official", self.path, why, "a split of whole photos (--split-by photo), and no --limit")
        if difference := self._difference(people, int(data.facts["crop_size"])):
            raise Refused("--official", self.path, f"it is not of split {split}: {difference}", _FIX)
        return replace(self, photos=photos)

    def _difference(self, people: PeopleTable, crop_size: int) -> str | None:
        """What is otherwise in the truth than of the first of these people who is not the same; None for none."""
        from shgae.evaluation.predictions import photo_points  # torch, which whoever reads a report does without

        given = {one["id"]: one for one in self.dataset["annotations"]}
        xy_photo = photo_points(people.xy_crop.astype(np.float64), people, crop_size)
        for row, (annotation, photo) in enumerate(zip(people.annotation_id, people.photo_id, strict=True)):
            if (one := given.get(int(annotation))) is None:
                return f"annotation {annotation} is not in it"
            if one["image_id"] != photo:
                return f"annotation {annotation} is of photo {one['image_id']}, in the data of photo {photo}"
            joints = np.reshape(one["keypoints"], (-1, 3))
            off = np.abs(joints[:, :2] - xy_photo[row])[joints[:, 2] > 0]
            if one["iscrowd"]:
                return f"annotation {annotation} is a crowd, in the data a person"
            if (joints[:, 2] != people.visibility[row]).any() or off.max(initial=0) > _ROUNDING:
                return f"annotation {annotation} has other joints than in the data"
        return None

    def extent(self, people: PeopleTable) -> OfficialPhotos:
        """How many photos and people the numbers of these people are of."""
        here, counts, given = Counter(people.photo_id.tolist()), self._counted, self._given
        photos = given if self.photos is None else self.photos
        outside = sum(max(0, counts[photo] - here[photo]) for photo in photos)
        return OfficialPhotos(len(photos), len(given), sum(counts[photo] for photo in photos), outside)

    @property
    def _given(self) -> frozenset[int]:
        """Ids of all photos."""
        return frozenset(image["id"] for image in self.dataset["images"])

    @property
    def _counted(self) -> Counter[int]:
        """How many people of each photo COCO counts."""
        everybody = self.dataset["annotations"]
        return Counter(one["image_id"] for one in everybody if one["num_keypoints"] and not one["iscrowd"])

    def scores(self, results: Sequence[Mapping[str, Any]], name: str, sigmas: Floats | None) -> dict[str, float | None]:
        """COCO's ten numbers of results; those that say ``"found": false`` are none, and so are those of photos with
        names that the truth does not have. ``sigmas`` are (K,); None takes COCO's.

        Raises:
            Refused: a result is of a photo that the truth does not have, or does not say of which.
        """
        photos = self._given
        given = [one for one in results if one.get("found") is not False]
        if any(one.get("image_id") is None and one.get("file_name") is None for one in given):
            raise Refused("--official", self.path, f"{name} has results without image_id", "results with image_id")
        try:
            known = without_strangers(given, {one["id"]: one["file_name"] for one in self.dataset["images"]})
        except JsonFault as fault:
            raise Refused("--official", self.path, f"{name}: {fault}", fault.fix or _FIX) from fault
        for one in known:
            if one["image_id"] not in photos:
                why = f"{name} has a result of photo {one['image_id']}, which is not in it"
                raise Refused("--official", self.path, why, _FIX)
        keys = ("image_id", "keypoints", "score")
        whole = [{key: one[key] for key in keys} | {"category_id": self.category_id} for one in known]
        return official_scores(self.dataset, whole, sigmas, self.photos)


def _photos_of_json(data: Artifact, split: str, people: PeopleTable) -> tuple[set[int], set[int], bool]:
    """Of the JSON that a split is of, ids of all photos with people; of those with people that are not scored and that
    ``prepare`` could have kept for this split; and whether everybody of it who is a sample is scored."""
    rows = list(all_people(data))
    sources = {row.get("source") for row in rows if row.get("split") == split}
    scored = frozenset(people.annotation_id.tolist())
    known, left_out, is_whole = set[int](), set[int](), True
    for row in rows:
        if row.get("source") not in sources or (photo := photo_of_row(row)) is None:
            continue
        known.add(photo)
        is_sample = row.get("split") is not None
        is_elsewhere = is_sample and (row["split"] != split or row["annotation_id"] not in scored)
        is_elsewhere = is_elsewhere or row.get("reason") == BEYOND_LIMIT
        if is_elsewhere or row.get("reason") == BAD_PHOTO:
            left_out.add(photo)
        is_whole = is_whole and not is_elsewhere
    return known, left_out, is_whole


def read_truth(
    path: Path, joints: Sequence[str], called: str | None = None, *, drops_broken: bool = False
) -> OfficialTruth:
    """Reads a COCO keypoint JSON for COCOeval, as ``prepare`` reads it.

    Args:
        path: the JSON.
        joints: the K names.
        called: the people's category, where several have keypoints.
        drops_broken: whether ``prepare`` dropped people who are broken; then they have no joints here.

    Raises:
        Refused: the file is missing or malformed, of other joints, or lacks what COCOeval needs of a person.
    """
    file = read_dataset(path, called)
    if file.strays and not drops_broken:
        first = min(file.strays)
        raise Refused("--official", path, f"annotation {first} is {file.strays[first].reason}", _FIX)
    if file.category["keypoints"] != list(map(plain_name, joints)):
        raise Refused("--official", path, "its joints are not those of the data", _FIX)
    images = {image["id"]: image for image in file.dataset["images"]}
    annotations, made, sound = file.dataset["annotations"], [], []
    for one in annotations:
        photo = one["image_id"]
        size = None if photo in file.bad_photos else said_size(images[photo])
        person = read_person(one, size, len(joints))
        try:
            made.append(_as_cocoeval_reads(one, person, drops_broken))
        except JsonFault as fault:
            raise Refused("--official", path, str(fault), _FIX) from fault
        if person.fault is None:
            sound.append((one, made[-1]))
    names = {photo: name if isinstance(name := one.get("file_name"), str) else "" for photo, one in images.items()}
    whole = {
        "images": [{"id": photo, "file_name": name} for photo, name in names.items()],
        "annotations": made,
        "categories": [{"id": file.category["id"], "name": "person"}],
    }
    return OfficialTruth(path, file.sha256, whole, file.category["id"], put_right=tuple(_put_right(sound)))


def _as_cocoeval_reads(annotation: Mapping[str, Any], person: Person, drops_broken: bool) -> dict[str, Any]:
    """What COCOeval reads of a person; other categories and outlines are nothing to keypoints.

    Raises:
        JsonFault: it would stumble over it, or score it in silence.
    """
    here, is_dropped = f"annotation {annotation['id']}", drops_broken and person.fault is not None
    found: dict[str, Any] = {}
    for key, (is_right, wanted, nothing) in _NEEDED.items():
        found[key] = annotation.get(key)
        if is_right(found[key]):
            continue
        if not is_dropped:
            why = f"no {key}" if found[key] is None else f"an unusable {key}, wanted is {wanted}"
            raise JsonFault(f"{here} has {why}")
        found[key] = nothing
    if person.fault is not None and not is_dropped and not person.iscrowd:
        raise JsonFault(f"{here} has unusable keypoints or an unusable bbox: {person.fault}")
    labelled = (person.visibility > 0)[:, None] & (person.fault is None)
    keypoints = np.where(labelled, np.column_stack([person.xy_photo, person.visibility]), 0.0).ravel()
    if not (np.abs(keypoints) <= _FAR).all():
        raise JsonFault(f"{here} has unusable keypoints")
    of_box = 0.0 if is_dropped else float(person.box[2:].clip(0).prod())
    return {
        **{key: annotation[key] for key in ("id", "image_id", "category_id")},
        "iscrowd": found["iscrowd"],
        "area": found["area"] or of_box,
        "bbox": list(found["bbox"]),
        "num_keypoints": int(labelled.sum()),
        "keypoints": keypoints.tolist(),
    }


def _put_right(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Iterator[str]:
    """What COCOeval is handed otherwise than it is given, of annotations and what it is handed."""
    if any(one["id"] == 0 for one, _ in pairs):
        yield "annotation 0 has another id for COCOeval, to which 0 is nobody"
    if wrong := sum(one.get("num_keypoints") not in (None, made["num_keypoints"]) for one, made in pairs):
        yield f"num_keypoints of {counted_people(wrong)} is not the number of labelled joints: their number counts"
    if empty := sum(one["area"] == 0 and made["area"] > 0 for one, made in pairs):
        yield f"the area of {counted_people(empty)} is 0: that of the box counts"


def _is_near(value: Any) -> bool:
    return is_number(value, _FAR)
