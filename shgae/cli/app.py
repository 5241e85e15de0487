"""The application, and how every run of it ends."""

from __future__ import annotations

import errno
import functools
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup

from shgae import __version__
from shgae.cli.commands import COMMANDS
from shgae.cli.interrupts import heard
from shgae.cli.launcher import LOST, Launch, launch, set_aside
from shgae.config import closest
from shgae.errors import DiskError, PeerLost, Refused, ShgaeError, shortened
from shgae.execution import RENDEZVOUS
from shgae.wording import few, listed

BUG, USAGE, BROKEN_PIPE = 1, 2, 128 + getattr(signal, "SIGPIPE", 13)
_AGAIN = "the same command (with --resume where it has one)"
_WORDS = (
    (r"Value error, ", ""),
    (r"Input should be a valid integer.*", "not a whole number"),
    (r"Unable to parse input string as an integer.*", "not a whole number"),
    (r"Input should be a valid number.*", "not a number"),
    (r"Input should be greater than or equal to (\S+)", r"less than \1"),
)
"""What the parser's library says, and what a user understands."""


class _SectionedGroup(TyperGroup):
    """Lists the commands in sections, in the order of their registration."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            section = getattr(command, "rich_help_panel", None) or "Commands"
            sections.setdefault(section, []).append((name, command.short_help or ""))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


app = typer.Typer(
    cls=_SectionedGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
for _command in COMMANDS:
    _command.add_to(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"shgae {__version__}")
        raise typer.Exit


@app.callback()
def _shgae(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Does an autoencoder in the bottleneck of a Stacked Hourglass earn its place?

    Every step reads folders and makes one folder (-o); `shgae COMMAND --help` shows it. `shgae demo` runs the whole
    method on drawn people, without any data of yours.
    """


def command_tree() -> Any:
    """All commands of :data:`app` with their options."""
    return _tree_of(app)


_tree_of = functools.cache(typer.main.get_command)  # typer takes a while for it


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code; every end a user can cause is one line on standard error."""
    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    # torch asks Linux for huge pages then: a training step has a hundred tensors of many MB, new ones at every step.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    # A notebook names a backend that draws into it, and a user's file may be no text: figures are only written here.
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    os.environ.pop("SOURCE_DATE_EPOCH", None)  # matplotlib reads it, be it a date or not; no figure holds a time
    _mend_streams()
    with heard(to_the_end=argv is None):
        return _run(arguments)


def _mend_streams() -> None:
    """Makes the standard streams fit to be written to."""
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        try:
            os.fstat(number)
        except OSError:
            # Closed (>&-): the next file that is opened must not get this number, and be printed into.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a file name need not be valid text


def _run(arguments: list[str]) -> int:
    try:
        try:
            # Not app(...): that would end the process itself when a pipe breaks.
            command = command_tree()
            with command.make_context("shgae", list(arguments)) as context:
                command.invoke(context)
            sys.stdout.flush()
        except Launch as wanted:
            return launch(arguments, wanted.processes)
    except typer.Exit as end:
        return end.exit_code
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("SHGAE_DEBUG"):
            traceback.print_exc()
        return _end(error, arguments)
    return 0


def _end(error: BaseException, words: list[str]) -> int:
    from shgae.cli.console import error_line
    from shgae.cli.device_faults import device_fault

    if isinstance(error, BrokenPipeError):
        # Python flushes standard output once more at exit; there must be somewhere to flush to.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
        return BROKEN_PIPE
    if isinstance(error, KeyboardInterrupt):
        return 128 + signal.SIGINT
    group = command_tree()
    if isinstance(error, typer.TyperException):
        error_line(usage_line(error, words, group.commands))
        return error.exit_code if error.exit_code != BUG else USAGE
    options = frozenset(flags(group.commands[words[0]])) if words[0] in group.commands else frozenset()
    error = device_fault(error, words[0], resumed="--resume" in words, options=options) or error
    if isinstance(error, OSError):
        error = _os_fault(error)
    if isinstance(error, PeerLost) and RENDEZVOUS in os.environ:
        set_aside(error)
        return LOST
    if isinstance(error, ShgaeError):
        error_line(error.line())
        return error.exit_code
    error_line(f"this is a bug: {type(error).__name__}: {error}. Set SHGAE_DEBUG=1 for the traceback.")
    return BUG


def usage_line(error: typer.TyperException, words: list[str], commands: dict[str, Any]) -> str:
    """What the parser refuses in the words of a command line, and the help to read; ``commands`` are the parser's."""
    name = words[0] if words[0] in commands else ""
    why = error.format_message()
    for pattern, plain in _WORDS:
        why = re.sub(pattern, plain, why)
    option = getattr(error, "option_name", "")
    homes = [home for home, command in commands.items() if option in set(flags(command))]
    called = f"shgae {name}".strip()
    if homes and name not in homes:
        why = f"{option} is not an option of {called}, but of {few(homes) if len(homes) > 3 else listed(homes)}"
    fix = "check its permissions" if "is not readable" in why else f"{called} --help"
    if chosen := re.search(r"'(--[\w-]+)'.*?: '(.*)' is not one of (.*)", why):
        near = closest(chosen[2].strip(), re.findall("'([^']*)'", chosen[3]))
        fix = f"{chosen[1]} {near}" if near else fix
    return f"{why if why.endswith(('.', '?')) else why + '.'} Try: {fix}."


def flags(command: Any) -> Iterator[str]:
    """The options of a command of the parser's, with their dashes."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)


def _os_fault(error: OSError) -> ShgaeError:
    """The disk's fault; but of a path that no disk could have, or that leads through a file or ends in what is another
    kind of thing, the input's."""
    if error.filename is None and error.strerror == os.strerror(errno.ENOENT):
        # Of the system's calls without a path, getcwd() alone says so.
        return Refused("path", "the current folder", "it is not there any more", "cd to one that is")
    if error.errno in (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST):
        where = error.filename2 or error.filename  # of a rename, the name that was wanted
        return Refused("path", shortened(str(where), 100), str(error.strerror).lower(), "check the path")
    fixes = {
        **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), f"make room, then {_AGAIN}"),
        **dict.fromkeys((errno.EACCES, errno.EPERM), "check the permissions there, or another place"),
        errno.EROFS: "another --output",
    }
    why = error.strerror or str(error) or type(error).__name__
    fix = fixes.get(error.errno or 0, f"look at that place, then {_AGAIN}")
    return DiskError("disk or I/O", error.filename or "a file", why, fix)
