"""Reading other people's weight files: safely, whatever is in them.

A ``.pth`` is a pickle, and a pickle is a program. Torch's ``weights_only`` unpickler refuses everything but tensors and
plain values; a child process with a limit on memory and time reads the file through it and hands back a safetensors
file, so that not even a flaw in that reader reaches the process that called. A file that is refused is never tried
again otherwise.
"""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from torch import Tensor

from shgae.artifacts.tensors import load_tensors, read_header
from shgae.errors import Refused, shortened
from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS, DECLINED, CheckpointFormat, Upbringing
from shgae.models.foreign_objects import is_harmless, stand_in
from shgae.models.foreign_tensors import AmbiguousNetwork, find_network
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import misfit, shared_names, tensor_shapes

Array = npt.NDArray[Any]

_PREFIXES = re.compile(r"((module|model|net|_orig_mod)\.)*")
"""What DataParallel, torch.compile or a trainer that holds the network put before every name."""
_TIME_LIMIT = 60.0
"""Seconds in which a file must be read."""
_MEMORY_LIMIT = 8 << 30
"""Bytes that the child may take beyond what it starts with."""
_REFUSES = 3
"""Exit code of a child that wrote its reason to standard output."""
_FIX = "a file that torch.save(model.state_dict(), FILE) made"
_EXPECTED = ("numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
"""What most trainings save with the weights: their best score, as a number of numpy's."""
_MOST_NAMES = 200
"""Different objects in one checkpoint."""
_OTHER_KINDS = {
    rb"\x04\0\0\0.{8}V \d": ("a Torch7 file of Lua, which PyTorch does not read", "a PyTorch version of this network"),
    rb"\x89HDF": ("an HDF5 file, as Keras writes it", "a PyTorch version of this network"),
    rb"version https://git-lfs": ("a pointer of Git LFS", "git lfs pull"),
    rb"\s*<(!doctype|!DOCTYPE|html|HTML|\?xml)": ("a web page, so its download failed", "download the file again"),
}
"""How files begin that are taken for checkpoints: what they are, and what to do."""


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


def read_foreign(path: Path) -> ForeignModel:
    """Reads a ``.pth`` or ``.safetensors`` file of a known family, with its sizes taken from its shapes.

    Raises:
        Refused: no such file, no checkpoint of plain tensors (nothing in it was run), an unknown family, or tensors
            that are missing, left over or of another shape.
    """
    arrays, note = _read(path)
    return dataclasses.replace(translate(arrays, path), note=note)


def read_tuned(path: Path, spec: HourglassSpec) -> tuple[dict[str, Array], str]:
    """Reads the state dict of an hourglass of ours that was trained on elsewhere: ``model.state_dict()``.

    Args:
        path: ``.pth`` or ``.safetensors``; names may begin with what DataParallel and the like put before them.
        spec: the network that it must fit.

    Returns:
        Every tensor by name, float32 or int64, and a note on where in the file it was, if that is worth a word.

    Raises:
        Refused: as :func:`read_foreign`; or stacks that share an autoencoder have different weights for it.
    """
    found, note = _read(path)
    wanted = tensor_shapes(spec)
    arrays = dict(_with_counters(_bare(found), wanted))
    for name, first in shared_names(spec).items():
        copy = arrays.pop(name, None)
        if copy is not None and not np.array_equal(copy, arrays.setdefault(first, copy)):
            why = f"{name} and {first} are one tensor in the model, and differ here"
            raise Refused("tensors", path, why, "--like a model in which each stack has an autoencoder of its own")
    if wrong := misfit(wanted, {name: array.shape for name, array in arrays.items()}):
        raise Refused("tensors", path, wrong, "--like the model that these weights were opened from")
    return arrays, note


def _read(path: Path) -> tuple[dict[str, Array], str]:
    if path.is_dir():
        raise Refused("checkpoint", path, "a folder, wanted a .pth or .safetensors file", "check the path")
    if not path.is_file():
        raise Refused("checkpoint", path, "no such file", "check the path")
    if path.suffix == ".safetensors":
        read_header(path)  # the library would take headers that cost gigabytes
    _refuse_other_kinds(path)
    return _read_in_child(path)


def _refuse_other_kinds(path: Path) -> None:
    """Says what a file is that people take for a checkpoint."""
    with path.open("rb") as file:
        start = file.read(64)
    for beginning, kind in _OTHER_KINDS.items():
        if re.match(beginning, start, re.DOTALL):
            raise Refused("checkpoint", path, f"it is {kind[0]}", kind[1])


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
        raise Refused("tensors", where, f"it looks like {checkpoint_format.family}, but {wrong}", "a whole checkpoint")
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
    names = ", ".join(f"{name:.80}" for name in list(arrays)[:3])
    raise Refused("checkpoint", where, f"of no known family (tensors {names} ...)", f"one of these: {known}")


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


class _NotPlain(Exception):
    """A checkpoint of something else than plain tensors."""


def _read_in_child(path: Path) -> tuple[dict[str, Array], str]:
    with tempfile.TemporaryDirectory(prefix="shgae-import-") as folder:
        target = Path(folder) / "tensors.safetensors"
        # -P and our own path: the child imports what we import, never a torch.py next to the checkpoint.
        command = [sys.executable, "-P", "-m", __name__, str(path.absolute()), str(target), str(_MEMORY_LIMIT)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        try:
            child = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_TIME_LIMIT, start_new_session=True
            )
        except subprocess.TimeoutExpired as error:
            raise Refused("checkpoint", path, f"reading it took more than {_TIME_LIMIT:.0f} s", _FIX) from error
        if child.returncode == _REFUSES:
            raise Refused("checkpoint", path, child.stdout, _FIX)
        if child.returncode < 0:
            raise Refused("checkpoint", path, f"its reader died (signal {-child.returncode})", _FIX)
        if child.returncode:
            raise RuntimeError(f"the reader of {path} failed:\n{child.stderr}")
        return load_tensors(target), child.stdout


def _child(source: Path, target: Path, memory: int) -> int:
    """Reads a hostile file and writes its tensors; the whole life of the child process."""
    _limit_memory(memory)
    try:
        tensors, note = _network(_load(source))
        safetensors.torch.save_file(tensors, target)
        sys.stdout.write(note)
    except Exception as error:  # Whatever a hostile file causes, the answer is the same: refused.
        sys.stdout.write(_reason(error))
        return _REFUSES
    return 0


def _limit_memory(extra: int) -> None:
    if sys.platform == "linux":  # Elsewhere the limit is not enforced, and our own size is told in other ways.
        import resource

        own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (own + extra, own + extra))


