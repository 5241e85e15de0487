"""Predictions of several predictors on the same people -> the report: every score, its interval, and the differences.

``report.json`` is an :class:`EvaluationReport`, written and read by :data:`EVALUATION`.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shgae.artifacts.crops import Crops, PeopleTable
from shgae.artifacts.store import Artifact
from shgae.artifacts.typed_json import Schema
from shgae.data.mean_pose import mean_pose_cells
from shgae.errors import Inconsistent, Refused
from shgae.evaluation.error_shares import ErrorKinds, ErrorRule, ErrorTable, error_rule
from shgae.evaluation.official import OfficialPhotos
from shgae.evaluation.older_reports import OLDER
from shgae.evaluation.people import people_of
from shgae.evaluation.trainings import NOT_KNOWN, Controlled, Trained, compare
from shgae.metrics import pose_scores
from shgae.metrics.bootstrap import PairedBootstrap
from shgae.metrics.comparison import by_joint, compare_models, joint_intervals, resample_pck
from shgae.metrics.error_kinds import ByKind
from shgae.metrics.official import NAMES
from shgae.metrics.paired_tests import McNemar
from shgae.metrics.pck import GROUPS, ByGroup
from shgae.metrics.pckh import Curve
from shgae.metrics.people import Floats, Metric, People, Points, Regions
from shgae.metrics.pose_scores import Scores
from shgae.metrics.statistics import Interval, Verdict
from shgae.recipes import EvaluateConfig
from shgae.skeleton import Skeleton

if TYPE_CHECKING:
    from shgae.evaluation.predictions import Predictions

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
    trained: Trained | None = None
    """How it was trained; None of a file of predictions."""


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
    trained: Trained | None = None
    """These three: see :class:`Origin`."""
    above_floor: Interval | None = None
    """:attr:`pck` minus that of the best of the floors, on the same photos; None for what is not a model."""
    errors: ErrorTable | None = None
    """What kinds of errors it makes; None where no joint has a sigma."""


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
    errors: ByKind[Interval | None] | None = None
    """Shares of joints of each kind of error, the second's minus the first's; None where no joint has a sigma."""
    trainings: Controlled = NOT_KNOWN
    """In what their trainings differ."""


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
    errors: ErrorRule | None = None
    """How kinds of errors were told; None where no joint has a sigma."""
    official_photos: OfficialPhotos | None = None
    """What :attr:`Row.official` is of; None where nobody asked for it, and in reports of before."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent`: no model, or a row or pair of other joints, scores or radii."""
        rows = self.rows
        joints = [set(row.joints) for row in rows] + [set(pair.joints) for pair in self.comparisons]
        joints += [set(metric.joints) for row in rows for metric in row.metrics]
        joints += [set(row.errors.joints) for row in rows if row.errors]
        if not self.models or any(one != set(self.joints) for one in joints):
            raise Inconsistent("no model, or a row of other joints")
        scores = [{metric.name: metric.labelled.keys() for metric in row.metrics} for row in rows]
        if not scores[0] or any(one != scores[0] for one in scores):
            raise Inconsistent("no score, or a row of other scores")
        curves = {(name, curve.radii) for row in rows for name, curve in row.curves.items()}
        if len(curves) > len({name for name, _ in curves}):
            raise Inconsistent("a row of other radii")
        if any(row.official is not None and row.official.keys() != set(NAMES) for row in rows):
            raise Inconsistent("a row of other official numbers")

    @property
    def rows(self) -> tuple[Row, ...]:
        """Models, then what is none."""
        return (*self.models, *self.floors, *self.ceilings)


EVALUATION = Schema(EvaluationReport, version=7, older=OLDER)
"""The form of an evaluation's ``report.json``."""


def score(predictions: Predictions, people: People) -> Scores:
    """Every score of a predictor.

    Raises:
        Refused: a prediction is not a finite number.
    """
    try:
        return pose_scores.score(points_of(predictions), people)
    except Inconsistent as error:
        raise Refused("predictions", predictions.name, str(error), "a model whose training did not diverge") from error


