"""Frozen dataclasses <-> JSON, strictly: a report is read back as the dataclass that wrote it.

Fields may be nested dataclasses (generic ones too), ``tuple[X, ...]``, ``tuple[X, Y]``, ``Mapping`` (keys: str, int,
``Literal`` or an enum), ``X | None``, ``Literal``, enums (by value), str, int, float, bool, ``Any`` (any JSON without
NaN), and ``Annotated[X, Limit(...)]``. Every field is a key: an unknown key and a missing one are refused, whatever the
field's default. What no type says, a dataclass checks itself: its ``__post_init__`` raises
:class:`~shgae.errors.Inconsistent`, and nothing else is taken for the file's fault.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar

from shgae.artifacts.input_file import Source, path_of
from shgae.artifacts.tables import read_json
from shgae.config import Limit
from shgae.errors import AGAIN, Inconsistent, Refused, quoted, shortened

T = TypeVar("T")
SCHEMA = "schema"
"""The key of a report that says its version; version 1 has none."""
_SCALARS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", types.NoneType: "null"}
_WHOLE = re.compile("0|-?[1-9][0-9]{0,17}")
_MOST = 10**18
_LARGEST = 1e100
"""A number of a report: what is larger was never measured, and its square overflows where a figure is drawn."""


@dataclass(frozen=True)
class Upgrade:
    """How an object of one version becomes one of the next."""

    form: Any
    """The :class:`~typing.TypedDict` of what the step looks at; the object is checked by it first."""
    step: Callable[[Any], dict[str, Any]]
    """Makes the object of the next version; raises :class:`~shgae.errors.Inconsistent` where numbers do not fit."""


def without(value: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """The object without these keys; for :attr:`Upgrade.step`."""
    return {key: one for key, one in value.items() if key not in keys}


def renamed(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The object with new names for some of its keys, by the old ones; for :attr:`Upgrade.step`."""
    return {names.get(key, key): one for key, one in value.items()}


@dataclass(frozen=True)
class Schema(Generic[T]):
    """The form of one kind of report, and how reports of earlier forms are read."""

    kind: type[T]
    """The dataclass that is written and read."""
    version: int
    older: Mapping[int, Upgrade]
    """From each earlier version (1 = no ``schema`` key), what turns its object into that of the next version."""

    def to_json(self, report: T) -> dict[str, Any]:
        """The object in ``report.json``; raises :class:`TypeError` where a field holds what its type forbids."""
        return {SCHEMA: self.version, **to_json(report)}

    def read(self, source: Source) -> T:
        """The report in a file; raises :class:`Refused`, see :func:`from_json`."""
        return self.from_json(read_json(source), path_of(source))

    def from_json(self, value: Mapping[str, Any], where: object) -> T:
        """The report of an object of this version or an older one.

        Raises:
            Refused: a version that is not known, or content that is not of its version.
        """
        content = dict(value)
        version = content.pop(SCHEMA, 1)
        if type(version) is not int or (version != self.version and version not in self.older):
            known = ", ".join(map(str, sorted({*self.older, self.version})))
            why = f"schema {shortened(str(version), 20)}, this shgae reads {known}"
            raise Refused("report", where, why, "the shgae that made it, or make it again")
        for step in range(version, self.version):
            upgrade = self.older[step]
            content = _content(upgrade.form, content, where, f"report of schema {step}")
            try:
                content = upgrade.step(content)
            except Inconsistent as error:
                raise Refused("report", where, str(error), AGAIN) from error
        return from_json(self.kind, content, where)


def to_json(value: Any) -> dict[str, Any]:
    """The JSON object of a dataclass.

    Raises:
        TypeError: a field holds what its type forbids or what is not finite, so that it could not be read back.
    """
    content = _plain(value)
    try:
        _read(type(value), content, "")
    except _Fault as fault:
        raise TypeError(f"{type(value).__name__}: {fault}") from fault
    return dict(content)


def from_json(kind: type[T], value: Any, where: object) -> T:
    """The dataclass of a JSON object, as ``json.loads`` gives it; ``where`` is the file, for the message.

    Raises:
        Refused: an unknown or missing key, a wrong type, or a number that is not finite, with the key's path.
    """
    return typing.cast(T, _content(kind, value, where, "report"))


def part(kind: type[T], value: Any, path: str) -> T:
    """The dataclass of a part of an older report, which lies at that path; for :attr:`Upgrade.step`.

    Raises:
        Inconsistent: it is not of this form.
    """
    try:
        return typing.cast(T, _read(kind, value, path))
    except _Fault as fault:
        raise Inconsistent(str(fault)) from fault


def _content(kind: Any, value: Any, where: object, what: str) -> Any:
    try:
        return _read(kind, value, "")
    except (_Fault, RecursionError) as fault:
        raise Refused(what, where, str(fault), AGAIN) from fault


