"""What is fixed before anything is trained: ``plan.json``, and every look at a result since, ``looks.json``.

A later call with another plan is refused. It may have other numbers of seeds, and more arms. Each report with other
numbers is a look, which spends of the false positives that the plan allows and keeps its level whatever is planned
later; arms that the plan does not name are said to be added. The report keeps a copy of the plan and of the looks,
which are taken where a file is lost.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shgae.artifacts.durable import write_bytes
from shgae.artifacts.hashing import hash_file
from shgae.artifacts.manifest import PLAN, REPORT, has_manifest
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.tables import as_read, read_json, write_json
from shgae.artifacts.typed_json import SCHEMA
from shgae.errors import AGAIN, Refused
from shgae.evaluation.study_registration import (
    STUDY_LOOKS,
    AnalysisPlan,
    Look,
    Looks,
    Registered,
    StudyPlan,
    plan_bytes,
    read_plan,
)
from shgae.evaluation.study_report import STUDY
from shgae.execution import Execution
from shgae.experiments.study import arms, locks
from shgae.experiments.study.parts import Study
from shgae.metrics.spending import LEAST, next_level
from shgae.recipes import as_json

LOOKS, REPORT_FOLDER = "looks.json", "report"
_ANOTHER = "--force to register a new plan"
_LOST = "remove that file: then those that the last report tells of are taken"
_OWN = ("arms", "margin", "seeds", "seed", "other_seeds", "code_sizes", "code_seeds", "limit")
"""Options that are fields of the plan."""


def check(study: Study, *, force: bool) -> Study:
    """The study with what is registered already, or is going to be; writes nothing.

    Raises:
        Refused: the study was registered with another plan (unless ``force``), in what it differs is said; or plan,
            looks or the place of the report hold something that no study writes.
    """
    last_report(study.output, force=force)
    told, path, wanted = _of_last_report(study.output, force=force), _plan_file(study.output), _wanted(study)
    before = read_plan(path) if path.is_file() else None
    if before and told and told.sha256 not in (before.sha256, *before.replaced) and not force:
        why = f"it is {before.sha256[:12]}, and the report there is of {told.sha256[:12]}: one of the two was changed"
        raise Refused("plan", path, why, f"cp {study.output / REPORT_FOLDER / PLAN} {path}, or {_ANOTHER}")
    differs = before.misses(wanted) if before else []
    if differs and not force:
        why = f"it was registered otherwise ({'; '.join(differs)})"
        raise Refused("plan", path, why, f"the planned options, another --output, or {_ANOTHER}")
    if differs or not before:
        replaced = [*(before.replaced if before else ()), *(one.sha256 for one in (told, before) if one)]
        late = _has_scores(study.output)
        before = dataclasses.replace(wanted, late=late, replaced=tuple(dict.fromkeys(replaced)))
    _known(study.output, before)
    return dataclasses.replace(study, registered=before)


def last_report(output: Path, *, force: bool) -> Artifact | None:
    """A study's last report; None without one, and by ``force``, which replaces whatever artefact is there.

    Raises:
        Refused: something else lies in its place, or (unless ``force``) it is damaged or a comparison.
    """
    place, fix = output / REPORT_FOLDER, "move it away, then the same command again"
    if not os.path.lexists(place) or (place.is_dir() and not place.is_symlink() and not any(place.iterdir())):
        return None
    if place.is_symlink() or not has_manifest(place):
        raise Refused("report", place, "what lies there is not a report", fix)
    if force:
        return None
    old = open_artifact(place)
    if old.manifest.kind != "study" or not old.parent("parent"):  # a comparison has no baseline
        raise Refused("report", place, "what lies there is not a study's", f"{fix}, or --force to replace it")
    return old


def _plan_file(output: Path) -> Path:
    """Where it lies what was registered: if the study's own file is lost, in its last report."""
    own, copy = output / PLAN, output / REPORT_FOLDER / PLAN
    return own if own.is_file() or not copy.is_file() else copy


def precision(output: Path) -> object:
    """The number format of the study that is registered there; None where there is none."""
    path = _plan_file(output)
    return read_plan(path).options.get("precision") if path.is_file() else None


def register(study: Study, execution: Execution) -> Study:
    """:func:`check`, and writes the plan if there is none yet or another one is forced; of several processes one does.

    Raises:
        Refused: see :func:`check`.
    """
    with locks.waited_for(study.output, PLAN, execution):
        checked = check(study, force=execution.force)
        path, there = study.output / PLAN, _plan_file(study.output)
        if not path.is_file() or hash_file(path) != checked.plan.sha256:
            if there.is_file() and (before := read_plan(there)) != checked.plan:
                write_bytes(path.with_name(f"plan-{before.sha256[:12]}.json"), plan_bytes(before))
            write_bytes(path, plan_bytes(checked.plan))
        return checked


