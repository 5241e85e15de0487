"""``shgae rate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import BESIDE, command, typed
from shgae.cli.options import Data, Model
from shgae.cli.outcome import Outcome
from shgae.execution import Execution
from shgae.recipes import RateConfig


@command(
    "rate",
    example="shgae rate baseline activations data --ae autoencoder -o rate",
    section=BESIDE,
    writes="""
    RATE/                       with -o only
      report.json               what --json prints
      tables.md tables.tex      the same as tables
      rate.png                  the curves
      manifest.json             which model, which activations, hashes
    """,
    running=("device", "workers", "force"),
)
def rate(
    model: Model,
    activations: Annotated[Path, typer.Argument(metavar="ACTIVATIONS", help="Of this model, made by shgae extract.")],
    data: Data,
    config: RateConfig,
    execution: Execution,
    autoencoder: Annotated[
        Path | None,
        typer.Option("--ae", metavar="AE", help="The point on the curve; a grafted model has its own."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="The folder to make.")] = None,
) -> Outcome:
    """Computes PCK and FVU over the number of principal components of the bottleneck, without training.

    The autoencoder is a point on that curve: how many components match its code?
    """
    from shgae.cli.tables import rate_tables
    from shgae.stages import rate as stage

    result = stage.run(model, activations, data, output, config, execution, autoencoder).to_json()
    return Outcome(result, rate_tables(result), typed("verify", output) if output else "")
