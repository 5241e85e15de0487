"""Inert namesakes of the objects next to the weights of a checkpoint: nothing of the originals is ever run.

A pickle names classes and asks for calls of them. Here a harmless name gets a class of ours, which takes any arguments
and keeps nothing of them, or, for a subclass of dict or list, an empty container that may be filled with tensors.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any

_BUILTINS = frozenset(
    ("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range", "set")
    + ("slice", "str", "tuple")
)
"""Plain classes, which are named as the factory of a defaultdict, say."""
_MAPPINGS = frozenset({"collections.defaultdict", "collections.UserDict"})
_LISTS = frozenset({"collections.deque"})
_PATHS = ("Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath")
_NUMPY = ("ndarray", "dtype", "_core.multiarray.scalar", "_core.multiarray._reconstruct", "core.multiarray.scalar")
_ARRAYS = ("char.chararray", "core.multiarray._reconstruct", "memmap", "rec.recarray", "record")
_RANDOM = ("_pickle.__bit_generator_ctor", "_pickle.__generator_ctor", "_pickle.__randomstate_ctor")
_STANDARD = (
    _MAPPINGS
    | _LISTS
    | {f"pathlib.{name}" for name in _PATHS}
    | {f"pathlib._local.{name}" for name in _PATHS}
    | {f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")}
    | {f"numpy.{name}" for name in (*_NUMPY, *_ARRAYS)}
    | {"argparse.Namespace", "types.SimpleNamespace", "decimal.Decimal", "fractions.Fraction", "uuid.UUID"}
    | {"random.Random", "time.struct_time"}
    | {f"numpy.random.{name}" for name in (*_RANDOM, "bit_generator.__pyx_unpickle_SeedSequence")}
    | {"numpy.matrix", "numpy.ma.MaskedArray", "numpy.ma.core._mareconstruct", "re._compile", "Ellipsis"}
    | {"typing.Any", "torch.torch_version.TorchVersion", "torch._C.Generator"}
)
"""Harmless objects of the standard library, numpy and torch (Any is in every config of OmegaConf, which Lightning
keeps). Any other name of theirs is refused."""
_TRAINING = ("torch.optim.", "torch.nn.modules.activation.", "torch.nn.modules.loss.", "numpy.random.")
"""Where the classes are that a training keeps whole: optimizers and schedules, losses, random numbers."""
_FUNCTIONS = frozenset({*sys.stdlib_module_names, "torch", "numpy"})
"""Where names are known, and most of them do something."""


def is_harmless(path: str) -> bool:
    """Whether a checkpoint may name this, a dotted path, or a bare name of a builtin.

    A class of somebody's own program (an Enum, a config) is: it is not imported, and a namesake stands for it.
    """
    module, _, name = path.rpartition(".")
    if not module:
        return name in _BUILTINS or path in _STANDARD
    is_of_training = path.startswith(_TRAINING)
    is_class = (is_of_training or module.partition(".")[0] not in _FUNCTIONS) and name[:1].isupper()
    return path in _STANDARD or is_class


def stand_in(path: str) -> type:
    """The inert class of that name."""
    module, _, name = path.rpartition(".")
    made_of: type = _Inert
    if path in _LISTS:
        made_of = _List
    elif path in _MAPPINGS:
        made_of = _Mapping
    elif path not in _STANDARD and not path.startswith(_TRAINING) and module:
        made_of = _Own
    return type(made_of)(name, (made_of,), {"__module__": module or "builtins"})


def is_array(value: object) -> bool:
    """Whether something stands for an array of numpy's."""
    return isinstance(value, _Inert) and type(value).__name__ == "_reconstruct"


class _Inert:
    """Stands where a checkpoint has a number of numpy's, a date or a path, and keeps nothing of it."""

    def __new__(cls, *_: object) -> Any:
        return object.__new__(cls)

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


class _List(_Inert):
    def __new__(cls, *_: object) -> Any:
        return []


class _Mapping(_Inert):
    def __new__(cls, *_: object) -> Any:
        return OrderedDict()


class _Called(type):
    def __call__(cls, *_: object) -> Any:
        """An inert object: what is called with values, as an Enum is, holds no tensors."""
        return object.__new__(cls)  # type: ignore[arg-type]


class _Own(_Mapping, metaclass=_Called):
    """Somebody's own class: made empty and then filled, it may be a mapping; called with values, it is none."""
