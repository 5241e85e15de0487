"""``shgae report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import BESIDE, command
from shgae.cli.outcome import Outcome
from shgae.execution import Execution
from shgae.recipes import ReportConfig


@command(
    "report",
    example="shgae report data baseline finetuned evaluation -o report.html",
    writes="""
    FILE.html   the page: text, tables and pictures in one file; it needs no network and runs no script
    """,
    section=BESIDE,
    running=("force",),
)
def report(
    inputs: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Artefacts of any kind, in any order.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to make, NAME.html.")],
    config: ReportConfig,
    execution: Execution,
) -> Outcome:
    """Writes one self-contained HTML page: conclusions, scores, people, curves, lineage.

    It claims nothing beyond the reports of its artefacts, and verifies their checksums first.
    """
    from shgae.artifacts.disk_space import readable
    from shgae.cli.tables import facts_table
    from shgae.stages import report as stage

    result = stage.run(inputs, output, config, execution).to_json()
    shown = {"file": result["output"], "size": readable(result["bytes"]), "artefacts": len(result["artefacts"])}
    return Outcome(result, [facts_table(shown | {"pictures": result["pictures"], "sections": result["sections"]})])