def points_of(predictions: Predictions) -> Points:
    """What metrics look at."""
    one = predictions
    return Points(one.xy_photo, one.cells, one.person_score, one.decoding, one.cell_decoding, one.found)


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
    from shgae.evaluation.predictions import from_cells  # brings torch, which a finished report does without

    skeleton = Skeleton.from_json(data.facts["skeleton"])
    people = people_of(crops, skeleton, sigmas, regions)
    aside = [*_blind(crops, training), from_cells("target cells", people.cells, None, crops, _TARGET)]
    every = [*predictions, *aside]
    scored = [score(one, people) for one in every]
    hits, names, models = [one.hits for one in scored], [one.name for one in every], len(predictions)
    on, how = (people.cell_visibility, crops.photos), Bootstrap(config.resamples, config.seed)
    floors = range(models, len(every) - 1)
    paired = resample_pck(hits, *on, resamples=how.resamples, seed=how.seed)
    each = joint_intervals(hits[:models], *on, resamples=how.resamples, seed=how.seed)
    kinds = _error_kinds(every, people, skeleton, crops, models, how)
    best = max(floors, key=lambda place: paired.value((place, 0)) or 0.0)
    rows = []
    for i, one in enumerate(scored):
        row = _row(names[i], one, skeleton.names, *((origins[i], each[i]) if i < models else ()))
        row = replace(row, errors=kinds.table(i) if kinds else None)
        if i < models:
            interval = ByGroup(*(paired.share((i, group)) for group in range(len(GROUPS))))
            row = replace(row, interval=interval, above_floor=paired.difference((best, 0), (i, 0)))
        rows.append(row)
    pairs = _pairs(names, hits, origins, paired, people, kinds)
    return EvaluationReport(
        data=data.id,
        split=config.split,
        persons=len(crops),
        photos=paired.photos,
        joints=skeleton.names,
        bootstrap=how,
        models=tuple(rows[:models]),
        floors=tuple(rows[place] for place in floors),
        ceilings=(rows[-1],),
        comparisons=pairs,
        errors=error_rule(people) if kinds else None,
    )


def _pairs(
    names: Sequence[str],
    hits: Sequence[npt.NDArray[np.bool_]],
    origins: Sequence[Origin],
    paired: PairedBootstrap,
    people: People,
    kinds: ErrorKinds | None,
) -> tuple[Pair, ...]:
    """Any two of the models, the first of them the first of these names."""
    pairs, places = [], list(itertools.combinations(range(len(origins)), 2))
    for (i, j), found in zip(places, compare_models(paired, places), strict=True):
        joints = dict(zip(people.joints, by_joint(hits[i], hits[j], people.cell_visibility), strict=True))
        trainings = compare(origins[i].trained, origins[j].trained)
        errors = kinds.difference(i, j) if kinds else None
        pairs.append(Pair(names[i], names[j], **vars(found), joints=joints, errors=errors, trainings=trainings))
    return tuple(pairs)


def _error_kinds(
    every: Sequence[Predictions], people: People, skeleton: Skeleton, crops: Crops, models: int, how: Bootstrap
) -> ErrorKinds | None:
    """Kinds of errors, the first so many being models; None where no joint has a sigma."""
    if len(error_rule(people).left_out) == len(people.joints):
        return None
    points = [points_of(one) for one in every]
    return ErrorKinds(points, people, skeleton, crops.photos, models=models, **dataclasses.asdict(how))


def _row(
    name: str,
    scores: Scores,
    joints: tuple[str, ...],
    origin: Origin | None = None,
    joint_interval: Sequence[Interval | None] | None = None,
) -> Row:
    """The row of a model, or (without an origin) of what is none."""
    origin, each = origin or Origin(), joint_interval or [None] * len(joints)
    return Row(
        name=name,
        pck=ByGroup(**scores.study.pck()),
        interval=None,
        joints={
            name: JointScore(found["all"], found["v1"], found["v2"], int(found["count"] or 0), one)
            for (name, found), one in zip(scores.study.joints(joints).items(), each, strict=True)
        },
        metrics=scores.metrics,
        curves=scores.curves,
        **vars(origin),
    )


def _blind(crops: Crops, train: PeopleTable) -> list[Predictions]:
    """What knows nothing of the photo: the mean pose of the training people, and maps that are 0 everywhere."""
    from shgae.evaluation.predictions import from_cells

    pose = mean_pose_cells(train, crops.crop_size)[None].repeat(len(crops), axis=0)
    return [
        from_cells("mean pose", pose, None, crops, "cell of the training people's mean place, its middle"),
        from_cells("zero map", np.zeros_like(pose), None, crops, "the first of equally high cells, its middle"),
    ]
