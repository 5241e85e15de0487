"""What comes after the networks: scores with intervals, and principal components."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from shgae.analysis.pca import CovarianceSums
from shgae.metrics import pck, pose_scores
from shgae.metrics.comparison import by_joint, compare_models, joint_intervals, resample_pck
from shgae.metrics.people import People, Points
from shgae.skeleton import COCO_PERSON
from tests.benchmarks.conftest import Bench

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]

PEOPLE, RESAMPLES = 5_064, 10_000
ROWS, NUMBERS, BLOCK = 124_040, 4_096, 1_024


def people(rng: np.random.Generator) -> People:
    """As many as the study's test split, two or three a photo."""
    xy = rng.uniform(0, 400, (PEOPLE, 17, 2))
    visibility = rng.choice([0, 1, 2], (PEOPLE, 17), p=[0.35, 0.1, 0.55])
    box = np.column_stack([rng.uniform(0, 100, (PEOPLE, 2)), rng.uniform(50, 400, (PEOPLE, 2))])
    cells = rng.integers(0, 64, (PEOPLE, 17, 2))
    photo = np.sort(rng.integers(0, 2_300, PEOPLE))
    return People(COCO_PERSON.names, xy, visibility, cells, visibility, 64, box, photo, np.arange(PEOPLE))


def predictor(them: People, rng: np.random.Generator) -> Points:
    """Right about most joints, and far off the others."""
    off = rng.normal(0, 1, them.xy_photo.shape) * rng.choice([4, 80], (PEOPLE, 17, 1), p=[0.6, 0.4])
    cells = np.clip(them.cells + np.round(off / 4).astype(np.int64), 0, 63)
    return Points(them.xy_photo + off, cells, rng.uniform(0, 1, PEOPLE), "")


def test_evaluation(bench: Bench) -> None:
    rng = np.random.default_rng(0)
    them = people(rng)
    models = [predictor(them, rng) for _ in range(2)]
    blind = [predictor(them, rng) for _ in range(3)]  # mean pose, zero map, target cells

    def run() -> None:
        hits = [pose_scores.score(points, them).hits for points in [*models, *blind]][: len(models)]
        again = resample_pck(hits, them.cell_visibility, them.photo_id, resamples=RESAMPLES)
        for model, group in itertools.product(range(len(hits)), range(len(pck.GROUPS))):
            again.interval((model, group))
        joint_intervals(hits, them.cell_visibility, them.photo_id, resamples=RESAMPLES)
        compare_models(again, [(0, 1)])
        by_joint(hits[0], hits[1], them.cell_visibility)

    seconds = bench.seconds(run)
    how = f"two models, two floors, a ceiling; {PEOPLE:,} people, every dialect, {RESAMPLES:,} resamples"
    bench.add("evaluation beyond the forward pass", seconds, 3, "s", how, at_most=True)


def test_components(bench: Bench) -> None:
    rng = np.random.default_rng(0)
    block = rng.standard_normal((BLOCK, NUMBERS), dtype=np.float32) * rng.gamma(1.0, 1.0, NUMBERS).astype(np.float32)
    mean = block.mean(0, dtype=np.float64)

    def run() -> None:
        sums = CovarianceSums(mean)
        for start in range(0, ROWS, BLOCK):
            sums.add(block[: ROWS - start])
        sums.components()

    with threadpool_limits(2):
        seconds = bench.seconds(run, rounds=1, warm_up=0)
    how = f"{ROWS:,} x {NUMBERS:,} float32 in blocks of {BLOCK:,}, all eigenvectors, 2 threads, once"
    bench.add("principal components: covariance and eigenvectors", seconds, 60, "s", how, at_most=True)