def look(study: Study, execution: Execution) -> Registered:
    """Writes down that a report with these numbers of seeds is made, and gives what it has to say of its plan."""
    plan = study.plan
    count, runs = len(study.seeds), {arm: len(study.seeds_of(arm)) for arm in study.arms}
    current = None
    with locks.waited_for(study.output, LOOKS, execution):
        looks = _known(study.output, plan)
        if plan.primary is not None:
            # A look of before is this one if it had as many seeds: its runs were not written down.
            same = (place for place, one in enumerate(looks) if one.seeds == count and one.runs in (None, runs))
            current = next(same, len(looks))
            looks[current : current + 1] = [Look(count, _level(looks, count, runs, plan), runs)]
            write_json(study.output / LOOKS, STUDY_LOOKS.to_json(Looks(tuple(looks))))
    others = len(plan.other_seeds) or len(plan.seeds)
    return Registered(
        sha256=plan.sha256,
        primary=plan.primary,
        margin=plan.margin,
        seeds=plan.seeds,
        added_arms=tuple(arm for arm in study.arms if arm not in plan.arms),
        missing_arms=tuple(arm for arm in plan.arms if arm not in study.arms),
        looks=tuple(looks),
        current=current,
        planned_runs={arm: len(plan.seeds) if arm in (plan.primary or plan.arms) else others for arm in plan.arms},
        late=plan.late,
        replaced=plan.replaced,
    )


def _level(looks: Sequence[Look], count: int, runs: Mapping[str, int], plan: StudyPlan) -> float:
    """What a look may use: as much as before where it is the same test, and nothing with no more seeds than one that
    was another."""
    for look in looks:
        if look.is_test(count, runs, plan.arms):
            return look.alpha
    used = [look for look in {(look.seeds, look.alpha): look for look in looks}.values() if look.alpha]
    if any(look.seeds >= count for look in used):
        return 0.0
    seeds, levels = [look.seeds for look in used], [look.alpha for look in used]
    alpha = next_level(len(plan.seeds), seeds, levels, count, plan.analysis.alpha)
    # What comes of a root search is the level that it was asked for but for its last digits.
    return round(alpha, 10) if alpha >= LEAST else 0.0


def _known(output: Path, plan: StudyPlan) -> list[Look]:
    """The looks that were made, by their file; where it is lost, by the last report.

    Raises:
        Refused: the file is not as a study writes it, or lacks a look of the last report, the level of which would be
            used again.
    """
    path, told = output / LOOKS, _of_last_report(output, force=True)
    before = told.looks if told else ()
    if not path.is_file():
        return list(before)
    try:
        content = read_json(path)
        looks = STUDY_LOOKS.from_json(content, path).looks if SCHEMA in content else _of_counts(content, path, plan)
    except Refused as error:
        raise Refused("looks", path, error.why, _LOST) from error
    if any(look.alpha > plan.analysis.alpha for look in looks):
        why = f"a look has a level above {plan.analysis.alpha:g}, which all of them share"
        raise Refused("looks", path, why, _LOST)
    for look in before:
        if not any(one.seeds == look.seeds and one.alpha >= look.alpha for one in looks):
            why = f"it has no look at {look.seeds} seeds with level {look.alpha:g}, of which the last report tells"
            raise Refused("looks", path, why, _LOST)
    return list(looks)


def _of_counts(content: Mapping[str, Any], path: Path, plan: StudyPlan) -> tuple[Look, ...]:
    """The looks of a file of before, which holds numbers of seeds alone."""
    counts = content.get("seeds")
    are_whole = isinstance(counts, list) and all(type(count) is int and count > 0 for count in counts)
    if not isinstance(counts, list) or not are_whole or len(set(counts)) < len(counts):
        raise Refused("looks", path, "it is not as a study writes it", _LOST)
    looks: list[Look] = []
    for count in counts:
        looks.append(Look(count, _level(looks, count, {}, plan), None))
    return tuple(looks)


def _wanted(study: Study) -> StudyPlan:
    options = {key: value for key, value in as_read(as_json(study.config)).items() if key not in _OWN}
    strengths = {arm: own for arm in study.arms if (own := _strengths(study, arm))}
    bare = dataclasses.replace(study, registered=None)
    others = [arm for arm in study.arms if bare.primary and arm not in bare.primary]
    return StudyPlan(
        primary=bare.primary,
        arms=study.arms,
        seeds=tuple(study.seeds),
        other_seeds=tuple(study.other_seeds) if others else (),
        code_sizes=study.code_sizes,
        code_seeds=tuple(study.code_seeds),
        split=study.split,
        limit=study.config.limit,
        margin=study.config.margin,
        analysis=AnalysisPlan(),
        baseline=open_artifact(study.model, "hourglass", verify=False).id,
        data=open_artifact(study.data, "data", verify=False).id,
        options={key: value for key, value in options.items() if not key.startswith("arm_")},
        strengths=strengths,
    )


def _strengths(study: Study, arm: str) -> Mapping[str, Any]:
    config = as_read(as_json(arms.finetuning(arm, study.config, 0)))
    return {key: config[key] for key in arms.arm_of(arm).own if key in config}


def _of_last_report(output: Path, *, force: bool) -> Registered | None:
    """What the last report says of its plan; None without a report, and by ``force`` of one that cannot be read."""
    path = output / REPORT_FOLDER / REPORT
    try:
        return STUDY.read(path).registered if path.is_file() else None
    except Refused as error:
        if not force:
            raise Refused(error.what, path, error.why, AGAIN) from error
        return None


def _has_scores(output: Path) -> bool:
    return any(output.glob("seed-*/*/scores/manifest.json"))
