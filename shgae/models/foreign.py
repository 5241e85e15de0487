"""Reading other people's weight files: safely, whatever is in them.

A ``.pth`` is a pickle, and a pickle is a program. Torch's ``weights_only`` unpickler refuses everything but tensors and
plain values; a child process with a limit on memory and time reads the file through it and hands back plain tensors, so
that not even a flaw in that reader reaches the process that called. A file that is refused is never tried again
otherwise. It is opened once; what is looked at, read and hashed is the same file.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Literal, NamedTuple

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch

from shgae.arrays import Array
from shgae.artifacts import reader_process
from shgae.artifacts.hashing import hash_open, state_of
from shgae.artifacts.input_file import open_input
from shgae.artifacts.tensors import check_header
from shgae.errors import Refused, printable
from shgae.execution import StopFlag
from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS, DECLINED, CheckpointFormat, Upbringing
from shgae.models.foreign_kinds import BEGINNING, TOO_LARGE, other_kind, reason
from shgae.models.foreign_objects import FOUND, Form, is_harmless, stand_in, wanted
from shgae.models.foreign_tensors import STATE_DICT, as_weights, find_network
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import misfit, shared_names, tensor_shapes
from shgae.wording import few

_PREFIXES = re.compile(r"((module|model|net|_orig_mod)\.)*")
"""What DataParallel, torch.compile or a trainer that holds the network put before every name."""
_SAFETENSORS = ".safetensors"
_TIME_LIMIT = 60.0
"""Seconds in which a file must be read."""
_MEMORY_LIMIT = 8 << 30
"""Bytes that the child may take beyond what it starts with."""
_EXPECTED = ("numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
"""What most trainings save with the weights: their best score, as a number of numpy's."""
_TOO_LARGE = "\n".join(TOO_LARGE).encode()
_MOST_NAMES = 200
"""Different objects in one checkpoint."""


@dataclass(frozen=True)
class ForeignModel:
    """Somebody else's weights in our names."""

    family: str
    """Their origin, in words."""
    kind: Literal["hourglass", "autoencoder"]
    """The kind of artefact they make."""
    spec: HourglassSpec | AutoencoderSpec
    """The network that they fit."""
    arrays: Mapping[str, Array]
    """Every tensor of that network by our names, float32 or int64."""
    upbringing: Upbringing | None
    """What an hourglass of that family was trained on; None for an autoencoder."""
    dropped: tuple[str, ...]
    """Tensors of the file, by their own names, that its network never used."""
    note: str = ""
    """Where in the file the network was, and what lies next to it, where that is worth a word."""
    chosen: str = ""
    """Where in the file it was, if there are several."""
    sha256: str = ""
    """Of the file, in hexadecimal."""


def read_foreign(path: Path, stop: StopFlag | None = None) -> ForeignModel:
    """Reads a ``.pth`` or ``.safetensors`` file of a known family, with its sizes taken from its shapes; the wish to
    stop is heard meanwhile.

    Raises:
        Interrupted: a signal came.
        Refused: no such file, no checkpoint of plain tensors (nothing in it was run), an unknown family, or tensors
            that are missing, left over or of another shape.
    """
    found = _read(path, stop)
    translated = translate(found.arrays, path)
    return dataclasses.replace(translated, note=found.note, chosen=found.chosen, sha256=found.sha256)


class StateDict(NamedTuple):
    """The state dict of one network of a file."""

    arrays: dict[str, Array]
    """Every tensor by name, float32 or int64."""
    note: str
    """Where in the file it was, if that is worth a word."""
    chosen: str
    """Where in the file it was, if there are several networks."""
    sha256: str
    """Of the file."""


def read_tuned(path: Path, spec: HourglassSpec, stop: StopFlag | None = None) -> StateDict:
    """Reads the state dict of an hourglass of ours that was trained on elsewhere: ``model.state_dict()``.

    As :func:`read_foreign`; it must fit the spec. Names may begin with what DataParallel and the like put before them.

    Raises:
        Refused: as :func:`read_foreign`; or stacks that share an autoencoder have different weights for it.
    """
    found = _read(path, stop)
    shapes = tensor_shapes(spec)
    arrays = dict(_with_counters(_bare(found.arrays), shapes))
    for name, first in shared_names(spec).items():
        copy = arrays.pop(name, None)
        if copy is not None and not np.array_equal(copy, arrays.setdefault(first, copy)):
            why = f"{name} and {first} are one tensor in the model, and differ here"
            raise Refused("tensors", path, why, "--like a model in which each stack has an autoencoder of its own")
    if wrong := misfit(shapes, {name: array.shape for name, array in arrays.items()}):
        raise Refused("tensors", path, wrong, "--like the model that these weights were opened from")
    return found._replace(arrays=arrays)


