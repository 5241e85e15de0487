"""What several rooms' tests stand on: a tiny drawn dataset and tiny networks, made once."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny networks are faster on one thread, and results repeat

import pytest
from hypothesis import settings

from shgae.data.synthetic import SyntheticConfig, draw_dataset
from shgae.execution import Execution
from shgae.recipes import AutoencoderConfig, ExtractConfig, FinetuneConfig, PrepareConfig, Split, TrainConfig
from shgae.stages import prepare
from tests.network import refuse_other_machines
from tests.promises import kept, pytest_addoption, pytest_terminal_summary

pytest_plugins = ["pytester", "tests.builders.chain"]
__all__ = ["kept", "pytest_addoption", "pytest_terminal_summary"]

os.environ.pop("COLUMNS", None)  # pytest-xdist tells its processes a terminal's width, and tables would be cut to it
refuse_other_machines()
settings.register_profile("shgae", deadline=None)  # a busy machine is no failure
settings.load_profile("shgae")

TINY = TrainConfig(
    residual="newell", width=16, epochs=2, batch_size=4, precision="fp32", schedule="plateau", sigma_visible=1.5
)
"""An hourglass of 16 channels, trained for two epochs."""
TINY_EXTRACT = ExtractConfig(batch_size=4, precision="fp32")
TINY_AE = AutoencoderConfig(code_size=6, epochs=3, batch_size=4, precision="fp32")
TINY_FINETUNE = FinetuneConfig(epochs=1, batch_size=4, precision="fp32", sigma_visible=1.5)


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
