"""Frozen dataclasses <-> JSON, strictly: a report is read back as the dataclass that wrote it.

Fields may be nested dataclasses (generic ones too), ``tuple[X, ...]``, ``tuple[X, Y]``, ``Mapping`` (keys: str, int,
``Literal`` or an enum), ``X | None``, ``Literal``, enums (by value), str, int, float, bool, and ``Any`` (any JSON
without NaN). Every field is a key: an unknown key and a missing one are refused, whatever the field's default.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Literal, TypeVar

from shgae.artifacts.input_file import Source, path_of
from shgae.artifacts.tables import read_json
from shgae.errors import Refused, quoted, shortened

T = TypeVar("T")
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
SCHEMA = "schema"
"""The key of a report that says its version; version 1 has none."""
_WHOLE = re.compile("0|-?[1-9][0-9]{0,18}")


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
            try:
                content = self.older[step](content)
            except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, StopIteration) as error:
                why = f"not in the form of schema {version} ({type(error).__name__}: {shortened(str(error), 80)})"
                raise Refused("report", where, why, "make it again, with --force") from error
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


def from_json(kind: type[T], value: Any, where: object, what: str = "report") -> T:
    """The dataclass of a JSON object.

    Args:
        kind: the dataclass.
        value: as ``json.loads`` gives it.
        where: the file, for the message.
        what: the thing that is read, for the message.

    Raises:
        Refused: an unknown or missing key, a wrong type, or a number that is not finite, with the key's path.
    """
    try:
        return typing.cast(T, _read(kind, value, ""))
    except (_Fault, RecursionError) as fault:
        raise Refused(what, where, str(fault), "make it again, with --force") from fault


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
    """The value as that type."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
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
        return tuple(_read_items(arguments, _checked(list, "a list", value, path), path))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(_one_of([one.value for one in kind], value, path))
    if kind is Any:
        return _any(value, path)
    return _scalar(kind, value, path)


def _read_fields(kind: Any, value: dict[str, Any], path: str) -> Any:
    hints = _hints(kind)
    for key in value:
        if key not in hints:
            raise _Fault(_under(path, key), "unknown key")
    for key in hints:
        if key not in value:
            raise _Fault(_under(path, key), "missing")
    fields = {key: _read(hint, value[key], _under(path, key)) for key, hint in hints.items()}
    try:
        return kind(**fields)
    except ValueError as error:  # a class that checks itself
        raise _Fault(path, str(error)) from error


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    """The types of a dataclass's fields; of a generic one, ``Kind[X]``, with X put in."""
    plain = typing.get_origin(kind) or kind
    hints = typing.get_type_hints(plain)
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
        if not -sys.float_info.max <= value <= sys.float_info.max:  # NaN too
            raise _Fault(path, "is not finite")
        return float(value)
    names = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", types.NoneType: "null"}
    return _checked(kind, names[kind], value, path)


def _any(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        return {_checked(str, "a text", key, path): _any(one, _under(path, key)) for key, one in value.items()}
    if isinstance(value, list):
        return [_any(one, f"{path}[{place}]") for place, one in enumerate(value)]
    if isinstance(value, float):
        return _scalar(float, value, path)
    return value if value is None or type(value) in (str, int, bool) else _checked(str, "JSON", value, path)


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
