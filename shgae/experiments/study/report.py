"""What all parts of a study say together: the report, and its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from shgae.analysis.rate.report import RATE_REPORT
from shgae.artifacts.command_line import stamp
from shgae.artifacts.crops import PeopleTable, photos_of, read_people
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.manifest import CODE_SIZES, DIFFERENCES, PLAN, REPORT
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.tables import as_read, read_json
from shgae.evaluation.study_registration import plan_bytes
from shgae.evaluation.study_report import (
    COSTS,
    STUDY,
    STUDY_COSTS,
    ArmResult,
    CodeSize,
    CodeSizes,
    StudyReport,
    verdict_of,
)
from shgae.execution import Execution
from shgae.experiments.study import arms, costs, registration, scores
from shgae.experiments.study.budget import check_budget
from shgae.experiments.study.differences import differences, mean_known, mean_pck
from shgae.experiments.study.parts import Study
from shgae.models.specs import HourglassSpec
from shgae.option_lists import ARMS, BASELINE, FULL, NONE
from shgae.plots.style import save_figure
from shgae.recipes import as_json
from shgae.reporting.study import conclusion, forest, notes, sizes_figure, sizes_table, tables
from shgae.reporting.table import write_pages


def report_of(study: Study, execution: Execution) -> StudyReport:
    """The report of a study of which every part is made; that it was made is a look, which is written down."""
    data = open_artifact(study.data, "data", verify=False)
    people = read_people(data, study.split).head(study.config.limit)
    size = int(data.facts["crop_size"])
    by_arm = {BASELINE: [scores.read(study.baseline_scores, people, size)]}
    for arm in study.arms:
        by_arm[arm] = [scores.read(study.scores(arm, seed), people, size) for seed in study.seeds_of(arm)]
    photos = photos_of(people, data, study.split)
    registered = registration.look(study, execution)
    found = differences(
        by_arm,
        photos,
        margin=registered.margin / 100,
        alpha=registered.alpha,
        primary=registered.primary or (FULL, NONE),
        without_level=registered.without_level,
        added=registered.added_arms,
        resamples=study.plan.analysis.resamples,
    )
    networks = [open_artifact(study.finetuned(arm, seed)) for arm in study.arms for seed in study.seeds_of(arm)]
    kinds = {arms.arm_of(arm).autoencoder for arm in study.arms}
    return StudyReport(
        split=study.split,
        persons=len(people),
        photos=len(np.unique(photos)),
        seeds=tuple(study.seeds),
        budget=check_budget(study),
        arms=tuple(_arm(study, name, by_arm[name]) for name in by_arm),
        differences=found,
        verdict=verdict_of(found),
        devices=tuple(sorted({str(network.manifest.provenance.get("device", "unknown")) for network in networks})),
        ae_epochs=study.config.ae_epochs if "pretrained" in kinds else None,
        limit=study.config.limit,
        registered=registered,
        code_sizes=_code_sizes(study, people, size),
    )


def _arm(study: Study, name: str, by_seed: Sequence[scores.RunScores]) -> ArmResult:
    networks = [study.model] if name == BASELINE else [study.finetuned(name, seed) for seed in study.seeds_of(name)]
    runs = [open_artifact(path, "hourglass", verify=False).facts for path in networks]
    each = tuple(one.pck for one in by_seed)
    return ArmResult(
        name=name,
        label={**ARMS, BASELINE: "no further training"}[name],
        pck=mean_pck(each),
        by_seed=each,
        parameters=int(runs[0]["parameters"]),
        trained_parameters=0 if name == BASELINE else int(runs[0]["trained_parameters"]),
        gflop=costs.gflop(HourglassSpec.from_json(runs[0]["spec"])),
        best_epochs=() if name == BASELINE else tuple(int(facts["best_epoch"]) for facts in runs),
    )


def _code_sizes(study: Study, people: PeopleTable, crop_size: int) -> CodeSizes | None:
    """The curve of a study of which every part is made; None where none was asked for."""
    if not study.code_sizes:
        return None
    sizes = tuple(_size(study, size, people, crop_size) for size in study.code_sizes)
    rate = RATE_REPORT.read(open_artifact(study.rate, "rate").open(REPORT))
    return CodeSizes(
        seeds=tuple(study.code_seeds),
        sizes=sizes,
        chosen=max(sizes, key=lambda one: (one.val, -one.size)).size,
        components=tuple((one.n_components, one.skips_on.pck.all) for one in rate.points),
    )


def _size(study: Study, size: int, people: PeopleTable, crop_size: int) -> CodeSize:
    arm = study.repetition(size)
    facts = [open_artifact(study.finetuned(arm, seed), "hourglass").facts for seed in study.code_seeds]
    before, after = (
        tuple(scores.read(place(arm, seed), people, crop_size).pck.all for seed in study.code_seeds)
        for place in (study.untuned_scores, study.scores)
    )
    return CodeSize(
        size=size,
        parameters=int(facts[0]["parameters"]),
        val=sum(float(one["val_pck"]) for one in facts) / len(facts),
        before=mean_known(before),
        after=mean_known(after),
        after_by_seed=after,
    )


def write_report(made: Draft, report: StudyReport, execution: Execution) -> None:
    """The report, its tables and the picture of its differences."""
    made.write_json(REPORT, STUDY.to_json(report))
    write_pages(made, [*tables(report), *sizes_table(report)], conclusion(report), *notes(report))
    save_figure(forest(report), made.file(DIFFERENCES), stamp(execution))


def write(study: Study, report: StudyReport, execution: Execution) -> Artifact:
    """The report as an artefact of its own, unless this very one is there; an older one of fewer parts is replaced."""
    output = study.output / registration.REPORT_FOLDER
    parents = {"parent": study.model, "data": study.data}
    parents |= {
        f"arm {arm}, seed {seed}": study.finetuned(arm, seed) for arm in study.arms for seed in study.seeds_of(arm)
    }
    opened = {role: open_artifact(path, verify=False) for role, path in parents.items()}
    config = as_json(study.config)
    if old := registration.last_report(study.output, force=execution.force):
        ids = {parent.role: parent.id for parent in old.manifest.parents}
        is_same = (old.manifest.config, ids) == (as_read(config), {role: one.id for role, one in opened.items()})
        # Its content too: a later shgae may say more about the same networks.
        if is_same and read_json(old.open(REPORT)) == as_read(STUDY.to_json(report)):
            return old
    how = replace(execution, force=True, resume=False)
    with new_artifact(output, kind="study", config=config, parents=opened, execution=how) as made:
        made.write(PLAN, plan_bytes(study.plan))
        write_report(made, report, execution)
        if report.code_sizes:
            save_figure(sizes_figure(report, report.code_sizes), made.file(CODE_SIZES), stamp(execution))
        made.write_json(COSTS, STUDY_COSTS.to_json(costs.measured(study, execution)))
        facts = {"split": report.split, "persons": report.persons, "arms": list(study.arms), "seeds": list(study.seeds)}
        facts |= {"verdict": report.verdict.value, "plan": study.plan.sha256}
        return made.commit(facts, volatile=(DIFFERENCES, CODE_SIZES, COSTS))
