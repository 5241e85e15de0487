"""``shgae prepare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import Outcome, beside, command, typed
from shgae.cli.options import Output
from shgae.execution import Execution
from shgae.recipes import PrepareConfig, Split

_Pair = tuple[Path, Path]
_PAIR = "JSON DIR"


@command(
    "prepare",
    example="shgae prepare --train train.json train2017 --val val.json val2017 --hold-out 5000 -o data",
    writes="""
    DATA/
      people.jsonl                    every person of the JSON: kept or dropped, and why
      train/people.safetensors        joints, visibility, ids, squares
      train/crops-00000.safetensors   256 crops, uint8 RGB; val/ and test/ alike
      manifest.json                   joints, mean colour, counts, hashes
    """,
    running=("workers", "force"),
)
def prepare(
    train: Annotated[_Pair, typer.Option(metavar=_PAIR, help="COCO JSON and photo folder to train on.")],
    output: Output,
    config: PrepareConfig,
    execution: Execution,
    val: Annotated[_Pair | None, typer.Option(metavar=_PAIR, help="The same, to validate on.")] = None,
    test: Annotated[_Pair | None, typer.Option(metavar=_PAIR, help="The same, to test on.")] = None,
) -> Outcome:
    """Cuts every person out of photos with COCO keypoints: crops, splits and the mean colour."""
    from shgae.cli.tables import facts_table
    from shgae.stages import prepare as stage

    pairs: dict[Split, _Pair | None] = {"train": train, "val": val, "test": test}
    sources = {split: stage.Source(*pair) for split, pair in pairs.items() if pair}
    result = stage.run(sources, output, config, execution).to_json()
    shown = {key: result[key] for key in ("splits", "dropped", "mean_rgb")}
    return Outcome(result, [facts_table(shown)], typed("train", output, "-o", beside(output, "base")))
