"""Predictions of several predictors on the same people -> the report: every score, its interval, and the differences.

``report.json`` is an :class:`EvaluationReport`, written and read by :data:`EVALUATION`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from shgae.artifacts.crops import Crops, PeopleTable
from shgae.artifacts.store import Artifact
from shgae.artifacts.typed_json import Schema
from shgae.data import heatmaps
from shgae.errors import Refused
from shgae.evaluation.people import people_of
from shgae.evaluation.predictions import Predictions, from_cells
from shgae.metrics import baselines, pose_scores
from shgae.metrics.comparison import Comparison, by_joint, compare_models, joint_intervals, resample_pck
from shgae.metrics.official import NAMES
from shgae.metrics.paired_tests import McNemar, holm
from shgae.metrics.pck import GROUPS, ByGroup
from shgae.metrics.pckh import Curve
from shgae.metrics.people import Floats, Metric, People, Points, Regions
from shgae.metrics.pose_scores import Scores
from shgae.metrics.statistics import Interval, Verdict
from shgae.recipes import EvaluateConfig
from shgae.skeleton import Skeleton

_TARGET = "highest cell of the target map, its middle"


@dataclass(frozen=True)
class Matching:
    """How results of whole photos, which do not say whom they are of, were matched to people by OKS."""

    matched: int
    """People with a result; the others are missed."""
    surely: int
    """Of these, people with one of an OKS of 0.5 or more."""
    unmatched: int
    """Results that are of nobody in the split."""


@dataclass(frozen=True)
class Origin:
    """Where a model's predictions come from."""

    id: str | None = None
    """Of the model; None for what is none, or for predictions from a file."""
    predictions_sha256: str | None = None
    """Of the file of predictions."""
    trained_on_other_data: bool = False
    """Whether the model may have seen these very people in training."""
    matching: Matching | None = None
    """None where each prediction says whom it is of."""
    official: Mapping[str, float | None] | None = None
    """COCO's :data:`~shgae.metrics.official.NAMES` over whole photos, 0 to 1; None where they were not asked for."""


@dataclass(frozen=True)
class JointScore:
    """The share of people of whom a joint was found, by the study's rule; None where nobody has it labelled."""

    all: float | None
    v1: float | None
    v2: float | None
    count: int
    """Labels."""
    interval: Interval | None
    """Of ``all``; None for what is not a model, and from fewer than two photos."""


@dataclass(frozen=True)
class Row:
    """One predictor in the report."""

    name: str
    id: str | None
    predictions_sha256: str | None
    trained_on_other_data: bool
    """These three: see :class:`Origin`."""
    pck: ByGroup[float | None]
    """The study's, 0 to 1."""
    interval: ByGroup[Interval | None] | None
    """Of :attr:`pck`; None for what is not a model."""
    joints: Mapping[str, JointScore]
    metrics: tuple[Metric, ...]
    """Every dialect; the first one is the study's."""
    curves: Mapping[str, Curve] = field(default_factory=dict)
    """See :attr:`~shgae.metrics.pose_scores.Scores.curves`."""
    matching: Matching | None = None
    official: Mapping[str, float | None] | None = None
    """These two: see :class:`Origin`."""


@dataclass(frozen=True)
class Pair:
    """Two models of the report."""

    first: str
    second: str
    verdict: Verdict
    difference: ByGroup[Interval | None]
    p: float | None
    p_adjusted: float | None
    photos: int
    """These five: see :class:`~shgae.metrics.comparison.Comparison`; a p is None in reports of before too."""
    joints: Mapping[str, McNemar]
    """Of each joint, on how many people the two agree."""


@dataclass(frozen=True)
class Bootstrap:
    """What the intervals were drawn with."""

    resamples: int
    seed: int


