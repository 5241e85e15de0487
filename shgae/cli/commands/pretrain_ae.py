"""``shgae pretrain-ae``."""

from __future__ import annotations

from shgae.cli.command import Outcome, ancestor, beside, command, typed
from shgae.cli.options import Activations, Output
from shgae.execution import Execution
from shgae.recipes import AutoencoderConfig


@command(
    "pretrain-ae",
    example="shgae pretrain-ae activations -o autoencoder --code-size 50",
    writes="""
    RUN/
      model.safetensors        weights of the best epoch
      history.jsonl            losses, a line an epoch
      checkpoint.safetensors   the last state; --resume goes on from here
      manifest.json            its shape, its errors, which activations, hashes
    """,
    running=("device", "nproc", "deterministic", "workers", "compile", "cuda_graphs", "resume", "tensorboard", "force"),
)
def pretrain_ae(activations: Activations, output: Output, config: AutoencoderConfig, execution: Execution) -> Outcome:
    """Trains the autoencoder on stored bottlenecks."""
    from shgae.cli.tables import autoencoder_tables
    from shgae.stages import pretrain_ae as stage

    result = stage.run(activations, output, config, execution).to_json()
    # The last stack is where graft puts it by itself.
    is_last = result["stacks"] in ([-1], [result["model_stacks"] - 1])
    where = [] if is_last else [word for stack in result["stacks"] for word in ("--stack", stack)]
    then = typed("graft", ancestor(output, "model"), output, *where, "-o", beside(output, "grafted"))
    return Outcome(result, autoencoder_tables(result), then)
