"""``shgae evaluate``: models (or their predictions) and prepared data -> every score side by side, and predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from shgae.arrays import Floats
from shgae.artifacts.compatibility import categories_of, check_fits, scored_split
from shgae.artifacts.crops import PEOPLE, Crops, PeopleTable, read_people
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.ignored import IGNORED, read_regions
from shgae.artifacts.lineage import ids_of
from shgae.artifacts.manifest import REPORT
from shgae.artifacts.store import Artifact, open_artifact, verify_files
from shgae.artifacts.tables import write_list
from shgae.config import some
from shgae.errors import Refused
from shgae.evaluation.matching import read_sigmas, sigmas_for
from shgae.evaluation.official import OfficialTruth, read_truth
from shgae.evaluation.predictions import (
    PredictionFile,
    Predictions,
    coco_results,
    predict,
    read_predictions,
)
from shgae.evaluation.report import EVALUATION, EvaluationReport, Origin
from shgae.evaluation.scoring import report
from shgae.evaluation.trainings import trained
from shgae.execution import Execution, Progress
from shgae.inference.batches import Inference
from shgae.inference.decoding import note_unpaired
from shgae.inference.device import describe, placed
from shgae.inference.torch_settings import determinism, settled
from shgae.metrics.people import Regions
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.recipes import DecodeConfig, EvaluateConfig, as_json
from shgae.reporting.evaluation import joint_tables, main_tables
from shgae.reporting.names import shortest_ends
from shgae.reporting.table import write_pages
from shgae.skeleton import COCO_PERSON

_PREDICTIONS = "predictions-"
_LONGEST_NAME = 200
"""Bytes of a model's name: its file of predictions has a prefix and a suffix, and two more while it is written."""


@dataclass(frozen=True)
class EvaluateResult:
    report: EvaluationReport
    """Every number; ``data`` is as it was given."""
    predictions: tuple[Predictions, ...]
    artifact: Artifact | None
    """The evaluation that was written, if an output was given."""

    def to_json(self) -> dict[str, Any]:
        return EVALUATION.to_json(self.report) | (self.artifact.to_json() if self.artifact else {})


@dataclass(frozen=True)
class _Rules:
    """What people are scored with besides the data."""

    sigmas: Floats | None
    """(K,) of OKS, as given."""
    official: OfficialTruth | None
    regions: Regions | None
    """That OKS AP ignores."""

    @classmethod
    def read(cls, sigmas: Path | None, official: Path | None, prepared: Artifact, split: str) -> _Rules:
        joints = prepared.facts["skeleton"]["names"]
        given = None if sigmas is None else read_sigmas(sigmas, joints)
        if official is not None and given is None and tuple(joints) != COCO_PERSON.names:
            raise Refused("--official", official, "OKS has no sigmas of these joints", "--sigmas FILE")
        how = prepared.manifest.config
        called, drops_broken = how.get("category"), how.get("bad_people") == "drop"
        truth = None if official is None else read_truth(official, joints, called, drops_broken=drops_broken)
        return cls(given, truth, read_regions(prepared, split, len(joints)))

    def of(self, people: PeopleTable, prepared: Artifact, split: str, progress: Progress) -> _Rules:
        """The same for the people that are scored, with notes on whom COCO's numbers are of."""
        if self.official is None:
            return self
        official = self.official.of_split(prepared, split, people)
        for note in (*official.put_right, *official.extent(people).notes()):
            progress.note(f"note: --official: {note}")
        return dataclasses.replace(self, official=official)

    def identity(self) -> dict[str, Any]:
        """Their part of the evaluation's config."""
        found: dict[str, Any] = {} if self.sigmas is None else {"sigmas": self.sigmas.tolist()}
        return found | ({"official_sha256": self.official.sha256} if self.official else {})


@settled()
def run(
    models: Sequence[Path],
    data: Path,
    output: Path | None,
    config: EvaluateConfig,
    execution: Execution,
    sigmas: Path | None = None,
    official: Path | None = None,
) -> EvaluateResult:
    """Scores models on one split of the same data.

    Args:
        models: in the order of the report: hourglasses, runs (their best weights), or files of predictions, as
            :func:`~shgae.evaluation.predictions.read_predictions` takes them.
        data: prepared data of the models' joints and crop size.
        output: the folder to make: report, tables and ``predictions-NAME.json`` (COCO results); None writes nothing.
        config: split, batch size, number format, resamples.
        execution: device, threads, progress.
        sigmas: JSON of OKS's sigmas (:func:`~shgae.evaluation.matching.read_sigmas`); None takes COCO's for its joints.
        official: COCO JSON of the split's whole photos, for COCO's ten numbers; None leaves them out.

    Raises:
        Refused: a model or a file and the data do not belong together, or the data lacks the split.
    """
    some("models", models)
    prepared = open_artifact(data, "data", verify=False)
    config = dataclasses.replace(config, split=scored_split(prepared, config.split))
    verify_files(prepared, (f"{config.split}/", PEOPLE.format(split="train"), IGNORED), execution)
    rules, networks = _Rules.read(sigmas, official, prepared, config.split), _load(models, prepared, execution)
    crops, training = Crops(prepared, config.split, config.limit), read_people(prepared, "train")
    rules = rules.of(crops.people, prepared, config.split, execution.progress)
    score = partial(_score, crops=crops, prepared=prepared, training=training, rules=rules, execution=execution)
    read = partial(_read, prepared=prepared, crops=crops, split=config.split, rules=rules, execution=execution)
    names = _names(models)
    sources = [networks.get(i) or read(path, names[i]) for i, path in enumerate(models)]
    device, config = placed(config, execution, quiet=not networks)
    if output is None:
        with determinism(execution.deterministic):
            scored, predicted = score(sources, names, config, device)
        return EvaluateResult(dataclasses.replace(scored, data=str(data)), predicted, None)
    hashes = {name: one.sha256 for name, one in zip(names, sources, strict=True) if isinstance(one, PredictionFile)}
    parents = {"data": prepared} | {f"model {i + 1}": model.artifact for i, model in networks.items()}
    inputs = [path for path in (*models, sigmas, official) if path and path.is_file()]
    # Begun before the work, so that an output that cannot be made is refused at once.
    with (
        new_artifact(
            output,
            kind="evaluation",
            config=as_json(config) | ({"predictions_sha256": hashes} if hashes else {}) | rules.identity(),
            parents=parents,
            execution=execution,
            inputs=inputs,
            device=describe(device),
        ) as draft,
        determinism(execution.deterministic),
    ):
        scored, predicted = score(sources, names, config, device)
        if execution.world.is_main:
            _write(draft, scored, predicted, crops, categories_of(prepared, config.split)[0])
        artifact = draft.commit({"split": config.split, "persons": len(crops), "models": list(names)})
    return EvaluateResult(dataclasses.replace(scored, data=str(data)), predicted, artifact)


