"""Reconstructions come back as they were written, for whom they are wanted; what does not fit is refused."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from shgae.artifacts import reconstructions as module
from shgae.artifacts.activation_splits import ActivationSplits, open_splits
from shgae.artifacts.activations import LARGEST
from shgae.artifacts.hashing import hash_file
from shgae.artifacts.reconstructions import check_name, read_reconstruction, write_reconstruction
from shgae.errors import DiskError, Refused
from tests.builders.small_activations import SHAPE, bottlenecks, extracted, prepared

TRAIN, TEST = (7, 3, 5, 1), (20, 10, 40, 30, 50)
NUMBERS = bottlenecks("train", 4)


@pytest.fixture(scope="module")
def activations(tmp_path_factory: pytest.TempPathFactory) -> ActivationSplits:
    root = tmp_path_factory.mktemp("activations")
    data = prepared(root / "data", {"train": TRAIN, "test": TEST})
    extracted(root / "activations", data, {"train": 4, "test": 5})
    return open_splits(root / "activations")


def saved(folder: Path, origin: str | None = "me", **changes: Any) -> Path:
    """A file of reconstructions of the test split, with other tensors or another origin; None leaves one out."""
    tensors = {"annotation_id": np.array(TEST, np.int64), "bottleneck": bottlenecks("test", 5)} | changes
    metadata = {"made_by": "hand"} if origin is None else {"activations": origin}
    whole = {name: np.ascontiguousarray(one) for name, one in tensors.items() if one is not None}
    save_file(whole, folder / "x.safetensors", metadata)
    return folder / "x.safetensors"


def read(path: Path, wanted: Any = TEST, known: Any = TEST, channels: int = SHAPE[0]) -> module.Reconstruction:
    return read_reconstruction(path, "me", channels, np.array(wanted, np.int64), np.array(known, np.int64))


def kept(*numbers: float) -> np.ndarray:
    """Bottlenecks of the test split, the last numbers of the first people are these."""
    made = bottlenecks("test", 5)
    made[: len(numbers), -1, -1, -1] = numbers
    return made


@given(st.permutations(TEST), st.permutations(TEST), st.integers(1, 5), st.sampled_from([np.float32, np.float16]))
def test_whoever_is_wanted_is_found_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, stands: list[int], wanted: list[int], count: int, dtype: Any
) -> None:
    numbers = bottlenecks("test", 5).astype(dtype)
    path = saved(tmp_path_factory.getbasetemp(), annotation_id=np.array(stands), bottleneck=numbers)
    found = read(path, wanted[:count])
    rows = np.arange(count)[::-1]
    assert found.read(rows).dtype == np.float32
    expected = np.array([numbers[stands.index(wanted[row])] for row in rows], np.float32)
    assert np.array_equal(found.read(rows), expected)


def test_a_file_is_known_by_its_place_and_its_hash(tmp_path: Path) -> None:
    path = saved(tmp_path)
    found = read(path)
    assert (found.path, found.sha256) == (path, hash_file(path))


def test_people_of_the_split_who_are_not_wanted_may_stand_in_it_and_nobody_else(tmp_path: Path) -> None:
    path = saved(tmp_path)
    assert np.array_equal(read(path, TEST[2:4]).read(np.arange(2)), bottlenecks("test", 5)[2:4])
    with pytest.raises(Refused, match="20"):
        read(path, TEST[2:4], TEST[1:])


@pytest.mark.parametrize("lacking", [9, 35, 51])
def test_whoever_is_wanted_must_stand_in_it(tmp_path: Path, lacking: int) -> None:
    with pytest.raises(Refused, match=rf"\b{lacking}\b.*1 of 6"):
        read(saved(tmp_path), (*TEST, lacking), (*TEST, lacking))


@pytest.mark.parametrize(
    ("ids", "twice"), [((20, 10, 40, 30, 20), 20), ((10, 10, 20, 30, 40), 10), ((10, 40, 20, 30, 40), 40)]
)
def test_nobody_stands_in_it_twice(tmp_path: Path, ids: tuple[int, ...], twice: int) -> None:
    with pytest.raises(Refused, match=rf"annotation {twice}\b"):
        read(saved(tmp_path, annotation_id=np.array(ids)), (10,))


@pytest.mark.parametrize(
    "changes",
    [
        {"bottleneck": None},
        {"annotation_id": None},
        {"code": np.zeros(1, np.float32)},
        {"bottleneck": kept().astype(np.float64)},
        {"bottleneck": kept().astype(np.int64)},
        {"annotation_id": np.array(TEST, np.int32)},
        {"annotation_id": np.array(TEST, np.float32)},
        {"annotation_id": np.array([TEST], np.int64)},
        {"annotation_id": np.zeros(0, np.int64), "bottleneck": kept()[:0]},
        {"bottleneck": kept()[:4]},
        {"bottleneck": kept()[:, :2]},
        {"bottleneck": kept().reshape(5, 3, 16)},
    ],
)
def test_tensors_of_other_names_formats_or_shapes_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        read(saved(tmp_path, **changes))


def test_the_channels_are_those_of_the_activations(tmp_path: Path) -> None:
    assert read(saved(tmp_path)).read(np.array([0])).shape == (1, *SHAPE)
    with pytest.raises(Refused):
        read(saved(tmp_path), channels=4)


@pytest.mark.parametrize("origin", [None, "you", "me/stack-0"])
def test_reconstructions_of_other_activations_are_refused(tmp_path: Path, origin: str | None) -> None:
    with pytest.raises(Refused):
        read(saved(tmp_path, origin))


@pytest.mark.parametrize("at_once", [1, 2, 1024])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1.1 * LARGEST, -1.1 * LARGEST])
def test_numbers_that_no_network_gives_are_refused_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, wrong: float
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    for place, who in enumerate(TEST):
        with pytest.raises(Refused, match=rf"\b{who}\b"):
            read(saved(tmp_path, bottleneck=kept(*[0.0] * place, wrong)))
    edge = kept(LARGEST, -LARGEST)
    assert np.array_equal(read(saved(tmp_path, bottleneck=edge)).read(np.arange(5)), edge)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_in_half_precision_is_refused_too(tmp_path: Path, wrong: float) -> None:
    with pytest.raises(Refused):
        read(saved(tmp_path, bottleneck=kept(0.0, wrong).astype(np.float16)))
    largest = kept(65504.0, -65504.0).astype(np.float16)
    assert np.array_equal(read(saved(tmp_path, bottleneck=largest)).read(np.arange(5)), largest)


def test_a_file_that_changes_while_it_is_checked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = saved(tmp_path), module._check_finite

    def meanwhile(*arguments: Any) -> None:
        real(*arguments)
        before = path.rename(tmp_path / "before")
        saved(tmp_path)
        assert path.read_bytes() == before.read_bytes()

    monkeypatch.setattr(module, "_check_finite", meanwhile)
    with pytest.raises(Refused) as caught:
        read(path)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("content", [b"", b"no tensors at all", None])
def test_what_is_no_file_of_tensors_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(Refused):
        read(tmp_path / "x")


@pytest.mark.parametrize("split", ["train", "test"])
def test_what_is_written_is_read_for_the_activations_it_is_of(
    tmp_path: Path, activations: ActivationSplits, split: str
) -> None:
    path, ids, numbers = tmp_path / "x", activations[split].annotation_id, activations[split].read()
    write_reconstruction(path, numbers[::-1], ids[::-1], activations)
    first = path.read_bytes()
    found = read_reconstruction(path, activations.origin, 3, ids, ids)
    assert np.array_equal(found.read(np.arange(len(ids))), numbers)
    write_reconstruction(str(path), numbers[::-1].astype(np.float64), ids[::-1].tolist(), activations)
    assert path.read_bytes() == first, "the same numbers are the same file"


def test_tensors_of_torch_are_numbers_too(tmp_path: Path, activations: ActivationSplits) -> None:
    write_reconstruction(tmp_path / "x", torch.tensor(NUMBERS), torch.tensor(TRAIN), activations)
    assert np.array_equal(load_file(tmp_path / "x")["bottleneck"], NUMBERS)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float16, ">f4"])
def test_numbers_and_ids_of_any_kind_are_stored_as_float32_and_int64(
    tmp_path: Path, activations: ActivationSplits, dtype: Any
) -> None:
    numbers = np.asfortranarray(np.arange(4 * 48).reshape(4, *SHAPE).astype(dtype))
    write_reconstruction(tmp_path / "x", numbers, np.array(TRAIN, np.uint16), activations)
    held = load_file(tmp_path / "x")
    assert held["bottleneck"].dtype == np.float32 and np.array_equal(held["bottleneck"], numbers)
    assert held["annotation_id"].dtype == np.int64 and held["annotation_id"].tolist() == list(TRAIN)


def test_some_people_of_a_split_may_be_written(tmp_path: Path, activations: ActivationSplits) -> None:
    write_reconstruction(tmp_path / "x", bottlenecks("test", 2), TEST[3:], activations)
    assert load_file(tmp_path / "x")["annotation_id"].tolist() == list(TEST[3:])


@pytest.mark.parametrize(
    ("numbers", "ids"),
    [
        (NUMBERS, np.array(TRAIN, float)),
        (NUMBERS, [True] * 4),
        (NUMBERS.astype(str), TRAIN),
        (NUMBERS > 0, TRAIN),
        (NUMBERS.astype(complex), TRAIN),
        (NUMBERS[1:], TRAIN),
        (NUMBERS[:, 1:], TRAIN),
        (NUMBERS[:0], ()),
        (NUMBERS[:0], np.zeros(0, np.int64)),
        (NUMBERS, np.array([TRAIN])),
        (NUMBERS, (7, 3, 5, 20)),
        (NUMBERS, (7, 3, 5, 2)),
        (NUMBERS, (7, 3, 5, 7)),
        (NUMBERS * np.nan, TRAIN),
        (np.full((4, *SHAPE), 1e39), TRAIN),
        (np.full((4, *SHAPE), 1e15), TRAIN),
    ],
)
def test_what_could_not_be_read_is_not_written(
    tmp_path: Path, activations: ActivationSplits, numbers: Any, ids: Any
) -> None:
    with pytest.raises(Refused):
        write_reconstruction(tmp_path / "x", numbers, ids, activations)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("numbers", "ids", "why"),
    [
        (NUMBERS[:, 1:], TRAIN, "the shape that its read"),
        (NUMBERS, np.array([TRAIN]), "the shape that its read"),
        ([[1.0], [1.0, 2.0]], TRAIN, "numpy cannot read it"),
        (torch.tensor(NUMBERS, requires_grad=True), TRAIN, "numpy cannot read it"),
    ],
)
def test_who_writes_is_not_advised_to_write(
    tmp_path: Path, activations: ActivationSplits, numbers: Any, ids: Any, why: str
) -> None:
    with pytest.raises(Refused, match=why) as caught:
        write_reconstruction(tmp_path / "x", numbers, ids, activations)
    assert "write_reconstruction" not in str(caught.value)


def test_one_split_in_place_of_all_is_refused(tmp_path: Path, activations: ActivationSplits) -> None:
    with pytest.raises(Refused, match=r'Try: activations, not activations\["test"\]'):
        write_reconstruction(tmp_path / "x", NUMBERS, TRAIN, activations["train"])  # type: ignore[arg-type]


def test_a_folder_is_made_and_none_is_replaced(tmp_path: Path, activations: ActivationSplits) -> None:
    write_reconstruction(tmp_path / "new" / "folder" / "x", NUMBERS, TRAIN, activations)
    assert np.array_equal(load_file(tmp_path / "new" / "folder" / "x")["bottleneck"], NUMBERS)
    with pytest.raises(Refused, match="it is a folder"):
        write_reconstruction(tmp_path / "new", NUMBERS, TRAIN, activations)
    with pytest.raises(Refused, match="a file stands in the way"):
        write_reconstruction(tmp_path / "new" / "folder" / "x" / "y", NUMBERS, TRAIN, activations)


def test_a_disk_that_is_full_is_an_error_of_its_own(
    tmp_path: Path, activations: ActivationSplits, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "no room", str(path))

    monkeypatch.setattr(module, "write_bytes", full)
    with pytest.raises(DiskError, match="no room"):
        write_reconstruction(tmp_path / "x", NUMBERS, TRAIN, activations)


def test_a_number_beyond_float32_is_told_from_one_that_is_not_finite(
    tmp_path: Path, activations: ActivationSplits
) -> None:
    numbers = NUMBERS.astype(np.float64)
    numbers[2, 1, 0, 3] = -1e39
    with pytest.raises(Refused, match=r"\b5 .*float32"):
        write_reconstruction(tmp_path / "x", numbers, TRAIN, activations)
    numbers[2, 1, 0, 3] = np.inf
    with pytest.raises(Refused) as caught:
        write_reconstruction(tmp_path / "x", numbers, TRAIN, activations)
    assert "float32" not in caught.value.why and "5" in caught.value.why


@pytest.mark.parametrize("name", ["nmf", "日本|$x$", "ids", "aes", "pca", "5a", "x" * 40, " a", "ID", "old_ae", "-1"])
def test_a_name_may_be_anything_that_can_be_shown(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name",
    ["id", "ae", "old-ae", "random-ae", "shuffle", "mean", "zero", "pca-", "pca-5", "pca-x", "0", "50"]
    + ["", " ", "\u3000", "x" * 41, "a\nb", "a\x1b[31m", "\u202eab", "\ud800"],
)
def test_a_name_that_is_taken_or_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(Refused) as caught:
        check_name(name)
    assert caught.value.where == "--given"
