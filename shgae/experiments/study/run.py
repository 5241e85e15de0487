"""``shgae study``: what the autoencoder itself gives, against arms that had everything else equal."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from shgae.artifacts.compatibility import check_fits
from shgae.artifacts.crops import read_people
from shgae.artifacts.disk_space import check_space
from shgae.artifacts.manifest import has_manifest
from shgae.artifacts.store import Artifact, open_artifact
from shgae.config import within
from shgae.data.augmentation import augmentation_of, for_joints
from shgae.data.mean_pose import note_near_mean_pose
from shgae.errors import Refused
from shgae.evaluation.study_report import COSTS, STUDY, STUDY_COSTS, StudyCosts, StudyReport
from shgae.execution import JOBS, Execution
from shgae.experiments.part import Part
from shgae.experiments.study import arms, locks, registration, report, work
from shgae.experiments.study.estimate import Costs, StepCost
from shgae.experiments.study.jobs import side_by_side
from shgae.experiments.study.parts import Study
from shgae.inference.device import keep_precision, resolve_device, resolve_precision
from shgae.inference.torch_settings import settled
from shgae.models.autoencoder import SIDE
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.option_lists import PCA, chosen_arms
from shgae.recipes import StudyConfig
from shgae.reporting.study import conclusion
from shgae.training.optim import OPTIMIZER_NUMBERS


@dataclass(frozen=True)
class StudyResult:
    """A finished study."""

    artifact: Artifact
    report: StudyReport
    made: tuple[str, ...]
    """The parts that this run made."""
    kept: int
    """Parts that were there already."""

    @property
    def costs(self) -> StudyCosts:
        """Times that were measured when the report was made."""
        return STUDY_COSTS.read(self.artifact.file(COSTS))

    def to_json(self) -> dict[str, Any]:
        said = {"made": list(self.made), "kept": self.kept, "conclusion": conclusion(self.report)}
        return self.artifact.to_json() | said | STUDY.to_json(self.report)


@dataclass(frozen=True)
class PartResult:
    """One part that was asked for alone."""

    artifact: Artifact
    made: tuple[str, ...]
    """What this run made: the part and what it is made from, as far as that was not there."""

    def to_json(self) -> dict[str, Any]:
        return self.artifact.to_json() | {"made": list(self.made)}


State = Literal["done", "running", "interrupted", "to do"]


@dataclass(frozen=True)
class ListedPart:
    """A part of a study, and how far it is."""

    name: str
    """Its folder in the study's; what ``--only`` takes."""
    step: str
    arm: str
    what: str
    """For people."""
    needs: tuple[str, ...]
    """Names of the parts that it is made from; scores come after all trainings besides."""
    state: State


@dataclass(frozen=True)
class Listing:
    """A registered study, part by part."""

    plan: str
    """The hash of what was registered."""
    parts: tuple[ListedPart, ...]
    left: str
    """How long the rest takes in one process, by what was made: ``about 2 h``; "" where nothing is known."""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class StudyDryRun:
    """What a study would do."""

    costs: tuple[StepCost, ...]
    """Of each part, in order."""

    @property
    def seconds(self) -> float:
        """Of all that is not there yet."""
        return sum(cost.seconds for cost in self.costs)

    def to_json(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "parts": [dataclasses.asdict(cost) for cost in self.costs]}


