"""From photos to crops, and from crops to batches."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.data import heatmaps
from shgae.data.augmentation import DRAWS, augmentation_of
from shgae.data.datasets import batch_images, in_chunks, load_augmented_batch, load_pose_batch, to_images
from shgae.data.photo_decoding import open_photo
from shgae.execution import Execution
from shgae.recipe_parts import AugmentConfig
from shgae.recipes import HeatmapConfig, PrepareConfig
from shgae.skeleton import COCO_PERSON
from shgae.stages import prepare
from shgae.training.seeding import sample_uniforms
from tests.benchmarks.conftest import Bench
from tests.builders.detailed_photos import DISTINCT, coco

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]

PEOPLE = 500
"""One a photo."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> prepare.Source:
    return coco(tmp_path_factory.mktemp("photos"), PEOPLE)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, source: prepare.Source) -> Path:
    output = tmp_path_factory.mktemp("prepared") / "data"
    prepare.run({"train": source}, output, PrepareConfig(), Execution())
    return output


def test_prepare(bench: Bench, source: prepare.Source, tmp_path: Path) -> None:
    def run() -> None:
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        prepare.run({"train": source}, tmp_path / "data", PrepareConfig(), Execution(workers=0))

    seconds = bench.seconds(run)
    paths = sorted(source.photos.iterdir())[:DISTINCT]
    begun = time.perf_counter()
    for path in paths:
        open_photo(path)
    decode = (time.perf_counter() - begun) / len(paths)
    size = sum(path.stat().st_size for path in paths) / len(paths)
    how = f"{PEOPLE:,} people, one a photo of {size / 1000:.0f} kB, one thread; decoding alone {1000 * decode:.2g} ms"
    bench.add("prepare from 640 x 480 JPEG", PEOPLE / seconds, 200, "people/s a core", how)


@pytest.mark.parametrize(("size", "target"), [(128, 2000), (256, 500)])
def test_augmented_batches(
    bench: Bench, source: prepare.Source, tmp_path: Path, size: Literal[128, 256], target: int
) -> None:
    prepare.run({"train": source}, tmp_path / "data", PrepareConfig(crop_size=size, context=1.5), Execution())
    crops = Crops(open_artifact(tmp_path / "data", "data", verify=False), "train")
    strong = augmentation_of(AugmentConfig("strong"), COCO_PERSON, size, source)
    assert strong is not None

    def run() -> None:
        for rows in in_chunks(np.arange(len(crops)), 16):
            batch = load_augmented_batch(crops, rows, strong, sample_uniforms(rows, DRAWS, epoch=0, seed=0))
            batch_images(batch, (0.4, 0.4, 0.4))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds = bench.seconds(run)
    torch.set_num_threads(threads)
    how = f"{len(crops):,} crops of {size} pixels, stored with a context of 1.5, augment strong, batch 16, one thread"
    bench.add(f"augmented crops of {size} pixels", len(crops) / seconds, target, "crops/s a core", how)


def test_batches(bench: Bench, data: Path) -> None:
    crops = Crops(open_artifact(data, "data", verify=False), "train")
    order = np.random.default_rng(0).permutation(len(crops))
    targets = HeatmapConfig()

    def run() -> None:
        for rows in in_chunks(order, 16):
            batch = load_pose_batch(crops, rows)
            to_images(batch.crops, batch.valid, (0.4, 0.4, 0.4))
            heatmaps.encode(batch.xy_crop, batch.visibility, targets, crops.crop_size)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds = bench.seconds(run)
    torch.set_num_threads(threads)
    how = f"{len(crops):,} crops of 256 pixels, batch 16, 17 joints, float32 images and targets, one thread"
    bench.add("stored crops at random into batches with targets", len(crops) / seconds, 3000, "crops/s a core", how)
