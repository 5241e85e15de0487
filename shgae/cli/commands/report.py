"""``shgae report``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from shgae.artifacts.output_file import PAGE
from shgae.cli.command import OUTPUT, command
from shgae.cli.inputs import Folder, NewFile
from shgae.cli.needs import Needs
from shgae.cli.outcome import Outcome
from shgae.execution import Execution
from shgae.recipes import ReportConfig


def _has_evaluation(values: Mapping[str, Any]) -> bool:
    from shgae.artifacts.folders import report_of
    from shgae.artifacts.store import open_artifact

    opened = (open_artifact(report_of(path), verify=False) for path in values["inputs"])
    return any(one.manifest.kind == "evaluation" for one in opened)


@command(
    "report",
    example="shgae report data baseline finetuned evaluation -o report.html",
    writes="""
    FILE.html   one page with tables and pictures; no network, no script
    """,
    section=OUTPUT,
    running=("force",),
    needs=(
        Needs(("people", "between"), "an evaluation", _has_evaluation),
        Needs(("between",), "--people N", lambda values: values["config"].people > 0),
    ),
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