@settled()
def run(
    model: Path, data: Path, output: Path, config: StudyConfig, execution: Execution, jobs: int | None = None
) -> StudyResult:
    """Fine-tunes every arm with every seed, scores all of them on the same people, and reports.

    Makes what is missing, goes on with what was interrupted, and keeps what is there and is what it wants (by the
    options and parents in its manifest). So the same call after an interruption ends in the same report, and a call
    with more arms or seeds adds them. What another process is making is left to it.

    Args:
        model: the baseline: an hourglass artefact or run directory, without an autoencoder.
        data: prepared data with a train and a val split; its test split is scored, or val where there is none.
        output: the folder that holds every part, and ``report/``.
        config: arms, seeds, fine-tuning and pre-training.
        execution: device, threads, progress; ``force`` makes again what is there but is another one.
        jobs: so many parts at once, 1 to 256, each in a process of its own; None makes one after the other in this
            process.

    Raises:
        Refused: the baseline has an autoencoder, the data does not fit, the study was registered with another plan, or
            something else lies where a part should.
        Diverged, Interrupted: see :mod:`shgae.errors`; finished parts stay, an unfinished one is continued.
        PeerLost: the process of a part was killed; the others were made.
    """
    if jobs is not None:
        within(JOBS, "jobs", jobs)
    study = _registered(model, data, output, config, execution)
    parts = study.parts()
    todo = work.Work(study, parts, execution)
    if jobs is None:
        work.in_turn(todo)
    else:
        side_by_side(todo, jobs)
    with locks.waited_for(study.output, registration.REPORT_FOLDER, execution):
        found = report.report_of(study, execution)
        artifact = report.write(study, found, execution)
    return StudyResult(artifact, found, tuple(todo.made), len(parts) - len(todo.made))


@settled()
def only(model: Path, data: Path, output: Path, config: StudyConfig, name: str, execution: Execution) -> PartResult:
    """Makes one part of the study that :func:`run` makes, and what it is made from; waits for others that make these.

    Args:
        model, data, output, config, execution: as of :func:`run`.
        name: the part, as :func:`listing` names it.

    Raises:
        Refused: as :func:`run`; there is no such part, or it is a score and not every training is done.
        Diverged, Interrupted: as :func:`run`.
    """
    study = _registered(model, data, output, config, execution)
    wanted = work.needed_for(study, name)
    todo = work.Work(study, wanted, execution)
    work.in_turn(todo)
    return PartResult(open_artifact(wanted[-1].path, verify=False), tuple(todo.made))


@settled()
def listing(model: Path, data: Path, output: Path, config: StudyConfig, execution: Execution) -> Listing:
    """Registers the study, and tells of each part whether it is done, running, interrupted or to do.

    Raises:
        Refused: as :func:`run`.
    """
    study = _registered(model, data, output, config, execution)
    parts = study.parts()
    paths = {part.path: study.name_of(part) for part in parts}
    left = work.left_of(parts, execution)

    def state(part: Part) -> State:
        if part not in left:
            return "done"
        if locks.is_held(study.output, study.name_of(part)):
            return "running"
        return "interrupted" if part.is_begun(execution.force) else "to do"

    took = work.took_before([part for part in parts if part not in left])
    listed = [
        ListedPart(
            name=paths[part.path],
            step=part.step,
            arm=part.arm,
            what=part.title,
            needs=tuple(paths[path] for path in part.parents.values() if path in paths),
            state=state(part),
        )
        for part in parts
    ]
    told = work.time_left(left, took).removeprefix(", ").removesuffix(" in all")
    return Listing(study.plan.sha256, tuple(listed), told)


@settled()
def dry_run(model: Path, data: Path, output: Path, config: StudyConfig, execution: Execution) -> StudyDryRun:
    """What :func:`run` would make, and how long that takes, by a few measured steps of each arm; writes nothing.

    Raises:
        Refused: as :func:`run`.
    """
    study = registration.check(_study(model, data, output, config, execution), force=execution.force)
    missing = {part.path for part in _missing(study.parts(), execution)}
    costs = Costs(study, execution)
    return StudyDryRun(tuple(costs.of(part, part.path not in missing) for part in study.parts()))


def _registered(model: Path, data: Path, output: Path, config: StudyConfig, execution: Execution) -> Study:
    """The study, registered, after all that could be in the way was looked at."""
    study = registration.check(_study(model, data, output, config, execution), force=execution.force)
    _check_room(study, _missing(study.parts(), execution), execution)
    study = registration.register(study, execution)
    _note_looks(study, execution)
    return study