class _Fault(Exception):
    """What is wrong at which key."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path or 'the whole'}: {why}")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return float(value) if isinstance(value, float) else value


def _read(kind: Any, value: Any, path: str) -> Any:
    if kind in _SCALARS:  # first: a report of many people is numbers, for the most part
        return _scalar(kind, value, path)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is NotRequired:
        return _read(arguments[0], value, path)
    if origin is Annotated:
        return _within(arguments[1:], _read(arguments[0], value, path), path)
    if origin in (typing.Union, types.UnionType):
        return _read_union(arguments, value, path)
    if origin is Literal:
        return _one_of(arguments, value, path)
    if dataclasses.is_dataclass(origin or kind):
        return _read_fields(kind, _checked(dict, "an object", value, path), path)
    if origin is not None and issubclass(origin, Mapping):
        items = _checked(dict, "an object", value, path).items()
        return {_key(arguments[0], key, path): _read(arguments[1], one, _under(path, key)) for key, one in items}
    if origin is not None and issubclass(origin, Sequence):
        kept = list if origin is list else tuple  # a list is of a typed dictionary, and read once more
        return kept(_read_items(arguments, _checked(list, "a list", value, path), path))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(_one_of([one.value for one in kind], value, path))
    if typing.is_typeddict(kind):
        return _read_keys(kind, _checked(dict, "an object", value, path), path)
    assert kind is Any, kind
    return _any(value, path)


def _read_fields(kind: Any, value: dict[str, Any], path: str) -> Any:
    hints = _hints(kind)
    for key in value:
        if key not in hints:
            raise _Fault(_under(path, key), "unknown key")
    _check_keys(hints, value, path)
    fields = {key: _read(hint, value[key], _under(path, key)) for key, hint in hints.items()}
    try:
        return kind(**fields)
    except Inconsistent as error:
        raise _Fault(path, str(error)) from error


def _read_keys(kind: Any, value: dict[str, Any], path: str) -> dict[str, Any]:
    """The object, of which only the keys of a typed dictionary are looked at."""
    hints = typing.get_type_hints(kind, include_extras=True)
    _check_keys((key for key, hint in hints.items() if typing.get_origin(hint) is not NotRequired), value, path)
    return value | {key: _read(hint, value[key], _under(path, key)) for key, hint in hints.items() if key in value}


def _check_keys(wanted: Iterable[str], value: Mapping[str, Any], path: str) -> None:
    for key in wanted:
        if key not in value:
            raise _Fault(_under(path, key), "missing")


def _within(extras: Iterable[Any], value: Any, path: str) -> Any:
    for limit in extras:
        if isinstance(limit, Limit) and not limit.allows(value):
            raise _Fault(path, f"{quoted(value)} is not {limit}")
    return value


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    """The types of a dataclass's fields; of a generic one, ``Kind[X]``, with X put in."""
    plain = typing.get_origin(kind) or kind
    hints = typing.get_type_hints(plain, include_extras=True)
    given = dict(zip(getattr(plain, "__parameters__", ()), typing.get_args(kind), strict=True))

    def filled(hint: Any) -> Any:
        if isinstance(hint, TypeVar):
            return given[hint]
        parameters = getattr(hint, "__parameters__", ())
        return hint[tuple(given[one] for one in parameters)] if parameters else hint

    return {field.name: filled(hints[field.name]) for field in dataclasses.fields(plain)}


def _read_union(kinds: Sequence[Any], value: Any, path: str) -> Any:
    if value is None and types.NoneType in kinds:
        return None
    faults = []
    for kind in kinds:
        if kind is not types.NoneType:
            try:
                return _read(kind, value, path)
            except _Fault as fault:
                faults.append(fault)
    raise faults[0]


def _read_items(arguments: Sequence[Any], value: list[Any], path: str) -> Iterator[Any]:
    is_alike = len(arguments) == 1 or arguments[1:] == (...,)
    if not is_alike and len(value) != len(arguments):
        raise _Fault(path, f"{len(value)} items, expected {len(arguments)}")
    for place, one in enumerate(value):
        yield _read(arguments[0 if is_alike else place], one, f"{path}[{place}]")


def _key(kind: Any, key: str, path: str) -> Any:
    if kind is int:
        if not _WHOLE.fullmatch(key):
            raise _Fault(_under(path, key), "the key is not a whole number")
        return int(key)
    return _read(kind, key, _under(path, key))


def _scalar(kind: Any, value: Any, path: str) -> Any:
    if kind is float and type(value) in (int, float):
        if not -_LARGEST <= value <= _LARGEST:  # NaN too
            raise _Fault(path, f"is not finite, or beyond {_LARGEST:g}")
        return float(value)
    if kind is int and type(value) is int and abs(value) > _MOST:
        raise _Fault(path, f"is beyond {_MOST:,}")
    return _checked(kind, _SCALARS[kind], value, path)


def _any(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        return {_checked(str, "a text", key, path): _any(one, _under(path, key)) for key, one in value.items()}
    if isinstance(value, list):
        return [_any(one, f"{path}[{place}]") for place, one in enumerate(value)]
    if type(value) in _SCALARS:
        return _scalar(type(value), value, path)
    raise _Fault(path, f"expected JSON, found {quoted(value)}")


def _one_of(values: Sequence[Any], value: Any, path: str) -> Any:
    for one in values:
        if type(one) is type(value) and one == value:
            return one
    raise _Fault(path, f"{quoted(value)}, expected one of {', '.join(map(str, values))}")


def _checked(kind: type[T], name: str, value: Any, path: str) -> T:
    if type(value) is not kind:
        raise _Fault(path, f"expected {name}, found {quoted(value)}")
    return value


def _under(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)
