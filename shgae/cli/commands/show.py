"""``shgae show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.artifacts.output_file import PICTURE
from shgae.cli.command import OUTPUT, Outcome, command
from shgae.cli.inputs import File, NewFile
from shgae.cli.options import Data
from shgae.execution import Execution
from shgae.recipe_parts import ShowConfig

_OUTPUT = "The picture to make, NAME.png, .svg or .pdf."
_PREDICTIONS = "JSON of predictions (COCO results): drawn next to the annotation, worst first."
_WANTED = "COCO results (predictions*.json)"
_SIGMAS = "JSON of OKS's sigmas of the joints, for predictions that do not say whom they are of."


@command(
    "show",
    section=OUTPUT,
    example="shgae show data --targets --augment auto --people 6 -o sheet.png",
    writes="""
    SHEET.png   or .svg, .pdf: crops and their joints, person by person
    """,
    running=("stamp", "force"),
)
def show(
    data: Data,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help=_OUTPUT), NewFile(PICTURE, "sheet")],
    config: ShowConfig,
    execution: Execution,
    predictions: Annotated[
        Path | None, typer.Argument(metavar="[PREDICTIONS]", help=_PREDICTIONS), File("predictions", _WANTED)
    ] = None,
    sigmas: Annotated[Path | None, typer.Option("--sigmas", metavar="FILE", help=_SIGMAS), File("sigmas")] = None,
) -> Outcome:
    """Draws what a training sees: crops, joints, target maps, random changes; or predictions, worst first.

    With --augment auto, a training's default, everybody is drawn also as the first six epochs with this seed show them.
    """
    from shgae.cli.tables import facts_table
    from shgae.stages import show as stage

    result = stage.run(data, predictions, output, config, execution, sigmas).to_json()
    shown = {"file": result["output"], "split": result["split"], "people": len(result["people"])}
    if "dropped" in result:
        shown["dropped"] = sum(one["people"] for one in result["dropped"])
    return Outcome(result, [facts_table(shown)])
