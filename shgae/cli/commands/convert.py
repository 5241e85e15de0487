"""``shgae convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from shgae.cli.command import METHOD, Outcome, command, free, typed
from shgae.cli.inputs import File
from shgae.cli.options import Output
from shgae.execution import Execution

_SPLITS = {"train": "train", "valid": "val", "val": "val", "test": "test"}
"""Splits as files name them -> options of shgae prepare; what has another name is to be trained on."""
_FILE = "MPII's .mat, Newell's .h5 (extra: mpii) or bearpaw's .json; LSP's joints.mat."


@command(
    "convert",
    example="shgae convert mpii mpii_human_pose_v1_u12_1.mat --photos images -o mpii",
    writes="""
    DIR/
      SPLIT.json   COCO keypoint JSON, a file a split (train, val, valid, test)
    """,
    section=METHOD,
    running=("force",),
)
def convert(
    data_set: Annotated[Literal["mpii", "lsp"], typer.Argument(metavar="mpii|lsp", help="The data set of the file.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_FILE), File("annotations")],
    output: Output,
    execution: Execution,
    photos: Annotated[
        Path | None, typer.Option("--photos", metavar="DIR", help="The photos, to read their sizes from.")
    ] = None,
) -> Outcome:
    """Turns annotations of MPII or LSP into COCO keypoint JSON for shgae prepare.

    Joints, visibility, head box, centre and scale as the file gives them; what it lacks is absent, and listed.
    """
    from rich.text import Text

    from shgae.cli.tables import facts_table
    from shgae.stages import convert as stage

    result = stage.run(data_set, file, output, photos, execution).to_json()
    keys = ("people", "photos", "joints", "visible", "hidden")
    table, notes = facts_table({key: result[key] for key in keys}), "\n".join(result["notes"])
    if photos is None:
        again = typed("convert", data_set, file, "--photos", "PHOTOS", "-o", output, "--force")
        return Outcome(result, [table, Text(notes)], again)
    splits = {"train": "TRAIN.json"} | {_SPLITS.get(split, "train"): json for split, json in result["files"].items()}
    pairs = [word for split, json in splits.items() for word in (f"--{split}", json, photos)]
    square = ("--square", "mpii") if data_set == "mpii" else ()
    val = () if "val" in splits else ("--hold-out-val", max(max(result["people"].values()) // 10, 1))
    return Outcome(result, [table, Text(notes)], typed("prepare", *pairs, *square, *val, "-o", free(Path("data"))))
