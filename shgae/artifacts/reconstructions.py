"""Reconstructions of bottlenecks that another program made: tensors in a file, so no code of it is run.

::

    "bottleneck"       (N, C, 4, 4) float32 or float16, what stands in the place of the bottleneck of each person
    "annotation_id"    (N,) int64, of which people, in any order
    metadata           "activations": the id of the activations that they are of, of one stack of several with /stack-N
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from shgae.arrays import Array, Floats32, Ints
from shgae.artifacts.activation_splits import ActivationSplits
from shgae.artifacts.activations import LARGEST
from shgae.artifacts.durable import write_bytes
from shgae.artifacts.hashing import known_hash, state_of
from shgae.artifacts.input_file import open_input
from shgae.artifacts.tensors import map_tensor, read_header
from shgae.errors import Refused, shortened

ORIGIN = "activations"
_METADATA = "__metadata__"
_TENSORS = ("annotation_id", "bottleneck")
_AT_ONCE = 1024
"""How many people are looked at together."""
_TAKEN = re.compile(r"id|ae|old-ae|random-ae|shuffle|mean|zero|pca-.*|[0-9]+")
"""What reports call the replacements that shgae makes itself."""
_LONGEST_NAME = 40
_FIX = "shgae.write_reconstruction writes such a file"


@dataclass(frozen=True, eq=False)
class GivenReconstruction:
    """A file that was checked, for the people of a split."""

    path: Path
    sha256: str
    """Of the file."""
    _bottleneck: Array
    _places: Ints
    """(N,) where in the file each person of the split stands."""

    def read(self, rows: Ints) -> Floats32:
        """What stands in the place of the bottleneck, of these rows of the split: (n, C, 4, 4) float32."""
        return self._bottleneck[self._places[rows]].astype(np.float32)


def check_name(name: str) -> None:
    """Raises :class:`Refused` for what reports cannot call reconstructions: it cannot be shown, or is taken."""
    if not name.isprintable() or not name.strip() or len(name) > _LONGEST_NAME:
        why = f"{name[:_LONGEST_NAME]!r} is not a name of 1 to {_LONGEST_NAME} characters that can be shown"
        raise Refused("value", "--given", why, "--given nmf=FILE")
    if _TAKEN.fullmatch(name):
        raise Refused("value", "--given", f"{name} is a replacement of shgae's own", "another name")


def write_reconstruction(path: str | Path, bottleneck: Any, annotation_id: Any, activations: ActivationSplits) -> None:
    """See :func:`shgae.write_reconstruction`."""
    path, ids, numbers = Path(path), np.asarray(annotation_id), np.asarray(bottleneck)
    if ids.dtype.kind not in "iu" or numbers.dtype.kind not in "fiu":
        raise Refused("tensors", path, f"numbers of {numbers.dtype}, ids of {ids.dtype}", "floats, and whole ids")
    most = np.finfo(np.float32).max
    with np.errstate(over="ignore"):
        # In C order: the library writes an array's memory as it lies.
        people: Ints = ids.astype(np.int64, order="C")
        tensor: Array = numbers.astype(np.float32, order="C")
    _check_shapes(path, tensor, people, activations.shape)
    if (is_beyond := np.isfinite(numbers) & ~np.isfinite(tensor)).any():
        who = people[is_beyond.any(axis=(1, 2, 3))][0]
        raise Refused("tensor bottleneck", path, f"a number of annotation {who} is beyond float32", f"at most {most:g}")
    _check_finite(path, tensor, people)
    known = [activations[split].annotation_id for split in activations]
    if not any(np.isin(people, one).all() for one in known):
        why = f"its people are not all of one split of the activations in {activations.artifact.path}"
        raise Refused("tensor annotation_id", path, why, "the annotation_id of one split")
    _places(path, people, people)
    # One key of metadata only: with several, the library's byte order differs from run to run.
    tensors = dict(zip(_TENSORS, (people, tensor), strict=True))
    write_bytes(path, safetensors.numpy.save(tensors, {ORIGIN: activations.origin}))


def read_reconstruction(path: Path, origin: str, channels: int, wanted: Ints, known: Ints) -> GivenReconstruction:
    """Opens a file of reconstructions and checks it; the numbers stay on disk.

    Args:
        path: the file.
        origin: the activations that they must be of, see :attr:`ActivationSplits.origin`.
        channels: of the bottleneck.
        wanted: (N,) ids of the people who are evaluated, in order.
        known: (M,) ids of everybody in their split.

    Raises:
        Refused: the file is torn, of other activations or other people, or its tensors are not as they must be.
    """
    with open_input(path, "reconstruction") as file:
        before, sha256 = state_of(file), known_hash(file)
    header = read_header(path)[0]
    if wrong := sorted((header.keys() - {_METADATA}) ^ set(_TENSORS)):
        why = f"tensor {shortened(wrong[0], 40)} is {'unknown' if wrong[0] in header else 'missing'}"
        raise Refused("reconstruction", path, why, _FIX)
    said = header.get(_METADATA, {}).get(ORIGIN)
    if said != origin:
        why = f"of activations {shortened(said, 80)}, not of {origin}" if said else "its metadata name no activations"
        raise Refused("reconstruction", path, why, _FIX)
    for name, formats in zip(_TENSORS, (("I64",), ("F32", "F16")), strict=True):
        if (found := header[name]["dtype"]) not in formats:
            raise Refused(f"tensor {name}", path, f"it is {shortened(found, 20)}, wanted {' or '.join(formats)}", _FIX)
    ids, bottleneck = (map_tensor(path, name) for name in _TENSORS)
    _check_shapes(path, bottleneck, ids, (channels, 4, 4))
    places = _places(path, ids, wanted)
    if len(strangers := ids[~np.isin(ids, known)]):
        why = f"annotation {strangers[0]} is nobody of the split"
        raise Refused("tensor annotation_id", path, why, "reconstructions of the split that is evaluated, see --split")
    _check_finite(path, bottleneck, ids)
    with open_input(path, "reconstruction") as file:
        if state_of(file) != before:
            raise Refused("reconstruction", path, "it changed while it was read", "the same command again")
    return GivenReconstruction(path, sha256, bottleneck, places)


def _check_shapes(path: Path, bottleneck: Array, ids: Array, shape: tuple[int, ...]) -> None:
    if ids.ndim != 1 or not len(ids):
        raise Refused("tensor annotation_id", path, f"it is {ids.shape}, wanted (N,)", _FIX)
    if bottleneck.shape != (len(ids), *shape):
        why = f"it is {bottleneck.shape}, the people and the activations want {(len(ids), *shape)}"
        raise Refused("tensor bottleneck", path, why, _FIX)


def _check_finite(path: Path, bottleneck: Array, ids: Array) -> None:
    for start in range(0, len(ids), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        wide = bottleneck[part].astype(np.float32)  # in float16 the limit itself would be infinite
        is_lost = ~(np.abs(wide) <= LARGEST).all(axis=(1, 2, 3))
        if is_lost.any():
            why = f"a number of annotation {ids[part][is_lost][0]} is not finite, or beyond {LARGEST:g}"
            raise Refused("tensor bottleneck", path, why, "finite numbers, in the unit of the activations")


def _places(path: Path, ids: Ints, wanted: Ints) -> Ints:
    """(N,) where each of the wanted people stands; raises :class:`Refused` if one does twice or not at all."""
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    if len(twice := ordered[1:][ordered[1:] == ordered[:-1]]):
        raise Refused("tensor annotation_id", path, f"annotation {twice[0]} stands in it twice", "each person once")
    at = np.searchsorted(ordered, wanted).clip(max=len(ordered) - 1)
    if len(missing := wanted[ordered[at] != wanted]):
        why = f"annotation {missing[0]} is missing ({len(missing):,} of {len(wanted):,} people)"
        raise Refused("tensor annotation_id", path, why, "reconstructions of everybody who is evaluated")
    found: Ints = order[at]
    return found
