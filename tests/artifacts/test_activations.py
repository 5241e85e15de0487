from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.artifacts import activations as activations_module
from shgae.artifacts.activations import (
    Activations,
    StatisticsSums,
    shard_name,
    shard_rows,
    site_folder,
    split_size,
    stacks_of,
    statistics_name,
)
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact, open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from tests.builders.forged import forged, poisoned

SHAPE = (3, 4, 4)


def drawn(count: int, seed: int = 7) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((count, *SHAPE)) * [[[10.0]], [[1.0]], [[0.01]]] + 0.5).astype(np.float32)


def extracted(target: Path, dtype: str = "float32", **splits: int) -> Artifact:
    with new_artifact(target, kind="activations", config={}, parents={}, execution=Execution()) as made:
        for split, count in splits.items():
            sums = StatisticsSums()
            for shard, first in enumerate(range(0, count, 4)):
                rows = drawn(count)[first : first + 4].astype(dtype)
                made.write_tensors(shard_name(split, shard), {"bottleneck": rows})
                sums.add(rows)
            if count:
                made.write_tensors(f"{split}/statistics.safetensors", asdict(sums.result()))
        return made.commit({"splits": splits})


def extracted_at(target: Path, stacks: tuple[int, ...], count: int) -> Artifact:
    """Activations of several stacks, each drawn from a seed of its own."""
    with new_artifact(target, kind="activations", config={}, parents={}, execution=Execution()) as made:
        for stack in stacks:
            folder, size = site_folder("train", stack, stacks), shard_rows(len(stacks))
            sums, rows = StatisticsSums(), drawn(count, seed=stack)
            for shard, first in enumerate(range(0, count, size)):
                made.write_tensors(shard_name(folder, shard), {"bottleneck": rows[first : first + size]})
            sums.add(rows)
            made.write_tensors(statistics_name(folder), asdict(sums.result()))
        return made.commit({"splits": {"train": count}, "stacks": list(stacks)})


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activations_module, "SHARD_ROWS", 4)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("count", [1, 4, 5, 11])
def test_tensors_come_back_over_any_number_of_shards(tmp_path: Path, count: int, dtype: str) -> None:
    extracted(tmp_path / "a", dtype, train=count)
    rows = Activations(open_artifact(tmp_path / "a", "activations"), "train")
    assert len(rows) == count
    read = rows.read(np.arange(count)[::-1])
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, drawn(count).astype(dtype)[::-1])


