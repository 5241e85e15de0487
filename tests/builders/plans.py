"""A study's plan of a test's choosing, and what a report says of it."""

from __future__ import annotations

from shgae.evaluation.study_registration import AnalysisPlan, Look, Registered, StudyPlan

PLANNED = StudyPlan(
    primary=("full", "none"),
    arms=("none", "full"),
    seeds=(0, 1, 2),
    other_seeds=(),
    code_sizes=(),
    code_seeds=(),
    split="test",
    limit=None,
    margin=1.0,
    analysis=AnalysisPlan(),
    baseline="1" * 64,
    data="2" * 64,
    options={"lr": 5e-4, "epochs": 15},
    strengths={},
)
KEPT = Registered(
    sha256=PLANNED.sha256,
    primary=PLANNED.primary,
    margin=PLANNED.margin,
    seeds=PLANNED.seeds,
    added_arms=(),
    missing_arms=(),
    looks=(Look(3, 0.05, {"none": 3, "full": 3}),),
    current=0,
    planned_runs={"none": 3, "full": 3},
    late=False,
    replaced=(),
)
"""Of a study that kept to it."""
