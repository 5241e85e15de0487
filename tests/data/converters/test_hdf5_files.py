"""Arrays of an HDF5 file come as they were written; only those that lie in the file itself, in their shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.artifacts.input_file import open_input
from shgae.data.converters.hdf5_files import read_arrays
from shgae.data.converters.people import Malformed
from shgae.errors import Refused

h5py = pytest.importorskip("h5py")
Read = dict[str, np.ndarray]
ALL_KINDS = ["i1", "i8", "u1", "u8", "f2", "f4", "f8", ">i4", ">f8"]


def written(path: Path, **arrays: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def made(folder: Path, make: Callable[[Any], Any]) -> Path:
    """A file into which something is put by hand."""
    with h5py.File(folder / "a.h5", "w") as file:
        make(file)
    return folder / "a.h5"


def numbers(path: Path, row: tuple[int, ...] = ()) -> Read:
    return read_arrays(path, {"x": row}, (), "another")


def texts(path: Path) -> Read:
    return read_arrays(path, {}, ("x",), "another")


@given(
    st.integers(0, 4),
    st.sampled_from([(), (1,), (3,), (2, 3), (1, 2, 2)]),
    st.sampled_from(ALL_KINDS),
    st.integers(0, 2**32),
)
@settings(max_examples=40)
def test_numbers_of_any_kind_come_as_doubles(
    tmp_path_factory: pytest.TempPathFactory, rows: int, row: tuple[int, ...], kind: str, seed: int
) -> None:
    array = np.random.default_rng(seed).integers(0, 100, (rows, *row)).astype(kind)
    found = numbers(written(tmp_path_factory.getbasetemp() / "a.h5", x=array), row)
    assert found.keys() == {"x"} and found["x"].dtype == np.float64
    assert found["x"].shape == (rows, *row) and np.array_equal(found["x"], array)


@pytest.mark.parametrize(
    "array",
    [
        np.array([b"a.jpg", b"bc"]),
        np.array(["a.jpg", "ä"], object),
        np.array([[97, 98], [99, 0]], np.uint8),
        np.zeros((2, 256)),
        np.zeros((0, 4)),
    ],
)
def test_texts_and_their_letters_codes_come_as_they_are(tmp_path: Path, array: Any) -> None:
    found = texts(written(tmp_path / "a.h5", x=array))["x"]
    assert found.shape == array.shape and found.dtype.kind == array.dtype.kind
    assert [one.decode() if isinstance(one, bytes) else one for one in found.flat] == [
        one.decode() if isinstance(one, bytes) else one for one in array.flat
    ]


def test_all_that_are_asked_for_come_and_no_others_from_a_path_or_an_open_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a.h5", a=np.ones((2, 3)), b=np.arange(2), name=np.array([b"x", b"y"]), more=np.ones(7))
    with open_input(path) as file:
        for source in (path, file):
            found = read_arrays(source, {"b": (), "a": (3,)}, ("name",), "another")
            assert [*found] == ["b", "a", "name"]
            assert found["b"].tolist() == [0, 1] and found["name"].tolist() == [b"x", b"y"]


@pytest.mark.parametrize("shapes", [(2, 3, 3), (3, 2, 3), (3, 3, 2)])
def test_all_have_equally_many_rows(tmp_path: Path, shapes: tuple[int, int, int]) -> None:
    one, other, name = shapes
    path = written(tmp_path / "a.h5", a=np.ones((one, 2)), b=np.ones(other), name=np.array([b"x"] * name))
    with pytest.raises(Malformed):
        read_arrays(path, {"a": (2,), "b": ()}, ("name",), "another")


@pytest.mark.parametrize(
    ("row", "shape"),
    [((), ()), ((), (3, 1)), ((2,), (3,)), ((2,), (3, 3)), ((2,), (2, 3)), ((2,), (3, 2, 1)), ((2, 3), (3, 3, 2))],
)
def test_a_row_of_another_shape_is_malformed(tmp_path: Path, row: tuple[int, ...], shape: tuple[int, ...]) -> None:
    with pytest.raises(Malformed):
        numbers(written(tmp_path / "a.h5", x=np.zeros(shape)), row)


@pytest.mark.parametrize("shape", [(), (2, 257), (2, 2, 2), (2, 1, 1)])
def test_texts_are_a_row_of_values_or_of_at_most_256_letters_each(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(Malformed):
        texts(written(tmp_path / "a.h5", x=np.zeros(shape)))


@pytest.mark.parametrize("array", [np.array([b"1"]), np.array(["1"], object), np.array([True]), np.array([1j])])
def test_what_is_no_number_is_malformed_where_numbers_are_wanted(tmp_path: Path, array: Any) -> None:
    with pytest.raises(Malformed):
        numbers(written(tmp_path / "a.h5", x=array))


def test_there_are_at_most_a_million_rows_and_a_file_that_claims_more_is_not_read(tmp_path: Path) -> None:
    for rows in (1_000_000, 1_000_001, 10**15):
        path = made(tmp_path, lambda file, rows=rows: file.create_dataset("x", (rows,), "u1", chunks=(1 << 16,)))
        for read in (numbers, texts):
            if rows == 1_000_000:
                assert len(read(path)["x"]) == rows
            else:
                with pytest.raises(Malformed):
                    read(path)


def link(kind: str) -> Callable[[Any], Any]:
    def put(file: Any) -> None:
        file["own"] = np.ones(2)
        file["x"] = h5py.ExternalLink("other.h5", "x") if kind == "external" else h5py.SoftLink("/own")

    return put


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((2,), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "x", (2,))
    file.create_virtual_dataset("x", layout)


def stored_outside(file: Any) -> None:
    file.create_dataset("x", (2,), "f8", external=[("other.raw", 0, 16)])


@pytest.mark.parametrize(
    "make",
    [
        link("external"),
        link("soft"),
        virtual,
        stored_outside,
        lambda file: file.create_group("x"),
        lambda file: file.__setitem__("x", np.dtype("f8")),
        lambda file: file.__setitem__("x", h5py.Empty("f8")),
        lambda file: file.__setitem__("y", np.ones(2)),
    ],
)
def test_what_is_no_array_of_the_file_itself_is_malformed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Any], Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "other.h5", x=np.ones(2))
    (tmp_path / "other.raw").write_bytes(np.ones(2).tobytes())
    path = made(tmp_path, make)
    for read in (numbers, texts):
        with pytest.raises(Malformed):
            read(path)


def test_what_is_no_hdf5_or_torn_is_refused_with_what_is_wanted(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.h5", x=np.ones(2)).read_bytes()
    for content in (b"", b"\x89HDF\r\n\x1a\n", b"no HDF5", *(whole[:length] for length in range(1, len(whole), 97))):
        (tmp_path / "a.h5").write_bytes(content)
        with pytest.raises(Refused) as caught:
            numbers(tmp_path / "a.h5")
        assert (caught.value.where, caught.value.fix) == (str(tmp_path / "a.h5"), "another")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        numbers(tmp_path / "a.h5")
    assert caught.value.fix != "another"


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(Refused) as caught:
        numbers(tmp_path / "a.h5")
    assert caught.value.fix == "pip install h5py"
