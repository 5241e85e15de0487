"""Tensors are written at once and read back to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from shgae.artifacts import tensors as tensors_module
from shgae.artifacts.tensors import check_arrays, load_tensors, map_tensor, read_note, save_tensors, tensors_size
from shgae.errors import Refused
from tests.builders.tensor_files import (
    NUMBERS,
    A,
    Array,
    B,
    same,
)

# Round trips


@settings(deadline=None, max_examples=80)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda name: name != "__metadata__"),
        st.sampled_from(NUMBERS).flatmap(
            lambda dtype: nps.arrays(dtype, nps.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
        ),
        max_size=4,
    )
)
def test_whatever_is_saved_is_loaded_and_mapped_to_the_bit(folder: Path, arrays: dict[str, Array]) -> None:
    path = folder / "x.safetensors"
    save_tensors(path, arrays)
    formats = {np.dtype(dtype): name for name, dtype in tensors_module.DTYPES.items()}
    assert path.stat().st_size == tensors_size({name: (formats[a.dtype], a.shape) for name, a in arrays.items()})
    loaded = load_tensors(path, finite=False)
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert same(loaded[name], array)
        assert same(map_tensor(path, name), array)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_by_its_tensor_unless_it_may_be_there(
    tmp_path: Path, dtype: type[np.generic], value: float
) -> None:
    arrays = {"a": np.zeros(3, dtype), "b": np.array([[1, value]], dtype), "c": np.arange(3)}
    save_tensors(tmp_path / "x", arrays)
    with pytest.raises(Refused, match="tensor b in .*x: .* not finite"):
        load_tensors(tmp_path / "x")
    assert same(load_tensors(tmp_path / "x", finite=False)["b"], arrays["b"])


@pytest.mark.parametrize(
    "array",
    [np.float32(3.5), np.arange(12).reshape(3, 4).T, np.arange(10)[::3], np.arange(3, dtype=">f4")],
    ids=["no axis", "transposed", "strided", "big-endian"],
)
def test_the_layout_in_memory_makes_no_difference(tmp_path: Path, array: Array) -> None:
    save_tensors(tmp_path / "x", {"x": array})
    loaded = load_tensors(tmp_path / "x")["x"]
    assert loaded.shape == array.shape
    np.testing.assert_array_equal(loaded, array)


def test_equal_content_gives_equal_bytes_in_any_order(tmp_path: Path) -> None:
    note = {"epoch": 1, "best": 0.25, "deep": {"x": [1], "a": None}}
    save_tensors(tmp_path / "one", {"a": A, "b": B, "c": A}, note)
    save_tensors(tmp_path / "other", {"c": A, "b": B, "a": A}, dict(reversed(note.items())))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_note_is_read_back_and_is_empty_when_none_was_written(tmp_path: Path) -> None:
    note = {"loss": 0.1 + 0.2, "tiny": 5e-324, "name": 'ü"\\\n', "none": None}
    save_tensors(tmp_path / "with", {"a": A}, note)
    save_tensors(tmp_path / "without", {"a": A})
    assert read_note(tmp_path / "with") == note
    assert read_note(tmp_path / "without") == {}


def test_a_mapped_tensor_is_not_loaded_and_cannot_be_written(tmp_path: Path) -> None:
    save_tensors(tmp_path / "x", {"a": A})
    mapped = map_tensor(tmp_path / "x", "a")
    assert isinstance(mapped.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        mapped[0] = 1


def test_the_limits_on_headers_leave_room_for_real_networks() -> None:
    assert tensors_module.MAX_TENSORS >= 10_000
    assert tensors_module.MAX_HEADER_BYTES >= 1_000_000


@pytest.mark.parametrize(
    "arrays",
    [{}, {"x": np.zeros((2, 3), np.float64)}, {"x": np.zeros((3, 2), np.float32)}, {"y": np.zeros(1)}],
)
def test_arrays_other_than_the_manifest_says_are_refused(tmp_path: Path, arrays: dict[str, Array]) -> None:
    check_arrays(tmp_path, {"x": np.zeros((2, 3), np.float32)}, {"x": ("F32", (2, 3))})
    with pytest.raises(Refused, match="--force"):
        check_arrays(tmp_path, arrays, {"x": ("F32", (2, 3))})
