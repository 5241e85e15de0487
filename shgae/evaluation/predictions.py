"""What a predictor says about the people of a split: from a network's maps, or from a file in COCO's results format.

Scores are made of the numbers that such a file holds, so a model and its file have the same scores to the last bit. The
exception is the original study's PCK: of a model it takes the highest cells, of a file its points.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shgae.arrays import Array, Bools, Floats, Floats32, Ints
from shgae.artifacts import strict_json
from shgae.artifacts.crops import Crops, PeopleTable
from shgae.artifacts.input_file import Source, path_of
from shgae.artifacts.strict_json import JsonFault
from shgae.data import heatmaps
from shgae.data.text_input import with_whole
from shgae.errors import Refused
from shgae.evaluation.matching import (
    OTHER_SPLIT,
    count_misnamed,
    count_twice,
    is_of_whole_photos,
    match_people,
    score_of,
    with_missing,
    with_photo_ids,
)
from shgae.evaluation.prediction_entries import check_entries
from shgae.evaluation.report import Matching
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.decoding import ARGMAX, decoding_words, places_of
from shgae.inference.device import sound_model
from shgae.metrics.oks import LOWEST
from shgae.metrics.people import Points
from shgae.models.zoo import LoadedHourglass
from shgae.recipes import CellRule, DecodeConfig
from shgae.wording import counted_people

_AS_GIVEN = "points as the file gives them"
_ARGMAX = DecodeConfig()
_DECIMALS = 4
"""Of a photo pixel: a cell is wider by far, also where a crop's side is a single pixel of the photo."""
_FIX = "a list of {annotation_id or image_id, keypoints, score}, as shgae evaluate -o writes it"


@dataclass(frozen=True, eq=False, kw_only=True)
class Predictions(Points):
    """The points of one predictor, from a network or a file."""

    name: str
    """Its name in the report."""
    joint_score: Floats32
    """(N, K) the map's value at the cell, or the file's third number of a joint."""

    @property
    def joints_found(self) -> Bools:
        """Not those of which a file has x = y = score = 0, as pose tools write a joint that they did not find."""
        is_given: Bools = (self.xy_photo != 0).any(-1) | (self.joint_score.round(_DECIMALS) != 0)
        return is_given & super().joints_found


def from_cells(
    name: str,
    cells: Ints,
    score: Floats32 | None,
    crops: Crops,
    decoding: str = ARGMAX,
    rule: CellRule = "round",
) -> Predictions:
    """Predictions of arg-max cells (N, K, 2) of these crops' maps; the heights there are score (N, K), or 1.

    Cells are counted by the original study's rule: those of a network of another ``rule`` are the ones that its points
    fall on.
    """
    heights = np.ones(cells.shape[:2], np.float32) if score is None else score
    xy_photo = _stored_points(cells, crops, rule)
    cells = cells if rule == "round" else cells_of(xy_photo, crops.people, crops.crop_size)
    of_person: Floats = heights.mean(1, dtype=np.float64).round(6)
    return Predictions(xy_photo, cells, of_person, decoding, name=name, joint_score=heights)


def _stored_points(places: Array, crops: Crops, rule: CellRule) -> Floats:
    """Places (N, K, 2) of the maps, in cells, as points in photo pixels that a file keeps."""
    xy_crop = heatmaps.map_to_crop(torch.from_numpy(places), rule).double().numpy()
    return photo_points(xy_crop, crops.people, crops.crop_size).round(_DECIMALS)


def photo_points(xy_crop: Floats, people: PeopleTable, crop_size: int) -> Floats:
    """Takes points (N, K, 2) of N people's crops to photo pixels: :func:`shgae.data.geometry.to_photo`, all at once."""
    scaled: Floats = xy_crop * (people.square[:, 2] / crop_size)[:, None, None]
    return scaled + people.square[:, None, :2]


def crop_points(xy_photo: Floats, people: PeopleTable, crop_size: int) -> Floats:
    """Takes points (N, K, 2) in photo pixels to pixels of N people's crops: the inverse of :func:`photo_points`."""
    moved: Floats = xy_photo - people.square[:, None, :2]
    return moved * (crop_size / people.square[:, 2])[:, None, None]


def cells_of(xy_photo: Floats, people: PeopleTable, crop_size: int) -> Ints:
    """The cells (N, K, 2) that points (N, K, 2) fall on, by the rule of :func:`shgae.data.heatmaps.cells`.

    A point outside the crop falls on a cell outside the map: it must not be taken for one at the border.
    """
    xy_crop = crop_points(xy_photo, people, crop_size)
    at = heatmaps.cells(torch.from_numpy(xy_crop), crop_size)
    beyond = np.round(np.floor(xy_crop) / heatmaps.STRIDE).astype(np.int64)
    return np.where(at.inside.numpy()[..., None], at.cells.numpy(), beyond)


