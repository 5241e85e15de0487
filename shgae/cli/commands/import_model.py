"""``shgae import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import Outcome, beside, command, typed
from shgae.cli.inputs import File, Folder
from shgae.cli.options import Category, Output, colour
from shgae.execution import Execution

_WEIGHTS = "a .pth, .tar, .pt, .bin, .ckpt or .safetensors file"


@command(
    "import",
    example="shgae import model_best.pth.tar -o baseline",
    writes="""
    MODEL/
      model.safetensors   the weights, under our names
      manifest.json       the network, its joints and mean colour, source hash
    """,
    running=("force",),
)
def import_model(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Weights: .pth, .pt, .safetensors ..."), File("checkpoint", _WEIGHTS)
    ],
    output: Output,
    execution: Execution,
    joints: Annotated[
        Path | None, typer.Option(metavar="JSON", help="COCO JSON of joints; else its training set's."), File("joints")
    ] = None,
    mean_rgb: Annotated[
        str | None, typer.Option(metavar="R,G,B", help="Mean colour it subtracts, 0 to 1; else its source's.")
    ] = None,
    category: Category = None,
    like: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Its weights, tuned elsewhere."), Folder(("hourglass",))
    ] = None,
) -> Outcome:
    """Imports a foreign hourglass or autoencoder, or a model's weights tuned elsewhere; no code in the file is run.

    Known by their tensors: the original study's networks, bearpaw/pytorch-pose, anibali/pytorch-stacked-hourglass and
    princeton-vl/pytorch_stacked_hourglass. With --like: the state dict of shgae.open_model(MODEL).
    """
    from shgae.cli.tables import facts_table
    from shgae.stages import import_model as stage

    mean = None if mean_rgb is None else colour(mean_rgb)
    result = stage.run(file, output, execution, joints, mean, category, like).to_json()
    shown = {key: value for key, value in result.items() if key not in ("output", "kind", "id", "joints")}
    shown |= {"joints": {"names": result["joints"]}} if "joints" in result else {}
    extract = ("extract", output, "DATA", "-o", beside(output, "activations"))
    then = typed(*extract) if result["kind"] == "hourglass" else typed("info", output)
    return Outcome(result, [facts_table(shown)], then)
