"""Named arrays in a safetensors file: written whole or not at all, checked before they are believed.

The format is an 8-byte little-endian header length, a JSON header and the raw tensors
(https://github.com/huggingface/safetensors). The library writes it and fsyncs nothing; its reader takes duplicate keys
and headers of 100 MB, and opens a path of its own. So writing is wrapped here, and reading is done here: the header is
checked, and all comes from one handle.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from shgae.arrays import Array
from shgae.artifacts import strict_json
from shgae.artifacts.durable import write_bytes
from shgae.artifacts.input_file import Source, reading
from shgae.errors import AGAIN, Refused, shortened

MAX_HEADER_BYTES = 4_000_000
MAX_TENSORS = 20_000
_MAX_AXES = 32
_METADATA = "__metadata__"
_NOTE = "note"
DTYPES: dict[str, type[np.generic]] = {
    "I64": np.int64,
    "F64": np.float64,
    "F32": np.float32,
    "I32": np.int32,
    "F16": np.float16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
"""What numbers of an artefact may be, by the name that the file has for it; the library writes arrays in this order."""
_NUMPYS: dict[str, type[np.generic]] = DTYPES | {
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "I16": np.int16,
    "I8": np.int8,
    "C64": np.complex64,
}
"""What numpy itself has: other packages teach it more, and a file must not be read by what else is installed."""


def tensors_bytes(tensors: Mapping[str, Array], note: Mapping[str, Any] | None = None) -> bytes:
    """Arrays, and a JSON object with them, as one safetensors file; equal content gives equal bytes."""
    # One metadata key only: with several, the library's byte order differs from run to run.
    metadata = None if note is None else {_NOTE: json.dumps(note, sort_keys=True)}
    arrays = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    return safetensors.numpy.save(arrays, metadata)


def save_tensors(path: Path, tensors: Mapping[str, Array], note: Mapping[str, Any] | None = None) -> None:
    """Writes the file of :func:`tensors_bytes`, whole or not at all."""
    write_bytes(path, tensors_bytes(tensors, note))


def tensors_size(shapes: Mapping[str, tuple[str, tuple[int, ...]]]) -> int:
    """Bytes of the file that :func:`save_tensors` makes of arrays of these formats and shapes, without a note."""
    formats, header, at = list(DTYPES), {}, 0
    for name in sorted(shapes, key=lambda name: (formats.index(shapes[name][0]), name)):
        dtype, shape = shapes[name]
        end = at + math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = len(json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode())
    return 8 + -(-text // 8) * 8 + at


def load_tensors(source: Source, *, finite: bool = True) -> dict[str, Array]:
    """Reads every array of a file into memory; with ``finite``, NaN and infinite numbers are refused, as of weights.

    Raises:
        Refused: the file is missing, torn or no safetensors file, or a number is not finite.
    """
    with reading(source, "tensors") as (file, path):
        header, start = _read_header(file, path)
        formats = {entry["dtype"] for name, entry in header.items() if name != _METADATA}
        if lacking := sorted(formats - _NUMPYS.keys()):
            why = f"a number format that numpy lacks ({shortened(lacking[0])})"
            raise Refused("tensors", path, why, "float32 or float16")
        found = {name: _read(file, entry, start) for name, entry in header.items() if name != _METADATA}
    if finite:
        for name, array in found.items():
            check_finite(path, name, array)
    return found


def check_finite(path: Path, name: str, array: Array) -> None:
    """Raises :class:`Refused` if an array of a file holds a number that is NaN or infinite."""
    if array.dtype.kind in "fc" and not np.isfinite(array).all():
        why = "it holds numbers that are not finite"
        raise Refused(f"tensor {shortened(name)}", path, why, AGAIN)


def _read(file: BufferedReader, entry: Mapping[str, Any], start: int) -> Array:
    """One array, copied out of a file with a header that was checked."""
    array: Array = np.empty(entry["shape"], _NUMPYS[entry["dtype"]])
    file.seek(start + entry["data_offsets"][0])
    if file.readinto(array.reshape(-1).view(np.uint8).data) < array.nbytes:
        raise Refused("tensors", file.name, "it became shorter while it was read", "the same command again")
    return array


def check_arrays(path: Path, arrays: Mapping[str, Array], wanted: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Holds the arrays of a file to the names, number formats and shapes that its artefact's manifest implies.

    Raises:
        Refused: one is missing, unknown, of another format or of another shape.
    """
    if wrong := sorted(arrays.keys() ^ wanted.keys()):
        why = f"{shortened(wrong[0])} is {'unknown' if wrong[0] in arrays else 'missing'}"
        raise Refused("tensors", path, why, AGAIN)
    for name, (dtype, shape) in wanted.items():
        found = arrays[name]
        if found.dtype != np.dtype(DTYPES[dtype]) or found.shape != shape:
            why = f"it is {found.dtype} {found.shape}, its manifest wants {np.dtype(DTYPES[dtype])} {shape}"
            raise Refused(f"tensor {name}", path, why, AGAIN)


