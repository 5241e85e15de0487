"""``shgae demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import BESIDE, command, typed
from shgae.cli.options import Seed
from shgae.cli.outcome import Outcome
from shgae.execution import Execution


@command(
    "demo",
    section=BESIDE,
    example="shgae demo",
    writes="""
    DEMO/
      photos/                              people that were drawn, with COCO JSON
      data/ baseline/ activations/         every artefact of the chain
      autoencoder/ grafted/ finetuned/
      evaluation/                          PCK and predictions
      curves.png predictions.png           what to look at
    """,
    running=("device", "workers", "resume", "force"),
)
def demo(
    execution: Execution,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to make.")] = Path("demo"),
    seed: Seed = 0,
) -> Outcome:
    """Runs the whole chain on drawn people and prints the PCK table, in minutes on two CPU cores."""
    from shgae.cli.tables import pck_table
    from shgae.experiments import demo as stage

    result = stage.run(output, execution, seed=seed).to_json()
    caution = "The finetuned graft also trained longer: this table cannot say what the autoencoder itself gave."
    pictures = [f"picture: {path}" for path in result["pictures"]]
    return Outcome(result, [pck_table(result["evaluation"]), caution, *pictures], typed("info", output / "finetuned"))
