"""``shgae demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import Outcome, command, typed
from shgae.cli.options import Seed
from shgae.execution import Execution


@command(
    "demo",
    example="shgae demo",
    writes="""
    DEMO/
      photos/                              drawn people, with COCO JSON
      data/ baseline/ activations/         every artefact of the chain
      autoencoder/ grafted/ finetuned/
      evaluation/                          PCK and predictions
      curves.png predictions.png           what to look at
    """,
    running=("device", "workers", "resume", "stamp", "force"),
)
def demo(
    execution: Execution,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to make.")] = Path("demo"),
    seed: Seed = 0,
) -> Outcome:
    """Runs the whole method on drawn people: minutes on two CPU cores."""
    from rich.text import Text

    from shgae.experiments import demo as stage
    from shgae.reporting.evaluation import pck_table

    result = stage.run(output, execution, seed=seed)
    caution = "The finetuned graft also trained longer: this table cannot say what the autoencoder itself gave."
    pictures = [f"picture: {path}" for path in result.pictures]
    return Outcome(
        result.to_json(),
        [pck_table(result.evaluation.report), Text(caution), *pictures],
        typed("info", output / "finetuned"),
    )
