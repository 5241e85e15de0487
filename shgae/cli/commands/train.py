"""``shgae train``."""

from __future__ import annotations

from shgae.cli.command import Outcome, beside, command, typed
from shgae.cli.options import Data, Output
from shgae.execution import Execution
from shgae.recipes import TrainConfig


@command(
    "train",
    example="shgae train data -o baseline --epochs 20 --residual newell",
    writes="""
    RUN/
      model.safetensors        weights of the best epoch
      history.jsonl            losses and validation PCK, a line an epoch
      checkpoint.safetensors   the last state; --resume goes on from here
      manifest.json            the network, its training data, hashes
    """,
    running=("device", "nproc", "deterministic", "workers", "compile", "cuda_graphs", "resume", "tensorboard", "force"),
)
def train(data: Data, output: Output, config: TrainConfig, execution: Execution) -> Outcome:
    """Trains the baseline hourglass from scratch."""
    from shgae.cli.tables import fit_table
    from shgae.stages import train as stage

    result = stage.run(data, output, config, execution).to_json()
    return Outcome(result, [fit_table(result)], typed("extract", output, data, "-o", beside(output, "activations")))
