"""Photos and a model -> the joints of the people in them, a group of photos at a time, in COCO's results format."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from shgae.arrays import Bools, Bytes, Floats
from shgae.data import heatmaps
from shgae.data.boxes import Box
from shgae.data.geometry import Rectangle, Square, covered, square_around, to_photo
from shgae.data.photo_decoding import cut, open_photo
from shgae.data.photos import BoxedPhoto
from shgae.data.prefetch import prefetch
from shgae.errors import Refused
from shgae.inference.batches import Inference
from shgae.inference.decoding import perfect_height, target_sigma
from shgae.inference.device import sound_model
from shgae.metrics.oks import oks_nms
from shgae.models.zoo import LoadedHourglass
from shgae.recipes import PredictConfig

Group = tuple[BoxedPhoto, ...]
Row = dict[str, Any]
"""A photo: ``file_name``, ``fault`` (why it is bad, or None), ``beyond`` (how many boxes are :data:`TOO_THIN`),
``people`` (entries of ``predictions.json``), ``sha256`` (of the bytes that were decoded; None where none were); with
``nms`` also ``suppressed`` (how many people were found twice)."""
CHANGED = "it was changed while it was looked at"
RESCORED = 0.2
"""Share of a perfect map above which a joint counts in a score by ``rescore`` (HRNet's and Simple Baselines' rule)."""
_FAINT = 1e-6
"""No score of joints is lower where its logarithm counts."""
TOO_THIN = "too thin or too far off to fill a pixel of the crop"
"""Why there is nothing to cut out."""


def in_groups(photos: Sequence[BoxedPhoto], batch_size: int) -> list[Group]:
    """Photos in order, as many at a time as have ``batch_size`` people; one with more is a group of its own.

    Groups do not share a batch, so what is found in one is the same whether or not a run began with it.
    """
    groups: list[list[BoxedPhoto]] = []
    people = 0
    for photo in photos:
        people += photo.people
        if not groups or people > batch_size:
            groups.append([])
            people = photo.people
        groups[-1].append(photo)
    return [tuple(group) for group in groups]


class _Person(NamedTuple):
    """Somebody, cut out."""

    box: Box
    square: Square
    """In xy_photo."""
    photo_size: tuple[int, int]
    pixels: Bytes
    """(crop_size, crop_size, 3) RGB."""
    valid: Rectangle
    """The pixels of the crop that the photo covers."""


class _Cut(NamedTuple):
    """What came of a photo and some of its boxes."""

    photo: BoxedPhoto
    people: list[_Person]
    beyond: int
    """Boxes that are :data:`TOO_THIN`."""
    fault: str | None
    """Why the photo is bad."""
    sha256: str | None
    """Of the bytes that were decoded."""


class PoseFinder:
    """One model at work on photos."""

    def __init__(
        self,
        loaded: LoadedHourglass,
        config: PredictConfig,
        device: torch.device,
        workers: int,
        sigmas: Floats | None = None,
    ) -> None:
        """``sigmas`` (K,) are those of OKS for ``config.nms``; None takes COCO's."""
        self._loaded, self._config, self._workers, self._sigmas = loaded, config, workers, sigmas
        self.batch_size = config.batch_size
        self._module = loaded.module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._inference = Inference(device, config.precision, config.batch_size, loaded.mean_rgb)
        self._rule = loaded.cell_rule
        self._least = RESCORED * perfect_height(loaded) if config.rescore else -np.inf
        self._flip_pairs = loaded.skeleton.flip_pairs if config.flip_test else None

    def over(self, groups: Sequence[Group]) -> Iterator[list[Row]]:
        """The rows of each group of photos, in order; photos are decoded ahead, in threads.

        Raises:
            Refused: the model's maps hold numbers that are not finite.
        """
        parts = (part for group in groups for photo in group for part in self._parts(photo))
        with closing(prefetch(parts, self._cut, self._workers)) as cuts:
            for group in groups:
                rows, limit = self._find(group, cuts), self._config.nms
                if limit is not None:
                    rows = [without_doubles(row, self._loaded.skeleton.names, limit, self._sigmas) for row in rows]
                yield rows

    def _parts(self, photo: BoxedPhoto) -> Iterator[BoxedPhoto]:
        """A photo with its boxes, at most a batch of them at a time: a crowd is not held in memory at once."""
        if photo.boxes is None:
            yield photo
            return
        for start in range(0, len(photo.boxes), self.batch_size):
            yield replace(photo, boxes=photo.boxes[start : start + self.batch_size])

    def _find(self, group: Group, cuts: Iterator[_Cut]) -> list[Row]:
        rows: dict[str, Row] = {
            photo.file_name: {"file_name": photo.file_name, "fault": None, "beyond": 0, "people": [], "sha256": None}
            for photo in group
        }
        seen: dict[str, set[str | None]] = defaultdict(set)
        for batch in self._batches(group, cuts):
            for one, entries in zip(batch, self._entries(batch), strict=True):
                row = rows[one.photo.file_name]
                row["fault"] = one.fault
                row["beyond"] += one.beyond
                row["people"] += entries
                row["sha256"] = one.sha256
                seen[one.photo.file_name].add(one.sha256)
        for name in (name for name, hashes in seen.items() if len(hashes) > 1):
            rows[name] |= {"fault": CHANGED, "people": [], "sha256": None}
        return list(rows.values())

    def _batches(self, group: Group, cuts: Iterator[_Cut]) -> Iterator[list[_Cut]]:
        """What came of the parts of a group, in order, as many at a time as have ``batch_size`` people at most."""
        waiting: list[_Cut] = []
        people = 0
        for _ in range(sum(1 for photo in group for _ in self._parts(photo))):
            one = next(cuts)
            # Parts of a crowd are full batches only where none of their boxes is skipped.
            if people + len(one.people) > self.batch_size:
                yield waiting
                waiting, people = [], 0
            waiting.append(one)
            people += len(one.people)
        yield waiting

    def _cut(self, photo: BoxedPhoto) -> _Cut:
        """Decodes a photo and cuts its people out (in any thread)."""
        facts, crop_size = self._loaded.artifact.facts, self._loaded.crop_size
        hashes: list[str] = []
        if photo.fault is not None:
            return _Cut(photo, [], 0, photo.fault, None)
        try:
            image = open_photo(photo.path, photo.size, self._config.exif, hashes.append)
        except Refused as error:
            return _Cut(photo, [], 0, error.why, next(iter(hashes), None))
        boxes = photo.boxes or (Box((0.0, 0.0, float(image.width), float(image.height))),)
        people = []
        for box in boxes:
            x, y, width, height = box.xywh
            corners = np.array([(x, y), (x + width, y + height)])
            square = square_around(box.xywh, corners, image.size, facts["crop_policy"], facts["margin"])
            if square is None:  # no square inside the photo holds the box
                square = square_around(box.xywh, corners, image.size, "pad", facts["margin"])
            if square is not None and not covered(square, image.size, crop_size).is_empty:
                people.append(_Person(box, square, image.size, *cut(image, square, crop_size)))
        if photo.boxes is None:
            return _Cut(photo, people, 0, None if people else TOO_THIN, hashes[0])
        return _Cut(photo, people, len(boxes) - len(people), None, hashes[0])

    def _entries(self, cuts: Sequence[_Cut]) -> Iterator[list[dict[str, Any]]]:
        """The entries of everybody in some photos, a list a photo; one pass through the network."""
        people = [person for one in cuts for person in one.people]
        xy_crop, score, is_flat = self._joints(people) if people else ((), (), ())
        found = zip(xy_crop, score, is_flat, strict=True)
        for one in cuts:
            yield [self._entry(one.photo, person, *next(found)) for person in one.people]

    def _joints(self, people: Sequence[_Person]) -> tuple[Floats, Floats, Bools]:
        """Joints (N, K, 2) in xy_crop, heights (N, K) of their maps, and (N, K) whether a map is flat."""
        crops = torch.from_numpy(np.stack([person.pixels for person in people]))
        valid = torch.tensor([person.valid for person in people])
        maps = self._inference.last_maps(self._module, crops, valid, self._flip_pairs, self._rule)
        if not maps.isfinite().all():
            fix = sound_model(self._inference.precision)
            raise Refused("model", self._loaded.artifact.path, "a map holds numbers that are not finite", fix)
        cells, score = heatmaps.decode(maps)
        places = heatmaps.refined(maps, cells, self._config.decode, target_sigma(self._loaded.artifact.facts))
        xy_crop = heatmaps.map_to_crop(places, self._rule).cpu().double().numpy()
        if self._flip_pairs is not None:
            xy_crop[..., 0] -= heatmaps.flip_lag(self._rule)
        return xy_crop, score.cpu().double().numpy(), heatmaps.is_flat(maps).cpu().numpy()

    def _entry(
        self, photo: BoxedPhoto, person: _Person, xy_crop: Floats, score: Floats, is_flat: Bools
    ) -> dict[str, Any]:
        """One person in COCO's results format; K joints in photo pixels, the score of the person their mean.

        With ``rescore`` it is the mean of those above :data:`RESCORED`, 0 without any; see :func:`_person_score`.
        """
        xy_photo = to_photo(xy_crop, person.square, self._loaded.crop_size)
        score = np.where(is_flat, 0, score)
        counted = score[score > self._least]
        mean = float(counted.mean()) if len(counted) else 0.0
        joints = np.column_stack([np.where(is_flat[:, None], 0, xy_photo), score]).round(4)
        # A flat one, at 0, 0, is not outside.
        is_outside: Bools = np.any((joints[:, :2] < 0) | (joints[:, :2] > person.photo_size), axis=1)
        lists = {"undecided": self._names(is_flat), "outside_photo": self._names(is_outside)}
        own = {} if person.box.annotation_id is None else {"annotation_id": person.box.annotation_id}
        return {
            "image_id": photo.image_id,
            "file_name": photo.file_name,
            "category_id": self._loaded.artifact.facts["category_id"],
            "bbox": list(person.box.xywh),
            "keypoints": [float(number) for number in joints.ravel()],
            "score": round(_person_score(mean, person.box.score), 6),
            **own,
            **{key: names for key, names in lists.items() if names},
        }

    def _names(self, which: Bools) -> list[str]:
        return [name for name, is_one in zip(self._loaded.skeleton.names, which, strict=True) if is_one]


