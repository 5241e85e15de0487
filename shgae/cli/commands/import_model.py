"""``shgae import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import beside, command, typed
from shgae.cli.options import Output
from shgae.cli.outcome import Outcome
from shgae.errors import Refused
from shgae.execution import Execution


def _colour(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(channel) for channel in text.split(","))
    except ValueError as error:
        raise Refused("value", "--mean-rgb", f"{text} is not R,G,B", "--mean-rgb 0.44,0.44,0.43") from error


@command(
    "import",
    example="shgae import model_best.pth.tar -o baseline",
    writes="""
    MODEL/
      model.safetensors   the weights, under our names
      manifest.json       what the network is, its joints and mean colour, hash of the file it came from
    """,
    running=("force",),
)
def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Weights: .pth or .safetensors.")],
    output: Output,
    execution: Execution,
    joints: Annotated[
        Path | None, typer.Option(metavar="JSON", help="COCO JSON that names its joints, in order; else its family's.")
    ] = None,
    mean_rgb: Annotated[
        str | None,
        typer.Option(metavar="R,G,B", help="Mean colour that it subtracts, each 0 to 1; else its family's."),
    ] = None,
) -> Outcome:
    """Imports trained weights of an hourglass or autoencoder; nothing in their file is executed.

    Known by their tensors: the study's networks, bearpaw/pytorch-pose, anibali/pytorch-stacked-hourglass and
    princeton-vl/pytorch_stacked_hourglass.
    """
    from shgae.cli.tables import facts_table
    from shgae.stages import import_model as stage

    mean = None if mean_rgb is None else _colour(mean_rgb)
    result = stage.run(file, output, execution, joints, mean).to_json()
    shown = {key: value for key, value in result.items() if key not in ("output", "kind", "id", "joints")}
    shown |= {"joints": {"names": result["joints"]}} if "joints" in result else {}
    extract = ("extract", output, "DATA", "-o", beside(output, "activations"))
    then = typed(*extract) if result["kind"] == "hourglass" else typed("info", output)
    return Outcome(result, [facts_table(shown)], then)
