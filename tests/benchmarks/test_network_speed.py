"""The network at work: training, extraction and prediction, as a share of the machine's own limit.

No network is faster than its convolutions alone, at the same sizes, in the same number format and threads. They, we and
the textbook's network with the same weights run in turn. How much faster than the textbook's a machine can be depends
on its units for bf16, so that ratio is told and has no target.
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
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import build_hourglass, load_hourglass, state_arrays
from shgae.recipes import RECIPES, ExtractConfig, HeatmapConfig, PrepareConfig
from shgae.skeleton import COCO_PERSON
from shgae.stages import extract, prepare
from shgae.training.health import measure
from shgae.training.objectives import PoseObjective
from shgae.training.optim import build_optimizer
from tests.benchmarks import textbook
from tests.benchmarks.conftest import Bench
from tests.benchmarks.convolutions import convolutions_alone
from tests.benchmarks.same_weights import in_textbook_form
from tests.benchmarks.table import peak
from tests.builders.detailed_photos import coco

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

FORWARD, ENCODER, STEP = 60.5, 43.5, 180.2
"""10^9 operations (2 a multiply-add) that one crop takes: to the maps, to the bottleneck, and in a training step."""
CROPS, FILES = 96, 12
"""People that are extracted, by us and by the textbook; a start and an end take as long as two of them."""
CPU = torch.device("cpu")
PRECISION = resolve_precision("auto", CPU)
MEAN = (0.4, 0.4, 0.4)
DTYPE = torch.bfloat16 if PRECISION == "bf16" else torch.float32


SHARE = 90
"""Per cent of the speed of the convolutions alone: the target."""


def of_peak(operations: float, seconds: float) -> str:
    """In words: how near 10^9 operations in so many seconds come to the peak."""
    return f"{operations / seconds / peak(DTYPE):.0%} of the {PRECISION} peak of one large convolution"


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


def test_training_step(bench: Bench, model: Path, data: Path) -> None:
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

    def textbooks(bf16: bool) -> None:
        textbook.training_step(book, book_optimizer, images, targets, bf16=bf16)

    alone = convolutions_alone(network, ours, DTYPE)
    mine, convolutions, fp32, bf16 = bench.in_turn(ours, alone, lambda: textbooks(False), lambda: textbooks(True))
    how = (
        f"batch {len(images)} for the method's 16, 256 pixels, RMSprop, {PRECISION}, {mine:.2f} s; convolutions alone "
    )
    how += f"{convolutions:.2f} s; {fp32 / mine:.2f} x the textbook in fp32, {bf16 / mine:.2f} x in bf16 autocast; "
    how += of_peak(len(images) * STEP, mine)
    bench.add("training step, original residual", 100 * convolutions / mine, SHARE, "%", how)


def test_extraction(bench: Bench, model: Path, data: Path, tmp_path: Path) -> None:
    network, images = ready(model), torch.randn(4, 3, 256, 256)
    book = in_textbook_form(network).eval()
    crops = Crops(open_artifact(data, "data", verify=False), "train")
    pixels, execution = crops.read(np.arange(FILES)), Execution(force=True)
    config = ExtractConfig(limit=CROPS // 2)  # of train and of val: CROPS in all
    alone = convolutions_alone(network, lambda: network.bottlenecks(images, (0,)), DTYPE)

    def as_many() -> None:
        for _ in range(CROPS // len(images)):
            alone()

    mine, convolutions, theirs = bench.in_turn(
        lambda: extract.run(model, data, tmp_path / "activations", config, execution),
        as_many,
        lambda: textbook.extract(book, pixels, MEAN, tmp_path),
        rounds=3,
    )
    how = f"{CROPS} crops, {PRECISION}, {mine:.2f} s, with every check and hash; "
    how += f"convolutions alone {convolutions:.2f} s; {theirs / FILES / (mine / CROPS):.2f} x the textbook in fp32; "
    how += of_peak(CROPS * ENCODER, mine)
    bench.add("extraction", 100 * convolutions / mine, SHARE, "%", how)
    found = Activations(open_artifact(tmp_path / "activations", "activations"), "train").read(np.arange(FILES))
    wanted = np.stack([np.load(tmp_path / f"{i}.npy") for i in range(FILES)])
    covered = (crops.people.valid[:FILES] == (0, 0, 256, 256)).all(1)  # the textbook knows no edge of a photo
    assert np.abs(found - wanted)[covered].mean() < 0.02 * np.abs(wanted).mean()


@pytest.mark.parametrize(("people", "what"), [(1, "one person, latency"), (32, "32 at once")])
def test_prediction(bench: Bench, model: Path, data: Path, people: int, what: str) -> None:
    network = ready(model)
    book = in_textbook_form(network).eval()
    crops = Crops(open_artifact(data, "data", verify=False), "train")
    batch, inference = load_pose_batch(crops, np.arange(people)), Inference(CPU, PRECISION, people, MEAN)

    def ours() -> None:
        heatmaps.decode(inference.last_maps(network, batch.crops, batch.valid))

    mine, convolutions, theirs = bench.in_turn(
        ours,
        convolutions_alone(network, ours, DTYPE),
        lambda: textbook.predict(book, batch.crops.numpy(), MEAN),
        rounds=5 if people == 1 else 3,
    )
    each = f"{1000 * mine / people:.0f} ms a person, convolutions alone {1000 * convolutions / people:.0f} ms"
    how = f"crop to joints, {PRECISION}, {each}; {theirs / mine:.2f} x the textbook in fp32; "
    bench.add(f"prediction, {what}", 100 * convolutions / mine, SHARE, "%", how + of_peak(people * FORWARD, mine))
