"""``shgae extract``."""

from __future__ import annotations

from shgae.cli.command import Outcome, beside, command, typed
from shgae.cli.options import Data, DryRun, Model, Output
from shgae.execution import Execution
from shgae.recipes import ExtractConfig


@command(
    "extract",
    example="shgae extract baseline data -o activations --dtype fp16",
    writes="""
    ACTIVATIONS/
      train/bottleneck-00000.safetensors   people, (n, 256, 4, 4)
      train/statistics.safetensors         mean, variance, negative share
      manifest.json                        shape, counts, model, stacks, hashes
    val/ and test/ equally. Several stacks: train/stack-0/, train/stack-1/ ...
    """,
    running=("device", "nproc", "deterministic", "workers", "resume", "force"),
)
def extract(
    model: Model, data: Data, output: Output, config: ExtractConfig, execution: Execution, dry_run: DryRun = False
) -> Outcome:
    """Computes the bottleneck of every crop, of one stack or of all."""
    from shgae.cli.tables import dry_run_outcome, facts_table
    from shgae.stages import extract as stage

    if dry_run:
        return dry_run_outcome(stage.dry_run(model, data, output, config, execution))
    result = stage.run(model, data, output, config, execution).to_json()
    shown = {key: result[key] for key in ("splits", "stacks", "shape", "bytes", "negative_share")}
    if result["model_stacks"] == 1:
        del shown["stacks"]
    then = ["pretrain-ae", output, "-o", beside(output, "autoencoder")]
    if len(result["stacks"]) > 1:
        first = result["stacks"][0]
        then = ["pretrain-ae", output, "--stack", first, "-o", beside(output, f"autoencoder-{first}")]
    return Outcome(result, [facts_table(shown)], typed(*then))
