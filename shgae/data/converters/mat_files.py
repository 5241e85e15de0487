"""MATLAB files up to version 7 (.mat), read by scipy: nothing in them is believed.

Structs come as their fields; a struct array of one, as MATLAB saves it, looks like a single struct.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import mat_struct

from shgae.artifacts.input_file import Source, reading
from shgae.data.converters.people import Malformed
from shgae.errors import Refused

_HDF5 = b"\x89HDF\r\n\x1a\n"
_HDF5_PLACES = (0, 512)
"""Bytes before HDF5's mark in a plain file, and in MATLAB's of version 7.3."""
_AS_V7 = "load it in MATLAB or Octave and save it with -v7"


def read_variable(source: Source, name: str, fix: str) -> Any:
    """A variable of a .mat file, squeezed: a number, an array, a struct (``mat_struct``) or an object array of structs.

    ``fix`` says in an error which file is wanted.

    Raises:
        Refused: the file is missing, torn, of version 7.3 or no .mat at all, or lacks the variable.
    """
    with reading(source, "annotations") as (file, path):
        head = file.read(_HDF5_PLACES[-1] + len(_HDF5))
        file.seek(0)
        if head.startswith(b"MATLAB 7.3") or any(head[at : at + len(_HDF5)] == _HDF5 for at in _HDF5_PLACES):
            raise Refused("annotations", path, "a .mat of version 7.3 (HDF5), up to 7 is read", _AS_V7)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = loadmat(file, variable_names=[name], struct_as_record=False, squeeze_me=True)
        except MemoryError:
            raise
        except Exception as error:  # scipy raises whatever a broken file trips over: some twelve types
            raise Refused("annotations", path, f"no readable .mat ({type(error).__name__})", fix) from error
    if name not in found:
        raise Refused("annotations", path, f"it holds no variable {name}", fix)
    return found[name]


def structs(value: Any, what: str) -> list[mat_struct]:
    """The structs of a struct array: none of an empty one; raises :class:`Malformed` for anything else."""
    if isinstance(value, mat_struct):
        return [value]
    array = np.asarray(value)
    if array.size and not (array.dtype == object and all(isinstance(one, mat_struct) for one in array.flat)):
        raise Malformed(f"{what} is not a struct array")
    return list(array.flat)


def field(struct: mat_struct, name: str) -> Any:
    """A field of a struct; None where it lacks the field, or the field is empty."""
    value = vars(struct).get(name) if name in struct._fieldnames else None
    return None if value is None or np.size(value) == 0 or (isinstance(value, str) and not value.strip()) else value


def number(value: Any, what: str) -> float | None:
    """A field as one finite number (also written as text); None for None and NaN, MATLAB's nothing.

    Raises:
        Malformed: it is not a finite number, or several.
    """
    if value is None:
        return None
    if np.size(value) != 1:
        raise Malformed(f"{what} is not one number")
    one = np.asarray(value).reshape(-1)[0]
    if np.iscomplexobj(one) or "_" in str(one):  # Python would drop the imaginary part, and reads 1_000 as 1000
        raise Malformed(f"{what} is not a number ({one!r:.40})")
    try:
        found = float(one)
    except (TypeError, ValueError) as error:
        raise Malformed(f"{what} is not a number ({one!r:.40})") from error
    if math.isinf(found):
        raise Malformed(f"{what} is not finite")
    return None if math.isnan(found) else found
