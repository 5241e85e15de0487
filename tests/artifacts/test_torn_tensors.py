"""Torn and hostile tensor files are refused, and read alike by every reader where they are not."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.artifacts.tensors import (
    load_tensors,
    map_tensor,
    read_note,
    save_tensors,
)
from shgae.errors import Refused
from tests.builders.artefacts import put
from tests.builders.tensor_files import (
    BASE,
    HEADER_END,
    A,
    B,
    check_that_readers_agree,
    crafted,
    entry,
)

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
    with pytest.raises(Refused, match="29 bytes .* 28 "):
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
    "axes beyond all memory of an empty tensor": ({"a": entry([0, 2**62, 2**62], 0, 0)}, b""),
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
    with pytest.raises(Refused, match="note is not (a )?JSON"):
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
    with pytest.raises(Refused, match=f"tensor {name} in "):
        map_tensor(tmp_path / "x", name)


@every_reader
def test_no_file_and_a_folder_are_refused(tmp_path: Path, reader: Callable[[Path], Any]) -> None:
    for path, why in ((tmp_path / "none", "no such file"), (tmp_path, "it is a folder")):
        with pytest.raises(Refused, match=why):
            reader(path)


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
