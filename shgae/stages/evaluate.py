"""``shgae evaluate``: models (or their predictions) and prepared data -> every score side by side, and predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from shgae.artifacts.compatibility import check_fits, scored_split
from shgae.artifacts.crops import PEOPLE, Crops, read_people
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.manifest import REPORT, Parent
from shgae.artifacts.store import Artifact, open_artifact, verify_files
from shgae.artifacts.tensors import write_bytes
from shgae.evaluation.predictions import (
    PredictionFile,
    Predictions,
    coco_results,
    predict,
    read_predictions,
)
from shgae.evaluation.report import EVALUATION, EvaluationReport, Origin, report
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.device import describe, determinism, resolve_device, resolve_precision
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.recipes import EvaluateConfig, as_json
from shgae.reporting.evaluation import joint_tables, main_tables
from shgae.reporting.table import pages

_PREDICTIONS = "predictions-"


@dataclass(frozen=True)
class EvaluateResult:
    """A finished evaluation."""

    report: EvaluationReport
    """Every number; ``data`` is as it was given."""
    predictions: tuple[Predictions, ...]
    artifact: Artifact | None
    """The evaluation that was written, if an output was given."""

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return EVALUATION.to_json(self.report) | (self.artifact.to_json() if self.artifact else {})


def run(
    models: Sequence[Path], data: Path, output: Path | None, config: EvaluateConfig, execution: Execution
) -> EvaluateResult:
    """Scores models on one split of the same data.

    Args:
        models: in the order of the report: hourglass artefacts, run directories (then their best weights), or files of
            predictions in COCO's results format, in photo pixels; see
            :func:`~shgae.evaluation.predictions.read_predictions`.
        data: prepared data of the models' joints and crop size.
        output: the folder to make, with ``report.json``, ``tables.md``, ``tables.tex`` and ``predictions-NAME.json``
            (COCO results, photo pixels); None writes nothing.
        config: split, batch size, number format, draws.
        execution: device, threads, progress.

    Raises:
        Refused: a model or a file and the data do not belong together, or the data lacks the split.
    """
    prepared = open_artifact(data, "data", verify=False)
    config = dataclasses.replace(config, split=scored_split(prepared, config.split))
    verify_files(prepared, (f"{config.split}/", PEOPLE.format(split="train")), execution)
    networks = _load(models, prepared, execution)
    crops = Crops(prepared, config.split, config.limit)
    sources = [networks.get(i) or _read(models, i, prepared, crops, config, execution) for i in range(len(models))]
    device = resolve_device(execution.device)
    config = dataclasses.replace(config, precision=resolve_precision(config.precision, device))
    names = _names(models)
    if output is None:
        scored, predicted = _score(sources, names, crops, prepared, config, device, execution)
        return EvaluateResult(dataclasses.replace(scored, data=str(data)), predicted, None)
    parents = {"data": prepared}
    files: dict[str, PredictionFile] = {}
    for i, (name, source) in enumerate(zip(names, sources, strict=True), 1):
        if isinstance(source, PredictionFile):
            files[name] = source
        else:
            parents[f"model {i}"] = source.artifact
    hashes = {name: file.sha256 for name, file in files.items()}
    identity = as_json(config) | ({"predictions_sha256": hashes} if files else {})
    inputs = [file.path for file in files.values()]
    # Begun before the work, so that an output that cannot be made is refused at once.
    with (
        new_artifact(
            output,
            kind="evaluation",
            config=identity,
            parents=parents,
            execution=execution,
            inputs=inputs,
            device=describe(device),
        ) as draft,
        determinism(execution.deterministic),
    ):
        scored, predicted = _score(sources, names, crops, prepared, config, device, execution)
        if execution.world.is_main:
            _write(draft, scored, predicted, crops, prepared.facts["category_id"])
        facts = {"split": config.split, "persons": len(crops), "models": list(names)}
        artifact = draft.commit(facts)
    return EvaluateResult(dataclasses.replace(scored, data=str(data)), predicted, artifact)


def _load(models: Sequence[Path], prepared: Artifact, execution: Execution) -> dict[int, LoadedHourglass]:
    """Those that are networks, by their place; raises :class:`Refused` if one does not fit the data."""
    networks = {i: load_hourglass(path) for i, path in enumerate(models) if not path.is_file()}
    for i, model in networks.items():
        check_fits(model.artifact.facts, prepared, models[i], execution.progress)
    return networks


def _read(
    models: Sequence[Path], i: int, prepared: Artifact, crops: Crops, config: EvaluateConfig, execution: Execution
) -> PredictionFile:
    """The predictions in a file; raises :class:`Refused` if they are not of these people."""
    joints = len(prepared.facts["skeleton"]["names"])
    file = read_predictions(models[i], _names(models)[i], crops, read_people(prepared, config.split), joints)
    if file.strangers:
        note = f"note: {file.strangers:,} of the predictions in {models[i]} are of nobody in this split"
        execution.progress.note(note)
    return file


def _score(
    sources: Sequence[LoadedHourglass | PredictionFile],
    names: Sequence[str],
    crops: Crops,
    prepared: Artifact,
    config: EvaluateConfig,
    device: torch.device,
    execution: Execution,
) -> tuple[EvaluationReport, tuple[Predictions, ...]]:
    predicted: list[Predictions] = []
    origins: list[Origin] = []
    for source, name in zip(sources, names, strict=True):
        if isinstance(source, PredictionFile):
            predicted.append(source.predictions)
            origins.append(Origin(predictions_sha256=source.sha256))
            continue
        inference = Inference(device, config.precision, config.batch_size, source.mean_rgb)
        predicted.append(predict(source, name, crops, inference, execution))
        is_foreign = not _knows(source.artifact.manifest.parents, prepared.id)
        if is_foreign:
            execution.progress.note(f"note: {name} was not trained on this data; it may have seen these people before")
        origins.append(Origin(id=source.artifact.id, trained_on_other_data=is_foreign))
    return report(predicted, origins, crops, prepared, config), tuple(predicted)


def _write(
    made: Draft, scored: EvaluationReport, predicted: Sequence[Predictions], crops: Crops, category_id: int
) -> None:
    made.write_json(REPORT, EVALUATION.to_json(scored))
    for name, page in pages(main_tables(scored) + joint_tables(scored)).items():
        write_bytes(made.file(name), page)
    for one in predicted:
        made.write_json(f"{_PREDICTIONS}{one.name}.json", coco_results(one, crops, category_id))


def _knows(parents: Sequence[Parent], data: str) -> bool:
    return any(parent.id == data or _knows(parent.parents, data) for parent in parents)


def _names(models: Sequence[Path]) -> list[str]:
    """A name each: the folder's, or the NAME of ``predictions-NAME.json``."""
    names: list[str] = []
    for path in models:
        name = path.resolve().name
        if path.is_file():
            name = path.resolve().stem.removeprefix(_PREDICTIONS) or "predictions"
        base, number = name, 1
        while name in names:
            number += 1
            name = f"{base}-{number}"
        names.append(name)
    return names
