"""``shgae verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import MAINTENANCE, Outcome, command, near
from shgae.cli.inputs import Folder
from shgae.errors import printable
from shgae.execution import Execution


@command("verify", section=MAINTENANCE, example="shgae verify finetuned")
def verify(
    path: Annotated[Path, typer.Argument(metavar="FOLDER", help="Any artefact, or a study."), Folder()],
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Ancestors that are not there are not a fault.")
    ] = False,
    *,
    execution: Execution,
) -> Outcome:
    """Checks the hash of every file of an artefact and of its ancestors; of a study, of all its parts."""
    from shgae.stages import verify as stage

    result = stage.run(path, execution)
    lines = [printable(f"intact: {near(folder)}") for folder in result.verified]
    lines += [printable(f"missing: {one.kind} {one.id[:12]}, once in {near(one.path)}") for one in result.missing]
    return Outcome(result.to_json(), [*lines], failure=None if allow_missing else result.fault())