@pytest.mark.parametrize(("limit", "rows"), [(1, 1), (4, 4), (5, 5), (99, 11), (None, 11)])
def test_a_limit_keeps_the_first_rows(tmp_path: Path, limit: int | None, rows: int) -> None:
    read = Activations(extracted(tmp_path / "a", train=11), "train", limit)
    assert len(read) == rows
    assert len(read._shards[0]) == -(-rows // 4)
    np.testing.assert_array_equal(read.read(np.arange(rows)), drawn(11)[:rows])


@pytest.mark.parametrize("split", ["test", "validation"])
def test_a_split_that_is_not_there_is_refused_with_what_is_and_how_to_get_it(tmp_path: Path, split: str) -> None:
    artifact = extracted(tmp_path / "a", train=2, val=1, test=0)
    with pytest.raises(Refused, match=f"split {split} in .*train, val only. Try: shgae ext"):
        Activations(artifact, split)


def test_the_statistics_lie_beside_the_tensors(tmp_path: Path) -> None:
    (statistics,) = Activations(extracted(tmp_path / "a", train=11), "train").statistics
    x = drawn(11).astype(np.float64)
    np.testing.assert_allclose(statistics.mean, x.mean(0), rtol=1e-12)
    assert statistics.mean.shape == SHAPE


@pytest.mark.parametrize("limit", [1, 5, 11, None])
def test_the_mean_is_that_of_the_rows_in_use(tmp_path: Path, limit: int | None) -> None:
    rows = Activations(extracted(tmp_path / "a", train=11), "train", limit)
    np.testing.assert_allclose(rows.mean(), drawn(11)[:limit].astype(np.float64).mean(0), rtol=1e-12)


@pytest.mark.parametrize("stacks", [(1,), (0, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("chosen", [slice(0, 1), slice(-1, None), slice(None)])
@pytest.mark.parametrize("limit", [1, 2, 5, None])
def test_rows_of_several_stacks_go_person_by_person(
    tmp_path: Path, stacks: tuple[int, ...], chosen: slice, limit: int | None
) -> None:
    rows = Activations(extracted_at(tmp_path / "a", stacks, 7), "train", limit, stacks[chosen])
    people = 7 if limit is None else limit
    expected = [drawn(7, seed=stack)[person] for person in range(people) for stack in stacks[chosen]]
    assert len(rows) == len(expected)
    assert rows.stacks == stacks[chosen]
    backwards = np.arange(len(rows))[::-1]
    np.testing.assert_array_equal(rows.read(backwards), np.stack(expected)[::-1])
    np.testing.assert_allclose(rows.mean(), np.stack(expected).astype(np.float64).mean(0), rtol=1e-12)


def test_the_last_extracted_stack_is_read_unless_told_otherwise(tmp_path: Path) -> None:
    artifact = extracted_at(tmp_path / "a", (0, 2), 3)
    assert stacks_of(artifact) == (0, 2)
    np.testing.assert_array_equal(Activations(artifact, "train").read(np.arange(3)), drawn(3, seed=2))


def test_a_row_is_named_by_its_person_and_where_there_are_several_by_its_stack(tmp_path: Path) -> None:
    artifact = extracted_at(tmp_path / "a", (0, 2), 3)
    assert Activations(artifact, "train").name(2) == "2"
    pooled = Activations(artifact, "train", stacks=(0, 2))
    assert [pooled.name(row) for row in range(4)] == ["0 of stack 0", "0 of stack 2", "1 of stack 0", "1 of stack 2"]


def test_one_stack_lies_in_its_split_and_several_in_folders_of_their_own() -> None:
    assert site_folder("val", 1, (1,)) == "val"
    assert site_folder("val", 1, (0, 1)) == "val/stack-1"


@given(st.integers(1, 8))
def test_shards_of_all_stacks_hold_no_more_than_one_of_one_stack(stacks: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations_module, "SHARD_ROWS", 4096)
        rows = shard_rows(stacks)
        assert 4096 / 2 < rows * stacks <= 4096
        assert rows % 512 == 0, "a multiple of every usual batch"


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 99), st.sampled_from(["f4", "f2"]))
def test_statistics_equal_numpys_direct_answer_in_batches_of_any_size(
    batches: list[int], seed: int, dtype: str
) -> None:
    everyone = drawn(sum(batches), seed).astype(dtype)
    sums = StatisticsSums()
    for batch in np.split(everyone, np.cumsum(batches)[:-1]):
        sums.add(batch)
    found, x = sums.result(), everyone.astype(np.float64)
    np.testing.assert_allclose(found.mean, x.mean(0), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.channel_mean, x.mean((0, 2, 3)), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.channel_variance, x.var((0, 2, 3)), rtol=1e-8, atol=1e-12)
    np.testing.assert_array_equal(found.channel_negative, (x < 0).mean((0, 2, 3)))
    assert all(array.dtype == np.float64 for array in asdict(found).values())


def test_a_constant_channel_has_no_variance_and_never_a_negative_one() -> None:
    sums = StatisticsSums()
    for _ in range(100):
        sums.add(np.full((3, *SHAPE), 0.1, np.float32))
    np.testing.assert_allclose(sums.result().channel_variance, 0, atol=1e-15)
    assert (sums.result().channel_variance >= 0).all()


def test_zero_counts_as_not_negative_whatever_its_sign() -> None:
    sums = StatisticsSums()
    sums.add(np.full((2, *SHAPE), -0.0, np.float32))
    np.testing.assert_array_equal(sums.result().channel_negative, np.zeros(3))


@pytest.mark.parametrize("stacks", [(0,), (0, 1), (0, 1, 2)])
@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 11])
def test_the_size_of_a_split_is_known_to_the_byte_before_it_is_written(
    tmp_path: Path, count: int, stacks: tuple[int, ...]
) -> None:
    artifact = extracted_at(tmp_path / "a", stacks, count)
    sizes = sum(entry.size for entry in artifact.manifest.files.values())
    assert sizes == split_size(count, len(stacks), SHAPE[0], "F32")


