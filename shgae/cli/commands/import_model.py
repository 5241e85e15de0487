"""``shgae import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import Outcome, beside, command, typed
from shgae.cli.options import Output
from shgae.execution import Execution


@command(
    "import",
    example="shgae import epoch_47.pth -o base",
    writes="""
    MODEL/
      model.safetensors   the weights, under our names
      manifest.json       what the network is, hash of the file it came from
    """,
    running=("force",),
)
def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Weights: .pth or .safetensors.")],
    output: Output,
    execution: Execution,
) -> Outcome:
    """Takes over somebody else's hourglass or autoencoder, without running anything that its file holds."""
    from shgae.cli.tables import facts_table
    from shgae.stages import import_model as stage

    result = stage.run(file, output, execution).to_json()
    shown = {key: result[key] for key in ("family", "parameters")}
    then = typed("extract", output, "DATA", "-o", beside(output, "activations"))
    return Outcome(result, [facts_table(shown)], then if result["kind"] == "hourglass" else typed("info", output))
