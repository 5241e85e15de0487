"""``shgae finetune``."""

from __future__ import annotations

from shgae.cli.command import command, typed
from shgae.cli.options import Data, Model, Output
from shgae.cli.outcome import Outcome
from shgae.execution import Execution
from shgae.recipes import FinetuneConfig


@command(
    "finetune",
    example="shgae finetune grafted data -o finetuned --epochs 15",
    writes="""
    RUN/
      model.safetensors        weights of the best epoch
      history.jsonl            losses and validation PCK, a line an epoch
      checkpoint.safetensors   the last state; --resume goes on from here
      manifest.json            what the network is, which model it was, hashes
    """,
    running=("device", "nproc", "deterministic", "workers", "compile", "resume", "tensorboard", "force"),
)
def finetune(model: Model, data: Data, output: Output, config: FinetuneConfig, execution: Execution) -> Outcome:
    """Trains a network further, grafted or not (the control): all of it, or one part."""
    from shgae.cli.tables import carried_table, fit_table
    from shgae.stages import finetune as stage
    from shgae.stages import info

    result = stage.run(model, data, output, config, execution).to_json()
    carried = [carried_table(result["joints"])] if "joints" in result else []
    has_test = "test" in info.run(data).facts["splits"]
    # The model it comes from has a score of its own only on the same joints.
    models = (output,) if carried else (model, output)
    then = typed("evaluate", *models, data, *(() if has_test else ("--split", "val")))
    return Outcome(result, [*carried, fit_table(result)], then)
