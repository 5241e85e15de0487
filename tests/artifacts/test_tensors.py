from __future__ import annotations

import json
import os
import stat
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from shgae.artifacts import tensors as tensors_module
from shgae.artifacts.tables import append_row, write_json, write_rows
from shgae.artifacts.tensors import (
    check_arrays,
    load_tensors,
    map_tensor,
    read_note,
    replacing,
    save_tensors,
    sync,
    tensors_size,
    write_bytes,
)
from shgae.errors import Refused
from tests.artifacts.conftest import everything, put, recorded

Array = npt.NDArray[Any]
NUMBERS = (np.float64, np.float32, np.float16, np.int64, np.int32, np.uint8, np.bool_)
A, B = np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(4, dtype=np.uint8)


def same(one: Array, other: Array) -> bool:
    """Equal to the bit, NaN and -0 too."""
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def crafted(path: Path, header: Any, payload: bytes = b"", claim: int | None = None) -> Path:
    """A file with any header, true or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return put(path, (len(text) if claim is None else claim).to_bytes(8, "little") + text + payload)


def entry(shape: Any, begin: Any, end: Any, dtype: Any = "U8") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


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
    formats = {np.dtype(dtype): name for name, dtype in tensors_module._DTYPES.items()}
    assert path.stat().st_size == tensors_size({name: (formats[a.dtype], a.shape) for name, a in arrays.items()})
    loaded = load_tensors(path)
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert same(loaded[name], array)
        assert same(map_tensor(path, name), array)


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


# Writing


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_files_have_the_mode_that_the_umask_asks_for(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        save_tensors(tmp_path / "tensors", {"a": A})
        write_json(tmp_path / "json", {})
        write_rows(tmp_path / "rows", [{}])
        append_row(tmp_path / "appended", {})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("tensors", "json", "rows", "appended"), 0o666 & ~mask)


def test_a_file_is_written_then_synced_then_renamed_then_its_folder_synced(tmp_path: Path) -> None:
    with recorded() as disk:
        write_bytes(tmp_path / "x", b"hello")
    sibling = f".x.{os.getpid()}.tmp"
    assert disk.calls == [("fsync", sibling, 5), ("replace", sibling, "x"), ("fsync", tmp_path.name, None)]


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("call", [0, 1, 2])
def test_a_write_that_fails_leaves_the_old_content_or_the_new_and_nothing_beside_it(
    tmp_path: Path, call: int, old: bytes | None
) -> None:
    path = tmp_path / "x"
    if old:
        path.write_bytes(old)
    with pytest.raises(OSError, match="No space"), recorded(fails_at=call):
        write_bytes(path, b"new")
    renamed = call == 2
    assert everything(tmp_path) == ({"x": b"new"} if renamed else {"x": old} if old else {})


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted as Linux tells them")
def test_what_is_written_and_synced_does_not_stay_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        write_bytes(tmp_path / "x", b"new")
        sync(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_write_that_fails_says_where_unless_the_system_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    with pytest.raises(OSError, match="No space") as caught, recorded(fails_at=0):
        write_bytes(path, b"new")
    assert caught.value.filename == str(path)

    def full(*_: Any) -> Any:
        raise OSError(24, "Too many open files", "elsewhere")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="Too many open files: 'elsewhere'"):
        write_bytes(path, b"new")


def test_a_keyboard_interrupt_while_writing_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt
    assert everything(tmp_path) == {"x": b"old"}


# Hostile and torn files

READERS: dict[str, Callable[[Path], Any]] = {
    "load": load_tensors,
    "map": lambda path: map_tensor(path, "a"),
    "note": read_note,
}
every_reader = pytest.mark.parametrize("reader", READERS.values(), ids=READERS)


@every_reader
def test_a_file_cut_at_any_byte_is_refused(tmp_path: Path, reader: Callable[[Path], Any]) -> None:
    save_tensors(tmp_path / "whole", {"a": A, "b": B}, {"epoch": 1})
    whole, torn = (tmp_path / "whole").read_bytes(), tmp_path / "torn"
    for size in range(len(whole)):
        put(torn, whole[:size])
        with pytest.raises(Refused, match="torn: no safetensors file"):
            reader(torn)
    torn.write_bytes(whole + b"\0")
    with pytest.raises(Refused, match="29 bytes of tensors where 28 are announced"):
        reader(torn)


HOSTILE: dict[str, tuple[Any, bytes]] = {
    "no JSON": (b"{'a': 1}", b""),
    "a list": ([], b""),
    "a number": (b"17", b""),
    "UTF-16": (json.dumps({"a": entry([1], 0, 1)}).encode("utf-16"), b"x"),
    "no UTF-8": (b'{"\xff": 1}', b""),
    "nested without end": (b'{"a":' + b"[" * 100_000, b""),
    "a name twice": (b'{"a": %b, "a": %b}' % ((json.dumps(entry([1], 0, 1)).encode(),) * 2), b"x"),
    "a key twice": (b'{"a": {"dtype": "U8", "dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}', b"x"),
    "no entry": ({"a": None}, b""),
    "an empty entry": ({"a": {}}, b""),
    "no number format": ({"a": {"shape": [1], "data_offsets": [0, 1]}}, b"x"),
    "no shape": ({"a": {"dtype": "U8", "data_offsets": [0, 1]}}, b"x"),
    "no place": ({"a": {"dtype": "U8", "shape": [1]}}, b"x"),
    "a format that is a list": ({"a": entry([1], 0, 1, dtype=["U8"])}, b"x"),
    "a format that is no text": ({"a": entry([1], 0, 1, dtype=None)}, b"x"),
    "one offset": ({"a": {"dtype": "U8", "shape": [1], "data_offsets": [1]}}, b"x"),
    "a negative shape": ({"a": entry([-1], 0, 0)}, b""),
    "two negative axes": ({"a": entry([-1, -1], 0, 1)}, b"x"),
    "a negative place": ({"a": entry([1], -1, 0)}, b"x"),
    "an end before its begin": ({"a": entry([0], 1, 0)}, b"x"),
    "a text as shape": ({"a": entry("", 0, 1)}, b"x"),
    "a digit as shape": ({"a": entry("1", 0, 1)}, b"x"),
    "a fraction as shape": ({"a": entry([1.5], 0, 1)}, b"x"),
    "true as shape": ({"a": entry([True], 0, 1)}, b"x"),
    "infinity as shape": (b'{"a": {"dtype": "U8", "shape": [1e999], "data_offsets": [0, 1]}}', b"x"),
    "a shape larger than its bytes": ({"a": entry([2], 0, 1)}, b"x"),
    "a shape that wraps to nothing": ({"a": entry([2**33, 2**31], 0, 0)}, b""),
    "a shape of a petabyte": ({"a": entry([2**50], 0, 1)}, b"x"),
    "a shape beyond 64 bits": ({"a": entry([10**400], 0, 1)}, b"x"),
    "an axis beyond 64 bits, empty": ({"a": entry([0, 2**64], 0, 0)}, b""),
    "a hundred axes": ({"a": entry([1] * 100, 0, 1)}, b"x"),
    "a place beyond the file": ({"a": entry([8], 0, 8)}, b"x"),
    "overlapping tensors": ({"a": entry([2], 0, 2), "b": entry([2], 1, 3)}, b"xyz"),
    "one tensor inside another": ({"a": entry([3], 0, 3), "b": entry([1], 1, 2)}, b"xyz"),
    "two tensors in one place": ({"a": entry([1], 0, 1), "b": entry([1], 0, 1)}, b"x"),
    "a gap": ({"a": entry([1], 0, 1), "b": entry([1], 2, 3)}, b"xyz"),
    "a gap at the start": ({"a": entry([1], 1, 2)}, b"xy"),
    "bytes nobody names": ({"a": entry([1], 0, 1)}, b"xy"),
    "metadata that is no table": ({"__metadata__": [], "a": entry([1], 0, 1)}, b"x"),
    "metadata that is no text": ({"__metadata__": {"note": 5}, "a": entry([1], 0, 1)}, b"x"),
    "too many tensors": ({f"{i}": entry([0], 0, 0) for i in range(20_001)}, b""),
}


@every_reader
@pytest.mark.parametrize(("header", "payload"), HOSTILE.values(), ids=HOSTILE)
def test_a_header_that_lies_is_refused(
    tmp_path: Path, header: Any, payload: bytes, reader: Callable[[Path], Any]
) -> None:
    path = crafted(tmp_path / "x.safetensors", header, payload)
    with pytest.raises(Refused, match="x.safetensors: no safetensors file") as caught:
        reader(path)
    assert len(caught.value.line()) < 400


@every_reader
@pytest.mark.parametrize("claim", [0, 1, 4_000_001, 100_000_000, 2**63, 2**64 - 1])
def test_a_header_that_claims_too_much_is_refused_without_reading_it(
    tmp_path: Path, claim: int, reader: Callable[[Path], Any]
) -> None:
    path = crafted(tmp_path / "x", b"{}", claim=claim)
    os.truncate(path, 8 + min(claim, 110_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match=f"its header claims {claim} bytes"):
            reader(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("note", [b"{", b"17", b'"text"', b"[" * 50_000, b"null"])
def test_a_note_that_is_no_object_is_refused(tmp_path: Path, note: bytes) -> None:
    path = crafted(tmp_path / "x", {"__metadata__": {"note": note.decode()}})
    with pytest.raises(Refused, match="its note is no JSON"):
        read_note(path)


@pytest.mark.parametrize(
    ("dtype", "size"), [("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1), ("F128", 16), ("", 1), ("float32", 4)]
)
def test_a_number_format_that_numpy_lacks_is_refused(tmp_path: Path, dtype: str, size: int) -> None:
    path = crafted(tmp_path / "x", {"a": entry([3], 0, 3 * size, dtype)}, bytes(3 * size))
    with pytest.raises(Refused):
        load_tensors(path)
    with pytest.raises(Refused, match="its number format"):
        map_tensor(path, "a")


@pytest.mark.parametrize("name", ["c", "__metadata__"])
def test_a_tensor_that_is_not_in_the_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    save_tensors(tmp_path / "x", {"a": A}, {"epoch": 1})
    with pytest.raises(Refused, match=f"tensor {name} in .* has none of that name"):
        map_tensor(tmp_path / "x", name)


@every_reader
def test_no_file_and_a_folder_are_refused(tmp_path: Path, reader: Callable[[Path], Any]) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(Refused, match="no such file"):
            reader(path)


def outcome(reader: Callable[[], Any]) -> Any:
    """What a reader returns, or None when it refuses; any other exception is a fault and ends the test."""
    try:
        return reader()
    except Refused:
        return None


def check_that_readers_agree(path: Path) -> None:
    loaded = outcome(lambda: load_tensors(path))
    outcome(lambda: read_note(path))
    for name in ("a", "b"):
        mapped = outcome(lambda name=name: map_tensor(path, name))
        if loaded is not None:  # else another tensor of the file may be of a number format that numpy lacks
            known = name in loaded and loaded[name].dtype in NUMBERS
            assert same(loaded[name], mapped) if known else mapped is None


BASE = safetensors.numpy.save({"a": A, "b": B}, {"note": '{"epoch": 1}'})
HEADER_END = 8 + int.from_bytes(BASE[:8], "little")


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, HEADER_END - 1), st.integers(0, 2), st.integers(0, 255)), min_size=1, max_size=4),
    st.booleans(),
)
def test_a_header_with_any_bytes_changed_is_refused_or_read_alike(
    folder: Path, edits: list[tuple[int, int, int]], fit: bool
) -> None:
    data = bytearray(BASE)
    for place, removed, byte in edits:
        data[place : place + removed] = bytes([byte])
    if fit:  # keep the length true, so that the JSON itself is put to the test
        data[:8] = (len(data) - (len(BASE) - HEADER_END) - 8).to_bytes(8, "little")
    check_that_readers_agree(put(folder / "x", bytes(data)))


ODD = st.one_of(
    st.sampled_from([None, True, -1, 0, 1, 4, 6, 24, 28, 2**31, 2**63, 10**30, 1.5, 1e300, "", "é"]),
    st.lists(st.integers(-2, 30), max_size=4),
    st.sampled_from(["U8", "F32", "I64", "I16", "BF16", "F64", "C64", "BOOL", "F8_E5M2"]),
)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_header_with_any_value_changed_is_refused_or_read_alike(folder: Path, data: st.DataObject) -> None:
    header = json.loads(BASE[8:HEADER_END])
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(["a", "b", "__metadata__"]))
        key = data.draw(st.sampled_from([None, "dtype", "shape", "data_offsets", "note"]))
        value = data.draw(ODD)
        if key is None or not isinstance(header[name], dict):
            header[name] = value
        else:
            header[name][key] = value
    check_that_readers_agree(crafted(folder / "x", header, BASE[HEADER_END:]))


def test_the_limits_on_headers_leave_room_for_real_networks() -> None:
    assert tensors_module.MAX_TENSORS >= 10_000
    assert tensors_module.MAX_HEADER_BYTES >= 1_000_000


@pytest.mark.parametrize(
    "arrays",
    [{}, {"x": np.zeros((2, 3), np.float64)}, {"x": np.zeros((3, 2), np.float32)}, {"y": np.zeros(1)}],
)
def test_arrays_other_than_the_manifest_says_are_refused(tmp_path: Path, arrays: dict[str, Array]) -> None:
    check_arrays(tmp_path, {"x": np.zeros((2, 3), np.float32)}, {"x": ("F32", (2, 3))})
    with pytest.raises(Refused, match="make the artefact again"):
        check_arrays(tmp_path, arrays, {"x": ("F32", (2, 3))})
