"""A config: a frozen dataclass; its fields know their kind, their choices, their limits and what their texts mean.

A limit stands next to its field, ``epochs: Annotated[int, Limit(1)]``, so does the parser of a text,
``clusters: Annotated[str, Parsed(cluster_range, "2-10")]``; both hold wherever a config is made: on the command line,
in a file, in Python.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from shgae.errors import Refused, quoted

Number = TypeVar("Number", int, float)
_MOST = 2**63 - 1
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


@dataclass(frozen=True)
class Limit:
    """The numbers that a field takes; never NaN or an infinity."""

    low: float
    high: float = _MOST
    above: bool = False
    """Whether ``low`` itself is refused."""
    step: int = 1
    """Above 1: the number must be a multiple of this."""

    def __str__(self) -> str:
        text, high = f"{'more than' if self.above else 'at least'} {self.low:g}", _shown(self.high)
        if self.high < _MOST:
            text = f"{text}, at most {high}" if self.above else f"{self.low:g} to {high}"
        return text if self.step == 1 else f"a multiple of {self.step}, {text}"

    def allows(self, value: float) -> bool:
        """Whether the number lies in it."""
        is_inside = (self.low < value if self.above else self.low <= value) and value <= self.high
        return is_inside and (self.step == 1 or value % self.step == 0)

    @property
    def example(self) -> str:
        """A number that is allowed."""
        number = self.low + 0.1 * self.above
        return f"{number if self.step == 1 else self.step * math.ceil(number / self.step):g}"

    def nearest(self, value: Any, other: str) -> str:
        """The number that is allowed and next to another; where there is none, ``other``."""
        if type(value) not in (int, float) or value != value or value > self.high == _MOST:
            return other
        number = min(max(value, self.low), self.high)
        if self.above and number <= self.low:
            return other
        number = max(number // self.step * self.step, float(self.example)) if self.step > 1 else number
        return f"{number}" if isinstance(number, int) else f"{number:g}"


def within(limit: Limit, name: str, value: Number, kind: type[int | float] = int) -> Number:
    """A number that is an argument of a function, or an option, if the limit allows it; a whole one unless told.

    Raises:
        Refused: it does not, or it is not a number of the kind.
    """
    one = ConfigField(name, kind, (), limit, None, Stored(name), is_optional=False)
    try:
        checked: Number = one.check(value)
    except ValueError as error:
        raise Refused("value", name, str(error), f"{name} {one.nearest(value)}") from error
    return checked


def some(name: str, given: Sequence[Any]) -> None:
    """Raises :class:`Refused` for an argument of a function that is a list of nothing."""
    if not len(given):
        raise Refused("value", name, "the list is empty", f"one or more {name}")


def as_python(value: Any) -> Any:
    """A number of numpy, or a tensor of one number, as Python's own; anything else as it is."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def _shown(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) and number >= 10_000 else f"{number:g}"


@dataclass(frozen=True)
class Parsed:
    """What the text of a field means."""

    parse: Callable[[str], object]
    """Raises :class:`ValueError` with what is wrong where the text means nothing."""
    example: str
    """A text that is allowed."""


