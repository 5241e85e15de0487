"""``shgae plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import OUTPUT, Outcome, command, typed
from shgae.cli.inputs import Folder
from shgae.cli.options import FromEpoch, Output
from shgae.execution import Execution

_RUNS = "Trainings (also NAME.partial, while they run), rates, analyses, evaluations and studies."


@command(
    "plot",
    section=OUTPUT,
    example="shgae plot baseline finetuned evaluation -o figures --from-epoch 10",
    writes="""
    FIGURES/                      each as .png, .svg and .pdf
      curves-pck curves-fvu       losses and score over epochs
      learning-rate               over epochs
      rate spectrum               of a rate, of an analysis
      joints radii errors         of an evaluation: joint, radius, kind
      differences code-sizes      of a study
      manifest.json               what was drawn, from which runs, hashes
    """,
    running=("stamp", "force"),
)
def plot(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help=_RUNS), Folder(or_unfinished=True)],
    output: Output,
    execution: Execution,
    from_epoch: FromEpoch = None,
) -> Outcome:
    """Plots curves over epochs, rate curves, spectra, joints, errors and differences."""
    from shgae.cli.tables import facts_table
    from shgae.stages import plot as stage

    result = stage.run(runs, output, execution, from_epoch).to_json()
    shown = {"figures": ", ".join(result["figures"]), "unfinished": ", ".join(result["unfinished"])}
    shown = {key: value for key, value in shown.items() if value}
    return Outcome(result, [facts_table(shown)], typed("verify", output))