def coco_results(predictions: Predictions, crops: Crops, category_id: int) -> Iterator[dict[str, Any]]:
    """Predictions in COCO's results format: joints in photo pixels, the score of a person the mean of its joints'."""
    people = crops.people
    for row in range(len(people)):
        score = predictions.joint_score[row].astype(np.float64).round(_DECIMALS)
        yield {
            "image_id": int(people.photo_id[row]),
            "category_id": category_id,
            "annotation_id": int(people.annotation_id[row]),
            "keypoints": np.column_stack([predictions.xy_photo[row], score]).ravel().tolist(),
            "score": float(predictions.score[row]),
        } | ({} if predictions.found is None else {"found": bool(predictions.found[row])})


@dataclass(frozen=True, eq=False)
class PredictionFile:
    """A file of predictions that passed every check."""

    path: Path
    sha256: str
    predictions: Predictions
    strangers: int
    """Entries that are of nobody in the split."""
    matching: Matching | None = None
    """None where entries say whom they are of."""
    entries: tuple[dict[str, Any], ...] = ()
    """As the file has them; each with a score."""
    misnamed: int = 0
    """Entries in which the photo's name is not of the photo that the id names."""
    unscored: int = 0
    """Entries without a score."""
    twice: int = 0
    """Results of whole photos that are another one, joint for joint."""

    def notes(self) -> Iterator[str]:
        """What a user should hear of whom the entries are."""
        if found := self.matching:
            people = counted_people(len(self.predictions.score))
            who = f"{found.matched:,} of {people} matched by OKS ({found.surely:,} at 0.5 or more)"
            missed = ", the others are missed" if found.matched < len(self.predictions.score) else ""
            yield f"{self.path}: {who}{missed}"
        if self.strangers:
            yield f"note: {self.strangers:,} of the predictions in {self.path} are of nobody in this split"
        if self.misnamed:
            yield f"note: {self.misnamed:,} of the predictions in {self.path} have another file_name than their photo"
        if 0 < self.unscored < len(self.entries):
            which = f"{self.unscored:,} of the predictions in {self.path}"
            yield f"note: {which} have no score: the mean of their joints' counts next to the others' scores"
        if self.twice:
            which = f"{self.twice:,} of the predictions in {self.path}"
            yield f"note: {which} are another one, joint for joint in one photo: each counts in --official"


def read_predictions(
    source: Source,
    name: str,
    crops: Crops,
    sigmas: Floats | None = None,
    categories: Sequence[int] = (),
) -> PredictionFile:
    """Reads predictions in COCO's results format.

    An entry says whom it is of by ``annotation_id``, or by its photo where that has one person of the split; the photo
    is told by ``file_name`` or ``image_id`` (:func:`~shgae.evaluation.matching.with_photo_ids`). Results without any
    ``annotation_id``, of photos with several people, are matched by COCO's greedy OKS. People without a match, or with
    ``"found": false``, are not found; nor are joints with x = y = score = 0.

    Args:
        source: the JSON.
        name: of the predictor in the report.
        crops: the people to be scored.
        sigmas: (K,) of OKS; None where the joints have none.
        categories: see :func:`~shgae.evaluation.prediction_entries.check_entries`.

    Raises:
        Refused: no such file, no JSON, an entry is broken, a person has none or several, or OKS has no sigmas.
    """
    path, whole, joints = path_of(source), crops.whole, crops.whole.visibility.shape[1]
    entries, sha256 = strict_json.read(source, "predictions", _FIX, each=with_whole, constant=float)
    try:
        check_entries(entries, joints, categories)
        photo_names = cache(crops.photo_names)
        entries = with_photo_ids(entries, photo_names)
        misnamed = count_misnamed(entries, whole, photo_names)
        twice = count_twice(entries)
        unscored = sum(entry.get("score") is None for entry in entries)
        whole_entries = tuple(entry | {"score": score_of(entry)} for entry in entries)
        matching = None
        if is_of_whole_photos(entries, crops.people, whole):
            if sigmas is None:
                why = "it does not say whom an entry is of, and OKS has no sigmas of these joints to find out"
                raise Refused("predictions", path, why, "--sigmas FILE")
            xy_photo = photo_points(whole.xy_crop.astype(np.float64), whole, crops.crop_size)
            rows, likeness = match_people(entries, whole, xy_photo, sigmas)
            there = zip(rows, likeness, strict=True)
            surely = sum(alike >= LOWEST for row, alike in there if row is not None and row < len(crops))
            entries, rows, missing = with_missing(entries, rows, crops.people)
            matching = Matching(len(crops) - missing, surely, rows.count(None))
        else:
            rows = _rows(entries, whole)
        place = _one_each(rows, crops.people)
    except JsonFault as fault:
        raise Refused("predictions", path, str(fault), fault.fix or _FIX) from fault
    numbers = np.array([entries[i]["keypoints"] for i in place], np.float64).reshape(len(crops), joints, 3)
    says = [entries[i].get("found") for i in place]
    each = numbers[..., 2].astype(np.float32)
    score = np.array([score_of(entries[i]) for i in place], np.float64)
    xy_photo = np.ascontiguousarray(numbers[..., :2])
    cells = cells_of(xy_photo, crops.people, crops.crop_size)
    found = None if says == [None] * len(says) else np.array([one is not False for one in says])
    read = Predictions(xy_photo, cells, score, _AS_GIVEN, found=found, name=name, joint_score=each)
    return PredictionFile(path, sha256, read, rows.count(None), matching, whole_entries, misnamed, unscored, twice)


