"""Named arrays in a safetensors file: written whole or not at all, checked before they are believed.

The format is an 8-byte little-endian header length, a JSON header and the raw tensors
(https://github.com/huggingface/safetensors). The library writes it and fsyncs nothing, and its reader takes duplicate
keys and headers of 100 MB; so writing is wrapped here, and the header is checked here before the library reads.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from shgae.errors import Refused

Array = npt.NDArray[Any]

MAX_HEADER_BYTES = 4_000_000
MAX_TENSORS = 20_000
_NOTE = "note"
_DTYPES: dict[str, type[np.generic]] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file so that a crash leaves the old content or the new one: sibling, fsync, rename, fsync folder."""
    sibling = path.with_name(f".{path.name.lstrip('.')}.{os.getpid()}.tmp")
    try:
        with sibling.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        sibling.replace(path)
    except BaseException:
        sibling.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def save_tensors(path: Path, tensors: Mapping[str, Array], note: Mapping[str, Any] | None = None) -> None:
    """Writes arrays, and a JSON object beside them, to one safetensors file; equal content gives equal bytes."""
    # One metadata key only: with several, the library's byte order differs from run to run.
    metadata = None if note is None else {_NOTE: json.dumps(note, sort_keys=True)}
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    write_bytes(path, safetensors.numpy.save(arrays, metadata))


def load_tensors(path: Path) -> dict[str, Array]:
    """Reads every array of a file into memory.

    Raises:
        Refused: the file is missing, torn or no safetensors file.
    """
    read_header(path)
    try:
        tensors: dict[str, Array] = safetensors.numpy.load_file(path)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise Refused("tensors", path, str(error), "make the file again") from error
    return tensors


def read_note(path: Path) -> dict[str, Any]:
    """The JSON object saved beside the tensors, or an empty one."""
    metadata = read_header(path)[0].get("__metadata__", {})
    note = json.loads(metadata[_NOTE]) if _NOTE in metadata else {}
    if not isinstance(note, dict):
        raise Refused("tensors", path, "its note is no JSON object", "make the file again")
    return note


def map_tensor(path: Path, name: str) -> Array:
    """One array of a file, memory-mapped and read-only: only the rows that are read are loaded.

    Raises:
        Refused: the file is missing, torn, or has no such array of a known number format.
    """
    header, start = read_header(path)
    try:
        entry = header[name]
        dtype = _DTYPES[entry["dtype"]]
        shape = tuple(int(size) for size in entry["shape"])
        begin, end = (int(offset) for offset in entry["data_offsets"])
        if min(shape, default=0) < 0 or end - begin != int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize:
            raise ValueError("its size and shape disagree")
        if not 0 <= begin <= end <= path.stat().st_size - start:
            raise ValueError("the file is cut short")
        if begin == end:
            return np.zeros(shape, dtype)
        return np.memmap(path, dtype=dtype, mode="r", offset=start + begin, shape=shape)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"tensor {name}", path, f"unreadable ({error})", "make the file again") from error


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The JSON header of a safetensors file and the byte at which its tensors start.

    Raises:
        Refused: no such file, or its header is torn, too large, ambiguous or no JSON object.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if not 2 <= size <= MAX_HEADER_BYTES:
                raise ValueError(f"its header claims {size} bytes")
            text = file.read(size)
        if len(text) < size:
            raise ValueError("it is cut short")
        header = json.loads(text, object_pairs_hook=_without_duplicates)
    except FileNotFoundError as error:
        raise Refused("tensors", path, "no such file", "check the path") from error
    except (ValueError, RecursionError) as error:
        raise Refused("tensors", path, f"no safetensors file ({error})", "make the file again") from error
    if not isinstance(header, dict) or len(header) > MAX_TENSORS:
        raise Refused("tensors", path, "its header is no table of tensors", "make the file again")
    return header, 8 + size


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("it names something twice")
    return table
