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

from shgae.artifacts.crops import PEOPLE, Crops, read_people
from shgae.artifacts.manifest import Parent
from shgae.artifacts.store import Artifact, draft, open_artifact
from shgae.data import geometry, heatmaps
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.metrics import floors, pck
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.recipes import EvaluateConfig, as_json
from shgae.skeleton import Skeleton
from shgae.stages.pose_training import check_fits
from shgae.stages.result import made
from shgae.training.hardware import describe, resolve_device, resolve_precision
from shgae.training.inference import Inference

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
    wanted = (f"{config.split}/", PEOPLE.format(split="train"))
    prepared = open_artifact(data, "data", only=wanted)
    loaded = [load_hourglass(path) for path in models]
    for path, model in zip(models, loaded, strict=True):
        check_fits(model.artifact.facts, prepared, path, execution.progress)
    device = resolve_device(execution.device)
    config = dataclasses.replace(config, precision=resolve_precision(config.precision, device))
    crops = Crops(prepared, config.split, config.limit)
    names = _names(models)
    if output is None:
        report, predicted = _score(loaded, names, crops, prepared, config, device, execution)
        return EvaluateResult(report | {"data": str(data)}, predicted, None)
    parents = {"data": prepared, **{f"model {i}": model.artifact for i, model in enumerate(loaded, 1)}}
    # Begun before the work, so that an output that cannot be made is refused at once.
    with draft(output, kind="evaluation", config=as_json(config), parents=parents, execution=execution) as draft_:
        report, predicted = _score(loaded, names, crops, prepared, config, device, execution)
        draft_.write_json(REPORT, report)
        for p in predicted:
            draft_.write_json(f"predictions-{p.name}.json", coco_results(p, crops, prepared.facts["category_id"]))
        facts = {"split": config.split, "persons": len(crops), "models": list(names)}
        artifact = draft_.commit(facts, device=describe(device))
    return EvaluateResult(report | {"data": str(data)}, predicted, artifact)


def _score(
    loaded: Sequence[LoadedHourglass],
    names: Sequence[str],
    crops: Crops,
    prepared: Artifact,
    config: EvaluateConfig,
    device: torch.device,
    execution: Execution,
) -> tuple[dict[str, Any], tuple[Predictions, ...]]:
    skeleton = Skeleton.from_json(prepared.facts["skeleton"])
    predicted, entries = [], []
    for model, name in zip(loaded, names, strict=True):
        inference = Inference(device, config.precision, config.batch_size, model.mean_rgb)
        predictions = predict(model, name, crops, inference, execution)
        predicted.append(predictions)
        entry = {"name": name, "id": model.artifact.id} | scores(predictions.cells, crops, skeleton)
        if not _knows(model.artifact.manifest.parents, prepared.id):
            entry["trained_on_other_data"] = True
            execution.progress.note(f"note: {name} was not trained on this data; it may have seen these people before")
        entries.append(entry)
    train = read_people(prepared, "train")
    mean = floors.mean_pose(train.xy_crop, train.visibility).astype(np.float32)
    cells = heatmaps.cells(torch.from_numpy(mean)[None], crops.crop_size).cells.numpy().repeat(len(crops), axis=0)
    report = {
        "data": prepared.id,
        "split": config.split,
        "persons": len(crops),
        "models": entries,
        "floors": [{"name": "mean pose"} | scores(cells, crops, skeleton)],
    }
    return report, tuple(predicted)


def predict(model: LoadedHourglass, name: str, crops: Crops, inference: Inference, execution: Execution) -> Predictions:
    """Arg-max of the last stack's maps for every person of a split.

    Raises:
        Refused: the model's maps hold NaN.
        Interrupted: a signal came.
    """
    module = model.module.to(device=inference.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    cells = np.empty((len(crops), len(model.skeleton), 2), np.int64)
    score = np.empty(cells.shape[:2], np.float32)
    execution.progress.start(f"evaluate {name}", len(crops), "people")
    for batch, maps in inference.over(module, crops, execution):
        execution.stop.raise_if_set(name, "the same command again", saved=False)
        try:
            decoded = heatmaps.decode(maps[:, -1])
        except ValueError as error:
            raise Refused("model", name, str(error), "a model whose training did not diverge") from error
        cells[batch.rows], score[batch.rows] = decoded.cells.cpu().numpy(), decoded.score.cpu().numpy()
    execution.progress.finish()
    return Predictions(name, cells, score)


def scores(cells: npt.NDArray[np.int64], crops: Crops, skeleton: Skeleton) -> dict[str, Any]:
    """The study's PCK of predicted cells (N, K, 2): all, v1 and v2, and each joint."""
    people = crops.people
    true_cells, visibility = heatmaps.truth(
        torch.from_numpy(people.xy_crop), torch.from_numpy(people.visibility), crops.crop_size
    )
    counts = pck.count(cells, true_cells.numpy(), visibility.numpy(), crops.crop_size // heatmaps.STRIDE)
    return {"pck": counts.pck(), "joints": counts.joints(skeleton.names)}


def coco_results(predictions: Predictions, crops: Crops, category_id: int) -> list[dict[str, Any]]:
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
                "category_id": category_id,
                "annotation_id": int(people.annotation_id[row]),
                "keypoints": [float(number) for number in joints.ravel()],
                "score": round(float(predictions.score[row].mean()), 6),
            }
        )
    return results


def _knows(parents: Sequence[Parent], data: str) -> bool:
    return any(parent.id == data or _knows(parent.parents, data) for parent in parents)


def _names(models: Sequence[Path]) -> list[str]:
    names: list[str] = []
    for path in models:
        name = base = path.resolve().name
        number = 1
        while name in names:
            number += 1
            name = f"{base}-{number}"
        names.append(name)
    return names
