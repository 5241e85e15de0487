"""``shgae study``."""

from __future__ import annotations

from typing import Annotated

import typer

from shgae.cli.command import BESIDE, command, typed
from shgae.cli.options import Data, Model, Output
from shgae.cli.outcome import Outcome
from shgae.execution import Execution
from shgae.recipes import StudyConfig


@command(
    "study",
    section=BESIDE,
    example="shgae study baseline data -o study --arms a,b,e --seeds 3 --epochs 15",
    writes="""
    STUDY/
      report/report.json              scores, differences, intervals, the sentence
      report/tables.md tables.tex     the same as tables
      report/differences.png          the differences with their intervals: look here first
      activations/ linear/            what all seeds share
      seed-0/autoencoder/             pre-trained with this seed
      seed-0/arm-e/finetuned/         an arm, as shgae finetune makes it; seed-1/ and so on alike
    """,
    running=("device", "workers", "resume", "force"),
)
def study(
    model: Model,
    data: Data,
    output: Output,
    config: StudyConfig,
    execution: Execution,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be made, and how long that takes.")
    ] = False,
) -> Outcome:
    """Compares fine-tuning with and without an autoencoder under equal budgets.

    Keeps finished parts and resumes interrupted ones, with --resume or without; more arms or seeds are added to those
    of an earlier run. --force replaces parts that were made with other options.
    """
    from shgae.cli.progress.eta import duration
    from shgae.cli.tables import dry_run_table, study_tables
    from shgae.experiments.study import run as stage

    if dry_run:
        planned = stage.dry_run(model, data, output, config, execution).to_json()
        return Outcome(planned, [dry_run_table(planned), f"in all: about {duration(planned['seconds'])}"])
    result = stage.run(model, data, output, config, execution).to_json()
    picture = f"picture: {output / 'report' / stage.PICTURE}"
    return Outcome(result, [*study_tables(result), picture], typed("verify", output / "report"))
