"""``shgae show``: prepared data, and maybe predictions -> a sheet of pictures of its people."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shgae.arrays import Bools, Floats
from shgae.artifacts.command_line import stamp
from shgae.artifacts.compatibility import categories_of, scored_split
from shgae.artifacts.crops import ALL_PEOPLE, Crops
from shgae.artifacts.output_file import PICTURE, check_file, make_room
from shgae.artifacts.store import open_artifact, verify_files
from shgae.data import heatmaps
from shgae.data.augmentation import DRAWS, Augmentation, augmentation_of
from shgae.data.datasets import Rows, batch_images, load_augmented_batch
from shgae.errors import Refused
from shgae.evaluation.matching import sigmas_for
from shgae.evaluation.predictions import PredictionFile, crop_points, read_predictions
from shgae.execution import Execution
from shgae.inference.torch_settings import settled
from shgae.plots.poses import View
from shgae.plots.sheets import Dropped, people_sheet, with_maps
from shgae.plots.style import save_figure
from shgae.recipe_parts import ShowConfig
from shgae.reporting.people_sheet import annotated, drawn_rows, dropped_of
from shgae.skeleton import Skeleton
from shgae.training.seeding import sample_uniforms
from shgae.wording import counted_people

EPOCHS = 6
"""How many epochs of random changes are drawn."""


@dataclass(frozen=True)
class ShowResult:
    """A sheet that was written."""

    path: Path
    split: str
    rows: tuple[int, ...]
    """The people on it, by their rows of the split, in the order of the sheet."""
    annotation_ids: tuple[int, ...]
    """Likewise."""
    errors: tuple[float | None, ...] | None
    """With predictions: the mean distance of labelled joints in pixels of the crop; None of somebody not found."""
    views: tuple[tuple[View, ...], ...]
    """What was drawn of each."""
    dropped: tuple[Dropped, ...] | None
    """The table of those left out, if it was asked for."""

    def to_json(self) -> dict[str, Any]:
        people: list[dict[str, Any]] = [
            {"annotation_id": annotation, "row": row}
            for annotation, row in zip(self.annotation_ids, self.rows, strict=True)
        ]
        if self.errors is not None:
            people = [one | {"error": error} for one, error in zip(people, self.errors, strict=True)]
        made = {"output": str(self.path), "split": self.split, "people": people}
        if self.dropped is None:
            return made
        dropped = [dataclasses.asdict(one) | {"examples": ", ".join(one.examples)} for one in self.dropped]
        return made | {"dropped": dropped}


@settled()
def run(
    data: Path,
    predictions: Path | None,
    output: Path,
    config: ShowConfig,
    execution: Execution,
    sigmas: Path | None = None,
) -> ShowResult:
    """Draws people of prepared data: the crop with its joints, target maps, and what six epochs of training show.

    Args:
        data: prepared data.
        predictions: predictions of the split's people (COCO results); then the worst are drawn, next to what
            is predicted.
        output: the PNG, SVG or PDF to make.
        config: split, how many people, and what to draw of them.
        execution: force and progress.
        sigmas: JSON of OKS's sigmas, to match predictions that do not say whom they are of.

    Raises:
        Refused: the output exists or has another ending, the data lacks the split, random changes are asked for on
            another split than train or are not possible with these joints, or the predictions are not of these people.
    """
    check_file(output, PICTURE, execution.force, example="sheet")
    prepared = open_artifact(data, "data", verify=False)
    split = "train" if config.split == "auto" and predictions is None else scored_split(prepared, config.split)
    skeleton = Skeleton.from_json(prepared.facts["skeleton"])
    verify_files(prepared, (f"{split}/", *([ALL_PEOPLE] if config.dropped else [])), execution)
    crops = Crops(prepared, split, config.limit)
    augmentation = augmentation_of(config, skeleton, crops.crop_size, data)
    if augmentation and split != "train":
        raise Refused("--augment", f"split {split}", "trainings change the train split alone", "--split train")
    if augmentation and augmentation.parts["flip"] and (note := skeleton.mirror_note()):
        execution.progress.note(note)
    file = None
    if predictions is not None:
        given = sigmas_for(skeleton.names, sigmas)
        file = read_predictions(predictions, predictions.stem, crops, given, categories_of(prepared, split))
        for note in file.notes():
            execution.progress.note(note)
    make_room(output.parent)
    errors = None if file is None else errors_of(file, crops)
    rows = drawn_rows(len(crops), config.people, config.seed) if errors is None else _worst(errors, config.people)
    views = annotated(crops, rows, is_ranked=errors is not None)
    if file is not None:
        views = _beside(views, _predictions(crops, rows, file, views))
    if config.targets:
        views = _beside(views, _targets(crops, rows, config, skeleton))
    if augmentation:
        for epoch in range(EPOCHS):
            views = _beside(views, changed(crops, rows, augmentation, epoch, config.seed, prepared.facts["mean_rgb"]))
    dropped = tuple(dropped_of(prepared)) if config.dropped else None
    heading = _heading(len(rows), len(crops), split, config, predictions, augmentation is not None)
    check_file(output, PICTURE, execution.force, example="sheet")  # once more: it may have been made since
    save_figure(people_sheet(views, dropped, skeleton, heading), output, stamp(execution))
    ids = tuple(crops.people.annotation_id[rows].tolist())
    said = None if errors is None else tuple(round(e, 3) if np.isfinite(e) else None for e in errors[rows].tolist())
    return ShowResult(output, split, tuple(rows.tolist()), ids, said, tuple(map(tuple, views)), dropped)


def errors_of(file: PredictionFile, crops: Crops) -> Floats:
    """(N,) mean distance of the labelled joints that were found from their annotation, in pixels of the crop; inf where
    none was."""
    found = _found(file, crops)
    xy_crop = crop_points(file.predictions.xy_photo, crops.people, crops.crop_size)
    distance = np.linalg.norm(xy_crop - crops.people.xy_crop, axis=-1)
    mean = (distance * found).sum(1) / np.maximum(found.sum(1), 1)
    return np.where(found.any(1), mean, np.inf)


def _found(file: PredictionFile, crops: Crops) -> Bools:
    """(N, K) the labelled joints that were found."""
    return (crops.people.visibility > 0) & file.predictions.joints_found


def changed(
    crops: Crops, rows: Rows, augmentation: Augmentation, epoch: int, seed: int, mean_rgb: Sequence[float]
) -> list[View]:
    """The people of these rows (n,) as a training with that seed sees them in an epoch, counted from 0."""
    uniforms = sample_uniforms(rows, DRAWS, epoch=epoch, seed=seed)
    batch = load_augmented_batch(crops, rows, augmentation, uniforms)
    images = batch_images(batch, mean_rgb).permute(0, 2, 3, 1) + torch.tensor(mean_rgb)
    parts = zip(images.numpy(), batch.xy_crop.numpy(), batch.visibility.numpy(), strict=True)
    return [View(*part, f"epoch {epoch + 1}") for part in parts]


def _worst(errors: Floats, most: int) -> Rows:
    """Rows by falling error; equal ones in the split's order."""
    return np.argsort(-errors, kind="stable")[:most]


