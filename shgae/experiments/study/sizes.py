"""PCK against the size of the code, from the parts of a study."""

from __future__ import annotations

from collections.abc import Sequence

from shgae.analysis.rate.report import SCHEMA as RATE
from shgae.artifacts.crops import PeopleTable
from shgae.artifacts.manifest import REPORT
from shgae.artifacts.store import open_artifact
from shgae.evaluation.study_sizes import CodeSize, CodeSizes
from shgae.experiments.study import scores
from shgae.experiments.study.plan import Plan


def code_sizes(plan: Plan, people: PeopleTable, crop_size: int) -> CodeSizes | None:
    """The curve of a study of which every part is made; None where none was asked for."""
    if not plan.code_sizes:
        return None
    sizes = tuple(_size(plan, size, people, crop_size) for size in plan.code_sizes)
    rate = RATE.read(open_artifact(plan.rate, "rate").open(REPORT))
    return CodeSizes(
        seeds=tuple(plan.code_seeds),
        sizes=sizes,
        chosen=max(sizes, key=lambda one: (one.val, -one.size)).size,
        components=tuple((one.n_components, one.skips_on.pck.all) for one in rate.points),
    )


def _size(plan: Plan, size: int, people: PeopleTable, crop_size: int) -> CodeSize:
    arm = plan.repetition(size)
    facts = [open_artifact(plan.finetuned(arm, seed), "hourglass").facts for seed in plan.code_seeds]
    before, after = (
        tuple(scores.read(place(arm, seed), people, crop_size).pck["all"] for seed in plan.code_seeds)
        for place in (plan.untuned_scores, plan.scores)
    )
    return CodeSize(
        size=size,
        parameters=int(facts[0]["parameters"]),
        val=sum(float(one["val_pck"]) for one in facts) / len(facts),
        before=_mean(before),
        after=_mean(after),
        after_by_seed=after,
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
