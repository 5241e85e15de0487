"""Predictions of several predictors on the same people -> the report: every score, its interval, and the differences.

``report.json`` is :meth:`Report.to_json`::

    data, split, persons, photos        what was scored
    joints                              their names, in the order of the skeleton
    bootstrap                           draws, seed: what the intervals were drawn with
    models, floors, ceilings            a row each, see Row
    comparisons                         any two models: the second minus the first, see shgae.metrics.comparison
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from shgae.artifacts.crops import Crops, PeopleTable, read_people
from shgae.artifacts.store import Artifact
from shgae.data import heatmaps
from shgae.errors import Refused
from shgae.evaluation.predictions import Predictions, from_cells, photo_points
from shgae.metrics import baselines, pose_scores
from shgae.metrics.comparison import Comparison, Resampled, by_joint, interval_json, joint_intervals
from shgae.metrics.pck import GROUPS
from shgae.metrics.people import People, Points
from shgae.metrics.pose_scores import Scores
from shgae.metrics.statistics import Interval
from shgae.recipes import EvaluateConfig
from shgae.skeleton import Skeleton

_TARGET = "highest cell of the target map, its middle"


@dataclass(frozen=True, eq=False)
class Row:
    """One predictor in the report."""

    name: str
    joints: tuple[str, ...]
    """Names of the K joints."""
    scores: Scores
    interval: tuple[Interval | None, ...] | None = None
    """Of the study's PCK, by :data:`~shgae.metrics.pck.GROUPS`; None for what is no model."""
    joint_intervals: Sequence[Interval | None] | None = None
    """Of the share of people of whom each joint was found; None for what is no model."""
    origin: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Where it comes from: the model's id, or the file's sha256."""

    def to_json(self) -> dict[str, Any]:
        """The row: name, pck and joints (the study's), interval, and metrics with every dialect."""
        study = self.scores.study
        joints: dict[str, dict[str, Any]] = {name: dict(one) for name, one in study.joints(self.joints).items()}
        for name, found in zip(self.joints, self.joint_intervals or (), strict=self.joint_intervals is not None):
            joints[name]["interval"] = interval_json(found)
        row = {"name": self.name, **self.origin, "pck": study.pck(), "joints": joints}
        if self.interval is not None:
            row["interval"] = {g: interval_json(one) for g, one in zip(GROUPS, self.interval, strict=True)}
        return row | {"metrics": [metric.to_json() for metric in self.scores.metrics]}


@dataclass(frozen=True)
class Pair:
    """Two models of the report."""

    first: str
    second: str
    joints: tuple[str, ...]
    comparison: Comparison

    def to_json(self) -> dict[str, Any]:
        """The pair: the difference of each group, McNemar's test of each joint, and a sentence."""
        found = self.comparison
        differences = dict(zip(GROUPS, (found.all, found.v1, found.v2), strict=True))
        joints = dict(zip(self.joints, map(dataclasses.asdict, found.joints), strict=True))
        return {
            "first": self.first,
            "second": self.second,
            "difference": {group: interval_json(one, of_difference=True) for group, one in differences.items()},
            "joints": joints,
            "photos": found.photos,
            "sentence": found.sentence(self.first, self.second),
        }


@dataclass(frozen=True)
class Report:
    """Everything that ``shgae evaluate`` says."""

    data: str
    """The id of the prepared data."""
    split: str
    persons: int
    photos: int
    """Photos of people who have a joint."""
    joints: tuple[str, ...]
    bootstrap: dict[str, int]
    models: tuple[Row, ...]
    floors: tuple[Row, ...]
    """What is scored without a look at the photo."""
    ceilings: tuple[Row, ...]
    """What the cells of the target maps allow."""
    comparisons: tuple[Pair, ...]

    def to_json(self) -> dict[str, Any]:
        """The object in ``report.json``."""
        rows = ("models", "floors", "ceilings", "comparisons")
        facts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in rows}
        facts["joints"] = list(self.joints)
        return facts | {name: [row.to_json() for row in getattr(self, name)] for name in rows}


