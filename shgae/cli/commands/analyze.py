"""``shgae analyze``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import BESIDE, command, typed
from shgae.cli.options import Output
from shgae.cli.outcome import Outcome
from shgae.execution import Execution
from shgae.recipes import AnalyzeConfig


@command(
    "analyze",
    example="shgae analyze activations baseline data autoencoder -o analysis",
    section=BESIDE,
    writes="""
    ANALYSIS/
      report.json                 what --json prints
      tables.md tables.tex        the same as tables
      spectrum, silhouettes, skips, walk-*   pictures, .png and .svg
      clusters.png atlas-*.png    people and units of the code
      manifest.json               what it was made from, hashes
    """,
    running=("device", "workers", "force"),
)
def analyze(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help="Activations, model, data, autoencoder, in any order.")
    ],
    output: Output,
    config: AnalyzeConfig,
    execution: Execution,
) -> Outcome:
    """Analyses the latent space: spectrum, clusters, traversals, effect of the skips, units of the code.

    Does the parts that the inputs allow and says what the others need.
    """
    from shgae.cli.tables import grid_table
    from shgae.reporting.latent import analysis_tables
    from shgae.stages import analyze as stage

    result = stage.run(inputs, output, config, execution).to_json()
    left_out = [f"left out: {part}, for {why}" for part, why in result["left_out"].items()]
    tables = [grid_table(table) for table in analysis_tables(result)]
    return Outcome(
        result, [*tables, "\n".join([*result["says"], *left_out])], typed("report", output, "-o", "report.html")
    )
