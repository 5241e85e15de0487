"""``shgae plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import BESIDE, command, typed
from shgae.cli.options import Output
from shgae.cli.outcome import Outcome
from shgae.execution import Execution

_RUNS = "Trainings (also NAME.partial, while they run), rates, analyses, evaluations and studies."
_FROM = "First epoch of the curves' second column. [default: the last two thirds of the longest training]"


@command(
    "plot",
    section=BESIDE,
    example="shgae plot baseline finetuned evaluation -o figures --from 10",
    writes="""
    FIGURES/                      each as .png and .svg
      curves-pck curves-fvu       losses and score over epochs, of networks and of autoencoders
      learning-rate               over epochs
      rate spectrum               of a rate, of an analysis
      joints differences          of an evaluation, of a study
      manifest.json               what was drawn, from which runs, hashes
    """,
    running=("force",),
)
def plot(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help=_RUNS)],
    output: Output,
    execution: Execution,
    first: Annotated[int | None, typer.Option("--from", metavar="EPOCH", min=1, help=_FROM, show_default=False)] = None,
) -> Outcome:
    """Draws training curves of several runs, rate curves, scores of joints, and differences."""
    from shgae.cli.tables import facts_table
    from shgae.stages import plot as stage

    result = stage.run(runs, output, execution, first).to_json()
    shown = {"figures": ", ".join(result["figures"]), "unfinished": ", ".join(result["unfinished"])}
    shown = {key: value for key, value in shown.items() if value}
    return Outcome(result, [facts_table(shown)], typed("verify", output))
