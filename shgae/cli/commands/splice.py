"""``shgae splice``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import ANALYSIS, command, typed
from shgae.cli.inputs import Folder
from shgae.cli.options import Data, MaybeOutput, Model
from shgae.cli.outcome import Outcome
from shgae.execution import Execution
from shgae.recipes import SpliceConfig


@command(
    "splice",
    example="shgae splice baseline data --ae autoencoder -o splice",
    section=ANALYSIS,
    writes="""
    SPLICE/                     with -o only
      report.json               what --json prints
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
        typer.Option(metavar="DIR", help="Of this model, for mean and components; else they are computed."),
        Folder(("activations",)),
    ] = None,
    output: MaybeOutput = None,
) -> Outcome:
    """Puts the autoencoder, zeros, the mean, another person's and more into the bottleneck's place, and scores that.

    With the stack's skips on, as it is, and off: what the autoencoder gives back of what losing the bottleneck costs.
    """
    from shgae.cli.tables import splice_tables
    from shgae.stages import splice as stage

    result = stage.run(model, data, output, config, execution, autoencoder, activations).to_json()
    return Outcome(result, splice_tables(result), typed("verify", output) if output else "")
