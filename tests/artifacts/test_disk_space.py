"""A training that the disk has no room for is refused before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from shgae.artifacts import disk_space
from shgae.artifacts.checkpoint import CHECKPOINT, MODEL
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.errors import DiskError
from shgae.execution import Execution
from shgae.models.zoo import load_autoencoder, load_hourglass
from shgae.recipes import RECIPES
from shgae.stages import train
from shgae.training.drafts import training_size
from tests.builders.chain import Chain, Notes

NAME = 200
"""More bytes than a tensor's name and shape take."""


@pytest.mark.parametrize("name", ["baseline", "autoencoder", "finetuned"])
def test_a_training_needs_its_weights_and_two_checkpoints(chain: Chain, name: str) -> None:
    folder: Path = getattr(chain, name)
    optimizer = open_artifact(folder, verify=False).manifest.config["optimizer"]
    loaded: nn.Module = load_autoencoder(folder).module if name == "autoencoder" else load_hourglass(folder).module
    files = [folder / MODEL, folder / CHECKPOINT, folder / CHECKPOINT]
    names = sum(len(load_tensors(file)) for file in files)
    assert 0 <= sum(file.stat().st_size for file in files) - training_size(loaded, optimizer) < NAME * names


def test_a_disk_without_that_room_ends_it_at_once(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_space, "free_bytes", lambda _: 65_000_000)
    with pytest.raises(
        DiskError, match="weights and checkpoints need .* with 64.0 MB to spare, 65.0 MB are free. Try: another disk.$"
    ):
        train.run(tiny_data, tmp_path / "baseline", RECIPES["improved"].train, Execution())
    assert not list(tmp_path.iterdir())


def test_what_lies_there_already_takes_no_negative_room(tmp_path: Path) -> None:
    notes = Notes()
    disk_space.check_space(tmp_path / "run", -95_235, "weights", notes)
    assert notes.said[0].startswith("weights will take 0 bytes (")
