"""``shgae demo``: the whole chain on drawn people, on a CPU, in minutes.

It is the method in the order of the original study, so it is also the shortest way to see how
the stages fit together from Python.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shgae.arrays import Floats32, Ints
from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.command_line import stamp
from shgae.artifacts.crops import Crops
from shgae.artifacts.folders import torn_in
from shgae.artifacts.manifest import differences
from shgae.artifacts.output_file import make_room
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import read_json, read_rows, write_json
from shgae.config import Config, within
from shgae.data import heatmaps
from shgae.data.datasets import to_images
from shgae.data.synthetic import SyntheticConfig, draw_dataset
from shgae.errors import Refused
from shgae.execution import SEED, Execution
from shgae.experiments.part import Part
from shgae.inference.device import resolve_device, resolve_precision
from shgae.inference.torch_settings import settled
from shgae.plots.curves import training_curves
from shgae.plots.poses import prediction_sheet
from shgae.plots.style import save_figure
from shgae.recipes import RECIPES, EvaluateConfig, Split
from shgae.skeleton import Skeleton
from shgae.stages import evaluate, extract, finetune, graft, prepare, pretrain_ae, train
from shgae.stages.evaluate import EvaluateResult

_PHOTOS: dict[Split, int] = {"train": 600, "val": 80, "test": 150}
_EPOCHS = {"baseline": 5, "autoencoder": 15, "finetuned": 2}
_SHOWN = 8
_NOTE = "demo.json"
_REPLACES = "replaces"
"""Noted where ``--force`` began it over another one."""
_PICTURES = ("curves.png", "predictions.png")


@dataclass(frozen=True)
class DemoResult:
    """Everything the demo made."""

    output: Path
    evaluation: EvaluateResult
    pictures: tuple[Path, ...]

    def to_json(self) -> dict[str, Any]:
        pictures = [str(picture) for picture in self.pictures]
        return {"output": str(self.output), "evaluation": self.evaluation.to_json(), "pictures": pictures}


@settled()
def run(output: Path, execution: Execution, seed: int = 0) -> DemoResult:
    """Draws people, runs the chain on them and ends with the PCK table, curves and a picture of predictions.

    Args:
        output: the folder to make; every artefact of the chain lies in it.
        execution: device, threads, progress; ``resume`` continues where an interrupted demo stopped.
        seed: of the drawings, weights, data order and noise.

    Raises:
        Refused: the output exists (and neither force nor resume is set).
        Interrupted: a signal came; what is complete is kept.
    """
    chain = dataclasses.replace(execution, force=_begin(output, execution, within(SEED, "seed", seed)))
    say = execution.progress.note
    sources = _draw(output / "photos", execution, seed)
    for part in _chain(output, sources, seed, resolve_device(execution.device)):
        if chain.resume and part.is_made(chain):
            say(f"{part.path.name}: already there")
            continue
        say(f"-- {part.path.name}")
        part.run(dataclasses.replace(chain, resume=chain.resume and part.is_begun(chain.force)))
    models = [output / name for name in ("baseline", "grafted", "finetuned")]
    anew = dataclasses.replace(execution, force=True)
    result = evaluate.run(models, output / "data", output / "evaluation", EvaluateConfig(), anew)
    return DemoResult(output, result, _pictures(output, result, execution))


def _begin(output: Path, execution: Execution, seed: int) -> bool:
    """Notes what the demo is; returns whether what lies there of another one is to be replaced."""
    note = output / _NOTE
    wanted = {"seed": seed, "photos": _PHOTOS, "epochs": _EPOCHS}
    is_begun = note.is_file()
    if output.exists() and not (is_begun or _is_empty(output)):
        raise Refused("output", output, "it exists and is not a demo", "another --output")
    if is_begun and not (execution.force or execution.resume):
        raise Refused("output", output, "it exists already", "another --output, --force or --resume")
    replaces = execution.force and is_begun
    if is_begun and not execution.force:
        try:
            begun = read_json(note)
        except Refused as error:
            raise Refused(error.what, error.where, error.why, "--force in place of --resume") from error
        replaces = bool(begun.pop(_REPLACES, False))
        if changed := differences(wanted, begun):
            raise Refused("resume", output, f"it was begun otherwise ({'; '.join(changed)})", "--force")
    make_room(output, _NOTE, *_PICTURES)
    # Noted, so that a run with --force that was killed goes on with --resume alone.
    write_json(note, wanted | ({_REPLACES: True} if replaces else {}))
    return replaces


def _is_empty(folder: Path) -> bool:
    """Whether nothing lies in a folder but a note that a killed demo had not written to its end."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= torn_in(folder, (_NOTE,))


