"""HDF5 files (.h5), read by h5py, which is an extra package: only arrays that lie in the file itself are believed."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from shgae.arrays import Array
from shgae.artifacts.input_file import Source, path_of, reading
from shgae.data.converters.people import Malformed
from shgae.errors import Refused

if TYPE_CHECKING:
    import h5py

_MOST_ROWS = 1_000_000


def read_arrays(
    source: Source, numbers: Mapping[str, tuple[int, ...]], texts: Sequence[str], fix: str
) -> dict[str, Array]:
    """Arrays of equally many rows out of an HDF5 file; ``fix`` says in an error which file is wanted.

    Args:
        numbers: names of arrays of numbers, with the shape of a row; they come as float64.
        texts: names of arrays of texts, or of their letters' codes; they come as they are.

    Raises:
        Refused: h5py is not installed, the file is missing, or no readable HDF5.
        Malformed: an array is missing, of another shape or kind, or lies outside the file.
    """
    if importlib.util.find_spec("h5py") is None:
        raise Refused("annotations", path_of(source), "the package h5py is not installed", "pip install h5py")
    import h5py

    try:
        with reading(source, "annotations") as (opened, _), h5py.File(opened, "r") as file:
            found = {name: _array(file, name, shape) for name, shape in numbers.items()}
            found |= {name: _array(file, name, None) for name in texts}
    except (Malformed, Refused):
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:  # what h5py makes of HDF5's errors
        raise Refused("annotations", path_of(source), f"no readable HDF5 ({type(error).__name__})", fix) from error
    if len({len(array) for array in found.values()}) > 1:
        raise Malformed("its arrays have unequal numbers of rows")
    return found


def _array(file: h5py.File, name: str, row: tuple[int, ...] | None) -> Array:
    import h5py

    # A link or a virtual array could bring in another file of this machine.
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise Malformed(f"it has no array {name} of its own")
    array = file[name]
    if not isinstance(array, h5py.Dataset) or array.is_virtual or array.external:
        raise Malformed(f"{name} is not an array of its own")
    shape = array.shape
    wanted = f"{name} is not rows x {' x '.join(map(str, row))}" if row else f"{name} is not a row of values"
    if not shape or shape[0] > _MOST_ROWS or (row is not None and shape[1:] != row):
        raise Malformed(wanted)
    if row is None and (len(shape) > 2 or int(np.prod(shape[1:])) > 256):
        raise Malformed(wanted)
    if row is not None and array.dtype.kind not in "iuf":
        raise Malformed(f"{name} does not hold numbers")
    return np.asarray(array[()], np.float64) if row is not None else np.asarray(array[()])
