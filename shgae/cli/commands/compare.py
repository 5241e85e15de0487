"""``shgae compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.artifacts.manifest import DIFFERENCES
from shgae.cli.command import ANALYSIS, Outcome, beside, command, typed
from shgae.cli.inputs import File
from shgae.cli.options import Data, Output
from shgae.execution import Execution
from shgae.recipe_parts import CompareConfig

_ARM = "An arm: predictions of the split (COCO results), one file a run. A study's folders of scores do too."
_BASELINE = "The arm that the others are compared with. [default: the first one]"
_PRIMARY = "The arm that the verdict is on. [default: the first one that is not the baseline]"
_SIGMAS = "JSON of OKS's sigmas of the joints, for results that do not say whom they are of."


@command(
    "compare",
    section=ANALYSIS,
    example="shgae compare data --arm theirs=a.json --arm mine=b.json -o comparison",
    writes="""
    COMPARISON/
      report.json tables.md tables.tex    scores, differences, verdict
      differences.png                     differences: look here first
    """,
    running=("stamp", "force"),
)
def compare(
    data: Data,
    arm: Annotated[list[str], typer.Option("--arm", metavar="NAME=FILE,...", help=_ARM)],
    output: Output,
    config: CompareConfig,
    execution: Execution,
    baseline: Annotated[str | None, typer.Option(metavar="NAME", help=_BASELINE)] = None,
    primary: Annotated[str | None, typer.Option(metavar="NAME", help=_PRIMARY)] = None,
    sigmas: Annotated[Path | None, typer.Option(metavar="FILE", help=_SIGMAS), File("sigmas")] = None,
) -> Outcome:
    """Compares predictions of modules that were trained elsewhere, in the form of a study's report."""
    from shgae.cli.tables import study_tables
    from shgae.experiments import compare as stage

    arms = [stage.GivenArm.parse(text) for text in arm]
    made = stage.run(arms, data, output, config, execution, baseline=baseline, primary=primary, sigmas=sigmas)
    shown = [*study_tables(made.report), f"picture: {output / DIFFERENCES}"]
    return Outcome(made.to_json(), shown, typed("plot", output, "-o", beside(output, f"{output.name}-figures")))