def read_note(source: Source) -> dict[str, Any]:
    """The JSON object saved with the tensors, or an empty one."""
    with reading(source, "tensors") as (file, path):
        metadata = _read_header(file, path)[0].get(_METADATA, {})
    try:
        note = strict_json.parse(metadata.get(_NOTE, "{}"))
    except strict_json.JsonFault as fault:
        raise Refused("tensors", path, f"its note is not JSON ({fault})", "make the file again") from fault
    if not isinstance(note, dict):
        raise Refused("tensors", path, "its note is not a JSON object", "make the file again")
    return note


def map_tensor(source: Source, name: str) -> Array:
    """One array of a file, memory-mapped and read-only: only the rows that are read are loaded.

    Raises:
        Refused: the file is missing, torn, or has no such array of a known number format.
    """
    with reading(source, "tensors") as (file, path):
        header, start = _read_header(file, path)
        entry = header.get(name)
        if entry is None or name == _METADATA:
            raise Refused(f"tensor {name}", path, "the file has none of that name", "make the file again")
        dtype, shape = DTYPES.get(entry["dtype"]), tuple(entry["shape"])
        if dtype is None:
            why = f"its number format {shortened(entry['dtype'])} is none of {', '.join(DTYPES)}"
            raise Refused(f"tensor {name}", path, why, "make the file again")
        begin, end = entry["data_offsets"]
        try:
            if begin == end:  # an empty range cannot be mapped
                return np.zeros(shape, dtype)
            # As a plain array, which keeps the map open: a row of an np.memmap takes ten times as long to address.
            return np.memmap(file, dtype=dtype, mode="r", offset=start + begin, shape=shape).view(np.ndarray)
        except ValueError as error:
            raise Refused(f"tensor {name}", path, f"unreadable ({error})", "make the file again") from error


def read_header(source: Source) -> tuple[dict[str, Any], int]:
    """The JSON header of a safetensors file, checked, and the byte at which its tensors start.

    Raises:
        Refused: no such file, or its header is torn, too large, ambiguous or does not fit the file.
    """
    with reading(source, "tensors") as (file, path):
        return _read_header(file, path)


def check_header(file: BufferedReader, path: Path) -> None:
    """Raises as :func:`read_header`; the file stays open, and is at its beginning then."""
    file.seek(0)
    _read_header(file, path)
    file.seek(0)


def _read_header(file: BufferedReader, path: Path) -> tuple[dict[str, Any], int]:
    try:
        size = int.from_bytes(file.read(8), "little")
        if not 2 <= size <= MAX_HEADER_BYTES:
            raise ValueError(f"its header claims {size} bytes")
        text = file.read(size)
        payload = os.fstat(file.fileno()).st_size - 8 - size
        if len(text) < size:
            raise ValueError("it is cut short")
        if max(text.count(b"{"), text.count(b"[")) > 3 * MAX_TENSORS:  # parsed, each would take a hundred bytes
            raise ValueError("its header is not a table of tensors")
        header = strict_json.parse(text.decode())
        if not isinstance(header, dict) or len(header) > MAX_TENSORS:
            raise ValueError("its header is not a table of tensors")
        _check_layout(header, payload)
    except (ValueError, TypeError, strict_json.JsonFault) as error:
        raise Refused("tensors", path, f"no safetensors file ({error})", "make the file again") from error
    return header, 8 + size


def _check_layout(header: Mapping[str, Any], payload: int) -> None:
    """Holds a header to its format: sizes fit shapes, and the tensors fill the file without gap or overlap."""
    if not all(isinstance(entry, dict) for entry in header.values()):
        raise ValueError("its header is not a table of tensors")
    if not all(isinstance(value, str) for value in header.get(_METADATA, {}).values()):
        raise ValueError("its metadata is more than text")
    spans = []
    for name, entry in header.items():
        if name == _METADATA:
            continue
        if not {"dtype", "shape", "data_offsets"} <= entry.keys():
            raise ValueError(f"tensor {name:.80} has no shape or no place")
        shape, (begin, end) = entry["shape"], entry["data_offsets"]
        is_fit = isinstance(entry["dtype"], str) and isinstance(shape, list) and len(shape) <= _MAX_AXES
        if not is_fit or not all(type(n) is int and 0 <= n < 2**63 for n in (*shape, begin, end)):
            raise ValueError(f"format, shape or place of tensor {name:.80} is out of range")
        if math.prod(filter(None, shape)) >= 2**48:  # numpy counts the axes of an empty array too
            raise ValueError(f"the axes of tensor {name:.80} are too long")
        dtype = _NUMPYS.get(entry["dtype"])
        if dtype is not None and end - begin != math.prod(shape) * np.dtype(dtype).itemsize:
            raise ValueError(f"size and shape of tensor {name:.80} disagree")
        spans.append((begin, end))
    at = 0
    for begin, end in sorted(spans):
        if not at == begin <= end:
            raise ValueError("its tensors overlap or leave a gap")
        at = end
    if at != payload:
        raise ValueError(f"{payload} bytes of tensors where {at} are announced")
