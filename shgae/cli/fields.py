"""A config dataclass as options: name, type and choices from its fields, help from the docstrings under them."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from shgae.recipe_parts import PARTS
from shgae.recipes import RECIPES, Recipe

_MOST = 2**63 - 1


@dataclass(frozen=True)
class Limit:
    """The numbers an option takes; never NaN or an infinity."""

    low: float
    high: float = _MOST
    above: bool = False
    """Whether ``low`` itself is refused."""
    step: int = 1
    """Above 1: the number must be a multiple of this."""

    def __str__(self) -> str:
        text = f"{'more than' if self.above else 'at least'} {self.low:g}"
        if self.high < _MOST:
            text = f"{self.low:g} to {self.high:g}"
        return text if self.step == 1 else f"a multiple of {self.step}, {text}"

    def allows(self, value: float) -> bool:
        """Whether the number lies in it."""
        is_inside = (self.low < value if self.above else self.low <= value) and value <= self.high
        return is_inside and (self.step == 1 or value % self.step == 0)


LIMITS: Mapping[str, Limit] = {
    "ae_batch_size": Limit(1),
    "ae_epochs": Limit(1),
    "ae_lr": Limit(0, above=True),
    "batch_size": Limit(1),
    "code_size": Limit(1, 4096),
    "colour": Limit(0, 1),
    "context": Limit(1, 3),
    "draws": Limit(100, 1_000_000),
    "dropout": Limit(0, 0.9),
    "epochs": Limit(1),
    "flip": Limit(0, 1),
    "half_body": Limit(0, 1),
    "hold_out": Limit(0),
    "limit": Limit(1),
    "lr": Limit(0, above=True),
    "margin": Limit(0),
    "max_bad_photos": Limit(0),
    "micro_batches": Limit(1),
    "min_score": Limit(0, 1),
    "traversals": Limit(0, 10),
    "unit_people": Limit(2),
    "noise": Limit(0),
    "nproc": Limit(1, 1024),
    "occlusion": Limit(0, 1),
    "people": Limit(0, 24),
    "rotation": Limit(0, 180),
    "scale": Limit(0, 0.9),
    "seed": Limit(0),
    "seeds": Limit(1),
    "sigma_hidden": Limit(0, above=True),
    "sigma_visible": Limit(0, above=True),
    "stacks": Limit(1, 8),
    "steps": Limit(1, 1000),
    "translation": Limit(0, 1),
    "weight_decay": Limit(0, 1),
    "width": Limit(4, 1024, step=4),
    "workers": Limit(0, 256),
}
"""Limits of every number a user can set, by name."""

_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


@dataclass(frozen=True)
class ConfigField:
    """One field of a config."""

    name: str
    """As in Python: batch_size."""
    kind: type
    """int, float, bool or str: what a value is."""
    choices: tuple[Any, ...]
    """The allowed values; empty where any value of the kind is."""
    help: str
    """The docstring under the field, on one line."""

    @property
    def option(self) -> str:
        """As on the command line, without dashes in front: batch-size."""
        return self.name.replace("_", "-")

    def check(self, value: Any) -> Any:
        """The value as the config keeps it (a whole number becomes a float where one is wanted).

        Raises:
            ValueError: it is of another type, no allowed choice, or out of range; the message says what is wanted.
        """
        if self.choices and self.kind is str and type(value) is int:
            value = str(value)  # in TOML stack = 0 is as good as stack = "0"
        is_fine = type(value) is self.kind or (self.kind is float and type(value) is int)
        wanted = _KINDS[self.kind]
        if self.choices:
            is_fine, wanted = is_fine and value in self.choices, " or ".join(map(str, self.choices))
        elif is_fine and self.name in LIMITS:
            is_fine, wanted = LIMITS[self.name].allows(value), str(LIMITS[self.name])
        if not is_fine:
            raise ValueError(f"{value!r:.40} is not {wanted}")
        return self.kind(value)

    @property
    def example(self) -> str:
        """A value that is allowed."""
        if self.choices:
            return str(self.choices[0])
        if self.name in LIMITS:
            limit = LIMITS[self.name]
            return f"{0.1 if limit.above else limit.low:g}"
        return {bool: "true", str: '"..."'}.get(self.kind, "1")


@functools.cache
def fields_of(config: type) -> tuple[ConfigField, ...]:
    """The fields of a config dataclass, in its order."""
    hints = get_type_hints(config)
    return tuple(_field(config, field.name, hints[field.name]) for field in dataclasses.fields(config))


def _field(config: type, name: str, hint: Any) -> ConfigField:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    text = next(docs[name] for cls in config.__mro__ if name in (docs := _field_docstrings(cls)))
    return ConfigField(name, type(choices[0]) if choices else hint, choices, text)


@functools.cache
def _field_docstrings(config: type) -> dict[str, str]:
    """Field name -> the string literal under the field, of a class's own; Python itself does not keep these."""
    body = _classes(config.__module__).get(config.__name__, [])
    return {
        above.target.id: " ".join(below.value.value.split())
        for above, below in zip(body, body[1:], strict=False)
        if isinstance(above, ast.AnnAssign)
        and isinstance(above.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


@functools.cache
def _classes(module: str) -> dict[str, list[ast.stmt]]:
    source = inspect.getsource(sys.modules[module])
    return {node.name: node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}


@functools.cache
def stages() -> dict[str, type]:
    """The stages that have a config, and its class: prepare, train, extract, pretrain_ae, finetune, evaluate."""
    return get_type_hints(Recipe)


def stage_of(config: type) -> str:
    """The stage that a config class belongs to."""
    return next(stage for stage, type_ in stages().items() if type_ is config)


def defaults(stage: str, field: ConfigField) -> str:
    """What the recipes say, for the help: ``default: 16``, or ``improved: adam; original: rmsprop``."""
    said = {recipe: _spelled(field, getattr(getattr(RECIPES[recipe], stage), field.name)) for recipe in RECIPES}
    if len(set(said.values())) == 1:
        return f"default: {next(iter(said.values()))}"
    return "; ".join(f"{recipe}: {value}" for recipe, value in said.items())


def _spelled(field: ConfigField, value: Any) -> str:
    if isinstance(value, bool):
        return field.option if value else f"no-{field.option}"
    if value is None:
        return "by --augment" if field.name in PARTS else "all"
    return f"{value:g}" if isinstance(value, float) else str(value)
