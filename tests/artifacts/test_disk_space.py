"""A training that the disk has no room for is refused before it begins."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import nn

from shgae.artifacts import disk_space
from shgae.artifacts.checkpoint import CHECKPOINT, MODEL
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.errors import DiskError
from shgae.execution import Execution, Progress
from shgae.models.zoo import load_autoencoder, load_hourglass
from shgae.recipes import RECIPES
from shgae.stages import train
from shgae.training.drafts import training_size
from tests.builders.chain import Chain, Notes

NAME = 200
"""More bytes than a tensor's name and shape take."""


def test_what_lies_there_already_takes_no_negative_room(tmp_path: Path) -> None:
    notes = Notes()
    disk_space.check_space(tmp_path / "run", -95_235, "weights", notes)
    assert notes.said[0].startswith("weights will take 0 bytes (")


def test_the_disk_is_that_of_the_folder_in_which_the_output_will_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (there := tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(there / "none")
    asked = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or SimpleNamespace(free=7))
    for output in (there, there / "run", tmp_path / "link" / "deep" / "run"):
        assert disk_space.free_bytes(output) == 7
    assert {path.resolve() for path in asked} == {there.resolve()}


@pytest.mark.parametrize(("free", "fits"), [(64_000_100, True), (64_000_099, False)])
def test_64_mb_are_left_to_spare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, fits: bool) -> None:
    assert (disk_space.DryRun(tmp_path, "crops", 100, free, 1.0).fault() is None) == fits
    monkeypatch.setattr(disk_space, "free_bytes", lambda _: free)
    if fits:
        disk_space.check_space(tmp_path, 100, "crops", Progress())
    else:
        with pytest.raises(DiskError):
            disk_space.check_space(tmp_path, 100, "crops", Progress())


def test_a_dry_run_says_what_it_would_take_in_json(tmp_path: Path) -> None:
    found = disk_space.DryRun(tmp_path / "x", "12 crops", 100, 200, 1.23456).to_json()
    assert found == {"output": str(tmp_path / "x"), "what": "12 crops", "bytes": 100, "free": 200, "seconds": 1.235}


@pytest.mark.parametrize(
    ("size", "text"),
    [
        *((0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (1_000_000, "1.0 MB")),
        *((2_500_000_000, "2.5 GB"), (3_000_000_000_000, "3000.0 GB")),
    ],
)
def test_bytes_are_told_in_decimal_units(size: int, text: str) -> None:
    assert disk_space.readable(size) == text


def test_a_disk_without_that_room_ends_it_at_once(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_space, "free_bytes", lambda _: 65_000_000)
    with pytest.raises(DiskError, match=r"need .* 64.0 MB to spare, 65.0 MB .*another disk\.$"):
        train.run(tiny_data, tmp_path / "baseline", RECIPES["improved"].train, Execution())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["baseline", "autoencoder", "finetuned"])
def test_a_training_needs_its_weights_and_two_checkpoints(chain: Chain, name: str) -> None:
    folder: Path = getattr(chain, name)
    optimizer = open_artifact(folder, verify=False).manifest.config["optimizer"]
    loaded: nn.Module = load_autoencoder(folder).module if name == "autoencoder" else load_hourglass(folder).module
    files = [folder / MODEL, folder / CHECKPOINT, folder / CHECKPOINT]
    names = sum(len(load_tensors(file)) for file in files)
    assert 0 <= sum(file.stat().st_size for file in files) - training_size(loaded, optimizer) < NAME * names