def _load(models: Sequence[Path], prepared: Artifact, execution: Execution) -> dict[int, LoadedHourglass]:
    """Those that are networks, by their place; raises :class:`Refused` if one does not fit the data."""
    networks = {i: load_hourglass(path) for i, path in enumerate(models) if not path.is_file()}
    for model in networks.values():
        check_fits(model.artifact, prepared, execution.progress)
    return networks


def _read(
    path: Path, name: str, prepared: Artifact, crops: Crops, split: str, rules: _Rules, execution: Execution
) -> PredictionFile:
    """The predictions in a file; raises :class:`Refused` if they are not of these people."""
    joints = prepared.facts["skeleton"]["names"]
    sigmas = sigmas_for(joints, None) if rules.sigmas is None else rules.sigmas
    file = read_predictions(path, name, crops, sigmas, categories_of(prepared, split))
    for note in file.notes():
        execution.progress.note(note)
    return file


def _score(
    sources: Sequence[LoadedHourglass | PredictionFile],
    names: Sequence[str],
    config: EvaluateConfig,
    device: torch.device,
    crops: Crops,
    prepared: Artifact,
    training: PeopleTable,
    rules: _Rules,
    execution: Execution,
) -> tuple[EvaluationReport, tuple[Predictions, ...]]:
    """The scores; all of the data was opened before: what takes its place during the passes is not scored."""
    decoding = DecodeConfig(config.decode, config.flip_test)
    predicted: list[Predictions] = []
    origins: list[Origin] = []
    for source, name in zip(sources, names, strict=True):
        if isinstance(source, PredictionFile):
            predicted.append(source.predictions)
            origins.append(Origin(predictions_sha256=source.sha256, matching=source.matching))
            continue
        inference = Inference(device, config.precision, config.batch_size, source.mean_rgb)
        if decoding.flip_test:
            note_unpaired(source.skeleton, source.artifact.path, execution.progress)
        predicted.append(predict(source, name, crops, inference, execution, decoding))
        is_foreign = prepared.id not in ids_of(source.artifact.manifest.parents)
        if is_foreign:
            execution.progress.note(f"note: {name} was not trained on this data; it may have seen these people before")
        origins.append(Origin(source.artifact.id, None, is_foreign, trained=trained(source.artifact)))
    if rules.official:
        for i, (source, one) in enumerate(zip(sources, predicted, strict=True)):
            results: Sequence[Mapping[str, Any]]
            if isinstance(source, PredictionFile):
                results = source.entries
            else:
                results = list(coco_results(one, crops, rules.official.category_id))
            official = rules.official.scores(results, one.name, rules.sigmas)
            origins[i] = dataclasses.replace(origins[i], official=official)
    scored = report(predicted, origins, crops, prepared, training, config, rules.sigmas, rules.regions)
    if rules.official:
        scored = dataclasses.replace(scored, official_photos=rules.official.extent(crops.people))
    return scored, tuple(predicted)


def _write(
    made: Draft, scored: EvaluationReport, predicted: Sequence[Predictions], crops: Crops, category_id: int
) -> None:
    made.write_json(REPORT, EVALUATION.to_json(scored))
    write_pages(made, main_tables(scored) + joint_tables(scored))
    for one in predicted:
        write_list(made.file(f"{_PREDICTIONS}{one.name}.json"), coco_results(one, crops, category_id))


def _names(models: Sequence[Path]) -> list[str]:
    """A name each: the folder's, or the NAME of ``predictions-NAME.json``, with as much of the path before it as tells
    it from the others; of a long one, the end that a file name can hold."""
    places = []
    for path in map(Path.resolve, models):
        own = path.stem.removeprefix(_PREDICTIONS) or "predictions" if path.is_file() else path.name
        places.append(path.parent / (own or "root"))
    names: list[str] = []
    for end in shortest_ends(places):
        base, number = end.replace("/", "-").encode(errors="replace")[-_LONGEST_NAME:].decode(errors="ignore"), 1
        name = base
        while name in names:
            number += 1
            name = f"{base}-{number}"
        names.append(name)
    return names