@dataclass(frozen=True)
class EvaluationReport:
    """Everything that ``shgae evaluate`` says."""

    data: str
    """The id of the prepared data."""
    split: str
    persons: int
    photos: int
    """Photos of people who have a joint."""
    joints: tuple[str, ...]
    """Their names, in the order of the skeleton."""
    bootstrap: Bootstrap
    models: tuple[Row, ...]
    floors: tuple[Row, ...]
    """What is scored without a look at the photo."""
    ceilings: tuple[Row, ...]
    """What the cells of the target maps allow."""
    comparisons: tuple[Pair, ...]
    """Any two models: the second minus the first."""

    def __post_init__(self) -> None:
        """Raises :class:`ValueError` if there is no model, or a row or pair is of other joints, scores or radii."""
        rows = self.rows
        joints = [set(row.joints) for row in rows] + [set(pair.joints) for pair in self.comparisons]
        joints += [set(metric.joints) for row in rows for metric in row.metrics]
        if not self.models or any(one != set(self.joints) for one in joints):
            raise ValueError("no model, or a row of other joints")
        scores = [{metric.name: metric.labelled.keys() for metric in row.metrics} for row in rows]
        if not scores[0] or any(one != scores[0] for one in scores):
            raise ValueError("no score, or a row of other scores")
        curves = {(name, curve.radii) for row in rows for name, curve in row.curves.items()}
        if len(curves) > len({name for name, _ in curves}):
            raise ValueError("a row of other radii")
        if any(row.official is not None and row.official.keys() != set(NAMES) for row in rows):
            raise ValueError("a row of other official numbers")

    @property
    def rows(self) -> tuple[Row, ...]:
        """Models, then what is none."""
        return (*self.models, *self.floors, *self.ceilings)


