"""Memory does not grow with the number of people."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from shgae.artifacts.activations import SHARD_ROWS, StatisticsSums, shard_name, statistics_name
from shgae.artifacts.crops import Crops, CropWriter, PeopleTable
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.store import open_artifact
from shgae.execution import Execution
from tests.faults.conftest import ProcessGroup, Server
from tests.promises import Kept

FLAT = "extract and pretrain-ae take no more memory for eight times the people"
CHANNELS = 64
MEGABYTES = 16_000_000
"""More than chance, and a small part of what eight times the people would take."""
pytestmark = [pytest.mark.torture, pytest.mark.timeout(1800)]


def data_of(world: ProcessGroup, people: int, output: Path) -> Path:
    """Prepared data of so many people: the same few, over and over."""
    source = open_artifact(world.folder / "made" / "data")
    crops = Crops(source, "train")
    rows = np.arange(people) % len(crops)
    pixels = crops.read(np.arange(len(crops)))
    facts = {**source.facts, "splits": {"train": people}}
    with new_artifact(output, kind="data", config=source.manifest.config, parents={}, execution=Execution()) as made:
        writer = CropWriter(made, "train", 128, people)
        for row in rows:
            writer.add(pixels[row])
        table = {name: array[rows] for name, array in crops.people.arrays().items()}
        writer.finish(PeopleTable(**table | {"annotation_id": np.arange(people)}))
        made.commit(facts)
    return output


def activations_of(people: int, output: Path) -> Path:
    """Activations of so many people, made up."""
    splits = {"train": people, "val": 64}
    facts = {"splits": splits, "stacks": [0], "model_stacks": 1, "shape": [CHANNELS, 4, 4], "dtype": "fp32"}
    with new_artifact(output, kind="activations", config={}, parents={}, execution=Execution()) as made:
        for split, count in splits.items():
            _fill(made, split, count)
        made.commit(facts)
    return output


def _fill(made: Draft, split: str, people: int) -> None:
    sums = StatisticsSums()
    for shard, start in enumerate(range(0, people, SHARD_ROWS)):
        rows = min(SHARD_ROWS, people - start)
        tensors = np.random.default_rng(shard).standard_normal((rows, CHANNELS, 4, 4), np.float32)
        sums.add(tensors)
        made.write_tensors(shard_name(split, shard), {"bottleneck": tensors})
    statistics = sums.result()
    made.write_tensors(statistics_name(split), {f.name: getattr(statistics, f.name) for f in fields(statistics)})


def test_extract_takes_no_more_memory_for_eight_times_the_people(
    server: Server, world: ProcessGroup, tmp_path: Path, kept: Kept
) -> None:
    peaks = []
    for people in (512, 4096):
        here = tmp_path / str(people)
        here.mkdir()
        data = data_of(world, people, here / "data")
        ended = server.run(here, f"extract {world.folder}/made/baseline {data} --precision fp32 -o x")
        assert ended.code == 0, ended.err
        peaks.append(ended.peak)
    assert abs(peaks[1] - peaks[0]) < MEGABYTES, peaks
    kept(FLAT, 1, "commands")


def test_pretraining_takes_no_more_memory_for_eight_times_the_people(
    server: Server, tmp_path: Path, kept: Kept
) -> None:
    options = "--epochs 1 --batch-size 256 --code-size 3 --precision fp32"
    peaks = []
    for people in (SHARD_ROWS, 8 * SHARD_ROWS):
        here = tmp_path / str(people)
        here.mkdir()
        activations = activations_of(people, here / "activations")
        ended = server.run(here, f"pretrain-ae {activations} {options} -o x")
        assert ended.code == 0, ended.err
        peaks.append(ended.peak)
    assert abs(peaks[1] - peaks[0]) < MEGABYTES, peaks
    kept(FLAT, 1, "commands")