def _load(source: Path) -> object:
    """What a file holds: tensors, plain values, and inert namesakes of harmless objects; nothing in it is run."""
    if source.suffix == ".safetensors":
        return safetensors.torch.load_file(source)
    named = {path: stand_in(path) for path in _EXPECTED}
    while True:
        try:
            with torch.serialization.safe_globals([*named.values()]):
                # latin1: what Python 2 pickled as text may be the bytes of a number. Tensors' names are ASCII anyway.
                return torch.load(source, map_location="cpu", weights_only=True, encoding="latin1")
        except Exception as error:
            path = _asked_for(error)
            if path is None or path in named or len(named) > _MOST_NAMES or not is_harmless(path):
                raise
            named[path] = stand_in(path)


def _asked_for(error: Exception) -> str | None:
    """What a checkpoint wants made or run that torch does not allow, as a dotted path."""
    asked = re.search(r"GLOBAL (\S+)", str(error))
    return asked[1] if asked else None


_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def _plain(loaded: object) -> dict[str, Tensor]:
    """The network inside a checkpoint: every tensor of its own, whole, float32 or int64, and finite."""
    tensors, _ = _network(loaded)
    return tensors


def _network(loaded: object) -> tuple[dict[str, Tensor], str]:
    """The tensors, and a note on where they were."""
    tensors, note = find_network(loaded)
    for name, value in tensors.items():
        if value.is_complex() or value.layout != torch.strided:
            raise _NotPlain(f"{shortened(name)} is no plain tensor")
        is_count = name.endswith("num_batches_tracked") and value.dtype in (torch.int32, torch.int64)
        if value.dtype not in _FLOATS and not is_count:
            kind = str(value.dtype).removeprefix("torch.")
            raise _NotPlain(f"{shortened(name)} holds {kind}, where weights are float16, bfloat16, float32 or float64")
        dtype = torch.float32 if value.is_floating_point() else torch.int64
        tensors[name] = value.detach().to(dtype, copy=True, memory_format=torch.contiguous_format)
        if not tensors[name].isfinite().all():
            raise _NotPlain(f"{shortened(name)} holds numbers that are not finite")
    return tensors, note


def _reason(error: Exception) -> str:
    text = str(error)
    if asked := _asked_for(error):
        return f"it asks to make or run {shortened(asked)}, which is no tensor; nothing of it was run"
    if isinstance(error, MemoryError) or "allocate memory" in text:
        return "it needs more memory than a checkpoint may"
    if isinstance(error, _NotPlain | AmbiguousNetwork):
        return text
    if "TorchScript" in text:
        return "it is a TorchScript program; nothing of it was run"
    return "it is no checkpoint of tensors, or a torn one"


if __name__ == "__main__":
    sys.exit(_child(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
