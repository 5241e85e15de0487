"""What an evaluation reports: every score of several predictors, its interval, and the differences.

``report.json`` is an :class:`EvaluationReport`, written and read by :data:`EVALUATION`; made by
:mod:`shgae.evaluation.scoring`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shgae.artifacts.typed_json import Schema
from shgae.errors import Inconsistent
from shgae.evaluation.error_shares import ErrorRule, ErrorTable
from shgae.evaluation.official import NAMES, OfficialPhotos
from shgae.evaluation.older_reports import OLDER
from shgae.evaluation.trainings import NOT_KNOWN, Controlled, Trained
from shgae.metrics.comparison import Comparison, McNemar
from shgae.metrics.error_kinds import ByKind
from shgae.metrics.pck import ByGroup
from shgae.metrics.pckh import Curve
from shgae.metrics.people import Metric
from shgae.metrics.statistics import FEWEST_PHOTOS, ROUNDING, VERDICT_PHOTOS, Interval, is_near_boundary


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
    """COCO's :data:`~shgae.evaluation.official.NAMES` over whole photos, 0 to 1; None where they were not asked for."""
    trained: Trained | None = None
    """How it was trained; None of a file of predictions."""


@dataclass(frozen=True)
class JointScore:
    """The share of people of whom a joint was found, by the original study's rule; None where nobody has a label."""

    all: float | None
    v1: float | None
    v2: float | None
    count: int
    """Labels."""
    interval: Interval | None
    """Of ``all``; None for what is not a model, and from fewer than two photos."""


@dataclass(frozen=True, kw_only=True)
class Row(Origin):
    """One predictor in the report."""

    name: str
    pck: ByGroup[float | None]
    """The original study's, 0 to 1."""
    interval: ByGroup[Interval | None] | None
    """Of :attr:`pck`; None for what is not a model."""
    joints: Mapping[str, JointScore]
    metrics: tuple[Metric, ...]
    """Every dialect; the first one is the original study's."""
    curves: Mapping[str, Curve] = field(default_factory=dict)
    """See :attr:`~shgae.metrics.pose_scores.Scores.curves`."""
    above_floor: Interval | None = None
    """:attr:`pck` minus that of the best of the floors, on the same photos; None for what is not a model."""
    errors: ErrorTable | None = None
    """What kinds of errors it makes; None where no joint has a sigma."""


@dataclass(frozen=True)
class Pair(Comparison):
    """Two models of the report; a p is None in reports of before too."""

    first: str
    second: str
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
    effective_photos: float | None
    """As how many photos of equally many such people they count; None in reports of before, and of nobody."""
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

    @property
    def best_floor(self) -> Row | None:
        """The best guess without a look at the photo; None where none finds anything, and in reports of before."""
        best = max(self.floors, key=lambda row: row.pck.all or 0.0, default=None)
        return best if best is not None and best.pck.all else None

    @property
    def not_above_floor(self) -> tuple[Row, ...]:
        """Models that are not significantly better than :attr:`best_floor`; of one photo, or in a report of before,
        those that are not better."""
        best = self.best_floor
        if best is None or best.pck.all is None:
            return ()
        least = best.pck.all
        return tuple(
            row
            for row in self.models
            if (row.above_floor.low <= 0 if row.above_floor else (row.pck.all or 0.0) <= least)
        )

    @property
    def below_floor(self) -> tuple[Row, ...]:
        """Models of :attr:`not_above_floor` significantly worse than :attr:`best_floor`; none of few photos."""
        worse = (row for row in self.not_above_floor if row.above_floor and row.above_floor.high < 0)
        return tuple(worse) if self.photos >= VERDICT_PHOTOS else ()

    @property
    def has_score_intervals(self) -> bool:
        """Whether a model has a score interval: its PCK is near 0 or 1, or the same on every photo."""
        photos = max(self.counting_photos, FEWEST_PHOTOS)
        return any(
            is_near_boundary(row.pck.all, photos) or sure.standard_error <= ROUNDING < sure.high - sure.low
            for row in self.models
            if row.pck.all is not None and row.interval and (sure := row.interval.all)
        )

    @property
    def counting_photos(self) -> float:
        """By how many photos the kind of interval is chosen."""
        return self.photos if self.effective_photos is None else self.effective_photos


EVALUATION = Schema(EvaluationReport, version=8, older=OLDER)
"""The form of an evaluation's ``report.json``."""