def test_the_stored_mean_is_taken_where_everybody_is_in_use(tmp_path: Path) -> None:
    rows = Activations(extracted(tmp_path / "a", train=11), "train")
    rows._shards = []  # nothing is read again
    np.testing.assert_allclose(rows.mean(), drawn(11).astype(np.float64).mean(0), rtol=1e-12)


@pytest.mark.parametrize("people", [2, 4])
def test_more_or_fewer_tensors_than_the_manifest_says_are_refused(tmp_path: Path, people: int) -> None:
    found = extracted(tmp_path / "a", train=3)
    other = replace(found, manifest=replace(found.manifest, facts={"splits": {"train": people}}))
    with pytest.raises(Refused, match="its manifest wants"):
        Activations(other, "train")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("mean", "channel_mean") for value in (np.nan, np.inf, -1e300)),
        *(("channel_variance", value) for value in (np.nan, np.inf, -1e-9, 1e200)),
        *(("channel_negative", value) for value in (np.nan, -0.1, 1.1)),
    ],
)
def test_statistics_that_no_numbers_have_are_refused_by_their_file(tmp_path: Path, name: str, value: float) -> None:
    extracted(tmp_path / "a", train=5)
    file = statistics_name("train")
    path = forged(tmp_path / "a", tmp_path / "b", file, poisoned(value, name, 1))
    with pytest.raises(Refused, match=name) as refused:
        Activations(open_artifact(path), "train")
    assert refused.value.where == str(path / file)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_rows_around_one_that_is_not_finite_can_be_read(tmp_path: Path, dtype: str) -> None:
    extracted(tmp_path / "a", dtype, train=11)
    path = forged(tmp_path / "a", tmp_path / "b", shard_name("train", 1), poisoned(np.nan, "bottleneck", 2))
    rows = Activations(open_artifact(path), "train")
    np.testing.assert_array_equal(rows.read(np.array([5, 7, 0])), drawn(11).astype(dtype)[[5, 7, 0]])
    with pytest.raises(Refused, match="row 2 ") as refused:
        rows.read(np.array([0, 6, 1]))
    assert refused.value.where == str(path / shard_name("train", 1))


def test_of_several_stacks_the_file_of_the_one_that_is_not_finite_is_named(tmp_path: Path) -> None:
    extracted_at(tmp_path / "a", (0, 2), 3)
    file = shard_name("train/stack-2", 1)
    path = forged(tmp_path / "a", tmp_path / "b", file, poisoned(np.inf, "bottleneck", 0))
    rows = Activations(open_artifact(path), "train", stacks=(0, 2))
    with pytest.raises(Refused, match="row 0 ") as refused:
        rows.read(np.arange(6))
    assert refused.value.where == str(path / file)


def test_rows_of_a_file_that_was_written_to_are_refused_and_the_others_are_read(tmp_path: Path) -> None:
    rows = Activations(extracted_at(tmp_path / "a", (0, 1), 6), "train", stacks=(0, 1))
    file = tmp_path / "a" / "train/stack-1/bottleneck-00000.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(file, ns=(1, 1))
    assert len(rows.read(np.array([0, 2]))) == 2
    with pytest.raises(Refused, match="stack-1/bottleneck-00000.safetensors was changed while it was read"):
        rows.read(np.array([0, 1]))
