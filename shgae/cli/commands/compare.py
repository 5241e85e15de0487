"""``shgae compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from shgae.cli.command import ANALYSIS, command, typed
from shgae.cli.inputs import File
from shgae.cli.options import Data, Output, given
from shgae.cli.outcome import Outcome
from shgae.execution import Execution
from shgae.recipe_parts import CompareConfig

_ARM = "An arm: predictions of the split (COCO results), one file a run. A study's folders of scores do too."
_BASELINE = "The arm that the others are compared with. [default: the first one]"
_PRIMARY = "The arm that the verdict is on. [default: the first one that is not the baseline]"
_SPLIT = "Split of the predictions; auto is test, or else val."
_MARGIN = "Points of PCK that count as no difference. [default: 1]"
_PAIRED = "The n-th runs of arms with equally many are pairs, such as of one seed."
_SD = "Spread (SD) of the difference of two runs, in points, known from before: for the minimum detectable difference."
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
    execution: Execution,
    baseline: Annotated[str | None, typer.Option(metavar="NAME", help=_BASELINE)] = None,
    primary: Annotated[str | None, typer.Option(metavar="NAME", help=_PRIMARY)] = None,
    split: Annotated[Literal["auto", "train", "val", "test"], typer.Option(help=_SPLIT)] = "auto",
    margin: Annotated[float | None, typer.Option(metavar="X", help=_MARGIN, show_default=False)] = None,
    paired: Annotated[bool, typer.Option("--paired", help=_PAIRED)] = False,
    sd: Annotated[float | None, typer.Option(metavar="X", help=_SD)] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Only the first N people. [default: all]")] = None,
    sigmas: Annotated[Path | None, typer.Option(metavar="FILE", help=_SIGMAS), File("sigmas")] = None,
) -> Outcome:
    """Compares predictions of modules that were trained elsewhere, in the form of a study's report."""
    from shgae.cli.tables import study_tables
    from shgae.experiments import compare as stage

    options = given(CompareConfig, dict(split=split, margin=margin, paired=paired, sd=sd, limit=limit))
    arms, config = [stage.Arm.parse(text) for text in arm], CompareConfig(**options)
    made = stage.run(arms, data, output, config, execution, baseline=baseline, primary=primary, sigmas=sigmas)
    shown = [*study_tables(made.report), f"picture: {output / stage.PICTURE}"]
    return Outcome(made.to_json(), shown, typed("plot", output, "-o", f"{output}-figures"))