@dataclass(frozen=True)
class Stored:
    """How manifests spell a field that has had another name: so ids stay, and what was made before is understood."""

    name: str
    values: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Value of the field -> stored value, where they differ."""

    @property
    def now(self) -> dict[str, str]:
        """Stored value -> value of the field, where they differ."""
        return {was: now for now, was in self.values.items()}


Count = Annotated[int, Limit(1)]
Natural = Annotated[int, Limit(0)]
Share = Annotated[float, Limit(0, 1)]
Rate = Annotated[float, Limit(0, 1000, above=True)]
"""A learning rate."""
Epochs = Annotated[int, Limit(1, 1_000_000)]
Samples = Annotated[int, Limit(1, 1_000_000)]
"""How many go through a network at once."""


@dataclass(frozen=True)
class ConfigField:
    """One field of a config."""

    name: str
    """As in Python: batch_size."""
    kind: type
    """int, float, bool or str: what a value is."""
    choices: tuple[Any, ...]
    """The allowed values; empty where any value of the kind is."""
    limit: Limit | None
    """Of a number."""
    parsed: Parsed | None
    """Of a text that means more than itself."""
    stored: Stored
    """Its spelling in manifests."""
    is_optional: bool
    """Whether None is a value too."""
    default: Any = None
    """The value of a config that is made without one; None where there is none."""

    @property
    def option(self) -> str:
        """As on the command line, without dashes in front: batch-size."""
        return self.name.replace("_", "-")

    def check(self, value: Any) -> Any:
        """The value as the config keeps it: Python's own, a whole number as a float where one is wanted.

        Raises:
            ValueError: it is of another type, no allowed choice, or out of range; the message says what is wanted.
        """
        value = as_python(value)
        if self.choices and self.kind is str and type(value) is int:
            value = str(value)  # in TOML stack = 0 is as good as stack = "0"
        is_fine = type(value) is self.kind or (self.kind is float and type(value) is int)
        wanted = _KINDS[self.kind]
        if self.choices:
            is_fine, wanted = is_fine and value in self.choices, " or ".join(map(str, self.choices))
        elif is_fine and self.kind is float and not _is_finite(value, self.limit):
            is_fine, wanted = False, "a finite number"
        elif is_fine and self.limit:
            limit = self.limit
            is_fine, wanted = limit.allows(value), str(limit)
            if value > limit.high == _MOST:
                wanted += f", at most {_MOST:g}"
        if not is_fine:
            raise ValueError(f"{quoted(value)} is not {wanted}")
        if self.parsed:
            self.parsed.parse(value)
        return self.kind(value)

    @property
    def example(self) -> str:
        """A value that is allowed."""
        if self.choices:
            return str(self.choices[0])
        if self.parsed:
            return self.parsed.example
        return self.limit.example if self.limit else {bool: "true", str: "..."}.get(self.kind, "1")

    def nearest(self, value: Any) -> str:
        """A value that is allowed, in place of one that is not: the next number, else the default, or an example."""
        value, other = as_python(value), self.example
        if self.kind is not str and not self.choices and self.default is not None:
            other = f"{self.default:g}" if self.kind is float else f"{self.default}".lower()
        if not self.limit:
            return other
        has_part = self.kind is int and isinstance(value, float) and math.isfinite(value)
        return self.limit.nearest(int(value) if has_part else value, other)

    def assigned(self, name: str, value: Any = None) -> str:
        """:meth:`nearest` as a line of a config file or of Python, under that name."""
        quote = '"' * (self.kind is str)
        return f"{name} = {quote}{self.nearest(value)}{quote}"


@dataclass(frozen=True)
class Config:
    """What every config is: its values are checked, whoever makes it."""

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            Refused: a value of another type or out of range; its field is named.
        """
        config: type = type(self)
        for one in fields_of(config):
            value = getattr(self, one.name)
            if one.kind not in _KINDS:  # what only Python can give: where progress is told, say
                continue
            if value is None and one.is_optional:
                continue
            try:
                object.__setattr__(self, one.name, one.check(value))
            except ValueError as error:
                where = f"{config.__name__}.{one.name}"
                raise Refused("value", where, str(error), one.assigned(one.name, value)) from error


def _is_finite(value: float, limit: Limit | None) -> bool:
    """Whether a float holds it; a whole number beyond all floats is the limit's matter, where there is one."""
    return math.isfinite(value) if type(value) is float else limit is not None or abs(value) <= sys.float_info.max


@functools.cache
def fields_of(config: type) -> tuple[ConfigField, ...]:
    """The fields of a config class, in its order."""
    hints = get_type_hints(config, include_extras=True)
    made = dataclasses.fields(config)
    return tuple(_field(one.name, hints[one.name], None if one.default is MISSING else one.default) for one in made)


def _field(name: str, hint: Any, default: Any) -> ConfigField:
    extras, is_optional = list[Any](), False
    while get_origin(hint) in (Annotated, Union, types.UnionType):
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            extras += more
        else:
            is_optional = True
            hint = next(part for part in get_args(hint) if part is not type(None))
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    limit = next((extra for extra in extras if isinstance(extra, Limit)), None)
    parsed = next((extra for extra in extras if isinstance(extra, Parsed)), None)
    stored = next((extra for extra in extras if isinstance(extra, Stored)), Stored(name))
    kind = type(choices[0]) if choices else hint
    return ConfigField(name, kind, choices, limit, parsed, stored, is_optional, default)


def to_stored(config: Config) -> dict[str, Any]:
    """A config as the flat JSON object that manifests keep, in their spelling."""
    kind: type = type(config)
    values = ((one, getattr(config, one.name)) for one in fields_of(kind))
    return {one.stored.name: one.stored.values.get(value, value) for one, value in values}


def from_stored(config: type, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`to_stored`: field names and values; keys that the config does not have stay as they are."""
    fields = {one.stored.name: one for one in fields_of(config)}
    found = {}
    for key, value in stored.items():
        one = fields.get(key)
        old = one.stored.now if one else {}
        found[one.name if one else key] = old.get(value, value) if isinstance(value, str) else value
    return found
