"""``shgae study``: what the autoencoder itself gives, against arms that had everything else equal."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shgae.artifacts.command import command_line, shown
from shgae.artifacts.compatibility import check_fits
from shgae.artifacts.crops import photos_of
from shgae.artifacts.disk_space import check_space
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.manifest import MANIFEST, REPORT, has_manifest
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.tables import as_read, read_json
from shgae.artifacts.tensors import write_bytes
from shgae.data.augmentation import augmentation_of
from shgae.errors import Refused
from shgae.evaluation.study_report import ARMS, BASELINE, FROZEN, FULL, STUDY, ArmResult, StudyReport, verdict_of
from shgae.execution import Execution
from shgae.experiments.part import Part
from shgae.experiments.study import scores
from shgae.experiments.study.budget import check_budget
from shgae.experiments.study.estimate import Cost, Costs
from shgae.experiments.study.plan import Plan, chosen
from shgae.experiments.study.report import differences, mean_pck
from shgae.inference.device import resolve_device, resolve_precision
from shgae.metrics.pck import ByGroup
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.plots.differences import forest_plot
from shgae.recipe_parts import with_parts
from shgae.recipes import EvaluateConfig, StudyConfig, as_json
from shgae.reporting import study
from shgae.reporting.table import pages
from shgae.wording import duration

PICTURE = "differences.png"
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
        Refused: the parent has an autoencoder, the data does not fit, or something else lies where a part should.
        Diverged, Interrupted: see :mod:`shgae.errors`; finished parts stay, an unfinished one is continued.
    """
    plan = _plan(model, data, output, config, execution)
    parts = plan.parts()
    missing = _missing(parts, execution.force)
    _check_room(plan, missing, execution)
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
    report = _report(plan)
    return StudyResult(_write(plan, report, execution), report, tuple(done), len(parts) - len(done))


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
    plan = _plan(model, data, output, config, execution)
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
        config=dataclasses.replace(with_parts(config), precision=precision, arms=",".join(chosen(config.arms))),
        width=loaded.spec.width,
        stack=loaded.spec.stacks - 1,
        split="test" if has_test else "val",
    )


def _check_parent(loaded: LoadedHourglass, model: Path) -> None:
    if any(graft is not None for graft in loaded.spec.grafts):
        why = "it carries an autoencoder already; the arms differ in theirs"
        raise Refused("model", model, why, "the plain model that it was grafted from")


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


def _report(plan: Plan) -> StudyReport:
    data = open_artifact(plan.data, "data", verify=False)
    config = EvaluateConfig(split=plan.split, limit=plan.config.limit)
    people = scores.people(data, config)
    size = int(data.facts["crop_size"])
    by_arm = {BASELINE: [scores.read(plan.baseline_scores, people, size)]}
    for arm in plan.arms:
        by_arm[arm] = [scores.read(plan.scores(arm, seed), people, size) for seed in plan.seeds]
    photos = photos_of(people, data, plan.split)
    found = differences(by_arm, photos, margin=0.01)
    arms = tuple(_arm(plan, name, by_arm[name]) for name in by_arm)
    networks = [open_artifact(plan.finetuned(arm, seed)) for arm in plan.arms for seed in plan.seeds]
    return StudyReport(
        split=plan.split,
        persons=len(people),
        photos=len(np.unique(photos)),
        seeds=tuple(plan.seeds),
        budget=check_budget(plan),
        arms=arms,
        differences=found,
        verdict=verdict_of(found),
        devices=tuple(sorted({str(network.manifest.provenance["device"]) for network in networks})),
        ae_epochs=plan.config.ae_epochs if {FROZEN, FULL} & set(plan.arms) else None,
        limit=plan.config.limit,
    )


def _arm(plan: Plan, name: str, by_seed: Sequence[scores.Scores]) -> ArmResult:
    networks = [plan.model] if name == BASELINE else [plan.finetuned(name, seed) for seed in plan.seeds]
    runs = [open_artifact(path, "hourglass", verify=False).facts for path in networks]
    each = tuple(ByGroup(**one.pck) for one in by_seed)
    return ArmResult(
        name=name,
        label={**ARMS, BASELINE: "no further training"}[name],
        pck=mean_pck(each),
        by_seed=each,
        parameters=int(runs[0]["parameters"]),
        trained_parameters=0 if name == BASELINE else int(runs[0]["trained_parameters"]),
        best_epochs=() if name == BASELINE else tuple(int(facts["best_epoch"]) for facts in runs),
    )


def _write(plan: Plan, report: StudyReport, execution: Execution) -> Artifact:
    """The report as an artefact of its own, unless this very one is there; an older one of fewer parts is replaced."""
    output = plan.output / "report"
    parents = {"parent": plan.model, "data": plan.data}
    parents |= {f"arm {arm}, seed {seed}": plan.finetuned(arm, seed) for arm in plan.arms for seed in plan.seeds}
    opened = {role: open_artifact(path, verify=False) for role, path in parents.items()}
    config, value = as_json(plan.config), as_read(STUDY.to_json(report))
    if (output / MANIFEST).is_file():
        old = open_artifact(output, *([] if execution.force else ["study"]))
        ids = {parent.role: parent.id for parent in old.manifest.parents}
        is_same = (old.manifest.config, ids) == (as_read(config), {role: one.id for role, one in opened.items()})
        # Its content too: a later shgae may say more about the same networks.
        if is_same and not execution.force and read_json(old.open(REPORT)) == value:
            return old
    how = dataclasses.replace(execution, force=True, resume=False)
    with new_artifact(output, kind="study", config=config, parents=opened, execution=how) as made:
        made.write_json(REPORT, value)
        conclusion = study.conclusion(report)
        for name, content in pages(study.tables(report), conclusion, *study.notes(report)).items():
            write_bytes(made.file(name), content)
        forest_plot(study.bars(report), made.file(PICTURE), conclusion, shown(command_line()))
        facts = {"split": report.split, "persons": report.persons, "arms": list(plan.arms), "seeds": list(plan.seeds)}
        return made.commit(facts | {"verdict": report.verdict.value}, volatile=(PICTURE,))
