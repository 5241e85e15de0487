"""What a command module is made with.

A command is a function: its parameters are the command's own arguments and options, and two names are handed in
ready. ``config`` is the stage's config, resolved from recipe, file and command line; its class decides which options
the command has. ``execution`` says how to run. The function calls one stage and returns an :class:`Outcome`.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer
from rich.console import RenderableType
from typer.core import TyperArgument, TyperCommand, TyperOption

from shgae.artifacts.command_line import typed as typed
from shgae.cli import config_file, launcher
from shgae.cli.device_faults import check_address_space
from shgae.cli.fields import stage_of
from shgae.cli.inputs import as_typed, check_paths
from shgae.cli.interrupts import arm
from shgae.cli.needs import check_needs
from shgae.cli.options import RECIPE_OPTIONS, SHOW_OPTIONS, Parameter, config_options, given, modernized, run_options
from shgae.errors import Refused, ShgaeError
from shgae.execution import RENDEZVOUS, Execution, Progress, StopFlag

if TYPE_CHECKING:  # numpy comes with it
    from shgae.reporting.table import Grid

METHOD, ANALYSIS, OUTPUT, MAINTENANCE = "Method", "Analysis", "Output", "Maintenance"
"""Sections of ``shgae --help``."""


@dataclass(frozen=True)
class Outcome:
    """What a command shows."""

    result: Mapping[str, Any]
    """What ``--json`` prints; ``output``, ``kind`` and ``id`` in it are the artefact that was made."""
    tables: Sequence[RenderableType | Grid] = ()
    """What people read instead."""
    then: str = ""
    """The next command to type."""
    failure: ShgaeError | None = None
    """Raised after the rest was shown."""


@dataclass(frozen=True)
class Command:
    """One command, ready to be added to the application."""

    name: str
    section: str
    callback: Callable[..., None]
    help: str

    def add_to(self, app: typer.Typer) -> None:
        first_sentence = self.help.partition("\n\n")[0]
        app.command(
            self.name, cls=_SectionedCommand, help=self.help, short_help=first_sentence, rich_help_panel=self.section
        )(self.callback)


def command(
    name: str, *, example: str, section: str = METHOD, writes: str = "", running: tuple[str, ...] = ()
) -> Callable[[Callable[..., Outcome]], Command]:
    """Makes a :class:`Command` of a function; its docstring becomes the help.

    Args:
        name: what the user types.
        example: one line to copy.
        section: where ``shgae --help`` lists it.
        writes: the folder it makes, drawn.
        running: which of :data:`~shgae.cli.options.RUN_OPTIONS` it has.
    """

    def decorate(body: Callable[..., Outcome]) -> Command:
        own = inspect.signature(body, eval_str=True).parameters
        config = own["config"].annotation if "config" in own else None
        parameters: dict[str, Parameter] = {
            key: (parameter.annotation, parameter.default)
            for key, parameter in own.items()
            if key not in ("config", "execution")
        }
        inputs = tuple(parameters)
        shared = [RECIPE_OPTIONS, config_options(config)] if config else []
        for options in (*shared, run_options(name, running), SHOW_OPTIONS):
            if twice := parameters.keys() & options.keys():
                raise TypeError(f"shgae {name} has two options {', '.join(twice)}")
            parameters |= options

        def callback(**values: Any) -> None:
            from shgae.cli import console

            check_address_space()
            arguments = {key: values[key] for key in inputs}
            if config:
                arguments["config"] = _config(config, values)
            if RENDEZVOUS not in os.environ:  # else whoever started this process has looked
                check_paths({key: own[key].annotation for key in inputs}, values)
                check_needs(name, arguments, [key for key, (_, usual) in parameters.items() if values[key] != usual])
            if "nproc" in running:
                launcher.begin(values["nproc"])
            elif launcher.processes() > 1:
                raise Refused("environment", "WORLD_SIZE", f"shgae {name} runs in one process", "no torchrun")
            quiet = values["quiet"] or not launcher.is_first()
            # What libraries print is not a result: it must not stand next to the JSON object.
            with console.drawn(quiet=quiet) as progress, contextlib.redirect_stdout(sys.stderr):
                if "execution" in own:
                    execution = _execution(values, running, progress)
                    with execution.stop.listening(), launcher.joined(execution) as together:
                        outcome = body(**arguments, execution=together)
                else:
                    outcome = body(**arguments)
            if not launcher.is_first():
                return
            console.show(outcome, as_json=values["as_json"], quiet=values["quiet"])
            if outcome.failure:
                raise outcome.failure

        _sign(callback, parameters)
        return Command(name, section, callback, _help(inspect.getdoc(body) or "", writes, example))

    return decorate


def beside(path: Path, name: str) -> Path:
    """A proposal for the next output: a sibling of that name, as :func:`free` has it."""
    return free(path.parent / name)


def free(place: Path) -> Path:
    """The place, or where something lies there the first of NAME-2, NAME-3 ... where nothing does.

    A proposal to type would else end in an error that speaks of --force, and that in the loss of somebody's work.
    """
    found, number, suffix = place, 1, place.suffix if place.suffix == ".html" else ""
    while os.path.lexists(found):
        number += 1
        found = place.with_name(f"{place.name.removesuffix(suffix)}-{number}{suffix}")
    return found


def ancestor(path: Path, role: str) -> Path | str:
    """Where the nearest ancestor of that role lies, to be typed; the role in capitals where it is not there."""
    from shgae.artifacts.lineage import ancestors
    from shgae.artifacts.store import open_artifact

    family = ancestors(open_artifact(path, verify=False))
    lineage = [one for one in family if one.role == role and one.present]
    return near(min(lineage, key=lambda one: one.depth).path) if lineage else role.upper()


def near(path: Path) -> Path:
    """A path as a person would type it: relative where it lies below the current folder."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _execution(values: Mapping[str, Any], running: tuple[str, ...], progress: Progress) -> Execution:
    return Execution(progress=progress, stop=StopFlag(arm), **{key: values[key] for key in running if key != "nproc"})


