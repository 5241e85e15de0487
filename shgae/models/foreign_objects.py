"""Inert namesakes of the objects next to the weights of a checkpoint: nothing of the originals is ever run.

A pickle names classes and asks for calls of them. Here a harmless name gets a class of ours, which takes any arguments.
What it makes is empty to a reader, or, for somebody's own class, has what the file fills it with: items and attributes.
"""

from __future__ import annotations

import builtins
import re
import sys
import traceback
from collections import Counter
from functools import partial
from itertools import count
from typing import Any, Literal

import numpy as np

Form = Literal["object", "mapping", "list"]
"""What a stand-in makes: an object that is not read; what the file fills with items and attributes; or a list."""

_CLASSES = frozenset(name for name, value in vars(builtins).items() if isinstance(value, type))
"""Of Python: named as the factory of a defaultdict, say."""
_PLAIN = frozenset(
    ("argparse", "collections", "dataclasses", "decimal", "enum", "fractions", "http", "ipaddress", "logging")
    + ("numbers", "pathlib", "pathlib._local", "random", "string", "typing", "uuid", "zoneinfo")
)
"""Modules of the standard library with classes that hold values: these are written with a capital."""
_STANDARD = frozenset(
    {"Ellipsis", "NotImplemented", "getattr", "_operator.getitem", "operator.itemgetter", "itertools.count"}
    | {"collections.defaultdict", "collections.deque", "functools.partial", "logging.getLogger", "re._compile"}
    | {"array.array", "array._array_reconstructor", "copyreg._reconstructor", "time.struct_time"}
    | {f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")}
    | {f"types.{name}" for name in ("GenericAlias", "MappingProxyType", "NoneType", "SimpleNamespace", "UnionType")}
    | {f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")}
    | {f"numpy.random._pickle.__{name}_ctor" for name in ("bit_generator", "generator", "randomstate")}
    | {"numpy.random.bit_generator.__pyx_unpickle_SeedSequence", "numpy.ma.core._mareconstruct"}
    | {"numpy.char.chararray", "numpy.rec.recarray", "_io.BytesIO", "_io.StringIO"}
    | {"torch.torch_version.TorchVersion", "torch._C.Generator", "torch._C._VariableFunctionsClass"}
)
"""Other harmless names of Python, numpy and torch. ``getattr`` looks nothing up here: it makes an inert class."""
_PLACES = (
    *("numpy.dtypes.", "numpy.ma.", "numpy.polynomial.", "numpy.random."),
    *("torch.distributions.", "torch.nn.modules.", "torch.optim."),
)
"""Where numpy's and torch's classes are that a training keeps whole: written with a capital."""
_FUNCTIONS = ("torch.amp.", "torch.cuda.amp.", "torch.nn.functional.", "torch.nn.init.", "torch.utils.data.")
"""Where the functions are, too, that a training or its config names."""
_KNOWN = frozenset({*sys.stdlib_module_names, "torch", "numpy"})
"""Where names are known, and most of them do something."""
_RUNNERS = frozenset({"commands", "pip", "popen2"})
"""Other packages that run programs."""
_WITHOUT_WEIGHTS = ("torch.nn.modules.loss.", "torch.nn.modules.activation.")
"""Where the modules of torch are that a training keeps next to a network."""
_CLASS = " class"
"""The attribute that tells what a filled stand-in stands for."""
_FILL = "__setstate__"
"""The attribute that torch calls with the state of an object."""


def is_harmless(path: str) -> bool:
    """Whether a checkpoint may name this, a dotted path, or a bare name of Python's own.

    Anything of somebody's own program (an Enum, a config) is: it is not imported, and a namesake stands for it.
    """
    module, _, name = path.rpartition(".")
    if path in _STANDARD or path.startswith(_FUNCTIONS):
        return True
    if not module:
        return name in _CLASSES
    if module == "numpy":
        return isinstance(vars(np).get(name), type | np.ufunc)
    if module.partition(".")[0] in _KNOWN:
        return name[:1].isupper() and (module in _PLAIN or path.startswith(_PLACES))
    return module.partition(".")[0] not in _RUNNERS


def stand_in(path: str, form: Form | None = None) -> type:
    """The inert class of that name; without a form, somebody's own class makes a mapping, any other an object."""
    module, _, name = path.rpartition(".")
    forms: dict[Form | None, type[_Inert]] = {"object": _Inert, "mapping": _Mapping, "list": _List, None: _Own}
    if form is None and (not module or module.partition(".")[0] in _KNOWN):
        form = "object"
    made_of = _Found if path == "getattr" else forms[form]
    kind: type[type] = type(made_of)
    return kind(name, (made_of,), {"__module__": module or "builtins"})


def asked_for(error: Exception) -> str | None:
    """What a checkpoint wants made or run that torch does not allow, as a dotted path."""
    asked = re.search(r"GLOBAL (\S+)", str(error))
    return asked[1] if asked else None


def wanted(error: Exception) -> tuple[str, Form | None]:
    """The stand-in that a file lacks, or the one that it fills in a way that needs another form, and that form."""
    if path := asked_for(error):
        return path, None
    stack = getattr(unpickler_of(error), "stack", [])
    path = class_of(stack[-1]) if stack else ""
    if "Can only SETITEM" in str(error):
        return path, "mapping"
    return path, "list" if re.search("Can only (append|extend)", str(error)) else "object"


def unpickler_of(error: Exception) -> Any:
    """Torch's reader of pickles that raised it, with its stack as it was then; None where another part did."""
    frames = traceback.walk_tb((error.__context__ or error).__traceback__)
    readers = [frame.f_locals.get("self") for frame, _ in frames]
    return next((one for one in reversed(readers) if isinstance(getattr(one, "stack", None), list)), None)


def class_of(value: object) -> str:
    """The dotted path of what something stands for; empty for all else."""
    if isinstance(value, _Inert):
        return f"{type(value).__module__}.{type(value).__name__}"
    return str(attributes_of(value).get(_CLASS, "")) if type(value) is Counter else ""


def attributes_of(value: object) -> dict[str, Any]:
    """What a file gave a stand-in of somebody's own class next to items."""
    return {name: one for name, one in vars(value).items() if name != _FILL} if type(value) is Counter else {}


def given_to(value: object) -> list[object] | None:
    """What a file gave an inert stand-in; None for all else."""
    return value.given if isinstance(value, _Inert) else None


def is_array(value: object) -> bool:
    """Whether something stands for an array of numpy's."""
    return isinstance(value, _Inert) and type(value).__name__ == "_reconstruct"


def is_module(value: object) -> bool:
    """Whether something stands for a whole network, or a layer."""
    return class_of(value).startswith("torch.nn.modules.") or "_modules" in attributes_of(value)


def is_layer(value: object) -> bool:
    """Whether something stands for a module of torch's that may have weights."""
    path = class_of(value)
    return path.startswith("torch.nn.modules.") and not path.startswith(_WITHOUT_WEIGHTS)


class _Inert:
    """Stands where a checkpoint has a number of numpy's, a date or a path; what it was given is not read."""

    __slots__ = ("given",)
    given: list[object]

    def __new__(cls, *values: object) -> Any:
        made = object.__new__(cls)
        made.given = [*values]
        return made

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        self.given.append(state)


class _List(_Inert):
    def __new__(cls, *_: object) -> Any:
        return []


class _Mapping(_Inert):
    """What the file fills. Torch fills a Counter with items and with attributes."""

    def __new__(cls, *values: object) -> Any:
        made: Counter[Any] = Counter()
        vars(made).update({str(place): value for place, value in enumerate(values)})
        vars(made).update({_CLASS: f"{cls.__module__}.{cls.__name__}", _FILL: partial(_fill, made)})
        return made


def _fill(made: Counter[Any], state: object) -> None:
    """Gives a stand-in its attributes, in one mapping or in two (slots); any other state is one value, whole."""
    own = vars(made)
    pair = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    parts = [one for one in pair if one is not None]
    mappings = [one for one in parts if isinstance(one, dict) and not class_of(one)]
    names = [*own, *(name for one in mappings for name in one)]
    if len(mappings) == len(parts) and len(set(names)) == len(names):
        for one in mappings:
            own.update(one)
    else:
        own[next(place for place in map(str, count()) if place not in own)] = state


class _Called(type):
    def __call__(cls, *values: object) -> Any:
        """What is called with values, as an Enum is, holds no tensors: an inert object."""
        return _Inert.__new__(cls, *values) if values else cls.__new__(cls)  # type: ignore[arg-type, call-overload]

    def __setattr__(cls, name: str, _: object) -> None:
        raise AttributeError(f"a file sets {name} of a class")


class _Own(_Mapping, metaclass=_Called):
    """Somebody's own class: made, then filled; or called."""


class _Found(_Inert):
    def __new__(cls, *_: object) -> Any:
        return FOUND


FOUND = _Called("attribute", (_Own,), {"__module__": "an object's"})
"""What ``getattr`` of a stand-in makes, which may be called in its turn."""
