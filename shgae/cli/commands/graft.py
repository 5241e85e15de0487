"""``shgae graft``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import Outcome, ancestor, beside, command, typed
from shgae.cli.options import Model, Output
from shgae.execution import Execution


@command(
    "graft",
    example="shgae graft runs/base runs/autoencoder -o grafted",
    writes="""
    MODEL/
      model.safetensors   weights of both
      manifest.json       what the network is, both parents, hashes
    """,
    running=("force",),
)
def graft(
    model: Model,
    autoencoder: Annotated[Path, typer.Argument(metavar="AE", help="Pre-trained on activations of this model.")],
    output: Output,
    execution: Execution,
) -> Outcome:
    """Puts an autoencoder behind the third bottleneck residual of its hourglass."""
    from shgae.cli.tables import facts_table
    from shgae.stages import graft as stage

    result = stage.run(model, autoencoder, output, execution).to_json()
    shown = {key: result[key] for key in ("parameters", "code_size")}
    then = typed("finetune", output, ancestor(output, "data"), "-o", beside(output, "finetuned"))
    return Outcome(result, [facts_table(shown)], then)
