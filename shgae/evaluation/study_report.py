"""What a study reports: arms of equal budget on the same people, their differences, and the verdict on the first.

Two things could have been otherwise: which people there are, and which seeds. The interval over photos answers for
the first (people resampled, networks as they are), the interval over seeds for the second; a verdict goes by the
interval that allows for both (:class:`shgae.metrics.seeds.CombinedEstimate`).

``report.json`` is a :class:`StudyReport`, written and read by :data:`STUDY`. What the networks cost at work lies apart,
for measured times do not repeat: ``costs.json`` is a :class:`StudyCosts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shgae.artifacts.manifest import REPORT
from shgae.artifacts.store import Artifact
from shgae.artifacts.tables import read_json
from shgae.artifacts.typed_json import SCHEMA, Schema
from shgae.errors import Inconsistent, Refused
from shgae.evaluation.older_studies import OLDER
from shgae.evaluation.study_differences import ArmComparison, Detectable
from shgae.evaluation.study_registration import Registered, check_registered
from shgae.metrics.pck import ByGroup
from shgae.metrics.statistics import Verdict
from shgae.recipe_parts import PARTS

_USED = {"batch_size": int, "lr": float, "optimizer": str, "schedule": str, "precision": str}
_USED_IF_THERE = {"augment": str, **dict.fromkeys(PARTS, float)}

COSTS = "costs.json"
Pck = ByGroup[float | None]
"""0 to 1; None for a group that nobody has a joint of."""


@dataclass(frozen=True)
class Budget:
    """What all arms were given in the same way; read from their manifests, not from the options."""

    model: str
    """Id of the baseline."""
    data: str
    """Id of the prepared data."""
    people: int
    """In the training split, as used."""
    epochs: int
    steps: int
    """Of fine-tuning, in every arm and with every seed: by the people that each epoch of the history counted."""
    samples: int
    """People in these steps, counted from the histories."""
    config: Mapping[str, Any]
    """Options of fine-tuning that all arms share: optimizer, learning rate, schedule, batch size and so on."""
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` if an option that is shown is missing or of another type."""
        kinds = _USED | {name: kind for name, kind in _USED_IF_THERE.items() if name in self.config}
        wrong = [name for name, kind in kinds.items() if not isinstance(self.config.get(name), kind)]
        if wrong:
            raise Inconsistent(f"the config of fine-tuning lacks {', '.join(wrong)}")


@dataclass(frozen=True)
class ArmResult:
    """One arm over its seeds; the baseline too, which has none."""

    name: str
    """One of :data:`~shgae.option_lists.ARMS`, or ``baseline``; any, where the arms were not trained here."""
    label: str
    """In words."""
    pck: Pck
    """Mean over seeds."""
    by_seed: tuple[Pck, ...]
    parameters: int | None
    trained_parameters: int | None
    """Which learned in the fine-tuning; these two None where the arm was not trained here."""
    best_epochs: tuple[int, ...]
    """The epochs of the weights that were kept, by seed; empty where the arm was not trained here."""
    gflop: float | None
    """Billions of operations of a crop's forward pass, convolutions and matrix products; None in a report of before."""


@dataclass(frozen=True)
class CodeSize:
    """Arm full with a code of one size."""

    size: int
    parameters: int
    """Of the network with this autoencoder."""
    val: float
    """PCK on val after fine-tuning, 0 to 1, mean over seeds: by this the size is chosen."""
    before: float | None
    """PCK of the compared split before fine-tuning, 0 to 1, mean over seeds; None if nobody has a labelled joint."""
    after: float | None
    """The same after fine-tuning."""
    after_by_seed: tuple[float | None, ...]


@dataclass(frozen=True)
class CodeSizes:
    """PCK against the size of the code (``--code-sizes``); every number but those on val is of the split on which
    the arms are compared."""

    seeds: tuple[int, ...]
    sizes: tuple[CodeSize, ...]
    """Rising."""
    chosen: int
    """The size with the best PCK on val; of equal ones the smallest."""
    components: tuple[tuple[int, float | None], ...]
    """Numbers of principal components and the baseline's PCK with its bottleneck projected on them, from 0, which is
    the training mean."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` where the chosen size is none of them."""
        if self.chosen not in {one.size for one in self.sizes}:
            raise Inconsistent("a chosen size that was not tried")

    @property
    def best(self) -> CodeSize:
        """That of the chosen size."""
        return next(one for one in self.sizes if one.size == self.chosen)


@dataclass(frozen=True)
class StudyReport:
    """Everything that a study found."""

    split: str
    persons: int
    photos: int
    seeds: tuple[int, ...]
    """Where the arms were not trained here, the numbers of the longest arm's runs, from 0."""
    budget: Budget | None
    """None where the arms were not trained here."""
    arms: tuple[ArmResult, ...]
    """The baseline first."""
    differences: tuple[ArmComparison, ...]
    """The primary one first, where both of its arms were run."""
    verdict: Verdict
    """Of :attr:`primary`."""
    devices: tuple[str, ...]
    """On which arms were fine-tuned; empty in a report of schema 1 if all were on one."""
    ae_epochs: int | None
    """Of pre-training; None if no arm had any."""
    limit: int | None
    """So many people of each split alone; None for all."""
    registered: Registered | None
    """The plan that was fixed before; None in a report of before."""
    code_sizes: CodeSizes | None
    """PCK against the size of the code, where that was asked for."""
    scored_by_studies: tuple[str, ...] = ()
    """Arms that were not trained here, but are scores of a registered study."""
    detectable: Detectable | None = None
    """Of the primary comparison. None where no spread over runs was stated, and in the report of a study of one's own
    trainings."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` for a difference of arms that are not there."""
        arms = {arm.name for arm in self.arms}
        if any(not {one.arm, one.minus} <= arms for one in self.differences):
            raise Inconsistent("a difference of arms that are not there")

    @property
    def primary(self) -> ArmComparison | None:
        """The difference that the verdict is on; None if its arms were not both run."""
        return next((one for one in self.differences if one.primary), None)


def verdict_of(differences: Sequence[ArmComparison]) -> Verdict:
    """The verdict on the primary one of them."""
    return next((one.verdict for one in differences if one.primary), Verdict.NOT_COMPARED)


STUDY = Schema(StudyReport, version=6, older=OLDER)
"""The form of a study's ``report.json``."""


@dataclass(frozen=True)
class StudyCosts:
    """Measured where the report was made."""

    device: str
    precision: str
    batch: int
    """Crops in one forward pass."""
    milliseconds: Mapping[str, float]
    """Of a crop in it, by arm: the shortest of several passes, the networks in turns. In reports of before, the median
    of a few, one network after the other, reading the crops included."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` for numbers that nobody measures."""
        if self.batch < 1 or min(self.milliseconds.values(), default=0.0) < 0:
            raise Inconsistent("nobody measures such costs")


STUDY_COSTS = Schema(StudyCosts, version=1, older={})
"""The form of ``costs.json``."""


def read_study(artifact: Artifact) -> StudyReport:
    """The report of a study, of which the plan is checked.

    Raises:
        Refused: it is not in its form, or not of the plan that lies next to it.
    """
    content = read_json(artifact.open(REPORT))
    report = STUDY.from_json(content, artifact.file(REPORT))
    if report.registered is not None:
        check_registered(report.registered, artifact)
    elif content.get(SCHEMA, 1) > 2 and report.budget is not None:  # arms that were not trained here have no plan
        raise Refused("report", artifact.path, "it names no plan", "make the report again")
    return report
