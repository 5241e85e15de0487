"""``shgae evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import command, typed
from shgae.cli.options import Data
from shgae.cli.outcome import Outcome
from shgae.execution import Execution
from shgae.recipes import EvaluateConfig

_MODELS = "Hourglasses, or JSON files of predictions (COCO results), compared side by side."


@command(
    "evaluate",
    example="shgae evaluate baseline grafted finetuned data -o evaluation",
    writes="""
    EVALUATION/                 with -o only
      report.json               what --json prints: every score, interval and difference
      tables.md tables.tex      the same as tables
      predictions-NAME.json     COCO results, photo pixels; one file a model, to be scored again without it
      manifest.json             which models, which data, hashes
    """,
    running=("device", "nproc", "deterministic", "workers", "force"),
)
def evaluate(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help=_MODELS)],
    data: Data,
    config: EvaluateConfig,
    execution: Execution,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="The folder to make.")] = None,
    per_joint: Annotated[bool, typer.Option("--per-joint", help="Tables of every joint too.")] = False,
) -> Outcome:
    """Scores models on one split, with confidence intervals, and compares all pairs."""
    from shgae.cli.tables import grid_table
    from shgae.reporting.evaluation import joint_tables, main_tables
    from shgae.stages import evaluate as stage

    result = stage.run(models, data, output, config, execution).to_json()
    grids = main_tables(result) + (joint_tables(result) if per_joint else [])
    return Outcome(result, [grid_table(grid) for grid in grids], typed("verify", output) if output else "")
