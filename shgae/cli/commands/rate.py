"""``shgae rate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import ANALYSIS, Outcome, beside, command, typed
from shgae.cli.inputs import Folder
from shgae.cli.options import Activations, Data, Given, MaybeOutput, Model, by_name
from shgae.execution import Execution
from shgae.recipes import RateConfig


@command(
    "rate",
    example="shgae rate baseline activations data --ae autoencoder -o rate",
    section=ANALYSIS,
    writes="""
    RATE/                       with -o only
      report.json               numbers and verdicts
      tables.md tables.tex      the same as tables
      rate.png                  the curves
      manifest.json             which model, which activations, hashes
    """,
    running=("device", "workers", "stamp", "force"),
)
def rate(
    model: Model,
    activations: Activations,
    data: Data,
    config: RateConfig,
    execution: Execution,
    autoencoder: Annotated[
        Path | None,
        typer.Option("--ae", metavar="AE", help="The point on the curve; a grafted model has its own."),
        Folder(("autoencoder",)),
    ] = None,
    given: Given = None,
    output: MaybeOutput = None,
) -> Outcome:
    """Draws PCK and FVU over the number of principal components that pass the bottleneck, without training.

    The autoencoder is a point on that curve: how many components do what its code does?
    """
    from rich.text import Text

    from shgae.reporting.rate import rate_table
    from shgae.stages import rate as stage

    result = stage.run(model, activations, data, output, config, execution, autoencoder, by_name(given))
    then = typed("plot", output, "-o", beside(output, f"{output.name}-figures")) if output else ""
    return Outcome(result.to_json(), [rate_table(result.report), Text("\n".join(result.says))], then)