def _from_schema_1(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 left out what a row lacks, and had sentences; its first reports lack floors and the joints' order."""

    def row(one: dict[str, Any]) -> dict[str, Any]:
        origin = {"id": None, "predictions_sha256": None, "trained_on_other_data": False, "interval": None}
        return origin | one | {"joints": {name: {"interval": None} | joint for name, joint in one["joints"].items()}}

    def pair(one: dict[str, Any]) -> dict[str, Any]:
        difference = {group: _without(found, "smallest_to_show") for group, found in one["difference"].items()}
        whole = one["difference"]["all"]
        verdict = Verdict.of_bounds(whole["low"], whole["high"]) if whole else Verdict.TOO_FEW_PHOTOS
        least = {"verdict": verdict.value, "minimum_detectable": whole["smallest_to_show"] if whole else None}
        return {**_without(one, "sentence"), **least, "difference": difference}

    rows = {key: [row(one) for one in old.get(key, [])] for key in ("models", "floors", "ceilings")}
    bootstrap = {"resamples": old["bootstrap"]["draws"], "seed": old["bootstrap"]["seed"]}
    joints = old.get("joints") or list(old["models"][0]["joints"])
    return old | rows | {"bootstrap": bootstrap, "joints": joints, "comparisons": [*map(pair, old["comparisons"])]}


def _from_schema_2(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 2 had no curves, matching or official numbers; the last reports of schema 1 had."""

    def row(one: dict[str, Any]) -> dict[str, Any]:
        keys = {"matched": "matched", "matched_at_0.5": "surely", "unmatched": "unmatched"}
        kept = {key: value for key, value in one.items() if key not in keys}
        matching = {name: one[key] for key, name in keys.items()} if "matched" in one else None
        return {"curves": {}, "official": None, "matching": matching} | kept

    return old | {key: [row(one) for one in old[key]] for key in ("models", "floors", "ceilings")}


def _without(one: Any, key: str) -> Any:
    return one and {name: value for name, value in one.items() if name != key}


def _from_schema_3(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 3 did not allow for the number of pairs and joints, and said what it might have missed."""

    def pair(one: dict[str, Any]) -> dict[str, Any]:
        adjusted = holm([joint["p"] for joint in one["joints"].values()])
        joints = zip(one["joints"].items(), adjusted, strict=True)
        new = {
            "p": None,
            "p_adjusted": None,
            "joints": {name: joint | {"p_adjusted": p} for (name, joint), p in joints},
        }
        return {**_without(one, "minimum_detectable"), **new}

    return old | {"comparisons": [pair(one) for one in old["comparisons"]]}


EVALUATION = Schema(EvaluationReport, version=4, older={1: _from_schema_1, 2: _from_schema_2, 3: _from_schema_3})
"""The form of an evaluation's ``report.json``."""


def score(predictions: Predictions, people: People) -> Scores:
    """Every score of a predictor.

    Raises:
        Refused: a prediction is not a finite number.
    """
    points = Points(
        predictions.xy_photo,
        predictions.cells,
        predictions.person_score,
        predictions.decoding,
        predictions.cell_decoding,
        predictions.found,
    )
    try:
        return pose_scores.score(points, people)
    except ValueError as error:
        raise Refused("predictions", predictions.name, str(error), "a model whose training did not diverge") from error


def report(
    predictions: Sequence[Predictions],
    origins: Sequence[Origin],
    crops: Crops,
    data: Artifact,
    training: PeopleTable,
    config: EvaluateConfig,
    sigmas: Floats | None = None,
    regions: Regions | None = None,
) -> EvaluationReport:
    """Scores models on the same people and compares any two of them.

    Args:
        predictions: of each model, in the order of the report.
        origins: where each one comes from.
        crops: the people.
        data: the prepared data that they are of.
        training: its training people, who give the mean pose.
        config: split, resamples and seed.
        sigmas: (K,) of OKS; None takes COCO's where the joints are COCO's.
        regions: that OKS AP ignores; None where nobody knows.

    Raises:
        Refused: a prediction is not a finite number.
    """
    skeleton = Skeleton.from_json(data.facts["skeleton"])
    people = people_of(crops, skeleton, sigmas, regions)
    scored = [score(one, people) for one in predictions]
    hits, names = [one.hits for one in scored], [one.name for one in predictions]
    on = (hits, people.cell_visibility, crops.photos)
    paired = resample_pck(*on, resamples=config.resamples, seed=config.seed)
    each = joint_intervals(*on, resamples=config.resamples, seed=config.seed)
    models = []
    for i, one in enumerate(scored):
        interval = ByGroup(*(paired.share((i, group)) for group in range(len(GROUPS))))
        models.append(_row(names[i], one, skeleton.names, origins[i], interval, each[i]))
    pairs = []
    places = list(itertools.combinations(range(len(hits)), 2))
    for (i, j), found in zip(places, compare_models(paired, places), strict=True):
        joints = dict(zip(skeleton.names, by_joint(hits[i], hits[j], people.cell_visibility), strict=True))
        pairs.append(_pair(names[i], names[j], found, joints))

    def rows(blind: Sequence[Predictions]) -> tuple[Row, ...]:
        return tuple(_row(one.name, score(one, people), skeleton.names) for one in blind)

    return EvaluationReport(
        data=data.id,
        split=config.split,
        persons=len(crops),
        photos=paired.photos,
        joints=skeleton.names,
        bootstrap=Bootstrap(config.resamples, config.seed),
        models=tuple(models),
        floors=rows(_blind(crops, training)),
        ceilings=rows([from_cells("target cells", people.cells, None, crops, _TARGET)]),
        comparisons=tuple(pairs),
    )


def _row(
    name: str,
    scores: Scores,
    joints: tuple[str, ...],
    origin: Origin | None = None,
    interval: ByGroup[Interval | None] | None = None,
    joint_interval: Sequence[Interval | None] | None = None,
) -> Row:
    """The row of a model, or (without an origin) of what is none."""
    origin, each = origin or Origin(), joint_interval or [None] * len(joints)
    return Row(
        name=name,
        id=origin.id,
        predictions_sha256=origin.predictions_sha256,
        trained_on_other_data=origin.trained_on_other_data,
        pck=ByGroup(**scores.study.pck()),
        interval=interval,
        joints={
            name: JointScore(found["all"], found["v1"], found["v2"], int(found["count"] or 0), one)
            for (name, found), one in zip(scores.study.joints(joints).items(), each, strict=True)
        },
        metrics=scores.metrics,
        curves=scores.curves,
        matching=origin.matching,
        official=origin.official,
    )


def _pair(first: str, second: str, found: Comparison, joints: Mapping[str, McNemar]) -> Pair:
    return Pair(first, second, found.verdict, found.difference, found.p, found.p_adjusted, found.photos, joints)


def _blind(crops: Crops, train: PeopleTable) -> list[Predictions]:
    """What knows nothing of the photo: the mean pose of the training people, and maps that are 0 everywhere."""
    mean = baselines.mean_pose(train.xy_crop, train.visibility).astype(np.float32)
    pose = heatmaps.cells(torch.from_numpy(mean)[None], crops.crop_size).cells.numpy().repeat(len(crops), axis=0)
    return [
        from_cells("mean pose", pose, None, crops, "cell of the training people's mean place, its middle"),
        from_cells("zero map", np.zeros_like(pose), None, crops, "the first of equally high cells, its middle"),
    ]
