"""Variables, structs and numbers of a .mat file, as MATLAB writes them; whatever else is in it is refused."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat
from scipy.io.matlab import mat_struct

from shgae.artifacts.input_file import open_input
from shgae.data.converters import mat_files as module
from shgae.data.converters.mat_files import field, number, read_variable, structs
from shgae.data.converters.people import Malformed
from shgae.errors import Refused
from tests.builders.annotation_files import struct_array

MARK = b"\x89HDF\r\n\x1a\n"
EMPTY = np.zeros((0, 0))
FIELDS = {"one": 1.5, "zero": 0.0, "nan": np.nan, "none": EMPTY, "text": "ab", "blank": "  ", "in": {"x": 1.0}}


def read(folder: Path, **variables: Any) -> Any:
    """The variable x of a file of these variables."""
    savemat(folder / "a.mat", variables)
    return read_variable(folder / "a.mat", "x", "another")


def fix(path: Path, content: bytes | None = None) -> str:
    """What is advised against a file that is refused."""
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refused) as caught:
        read_variable(path, "x", "another")
    assert caught.value.where == str(path)
    return caught.value.fix


@pytest.fixture(scope="module")
def struct(tmp_path_factory: pytest.TempPathFactory) -> mat_struct:
    found: mat_struct = read(tmp_path_factory.mktemp("struct"), x=FIELDS)
    return found


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (3.5, 3.5),
        (np.ones((1, 1)), 1),
        (np.arange(6).reshape(2, 3), [[0, 1, 2], [3, 4, 5]]),
        (np.arange(3).reshape(1, 1, 3), [0, 1, 2]),
        ("abc", "abc"),
        (EMPTY, []),
    ],
)
def test_numbers_arrays_and_texts_come_squeezed(tmp_path: Path, value: Any, wanted: Any) -> None:
    assert np.asarray(read(tmp_path, x=value, y=5.0)).tolist() == wanted


def test_a_struct_comes_with_its_fields_and_an_array_of_one_looks_like_it(tmp_path: Path) -> None:
    for value in ({"a": 1.0, "b": "text"}, struct_array([{"a": 1.0, "b": "text"}])):
        (found,) = structs(read(tmp_path, x=value), "x")
        assert (field(found, "a"), field(found, "b")) == (1.0, "text")


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_a_struct_array_is_the_list_of_its_structs(tmp_path: Path, count: int) -> None:
    of_seven = struct_array([{"a": float(n), "b": 0.0} for n in range(7)])
    found = structs(read(tmp_path, x=of_seven[:, :count]), "x")
    assert [field(one, "a") for one in found] == list(range(count))


def test_a_table_of_structs_is_read_row_by_row(tmp_path: Path) -> None:
    table = struct_array([{"a": float(n), "b": 0.0} for n in range(6)]).reshape(2, 3)
    assert [field(one, "a") for one in structs(read(tmp_path, x=table), "x")] == list(range(6))


@pytest.mark.parametrize(
    "value", [1.0, "text", "", None, np.ones(2), np.array([1, "a"], object), np.array([None, None])]
)
def test_what_is_no_struct_array_is_malformed(value: Any) -> None:
    with pytest.raises(Malformed):
        structs(value, "x")


def test_one_that_is_no_struct_among_structs_is_malformed(struct: mat_struct) -> None:
    both = np.empty(2, object)
    both[:] = [struct, struct]
    assert structs(both, "x") == [struct, struct]
    both[1] = 5
    with pytest.raises(Malformed):
        structs(both, "x")
    assert structs(np.zeros(0), "x") == structs(np.zeros((0, 3), object), "x") == []


def test_a_field_that_is_empty_or_lacking_is_none_and_zero_and_nan_are_not(struct: mat_struct) -> None:
    assert [name for name in FIELDS if field(struct, name) is None] == ["none", "blank"]
    assert (field(struct, "one"), field(struct, "zero"), field(struct, "text")) == (1.5, 0.0, "ab")
    assert field(field(struct, "in"), "x") == 1.0
    for name in ("lacking", "_fieldnames", "__class__", "ONE"):
        assert field(struct, name) is None


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
def test_a_number_is_a_number_also_as_text_or_in_an_array_of_one(value: float) -> None:
    for form in (value, str(value), f" {value} ", np.array(value), np.array([[value]]), np.array([str(value)])):
        assert number(form, "x") == value


def test_nothing_and_nan_are_no_number() -> None:
    for value in (None, np.nan, "nan", np.array([np.nan])):
        assert number(value, "x") is None


@pytest.mark.parametrize(
    "value",
    ["left", "", "1,5", "0x10", "1 2", np.inf, -np.inf, "inf", "-1e400", [1.0, 2.0], [], np.zeros((2, 1)), object()]
    + [np.array([None]), np.array([{}]), 1 + 2j, np.complex64(1), np.array([1j]), "1_000", "1_0.5"],
)
def test_what_is_not_one_finite_number_is_malformed(value: Any) -> None:
    with pytest.raises(Malformed):
        number(value, "x")


def test_a_struct_is_no_number(struct: mat_struct) -> None:
    with pytest.raises(Malformed):
        number(struct, "x")


def test_a_variable_that_is_lacking_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        read(tmp_path, X=1.0, xx=2.0)
    assert caught.value.fix == "another"


def test_a_file_that_is_open_is_read_and_older_formats_too(tmp_path: Path) -> None:
    for version in ("4", "5"):
        savemat(tmp_path / "a.mat", {"x": np.arange(4.0)}, format=version)
        with open_input(tmp_path / "a.mat") as file:
            assert read_variable(file, "x", "another").tolist() == [0, 1, 2, 3]


def test_a_file_of_version_7_3_is_refused_with_what_helps_wherever_its_mark_is(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    for content in (head, head.ljust(512, b"\0") + MARK, MARK, bytes(512) + MARK, MARK + bytes(9)):
        assert "-v7" in fix(path, content)
    for content in (bytes(1) + MARK, bytes(511) + MARK, bytes(513) + MARK, bytes(512) + MARK[:-1], b"MATLAB 7.2"):
        assert fix(path, content) == "another"


def test_what_is_no_mat_or_torn_is_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"x": struct_array([{"a": "text", "b": 1.0}])})
    whole = (tmp_path / "a.mat").read_bytes()
    for content in (b"", b"no MAT-file", *(whole[:length] for length in range(1, len(whole), 37))):
        assert fix(tmp_path / "b.mat", content) == "another"
    assert fix(tmp_path / "none.mat") != "another"


def test_a_lack_of_memory_is_no_fault_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(module, "loadmat", lacks)
    with pytest.raises(MemoryError):
        read(tmp_path, x=1.0)


def test_nothing_is_said_of_a_variable_that_stands_twice(tmp_path: Path) -> None:
    first, second = io.BytesIO(), io.BytesIO()
    savemat(first, {"x": 1.0})
    savemat(second, {"x": 2.0})
    (tmp_path / "a.mat").write_bytes(first.getvalue() + second.getvalue()[128:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_variable(tmp_path / "a.mat", "x", "another") in (1.0, 2.0)