def _draw(folder: Path, execution: Execution, seed: int) -> dict[Split, prepare.Source]:
    sources: dict[Split, prepare.Source] = {}
    for i, (split, photos) in enumerate(_PHOTOS.items()):
        annotations = folder / split / "person_keypoints.json"
        # Every split is drawn from a seed of its own, so no two splits share a photo.
        drawing = SyntheticConfig(photos, seed=len(_PHOTOS) * seed + i)
        if not (execution.resume and _is_drawn(annotations, drawing)):
            annotations.unlink(missing_ok=True)  # it is written last, and stands for all photos
            draw_dataset(folder / split, drawing, execution.progress)
            execution.stop.raise_if_set(folder, "the same command with --resume")
        sources[split] = prepare.Source(annotations, folder / split / "photos")
    return sources


def _is_drawn(annotations: Path, drawing: SyntheticConfig) -> bool:
    """Whether these very photos lie there: their JSON tells the seed."""
    try:
        found = read_json(annotations)
        return (found["info"]["seed"], len(found["images"])) == (drawing.seed, drawing.photos)
    except (Refused, KeyError, TypeError):
        return False


def _chain(output: Path, sources: dict[Split, prepare.Source], seed: int, device: torch.device) -> Iterator[Part]:
    """The steps in order, each with what its artefact is going to say of itself."""
    data, baseline, activations = output / "data", output / "baseline", output / "activations"
    autoencoder, grafted, finetuned = output / "autoencoder", output / "grafted", output / "finetuned"
    recipe = RECIPES["improved"]
    precision = resolve_precision("auto", device)
    # Few people: many small steps learn more in the same minutes than few large ones. Augmentation pays later.
    pose: dict[str, Any] = {"batch_size": 4, "seed": seed, "precision": precision, "augment": "none"}
    to_crops = dataclasses.replace(recipe.prepare, crop_size=128, seed=seed)
    first = dataclasses.replace(recipe.train, residual="newell", epochs=_EPOCHS["baseline"], **pose)
    found = dataclasses.replace(recipe.extract, precision=precision)
    code = dataclasses.replace(recipe.pretrain_ae, epochs=_EPOCHS["autoencoder"], seed=seed, precision=precision)
    second = dataclasses.replace(recipe.finetune, epochs=_EPOCHS["finetuned"], **pose)

    def part(stage: Callable[..., object], path: Path, kind: str, config: Config, **parents: Path) -> Part:
        return Part.by(stage, parents, path, config, kind=kind, step=path.name, what=path.name)

    yield part(partial(prepare.run, sources), data, "data", to_crops)
    yield part(train.run, baseline, "hourglass", first, data=data)
    yield part(extract.run, activations, "activations", found, model=baseline, data=data)
    yield part(pretrain_ae.run, autoencoder, "autoencoder", code, activations=activations)
    yield Part(
        step="grafted",
        what="grafted",
        path=grafted,
        kind="hourglass",
        config={"stacks": [0]},
        parents={"model": baseline, "autoencoder": autoencoder},
        run=lambda how: graft.run(baseline, [autoencoder], grafted, how),
    )
    yield part(finetune.run, finetuned, "hourglass", second, model=grafted, data=data)


def _pictures(output: Path, result: EvaluateResult, execution: Execution) -> tuple[Path, ...]:
    curves, poses = (output / name for name in _PICTURES)
    runs = {name: list(read_rows(output / name / HISTORY)) for name in ("baseline", "autoencoder", "finetuned")}
    save_figure(training_curves(runs), curves, stamp(execution))
    data = open_artifact(output / "data", "data", verify=False)
    crops = Crops(data, "test")
    every = max(1, len(crops) // 2 // _SHOWN)
    rows = np.argsort(-(crops.people.visibility > 0).sum(1), kind="stable")[::every][:_SHOWN]
    joints = [
        (p.name, heatmaps.map_to_crop(torch.from_numpy(p.cells[rows])).double().numpy()) for p in result.predictions
    ]
    truth = (crops.people.xy_crop[rows], crops.people.visibility[rows])
    skeleton = Skeleton.from_json(data.facts["skeleton"])
    shown = _shown(crops, rows, data.facts["mean_rgb"])
    save_figure(prediction_sheet(shown, truth, joints, skeleton), poses, stamp(execution))
    return (curves, poses)


def _shown(crops: Crops, rows: Ints, mean_rgb: Sequence[float]) -> Floats32:
    """Crops (n, H, W, 3) as a network sees them, in [0, 1]: the mean colour where the photo does not reach."""
    images = to_images(torch.from_numpy(crops.read(rows)), torch.from_numpy(crops.people.valid[rows]), mean_rgb)
    shown: Floats32 = images.permute(0, 2, 3, 1).numpy() + np.array(mean_rgb, np.float32)
    return shown.clip(0, 1)
