"""``shgae predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import OUTPUT, Outcome, command, typed
from shgae.cli.inputs import File, Photos
from shgae.cli.options import Model, Output
from shgae.execution import Execution
from shgae.recipes import PredictConfig

_MOST_BAD = 10
_PHOTOS = "Photos, and folders: .jpg .jpeg .png .webp .bmp .ppm .gif directly in them."
_BOXES = "Boxes: a COCO dataset, or detections. Without it, a photo is one person."
_SIGMAS = "JSON of the OKS sigmas for --nms: a list, or an object by joint. Without it COCO's, of its 17 joints."
_ALWAYS = ("photos", "people", "mean_score")
_IF_ANY = ("suppressed", "undecided", "outside_photo", "boxes_skipped", "photos_without_box")
_PER_JOINT = ("undecided", "outside_photo")  # names of joints, which stay as the skeleton has them


@command(
    "predict",
    section=OUTPUT,
    example="shgae predict finetuned photos --boxes people.json -o predictions",
    writes="""
    PREDICTIONS/
      sheet.png               16 photos with their joints: look here first
      overlays/NAME.jpg       every photo with its joints (or --no-overlays)
      predictions.json        COCO results, photo pixels: a line a person
      manifest.json           which model, counts, bad photos, hashes
    """,
    running=("device", "workers", "resume", "stamp", "force"),
)
def predict(
    model: Model,
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTOS...", help=_PHOTOS), Photos()],
    output: Output,
    config: PredictConfig,
    execution: Execution,
    boxes: Annotated[Path | None, typer.Option(metavar="JSON", help=_BOXES), File("boxes")] = None,
    sigmas: Annotated[Path | None, typer.Option(metavar="FILE", help=_SIGMAS), File("sigmas")] = None,
) -> Outcome:
    """Finds the joints of people in photos, and draws them."""
    from shgae.cli.tables import facts_table
    from shgae.stages import predict as stage

    result = stage.run(model, photos, boxes, output, config, execution, sigmas).to_json()
    bad = result["bad_photos"]
    shown = {key: result[key] for key in (*_ALWAYS, *_IF_ANY) if key in _ALWAYS or result.get(key)}
    for key in shown.keys() & _PER_JOINT:
        shown[key] = ", ".join(f"{name}: {count:,}" for name, count in shown[key].items())
    lines = [f"bad photo {one['file']}: {one['reason']}" for one in bad[:_MOST_BAD]]
    if len(bad) > _MOST_BAD:
        lines.append(f"... and {len(bad) - _MOST_BAD:,} more, in manifest.json")
    lines.append(f"picture: {result['sheet']}")
    return Outcome(result, [facts_table(shown | {"bad_photos": len(bad)}), *lines], typed("info", output))
