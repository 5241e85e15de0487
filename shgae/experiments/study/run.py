"""``shgae study``: what the autoencoder itself gives, against arms that had everything else equal."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.artifacts.compatibility import check_fits
from shgae.artifacts.disk_space import check_space
from shgae.artifacts.manifest import has_manifest
from shgae.artifacts.store import Artifact, open_artifact
from shgae.data.augmentation import augmentation_of
from shgae.errors import Refused
from shgae.evaluation.study_report import STUDY, StudyReport
from shgae.execution import Execution
from shgae.experiments.study import arms, assemble, registration, scores
from shgae.experiments.study.estimate import Cost, Costs
from shgae.experiments.study.parts import Part
from shgae.experiments.study.plan import Plan
from shgae.inference.device import resolve_device, resolve_precision
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.recipe_parts import with_parts
from shgae.recipes import EvaluateConfig, StudyConfig
from shgae.reporting import study
from shgae.wording import duration

_MOMENTS = {"rmsprop": 1, "adam": 2, "sgd": 1}
"""Numbers that an optimizer keeps of every weight."""


@dataclass(frozen=True)
class StudyResult:
    """A finished study."""

    artifact: Artifact
    report: StudyReport
    made: tuple[str, ...]
    """The parts that this run made."""
    kept: int
    """Parts that were there already."""

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        said = {"made": list(self.made), "kept": self.kept, "conclusion": study.conclusion(self.report)}
        return self.artifact.to_json() | said | STUDY.to_json(self.report)


@dataclass(frozen=True)
class DryRun:
    """What a study would do."""

    costs: tuple[Cost, ...]
    """Of each part, in order."""

    @property
    def seconds(self) -> float:
        """Of all that is not there yet."""
        return sum(cost.seconds for cost in self.costs)

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {"seconds": self.seconds, "parts": [dataclasses.asdict(cost) for cost in self.costs]}


def run(model: Path, data: Path, output: Path, config: StudyConfig, execution: Execution) -> StudyResult:
    """Fine-tunes every arm with every seed, scores all of them on the same people, and reports.

    Makes what is missing, goes on with what was interrupted, and keeps what is there and is what it wants (by the
    options and parents in its manifest). So the same call after an interruption ends in the same report, and a call
    with more arms or seeds adds them.

    Args:
        model: the parent: an hourglass artefact or run directory, without an autoencoder.
        data: prepared data with a train and a val split; its test split is scored, or val where there is none.
        output: the folder that holds every part, and ``report/``.
        config: arms, seeds, fine-tuning and pre-training.
        execution: device, threads, progress; ``force`` makes again what is there but is another one.

    Raises:
        Refused: the parent has an autoencoder, the data does not fit, the study was registered with another plan, or
            something else lies where a part should.
        Diverged, Interrupted: see :mod:`shgae.errors`; finished parts stay, an unfinished one is continued.
    """
    plan = registration.check(_plan(model, data, output, config, execution), force=execution.force)
    parts = plan.parts()
    _check_room(plan, _missing(parts, execution.force), execution)
    plan = registration.register(plan, force=execution.force)
    _note_looks(plan, execution)
    done: list[str] = []
    took: dict[str, float] = {}
    for number, part in enumerate(parts, 1):
        if not part.is_made(execution.force):
            execution.stop.raise_if_set(output, "the same command again")
            left = _time_left(parts[number - 1 :], took)
            execution.progress.note(f"-- {number} of {len(parts)}: {part.title}{left}")
            begun = time.monotonic()
            part.make(execution)
            took[part.step] = time.monotonic() - begun
            done.append(part.title)
    report = assemble.report_of(plan)
    return StudyResult(assemble.write(plan, report, execution), report, tuple(done), len(parts) - len(done))


def _time_left(parts: Sequence[Part], took: Mapping[str, float]) -> str:
    """How long these parts take, by the last one of each step, to be said; at least so long where a step is new."""
    missing = [part.step for part in parts if not part.path.exists()]
    known = sum(took.get(step, 0.0) for step in missing)
    about = "about" if set(missing) <= took.keys() else "at least"
    return f", {about} {duration(known)} left in all" if known >= 1 else ""


def dry_run(model: Path, data: Path, output: Path, config: StudyConfig, execution: Execution) -> DryRun:
    """What :func:`run` would make, and how long that takes, by a few measured steps of each arm; writes nothing.

    Raises:
        Refused: as :func:`run`.
    """
    plan = registration.check(_plan(model, data, output, config, execution), force=execution.force)
    missing = {part.path for part in _missing(plan.parts(), execution.force)}
    costs = Costs(plan, execution)
    return DryRun(tuple(costs.of(part, part.path not in missing) for part in plan.parts()))


def _plan(model: Path, data: Path, output: Path, config: StudyConfig, execution: Execution) -> Plan:
    loaded = load_hourglass(model)
    prepared = open_artifact(data, "data", execution=execution)
    check_fits(loaded.artifact.facts, prepared, model, execution.progress)
    _check_parent(loaded, model)
    if (output.exists() and not output.is_dir()) or has_manifest(output):
        raise Refused("output", output, "it is a file or a single artefact, a study is a folder of them", "another -o")
    for split in ("train", "val"):
        scores.people(prepared, EvaluateConfig(split=split))  # raises if the data lacks it
    augmentation_of(config, loaded.skeleton, loaded.crop_size, data)  # raises if it cannot be done with these joints
    has_test = bool(prepared.facts["splits"].get("test"))
    if not has_test:
        execution.progress.note("note: the data has no test split; arms are compared on val, which chose their epochs")
    precision = resolve_precision(config.precision, resolve_device(execution.device))
    return Plan(
        model=model,
        data=data,
        output=output,
        config=dataclasses.replace(with_parts(config), precision=precision, arms=",".join(arms.chosen(config.arms))),
        width=loaded.spec.width,
        stack=loaded.spec.stacks - 1,
        split="test" if has_test else "val",
    )


def _check_parent(loaded: LoadedHourglass, model: Path) -> None:
    if any(graft is not None for graft in loaded.spec.grafts):
        why = "it carries an autoencoder already; the arms differ in theirs"
        raise Refused("model", model, why, "the plain model that it was grafted from")


def _note_looks(plan: Plan, execution: Execution) -> None:
    planned = len(plan.registered.seeds) if plan.registered else 0
    if plan.primary and planned != len(plan.seeds):
        when = "before the planned" if len(plan.seeds) < planned else "after the planned"
        execution.progress.note(
            f"note: a look with {len(plan.seeds)} seeds, {when} {planned}: see docs/study.md, looks"
        )


def _missing(parts: Sequence[Part], force: bool) -> list[Part]:
    """The parts that are to be made; raises :class:`Refused` for what is in the way, before any work is done."""
    missing = [part for part in parts if not part.is_made(force)]
    for part in missing:
        part.is_begun(force)
    return missing


def _check_room(plan: Plan, missing: Sequence[Part], execution: Execution) -> None:
    """Refuses when the networks to come will not fit on the disk."""
    weights = 4 * int(open_artifact(plan.model, "hourglass", verify=False).facts["parameters"])
    copies = {"graft": 1, "finetune": 2 + _MOMENTS[plan.config.optimizer]}
    size = sum(copies.get(part.step, 0) * weights for part in missing)
    if size:
        check_space(plan.output, size, "the networks of all arms and seeds", execution.progress)