def people_of(crops: Crops, skeleton: Skeleton) -> People:
    """What the predictions of these crops are scored against."""
    table = crops.people
    xy_crop, visibility = torch.from_numpy(table.xy_crop), torch.from_numpy(table.visibility)
    cells, in_crop = heatmaps.truth(xy_crop, visibility, crops.crop_size)
    return People(
        joints=skeleton.names,
        xy_photo=photo_points(table.xy_crop.astype(np.float64), table, crops.crop_size),
        visibility=table.visibility,
        cells=cells.numpy(),
        cell_visibility=in_crop.numpy(),
        map_size=crops.crop_size // heatmaps.STRIDE,
        box=table.box,
        photo_id=table.photo_id,
        annotation_id=table.annotation_id,
    )


def score(predictions: Predictions, people: People) -> Scores:
    """Every score of a predictor.

    Raises:
        Refused: a prediction is not a finite number.
    """
    points = Points(predictions.xy_photo, predictions.cells, predictions.person_score, predictions.decoding)
    try:
        return pose_scores.score(points, people)
    except ValueError as error:
        raise Refused("predictions", predictions.name, str(error), "a model whose training did not diverge") from error


def report(
    predictions: Sequence[Predictions],
    origins: Sequence[dict[str, Any]],
    crops: Crops,
    data: Artifact,
    config: EvaluateConfig,
) -> Report:
    """Scores models on the same people and compares any two of them.

    Args:
        predictions: of each model, in the order of the report.
        origins: what else each one's row says.
        crops: the people.
        data: the prepared data that they are of; its training people give the mean pose.
        config: split, draws and seed.

    Raises:
        Refused: a prediction is not a finite number.
    """
    skeleton = Skeleton.from_json(data.facts["skeleton"])
    people = people_of(crops, skeleton)
    scored = [score(one, people) for one in predictions]
    hits = [one.hits for one in scored]
    draws = {"draws": config.resamples, "seed": config.seed}
    again = Resampled(hits, people.cell_visibility, people.photo_id, **draws)
    intervals = [tuple(again.interval(i, group) for group in range(len(GROUPS))) for i in range(len(hits))]
    each = joint_intervals(hits, people.cell_visibility, people.photo_id, **draws)
    names = [one.name for one in predictions]
    pairs = []
    for i, j in itertools.combinations(range(len(hits)), 2):
        joints = by_joint(hits[i], hits[j], people.cell_visibility)
        pairs.append(Pair(names[i], names[j], skeleton.names, again.compare(i, j, joints)))

    def rows(blind: Sequence[Predictions]) -> tuple[Row, ...]:
        return tuple(Row(one.name, skeleton.names, score(one, people)) for one in blind)

    return Report(
        data=data.id,
        split=config.split,
        persons=len(crops),
        photos=again.photos,
        joints=skeleton.names,
        bootstrap=draws,
        models=tuple(
            Row(names[i], skeleton.names, scored[i], intervals[i], each[i], origins[i]) for i in range(len(names))
        ),
        floors=rows(_blind(crops, read_people(data, "train"))),
        ceilings=rows([from_cells("target cells", people.cells, None, crops, _TARGET)]),
        comparisons=tuple(pairs),
    )


def _blind(crops: Crops, train: PeopleTable) -> list[Predictions]:
    """What knows nothing of the photo: the mean pose of the training people, and maps that are 0 everywhere."""
    mean = baselines.mean_pose(train.xy_crop, train.visibility).astype(np.float32)
    pose = heatmaps.cells(torch.from_numpy(mean)[None], crops.crop_size).cells.numpy().repeat(len(crops), axis=0)
    return [
        from_cells("mean pose", pose, None, crops, "cell of the training people's mean place, its middle"),
        from_cells("zero map", np.zeros_like(pose), None, crops, "the first of equally high cells, its middle"),
    ]
