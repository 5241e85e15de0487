"""``shgae prepare``."""

from __future__ import annotations

from typing import Annotated

import typer

from shgae.cli.command import Outcome, beside, command, typed
from shgae.cli.inputs import CocoAndPhotos
from shgae.cli.options import PAIR, DryRun, Output, Pair
from shgae.execution import Execution
from shgae.recipes import PrepareConfig, Split


@command(
    "prepare",
    example="shgae prepare --train train.json train2017 --val val.json val2017 -o data",
    writes="""
    DATA/
      people.jsonl                    every person: kept or dropped, and why
      ignored.jsonl                   crowds and people without joints
      train/people.safetensors        joints, visibility, ids, squares
      train/crops-00000.safetensors   256 crops, uint8 RGB; also val/ and test/
      sheet.png                       some people, and why others are left out
      manifest.json                   joints, mean colour, counts, hashes
    """,
    running=("workers", "stamp", "force"),
)
def prepare(
    train: Annotated[Pair, typer.Option(metavar=PAIR, help="COCO JSON and photos to train on."), CocoAndPhotos()],
    output: Output,
    config: PrepareConfig,
    execution: Execution,
    val: Annotated[Pair | None, typer.Option(metavar=PAIR, help="The same, to validate on."), CocoAndPhotos()] = None,
    test: Annotated[Pair | None, typer.Option(metavar=PAIR, help="The same, to test on."), CocoAndPhotos()] = None,
    sheet: Annotated[bool, typer.Option("--sheet/--no-sheet", help="Draw some of the people: sheet.png.")] = True,
    dry_run: DryRun = False,
) -> Outcome:
    """Crops people out of photos with COCO keypoints: crops, splits, mean colour."""
    from shgae.cli.tables import dry_run_outcome, facts_table, mirrored
    from shgae.stages import prepare as stage

    pairs: dict[Split, Pair | None] = {"train": train, "val": val, "test": test}
    sources = {split: stage.Source(*pair) for split, pair in pairs.items() if pair}
    if dry_run:
        return dry_run_outcome(stage.dry_run(sources, output, config, execution))
    result = stage.run(sources, output, config, execution, sheet=sheet).to_json()
    shared = ("shared_photos",) * bool(result["shared_photos"])
    shown = {key: result[key] for key in ("splits", "dropped", "bad_photos", *shared, "mean_rgb")}
    tables = [facts_table(shown | {"mirror_pairs": mirrored(result["mirror_pairs"])})]
    if "val" not in result["splits"]:
        return Outcome(result, [*tables, "no val split: shgae train wants one (--val JSON DIR or --hold-out-val N)"])
    return Outcome(result, tables, typed("train", output, "-o", beside(output, "baseline")))