def _config(config: type, values: Mapping[str, Any]) -> Any:
    """The config that recipe, file and command line give; notes on the file are told."""
    file = config_file.read(values["config_file"]) if values["config_file"] else config_file.ConfigFile()
    resolved = config_file.resolve(stage_of(config), given(config, values), values["recipe"], file)
    launcher.say_once(file.notes if not values["quiet"] else ())
    return resolved


def _sign(callback: Callable[..., None], parameters: Mapping[str, Parameter]) -> None:
    keyword = inspect.Parameter.KEYWORD_ONLY
    signature = [inspect.Parameter(key, keyword, annotation=a, default=d) for key, (a, d) in parameters.items()]
    callback.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    callback.__annotations__ = {key: annotation for key, (annotation, _) in parameters.items()}


def _help(text: str, writes: str, example: str) -> str:
    parts = [text]
    if writes:
        parts.append("\b\nWrites\n" + "\n".join(f"  {line}" for line in inspect.cleandoc(writes).splitlines()))
    parts.append(f"\b\nExample\n  {example}")
    return "\n\n".join(parts)


def _counts_once(option: TyperOption) -> bool:
    kind = option.type_descriptor.annotation
    return not option.multiple and (Path in (kind, *get_args(kind)) or "--stack" in option.opts)


class _SectionedCommand(TyperCommand):
    """Help in sections, plain text that is the same on a terminal and in a pipe."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Takes old spellings; refuses a second path or --stack where one counts. Of any other option the last one
        counts, so that one may be added to a script's."""
        known = {name.removeprefix("--") for one in self.get_params(ctx) for name in (*one.opts, *one.secondary_opts)}
        args, notes = modernized(ctx.info_name, args, known)
        found, _, order = self.make_parser(ctx).parse_args(list(args))
        self._check_values(ctx, found)
        once = [one.opts[0] for one in order if isinstance(one, TyperOption) and _counts_once(one)]
        if twice := [option for option in once if once.count(option) > 1]:
            more = " (extract and pretrain-ae take --stack all too)" * (twice[0] == "--stack")
            raise Refused("option", twice[0], "given twice, this command takes one", f"one run for each{more}")
        parsed: list[str] = super().parse_args(ctx, args)
        ctx.params |= {name: as_typed(value, found.get(name)) for name, value in ctx.params.items()}
        if not ctx.params.get("quiet"):
            launcher.say_once(notes)
        return parsed

    def _check_values(self, ctx: Any, found: Mapping[str, Any]) -> None:
        """Refuses an option of the command where another one's value was forgotten: -o --force makes no such folder."""
        options = [one for one in self.get_params(ctx) if not isinstance(one, TyperArgument)]
        names = {name for one in options for name in (*one.opts, *one.secondary_opts)}
        for one in options:
            value = found.get(str(one.name))
            for word in value if isinstance(value, list | tuple) else [value]:
                if isinstance(word, str) and word in names:
                    why = f"its value is missing, {word} stands in its place"
                    raise Refused("option", one.opts[0], why, f"{one.opts[0]} {one.metavar or 'VALUE'}")

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What stands after the name in the usage line: MODEL DATA, where typer would write {MODEL} {DATA}."""
        arguments = [one for one in self.get_params(ctx) if isinstance(one, TyperArgument)]
        return ["[OPTIONS]", *(str(argument.metavar) for argument in arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes arguments and options under the heading of their panel, those of the command's own first."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            panel = getattr(parameter, "rich_help_panel", None)
            record = parameter.get_help_record(ctx)
            if isinstance(parameter, TyperArgument):
                panel, record = "Arguments", (str(parameter.metavar), parameter.help or "")
            if record is not None:
                sections.setdefault(panel or "Options", []).append(record)
        for name, records in sections.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)
