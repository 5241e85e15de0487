"""``shgae report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.artifacts.output_file import PAGE
from shgae.cli.command import OUTPUT, Outcome, command
from shgae.cli.inputs import Folder, NewFile
from shgae.execution import Execution
from shgae.recipes import ReportConfig


@command(
    "report",
    example="shgae report data baseline finetuned evaluation -o report.html",
    writes="""
    FILE.html   one page with tables and pictures; no network, no script
    """,
    section=OUTPUT,
    running=("force",),
)
def report(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Artefacts of any kind, in any order."), Folder()
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="The file to make, NAME.html."),
        NewFile(PAGE, "report"),
    ],
    config: ReportConfig,
    execution: Execution,
) -> Outcome:
    """Writes one self-contained page: what may be concluded, scores, people, curves, and where it all comes from.

    It shows what the artefacts hold and claims nothing beyond their reports. What it reads is hashed again first.
    """
    from shgae.artifacts.disk_space import readable
    from shgae.cli.tables import facts_table
    from shgae.stages import report as stage

    result = stage.run(inputs, output, config, execution).to_json()
    shown = {"file": result["output"], "size": readable(result["bytes"]), "artefacts": len(result["artefacts"])}
    return Outcome(result, [facts_table(shown | {"pictures": result["pictures"], "sections": result["sections"]})])
