"""Tensor files with any header, true or not, and whether their readers agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from shgae.arrays import Array
from shgae.artifacts.tensors import load_tensors, map_tensor, read_note
from shgae.errors import Refused
from tests.builders.artefacts import put

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


def outcome(reader: Callable[[], Any]) -> Any:
    """What a reader returns, or None when it refuses; any other exception is a fault and ends the test."""
    try:
        return reader()
    except Refused:
        return None


def check_that_readers_agree(path: Path) -> None:
    loaded = outcome(lambda: load_tensors(path, finite=False))
    outcome(lambda: read_note(path))
    for name in ("a", "b"):
        mapped = outcome(lambda name=name: map_tensor(path, name))
        if loaded is not None:  # else another tensor of the file may be of a number format that numpy lacks
            known = name in loaded and loaded[name].dtype in NUMBERS
            assert same(loaded[name], mapped) if known else mapped is None


BASE = safetensors.numpy.save({"a": A, "b": B}, {"note": '{"epoch": 1}'})
HEADER_END = 8 + int.from_bytes(BASE[:8], "little")