def _rows(entries: Sequence[dict[str, Any]], whole: PeopleTable) -> list[int | None]:
    """Of each entry the row of the split that it is of, or None."""
    by_annotation = {int(one): row for row, one in enumerate(whole.annotation_id)}
    by_photo = {int(photo): row for row, photo in enumerate(whole.photo_id)}
    in_photo = Counter(whole.photo_id.tolist())
    rows = []
    for place, entry in enumerate(entries):
        if entry.get("annotation_id") is not None:
            annotation, said = entry["annotation_id"], entry.get("image_id")
            row = by_annotation.get(annotation)
            if row is not None and said is not None and said != whole.photo_id[row]:
                of = int(whole.photo_id[row])
                raise JsonFault(f"entry {place} has annotation_id {annotation}, of photo {of}, and image_id {said}")
            rows.append(row)
            continue
        photo = entry["image_id"]
        if in_photo[photo] > 1:
            why = f"photo {photo}, which has {in_photo[photo]} people of the split: only annotation_id tells which"
            raise JsonFault(f"entry {place} is of {why}")
        rows.append(by_photo.get(photo))
    return rows


def _one_each(rows: Sequence[int | None], people: PeopleTable) -> list[int]:
    """Of each person its entry."""
    given = Counter(rows)
    place = {row: i for i, row in enumerate(rows)}
    for row, annotation in enumerate(people.annotation_id):
        if given[row] > 1:
            raise JsonFault(f"annotation {annotation} is predicted {given[row]} times", "one entry a person")
    missing = [int(people.annotation_id[row]) for row in range(len(people)) if not given[row]]
    if missing:
        more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        why = f"nothing about annotation {missing[0]}{more}, of {counted_people(len(people))} of the split"
        raise JsonFault(why, OTHER_SPLIT)
    return [place[row] for row in range(len(people))]


def predict(
    model: LoadedHourglass,
    name: str,
    crops: Crops,
    inference: Inference,
    execution: Execution,
    how: DecodeConfig = _ARGMAX,
) -> Predictions:
    """Arg-max of the last stack's maps for every person of a split, and points found as ``how`` says.

    Raises:
        Refused: the model's maps hold NaN.
        Interrupted: a signal came.
    """
    module = model.module.to(device=inference.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    cells = np.zeros((len(crops), len(model.skeleton), 2), np.int64)
    score = np.zeros(cells.shape[:2], np.float32)
    places = np.zeros(cells.shape, np.float32)
    execution.progress.start(f"evaluate {name}", len(crops), "people")
    for batch, maps in inference.over(module, crops, execution):
        execution.stop.raise_if_set(name, "the same command again", saved=False)
        try:
            decoded = heatmaps.decode(maps[:, -1])
        except ValueError as error:
            raise Refused("model", name, str(error), sound_model(inference.precision)) from error
        cells[batch.rows], score[batch.rows] = decoded.cells.cpu().numpy(), decoded.score.cpu().numpy()
        if how != _ARGMAX:
            found = places_of(model, batch, maps[:, -1], inference, how)
            places[batch.rows] = found.cpu().numpy()
    execution.progress.finish()
    union = execution.world.merge_disjoint
    predicted = from_cells(name, union(cells), union(score), crops, rule=model.cell_rule)
    if how == _ARGMAX:
        return predicted
    xy_photo = _stored_points(union(places), crops, model.cell_rule)
    was = predicted.decoding
    return dataclasses.replace(predicted, xy_photo=xy_photo, decoding=decoding_words(how), cell_decoding=was)