def _study(model: Path, data: Path, output: Path, config: StudyConfig, execution: Execution) -> Study:
    loaded = load_hourglass(model)
    prepared = open_artifact(data, "data", execution=execution)
    check_fits(loaded.artifact, prepared, execution.progress)
    _check_parent(loaded, model)
    if (output.exists() and not output.is_dir()) or has_manifest(output):
        raise Refused("output", output, "it is a file or a single artefact, a study is a folder of them", "another -o")
    for split in ("train", "val"):
        read_people(prepared, split)  # raises if the data lacks it
    augmentation_of(config, loaded.skeleton, loaded.crop_size, data)  # raises if it cannot be done with these joints
    _check_augmented(config, loaded, data)
    has_test = bool(prepared.facts["splits"].get("test"))
    if not has_test:
        execution.progress.note("note: the data has no test split; arms are compared on val, which chose their epochs")
    device = resolve_device(execution.device)
    precision = keep_precision(config.precision, registration.precision(output), device, execution.progress)
    study = Study(
        model=model,
        data=data,
        output=output,
        config=dataclasses.replace(
            for_joints(config, loaded.skeleton),
            precision=resolve_precision(precision, device),
            arms=",".join(chosen_arms(config.arms)),
        ),
        width=loaded.spec.width,
        stack=loaded.spec.stacks - 1,
        split="test" if has_test else "val",
    )
    _check_components(study)
    note_near_mean_pose(loaded.artifact, execution.progress)
    return study


def _check_augmented(config: StudyConfig, loaded: LoadedHourglass, data: Path) -> None:
    """Raises :class:`Refused` where an arm's own augmentation cannot be done with these joints."""
    for arm in (one for one in chosen_arms(config.arms) if "augment" in arms.arm_of(one).own):
        own = arms.finetuning(arm, config, 0)
        try:
            augmentation_of(own, loaded.skeleton, loaded.crop_size, data)
        except Refused as error:
            raise Refused(error.what, error.where, error.why, f"--arms without {arm}") from error


def _check_components(study: Study) -> None:
    """Raises :class:`Refused` where the linear autoencoder would need more components than there are."""
    most = study.width * SIDE * SIDE
    if PCA in study.arms and study.config.code_size > most:
        why = f"arm {PCA} has {most:,} components at most, as the bottleneck of {study.model} has numbers"
        raise Refused("value", "--code-size", why, f"--code-size {most}, or --arms without {PCA}")


def _check_parent(loaded: LoadedHourglass, model: Path) -> None:
    if any(graft is not None for graft in loaded.spec.grafts):
        why = "it carries an autoencoder already; the arms differ in theirs"
        raise Refused("model", model, why, "the plain model that it was grafted from")


def _note_looks(study: Study, execution: Execution) -> None:
    planned = len(study.plan.seeds)
    if study.primary and planned != len(study.seeds):
        when = "before the planned" if len(study.seeds) < planned else "after the planned"
        execution.progress.note(
            f"note: a look with {len(study.seeds)} seeds, {when} {planned}: see docs/statistics.md, looks"
        )


def _missing(parts: Sequence[Part], execution: Execution) -> list[Part]:
    """The parts that are to be made; raises :class:`Refused` for what is in the way, before any work is done."""
    missing = work.left_of(parts, execution)
    for part in missing:
        part.is_begun(execution.force)
    return missing


def _check_room(study: Study, missing: Sequence[Part], execution: Execution) -> None:
    """Refuses when the networks to come will not fit on the disk."""
    weights = 4 * int(open_artifact(study.model, "hourglass", verify=False).facts["parameters"])
    copies = {"graft": 1, "finetune": 2 + OPTIMIZER_NUMBERS[study.config.optimizer]}
    size = sum(copies.get(part.step, 0) * weights for part in missing)
    if size:
        fix = "another disk, or fewer --arms or --seeds"
        check_space(study.output, size, "the networks of all arms and seeds", execution.progress, fix)