def _read(path: Path, stop: StopFlag | None) -> StateDict:
    """All tensors of a file, as they are named in it."""
    with open_input(path, "checkpoint", wanted="a .pth, .tar, .pt, .bin, .ckpt or .safetensors file") as file:
        start = file.read(BEGINNING)
        if other := other_kind(start, path):
            raise Refused("checkpoint", path, f"it is {other[0]}", other[1])
        kind = _SAFETENSORS if _is_safetensors(start, path) else ""
        if kind:
            try:
                check_header(file, path)  # the library would take headers that cost gigabytes
            except Refused as error:
                raise Refused(error.what, path, error.why, "copy or download it again") from error
        before, sha256 = state_of(file), hash_open(file)
        found = _read_in_child(file, path, kind, StopFlag() if stop is None else stop)
        if state_of(file) != before:
            raise Refused("checkpoint", path, "it was changed while it was read", "the same command again")
    return found._replace(sha256=sha256)


def _is_safetensors(start: bytes, path: Path) -> bool:
    """By what it holds, since files are renamed; by its name only where it begins neither as a zip nor as a pickle."""
    if start[8:9] == b"{":
        return int.from_bytes(start[:8], "little") < 2**32
    return path.suffix.lower() == _SAFETENSORS and not start.startswith((b"PK\3\4", b"\x80"))


def translate(arrays: Mapping[str, Array], where: object) -> ForeignModel:
    """Recognises a family by the names of its tensors and gives them ours; raises like :func:`read_foreign`."""
    arrays = _bare(arrays)
    checkpoint_format = _recognise(arrays, where)
    found = {name: array.shape for name, array in arrays.items()}
    spec = _spec(checkpoint_format, found, where)
    shapes = tensor_shapes(spec)
    names = {ours: checkpoint_format.name(ours) for ours in shapes}
    wanted = {names[ours]: shape for ours, shape in shapes.items()}
    unused = {name: shape for name, shape in checkpoint_format.unused(wanted).items() if name in found}
    arrays = _with_counters(arrays, wanted)
    wrong = misfit(wanted | unused, {name: array.shape for name, array in arrays.items()})
    if wrong:
        fix = "a checkpoint of that very network" if wanted.keys() <= arrays.keys() else "a whole checkpoint"
        raise Refused("tensors", where, f"it looks like {checkpoint_format.family}, but {wrong}", fix)
    kind: Literal["hourglass", "autoencoder"] = "hourglass" if isinstance(spec, HourglassSpec) else "autoencoder"
    renamed = {ours: arrays[name] for ours, name in names.items()}
    return ForeignModel(checkpoint_format.family, kind, spec, renamed, checkpoint_format.upbringing, tuple(unused))


def _bare(arrays: Mapping[str, Array]) -> Mapping[str, Array]:
    shared = _PREFIXES.match(os.path.commonprefix(list(arrays)))
    return {name[shared.end() :]: array for name, array in arrays.items()} if shared else arrays


def _recognise(arrays: Mapping[str, Array], where: object) -> CheckpointFormat:
    for checkpoint_format in CHECKPOINT_FORMATS:
        if any(name.startswith(checkpoint_format.known_by) for name in arrays):
            return checkpoint_format
    for declined in DECLINED:
        if any(re.match(declined.known_by, name) for name in arrays):
            raise Refused("checkpoint", where, declined.why, declined.fix)
    known = ", ".join(checkpoint_format.family for checkpoint_format in CHECKPOINT_FORMATS)
    why = f"of no known family (tensors {few([f'{name:.80}' for name in arrays])})"
    raise Refused("checkpoint", where, why, f"one of these: {known}")


def _with_counters(arrays: Mapping[str, Array], wanted: Mapping[str, tuple[int, ...]]) -> Mapping[str, Array]:
    """Torch before 0.4.1 did not count the batches of a batch norm; no result depends on their number."""
    counters = {name for name in wanted if name.endswith(".num_batches_tracked")}
    if counters & arrays.keys():
        return arrays
    return {**arrays, **{name: np.zeros((), np.int64) for name in counters}}


