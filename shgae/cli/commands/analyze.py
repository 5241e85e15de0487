"""``shgae analyze``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import ANALYSIS, Outcome, command, free, typed
from shgae.cli.inputs import Folder
from shgae.cli.options import Output
from shgae.execution import Execution
from shgae.recipes import AnalyzeConfig


@command(
    "analyze",
    example="shgae analyze activations baseline data autoencoder -o analysis",
    section=ANALYSIS,
    writes="""
    ANALYSIS/
      report.json                 numbers and verdicts
      tables.md tables.tex        the same as tables
      spectrum silhouettes skips  pictures, .png .svg .pdf
      traversal-*.png             poses along components
      clusters.png code-units-*.png
                                  people and units of the code
      manifest.json               what it was made from, hashes
    """,
    running=("device", "workers", "stamp", "force"),
)
def analyze(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT...", help="Activations, model, data, autoencoder, in any order."),
        Folder(),
    ],
    output: Output,
    config: AnalyzeConfig,
    execution: Execution,
) -> Outcome:
    """Analyses bottleneck and skips: spectrum, clusters, traversals, skips level by level, units of the code.

    Does the parts that the inputs allow and says what the others need.
    """
    from rich.text import Text

    from shgae.reporting.latent import analysis_tables
    from shgae.stages import analyze as stage

    result = stage.run(inputs, output, config, execution)
    then = typed("report", output, "-o", free(Path("report.html")))
    left_out = [f"left out: {part}, {why}" for part, why in result.report.left_out.items()]
    said = Text("\n".join([*result.says, *left_out]))
    return Outcome(result.to_json(), [*analysis_tables(result.report), said], then)
