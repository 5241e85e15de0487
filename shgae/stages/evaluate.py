"""``shgae evaluate``: models and prepared data -> the study's PCK, side by side, and every prediction."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from shgae.artifacts.crops import Crops, PeopleTable
from shgae.artifacts.store import Artifact, draft, open_artifact
from shgae.data import geometry, heatmaps
from shgae.data.datasets import in_chunks, load_pose_batch, read_ahead, to_images
from shgae.execution import Execution
from shgae.metrics import pck
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.recipes import EvaluateConfig, as_json
from shgae.skeleton import Skeleton
from shgae.stages.pose_training import check_fits
from shgae.stages.result import made
from shgae.training.hardware import autocast, resolve_device, resolve_precision

REPORT = "report.json"


@dataclass(frozen=True)
class Predictions:
    """What one model says about N people."""

    name: str
    """The model's name in the report."""
    cells: npt.NDArray[np.int64]
    """(N, K, 2) arg-max cells x, y of the last stack's maps."""
    score: npt.NDArray[np.float32]
    """(N, K) the map's value there."""


@dataclass(frozen=True)
class EvaluateResult:
    """A finished evaluation."""

    report: dict[str, Any]
    """The contract's object: data, split, persons, models, and floors beside them."""
    predictions: tuple[Predictions, ...]
    artifact: Artifact | None
    """The evaluation that was written, if an output was given."""

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return self.report | (made(self.artifact) if self.artifact else {})


def run(
    models: Sequence[Path], data: Path, output: Path | None, config: EvaluateConfig, execution: Execution
) -> EvaluateResult:
    """Scores models on one split of the same data.

    Args:
        models: hourglass artefacts or run directories (then their best weights), in the order of the report.
        data: prepared data of the models' joints and crop size.
        output: the folder to make, with ``report.json`` and ``predictions-NAME.json`` (COCO results, photo pixels);
            None writes nothing.
        config: split, batch size and number format.
        execution: device, threads, progress.

    Raises:
        Refused: a model and the data do not belong together, or the data lacks the split.
    """
    prepared = open_artifact(data, "data")
    loaded = [load_hourglass(path) for path in models]
    for path, model in zip(models, loaded, strict=True):
        check_fits(dict(model.artifact.facts), prepared, path)
    device = resolve_device(execution.device)
    config = dataclasses.replace(config, precision=resolve_precision(config.precision, device))
    crops = Crops(prepared, config.split, config.limit)
    skeleton = Skeleton.from_json(prepared.facts["skeleton"])
    names = _names(models)
    predicted = tuple(
        predict(model, name, crops, config, device, execution) for model, name in zip(loaded, names, strict=True)
    )
    report = {
        "data": str(data),
        "split": config.split,
        "persons": len(crops),
        "models": [{"name": p.name} | scores(p.cells, crops, skeleton) for p in predicted],
        "floors": [{"name": "mean pose"} | scores(_mean_pose(prepared, len(crops)), crops, skeleton)],
    }
    if output is None:
        return EvaluateResult(report, predicted, None)
    parents = {"data": prepared, **{f"model {name}": m.artifact for name, m in zip(names, loaded, strict=True)}}
    with draft(output, kind="evaluation", config=as_json(config), parents=parents, execution=execution) as draft_:
        # The report in the artefact names no path: equal evaluations are equal, wherever the data lies.
        draft_.write_json(REPORT, report | {"data": prepared.id})
        for p in predicted:
            draft_.write_json(f"predictions-{p.name}.json", coco_results(p, crops))
        artifact = draft_.commit({"split": config.split, "persons": len(crops), "models": list(names)})
    return EvaluateResult(report, predicted, artifact)


def predict(
    model: LoadedHourglass,
    name: str,
    crops: Crops,
    config: EvaluateConfig,
    device: torch.device,
    execution: Execution,
) -> Predictions:
    """Arg-max of the last stack's maps for every person of a split."""
    module = model.module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    keypoints = crops.people.visibility.shape[1]
    cells = np.empty((len(crops), keypoints, 2), np.int64)
    score = np.empty((len(crops), keypoints), np.float32)
    execution.progress.start(f"evaluate {name}", len(crops), "people")
    chunks = in_chunks(np.arange(len(crops)), config.batch_size)
    for batch in read_ahead(chunks, lambda rows: load_pose_batch(crops, rows), execution.workers):
        execution.stop.raise_if_set(name, "the same command again")
        on_device = batch.to(device)
        with torch.inference_mode(), autocast(device, config.precision):
            maps = module(to_images(on_device.crops, on_device.valid, model.mean_rgb))[:, -1]
        decoded = heatmaps.decode(maps.float())
        cells[batch.rows], score[batch.rows] = decoded.cells.cpu().numpy(), decoded.score.cpu().numpy()
        execution.progress.advance(len(batch.rows))
    execution.progress.finish()
    return Predictions(name, cells, score)


def scores(cells: npt.NDArray[np.int64], crops: Crops, skeleton: Skeleton) -> dict[str, Any]:
    """The study's PCK of predicted cells (N, K, 2): all, v1 and v2, and each joint."""
    counts = pck.count(cells, *_truth(crops.people, crops.crop_size), crops.crop_size // 4)
    return {"pck": counts.pck(), "joints": counts.joints(skeleton.names)}


def coco_results(predictions: Predictions, crops: Crops) -> list[dict[str, Any]]:
    """Predictions in COCO's results format: joints in photo pixels, the score of a person the mean of its joints'."""
    people = crops.people
    xy_crop = heatmaps.map_to_crop(torch.from_numpy(predictions.cells)).numpy()
    results = []
    for row in range(len(people)):
        xy_photo = geometry.to_photo(xy_crop[row], geometry.Square(*people.square[row]), crops.crop_size)
        joints = np.column_stack([xy_photo, predictions.score[row]]).round(4)
        results.append(
            {
                "image_id": int(people.photo_id[row]),
                "category_id": 1,
                "annotation_id": int(people.annotation_id[row]),
                "keypoints": [float(number) for number in joints.ravel()],
                "score": round(float(predictions.score[row].mean()), 6),
            }
        )
    return results


def _truth(people: PeopleTable, crop_size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    cells, inside = heatmaps.cells(torch.from_numpy(people.xy_crop), crop_size)
    return cells.numpy(), np.where(inside.numpy(), people.visibility, 0).astype(np.uint8)


def _mean_pose(data: Artifact, people: int) -> npt.NDArray[np.int64]:
    train = Crops(data, "train").people
    labelled = (train.visibility > 0)[..., None]
    mean = (train.xy_crop * labelled).sum(0) / np.maximum(labelled.sum(0), 1)
    cells, _ = heatmaps.cells(torch.from_numpy(mean.astype(np.float32))[None], data.facts["crop_size"])
    return np.repeat(cells.numpy(), people, axis=0)


def _names(models: Sequence[Path]) -> list[str]:
    names: list[str] = []
    for path in models:
        name = path.resolve().name
        names.append(name if name not in names else f"{name}-{len(names) + 1}")
    return names
