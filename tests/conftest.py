"""What several rooms' tests stand on: a tiny drawn dataset and tiny networks, made once."""

from __future__ import annotations

import gc
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny networks are faster on one thread, and results repeat

import numpy as np
import pytest
import torch
from hypothesis import settings

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.data.synthetic import SyntheticConfig, draw_dataset
from shgae.execution import Execution
from shgae.experiments.study import costs
from shgae.recipes import PrepareConfig, Split
from shgae.reporting import people_sheet
from shgae.stages import prepare
from tests.network import refuse_other_machines
from tests.promises import kept, pytest_addoption, pytest_terminal_summary

pytest_plugins = [
    "pytester",
    "tests.builders.chain",
    "tests.builders.exported",
    "tests.builders.photo_models",
    "tests.builders.reader",
    "tests.builders.reported",
    "tests.builders.sketches",
    "tests.scheduling",
]
__all__ = ["kept", "pytest_addoption", "pytest_terminal_summary"]

if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # started under nohup, tests of closed terminals would see none
signal.signal(signal.SIGINT, signal.default_int_handler)  # which what is started in a script's background ignores
os.environ.pop("COLUMNS", None)  # pytest-xdist tells its processes a terminal's width, and tables would be cut to it
refuse_other_machines()
# A busy machine is no failure, and one commit's tests end alike everywhere; `--hypothesis-profile search` draws anew.
settings.register_profile("shgae", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("shgae")


def pytest_configure(config: pytest.Config) -> None:
    """Hides GPUs from all tests but those of -m gpu: results then repeat, and a forked process may use torch."""
    if not _asks_for("gpu", config):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def _asks_for(marker: str, config: pytest.Config) -> bool:
    return marker in config.option.markexpr and f"not {marker}" not in config.option.markexpr


def pytest_collection_finish() -> None:
    """Leaves modules and collected tests out of garbage collection, which else takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Gives every test the same random numbers, and skips a test of a GPU where there is none."""
    torch.default_generator.manual_seed(0)  # torch.manual_seed would note a stack for GPUs that nobody starts
    np.random.seed(0)
    random.seed(0)
    if item.get_closest_marker("gpu") and not (torch.cuda.is_available() or "GPU_TESTS_ON" in os.environ):
        pytest.skip("no GPU that torch sees")


@pytest.fixture(scope="session", autouse=True)
def quick_disk(pytestconfig: pytest.Config) -> Iterator[None]:
    """No waiting for the disk, but where it is timed: tests of what is synced, and when, put their own call here."""
    with pytest.MonkeyPatch.context() as patch:
        if not (_asks_for("bench", pytestconfig) or _asks_for("gpu", pytestconfig)):
            patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_of_each(pytestconfig: pytest.Config) -> Iterator[None]:
    """prepare draws one person and not eight, and a study times a step and a network once: on a few photos that is most
    of their work. Tests of the sheet, and where it is timed, have all."""
    with pytest.MonkeyPatch.context() as patch:
        if not (_asks_for("bench", pytestconfig) or _asks_for("gpu", pytestconfig)):
            patch.setattr(people_sheet, "_PEOPLE", 1)
            patch.setattr(costs, "_MEASURED", 1)
            patch.setattr(costs, "_TURNS", 1)
        yield


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[Split, prepare.Source]:
    """Drawn photos and their COCO JSON for three splits."""
    root = tmp_path_factory.mktemp("drawn")
    sources: dict[Split, prepare.Source] = {}
    splits: tuple[tuple[Split, int], ...] = (("train", 10), ("val", 5), ("test", 5))
    for seed, (split, photos) in enumerate(splits):
        annotations = draw_dataset(root / split, SyntheticConfig(photos=photos, seed=seed))
        sources[split] = prepare.Source(annotations, root / split / "photos")
    return sources


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory, drawn: dict[Split, prepare.Source]) -> Path:
    """Prepared data of the drawn photos: 128-pixel crops."""
    output = tmp_path_factory.mktemp("prepared") / "data"
    prepare.run(drawn, output, PrepareConfig(crop_size=128), Execution())
    return output


@pytest.fixture
def crops(tiny_data: Path) -> Crops:
    """People and crops of the test split of that data."""
    return Crops(open_artifact(tiny_data, "data"), "test")
