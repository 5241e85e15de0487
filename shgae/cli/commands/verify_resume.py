"""``shgae verify-resume``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import MAINTENANCE, Outcome, command
from shgae.cli.inputs import Folder
from shgae.cli.options import Steps
from shgae.execution import Execution
from shgae.wording import counted


@command(
    "verify-resume",
    section=MAINTENANCE,
    example="shgae verify-resume baseline --steps 6",
    running=("device", "deterministic", "workers"),
)
def verify_resume(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A training, finished or interrupted, with its parents still there."),
        Folder(("hourglass", "autoencoder"), or_unfinished=True),
    ],
    execution: Execution,
    steps: Steps = 6,
) -> Outcome:
    """Checks that a training, stopped and resumed here, ends with the same bits.

    Repeats a short trial of it, with its own data and options, once in one go and once stopped after every step and
    resumed in a new process, and compares weights, optimizer, position and history. Removes what it made.
    """
    from shgae.cli.tables import facts_table
    from shgae.experiments.resume import verify as stage

    result = stage.run(run, steps, execution)
    found = result.to_json()
    rows = {
        one.part: f"{one.compared} compared, {len(one.different) or 'none'} different" for one in result.comparisons
    }
    size = f"{counted(found['samples'], 'sample')}, {counted(found['epochs'], 'epoch')}"
    heading = f"{found['command']}, {size}, stopped and resumed {counted(result.interruptions, 'time')}"
    return Outcome(found, [heading, facts_table(rows)], failure=result.fault())
