"""``shgae study``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import ANALYSIS, command, typed
from shgae.cli.options import Data, Jobs, Model, Only, PlanDryRun, ShowPlan
from shgae.cli.outcome import Outcome
from shgae.execution import Execution
from shgae.recipes import StudyConfig
from shgae.wording import duration


@command(
    "study",
    section=ANALYSIS,
    example="shgae study baseline data -o study --arms none,full --seeds 3",
    writes="""
    STUDY/
      report/report.json              scores, differences, intervals, verdict
      report/tables.md tables.tex     the same as tables
      report/differences.png          differences and intervals: look here first
      plan.json                       what was registered before the first part
      activations/ linear/            what all seeds share
      seed-0/autoencoder/             pre-trained with this seed
      seed-0/arm-full/finetuned/      an arm, made by shgae finetune
    """,
    running=("device", "workers", "resume", "force"),
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

    Keeps what is there and goes on with what was interrupted, with --resume or without; more arms or seeds are added
    to what an earlier run made. --force makes again what was made with other options.
    """
    from shgae.cli.tables import dry_run_table, plan_tables, study_tables
    from shgae.experiments.study import run as stage
    from shgae.experiments.study.assemble import PICTURE

    asked = (model, data, output, config)
    if plan:
        listing = stage.listing(*asked, execution)
        return Outcome(listing.to_json(), plan_tables(listing.to_json()))
    if dry_run:
        planned = stage.dry_run(*asked, execution).to_json()
        return Outcome(planned, [dry_run_table(planned), f"in all: about {duration(planned['seconds'])}"])
    if only:
        return Outcome(stage.only(*asked, only, execution).to_json())
    result = stage.run(*asked, execution, jobs)
    picture = f"picture: {output / 'report' / PICTURE}"
    return Outcome(result.to_json(), [*study_tables(result.report), picture], typed("verify", output / "report"))
