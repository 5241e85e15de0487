"""``shgae export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.artifacts.output_file import ONNX
from shgae.cli.command import OUTPUT, Outcome, command
from shgae.cli.inputs import NewFile
from shgae.cli.options import Model
from shgae.execution import Execution


@command(
    "export",
    example="shgae export finetuned -o pose.onnx",
    writes="""
    FILE.onnx   the network; joints, mean colour and crop size as metadata
    """,
    section=OUTPUT,
    running=("force",),
)
def export(
    model: Model,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="The file to make, NAME.onnx."),
        NewFile(ONNX, "model"),
    ],
    execution: Execution,
) -> Outcome:
    """Exports a model as one ONNX file, checked against torch with onnxruntime.

    In: images (N, 3, H, W), RGB in [0, 1] minus the mean colour. Out: maps (N, stacks, K, H / 4, W / 4), and the code
    of every autoencoder in it. Needs onnx, onnxscript and onnxruntime (pip install '.[onnx]').
    """
    from shgae.artifacts.disk_space import readable
    from shgae.cli.tables import facts_table
    from shgae.stages import export as stage

    result = stage.run(model, output, execution).to_json()
    shown = {"file": result["output"], "size": readable(result["bytes"])}
    for kind in ("inputs", "outputs"):
        shown |= {f"{kind[:-1]} {name}": f"({', '.join(map(str, shape))})" for name, shape in result[kind].items()}
    for one in result["checked"]:
        shown[f"off torch, batch of {one['batch']}"] = f"{max(one['differences'].values()):.1e} of the largest value"
    return Outcome(result, [facts_table(shown)])
