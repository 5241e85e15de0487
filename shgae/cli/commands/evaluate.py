"""``shgae evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import Outcome, command, typed
from shgae.cli.options import Data
from shgae.execution import Execution
from shgae.recipes import EvaluateConfig


@command(
    "evaluate",
    example="shgae evaluate runs/base grafted runs/finetuned data -o evaluation",
    writes="""
    EVALUATION/                 with -o only
      report.json               what --json prints
      predictions-NAME.json     COCO results, photo pixels; one file a model
      manifest.json             which models, which data, hashes
    """,
    running=("device", "workers", "force"),
)
def evaluate(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help="Hourglasses, compared side by side.")],
    data: Data,
    config: EvaluateConfig,
    execution: Execution,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="The folder to make.")] = None,
    per_joint: Annotated[bool, typer.Option("--per-joint", help="A table of every joint too.")] = False,
) -> Outcome:
    """Scores models on one split: the study's PCK, for hidden and visible joints and for each joint."""
    from shgae.cli.tables import joints_table, pck_table
    from shgae.stages import evaluate as stage

    result = stage.run(models, data, output, config, execution).to_json()
    tables = [pck_table(result), *([joints_table(result)] if per_joint else [])]
    return Outcome(result, tables, typed("verify", output) if output else "")
