"""Predictions of several predictors on the same people -> every score, its interval, and the differences."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from shgae.arrays import Bools, Floats
from shgae.artifacts.crops import Crops, PeopleTable
from shgae.artifacts.store import Artifact
from shgae.data.mean_pose import mean_pose_cells
from shgae.errors import Inconsistent, Refused
from shgae.evaluation.error_shares import ErrorKinds, error_rule
from shgae.evaluation.people import people_of
from shgae.evaluation.report import Bootstrap, EvaluationReport, JointScore, Origin, Pair, Row
from shgae.evaluation.trainings import compare
from shgae.metrics import pose_scores
from shgae.metrics.bootstrap import PairedBootstrap
from shgae.metrics.comparison import by_joint, compare_models, joint_intervals, resample_pck
from shgae.metrics.pck import GROUPS, ByGroup
from shgae.metrics.people import People, Regions
from shgae.metrics.pose_scores import Scores
from shgae.metrics.statistics import Interval
from shgae.recipes import EvaluateConfig
from shgae.skeleton import Skeleton

if TYPE_CHECKING:
    from shgae.evaluation.predictions import Predictions


def score(predictions: Predictions, people: People) -> Scores:
    """Every score of a predictor.

    Raises:
        Refused: a prediction is not a finite number.
    """
    try:
        return pose_scores.score(predictions, people)
    except Inconsistent as error:
        raise Refused(
            "predictions", predictions.name, str(error), "a model that did not diverge in training"
        ) from error


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
    """Scores models on the same people and compares any two of them, in the order of their predictions.

    ``training`` are the people who give the mean pose. ``sigmas`` (K,) are of OKS; None takes COCO's where the joints
    are COCO's. ``regions`` are those that OKS AP ignores; None where nobody knows.

    Raises:
        Refused: a prediction is not a finite number.
    """
    skeleton = Skeleton.from_json(data.facts["skeleton"])
    people = people_of(crops, skeleton, sigmas, regions)
    every = [*predictions, *_aside(crops, training, people)]
    scored = [score(one, people) for one in every]
    hits, names, models = [one.hits for one in scored], [one.name for one in every], len(predictions)
    on, how = (people.cell_visibility, crops.photos), Bootstrap(config.resamples, config.seed)
    floors = range(models, len(every) - 1)
    paired = resample_pck(hits, *on, resamples=how.resamples, seed=how.seed)
    each = joint_intervals(hits[:models], *on, resamples=how.resamples, seed=how.seed)
    kinds = None
    if rule := error_rule(people):
        kinds = ErrorKinds(every, people, skeleton, crops.photos, models=models, resamples=how.resamples, seed=how.seed)
    best = max(floors, key=lambda place: paired.value((place, 0)) or 0.0)
    rows = []
    for i, (name, one) in enumerate(zip(names, scored, strict=True)):
        is_model = i < models
        row = Row(
            name=name,
            pck=one.original.pck(),
            interval=ByGroup(*(paired.share((i, group)) for group in range(len(GROUPS)))) if is_model else None,
            joints=_joints(one, skeleton.names, each[i] if is_model else [None] * len(skeleton.names)),
            metrics=one.metrics,
            curves=one.curves,
            above_floor=paired.difference((best, 0), (i, 0)) if is_model else None,
            errors=kinds.table(i) if kinds else None,
            **vars(origins[i] if is_model else Origin()),
        )
        rows.append(row)
    pairs = _pairs(names, hits, origins, paired, people, kinds)
    return EvaluationReport(
        data=data.id,
        split=config.split,
        persons=len(crops),
        photos=paired.photos,
        effective_photos=paired.effective((0, 0)) if paired.photos else None,
        joints=skeleton.names,
        bootstrap=how,
        models=tuple(rows[:models]),
        floors=tuple(rows[place] for place in floors),
        ceilings=(rows[-1],),
        comparisons=pairs,
        errors=rule,
    )


def _pairs(
    names: Sequence[str],
    hits: Sequence[Bools],
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
        pairs.append(
            Pair(**vars(found), first=names[i], second=names[j], joints=joints, errors=errors, trainings=trainings)
        )
    return tuple(pairs)


def _joints(scores: Scores, names: Sequence[str], intervals: Sequence[Interval | None]) -> dict[str, JointScore]:
    labels = scores.original.joint_labels[0].tolist()
    each = zip(scores.original.joints(names).items(), labels, intervals, strict=True)
    return {name: JointScore(found.all, found.v1, found.v2, count, one) for (name, found), count, one in each}


def _aside(crops: Crops, train: PeopleTable, people: People) -> list[Predictions]:
    """What knows nothing of the photo, the mean pose of the training people and maps that are 0 everywhere; then the
    cells of the target maps."""
    from shgae.evaluation.predictions import from_cells  # brings torch, which a finished report does without

    pose = mean_pose_cells(train, crops.crop_size)[None].repeat(len(crops), axis=0)
    return [
        from_cells("mean pose", pose, None, crops, "cell of the training people's mean place, its middle"),
        from_cells("zero map", np.zeros_like(pose), None, crops, "the first of equally high cells, its middle"),
        from_cells("target cells", people.cells, None, crops, "highest cell of the target map, its middle"),
    ]
