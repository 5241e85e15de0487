"""Files of MPII and LSP that crash, fill or stall the libraries that read them: one line, and nothing is written."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from shgae.data.converters import annotations
from shgae.data.converters.annotations import DataSet, read_annotations
from shgae.data.converters.mpii import read_mpii
from shgae.errors import Interrupted, Refused
from shgae.execution import StopFlag
from tests.builders.annotation_files import (
    mpii_people,
    nested_mat,
    newell_arrays,
    save_lsp,
    save_release,
)


def refused(path: Path, data_set: DataSet = "mpii") -> Refused:
    return refused_by(lambda: read_annotations(data_set, path))


def refused_by(read: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        read()
    assert "\n" not in caught.value.line()
    return caught.value


@pytest.mark.parametrize("depth", [3, 300, 3_000, 20_000])
def test_structs_in_structs_end_in_one_line(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(nested_mat(depth))
    assert refused(path).where == str(path)


def test_another_process_finds_what_this_one_finds(tmp_path: Path) -> None:
    path = save_release(tmp_path / "a.mat", mpii_people(5))
    here, there = read_mpii(path), read_annotations("mpii", path)
    assert (there.skeleton, there.notes, [*there.splits]) == (here.skeleton, here.notes, [*here.splits])
    for one, other in zip(here.splits["train"], there.splits["train"], strict=True):
        assert (one.file_name, one.box, one.head_box) == (other.file_name, other.box, other.head_box)
        assert (one.head_size, one.center, one.scale) == (other.head_size, other.center, other.scale)
        assert one.xy_photo.tobytes() == other.xy_photo.tobytes()
        assert one.visibility.tobytes() == other.visibility.tobytes()


def test_a_split_of_hdf5_is_called_after_its_file_there_too(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "valid.h5", "w") as file:
        for name, array in newell_arrays(mpii_people(3)).items():
            file[name] = array
    found = read_annotations("mpii", tmp_path / "valid.h5")
    assert {name: len(people) for name, people in found.splits.items()} == {"valid": 3}


def test_a_claimed_size_takes_no_memory_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dimensions say 14 x 3 x 100 million numbers; there are 420."""
    path = save_lsp(tmp_path / "joints.mat", np.zeros((14, 3, 10)))
    true, claimed = struct.pack("<iii", 14, 3, 10), struct.pack("<iii", 14, 3, 100_000_000)
    path.write_bytes(path.read_bytes().replace(true, claimed))
    refused(path, "lsp")
    pytest.importorskip("h5py").File(tmp_path / "a.h5", "w").create_dataset("part", (900_000, 16, 2), "f8")
    refused(tmp_path / "a.h5")
    monkeypatch.setattr(annotations, "_MEMORY_LIMIT", 1 << 20)
    assert refused(save_release(tmp_path / "b.mat", mpii_people(200))).where == str(tmp_path / "b.mat")


def test_a_reader_without_an_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_release(tmp_path / "a.mat", mpii_people(2))
    monkeypatch.setattr(annotations, "_TIME_LIMIT", 0.0)
    assert "more than" in refused(path).why


def test_a_wish_to_stop_is_heard_while_a_file_is_read(tmp_path: Path) -> None:
    path, stop = save_release(tmp_path / "a.mat", mpii_people(2)), StopFlag()
    stop.signal_number = 15
    with pytest.raises(Interrupted):
        read_annotations("mpii", path, stop)


@pytest.mark.parametrize("head", [b"MATLAB 7.3 MAT-file", b"\x89HDF\r\n\x1a\n", b"".ljust(512) + b"\x89HDF\r\n\x1a\n"])
def test_version_73_is_named(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(head.ljust(600))
    assert "7.3" in refused_by(lambda: read_mpii(path)).why


ANY_FILE = given(st.sampled_from(["mat", "mat-compressed", "h5"]), st.randoms(use_true_random=False), st.booleans())


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@ANY_FILE
def test_any_file_is_read_or_refused(tmp_path: Path, kind: str, chance: Random, torn: bool) -> None:
    check_damaged(tmp_path, kind, chance, torn)


@pytest.mark.torture
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@ANY_FILE
def test_many_more_files_are_read_or_refused(tmp_path: Path, kind: str, chance: Random, torn: bool) -> None:
    check_damaged(tmp_path, kind, chance, torn)


def check_damaged(folder: Path, kind: str, chance: Random, torn: bool) -> None:
    path, people = folder / f"a.{kind[:3].rstrip('-')}", mpii_people(2)
    if kind == "h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            for name, array in newell_arrays(people).items():
                file[name] = array
    else:
        save_release(path, people)
    data = bytearray(path.read_bytes())
    for _ in range(chance.randrange(1, 12)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data[: chance.randrange(len(data))] if torn else data)
    try:
        read_annotations("mpii", path)
    except Refused as error:
        assert "\n" not in error.line()


def test_variables_of_other_kinds_are_refused(tmp_path: Path) -> None:
    for place, value in enumerate([1, "text", np.zeros((2, 2)), {"annolist": 3}, [1, "a"]]):
        path = tmp_path / f"{place}.mat"
        savemat(path, {"RELEASE": value}, do_compression=place % 2 == 0)
        refused_by(lambda path=path: read_mpii(path))
    assert refused(path).where == str(path), "and by another process alike"
