"""``shgae study``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import ANALYSIS, command, typed
from shgae.cli.options import Data, Model
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
      activations/ linear/            what all seeds share
      seed-0/autoencoder/             pre-trained with this seed
      seed-0/arm-full/finetuned/      an arm, made by shgae finetune
    """,
    running=("device", "workers", "compile", "resume", "force"),
)
def study(
    model: Model,
    data: Data,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to make, or to add to.")],
    config: StudyConfig,
    execution: Execution,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be made, and how long that takes.")
    ] = False,
) -> Outcome:
    """Fine-tunes a model with and without an autoencoder, all else equal, and says what the autoencoder gave.

    Keeps what is there and goes on with what was interrupted, with --resume or without; more arms or seeds are added
    to what an earlier run made. --force makes again what was made with other options.
    """
    from shgae.cli.tables import dry_run_table, study_tables
    from shgae.experiments.study import run as stage

    if dry_run:
        planned = stage.dry_run(model, data, output, config, execution).to_json()
        return Outcome(planned, [dry_run_table(planned), f"in all: about {duration(planned['seconds'])}"])
    result = stage.run(model, data, output, config, execution)
    picture = f"picture: {output / 'report' / stage.PICTURE}"
    return Outcome(result.to_json(), [*study_tables(result.report), picture], typed("verify", output / "report"))
