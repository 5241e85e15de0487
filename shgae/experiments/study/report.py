"""What a study found: scores of its arms, differences with intervals, and one sentence that says what follows.

Two things could have been otherwise: which people there are, and which seeds. The interval over photos answers for
the first (people drawn anew, networks as they are), the interval over seeds for the second; what is said goes by the
interval that allows for both (:func:`shgae.metrics.statistics.combined`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shgae.experiments.study.budget import Budget
from shgae.experiments.study.plan import BASELINE
from shgae.experiments.study.scores import Scores
from shgae.metrics import statistics
from shgae.metrics.comparison import FEWEST_PHOTOS
from shgae.metrics.pck import GROUPS
from shgae.metrics.statistics import Combined, Interval

_QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("e", "a", "Did the pre-trained autoencoder earn its place?"),
    ("e", "b", "Did its pre-training matter?"),
    ("e", "c", "Did its being more than a linear projection matter?"),
    ("c", "a", "Does a linear autoencoder earn its place?"),
    ("b", "a", "Does an autoencoder earn its place without pre-training?"),
    ("d", "a", "Does adapting the autoencoder alone do as much as fine-tuning the network?"),
    ("e", BASELINE, "as the original reported, unfair: only one of the two was trained on"),
    ("a", BASELINE, "what the same training gave without an autoencoder, unfair: only one of the two was trained on"),
)
"""Which arms are compared, the study's own question first."""

TOO_FEW = "too few photos of people with labelled joints"
"""Why there is no difference."""

Pck = Mapping[str, float | None]


@dataclass(frozen=True)
class ArmResult:
    """One arm over its seeds; the parent too, which has none."""

    name: str
    label: str
    pck: Pck
    """Mean over seeds, 0 to 1; None for a group that nobody has a joint of."""
    by_seed: tuple[Pck, ...]
    parameters: int
    trained_parameters: int
    """Which learned in the fine-tuning."""
    best_epochs: tuple[int, ...]
    """Whose weights were kept, by seed."""


@dataclass(frozen=True)
class Range:
    """A 95 % interval of a difference of PCK."""

    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A difference of PCK in one group of joints, as a share (0.01 is one point)."""

    value: float
    """Mean over seeds."""
    low: float
    high: float
    """The 95 % interval that allows for other people and other seeds; for other people alone where there is one
    seed."""
    over_photos: Range
    over_seeds: Range | None
    """None where there is one seed."""
    by_seed: tuple[float, ...]
    smallest_to_show: float
    """The true difference that a study of this size would have found four times out of five."""

    @property
    def excludes_zero(self) -> bool:
        """Whether chance alone is an unlikely reason for the difference."""
        return self.low > 0 or self.high < 0

    @property
    def is_nothing(self) -> bool:
        """Whether there is no difference on any photo, with any seed."""
        return self.low == self.high == 0


@dataclass(frozen=True)
class Difference:
    """Two arms on the same people, with the same seeds."""

    arm: str
    minus: str
    question: str
    fair: bool
    """Whether both had the same training after the parent."""
    groups: Mapping[str, Estimate | None]
    """By group of joints: all, v1, v2; None where nobody has one."""
    finding: str
    """In words, of all labelled joints."""


@dataclass(frozen=True)
class Report:
    """Everything that a study found."""

    split: str
    persons: int
    photos: int
    seeds: tuple[int, ...]
    budget: Budget
    arms: tuple[ArmResult, ...]
    """The parent first."""
    differences: tuple[Difference, ...]
    """e - a first, where both were run."""
    conclusion: str
    """One sentence: what may be said."""
    cautions: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints and ``report.json`` holds."""
        return dataclasses.asdict(self)


def differences(scores: Mapping[str, Sequence[Scores]], photo_id: npt.NDArray[np.int64]) -> tuple[Difference, ...]:
    """Every question that these arms can answer.

    Args:
        scores: of each arm, by seed; the parent has one for all seeds.
        photo_id: (N,) the photo of each person.
    """
    found = []
    asked = [one for one in _QUESTIONS if one[0] in scores and one[1] in scores]
    pairs = [_Pair(scores[minus], scores[arm], photo_id) for arm, minus, _ in asked]
    if not pairs:
        return ()
    # All of them on the same draws, made once.
    sums = statistics.photo_sums(np.concatenate([pair.columns() for pair in pairs], axis=1), photo_id)
    draws = statistics.bootstrap(sums[:, 0::2], sums[:, 1::2])
    for number, ((arm, minus, question), pair) in enumerate(zip(asked, pairs, strict=True)):
        own = draws[:, number * len(GROUPS) : (number + 1) * len(GROUPS)]
        groups = {group: pair.estimate(i, own[:, i]) for i, group in enumerate(GROUPS)}
        whole = groups[GROUPS[0]]
        finding = TOO_FEW if whole is None else finding_of(whole)
        found.append(Difference(arm, minus, question, minus != BASELINE, groups, finding))
    return tuple(found)


def mean_pck(by_seed: Sequence[Pck]) -> Pck:
    """The mean over seeds of each group; None for a group that nobody has a joint of."""
    each = {group: [one[group] for one in by_seed] for group in GROUPS}
    numbers = {group: [value for value in values if value is not None] for group, values in each.items()}
    return {group: float(np.mean(values)) if values else None for group, values in numbers.items()}


class _Pair:
    """Two arms, seed by seed."""

    def __init__(self, firsts: Sequence[Scores], seconds: Sequence[Scores], photo_id: npt.NDArray[np.int64]) -> None:
        several = firsts if len(firsts) == len(seconds) else [*firsts] * len(seconds)  # the parent knows no seeds
        self._seeds = list(zip(several, seconds, strict=True))
        self._has = firsts[0].has
        self._photos = [len(np.unique(photo_id[has > 0])) for has in self._has.T]

    def columns(self) -> npt.NDArray[np.float64]:
        """(N, 6): of each group, a person's difference, mean over seeds, and whether the person has such a joint."""
        mean = np.mean([second.share - first.share for first, second in self._seeds], axis=0)
        return np.stack([mean, self._has], axis=-1).reshape(len(mean), -1)

    def estimate(self, group: int, draws: npt.NDArray[np.float64]) -> Estimate | None:
        """The difference in one group, from its draws over photos."""
        name = GROUPS[group]
        by_seed = tuple((second.pck[name] or 0.0) - (first.pck[name] or 0.0) for first, second in self._seeds)
        value = float(np.mean(by_seed))
        # With one photo there is nothing to draw from; where few people have such a joint most draws have none.
        if self._photos[group] < FEWEST_PHOTOS or 2 * np.isfinite(draws).sum() < len(draws):
            return None
        over_photos, over_seeds = statistics.interval(value, draws), statistics.over_seeds(by_seed)
        both: Interval | Combined = over_photos
        if over_seeds:
            both = statistics.combined(over_photos, over_seeds, self._photos[group], len(by_seed))
        return Estimate(
            value=value,
            low=both.low,
            high=both.high,
            over_photos=Range(over_photos.low, over_photos.high),
            over_seeds=Range(over_seeds.low, over_seeds.high) if over_seeds else None,
            by_seed=by_seed,
            smallest_to_show=both.smallest_to_show,
        )


def finding_of(one: Estimate) -> str:
    if one.is_nothing:
        return "no difference on any photo"
    if not one.excludes_zero:
        return f"not shown (could have shown {100 * one.smallest_to_show:.1f} points)"
    return "more" if one.value > 0 else "less"


def signed_points(value: float) -> str:
    return f"{abs(100 * value):.1f} points of PCK {'more' if value >= 0 else 'less'}"
