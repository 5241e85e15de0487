"""``shgae evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import Outcome, beside, command, typed
from shgae.cli.inputs import File, Folder
from shgae.cli.options import Data, MaybeOutput
from shgae.execution import Execution
from shgae.recipes import EvaluateConfig

_MODELS = "Hourglasses, or JSON files of predictions (COCO results), compared side by side."
_SIGMAS = "JSON of OKS's sigmas of the joints: a list, or an object by name. Without it COCO's, of its 17 joints."
_OFFICIAL = "COCO JSON of the split's whole photos: COCO's ten numbers too, by pycocotools' own COCOeval."


@command(
    "evaluate",
    example="shgae evaluate baseline grafted finetuned data -o evaluation",
    writes="""
    EVALUATION/                 with -o only
      report.json               every score, interval and difference (--json)
      tables.md tables.tex      the same as tables
      predictions-NAME.json     COCO results, photo pixels; one file a model
      manifest.json             which models, which data, hashes
    """,
    running=("device", "nproc", "deterministic", "workers", "force"),
)
def evaluate(
    models: Annotated[
        list[Path], typer.Argument(metavar="MODEL...", help=_MODELS), Folder(("hourglass",), or_file=True)
    ],
    data: Data,
    config: EvaluateConfig,
    execution: Execution,
    output: MaybeOutput = None,
    sigmas: Annotated[Path | None, typer.Option("--sigmas", metavar="FILE", help=_SIGMAS), File("sigmas")] = None,
    official: Annotated[Path | None, typer.Option("--official", metavar="JSON", help=_OFFICIAL), File("JSON")] = None,
    per_joint: Annotated[bool, typer.Option("--per-joint", help="Tables of every joint too.")] = False,
) -> Outcome:
    """Scores models on one split: the original study's PCK and published metrics, with intervals, and every pair."""
    from shgae.reporting.evaluation import joint_tables, main_tables
    from shgae.stages import evaluate as stage

    result = stage.run(models, data, output, config, execution, sigmas, official)
    grids = main_tables(result.report) + (joint_tables(result.report) if per_joint else [])
    then = typed("plot", output, "-o", beside(output, f"{output.name}-figures")) if output else ""
    return Outcome(result.to_json(), grids, then)
