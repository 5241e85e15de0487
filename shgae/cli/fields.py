"""What the command line says of a config's fields: help from the docstrings under them, defaults from the recipes."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from typing import Any, get_type_hints

from shgae.config import ConfigField, fields_of
from shgae.recipe_parts import PARTS
from shgae.recipes import RECIPES, Recipe


def help_of(config: type, name: str) -> str:
    """The docstring under a field, on one line; an inherited field may leave it to its base class."""
    found = (_field_docstrings(cls.__module__).get(cls.__name__, {}).get(name, "") for cls in config.__mro__[:-1])
    return next(filter(None, found), "")


@functools.cache
def _field_docstrings(module: str) -> dict[str, dict[str, str]]:
    """Class name -> field name -> the string literal under the field; Python itself does not keep these."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = {
                above.target.id: " ".join(below.value.value.split())
                for above, below in zip(node.body, node.body[1:], strict=False)
                if isinstance(above, ast.AnnAssign)
                and isinstance(above.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            }
    return found


@functools.cache
def stages() -> dict[str, type]:
    """The stages that have a config, and its class: the fields of :class:`~shgae.recipes.Recipe`."""
    return get_type_hints(Recipe)


def stage_of(config: type) -> str:
    """The stage that a config class belongs to."""
    return next(stage for stage, type_ in stages().items() if type_ is config)


_UNSET = {float: "off", int: "all", str: "person"}
"""What an option that is not given means, by its kind; the only text is --category."""


def defaults(stage: str, field: ConfigField) -> str:
    """What the recipes say, for the help: ``default: 16``, or ``improved: yes; original: no``."""
    said = {recipe: _in_words(field, getattr(getattr(RECIPES[recipe], stage), field.name)) for recipe in RECIPES}
    if len(set(said.values())) == 1:
        return f"default: {next(iter(said.values()))}"
    return "; ".join(f"{recipe}: {value}" for recipe, value in said.items())


def _in_words(field: ConfigField, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "by --augment" if field.name in PARTS else _UNSET[field.kind]
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


def retyped(config: Any) -> list[str]:
    """The options that give this config where no recipe and no file is given."""
    kind: type = type(config)
    usual = getattr(RECIPES["improved"], stage_of(kind))
    words: list[str] = []
    for field in fields_of(kind):
        value = getattr(config, field.name)
        if value == getattr(usual, field.name):
            continue
        if isinstance(value, bool):
            words.append(f"--{field.option}" if value else f"--no-{field.option}")
        else:
            words += [f"--{field.option}", str(value)]
    return words
