"""``shgae finetune``."""

from __future__ import annotations

from pathlib import Path

from shgae.cli.command import Outcome, beside, command, near, typed
from shgae.cli.fields import retyped
from shgae.cli.options import Data, Model, Output
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
    running=("device", "nproc", "deterministic", "workers", "compile", "cuda_graphs", "resume", "tensorboard", "force"),
)
def finetune(model: Model, data: Data, output: Output, config: FinetuneConfig, execution: Execution) -> Outcome:
    """Trains a network further, grafted or not (the control): all of it, or one part."""
    from shgae.artifacts.store import open_artifact
    from shgae.cli.tables import carried_table, fit_table
    from shgae.stages import finetune as stage

    result = stage.run(model, data, output, config, execution).to_json()
    carried = [carried_table(result["joints"])] if "joints" in result else []
    has_test = "test" in open_artifact(data, "data", verify=False).facts["splits"]
    # The model it comes from has a score of its own only on the same joints.
    models = (output,) if carried else (model, *_counterpart(model, output), output)
    split = () if has_test else ("--split", "val")
    scored = typed("evaluate", *models, data, *split, "-o", beside(output, "evaluation"))
    return Outcome(result, [*carried, fit_table(result)], _control(model, data, output, config) or scored)


def _control(model: Path, data: Path, output: Path, config: FinetuneConfig) -> str:
    """The equal training of the network before its graft; "" where there is none, or it is there already."""
    from shgae.models.ungrafted import ungrafted

    control, plain = output.parent / "control", ungrafted(model)
    if plain is None or config.trainable != "all" or control.exists():
        return ""
    return typed("finetune", near(plain), data, "-o", control, *retyped(config))


def _counterpart(model: Path, output: Path) -> tuple[Path, ...]:
    """The fine-tuned graft next to a control, where it lies under its usual name."""
    from shgae.models.ungrafted import is_graft_of

    tuned = output.parent / "finetuned"
    return (tuned,) if tuned != output and is_graft_of(tuned, model) else ()
