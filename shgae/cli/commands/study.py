"""``shgae study``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import ANALYSIS, Outcome, beside, command, typed
from shgae.cli.options import Data, Jobs, Model, Only, PlanDryRun, ShowPlan
from shgae.execution import Execution
from shgae.recipes import StudyConfig


@command(
    "study",
    section=ANALYSIS,
    example="shgae study baseline data -o study --arms none,full --seeds 3",
    writes="""
    STUDY/
      plan.json                    what was registered before the first part
      report/report.json           what was found (tables.md, tables.tex too)
      report/differences.png       differences and intervals: look here first
      activations/ linear/         what all seeds share
      seed-0/arm-full/finetuned/   an arm, made by shgae finetune
    """,
    running=("device", "workers", "compile", "cuda_graphs", "resume", "stamp", "force"),
)
def study(
    model: Model,
    data: Data,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to make, or to add to.")],
    config: StudyConfig,
    execution: Execution,
    jobs: Jobs = None,
    only: Only = None,
    plan: ShowPlan = False,
    dry_run: PlanDryRun = False,
) -> Outcome:
    """Fine-tunes a model with and without an autoencoder, all else equal, and says what the autoencoder gave.

    Registers the study first, keeps what is there and goes on with what was interrupted; more arms or seeds are
    added.
    """
    from shgae.artifacts.manifest import DIFFERENCES
    from shgae.cli.tables import dry_run_tables, plan_tables, study_tables
    from shgae.experiments.study import run as stage

    asked = (model, data, output, config)
    if plan:
        return Outcome(listed := stage.listing(*asked, execution).to_json(), plan_tables(listed))
    if dry_run:
        return Outcome(planned := stage.dry_run(*asked, execution).to_json(), dry_run_tables(planned))
    if only is not None:
        return Outcome(stage.only(*asked, only, execution).to_json())
    result = stage.run(*asked, execution, jobs)
    shown = [*study_tables(result.report, result.costs), f"picture: {output / 'report' / DIFFERENCES}"]
    return Outcome(result.to_json(), shown, typed("plot", output, "-o", beside(output, f"{output.name}-figures")))
