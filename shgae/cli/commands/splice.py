"""``shgae splice``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import BESIDE, command, typed
from shgae.cli.options import Data, Model
from shgae.cli.outcome import Outcome
from shgae.execution import Execution
from shgae.recipes import SpliceConfig


@command(
    "splice",
    example="shgae splice baseline data --ae autoencoder --activations activations -o splice",
    section=BESIDE,
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
        typer.Option(
            "--ae",
            metavar="AE",
            help="What to put into a model without an autoencoder. Of a fine-tuned graft: its autoencoder from before.",
        ),
    ] = None,
    activations: Annotated[
        Path | None,
        typer.Option(
            "--activations",
            metavar="DIR",
            help="Of this bottleneck, for its mean and components; without, the training split passes the model once.",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="The folder to make.")] = None,
) -> Outcome:
    """Replaces the bottleneck by the autoencoder's output, the mean, zeros and others, and scores each.

    With the stack's skips on and off: the share of the cost of zeros that each replacement avoids.
    """
    from shgae.cli.tables import splice_tables
    from shgae.stages import splice as stage

    result = stage.run(model, data, output, config, execution, autoencoder, activations).to_json()
    return Outcome(result, splice_tables(result), typed("verify", output) if output else "")
