"""``--config FILE.toml``: a recipe of one's own. What counts: recipe < file < command line.

::

    recipe = "original"        # improved, where this line is missing

    [train]                    # a table a stage: prepare, train, extract, pretrain-ae, finetune, evaluate
    epochs = 20                # its options, spelled as on the command line
    batch-size = 8
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, get_args

from shgae.artifacts.input_file import read_input
from shgae.artifacts.strict_json import text_of
from shgae.cli.fields import stages
from shgae.cli.options import RUN_OPTIONS, old_spelling
from shgae.config import fields_of
from shgae.errors import Refused, shortened
from shgae.recipes import RECIPES, RecipeName

_MOST_BYTES = 100_000
_MOST_KEY = 60
_MOST_DOTS = 100
"""In a line: the time that the parser takes grows with the square of a key's parts."""


@dataclass(frozen=True)
class ConfigFile:
    """What a file says, checked."""

    recipe: RecipeName | None = None
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Stage -> field name -> value."""
    notes: tuple[str, ...] = ()
    """Keys that have another name now."""


def read(path: Path) -> ConfigFile:
    """Reads a whole file; tables of other commands are checked too.

    Raises:
        Refused: no such file, not TOML, an unknown key, a value of another type or out of range; file and key are said.
    """
    document = _parse(path)
    recipe = document.pop("recipe", None)
    if recipe is not None and recipe not in get_args(RecipeName):
        raise Refused("recipe", path, f"{recipe!r:.40} is not improved or original", 'recipe = "original"')
    values: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    for key, table in document.items():
        stage = _stage(key, path)
        if stage in values:
            raise Refused(key, path, "given twice, with - and with _", "the spelling with - alone")
        values[stage] = _table(key, table, path, notes)
    return ConfigFile(recipe, values, tuple(notes))


def resolve(stage: str, given: Mapping[str, Any], recipe: RecipeName | None, file: ConfigFile) -> Any:
    """The config of a stage: the recipe's (the command line's, else the file's), changed by the file, changed by the
    checked values that the command line gave, by field name."""
    config = getattr(RECIPES[recipe or file.recipe or "improved"], stage)
    return dataclasses.replace(config, **{**file.values.get(stage, {}), **given})


def _parse(path: Path) -> dict[str, Any]:
    data = read_input(path, "config", "key = value lines under [train] and the like", _MOST_BYTES)
    text = text_of(data, "config", path)
    try:
        if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
            raise ValueError(f"a line with more than {_MOST_DOTS} dots")
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        if twice := _twice(text):
            raise Refused(shortened(twice), path, "given twice", "one line of it alone") from error
        why = f"not TOML ({shortened(str(error), 90)})"
        raise Refused("config", path, why, "key = value lines under [train] and the like") from error


def _twice(text: str) -> str | None:
    """A table or key that stands twice, which the parser does not name; any string over several lines is not a key."""
    seen, table = set(), ""
    for line in text.splitlines():
        before, is_pair, _ = line.partition("=")
        name = before.partition("#")[0].strip()
        if not is_pair and not name.startswith("["):
            continue
        if not is_pair:
            name = table = name.strip("[] ")
        else:
            name = f"{table}.{name}" if table else name
        if name in seen:
            return name
        seen.add(name)
    return None


def _stage(key: str, path: Path) -> str:
    stage = key.replace("-", "_")
    if stage not in stages():
        if homes := _homes(stage):
            raise Refused(key, path, "an option outside any table", f"put it below {homes}")
        _unknown(key, ["recipe", *(name.replace("_", "-") for name in stages())], path)
    return stage


def _homes(option: str) -> str:
    """The tables that have such an option, to be said."""
    name = option.replace("-", "_")
    homes = [stage for stage, config in stages().items() if name in {field.name for field in fields_of(config)}]
    return " or ".join(f"[{stage.replace('_', '-')}]" for stage in homes)


def _table(key: str, table: Any, path: Path, notes: list[str]) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise Refused(key, path, "a value, wanted a table", f"[{key}] on a line of its own, options below it")
    fields = {field.name: field for field in fields_of(stages()[key.replace("-", "_")])}
    values: dict[str, Any] = {}
    known = {field.option for field in fields.values()}
    for option, value in table.items():
        name = option.replace("-", "_")
        if old := old_spelling(key.replace("_", "-"), option, known):
            name, value = old.new.replace("-", "_"), old.value(value) if isinstance(value, str) else value
            notes.append(f"{old.note()} ({path})")
        if name not in fields:
            _unknown(f"{key}.{option}", [f"{key}.{field.option}" for field in fields.values()], path)
        if name in values:
            raise Refused(f"{key}.{option}", path, "given twice, in two spellings", f"{option} alone")
        try:
            values[name] = fields[name].check(value)
        except ValueError as error:
            fix = fields[name].assigned(fields[name].option, value)
            raise Refused(f"{key}.{option}", path, str(error), fix) from error
    return values


def _unknown(key: str, known: Iterable[str], path: Path) -> NoReturn:
    known = list(known)
    table, _, option = key.rpartition(".")
    if option.replace("-", "_") in RUN_OPTIONS:
        raise Refused(shortened(key), path, "an option of the command line only", f"--{option} on the command line")
    homes = _homes(option)
    if table and homes:
        raise Refused(shortened(key), path, f"[{table}] has no such option", f"put it below {homes}")
    options = [name.rpartition(".")[2] for name in known]
    initials = "".join(word[:1] for word in re.split(r"[-_]", option))
    near = [initials] if initials in options else difflib.get_close_matches(option[:_MOST_KEY], options, 1)
    meant = f"{table}.{near[0]}" if table and near else "".join(near)
    fix = f"{meant} (did you mean that?)" if near else f"one of {', '.join(options)}"
    raise Refused(shortened(key), path, "unknown key", fix)