def _spec(
    checkpoint_format: CheckpointFormat, found: Mapping[str, tuple[int, ...]], where: object
) -> HourglassSpec | AutoencoderSpec:
    try:
        return checkpoint_format.spec(found)
    except Refused as error:
        why = f"it looks like {checkpoint_format.family}, but {error.why}"
        raise Refused(error.what, where, why, "another file of that family") from error
    except (KeyError, IndexError) as error:
        lack = f" ({error.args[0]} is missing)" if isinstance(error, KeyError) else ""
        why = f"it looks like {checkpoint_format.family}, but its sizes cannot be told{lack}"
        raise Refused("tensors", where, why, "a whole checkpoint") from error


def _read_in_child(file: BufferedReader, path: Path, kind: str, stop: StopFlag) -> StateDict:
    words = [str(_MEMORY_LIMIT), kind]
    try:
        answer = reader_process.ask(__name__, words, file, _TIME_LIMIT, _MEMORY_LIMIT, stop)
    except reader_process.TooLong as error:
        raise Refused("checkpoint", path, f"reading it took more than {_TIME_LIMIT:.0f} s", STATE_DICT) from error
    stop.raise_if_set(path, "the same command again", saved=False)
    if answer.code == reader_process.REFUSES:
        why, _, fix = answer.out.decode(errors="replace").partition("\n")
        raise Refused("checkpoint", path, why, fix)
    if answer.code < 0:
        raise Refused("checkpoint", path, f"its reader died (signal {-answer.code})", STATE_DICT)
    if answer.code and "MemoryError" in answer.err:
        raise Refused("checkpoint", path, *TOO_LARGE)
    line, newline, tensors = answer.out.partition(b"\n")
    if answer.code or not newline:
        raise RuntimeError(f"the reader of {path} failed:\n{answer.err}")
    note, chosen, names = json.loads(line)
    arrays = safetensors.numpy.load(tensors)  # in another order each time
    return StateDict({name: arrays[str(place)] for place, name in enumerate(names)}, note, chosen, "")


def _child(parent: int, memory: int, kind: str) -> int:
    """Reads a hostile file and answers with its tensors; the whole life of the child process."""
    reader_process.begin(parent, memory)
    code, answer = _answer(sys.stdin.buffer, kind)
    with suppress(BrokenPipeError):
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()
    return code


def _answer(source: IO[bytes], kind: str) -> tuple[int, bytes]:
    """The exit code, and a line (where the network was, its names), then its tensors; or why not, and a fix."""
    try:
        tensors, note, chosen = find_network(_load(source, kind))
        weights = as_weights(tensors, os.fstat(source.fileno()).st_size)
        line = json.dumps([note, chosen, list(weights)], ensure_ascii=False) + "\n"  # names of no text fail
        numbered = {str(place): one for place, one in enumerate(weights.values())}  # any name may be a tensor's
        return 0, line.encode() + safetensors.torch.save(numbered)
    except MemoryError:  # its traceback holds all that was read: nothing more is made of it
        return reader_process.REFUSES, _TOO_LARGE
    except Exception as error:  # Whatever a hostile file causes, the answer is the same: refused.
        source.seek(0)
        why, fix = reason(error, source.read(BEGINNING))
        return reader_process.REFUSES, f"{printable(why)}\n{fix}".encode(errors="replace")


def _load(source: IO[bytes], kind: str = "") -> object:
    """What a file holds: tensors, plain values, and inert namesakes of harmless objects; nothing in it is run."""
    if kind == _SAFETENSORS:
        return dict(sorted(safetensors.torch.load(source.read()).items()))
    named = {path: stand_in(path) for path in _EXPECTED}
    tried: set[tuple[str, Form | None]] = {(path, None) for path in named}
    while True:
        try:
            with torch.serialization.safe_globals([FOUND, *named.values()]):
                source.seek(0)
                # latin1: what Python 2 pickled as text may be the bytes of a number. Tensors' names are ASCII anyway.
                return torch.load(source, map_location="cpu", weights_only=True, encoding="latin1")
        except MemoryError:
            raise
        except Exception as error:
            path, form = wanted(error)
            may_be = path in named if form else is_harmless(path)
            if not may_be or (path, form) in tried or len(tried) > _MOST_NAMES:
                raise
            tried.add((path, form))
            named[path] = stand_in(path, form)


if __name__ == "__main__":
    sys.exit(_child(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
