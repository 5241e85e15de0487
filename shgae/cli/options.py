"""The options that several commands share, and the options that a config gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from shgae.cli.fields import defaults, help_of, stage_of, stages
from shgae.cli.inputs import Folder, NamedFile, NamedFiles, NewFolder
from shgae.config import ConfigField, Limit, fields_of, within
from shgae.errors import Refused
from shgae.execution import EPOCH, JOBS, PROCESSES, SEED, STEPS, Execution
from shgae.recipes import RecipeName

_METHOD, _SHOWING = "Method", "Showing"
_SHORT = {"batch_size": "-b", "seed": "-s", "device": "-d", "workers": "-j"}
_METAVARS = {int: "N", float: "X", str: "TEXT", "device": "DEVICE"}

Parameter = tuple[Any, Any]
"""An annotation and a default, as they stand in a signature."""


@dataclass(frozen=True)
class OldSpelling:
    """An option of a command that had another name, or other values."""

    command: str
    """As typed; in a file, the name of the table."""
    old: str
    new: str
    """Without dashes."""
    values: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Old value -> new value; in a list with commas, of each item."""

    def value(self, text: str) -> str:
        """A value as it is spelled now."""
        return ",".join(self.values.get(item.strip(), item) for item in text.split(","))

    def note(self) -> str:
        """What a user is told."""
        changed = "".join(f", {old} is now {new}" for old, new in self.values.items())
        return f"note: --{self.old} is now --{self.new}{changed}"


OLD_SPELLINGS = (
    *(
        OldSpelling(stage.replace("_", "-"), field.stored.name, field.option, field.stored.now)
        for stage, config in stages().items()
        for field in fields_of(config)
        if field.stored.name != field.name
    ),
    OldSpelling("plot", "from", "from-epoch"),
)
"""What still works, unlisted, with a note. One that its command has under the old name only is none yet."""


def old_spelling(command: str, name: str, known: Collection[str]) -> OldSpelling | None:
    """The old spelling that a name without dashes is, of a command that knows such names; None for any other."""
    if name in known:
        return None
    return next((one for one in OLD_SPELLINGS if (one.command, one.old) == (command, name) and one.new in known), None)


def modernized(command: str, words: Sequence[str], known: Collection[str]) -> tuple[list[str], list[str]]:
    """Words of a command line with today's names of options, and a note for each that had an old one."""
    new: list[str] = []
    notes: list[str] = []
    waiting: OldSpelling | None = None
    for place, word in enumerate(words):
        if word == "--":
            return [*new, *words[place:]], notes
        name, equals, value = word.removeprefix("--").partition("=")
        found = old_spelling(command, name, known) if word.startswith("--") else None
        if found:
            notes.append(found.note())
            word = f"--{found.new}{equals}{found.value(value)}"
        elif waiting:
            word = waiting.value(word)
        waiting = found if found and not equals else None
        new.append(word)
    return new, notes


def _is_within(name: str, limit: Limit) -> Callable[[int | None], int | None]:
    return lambda value: None if value is None else within(limit, f"--{name}", value)


def _option(type_: Any, default: Any, *names: str, help: str, panel: str = "Running", **more: Any) -> Parameter:
    shows_default = default not in (None, False, True)
    text = f"{help} [default: yes]" if default is True else help
    option = typer.Option(*names, rich_help_panel=panel, help=text, show_default=shows_default, **more)
    return Annotated[type_, option], default


Pair = tuple[Path, Path]
PAIR = "JSON DIR"
Category = Annotated[
    str | None, typer.Option("--category", metavar="NAME", help="Category of --joints, if of several.")
]


def colour(text: str) -> tuple[float, ...]:
    """The channels of ``R,G,B``; raises :class:`Refused` if they are not numbers."""
    try:
        return tuple(float(channel) for channel in text.split(","))
    except ValueError as error:
        raise Refused("value", "--mean-rgb", f"{text} is not R,G,B", "--mean-rgb 0.44,0.44,0.43") from error


Data = Annotated[Path, typer.Argument(metavar="DATA", help="Prepared data, made by shgae prepare."), Folder(("data",))]
Model = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="An hourglass: a model, or the folder of its training."),
    Folder(("hourglass",)),
]
Activations = Annotated[
    Path, typer.Argument(metavar="ACTIVATIONS", help="Made by shgae extract."), Folder(("activations",))
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to make."), NewFolder()]
MaybeOutput = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="The folder to make."), NewFolder()
]
Given = Annotated[
    list[NamedFile] | None,
    typer.Option(
        "--given",
        metavar="NAME=FILE",
        parser=NamedFile.parse,
        help="Reconstructions by another program (.safetensors), and what to call them; may be repeated.",
    ),
    NamedFiles(),
]


def by_name(given: Sequence[NamedFile] | None) -> dict[str, Path]:
    """The files of :data:`Given`; raises :class:`Refused` where two have one name."""
    found: dict[str, Path] = {}
    for name, path in given or ():
        if name in found:
            raise Refused("value", "--given", f"two files are called {name}", "a name each")
        found[name] = path
    return found


DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say what would be made, how many bytes it takes, and how long.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        callback=_is_within("jobs", JOBS),
        help="Make N parts at once, each in a process of its own: a GPU each, or a core each (OMP_NUM_THREADS cores).",
    ),
]
Only = Annotated[
    str | None,
    typer.Option("--only", metavar="PART", help="Make this part alone, and what it is made from; --plan lists them."),
]
ShowPlan = Annotated[
    bool, typer.Option("--plan", help="Register the study and list its parts: done, running, interrupted or to do.")
]
PlanDryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be made, and how long that takes.")]
Seed = Annotated[
    int, typer.Option("--seed", "-s", metavar="N", callback=_is_within("seed", SEED), help="Seed of everything drawn.")
]
FromEpoch = Annotated[
    int | None,
    typer.Option(
        "--from-epoch",
        metavar="EPOCH",
        callback=_is_within("from-epoch", EPOCH),
        show_default=False,
        help="First epoch of the curves' second column. [default: the one after a third of the longest training]",
    ),
]
Steps = Annotated[
    int, typer.Option("--steps", metavar="N", callback=_is_within("steps", STEPS), help="Steps of the trial, about.")
]

SHOW_OPTIONS: Mapping[str, Parameter] = {
    "quiet": _option(bool, False, "--quiet", "-q", panel=_SHOWING, help="No progress and no notes."),
    "as_json": _option(
        *(bool, False, "--json"),
        panel=_SHOWING,
        help="The result as one JSON object on standard output; everything else on standard error.",
    ),
}
"""What every command has."""

RECIPE_OPTIONS: Mapping[str, Parameter] = {
    "recipe": _option(
        *(RecipeName | None, None, "--recipe"),
        panel=_METHOD,
        help="Where defaults come from: the original study as it was, or its known faults mended. [default: improved]",
    ),
    "config_file": _option(
        *(Path | None, None, "--config"),
        panel=_METHOD,
        metavar="FILE",
        help="A TOML file over the recipe; options given here count more.",
    ),
}
"""What every command with a config has."""


def config_options(config: type) -> Mapping[str, Parameter]:
    """One option a field of a config class; the default None means: as the file or the recipe says."""
    stage, options = stage_of(config), {}
    for field in fields_of(config):
        options[field.name] = _option(
            *(_type_of(field) | None, None, *_names_of(field)),
            panel=_METHOD,
            metavar=_metavar_of(field),
            help=f"{help_of(config, field.name)} [{defaults(stage, field)}]",
        )
    return options


def _run_option(field: ConfigField, help: str = "") -> Parameter:
    return _option(
        *(_type_of(field), field.default, *_names_of(field, is_flag=field.default is False)),
        metavar=_metavar_of(field),
        callback=lambda value: _checked(field, value),
        help=help or help_of(Execution, field.name),
    )


def _type_of(field: ConfigField) -> Any:
    return Literal[field.choices] if field.choices else field.kind


def _names_of(field: ConfigField, *, is_flag: bool = False) -> list[str]:
    names = [f"--{field.option}/--no-{field.option}" if field.kind is bool and not is_flag else f"--{field.option}"]
    return [*names, _SHORT[field.name]] if field.name in _SHORT else names


def _metavar_of(field: ConfigField) -> str | None:
    return None if field.choices else _METAVARS.get(field.name, _METAVARS.get(field.kind))


_RUN_FIELDS = {field.name: field for field in fields_of(Execution) if field.kind in (str, int, bool)}
RUN_OPTIONS: Mapping[str, Parameter] = {name: _run_option(field) for name, field in _RUN_FIELDS.items()} | {
    "nproc": _option(
        *(int, 1, "--nproc"),
        metavar="N",
        callback=_is_within("nproc", PROCESSES),
        help="Processes on this machine that share the work, each on a GPU of its own where there are any.",
    )
}
"""The fields of :class:`~shgae.execution.Execution` that are options, and nproc; a command names those that fit it."""

OWN_HELP: Mapping[str, Mapping[str, str]] = {
    "study": {
        "resume": "Changes nothing: a study always goes on with what was interrupted.",
        "force": "Register another plan in place of the one there, and make again what has other options or damage.",
    }
}
"""What some of them do in a command that makes more than one artefact."""


def run_options(command: str, names: Sequence[str]) -> dict[str, Parameter]:
    """Some of :data:`RUN_OPTIONS`, with the help of that command."""
    own = {name: _run_option(_RUN_FIELDS[name], text) for name, text in OWN_HELP.get(command, {}).items()}
    return {name: RUN_OPTIONS[name] for name in names} | own


def given(config: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a config class that the command line set, checked.

    Raises:
        Refused: a value out of range; its option is named.
    """
    given_fields = [field for field in fields_of(config) if values[field.name] is not None]
    return {field.name: _checked(field, values[field.name]) for field in given_fields}


def _checked(field: ConfigField, value: Any) -> Any:
    try:
        return field.check(value)
    except ValueError as error:
        option = f"--{field.option}"
        raise Refused("value", option, str(error), f"{option} {field.nearest(value)}") from error
