"""``shgae splice``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import ANALYSIS, Outcome, command, typed
from shgae.cli.inputs import Folder
from shgae.cli.options import Data, Given, MaybeOutput, Model, by_name
from shgae.execution import Execution
from shgae.recipes import SpliceConfig


@command(
    "splice",
    example="shgae splice baseline data --ae autoencoder -o splice",
    section=ANALYSIS,
    writes="""
    SPLICE/                     with -o only
      report.json               numbers and verdicts
      tables.md tables.tex      the same as tables
      manifest.json             which model, which data, hashes
    """,
    running=("device", "workers", "force"),
)
def splice(
    model: Model,
    data: Data,
    config: SpliceConfig,
    execution: Execution,
    autoencoder: Annotated[
        Path | None,
        typer.Option("--ae", metavar="AE", help="For a model without one; for a fine-tuned graft, its old one."),
        Folder(("autoencoder",)),
    ] = None,
    activations: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Of this model, for mean and components; without them they are computed."),
        Folder(("activations",)),
    ] = None,
    given: Given = None,
    output: MaybeOutput = None,
) -> Outcome:
    """Replaces the bottleneck by the autoencoder's reconstruction, the mean, zeros and more, and scores each.

    With the stack's skips on and off: how much of the PCK that the training mean costs the autoencoder recovers.
    """
    from rich.text import Text

    from shgae.reporting.splice import code_lines, splice_tables
    from shgae.stages import splice as stage

    result = stage.run(model, data, output, config, execution, autoencoder, activations, by_name(given))
    *tables, checks = splice_tables(result.report)
    code, said = Text(code_lines(result.report)), Text("\n".join(result.says))
    return Outcome(result.to_json(), [*tables, code, checks, said], typed("verify", output) if output else "")
