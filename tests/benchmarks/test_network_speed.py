"""The network at work: training, extraction and prediction, against the textbook's with the same weights.

No network is faster than its convolutions, so every row says which share of the measured peak it reaches, and which
ratio its convolutions alone would: where the row is near that, what is missing to a target is what the processor lacks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from shgae.artifacts.activations import Activations
from shgae.artifacts.crops import Crops
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import open_artifact
from shgae.data import heatmaps
from shgae.data.datasets import load_pose_batch, to_images
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.device import resolve_precision
from shgae.models.hourglass import StackedHourglass
from shgae.models.zoo import HourglassSpec, build_hourglass, load_hourglass, state_arrays
from shgae.recipes import RECIPES, ExtractConfig, HeatmapConfig, PrepareConfig
from shgae.skeleton import COCO_PERSON
from shgae.stages import extract, prepare
from shgae.training.health import measure
from shgae.training.objectives import PoseObjective
from shgae.training.optim import build_optimizer
from tests.benchmarks import textbook
from tests.benchmarks.conftest import Bench
from tests.benchmarks.convolutions import seconds_alone
from tests.benchmarks.same_weights import in_textbook_form
from tests.benchmarks.table import peak
from tests.builders.detailed_photos import coco

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

FORWARD, ENCODER, STEP = 60.5, 43.5, 180.2
"""10^9 operations (2 a multiply-add) that one crop takes: to the maps, to the bottleneck, and in a training step."""
CROPS, FILES = 48, 12
"""People that are extracted, by us and by the textbook."""
CPU = torch.device("cpu")
PRECISION = resolve_precision("auto", CPU)
MEAN = (0.4, 0.4, 0.4)


DTYPE = torch.bfloat16 if PRECISION == "bf16" else torch.float32


def share(operations: float, seconds: float, most: float) -> str:
    """In words: how near 10^9 operations in so many seconds come to the peak, and which ratio is the most."""
    of_peak = f"{operations / seconds / peak(DTYPE):.0%} of the {PRECISION} peak of one large convolution"
    return f"{of_peak}; its convolutions alone: {most:.2f} x"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network")
    source = coco(folder, CROPS)
    prepare.run({"train": source, "val": source}, folder / "data", PrepareConfig(), Execution())
    return folder / "data"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's network, of random weights and of statistics that fit them."""
    path, spec = tmp_path_factory.mktemp("model") / "model", HourglassSpec(keypoints=len(COCO_PERSON))
    module = build_hourglass(spec)
    with torch.no_grad():
        for _ in range(2):
            module(torch.rand(2, 3, 256, 256) - 0.4)
    facts = {"mean_rgb": list(MEAN), "category_id": 1, "crop_policy": "pad", "margin": 0.1, "crop_size": 256}
    with new_artifact(path, kind="hourglass", config={}, parents={}, execution=Execution()) as made:
        made.write_tensors("model.safetensors", state_arrays(module))
        made.commit(facts | {"spec": spec.to_json(), "skeleton": COCO_PERSON.to_json()})
    return path


def ready(path: Path) -> StackedHourglass:
    """The network as every stage lays it out in memory."""
    module: StackedHourglass = load_hourglass(path).module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module


@pytest.mark.parametrize(("bf16", "against", "target"), [(False, "fp32", 7), (True, "plain bf16 autocast", 1.4)])
def test_training_step(bench: Bench, model: Path, data: Path, bf16: bool, against: str, target: float) -> None:
    crops = Crops(open_artifact(data, "data", verify=False), "train")
    batch = load_pose_batch(crops, np.arange(4))
    inference = Inference(CPU, PRECISION, len(batch.rows), MEAN)
    objective = PoseObjective(crops, crops, HeatmapConfig(), inference)
    network, config = ready(model).train(), RECIPES["original"].train
    optimizer = build_optimizer(network, config)
    book = in_textbook_form(network).train()
    book_optimizer = torch.optim.RMSprop(book.parameters(), lr=config.lr)
    images = to_images(batch.crops, batch.valid, MEAN).contiguous()
    targets = heatmaps.encode(batch.xy_crop, batch.visibility, HeatmapConfig(), crops.crop_size)

    def ours() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss = objective.loss(network, batch, objective.weight(batch.rows, 0))
        loss.backward()  # type: ignore[no-untyped-call]
        assert measure(network, loss).read().fault() is None
        optimizer.step()

    mine, theirs = bench.in_turn(ours, lambda: textbook.training_step(book, book_optimizer, images, targets, bf16=bf16))
    most = theirs / seconds_alone(network, ours, DTYPE)
    how = f"batch {len(images)} for the target's 16, 256 pixels, RMSprop, {mine:.2f} s and {theirs:.2f} s; "
    how += share(len(images) * STEP, mine, most)
    bench.add(f"training step, original residual, against {against}", theirs / mine, target, "x", how)


def test_extraction(bench: Bench, model: Path, data: Path, tmp_path: Path) -> None:
    book = in_textbook_form(ready(model)).eval()
    crops = Crops(open_artifact(data, "data", verify=False), "train")
    pixels, execution = crops.read(np.arange(FILES)), Execution(force=True)
    config = ExtractConfig(limit=CROPS // 2)  # of train and of val: CROPS in all
    mine, theirs = bench.in_turn(
        lambda: extract.run(model, data, tmp_path / "activations", config, execution),
        lambda: textbook.extract(book, pixels, MEAN, tmp_path),
        rounds=3,
    )
    network, images = ready(model), torch.randn(4, 3, 256, 256)
    alone = seconds_alone(network, lambda: network.bottlenecks(images, (0,)), DTYPE) / len(images)
    how = f"{CROPS} crops, {mine:.2f} s, with every check and hash; {FILES} files, {theirs:.2f} s; "
    how += share(CROPS * ENCODER, mine, theirs / FILES / alone)
    bench.add("extraction, crops a second", theirs / FILES / (mine / CROPS), 9, "x", how)
    found = Activations(open_artifact(tmp_path / "activations", "activations"), "train").read(np.arange(FILES))
    wanted = np.stack([np.load(tmp_path / f"{i}.npy") for i in range(FILES)])
    covered = (crops.people.valid[:FILES] == (0, 0, 256, 256)).all(1)  # the textbook knows no edge of a photo
    assert np.abs(found - wanted)[covered].mean() < 0.02 * np.abs(wanted).mean()


@pytest.mark.parametrize(("people", "what", "target"), [(1, "one person, latency", 6), (32, "32 at once", 8)])
def test_prediction(bench: Bench, model: Path, data: Path, people: int, what: str, target: float) -> None:
    network = ready(model)
    book = in_textbook_form(network).eval()
    crops = Crops(open_artifact(data, "data", verify=False), "train")
    batch, inference = load_pose_batch(crops, np.arange(people)), Inference(CPU, PRECISION, people, MEAN)

    def ours() -> None:
        heatmaps.decode(inference.last_maps(network, batch.crops, batch.valid))

    mine, theirs = bench.in_turn(
        ours,
        lambda: textbook.predict(book, batch.crops.numpy(), MEAN),
        rounds=5 if people == 1 else 3,
    )
    most = theirs / seconds_alone(network, ours, DTYPE)
    how = f"crop to joints {1000 * mine / people:.0f} ms and {1000 * theirs / people:.0f} ms a person, fp32; "
    how += share(people * FORWARD, mine, most)
    bench.add(f"prediction, {what}", theirs / mine, target, "x", how)