def _predictions(crops: Crops, rows: Rows, file: PredictionFile, views: Sequence[Sequence[View]]) -> list[View]:
    """What was predicted of joints that have a label; nothing of joints that were not found."""
    xy = crop_points(file.predictions.xy_photo, crops.people, crops.crop_size)
    errors, found = errors_of(file, crops), _found(file, crops)
    lost = (crops.people.visibility > 0).sum(1) - found.sum(1)
    titles = [_title(errors[row], lost[row]) for row in rows]
    drawn = np.where(found, 2, 0).astype(np.uint8)
    pictures = (view[0].picture for view in views)
    return [View(*part) for part in zip(pictures, xy[rows], drawn[rows], titles, strict=True)]


def _title(error: float, lost: int) -> str:
    if not np.isfinite(error):
        return "not found"
    # With both it would be wider than a picture.
    return f"{error:.1f} crop px off, {lost} not found" if lost else f"predicted: {error:.1f} crop px off"


def _targets(crops: Crops, rows: Rows, config: ShowConfig, skeleton: Skeleton) -> list[View]:
    xy, visibility = crops.people.xy_crop[rows], crops.people.visibility[rows]
    maps = heatmaps.encode(torch.from_numpy(xy), torch.from_numpy(visibility), config, crops.crop_size)
    pictures = crops.filled(rows).astype(np.float32) / 255
    none = np.zeros(len(skeleton), np.uint8)
    return [
        View(with_maps(picture, of_person, skeleton), points, none, "target maps")
        for picture, of_person, points in zip(pictures, maps.numpy(), xy, strict=True)
    ]


def _beside(people: Sequence[Sequence[View]], more: Sequence[View]) -> list[list[View]]:
    return [[*views, view] for views, view in zip(people, more, strict=True)]


def _heading(drawn: int, people: int, split: str, config: ShowConfig, predictions: Path | None, changes: bool) -> str:
    """What the sheet shows, in one line."""
    text = f"{drawn:,} of {counted_people(people)} of split {split}"
    if predictions is not None:
        text += f", worst first: annotation and {predictions.name}"
    if changes:
        preset = "random changes" if config.augment == "none" else f"--augment {config.augment}"
        text += f", and in training with {preset}, seed {config.seed}"
    return text