def _person_score(mean: float, detected: float | None) -> float:
    """The mean score of the joints times the detector's of the box, or with it, as logarithms, where that is below 0:
    a product of the two would put a person of faint joints before one of clear joints."""
    if detected is None:
        return mean
    return mean * detected if detected >= 0 else detected + math.log(max(mean, _FAINT))


def without_doubles(row: Row, joints: Sequence[str], limit: float, sigmas: Floats | None) -> Row:
    """A photo's row without the people that :func:`~shgae.metrics.oks.oks_nms` drops, counted as ``suppressed``.

    Those that remain no longer say which annotation they are of: one of two boxes of a person may be gone. ``limit`` is
    the highest OKS at which two people of K joints are kept, ``sigmas`` its own, (K,); None takes COCO's.
    """
    people, shape = row["people"], (len(row["people"]), len(joints))
    table = np.array([one["keypoints"] for one in people], np.float64).reshape(*shape, 3)
    flat = [[name in one.get("undecided", ()) for name in joints] for one in people]
    decided = ~np.array(flat, bool).reshape(shape)
    score = np.array([one["score"] for one in people], np.float64)
    area = np.array([one["bbox"][2] * one["bbox"][3] for one in people], np.float64)
    kept = oks_nms(table[..., :2], decided, score, area, limit, sigmas)
    rest = [
        {key: value for key, value in one.items() if key != "annotation_id"}
        for one, is_kept in zip(people, kept.tolist(), strict=True)
        if is_kept
    ]
    return row | {"people": rest, "suppressed": len(people) - len(rest)}
