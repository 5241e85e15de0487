"""What a study reports: arms of equal budget on the same people, their differences, and the verdict on the first.

Two things could have been otherwise: which people there are, and which seeds. The interval over photos answers for
the first (people resampled, networks as they are), the interval over seeds for the second; a verdict goes by the
interval that allows for both (:class:`shgae.metrics.seeds.CombinedEstimate`).

``report.json`` is a :class:`StudyReport`, written and read by :data:`STUDY`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shgae.artifacts.manifest import REPORT
from shgae.artifacts.store import Artifact
from shgae.artifacts.tables import read_json
from shgae.artifacts.typed_json import SCHEMA, Schema
from shgae.errors import Refused
from shgae.evaluation.study_differences import ArmComparison, Detectable
from shgae.evaluation.study_plan import Registered, check_registered
from shgae.evaluation.study_sizes import CodeSizes
from shgae.metrics.pck import ByGroup
from shgae.metrics.statistics import Verdict
from shgae.recipe_parts import PARTS

NONE, RANDOM, PCA, FROZEN, FULL = "none", "random", "pca", "frozen", "full"
WIDE, DROPOUT, WEIGHT_DECAY = "wide", "dropout", "weight-decay"
NONE_AUGMENT, FULL_AUGMENT = "none+augment", "full+augment"
ARMS: Mapping[str, str] = {
    NONE: "no autoencoder",
    RANDOM: "random autoencoder",
    PCA: "linear autoencoder, from principal components",
    FROZEN: "pre-trained autoencoder, trunk frozen",
    FULL: "pre-trained autoencoder",
    WIDE: "pre-trained autoencoder, code as large as the bottleneck",
    DROPOUT: "no autoencoder, dropout in the bottleneck",
    WEIGHT_DECAY: "no autoencoder, weight decay",
    NONE_AUGMENT: "no autoencoder, augmentation",
    FULL_AUGMENT: "pre-trained autoencoder, augmentation",
}
"""What is fine-tuned in each arm."""
LETTERS: Mapping[str, str] = dict(zip((NONE, RANDOM, PCA, FROZEN, FULL), "abcde", strict=True))
"""The names that arms had, which options and folders may still use."""
BASELINE = "baseline"
"""The network that every arm starts from, scored next to the arms."""
_USED = {"batch_size": int, "lr": float, "optimizer": str, "schedule": str, "precision": str}
_USED_IF_THERE = {"augment": str, **dict.fromkeys(PARTS, float)}

Pck = ByGroup[float | None]
"""0 to 1; None for a group that nobody has a joint of."""


def size_of(arm: str) -> int | None:
    """The code size of ``code-N``, a repetition of arm full; None of any other arm."""
    found = re.fullmatch(r"code-([1-9][0-9]{0,3})", arm)
    return int(found[1]) if found else None


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
        """Raises :class:`ValueError` if an option that is shown is missing or of another type."""
        kinds = _USED | {name: kind for name, kind in _USED_IF_THERE.items() if name in self.config}
        wrong = [name for name, kind in kinds.items() if not isinstance(self.config.get(name), kind)]
        if wrong:
            raise ValueError(f"the config of fine-tuning lacks {', '.join(wrong)}")


@dataclass(frozen=True)
class ArmResult:
    """One arm over its seeds; the baseline too, which has none."""

    name: str
    """One of :data:`ARMS`, or :data:`BASELINE`; any, where the arms were not trained here."""
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

    @property
    def primary(self) -> ArmComparison | None:
        """The difference that the verdict is on; None if its arms were not both run."""
        return next((one for one in self.differences if one.primary), None)


def verdict_of(differences: Sequence[ArmComparison]) -> Verdict:
    """The verdict on the primary one of them."""
    return next((one.verdict for one in differences if one.primary), Verdict.NOT_COMPARED)


def _from_schema_1(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had letters for arms and sentences for what its verdicts and cautions say."""
    names = {letter: name for name, letter in LETTERS.items()} | {"parent": BASELINE}

    def estimate(one: dict[str, Any] | None) -> dict[str, Any] | None:
        if one is None:
            return None
        kept = {key: value for key, value in one.items() if key != "smallest_to_show"}
        return kept | {"minimum_detectable": one["smallest_to_show"]}

    differences = [
        {
            "arm": names[one["arm"]],
            "minus": names[one["minus"]],
            "fair": one["fair"],
            "verdict": _verdict_1(one["groups"]["all"]).value,
            "groups": {group: estimate(found) for group, found in one["groups"].items()},
        }
        for one in old["differences"]
    ]

    def said(pattern: str) -> str | None:
        return next((found[1] for line in old["cautions"] if (found := re.search(pattern, line))), None)

    devices, epochs, limit = said(r"on one device: (.*)\.$"), said(r"had (\d+) epoch"), said(r"first ([\d,]+) p")
    return {key: value for key, value in old.items() if key not in ("conclusion", "cautions")} | {
        "arms": [one | {"name": names[one["name"]]} for one in old["arms"]],
        "differences": differences,
        "verdict": next((one["verdict"] for one in differences if one["fair"]), Verdict.NOT_COMPARED.value),
        "devices": devices.split("; ") if devices else [],
        "ae_epochs": int(epochs) if epochs else None,
        "limit": int(limit.replace(",", "")) if limit else None,
    }


def _verdict_1(found: Mapping[str, Any] | None) -> Verdict:
    return Verdict.of_bounds(found["low"], found["high"]) if found else Verdict.TOO_FEW_PHOTOS


def _from_schema_2(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 2 knew no plan and no margin, took the first fair difference as primary, and said what it missed."""

    def estimate(one: dict[str, Any] | None) -> dict[str, Any] | None:
        kept = {key: value for key, value in (one or {}).items() if key != "minimum_detectable"}
        return kept | {"equivalence": None, "seed_error": None} if one else None

    first = next((place for place, one in enumerate(old["differences"]) if one["fair"]), None)
    nothing = {"within_margin": False, "margin": None, "alpha": 0.05, "p": None, "p_adjusted": None, "compared": 1}
    differences = [
        one
        | nothing
        | {"primary": place == first, "groups": {group: estimate(found) for group, found in one["groups"].items()}}
        for place, one in enumerate(old["differences"])
    ]
    arms = [arm | {"gflop": None} for arm in old["arms"]]
    return old | {"arms": arms, "differences": differences, "registered": None, "code_sizes": None}


def _from_schema_3(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 3 knew arms that were trained here only."""
    return old | {"differences": [one | {"joints": None} for one in old["differences"]]}


def _from_schema_4(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 4 knew no stated spread over runs."""
    return old | {"detectable": None}


def _from_schema_5(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 5 knew looks by their seeds alone."""
    registered = old["registered"]
    if registered is not None:
        counts, mine = [look["seeds"] for look in registered["looks"]], len(old["seeds"])
        looks = [look | {"runs": None} for look in registered["looks"]]
        current = counts.index(mine) if mine in counts else None
        registered = registered | {"looks": looks, "current": current, "planned_runs": None}
    return old | {"registered": registered, "scored_by_studies": []}


_OLDER = {1: _from_schema_1, 2: _from_schema_2, 3: _from_schema_3, 4: _from_schema_4, 5: _from_schema_5}
STUDY = Schema(StudyReport, version=6, older=_OLDER)
"""The form of a study's ``report.json``."""


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
